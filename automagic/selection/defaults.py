"""The usual limits of each kind of analysis, for the keys of ``[data]`` that an analysis does not give."""

from __future__ import annotations

from dataclasses import dataclass

from automagic.analysis import Analysis
from automagic.analysis.atmosphere import LIDAR_LIMIT
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


def limits(analysis: Analysis, *, off: bool = False) -> Limits:
    """Return the limits that an analysis puts on its runs, or on its off runs.

    Where haze is corrected for, hazier runs may be taken; not off runs, as nothing corrects the images that models are
    trained with.
    """
    usual = defaults(analysis.kind)
    corrected = analysis.atmosphere.correct == "lidar"
    if corrected and not off:
        usual[LIDAR_LIMIT.key] = LIDAR_LIMIT
    given = {key: getattr(analysis.data, key) for key in usual}
    if corrected and off:
        given[LIDAR_LIMIT.key] = None
    values = {key: usual[key].value if value is None else value for key, value in given.items()}
    return Limits(**values, usual=frozenset(key for key, value in given.items() if value is None))
