"""openmars-sim's readout and sorcerer together: the light of simulated showers comes out as it went in.

The same showers are simulated with and without samples; their photo-electrons are the same, the noise is not.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from openmars.calib.extraction import Extractor
from openmars.calib.ffactor import DEAD, NOISY, Rules, convert, pulses
from openmars.camera import N_PIXELS
from openmars.sim import readout
from openmars.sim.events import Conditions
from openmars.sim.generate import calibration_samples, pedestal_events, pedestal_samples, simulate_gammas
from openmars.sim.readout import Cameras

CAMERAS, DARK = Cameras(seed=5, gain_spread=0.15, bad_pixels=10), Conditions()
EXTRACTOR, RULES, ZERO = Extractor(), Rules(), np.zeros(N_PIXELS)
SLICE_NS = 1 / 1.64


@pytest.fixture(scope="module")
def cameras() -> list[SimpleNamespace]:
    """Both cameras calibrated with 200 pedestal events and 300 light pulses."""
    dark, light = pedestal_samples(1, 0, 200, DARK, CAMERAS), calibration_samples(2, 0, 300, DARK, CAMERAS)
    out = []
    for t in (0, 1):
        samples = np.ascontiguousarray(dark[:, t])
        level, _ = EXTRACTOR.baselines(samples)
        pedestals = EXTRACTOR.pedestals(samples, np.arange(len(samples)), level)
        found = pulses(*EXTRACTOR.signals(np.ascontiguousarray(light[:, t]), level, ZERO + 1, ZERO), RULES)
        conversion = convert(found, pedestals[2].std(axis=0), RULES)
        truth = SimpleNamespace(**CAMERAS.draw(t + 1))
        good = conversion.good
        out.append(SimpleNamespace(
            level=level, pedestals=pedestals, conversion=conversion, truth=truth, good=good,
            factor=np.where(good, conversion.factor, 0.0), delay=found.time - np.median(found.time[good])
        ))  # fmt: skip
    return out


@pytest.fixture(scope="module")
def showers(cameras):
    """Charges and times of the same gammas by both ways, good pixels only: [2, m] each."""
    energy = np.geomspace(100, 1000, 240)
    arguments = {"energy_gev": energy, "zd_deg": 20.4, "az_deg": 180.0, "pointing_zd_deg": 20.0,
                 "pointing_az_deg": 180.0, "conditions": DARK, "impact_max_m": 150.0}  # fmt: skip
    charge, time = [], []
    direct = list(simulate_gammas(3, **arguments))
    sampled = simulate_gammas(3, cameras=CAMERAS, chunk=80, **arguments)
    samples = np.concatenate([each.samples for each in sampled])
    for t, camera in enumerate(cameras):
        words = np.ascontiguousarray(samples[:, t])
        q, moment = EXTRACTOR.signals(words, camera.level, camera.factor, camera.delay)
        q0 = np.concatenate([each.charge[:, t] for each in direct])
        t0 = np.concatenate([each.arrival_time[:, t] for each in direct])
        charge.append(np.array([q, q0])[:, :, camera.good].reshape(2, -1))
        time.append(np.array([moment, t0])[:, :, camera.good].reshape(2, -1))
    return np.concatenate(charge, axis=1), np.concatenate(time, axis=1)


def test_conversion_and_bad_pixels_are_those_that_were_simulated(cameras):
    for camera in cameras:
        found, truth = camera.conversion, camera.truth
        assert found.phe == pytest.approx(readout.CALIBRATION_PHE, abs=4 * found.phe_error + 0.01 * found.phe)
        assert np.array_equal(found.status & DEAD > 0, truth.dead)
        assert np.array_equal(found.status & NOISY > 0, truth.hot)
        assert np.array_equal(~found.good, truth.dead | truth.hot)
        flat = (found.factor * truth.gain)[found.good]  # what is left of a gain spread of 15 %
        expected = np.sqrt((1.2 / found.phe + 1 / found.phe**2) / 300)
        assert flat.std() / flat.mean() == pytest.approx(expected, rel=0.1)
        assert np.abs((camera.delay - truth.delay)[found.good]).mean() * SLICE_NS < 0.06


def test_empty_pixels_are_as_without_samples(cameras):
    direct, _ = pedestal_events(4, 300, DARK)
    for t, camera in enumerate(cameras):
        mean = (camera.pedestals[1] * camera.factor)[:, camera.good]
        assert mean.mean() == pytest.approx(direct[:, t].mean(), abs=0.1)
        assert mean.std(axis=0).mean() == pytest.approx(direct[:, t].std(axis=0).mean(), rel=0.06)
        random = (camera.pedestals[2] * camera.factor)[:, camera.good]
        assert abs(random.mean()) < 0.05
        assert random.std(axis=0).mean() == pytest.approx(1.05, rel=0.05)


@pytest.mark.parametrize(("low", "high"), [(10, 20), (20, 40), (40, 100)])
def test_charges_of_showers_have_no_bias_and_the_noise_that_they_must(showers, low, high):
    """Bins are in the mean of both charges, so that noise does not make one look larger than the other."""
    charge, time = showers
    sampled, direct = charge[:, (charge.mean(axis=0) > low) & (charge.mean(axis=0) < high)]
    mean = charge[:, (charge.mean(axis=0) > low) & (charge.mean(axis=0) < high)].mean()
    difference = sampled - direct
    error = difference.std() / np.sqrt(len(difference))
    assert error < 0.01 * mean
    assert difference.mean() == pytest.approx(0, abs=0.02 * mean + 2 * error)
    # twice the spread of the multiplier and of the noise, which both ways have on the same photo-electrons
    assert difference.std() == pytest.approx(np.sqrt(2 * (0.2 * mean + 1.05**2)), rel=0.1)
    late = np.subtract(*time[:, (charge.mean(axis=0) > low) & (charge.mean(axis=0) < high)]) * SLICE_NS
    assert abs(np.median(late)) < 0.1
    assert np.mean(np.abs(late) < 1.0) > 0.93  # both ways have an error
