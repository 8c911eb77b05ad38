"""Names of the programs' summaries."""

from __future__ import annotations

import re
from dataclasses import dataclass

PROGRAMS = ("scalib", "ssignal", "star", "superstar", "melibea")

SUMMARY_PATTERN = rf"(?P<program>{'|'.join(PROGRAMS)})(?P<run>[0-9]{{8}})?(?:_M(?P<telescope>[12]))?\.root"

_PATTERN = re.compile(SUMMARY_PATTERN, re.ASCII)


@dataclass(frozen=True)
class SummaryName:
    """Name of a program's summary of a run: ``superstar05095172.root``, ``ssignal05095172_M1.root``.

    One of all runs has no number: ``melibea.root``.
    """

    program: str
    run: int | None = None
    telescope: int | None = None

    def __post_init__(self) -> None:
        if self.program not in PROGRAMS:
            raise ValueError(f"no summary file of {self.program!r} is known")
        if (self.run is not None and not 0 <= self.run < 10**8) or self.telescope not in (None, 1, 2):
            raise ValueError(f"run {self.run} must have at most 8 digits, telescope be 1 or 2")

    def __str__(self) -> str:
        run = "" if self.run is None else f"{self.run:08d}"
        telescope = "" if self.telescope is None else f"_M{self.telescope}"
        return f"{self.program}{run}{telescope}.root"


def parse_summary(name: str) -> SummaryName | None:
    """Read the name of a summary; `None` where it is none."""
    match = _PATTERN.fullmatch(name)
    if match is None:
        return None
    run, telescope = (None if match[key] is None else int(match[key]) for key in ("run", "telescope"))
    return SummaryName(match["program"], run, telescope)
