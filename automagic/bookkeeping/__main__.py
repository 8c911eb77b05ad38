"""``python -m automagic.bookkeeping FOLDER [--live]``: make the catalog of an analysis anew."""

from __future__ import annotations

import sys
from pathlib import Path

from automagic.bookkeeping import Folder, catalog

if __name__ == "__main__":
    catalog.rebuild(Folder(Path(sys.argv[1])), live="--live" in sys.argv[2:])
