"""The closed loop of the calibration: known photo-electrons, waveforms made of them, and what sorcerer finds.

The waveforms are made here, pulse by pulse, apart from openmars-sim.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from openmars.calib.extraction import Extractor
from openmars.calib.ffactor import DEAD, NOISY, Rules, convert, pulses
from openmars.camera import N_PIXELS
from openmars.core.errors import ProgramError

SLICES, SLICE_NS = 50, 1 / 1.64
PULSE_SIGMA_NS, EXCESS = 1.06, 0.2
NSB_PER_NS, ELECTRONICS = 0.14, 0.27  # of a dark night; noise of a sample, photo-electrons
WORDS_PER_PHE, BASELINE = 60.0, 1400.0
STEP = 0.25  # of the grid on which photo-electrons are put, slices
BEFORE = 10.0
GRID = np.arange(-BEFORE, SLICES + BEFORE, STEP) + 0.5 * STEP
DEAD_PIXELS, HOT_PIXELS = [17, 400, 1038], [5, 777]
EMPTY = np.zeros(N_PIXELS)
EXTRACTOR, RULES = Extractor(), Rules()


def pulse_shape() -> np.ndarray:
    """What a photo-electron at each point of the grid adds to each sample, its sum is 1: [grid, 50]."""
    offset = (np.arange(SLICES)[None, :] - GRID[:, None]) * SLICE_NS / PULSE_SIGMA_NS
    return np.exp(-0.5 * offset**2) * SLICE_NS / (PULSE_SIGMA_NS * np.sqrt(2 * np.pi))


PULSES = pulse_shape()


class Camera:
    """A camera with its gains, delays and broken pixels."""

    def __init__(self, seed: int = 1, spread: float = 0.2) -> None:
        rng = np.random.default_rng(seed)
        self.gain = WORDS_PER_PHE * rng.lognormal(0, spread, N_PIXELS)
        self.efficiency = rng.normal(1, 0.05, N_PIXELS)
        self.delay = rng.normal(0, 0.8, N_PIXELS)  # slices
        self.baseline = rng.normal(BASELINE, 20, N_PIXELS)
        self.gain[DEAD_PIXELS] = 0
        self.noise = np.full(N_PIXELS, ELECTRONICS * WORDS_PER_PHE)
        self.noise[HOT_PIXELS] *= 8
        self.good = np.ones(N_PIXELS, bool)
        self.good[DEAD_PIXELS + HOT_PIXELS] = False

    def read(self, rng: np.random.Generator, n: int, phe: np.ndarray | float = 0.0, time: float = 25.0,
             width_ns: float = 0.5) -> np.ndarray:  # fmt: skip
        """Samples of `n` events, [n, 1039, 50].

        Light is `phe` on average, at slice `time` with a Gaussian width; a sky of a dark night is behind it. The
        coupling is for alternating current: on average night-sky light adds nothing.
        """
        samples = np.empty((n, N_PIXELS, SLICES), np.uint16)
        rate = NSB_PER_NS * SLICE_NS * STEP
        expected = np.broadcast_to(phe, (n, N_PIXELS))
        for e in range(n):
            charge = rng.poisson(rate, (N_PIXELS, len(GRID))).astype(float)
            charge += np.sqrt(EXCESS * charge) * rng.standard_normal(charge.shape) - rate
            count = rng.poisson(expected[e] * self.efficiency)
            pixel = np.repeat(np.arange(N_PIXELS), count)
            when = time + self.delay[pixel] + rng.normal(0, width_ns / SLICE_NS, len(pixel))
            place = np.clip(((when + BEFORE) / STEP).astype(int), 0, len(GRID) - 1)
            np.add.at(charge, (pixel, place), 1 + np.sqrt(EXCESS) * rng.standard_normal(len(pixel)))
            wave = self.gain[:, None] * (charge @ PULSES) + self.baseline[:, None]
            wave += self.noise[:, None] * rng.standard_normal(wave.shape)
            samples[e] = np.clip(np.rint(wave), 0, 16383)
        return samples


@pytest.fixture(scope="module")
def calibrated_camera() -> SimpleNamespace:
    """A camera, its pedestals, 300 pulses of 80 photo-electrons, and the conversion that follows."""
    camera, rng = Camera(), np.random.default_rng(2)
    dark = camera.read(rng, 200)
    level, sigma = EXTRACTOR.baselines(dark)
    pedestals = EXTRACTOR.pedestals(dark, np.arange(len(dark)), level)
    light = camera.read(rng, 300, phe=80.0)
    charge, time = EXTRACTOR.signals(light, level, EMPTY + 1, EMPTY)
    found = pulses(charge, time, RULES)
    conversion = convert(found, pedestals[2].std(axis=0), RULES)
    good = conversion.good
    delay = np.where(good, found.time - np.median(found.time[good]), 0)
    return SimpleNamespace(camera=camera, level=level, sigma=sigma, pedestals=pedestals, charge=charge, time=time,
                           found=found, conversion=conversion, delay=delay)  # fmt: skip


# --- baseline, extractor, F-factor


def test_baseline_is_that_under_the_light_of_the_sky(calibrated_camera):
    c = calibrated_camera
    error = c.sigma / np.sqrt(200 * SLICES / 4)  # samples within a pulse of night-sky light go together
    pull = ((c.level - c.camera.baseline) / error)[c.camera.good]
    assert abs(pull.mean()) < 0.3
    assert pull.std() < 1.5


def test_pedestals_mean_what_their_names_say(calibrated_camera):
    c = calibrated_camera
    fixed, largest, random = (c.pedestals * c.conversion.factor)[:, :, c.camera.good]
    for window in (fixed, random):
        assert abs(window.mean()) < 0.02  # no bias
        assert window.std(axis=0).mean() == pytest.approx(1.03, rel=0.04)  # noise of a window: see NSB_PER_NS
    assert 1.9 < largest.mean() < 2.3  # the largest of many windows
    assert np.all(c.pedestals[1] >= np.maximum(c.pedestals[0], c.pedestals[2]) - 1e-2)


def test_f_factor_finds_the_number_of_photo_electrons(calibrated_camera):
    c = calibrated_camera
    truth = 80 * c.camera.efficiency[c.camera.good].mean()
    assert c.conversion.phe == pytest.approx(truth, abs=4 * c.conversion.phe_error + 0.01 * truth)
    assert c.conversion.phe_error < 0.01 * truth


def test_the_camera_becomes_flat(calibrated_camera):
    """Gains differ by 20 %, cathodes by 5 %; under equal light all pixels show the same, within their statistics."""
    c = calibrated_camera
    light = c.camera.read(np.random.default_rng(3), 40, phe=50.0)
    words, _ = EXTRACTOR.signals(light, c.level, EMPTY + 1, EMPTY)
    charge = (words * c.conversion.factor)[:, c.camera.good].mean(axis=0)
    raw = words[:, c.camera.good].mean(axis=0)
    assert raw.std() / raw.mean() > 0.15
    expected = np.sqrt(1.2 / 50 / 40 + 1.2 / 80 / 300)
    assert charge.std() / charge.mean() == pytest.approx(expected, rel=0.1)


def test_bad_pixels_are_found_and_no_good_ones(calibrated_camera):
    c = calibrated_camera
    assert np.flatnonzero(c.conversion.status & DEAD).tolist() == DEAD_PIXELS
    assert np.flatnonzero(c.conversion.status & NOISY).tolist() == HOT_PIXELS
    assert np.flatnonzero(~c.conversion.good).tolist() == np.flatnonzero(~c.camera.good).tolist()


def test_delays_are_found(calibrated_camera):
    c = calibrated_camera
    truth = c.camera.delay - np.median(c.camera.delay[c.camera.good])
    assert np.abs(c.delay - truth)[c.camera.good].max() * SLICE_NS < 0.3


@pytest.mark.parametrize("phe", [10, 30, 100, 300])
def test_charges_have_no_bias_and_times_are_right(calibrated_camera, phe):
    """The closed loop: above 10 photo-electrons, with the resolution that nature allows, and times within 1 ns."""
    c, when = calibrated_camera, 24.3
    light = c.camera.read(np.random.default_rng(phe), 12, phe=float(phe), time=when)
    charge, time = EXTRACTOR.signals(light, c.level, c.conversion.factor, c.delay)
    good = c.camera.good
    assert charge[:, good].mean() == pytest.approx(phe, rel=0.02)
    spread = charge[:, good] - phe
    noise = (c.pedestals[2] * c.conversion.factor)[:, good].std()
    own = phe * 1.2 + noise**2 + (phe**2) * 1.2 / 80 / 300  # Poisson and F², noise, error of the conversion
    assert spread.std() == pytest.approx(np.sqrt(own), rel=0.1)
    error = (time[:, good] - when) * SLICE_NS
    assert abs(np.median(error)) < 0.1
    assert np.mean(np.abs(error) < 1) > (0.98 if phe > 10 else 0.95)
    assert np.quantile(np.abs(error), 0.68) < 0.35


def test_empty_window_positions_do_not_depend_on_how_events_are_read():
    samples = np.random.default_rng(1).integers(1300, 1500, (6, N_PIXELS, SLICES)).astype(np.uint16)
    number, level = np.arange(10, 16), EMPTY + 1400
    whole = EXTRACTOR.pedestals(samples, number, level)
    parts = [EXTRACTOR.pedestals(samples[i : i + 2], number[i : i + 2], level) for i in (0, 2, 4)]
    assert np.array_equal(whole, np.concatenate(parts, axis=1))
    assert not np.array_equal(whole[2], Extractor(seed=2).pedestals(samples, number, level)[2])


def test_extractor_finds_a_pulse_by_hand():
    samples = np.full((1, N_PIXELS, SLICES), 100, np.uint16)
    samples[0, :, 20:25] = [110, 130, 150, 130, 110]
    samples[0, 3, 45:] = 120  # weaker, at the end
    samples[0, 4] = 100  # nothing
    charge, time = EXTRACTOR.signals(samples, EMPTY + 100, EMPTY + 0.5, EMPTY + 0.25)
    assert charge[0, 3] == charge[0, 7] == pytest.approx(65)
    assert time[0, 3] == time[0, 7] == pytest.approx(22 - 0.25)
    assert charge[0, 4] == 0
    assert 0 <= time[0, 4] < SLICES
    charge, time = EXTRACTOR.signals(samples, EMPTY + 100, EMPTY, EMPTY)  # pixels that are not used
    assert not charge.any()
    assert not time.any()


def test_one_event_with_a_shower_does_not_move_baseline_or_pulses():
    rng = np.random.default_rng(4)
    dark = rng.normal(1400, 8, (50, N_PIXELS, SLICES)).round().astype(np.uint16)
    level, _ = EXTRACTOR.baselines(dark)
    dark[7] += 3000
    assert np.abs(EXTRACTOR.baselines(dark)[0] - level).max() < 0.15
    charge = rng.normal(5000, 500, (200, N_PIXELS)).astype(np.float32)
    time = rng.normal(25, 0.3, charge.shape).astype(np.float32)
    clean = pulses(charge, time, RULES)
    charge[3], charge[4], charge[5, :100] = 90000, 0, 60000
    found = pulses(charge, time, RULES)
    assert found.events == 198
    assert np.abs(found.mean / clean.mean - 1).max() < 0.01
    assert np.abs(found.variance / clean.variance - 1).max() < 0.1


def test_light_that_varies_is_not_taken_for_fewer_photo_electrons():
    """5 % of fluctuation common to all pixels would make 60 photo-electrons look like 53."""
    rng = np.random.default_rng(5)
    phe = rng.poisson(60 * rng.normal(1, 0.05, (400, 1)), (400, N_PIXELS))
    charge = (40 * rng.normal(phe, np.sqrt(0.2 * phe + 1e-9))).astype(np.float32)
    time = np.full(charge.shape, 25, np.float32)
    noise = EMPTY + 1e-3
    assert convert(pulses(charge, time, RULES), noise, RULES).phe == pytest.approx(60, rel=0.015)
    naive = Rules(light=False)
    assert convert(pulses(charge, time, naive), noise, naive).phe < 55


def test_darkness_is_no_calibration():
    rng = np.random.default_rng(6)
    charge = rng.normal(0, 20, (100, N_PIXELS)).astype(np.float32)
    with pytest.raises(ProgramError, match="light pulses"):
        convert(pulses(charge, charge * 0 + 25, RULES), EMPTY + 20, RULES)
