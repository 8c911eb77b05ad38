"""The usual limits of each kind of analysis, for the keys of ``[data]`` that an analysis does not give."""

from __future__ import annotations

from dataclasses import dataclass

from automagic.analysis import Analysis
from automagic.kinds import defaults


@dataclass(frozen=True)
class Limits:
    """What ``[data]`` and the usual limits together ask of a run; units as in `automagic.analysis.sections.Data`.

    `usual` has the keys whose limits are the usual ones.
    """

    zenith: tuple[float, float]
    hv: tuple[str, ...]
    trigger: tuple[str, ...]
    nsb: tuple[float, float]
    transmission: float
    cloudiness: float
    usual: frozenset[str]


def limits(analysis: Analysis) -> Limits:
    """Return the limits that an analysis puts on its runs."""
    usual = defaults(analysis.kind)
    given = {key: getattr(analysis.data, key) for key in usual}
    values = {key: usual[key].value if value is None else value for key, value in given.items()}
    return Limits(**values, usual=frozenset(key for key, value in given.items() if value is None))
