"""Cuts in hadronness and θ², from the efficiency that they shall have on Monte Carlo gamma rays.

As flute and magic_dl3 do it (values from magic-cta-pipe's ``effective_area_melibea.py`` and flute's
options): in bins of estimated energy, on the grid of a histogram, within an allowed range; a bin with fewer
than ten gamma rays takes the cut of the bin before it. What MARS does for bins before the first filled one
is not public: here they take its cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MIN_EVENTS = 10
HADRONNESS_BINS = 4080
"""Number as in flute; that they go from -0.01 to 1.01, in steps of 0.00025, is our own choice."""
HADRONNESS_EDGES = np.linspace(-0.01, 1.01, HADRONNESS_BINS + 1)
THETA2_EDGES = np.linspace(0.0, 0.4, 41)
"""40 bins of θ², deg²; that the real DL3 files hold square roots of multiples of 0.01 agrees with it."""


@dataclass(frozen=True)
class BinnedCut:
    """An upper limit per bin of estimated energy (`edges`, TeV); outside of the bins nothing passes."""

    edges: np.ndarray
    limit: np.ndarray

    def passed(self, values: np.ndarray, energy: np.ndarray) -> np.ndarray:
        """Tell which events are below the limit of their bin."""
        index = np.searchsorted(self.edges, energy, side="right") - 1
        inside = (index >= 0) & (index < len(self.limit))
        return inside & (values <= self.limit[np.clip(index, 0, len(self.limit) - 1)])


def efficiency_cut(
    values: np.ndarray,
    energy: np.ndarray,
    weight: np.ndarray,
    edges: np.ndarray,
    efficiency: float,
    grid: np.ndarray,
    allowed: tuple[float, float],
) -> BinnedCut:
    """Find the cut that keeps a fraction of the gamma rays in each bin of estimated energy.

    Parameters
    ----------
    values : ndarray
        What is cut in: hadronness or θ² (deg²).
    energy : ndarray
        Estimated energies, in the unit of `edges`.
    weight : ndarray
        Weight of each event.
    edges : ndarray
        Bins of estimated energy.
    efficiency : float
        Fraction to keep, 0 to 1.
    grid : ndarray
        Edges of the bins of `values`: the cut is the first upper edge that keeps the fraction.
    allowed : tuple of float
        Range of the cut.

    Examples
    --------
    >>> import numpy as np
    >>> value = np.linspace(0.0, 0.2, 1000)
    >>> one, bins = np.ones(1000), np.array([0.5, 2, 3])
    >>> cut = efficiency_cut(value, one, one, bins, 0.75, THETA2_EDGES, (0.01, 0.2))
    >>> cut.limit.round(3)
    array([0.15, 0.15])
    """
    limit = np.full(len(edges) - 1, np.nan)
    index = np.searchsorted(edges, energy, side="right") - 1
    for i in range(len(limit)):
        here = index == i
        if np.count_nonzero(here) >= MIN_EVENTS:
            limit[i] = _quantile_on_grid(values[here], weight[here], efficiency, grid)
        elif i:
            limit[i] = limit[i - 1]
    filled = np.flatnonzero(np.isfinite(limit))
    if not len(filled):
        return BinnedCut(edges, np.full(len(limit), allowed[1]))
    limit[: filled[0]] = limit[filled[0]]
    return BinnedCut(edges, np.clip(limit, *allowed))


def _quantile_on_grid(values: np.ndarray, weight: np.ndarray, efficiency: float, grid: np.ndarray) -> float:
    """Give the first upper edge of the grid below which is at least the fraction of the weight."""
    # values beyond the grid count as not passing, as in the overflow bin of a histogram
    counts, _ = np.histogram(values, bins=grid, weights=weight)
    passed = np.cumsum(counts) / weight.sum()
    reached = np.flatnonzero(passed >= efficiency - 1e-12)
    return float(grid[reached[0] + 1]) if len(reached) else float(grid[-1])
