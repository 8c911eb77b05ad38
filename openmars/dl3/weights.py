"""Weights that give the Monte Carlo the zenith and azimuth distribution of a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from openmars.core import InputError

COS_STEP = 0.01
"""Width of the bins in the cosine of the zenith distance: the response of neighbours differs by a percent."""


@dataclass(frozen=True)
class PointingWeights:
    """Share of a run's effective time in bins of pointing.

    Attributes
    ----------
    cos_zenith : ndarray
        Edges of the bins in the cosine of the zenith distance, ascending.
    n_azimuth : int
        Number of equal bins in azimuth.
    share : ndarray, shape (n_zenith * n_azimuth,)
        Share of the effective time; sums to 1.
    """

    cos_zenith: np.ndarray
    n_azimuth: int
    share: np.ndarray

    def index(self, zenith: np.ndarray, azimuth: np.ndarray) -> np.ndarray:
        """Give the bin of pointings (deg); what is outside in zenith goes to the nearest bin."""
        row = np.searchsorted(self.cos_zenith, np.cos(np.radians(zenith)), side="right") - 1
        column = azimuth_bin(azimuth, self.n_azimuth)
        return np.clip(row, 0, len(self.cos_zenith) - 2) * self.n_azimuth + column


def azimuth_bin(azimuth: np.ndarray, n: int) -> np.ndarray:
    """Give the bin of azimuths (deg) out of `n` equal ones, of which the first is centred on north."""
    return np.floor(azimuth * n / 360.0 + 0.5).astype(np.int64) % n


def pointing_weights(
    track: tuple[np.ndarray, np.ndarray, np.ndarray],
    sim_zenith: np.ndarray,
    sim_azimuth: np.ndarray,
    window: float,
    n_azimuth: int,
    tolerance: float,
    run: int,
) -> PointingWeights:
    """Distribute a run's effective time over the pointings of the Monte Carlo.

    A run covers a degree or so in zenith distance, too little to take its showers from there alone. So each moment is
    spread evenly over a window about its pointing. The window is symmetric in the cosine of the zenith distance, in
    which the responses go nearly in a straight line: what is too high on one side is too low on the other.

    Parameters
    ----------
    track : tuple of ndarray
        Zenith (deg), azimuth (deg) and effective time (s) of steps of the run.
    sim_zenith, sim_azimuth : ndarray
        Pointing of all simulated showers, deg.
    window : float
        Half of the window, in the cosine of the zenith distance; down to a quarter of it near the ends of the
        Monte Carlo.
    n_azimuth : int
        Number of equal bins in azimuth.
    tolerance : float
        How far outside of the Monte Carlo's zenith range a run may be, deg.
    run : int
        Its number, for the message.

    Raises
    ------
    InputError
        When the Monte Carlo does not cover the run's zenith or azimuth.
    """
    zenith, azimuth, time = track
    low, high = float(sim_zenith.min()), float(sim_zenith.max())
    if zenith.min() < low - tolerance or zenith.max() > high + tolerance:
        raise InputError(
            f"run {run}: zenith {zenith.min():.1f} to {zenith.max():.1f} deg, but the Monte Carlo covers "
            f"{low:.1f} to {high:.1f} deg; take the Monte Carlo of the run's zenith range"
        )
    ends = np.cos(np.radians(high)), np.cos(np.radians(low))
    edges = np.linspace(*ends, max(1, round((ends[1] - ends[0]) / COS_STEP)) + 1)
    share = np.zeros((len(edges) - 1, n_azimuth))
    spread = _spread(np.clip(np.cos(np.radians(zenith)), *ends), edges, max(window, COS_STEP))
    np.add.at(share.T, azimuth_bin(azimuth, n_azimuth), spread * time[:, None])
    weights = PointingWeights(edges, n_azimuth, share.ravel())
    simulated = np.bincount(weights.index(sim_zenith, sim_azimuth), minlength=share.size)
    covered = np.where(simulated > 0, weights.share, 0.0)
    if covered.sum() < 0.5 * weights.share.sum():
        raise InputError(
            f"run {run}: the Monte Carlo covers azimuth {sim_azimuth.min():.0f} to {sim_azimuth.max():.0f} deg, not "
            f"{azimuth.min():.0f} to {azimuth.max():.0f} deg; take fewer azimuth bins, or another Monte Carlo"
        )
    return PointingWeights(edges, n_azimuth, covered / covered.sum())


def _spread(centre: np.ndarray, edges: np.ndarray, window: float) -> np.ndarray:
    """Give the share of each bin in a window about each centre, shape (centres, bins); rows sum to 1."""
    half = np.clip(np.minimum(centre - edges[0], edges[-1] - centre), window / 4, window)
    below, above = np.maximum(centre - half, edges[0]), np.minimum(centre + half, edges[-1])
    overlap = np.minimum(above[:, None], edges[1:]) - np.maximum(below[:, None], edges[:-1])
    overlap = np.maximum(overlap, 0.0)
    return overlap / overlap.sum(axis=1, keepdims=True)
