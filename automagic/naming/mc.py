"""Names of files of gamma Monte Carlo."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Self

from automagic.naming.parts import LEVELS, NUMBER, PER_TELESCOPE, TAGS

MC_TELESCOPE_PATTERN = (
    rf"GA_M(?P<telescope>[12])_za(?P<low>[0-9]{{2}})to(?P<high>[0-9]{{2}})"
    rf"(?:_(?P<group>{NUMBER})_(?P<run>{NUMBER})(?:to(?P<last>{NUMBER}))?)?"
    r"_(?P<tag>Y|I)_(?P<geometry>w0|wr|wd)(?:_(?P<half>[12]))?\.root"
)
"""A file of one telescope."""

MC_STEREO_PATTERN = (
    rf"GA_za(?P<low>[0-9]{{2}})to(?P<high>[0-9]{{2}})(?:_(?P<sample>TRAIN|TEST))?"
    rf"(?:_(?P<group>{NUMBER})_(?P<run>{NUMBER})(?:to(?P<last>{NUMBER}))?)?"
    r"_(?P<tag>S|Q)_(?P<geometry>w0|wr|wd)(?:_(?P<half>[12]))?\.root"
)
"""A file of both telescopes."""

GEOMETRIES = ("w0", "wr", "wd")
_PATTERNS = tuple(re.compile(pattern, re.ASCII) for pattern in (MC_TELESCOPE_PATTERN, MC_STEREO_PATTERN))


@dataclass(frozen=True)
class McName:
    """Name of a file of gamma Monte Carlo.

    Attributes
    ----------
    zenith
        Zenith range in degrees.
    level
        ``"calibrated"``, ``"star"``, ``"superstar"`` or ``"melibea"``.
    geometry
        ``"w0"``: point-like at 0.4°; ``"wr"``: ring at 0.4°; ``"wd"``: diffuse (openmars' own tag).
    group, run, last
        The number after the zenith range, whose meaning is not public, and the run or range of runs.
        All `None` for a file of a whole set.
    telescope
        Only at the levels ``"calibrated"`` and ``"star"``.
    half
        1 for the training half, 2 for the test half, `None` before ``selectmc``.
    sample
        ``"TRAIN"`` or ``"TEST"`` where a joined file has the word in its name.

    Examples
    --------
    >>> from automagic.naming import parse
    >>> name = parse("GA_za05to35_8_1743990to1745989_S_wr_2.root")
    >>> name.zenith, name.run, name.last, name.geometry, name.half
    ((5, 35), 1743990, 1745989, 'wr', 2)
    >>> parse("GA_za05to35_TRAIN_S_wr.root").training
    True
    """

    zenith: tuple[int, int]
    level: str
    geometry: str
    group: int | None = None
    run: int | None = None
    last: int | None = None
    telescope: int | None = None
    half: int | None = None
    sample: str | None = None

    def __post_init__(self) -> None:
        if self.level not in ("calibrated", "star", "superstar", "melibea"):
            raise ValueError(f"Monte Carlo has no level {self.level!r}")
        if self.geometry not in GEOMETRIES:
            raise ValueError(f"no Monte Carlo geometry {self.geometry!r}; there are {', '.join(GEOMETRIES)}")
        if not 0 <= self.zenith[0] < self.zenith[1] <= 99:
            raise ValueError(f"zenith range {self.zenith} must rise within 0 to 99")
        if (self.group is None) != (self.run is None) or (self.last is not None and self.run is None):
            raise ValueError("give both group and run, or neither")
        if (self.level in PER_TELESCOPE) != (self.telescope in (1, 2)):
            raise ValueError("Monte Carlo has a telescope (1 or 2) at the levels calibrated and star only")
        numbers = [number for number in (self.group, self.run, self.last) if number is not None]
        if self.half not in (None, 1, 2) or any(not 0 <= number < 10**9 for number in numbers):
            raise ValueError("half is 1 or 2, and numbers have at most 9 digits")
        if self.sample not in (None, "TRAIN", "TEST") or (self.sample is not None and self.telescope is not None):
            raise ValueError("the sample is TRAIN or TEST, and only names of both telescopes have it")

    def __str__(self) -> str:
        telescope = "" if self.telescope is None else f"M{self.telescope}_"
        sample = "" if self.sample is None else f"_{self.sample}"
        last = "" if self.last is None else f"to{self.last}"
        number = "" if self.run is None else f"_{self.group}_{self.run}{last}"
        half = "" if self.half is None else f"_{self.half}"
        low, high = self.zenith
        return f"GA_{telescope}za{low:02d}to{high:02d}{sample}{number}_{TAGS[self.level]}_{self.geometry}{half}.root"

    def at(self, level: str) -> Self:
        """Return the name of the same Monte Carlo at another level, without telescope where that has none."""
        return replace(self, level=level, telescope=self.telescope if level in PER_TELESCOPE else None)

    @property
    def set(self) -> str:
        """The set that the file belongs to, e.g. ``"GA_za05to35_w0"``."""
        return f"GA_za{self.zenith[0]:02d}to{self.zenith[1]:02d}_{self.geometry}"

    @property
    def training(self) -> bool | None:
        """Whether the file is for training (or for test), as far as the name tells."""
        if self.half is not None:
            return self.half == 1
        return None if self.sample is None else self.sample == "TRAIN"


def parse_mc(name: str) -> McName | None:
    """Read the name of a file of Monte Carlo; `None` where it is nothing like one.

    Raises
    ------
    ValueError
        Where it is like one, but cannot be: a zenith range that falls.
    """
    for pattern in _PATTERNS:
        if match := pattern.fullmatch(name):
            found = match.groupdict()
            group, run, last, telescope, half = (
                None if found.get(key) is None else int(found[key])
                for key in ("group", "run", "last", "telescope", "half")
            )
            return McName(
                zenith=(int(found["low"]), int(found["high"])),
                level=LEVELS[found["tag"], ".root"],
                geometry=found["geometry"],
                group=group,
                run=run,
                last=last,
                telescope=telescope,
                half=half,
                sample=found.get("sample"),
            )
    return None
