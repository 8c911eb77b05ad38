"""``python -m automagic.science <step> --config=card.rc --ind=in/dl3 --out=out``."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

from automagic.errors import UserError
from automagic.science import REFINING, STEPS
from automagic.science.errors import DataError
from automagic.science.settings import Settings

# Threads and time zone are ours, not the machine's; numerical libraries read these when they are loaded.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ["TZ"] = "UTC"
os.environ["MPLBACKEND"] = "agg"
# A job has no home: without this matplotlib would look through all fonts of the machine each time.
if os.access(sys.prefix, os.W_OK):
    os.environ.setdefault("MPLCONFIGDIR", os.path.join(sys.prefix, "matplotlib-cache"))


def main(words: list[str] | None = None) -> int:
    """Run one step. Exit codes: 2 for a wrong card or command line, 3 where the data do not allow it, 1 else."""
    parser = argparse.ArgumentParser(prog="python -m automagic.science", description=__doc__)
    parser.add_argument("step", choices=(*STEPS, *REFINING))
    parser.add_argument("--config", type=Path, help="card; without one the default card counts")
    parser.add_argument("--ind", type=Path, required=True, help="folder of the DL3 files")
    parser.add_argument("--out", type=Path, required=True, help="folder for what is made")
    given = parser.parse_args(words)
    try:
        settings = Settings.read(given.step, given.config)
        run = importlib.import_module(f"automagic.science.{given.step}").run
        given.out.mkdir(parents=True, exist_ok=True)
        for line in run(settings, given.ind, given.out):
            print(line)
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or given.out}: {error.strerror or error}", file=sys.stderr)
        return 1
    untouched = settings.untouched()
    if untouched:
        print("Resources that nobody read:")
    for key, text in untouched.items():
        print(f"Resource untouched: {key}: {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
