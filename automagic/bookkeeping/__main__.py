"""``python -m automagic.bookkeeping FOLDER [--live] [--lifeline]``: make the catalog of an analysis anew.

With ``--lifeline`` it is a driver's: it ends where its standard input does, with the process that started it, and
brings new hashes and events into their tables before. With ``--live`` the driver goes on meanwhile, and comes first.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from automagic.bookkeeping import Folder, catalog, columns, hashes


def end_with(descriptor: int) -> None:
    """End this process when nothing can come from a descriptor any more."""

    def wait() -> None:
        while os.read(descriptor, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    folder, live = Folder(Path(sys.argv[1])), "--live" in sys.argv[2:]
    if "--lifeline" in sys.argv[2:]:
        end_with(0)
        if live:
            os.nice(10)
        else:
            hashes.settle(folder.hashes)
            columns.settle(folder)
    catalog.rebuild(folder, live)
