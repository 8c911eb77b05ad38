"""The readout, sample by sample: photo-electrons and noise to words of 14 bits.

A photo-electron becomes a pulse of the shape that the trigger sees (`openmars.sim.trigger`), with the spread of a
single photo-electron's charge; night-sky photo-electrons come at random times; electronics adds noise to each sample
and a little to all samples of a readout together, which the correction of the chips leaves. The readout is AC coupled:
the baseline stays where it is under any light of the night sky. Gains, baselines and delays of pixels differ, and some
pixels are bad.

Sample *i* holds the signal at slice *i*; the middle of a shower's light is at `SIGNAL_SLICE`. Rate and noise are set
so that in an empty pixel of a dark night the largest sum of five samples has a mean of 2.0 and an rms of 1.0, and any
such sum an rms of 1.05, in units of what a photo-electron of a light pulse gives (tested). MAGIC's own figures of these
parts are not public.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from openmars.camera.geometry import N_PIXELS
from openmars.io.reports import REDUCED_GAIN
from openmars.sim.rng import mix, pick, poisson, uniform
from openmars.sim.telescope import (
    CALIBRATION_RMS_NS,
    EXCESS_NOISE,
    LIGHT_IN_WINDOW,
    PULSE_SIGMA_NS,
    SIGNAL_SLICE,
    SLICE_NS,
    SLICES,
    TRANSIT_RMS_NS,
    WINDOW,
    held,
)

NSB_PHE_PER_NS = 0.158
"""Photo-electrons of a dark night's sky in a pixel."""

WORDS_PER_PHE = 20.0
"""Sum of `WINDOW` samples over the peak of one photo-electron at nominal high voltage. A pixel saturates at some
2700 photo-electrons; more words a photo-electron would be more noise to store."""

NOISE_PHE, SLOW_PHE = 0.565, 0.34
"""Noise of electronics in a sum of `WINDOW` samples: from sample to sample, and of all samples together."""

BASELINE, BASELINE_SPREAD = 1408.0, 3.0
"""Words without light, mean and rms over pixels."""

DELAY_RMS_NS = 0.4
"""Spread of the pixels' transit times."""

HOT = 30.0
"""Night-sky light of a noisy pixel, as of one with a bright star, in units of the others'."""

CALIBRATION_PHE = 45.0
"""Mean photo-electrons of a calibration pulse in a pixel."""

WORD_MAX = 2**14 - 1

_PAD = 16
_WIDTH = SLICES + 2 * _PAD
_FIRST, _LAST = -7.0, 57.0
"""Night-sky photo-electrons come between these slices."""
_STEPS, _TAPS = 64, 16
_TABLE = 8192
_STEP, _LOW = np.uint64(0x9E3779B97F4A7C15), np.uint64(_TABLE - 1)
_R13 = np.uint64(13)


@dataclass(frozen=True)
class Cameras:
    """What the pixels of both cameras are like, the same for all runs of one seed.

    Attributes
    ----------
    seed
        Of gains, baselines, delays and of which pixels are bad.
    gain_spread
        Relative rms of the gains.
    bad_pixels
        Of each camera; the first half (rounded up) are dead, the others noisy.
    """

    seed: int = 1
    gain_spread: float = 0.1
    bad_pixels: int = 8

    def draw(self, telescope: int) -> dict[str, NDArray]:
        """The pixels of a camera.

        Parameters
        ----------
        telescope
            1 or 2.

        Returns
        -------
        dict
            [1039] each: ``gain`` (relative, 0 of a dead pixel), ``baseline`` (words), ``delay`` (slices), ``dead`` and
            ``hot`` (bool).

        Examples
        --------
        >>> pixels = Cameras(seed=3, bad_pixels=5).draw(1)
        >>> int(pixels["dead"].sum()), int(pixels["hot"].sum())
        (3, 2)
        """
        rng = np.random.default_rng([0xCA3E, self.seed, telescope])
        gain = np.clip(rng.normal(1.0, self.gain_spread, N_PIXELS), 0.3, 3.0)
        baseline = rng.normal(BASELINE, BASELINE_SPREAD, N_PIXELS)
        delay = rng.normal(0.0, DELAY_RMS_NS / SLICE_NS, N_PIXELS)
        chosen = rng.permutation(N_PIXELS)[: self.bad_pixels]
        dead, hot = np.zeros(N_PIXELS, bool), np.zeros(N_PIXELS, bool)
        dead[chosen[: (self.bad_pixels + 1) // 2]] = True
        hot[chosen[(self.bad_pixels + 1) // 2 :]] = True
        # delays are counted from their mean, as calibration does
        return {"gain": np.where(dead, 0.0, gain), "baseline": baseline, "delay": delay - delay.mean(),
                "dead": dead, "hot": hot}  # fmt: skip


class Readout(NamedTuple):
    """Constants for compiled code; pixels are [2, 1039]."""

    gain: NDArray[np.float64]  # words at the peak of one photo-electron
    baseline: NDArray[np.float64]  # words
    delay: NDArray[np.float64]  # slices
    sky: NDArray[np.int8]  # which of the levels of night-sky light: 0 usual, 1 hot, -1 none
    counts: NDArray[np.float64]  # [2, n] probability of at most n night-sky photo-electrons
    mean: NDArray[np.float64]  # [2] their mean signal, in peaks
    noise: float  # words
    slow: float  # words
    pulse: NDArray[np.float32]  # [64, 16] pulse by fraction of a slice and sample
    charge: NDArray[np.float32]  # [8192] quantiles of a photo-electron's charge
    normal: NDArray[np.float32]  # [8192] quantiles of the normal distribution


def pulse_in_window() -> float:
    """Sum of `WINDOW` samples about the peak of a pulse of height 1."""
    k = np.arange(WINDOW) - WINDOW // 2
    return float(np.exp(-0.5 * (k * SLICE_NS / PULSE_SIGMA_NS) ** 2).sum())


@lru_cache(maxsize=4)
def readout(nsb_level: float, hv: str, cameras: Cameras) -> Readout:
    """Make the constants for a night-sky background, a high voltage (``nominal``, ``reduced``) and cameras."""
    from scipy.special import gammaincinv, ndtri

    pixels = [cameras.draw(t) for t in (1, 2)]
    gain = np.array([p["gain"] for p in pixels]) * WORDS_PER_PHE / pulse_in_window()
    sky = np.array([np.where(p["dead"], -1, np.where(p["hot"], 1, 0)) for p in pixels], np.int8)
    per_slice = NSB_PHE_PER_NS * SLICE_NS * nsb_level * np.array([1.0, HOT])
    fraction = (np.arange(_STEPS) + 0.5) / _STEPS
    tap = np.arange(_TAPS) - (_TAPS // 2 - 1)
    pulse = np.exp(-0.5 * ((tap - fraction[:, None]) * SLICE_NS / PULSE_SIGMA_NS) ** 2)
    p = (np.arange(_TABLE) + 0.5) / _TABLE
    return Readout(
        gain=gain / (REDUCED_GAIN if hv == "reduced" else 1.0),
        baseline=np.array([p["baseline"] for p in pixels]),
        delay=np.array([p["delay"] for p in pixels]),
        sky=sky,
        counts=_poisson_table(per_slice * (_LAST - _FIRST)),
        mean=per_slice * math.sqrt(2 * math.pi) * PULSE_SIGMA_NS / SLICE_NS,
        noise=NOISE_PHE * WORDS_PER_PHE / math.sqrt(WINDOW),
        slow=SLOW_PHE * WORDS_PER_PHE / WINDOW,
        pulse=pulse.astype(np.float32),
        # a gamma distribution has the mean and the variance of a photo-electron's charge, and is never negative
        charge=_centred(gammaincinv(1 / EXCESS_NOISE, p) * EXCESS_NOISE, 1.0, math.sqrt(EXCESS_NOISE)),
        normal=_centred(ndtri(p), 0.0, 1.0),
    )


def _centred(quantiles: NDArray, mean: float, rms: float) -> NDArray[np.float32]:
    """Quantiles that lack the far tails, with mean and rms as they are with them."""
    return (mean + (quantiles - quantiles.mean()) * rms / quantiles.std()).astype(np.float32)


def _poisson_table(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cumulative probabilities of Poisson numbers, a row for each mean; the last is 1."""
    from scipy.special import pdtr

    most = int(means.max() + 10 * math.sqrt(means.max()) + 20)
    table = np.array([pdtr(np.arange(most), mean) for mean in means])
    table[:, -1] = 1.0
    return table


@njit(cache=True)
def _add(wave, place, charge, pulse):  # type: ignore[no-untyped-def]  # compiled
    """Put a pulse on a wave at a slice."""
    first = math.floor(place)
    step = int((place - first) * pulse.shape[0])
    start = int(first) + _PAD - _TAPS // 2 + 1
    part, taps = wave[start : start + _TAPS], pulse[step]
    for m in range(_TAPS):
        part[m] += charge * taps[m]


@njit(cache=True)
def light_up(state, readout, k, pe_pixel, pe_time, n, each, middle, waves):  # type: ignore[no-untyped-def]  # compiled
    """Put a shower's photo-electrons, each counting for `each`, on the waves [1039, 82] of telescope `k`."""
    for i in range(n):
        p = pe_pixel[i]
        j, u = pick(state)
        transit = TRANSIT_RMS_NS * readout.normal[int(u * _TABLE)]
        place = SIGNAL_SLICE + (pe_time[i] - middle + transit) / SLICE_NS + readout.delay[k, p]
        if _FIRST <= place < _LAST:
            _add(waves[p], place, each * readout.charge[j], readout.pulse)


@njit(cache=True)
def flash(state, readout, k, mean, moment, waves):  # type: ignore[no-untyped-def]  # compiled
    """Put a calibration pulse of `mean` photo-electrons a pixel at slice `moment` on the waves."""
    rms = math.sqrt(CALIBRATION_RMS_NS**2 + TRANSIT_RMS_NS**2) / SLICE_NS
    for p in range(waves.shape[0]):
        for _ in range(poisson(state, mean)):
            j, u = pick(state)
            place = moment + rms * readout.normal[j] + readout.delay[k, p]
            _add(waves[p], place, readout.charge[int(u * _TABLE)], readout.pulse)


@njit(cache=True)
def _number(state, counts):  # type: ignore[no-untyped-def]  # compiled
    """Poisson number from its cumulative probabilities."""
    u = uniform(state)
    low, high = 0, counts.size - 1
    while low < high:
        middle = (low + high) // 2
        if counts[middle] < u:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True)
def digitise(state, readout, k, waves, words):  # type: ignore[no-untyped-def]  # compiled
    """Add night sky and noise to the waves of telescope `k`, fill the words [1039, 50], and empty the waves."""
    for p in range(waves.shape[0]):
        wave, sky, gain = waves[p], readout.sky[k, p], readout.gain[k, p]
        j, _ = pick(state)
        level = readout.baseline[k, p] + readout.slow * readout.normal[j] + 0.5
        if sky >= 0:
            level -= gain * readout.mean[sky]
            for _ in range(_number(state, readout.counts[sky])):
                j, u = pick(state)
                _add(wave, _FIRST + u * (_LAST - _FIRST), readout.charge[j], readout.pulse)
        bits = np.uint64(0)
        for s in range(SLICES):
            # a random number has enough bits for the noise of four samples
            if s % 4 == 0:
                state[0] = state[0] + _STEP
                bits = mix(state[0])
            word = level + gain * wave[_PAD + s] + readout.noise * readout.normal[np.int64(bits & _LOW)]
            bits >>= _R13
            words[p, s] = np.uint16(min(max(word, 0.0), WORD_MAX))
        wave[:] = 0.0


WORDS_PER_LIGHT = WORDS_PER_PHE * LIGHT_IN_WINDOW / held(PULSE_SIGMA_NS)
"""Words in the window of a photo-electron of a calibration pulse, whose light has a length; mean gain, nominal HV."""


@lru_cache(maxsize=8)
def pedestal_table(nsb_level: float, hv: str = "nominal") -> NDArray[np.float64]:
    """Charges an empty pixel yields at 16384 even steps of probability, photo-electrons.

    They are the largest sums of `WINDOW` samples found in simulated ones, so that calibrated events are as those that
    the calibration makes of raw ones.
    """
    constants = readout(nsb_level, hv, Cameras(gain_spread=0.0, bad_pixels=0))
    state, waves = np.array([0x9ED], np.uint64), np.zeros((N_PIXELS, _WIDTH), np.float32)
    words, found = np.empty((N_PIXELS, SLICES), np.uint16), np.empty((80, N_PIXELS))
    for largest in found:
        digitise(state, constants, 0, waves, words)
        total = np.cumsum(np.pad(words.astype(np.int32), ((0, 0), (1, 0))), axis=1)
        largest[:] = (total[:, WINDOW:] - total[:, :-WINDOW]).max(axis=1) - WINDOW * constants.baseline[0]
    gain = WORDS_PER_LIGHT / (REDUCED_GAIN if hv == "reduced" else 1.0)
    return np.sort(found.ravel())[_even(16384, found.size)] / gain


def _even(n: int, of: int) -> NDArray[np.int64]:
    """Places of `n` even steps of probability in a sorted list."""
    return ((np.arange(n) + 0.5) * of / n).astype(np.int64)
