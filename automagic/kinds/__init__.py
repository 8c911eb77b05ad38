"""The kinds of analysis, one file each: what limits, cards, Monte Carlo and steps they have."""

from automagic.kinds.base import Default, Kind, Values
from automagic.kinds.diffuse import DIFFUSE
from automagic.kinds.mataju import MATAJU, MATAJU_SUMT
from automagic.kinds.moon import MOON
from automagic.kinds.standard import STANDARD

__all__ = ["KINDS", "Default", "Kind", "Values", "defaults"]

KINDS: dict[str, Kind] = {each.name: each for each in (STANDARD, MOON, MATAJU, MATAJU_SUMT, DIFFUSE)}
"""All of them by name."""


def defaults(kind: str) -> dict[str, Default]:
    """Return the usual limits of a kind of analysis by key.

    Examples
    --------
    >>> defaults("standard")["cloudiness"].value, defaults("mataju-sumt")["trigger"].value
    (45.0, ('sumt',))
    """
    return {each.key: each for each in (*STANDARD.limits, *KINDS[kind].limits)}
