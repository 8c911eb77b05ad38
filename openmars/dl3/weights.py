"""Weights that give the Monte Carlo the zenith and azimuth distribution of a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from openmars.core import InputError


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
        return _bin(self.cos_zenith, self.n_azimuth, zenith, azimuth)


def pointing_weights(
    track: tuple[np.ndarray, np.ndarray, np.ndarray],
    sim_zenith: np.ndarray,
    sim_azimuth: np.ndarray,
    n_zenith: int,
    n_azimuth: int,
    tolerance: float,
    run: int,
) -> PointingWeights:
    """Distribute a run's effective time over the bins in which there is Monte Carlo.

    Parameters
    ----------
    track : tuple of ndarray
        Zenith (deg), azimuth (deg) and effective time (s) of steps of the run.
    sim_zenith, sim_azimuth : ndarray
        Pointing of all simulated showers, deg.
    n_zenith, n_azimuth : int
        Number of bins, equal in the cosine of the zenith distance over the range of the Monte Carlo, and in
        azimuth.
    tolerance : float
        How far outside of the Monte Carlo's zenith range a run may be, deg.
    run : int
        Its number, for the message.

    Raises
    ------
    InputError
        When the Monte Carlo does not cover the run's zenith range.
    """
    zenith, azimuth, time = track
    low, high = float(sim_zenith.min()), float(sim_zenith.max())
    if zenith.min() < low - tolerance or zenith.max() > high + tolerance:
        raise InputError(
            f"run {run}: zenith {zenith.min():.1f} to {zenith.max():.1f} deg, but the Monte Carlo covers "
            f"{low:.1f} to {high:.1f} deg; take the Monte Carlo of the run's zenith range"
        )
    edges = np.linspace(np.cos(np.radians(high)), np.cos(np.radians(low)), n_zenith + 1)
    n_bins = n_zenith * n_azimuth
    simulated = np.bincount(_bin(edges, n_azimuth, sim_zenith, sim_azimuth), minlength=n_bins)
    share = np.bincount(_bin(edges, n_azimuth, zenith, azimuth), weights=time, minlength=n_bins)
    for i in np.flatnonzero((share > 0) & (simulated == 0)):
        share[_nearest(i, np.flatnonzero(simulated), n_azimuth)] += share[i]
        share[i] = 0
    return PointingWeights(edges, n_azimuth, share / share.sum())


def _bin(edges: np.ndarray, n_azimuth: int, zenith: np.ndarray, azimuth: np.ndarray) -> np.ndarray:
    row = np.searchsorted(edges, np.cos(np.radians(zenith)), side="right") - 1
    column = (azimuth % 360.0 * n_azimuth / 360.0).astype(np.int64)
    return np.clip(row, 0, len(edges) - 2) * n_azimuth + np.minimum(column, n_azimuth - 1)


def _nearest(i: np.intp, candidates: np.ndarray, n_azimuth: int) -> int:
    """Give the filled bin nearest in zenith, and among those in azimuth."""
    rows = np.abs(candidates // n_azimuth - i // n_azimuth)
    turn = np.abs(candidates % n_azimuth - i % n_azimuth)
    return int(candidates[np.argmin(rows * n_azimuth + np.minimum(turn, n_azimuth - turn))])
