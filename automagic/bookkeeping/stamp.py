"""The time in the name of a journal, by which journals are sorted."""

from __future__ import annotations

import time
from calendar import timegm
from pathlib import Path

FORM = "%Y%m%dT%H%M%SZ"


def next_stamp(folder: Path) -> str:
    """Return the time (UTC) for the name of a new journal: later than those of all that are there.

    Drivers run one after the other, but not all on one host, and clocks differ.
    """
    now = time.strftime(FORM, time.gmtime())
    last = max((path.name.partition("-")[0] for path in folder.glob("*-*.jsonl")), default="")
    if now > last:
        return now
    try:
        return time.strftime(FORM, time.gmtime(timegm(time.strptime(last, FORM)) + 1))
    except ValueError:
        return now
