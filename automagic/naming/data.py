"""Names of files of observations."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Self

from automagic.naming.parts import (
    DAQ,
    EXTENSION,
    LEVELS,
    PER_TELESCOPE,
    RAW_EXTENSIONS,
    SOURCE,
    TAGS,
    WOBBLE,
    check_night,
    check_source,
    wobble,
)

SUBRUN_PATTERN = (
    r"(?P<night>[0-9]{8})_M(?P<telescope>[12])_(?P<run>[0-9]{8})\.(?P<subrun>[0-9]{3})_(?P<tag>[DPCLNYI])"
    rf"_(?P<source>{SOURCE}?)(?:-(?P<wobble>{WOBBLE}))?(?P<extension>\.root|\.rep|\.raw|\.raw\.gz)"
)
"""A file of one telescope and subrun. The wobble position is read from the right: sources have signs themselves."""

RUN_PATTERN = (
    r"(?P<night>[0-9]{8})_(?P<run>[0-9]{8})_(?P<tag>S|Q|DL3)"
    rf"_(?P<source>{SOURCE}?)(?:-(?P<wobble>{WOBBLE}))?(?P<extension>\.root|\.fits)"
)
"""A file of a whole run and both telescopes."""

_SUBRUN = re.compile(SUBRUN_PATTERN, re.ASCII)
_RUN = re.compile(RUN_PATTERN, re.ASCII)


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
    extension
        Empty for the level's own; only files of the data acquisition may have another (`RAW_EXTENSIONS`).

    Examples
    --------
    >>> from automagic.naming import parse
    >>> name = parse("20210314_M1_05095172.001_Y_CrabNebula-W0.40+035.root")
    >>> name.run, name.telescope, name.subrun, name.source
    (5095172, 1, 1, 'CrabNebula')
    >>> str(name.at("star"))
    '20210314_M1_05095172.001_I_CrabNebula-W0.40+035.root'
    >>> str(name.at("report"))
    '20210314_M1_05095172.001_D_CrabNebula-W0.40+035.rep'
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
    extension: str = ""

    def __post_init__(self) -> None:
        if self.level not in TAGS:
            raise ValueError(f"no data level {self.level!r}; there are {', '.join(TAGS)}")
        check_night(self.night)
        if not 0 <= self.run < 10**8:
            raise ValueError(f"run {self.run} must have at most 8 digits")
        check_source(self.source)
        if self.wobble is not None:
            wobble(self.wobble)
        if self.level in PER_TELESCOPE:
            if self.telescope not in (1, 2) or self.subrun is None or not 0 <= self.subrun <= 999:
                raise ValueError(f"a {self.level} file needs a telescope (1 or 2) and a subrun (0 to 999)")
        elif self.telescope is not None or self.subrun is not None:
            raise ValueError(f"a {self.level} file is of a whole run and both telescopes")
        if self.extension and (self.level not in DAQ or self.extension not in RAW_EXTENSIONS):
            raise ValueError(f"a {self.level} file has no extension {self.extension!r}")

    def __str__(self) -> str:
        telescope = "" if self.telescope is None else f"M{self.telescope}_"
        subrun = "" if self.subrun is None else f".{self.subrun:03d}"
        position = "" if self.wobble is None else f"-{self.wobble}"
        extension = self.extension or EXTENSION.get(self.level, ".root")
        number = f"{self.night}_{telescope}{self.run:08d}{subrun}"
        return f"{number}_{TAGS[self.level]}_{self.source}{position}{extension}"

    @property
    def date(self) -> str:
        """Date of the night, ``YYYY-MM-DD``."""
        return f"{self.night[:4]}-{self.night[4:6]}-{self.night[6:]}"

    def at(self, level: str) -> Self:
        """Return the name of the same data at another level, which may have no telescope and subrun."""
        if level in PER_TELESCOPE:
            return replace(self, level=level, extension="")
        return replace(self, level=level, telescope=None, subrun=None, extension="")


def parse_data(name: str) -> DataName | None:
    """Read the name of a file of observations; `None` where it is nothing like one.

    Raises
    ------
    ValueError
        Where it is like one, but cannot be: no such day, a source that ends like a wobble position.
    """
    if match := _SUBRUN.fullmatch(name):
        telescope, subrun = int(match["telescope"]), int(match["subrun"])
    elif match := _RUN.fullmatch(name):
        telescope, subrun = None, None
    else:
        return None
    extension = match["extension"]
    level = LEVELS.get((match["tag"], extension))
    if level is None:
        raise ValueError(f"a file with the tag _{match['tag']}_ has no extension {extension}")
    return DataName(
        night=match["night"],
        run=int(match["run"]),
        level=level,
        source=match["source"],
        wobble=match["wobble"],
        telescope=telescope,
        subrun=subrun,
        extension=extension if extension in RAW_EXTENSIONS else "",
    )
