"""``[[sources]]`` of ``analysis.toml``: a catalogue, one analysis of many sources."""

from __future__ import annotations

import math
from typing import Any, Protocol

SAME_DEG = 0.02
"""Two sources nearer to each other than this are one: a fifth of MAGIC's angular resolution (Aleksic et al. 2016)."""


class _Placed(Protocol):
    name: str
    ra: float
    dec: float


def no_doubles(given: Any) -> Any:
    """Refuse a list that has a name or a place twice.

    Raises
    ------
    ValueError
        Naming both.
    """
    seen: dict[str, _Placed] = {}
    for each in given:
        if each.name.lower() in seen:
            raise ValueError(f"{each.name} is there twice")
        for other in seen.values():
            if apart(each, other) < SAME_DEG:
                raise ValueError(f"{other.name} and {each.name} are at the same place")
        seen[each.name.lower()] = each
    return given


def apart(one: _Placed, other: _Placed) -> float:
    """Return the angle between two sources in degrees, good for small ones.

    Examples
    --------
    >>> from types import SimpleNamespace as Place
    >>> round(apart(Place(ra=359.99, dec=60.0), Place(ra=0.01, dec=60.0)), 4)
    0.01
    """
    dec = math.radians((one.dec + other.dec) / 2)
    ra = (one.ra - other.ra + 180) % 360 - 180
    return math.hypot(ra * math.cos(dec), one.dec - other.dec)


def one_or_several(source: Any, sources: Any, data: Any, with_flux: bool) -> None:
    """Refuse a document that has neither one source nor several, or both.

    Raises
    ------
    ValueError
        Saying what to do.
    """
    if source is None and not sources:
        raise ValueError("the key 'source' is missing: write [source], or for a catalogue [[sources]]")
    if source is not None and sources:
        raise ValueError("there are both [source] and [[sources]]; put the source into the list, or leave the list out")
    if sources and data.source is not None:
        raise ValueError(
            "data.source goes with [source] alone: each of [[sources]] has the name that its files have; "
            "data.cone takes runs by their place"
        )
    if with_flux and not sources:
        raise ValueError("[flux] goes with [[sources]]; for one source there are [spectrum] and [lightcurve]")
