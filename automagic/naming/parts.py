"""What names are made of: levels and their tags, sources, wobble positions, nights."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

TAGS = {
    "raw": "D",
    "pedestal": "P",
    "calibration": "C",
    "domino": "L",
    "linearity": "N",
    "report": "D",
    "calibrated": "Y",
    "star": "I",
    "superstar": "S",
    "melibea": "Q",
    "dl3": "DL3",
}
"""Data level and the tag that stands for it in a name. A raw file and its report differ only by their extension."""

EXTENSION = {"report": ".rep", "dl3": ".fits"}
"""Extension of a level's files where it is not ``.root``."""

RAW_EXTENSIONS = (".raw", ".raw.gz")
"""Other extensions that a name of the DAQ's levels may have. MAGIC's own are not public: these are inferred."""

PER_TELESCOPE = frozenset({"raw", "pedestal", "calibration", "domino", "linearity", "report", "calibrated", "star"})
"""Levels that have one file a telescope and subrun; the later ones have one a run."""

DAQ = ("raw", "pedestal", "calibration", "domino", "linearity")
"""Levels that the data acquisition writes."""

LEVELS = {
    **{(TAGS[level], extension): level for level in DAQ for extension in (".root", *RAW_EXTENSIONS)},
    **{(tag, EXTENSION.get(level, ".root")): level for level, tag in TAGS.items()},
}
"""Level of a name's tag and extension; a pair that is not here is no name."""

SOURCE = r"[A-Za-z0-9][A-Za-z0-9+_.\-]*"
WOBBLE = r"W[0-9]\.[0-9]{2}[+-][0-9]{3}"
NUMBER = r"(?:0|[1-9][0-9]{0,8})"

_SOURCE = re.compile(SOURCE, re.ASCII)
_WOBBLE = re.compile(r"W(?P<offset>[0-9]\.[0-9]{2})(?P<angle>[+-][0-9]{3})", re.ASCII)
_WOBBLED = re.compile(rf"-{WOBBLE}$", re.ASCII)


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
    if _WOBBLED.search(name):
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


@lru_cache(maxsize=4096)
def check_night(night: str) -> str:
    """Return a night ``YYYYMMDD`` if there is such a day.

    Raises
    ------
    ValueError
        Where there is none.

    Examples
    --------
    >>> check_night("20131005")
    '20131005'
    """
    if not re.fullmatch(r"[0-9]{8}", night, re.ASCII):
        raise ValueError(f"night {night!r} must be YYYYMMDD")
    try:
        date(int(night[:4]), int(night[4:6]), int(night[6:]))
    except ValueError:
        raise ValueError(f"there is no day {night[:4]}-{night[4:6]}-{night[6:]}") from None
    return night
