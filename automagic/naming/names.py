"""The patterns of MAGIC's file names, as public readers and documentation use them.

Sources: the regular expressions of ctapipe_io_magic, magic-cta-pipe and lstosa, the data of joint-crab and
gammapy-data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Self

TAGS = {"report": "D", "calibrated": "Y", "star": "I", "superstar": "S", "melibea": "Q", "dl3": "DL3"}
"""Data level and the tag that stands for it in a name. Of raw files only the reports' extension is public."""

LEVELS = {tag: level for level, tag in TAGS.items()}
"""The other way round."""

EXTENSION = {"report": ".rep", "dl3": ".fits"}
"""Extension of a level's files where it is not ``.root``."""

PER_TELESCOPE = frozenset({"report", "calibrated", "star"})
"""Levels that have one file a telescope and subrun; the later ones have one a run."""

_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+_.\-]*", re.ASCII)
_WOBBLE = re.compile(r"W(?P<offset>[0-9]\.[0-9]{2})(?P<angle>[+-][0-9]{3})", re.ASCII)
_DATA = re.compile(
    r"(?P<night>[0-9]{8})_(?:M(?P<telescope>[12])_)?(?P<run>[0-9]{8})(?:\.(?P<subrun>[0-9]{3}))?"
    r"_(?P<tag>D|Y|I|S|Q|DL3)_(?P<source>.+?)(?:-(?P<wobble>W[0-9]\.[0-9]{2}[+-][0-9]{3}))?(?P<extension>\.root|\.rep|\.fits)",
    re.ASCII,
)
_MC = re.compile(
    r"GA_(?:M(?P<telescope>[12])_)?za(?P<low>[0-9]{2})to(?P<high>[0-9]{2})(?:_(?P<group>[0-9]+)_(?P<run>[0-9]+)(?:to(?P<last>[0-9]+))?)?"
    r"_(?P<tag>Y|I|S|Q)_(?P<geometry>w0|wr|wd)(?:_(?P<half>[12]))?\.root",
    re.ASCII,
)
_SUMMARY = re.compile(
    r"(?P<program>ssignal|scalib|superstar|star|melibea)(?P<run>[0-9]{8})(?:_M(?P<telescope>[12]))?\.root",
    re.ASCII,
)


def check_source(name: str) -> str:
    """Return a source's name if it can stand in a file name.

    Parameters
    ----------
    name
        Letters, digits and ``+ - _ .``, beginning with a letter or digit, at most 79 characters
        (``MRawRunHeader.fSourceName`` holds 80 with its end). It must not end like a wobble position.

    Raises
    ------
    ValueError
        Where it cannot; the message says why.

    Examples
    --------
    >>> check_source("1ES0806+524")
    '1ES0806+524'
    """
    if not _SOURCE.fullmatch(name) or len(name) > 79:
        raise ValueError(
            f"{name!r} cannot stand in a file name: use letters, digits and + - _ . "
            "(first a letter or digit, at most 79 characters)"
        )
    if re.search(r"-W[0-9]\.[0-9]{2}[+-][0-9]{3}$", name):
        raise ValueError(f"{name!r} ends like a wobble position; give the source's name alone")
    return name


def wobble(text: str) -> tuple[float, int]:
    """Offset and angle of a wobble position in degrees.

    Examples
    --------
    >>> wobble("W0.40+035")
    (0.4, 35)
    """
    match = _WOBBLE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no wobble position like 'W0.40+035'")
    return float(match["offset"]), int(match["angle"])


@dataclass(frozen=True)
class DataName:
    """Name of a file of observations.

    Attributes
    ----------
    night
        Date of the sunrise that ends the night, ``YYYYMMDD``.
    run
        Run number; eight digits in the name.
    level
        A key of `TAGS`.
    source
        The source as MAGIC names it.
    wobble
        Wobble position such as ``"W0.40+035"`` (0.40° off at 35°), or `None` for a file without.
    telescope, subrun
        Only at the levels in `PER_TELESCOPE`.

    Examples
    --------
    >>> name = parse("20210314_M1_05095172.001_Y_CrabNebula-W0.40+035.root")
    >>> name.run, name.telescope, name.subrun, name.source
    (5095172, 1, 1, 'CrabNebula')
    >>> str(name.at("star"))
    '20210314_M1_05095172.001_I_CrabNebula-W0.40+035.root'
    >>> str(name.at("dl3"))
    '20210314_05095172_DL3_CrabNebula-W0.40+035.fits'
    """

    night: str
    run: int
    level: str
    source: str
    wobble: str | None = None
    telescope: int | None = None
    subrun: int | None = None

    def __post_init__(self) -> None:
        if self.level not in TAGS:
            raise ValueError(f"no data level {self.level!r}; there are {', '.join(TAGS)}")
        if not re.fullmatch(r"[0-9]{8}", self.night, re.ASCII) or not 0 <= self.run < 10**8:
            raise ValueError(f"night {self.night!r} must be YYYYMMDD and run {self.run} have at most 8 digits")
        check_source(self.source)
        if self.wobble is not None:
            wobble(self.wobble)
        if self.level in PER_TELESCOPE:
            if self.telescope not in (1, 2) or self.subrun is None or not 0 <= self.subrun <= 999:
                raise ValueError(f"a {self.level} file needs a telescope (1 or 2) and a subrun (0 to 999)")
        elif self.telescope is not None or self.subrun is not None:
            raise ValueError(f"a {self.level} file is of a whole run and both telescopes")

    def __str__(self) -> str:
        telescope = "" if self.telescope is None else f"M{self.telescope}_"
        subrun = "" if self.subrun is None else f".{self.subrun:03d}"
        position = "" if self.wobble is None else f"-{self.wobble}"
        extension = EXTENSION.get(self.level, ".root")
        number = f"{self.night}_{telescope}{self.run:08d}{subrun}"
        return f"{number}_{TAGS[self.level]}_{self.source}{position}{extension}"

    def at(self, level: str) -> Self:
        """Return the name of the same data at another level, which may have no telescope and subrun."""
        if level in PER_TELESCOPE:
            return replace(self, level=level)
        return replace(self, level=level, telescope=None, subrun=None)


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

    Examples
    --------
    >>> name = parse("GA_za05to35_8_1743990to1745989_S_wr_2.root")
    >>> name.zenith, name.run, name.last, name.geometry, name.half
    ((5, 35), 1743990, 1745989, 'wr', 2)
    """

    zenith: tuple[int, int]
    level: str
    geometry: str
    group: int | None = None
    run: int | None = None
    last: int | None = None
    telescope: int | None = None
    half: int | None = None

    def __post_init__(self) -> None:
        if self.level not in ("calibrated", "star", "superstar", "melibea"):
            raise ValueError(f"Monte Carlo has no level {self.level!r}")
        if self.geometry not in ("w0", "wr", "wd"):
            raise ValueError(f"no Monte Carlo geometry {self.geometry!r}; there are w0, wr, wd")
        if not 0 <= self.zenith[0] < self.zenith[1] <= 99:
            raise ValueError(f"zenith range {self.zenith} must rise within 0 to 99")
        if (self.group is None) != (self.run is None) or (self.last is not None and self.run is None):
            raise ValueError("give both group and run, or neither")
        if (self.level in PER_TELESCOPE) != (self.telescope in (1, 2)):
            raise ValueError("Monte Carlo has a telescope (1 or 2) at the levels calibrated and star only")
        if self.half not in (None, 1, 2) or min(self.group or 0, self.run or 0, self.last or 0) < 0:
            raise ValueError("half is 1 or 2, and numbers are not negative")

    def __str__(self) -> str:
        telescope = "" if self.telescope is None else f"M{self.telescope}_"
        last = "" if self.last is None else f"to{self.last}"
        number = "" if self.run is None else f"_{self.group}_{self.run}{last}"
        half = "" if self.half is None else f"_{self.half}"
        low, high = self.zenith
        return f"GA_{telescope}za{low:02d}to{high:02d}{number}_{TAGS[self.level]}_{self.geometry}{half}.root"

    def at(self, level: str) -> Self:
        """Return the name of the same Monte Carlo at another level, without telescope where that has none."""
        return replace(self, level=level, telescope=self.telescope if level in PER_TELESCOPE else None)

    @property
    def set(self) -> str:
        """The set that the file belongs to, e.g. ``"GA_za05to35_w0"``."""
        return f"GA_za{self.zenith[0]:02d}to{self.zenith[1]:02d}_{self.geometry}"


@dataclass(frozen=True)
class SummaryName:
    """Name of a program's summary of a run: ``superstar05095172.root``, ``ssignal05095172_M1.root``."""

    program: str
    run: int
    telescope: int | None = None

    def __post_init__(self) -> None:
        if self.program not in ("ssignal", "scalib", "star", "superstar", "melibea"):
            raise ValueError(f"no summary file of {self.program!r} is known")
        if not 0 <= self.run < 10**8 or self.telescope not in (None, 1, 2):
            raise ValueError(f"run {self.run} must have at most 8 digits, telescope be 1 or 2")

    def __str__(self) -> str:
        telescope = "" if self.telescope is None else f"_M{self.telescope}"
        return f"{self.program}{self.run:08d}{telescope}.root"


def parse(name: str) -> DataName | McName | SummaryName:
    """Read a file name.

    Parameters
    ----------
    name
        The name without its folder.

    Returns
    -------
    DataName, McName or SummaryName
        Such that ``str`` of it is `name` again.

    Raises
    ------
    ValueError
        Where it is none of MAGIC's names.

    Examples
    --------
    >>> parse("20201119_M1_05093711.001_Y_1ES1218+304-W0.40+000.root").source
    '1ES1218+304'
    """
    result = _parse(name)
    if result is None or str(result) != name:
        raise ValueError(f"{name!r} is not a MAGIC file name")
    return result


def _parse(name: str) -> DataName | McName | SummaryName | None:
    def number(text: str | None) -> int | None:
        return None if text is None else int(text)

    if m := _DATA.fullmatch(name):
        return DataName(
            night=m["night"],
            run=int(m["run"]),
            level=LEVELS[m["tag"]],
            source=m["source"],
            wobble=m["wobble"],
            telescope=number(m["telescope"]),
            subrun=number(m["subrun"]),
        )
    if m := _MC.fullmatch(name):
        return McName(
            zenith=(int(m["low"]), int(m["high"])),
            level=LEVELS[m["tag"]],
            geometry=m["geometry"],
            group=number(m["group"]),
            run=number(m["run"]),
            last=number(m["last"]),
            telescope=number(m["telescope"]),
            half=number(m["half"]),
        )
    if m := _SUMMARY.fullmatch(name):
        return SummaryName(program=m["program"], run=int(m["run"]), telescope=number(m["telescope"]))
    return None
