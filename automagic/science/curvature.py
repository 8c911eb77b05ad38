"""Errors of a fit from how much -2 ln L rises a standard deviation away, not from its slope next to the best place.

The likelihood of a source in maps has small steps where it crosses from pixel to pixel, and Minuit's derivatives, taken
over a small part of one, see them: its errors of the two coordinates of a point differed by a factor of two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ROUNDS = 12
"""So often the steps are adapted, until -2 ln L rises by about 1."""
NEAR = (0.5, 2.0)
"""Rises that are near enough to 1."""


def covariance(value: Callable[[Any], float], best: Any, steps: Any, low: Any, high: Any) -> Any | None:
    """Return the covariance at the minimum of -2 ln L.

    Parameters
    ----------
    value
        -2 ln L of an array of parameters.
    best
        Where it is least.
    steps
        About the standard deviations, to start from; above 0.
    low, high
        Limits of the parameters; no step goes beyond them.

    Returns
    -------
    ndarray or None
        Of parameters that have no room for a step the variance is 0. `None` where the curvature has no inverse.

    Examples
    --------
    >>> import numpy as np
    >>> true = np.array([[0.04, 0.01], [0.01, 0.09]])
    >>> def parabola(x):
    ...     return float(x @ np.linalg.inv(true) @ x)
    >>> wide = np.full(2, 9.0)
    >>> covariance(parabola, np.zeros(2), np.array([1.0, 0.01]), -wide, wide).round(6).tolist()
    [[0.04, 0.01], [0.01, 0.09]]
    """
    import numpy as np

    best = np.asarray(best, float)
    least, size = value(best), len(best)
    unit = np.eye(size)
    room = np.minimum(best - low, high - best)
    step = np.array([_step(value, best, unit[i], least, min(steps[i], room[i]), room[i]) for i in range(size)])
    free = np.flatnonzero(step > 0)
    curve = np.zeros((len(free), len(free)))
    for a, i in enumerate(free):
        one = step[i] * unit[i]
        curve[a, a] = (value(best + one) + value(best - one) - 2 * least) / step[i] ** 2
        for b, j in enumerate(free[:a]):
            two = step[j] * unit[j]
            same = value(best + one + two) + value(best - one - two)
            other = value(best + one - two) + value(best - one + two)
            curve[a, b] = curve[b, a] = (same - other) / (4 * step[i] * step[j])
    value(best)
    if not len(free) or not np.all(np.linalg.eigvalsh(curve) > 0):
        return None
    full = np.zeros((size, size))
    full[np.ix_(free, free)] = 2 * np.linalg.inv(curve)
    return full


def _step(value: Callable[[Any], float], best: Any, along: Any, least: float, start: float, room: float) -> float:
    """Return a step at which -2 ln L rises by about 1 on both sides in the mean; 0 where there is no room for one."""
    step = start
    for _ in range(ROUNDS):
        rise = (value(best + step * along) + value(best - step * along)) / 2 - least
        if NEAR[0] < rise < NEAR[1]:
            return step
        if rise < NEAR[0] and step >= room:
            return 0.0
        factor = rise**-0.5 if rise > 0 else 4.0
        step = min(step * min(max(factor, 0.25), 4.0), room)
    return 0.0


def improve(data: Any, frozen: tuple[str, ...] = ()) -> Any:
    """Set errors and covariance of the models of fitted datasets; where that cannot be done they stay as they are.

    Parameters
    ----------
    data
        `gammapy.datasets.MapDataset` with its models, fitted.
    frozen
        Names of parameters that are kept: their errors stay.
    """
    import numpy as np

    models = data.models
    free = [each for each in models.parameters.free_parameters if each.name not in frozen]
    best = np.array([each.value for each in free])

    def value(numbers: Any) -> float:
        for each, number in zip(free, numbers, strict=True):
            each.value = number
        return float(data.stat_sum())

    steps = np.array([each.error if each.error > 0 else 0.01 * abs(each.value) + 1e-3 for each in free])
    low, high = (np.array([np.nan_to_num(getattr(each, end), nan=sign * np.inf) for each in free])
                 for end, sign in (("min", -1), ("max", 1)))  # fmt: skip
    found = covariance(value, best, steps, low, high)
    value(best)
    if found is None:
        return
    whole = models.covariance
    matrix = whole.data.copy()
    place = [next(i for i, each in enumerate(whole.parameters) if each is one) for one in free]
    known = [i for i in range(len(free)) if found[i, i] > 0]
    spot = [place[i] for i in known]
    matrix[spot, :] = 0.0
    matrix[:, spot] = 0.0
    matrix[np.ix_(spot, spot)] = found[np.ix_(known, known)]
    models.covariance = matrix
