"""``python job.pyz SPEC [--lifeline=FD]``: run one job.

Exit codes: 0 done, 1 failed (the receipt says why), 130 cancelled, 2 wrong use. With a lifeline, a descriptor that
reads end-of-file when the driver is gone, the job ends with the driver.
"""

from __future__ import annotations

import json
import os
import sys

from automagic.job.spec import Cancelled
from automagic.job.work import Job

CODES = {"done": 0, "failed": 1, "cancelled": 130}


def main(argv: list[str]) -> int:
    """Run the job that a spec file describes."""
    words = [word for word in argv if not word.startswith("--lifeline=")]
    if len(words) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    lifeline = next((int(word.partition("=")[2]) for word in argv if word not in words), None)
    if lifeline is not None:
        os.set_inheritable(lifeline, False)
        os.set_blocking(lifeline, False)
    with open(words[0], encoding="utf-8") as file:
        spec = json.load(file)
    try:
        end = Job(spec, lifeline).run()
    except Cancelled:
        return CODES["cancelled"]
    if end.get("reason"):
        try:
            print(f"job: {end['reason']}", file=sys.stderr, flush=True)
        except OSError:  # the disk is full; the receipt, or that there is none, tells enough
            sys.stderr = None
    return CODES[end["state"]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
