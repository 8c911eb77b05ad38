"""Brightness against time: the median current of the reports, thinned, as one text of the index."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

STEP_DAYS = 60 / 86_400
"""One value a minute is kept: the median."""

Track = tuple[tuple[float, float], ...]


def track_text(times: list[float], values: list[float]) -> str | None:
    """Return moments (MJD) and currents (nA) as text; `None` where they do not belong together.

    Examples
    --------
    >>> track_text([56570.0, 56570.0001, 56570.01], [1100.0, 1120.0, 1300.0])
    '56570.000050:1110.0;56570.010000:1300.0'
    """
    if not times or len(times) != len(values):
        return None
    return ";".join(f"{time:.6f}:{value:.1f}" for time, value in _thinned(zip(times, values, strict=True)))


def track_of(text: str | None) -> Track:
    """Return what `track_text` wrote, also of several files one after the other; of both telescopes the median.

    Examples
    --------
    >>> track_of("56570.01:1300.0;56570.0:1100.0;56570.01:1320.0")
    ((56570.0, 1100.0), (56570.01, 1310.0))
    """
    pairs = [each.split(":") for each in (text or "").split(";") if each]
    return tuple(_thinned((float(time), float(value)) for time, value in pairs))


def _thinned(pairs: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the mean time and median value of each minute, counted from the first moment."""
    bins: dict[int, list[tuple[float, float]]] = {}
    first: float | None = None
    for time, value in sorted(pairs):
        first = time if first is None else first
        bins.setdefault(int((time - first) / STEP_DAYS + 1e-6), []).append((time, value))
    return [(round(sum(t for t, _ in each) / len(each), 6), median(v for _, v in each)) for each in bins.values()]
