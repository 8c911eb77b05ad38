"""Energy by look-up: what energy an image of some size, impact and height of maximum has on average.

One table a telescope, over the logarithm of size, impact and height of the shower maximum, of the mean and the
spread of log10(energy) - log10(size): the energy is nearly proportional to the size, so what is left is smooth. The
tables are filled with images that are whole; counts and sums are smoothed before they are divided, which also fills
bins without showers from their neighbours. What remains of zenith distance, and of leakage for images that the edge
cuts, is taken out by straight lines. The telescopes are joined by the inverse of their squared spreads.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from openmars.core import InputError

KIND = "energy tables"
SMOOTHING = (1.5, 0.6, 0.6)
"""Width of the smoothing in bins of log size, impact and height."""
MAX_LEAKAGE = 0.1
"""Images with more of their light in the outermost ring of pixels are not filled into the tables."""
MIN_SPREAD = 0.02
AXES = ("log_size", "impact", "max_height")


@dataclass(frozen=True)
class EnergyTable:
    """Table of one telescope.

    Attributes
    ----------
    log_size, impact, max_height : ndarray
        Centres of the bins; log10 phe, m, km.
    mean, spread : ndarray, shape (log_size, impact, max_height)
        Of log10(energy / GeV) - log10(size / phe).
    slope : ndarray, shape (4,)
        Offset, slope with 1/cos(zenith) - 1, slopes with leakage below and above `MAX_LEAKAGE`: to add to the
        logarithm of the energy.
    edge : ndarray, shape (1,)
        Spread that a leakage of 1 would add, in quadrature.
    """

    log_size: np.ndarray
    impact: np.ndarray
    max_height: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    slope: np.ndarray
    edge: np.ndarray

    def look_up(self, features: dict[str, np.ndarray], telescope: int) -> tuple[np.ndarray, np.ndarray]:
        """Give log10(energy / GeV) and its spread.

        Parameters
        ----------
        features : dict of ndarray
            Those of `needed`.
        telescope : int
            1 or 2.
        """
        axes = (self.log_size, self.impact, self.max_height)
        place = [
            np.interp(features[name], axis, np.arange(len(axis)))
            for name, axis in zip(_names(telescope), axes, strict=True)
        ]
        mean, spread = (interpolate(table, place) for table in (self.mean, self.spread))
        log_size = features[f"log_size_{telescope}"].astype(float)
        spread = np.hypot(spread, self.edge[0] * features[f"leakage_{telescope}"])
        return log_size + mean + _correction(features, telescope) @ self.slope, spread


def interpolate(table: np.ndarray, place: list[np.ndarray]) -> np.ndarray:
    """Interpolate between the nodes of a grid, linearly along each axis.

    What ``scipy.ndimage.map_coordinates`` does with ``order=1``; but importing that takes longer than melibea's work.

    Parameters
    ----------
    table : ndarray
        Values at the nodes.
    place : list of ndarray
        Along each axis, in nodes, within the grid.

    Examples
    --------
    >>> import numpy as np
    >>> grid = np.add.outer(np.array([0.0, 10.0]), np.array([0.0, 1.0, 2.0]))
    >>> interpolate(grid, [np.array([0.5]), np.array([1.5])])
    array([6.5])
    """
    low = [np.clip(p.astype(np.int64), 0, max(n - 2, 0)) for p, n in zip(place, table.shape, strict=True)]
    total = np.zeros(len(place[0]))
    for corner in np.ndindex(*(2,) * table.ndim):
        weight = np.ones(len(total))
        for side, p, node in zip(corner, place, low, strict=True):
            weight *= (p - node) if side else 1.0 - (p - node)
        total += weight * table[tuple(node + side for node, side in zip(low, corner, strict=True))]
    return total


def needed(telescope: int) -> tuple[str, ...]:
    """Name the features that a telescope's table needs."""
    return (*_names(telescope), f"leakage_{telescope}", "cos_zenith")


def _names(telescope: int) -> tuple[str, str, str]:
    return f"log_size_{telescope}", f"impact_{telescope}", "max_height"


def _correction(features: dict[str, np.ndarray], telescope: int) -> np.ndarray:
    zenith = 1.0 / features["cos_zenith"].astype(float) - 1.0
    leakage = features[f"leakage_{telescope}"].astype(float)
    below, above = np.minimum(leakage, MAX_LEAKAGE), np.maximum(leakage - MAX_LEAKAGE, 0.0)
    return np.column_stack([np.ones(len(zenith)), zenith, below, above])


def fill(features: dict[str, np.ndarray], log_energy: np.ndarray, telescope: int) -> EnergyTable:
    """Make a telescope's table.

    Parameters
    ----------
    features : dict of ndarray
        Those of `needed`, of gamma rays.
    log_energy : ndarray
        log10 of their true energies in GeV.
    telescope : int
        1 or 2.
    """
    from scipy.ndimage import gaussian_filter

    whole = features[f"leakage_{telescope}"] <= MAX_LEAKAGE
    edges = (np.linspace(1.5, 5.5, 33), np.linspace(0, 400, 17), np.linspace(3, 19, 9))
    centres = [(edge[:-1] + edge[1:]) / 2 for edge in edges]
    names = _names(telescope)
    point = [
        np.clip(features[name][whole].astype(float), edge[0], edge[-1] - 1e-6)
        for name, edge in zip(names, edges, strict=True)
    ]
    residual = (log_energy - features[names[0]])[whole]
    sums = [
        gaussian_filter(np.histogramdd(point, bins=edges, weights=w)[0], SMOOTHING, mode="nearest", truncate=8)
        for w in (np.ones(len(residual)), residual, residual**2)
    ]
    count = np.maximum(sums[0], 1e-300)
    mean = np.where(sums[0] > 1e-12, sums[1] / count, np.mean(residual))
    variance = np.where(sums[0] > 1e-12, sums[2] / count - mean**2, np.var(residual))
    spread = np.sqrt(np.maximum(variance, MIN_SPREAD**2))
    return _corrected(
        EnergyTable(centres[0], centres[1], centres[2], mean, spread, np.zeros(4), np.zeros(1)),
        features,
        log_energy,
        telescope,
    )


def _corrected(
    table: EnergyTable, features: dict[str, np.ndarray], log_energy: np.ndarray, telescope: int
) -> EnergyTable:
    """Fit what the table leaves: with whole images first, then with those that the edge cuts."""
    value, spread = table.look_up(features, telescope)
    terms = _correction(features, telescope)
    rest, whole = log_energy - value, terms[:, 3] == 0
    slope = np.append(np.linalg.lstsq(terms[whole, :3], rest[whole], rcond=None)[0], 0.0)
    rest -= terms @ slope
    slope[3] = np.sum(rest * terms[:, 3]) / max(np.sum(terms[:, 3] ** 2), 1e-12)
    rest -= slope[3] * terms[:, 3]
    leakage2 = features[f"leakage_{telescope}"].astype(float) ** 2
    added = np.sum(leakage2 * (rest**2 - spread**2)) / max(np.sum(leakage2**2), 1e-12)
    return replace(table, slope=slope, edge=np.sqrt(np.maximum([added], 0.0)))


def join(values: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Join the telescopes' values by the inverse of their squared spreads.

    Returns
    -------
    value, spread : ndarray
    """
    weights = [1.0 / spread**2 for _, spread in values]
    total = np.sum(weights, axis=0)
    mean = np.sum([weight * value for weight, (value, _) in zip(weights, values, strict=True)], axis=0) / total
    return mean, 1.0 / np.sqrt(total)


def save(path: Path, tables: dict[int, EnergyTable], card: str) -> None:
    """Write the tables of both telescopes, one tree each an array."""
    from openmars.io import write_root

    trees = {
        f"EnergyTable_{telescope}_{field.name}": {"fValue": np.ravel(getattr(table, field.name))}
        for telescope, table in tables.items()
        for field in fields(EnergyTable)
    }
    write_root(path, trees, {"Kind": KIND, "Card": card})


def load(path: Path) -> dict[int, EnergyTable]:
    """Read the tables of both telescopes."""
    from openmars.io import open_root

    file = open_root(path)
    found = file.texts().get("Kind", "nothing that coach wrote")
    if found != KIND:
        raise InputError(f"{path}: expected {KIND}, found {found}")
    tables = {}
    for telescope in (1, 2):
        parts = {
            field.name: file.read(f"EnergyTable_{telescope}_{field.name}")["fValue"] for field in fields(EnergyTable)
        }
        shape = tuple(len(parts[name]) for name in AXES)
        parts |= {name: parts[name].reshape(shape) for name in ("mean", "spread")}
        tables[telescope] = EnergyTable(**parts)
    return tables
