"""Weighting the Monte Carlo to a run's pointing."""

from __future__ import annotations

import numpy as np
import pytest

from openmars.core import InputError
from openmars.dl3.livetime import live_time, pointing_track
from openmars.dl3.weights import azimuth_bin, pointing_weights

RNG = np.random.default_rng(4)
SIM_ZENITH = np.degrees(np.arccos(RNG.uniform(np.cos(np.radians(35)), np.cos(np.radians(5)), 200_000)))
SIM_AZIMUTH = RNG.uniform(0, 360, 200_000)


def track(zenith: float, azimuth: float = 100.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ten minutes during which the zenith distance grows by a degree."""
    return zenith + np.linspace(-0.5, 0.5, 600), np.full(600, azimuth), np.ones(600)


@pytest.mark.parametrize("zenith", [9.0, 16.0, 24.0, 31.0])
def test_mean_of_a_response_that_changes_with_zenith(zenith: float) -> None:
    """An effective area that goes as cos⁻² comes out as at the run's own pointing, though the window is wide."""
    weights = pointing_weights(track(zenith), SIM_ZENITH, SIM_AZIMUTH, 0.05, 1, 1.0, 1)
    where = weights.index(SIM_ZENITH, SIM_AZIMUTH)
    simulated = np.bincount(where, minlength=len(weights.share))
    area = np.bincount(where, weights=np.cos(np.radians(SIM_ZENITH)) ** -2, minlength=len(weights.share))
    mean = np.sum(weights.share * area / simulated)
    assert weights.share.sum() == pytest.approx(1)
    assert mean == pytest.approx(np.cos(np.radians(zenith)) ** -2, rel=0.01)


def test_azimuth_bins_follow_the_run() -> None:
    weights = pointing_weights(track(20.0, 359.0), SIM_ZENITH, SIM_AZIMUTH, 0.05, 4, 1.0, 1)
    share = weights.share.reshape(-1, 4).sum(axis=0)
    np.testing.assert_allclose(share, [1, 0, 0, 0])
    np.testing.assert_array_equal(azimuth_bin(np.array([0.0, 44.0, 46.0, 180.0, 316.0]), 4), [0, 0, 1, 2, 0])


def test_monte_carlo_of_another_azimuth_is_refused() -> None:
    with pytest.raises(InputError, match="run 7: the Monte Carlo covers azimuth 0 to 90 deg"):
        pointing_weights(track(20.0, 200.0), SIM_ZENITH, SIM_AZIMUTH / 4, 0.05, 4, 1.0, 7)


def test_track_runs_on_through_north_and_leaves_out_breaks() -> None:
    time = np.concatenate([np.linspace(0, 100, 5000), np.linspace(200, 300, 5000)])
    live = live_time(time, np.arange(10_000))
    zenith, azimuth, weight = pointing_track(live, time, 20 + time / 100, (359 + time / 100) % 360)
    assert weight.sum() == pytest.approx(live.effective)
    assert not np.any((zenith > 21.01) & (zenith < 21.99))
    assert np.all((azimuth > 358.9) | (azimuth < 2.1))
