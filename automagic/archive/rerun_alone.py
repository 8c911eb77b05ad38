#!/usr/bin/env python3
"""Run this archive again, and compare every product: ``python3 rerun.py --into DIR [--inputs ROOT]``.

Needs Python 3.9 or later, and Apptainer; nothing else. ``--help`` tells all.
"""

import pathlib
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here / "job.pyz"))

from automagic.job.rerun import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], here))
