"""Pixels that are not to be used, and noise that is to be added."""

from __future__ import annotations

import math

import numpy as np

from openmars.camera import N_PIXELS
from openmars.core.env import Env

UNSUITABLE_BIT = 2
"""Bit of the second word of a pixel in ``MBadPixelsCam`` that tells it is unsuitable (ctapipe_io_magic)."""
STATUS_WORDS = 4


def dead_pixels(info: np.ndarray) -> np.ndarray:
    """Give the pixels that ``MBadPixelsCam.fArray.fInfo`` calls unsuitable: bool [1039].

    Parameters
    ----------
    info : int array [4 * 1183]
        Four words for each pixel.
    """
    words = np.asarray(info, np.int64).reshape(-1, STATUS_WORDS)
    return (words[:N_PIXELS, 1] & UNSUITABLE_BIT).astype(bool)


def noisy_pixels(rms: np.ndarray, spread: float = 4.5, level: float = 400.0) -> np.ndarray:
    """Give the pixels whose pedestal rms is off those of the others: bool [k, 1039].

    The rule and its numbers are those of ctapipe_io_magic: the mean of what lies between half and one and a half
    times a first mean; further than `spread` standard deviations from it, or a factor `level`, is off.

    Parameters
    ----------
    rms : float array [k, 1039]
        Sets of pedestal rms, phe.

    Examples
    --------
    >>> rms = np.ones((1, 1039)); rms[0, :9] = 1.1; rms[0, 5] = 9.0
    >>> np.flatnonzero(noisy_pixels(rms)[0])
    array([0, 1, 2, 3, 4, 5, 6, 7, 8])
    """
    bad = np.zeros(rms.shape, bool)
    for row, values in zip(bad, np.asarray(rms, float), strict=True):
        first = values[(values > 0) & (values < 200)]
        if not len(first):
            continue
        near = values[(values > 0.5 * first.mean()) & (values < 1.5 * first.mean())]
        if not len(near):
            continue
        mean = near.mean()
        width = spread * np.sqrt(np.mean(near**2) - mean**2)
        row[:] = (values < mean / level) | (values > mean * level) | (values < mean - width) | (values > mean + width)
    return bad


class NoiseAdder:
    """Noise for data that are to look like those of brighter skies: ``MJStar.UseAddNoise``, ``MJStar.MAddNoise.*``.

    The extractor takes the largest sum of a pixel's samples. So noise does two things, and both are done here: it
    fluctuates the sum that was found, by what its pedestal rms lacks of ``NewNoiseRMS``; and elsewhere in the readout
    a sum of noise alone may be larger, which then counts, at a time of its own. That second sum is drawn such that a
    pixel without light comes to mean ``NewNoiseMean`` and rms ``NewNoiseRMS`` (Gaussians; see `other_sum`), and so a
    pixel with much light is not biased, and one with little no more than in samples: sizes of gamma-ray images are
    within 1.5 % those of images simulated under such a sky (tested). How MARS does it is not public; of its methods
    2 is known to be in use, and the only one here. The two values are those of the extractor that looks for the
    largest sum: people of MAGIC take them from the plots ``IntPedEx`` (interleaved pedestals) of sorcerer's summaries.
    """

    def __init__(self, env: Env) -> None:
        self.used = env.get_bool("MJStar.UseAddNoise", False)
        task = env.task("MJStar", "MAddNoise")
        self.method = task.get_int("Method", 2)
        self.mean = task.get_float("NewNoiseMean", 2.0)
        self.rms = task.get_float("NewNoiseRMS", 1.0)
        self.seed = task.get_int("Seed", 1)

    def add(
        self,
        charge: np.ndarray,
        time: np.ndarray,
        mean: np.ndarray,
        rms: np.ndarray,
        slices: int,
        key: tuple[int, ...],
    ) -> None:
        """Add noise in place; the same seed and key give the same.

        Parameters
        ----------
        charge, time : float32 array [n, 1183]
            phe and slices.
        mean, rms : float array [1039]
            Of the pedestals that the charges have, phe.
        slices : int
            Length of the readout.
        key : tuple of int
            Run, subrun and telescope.
        """
        extra = np.sqrt(np.maximum(self.rms**2 - np.asarray(rms, float) ** 2, 0.0)).astype(np.float32)
        other = other_sum(float(np.median(mean)), float(np.median(rms)), self.mean, self.rms)
        random = np.random.Generator(np.random.PCG64([self.seed, *key]))
        for q, t in zip(charge[:, :N_PIXELS], time[:, :N_PIXELS], strict=True):
            q += random.standard_normal(N_PIXELS, dtype=np.float32) * extra
            if other is None:
                continue
            noise = np.float32(other[0]) + np.float32(other[1]) * random.standard_normal(N_PIXELS, dtype=np.float32)
            lost = noise > q
            q[lost] = noise[lost]
            t[lost] = random.random(int(lost.sum()), dtype=np.float32) * np.float32(slices)


def other_sum(mean: float, rms: float, new_mean: float, new_rms: float) -> tuple[float, float] | None:
    """Mean and rms of the largest sum of noise elsewhere in the readout, such that pedestals come out as wanted.

    The charge of a pixel without light is the larger of two Gaussian numbers: what was found, with more noise, and
    this sum. Mean and variance of the larger of two: C. E. Clark 1961, Operations Research 9, 145.

    Parameters
    ----------
    mean, rms
        Of the pedestals as they are.
    new_mean, new_rms
        As they are to be.

    Returns
    -------
    tuple of float, or None
        `None` where the noise that is added makes the mean no larger than wanted without it.

    Examples
    --------
    >>> [round(each, 2) for each in other_sum(2.0, 1.0, 3.18, 1.48)]
    [2.37, 1.98]
    >>> other_sum(2.0, 1.0, 2.0, 1.0) is None
    True
    """
    if new_mean <= mean + 1e-3:
        return None
    own = max(rms, new_rms)
    at, wide = new_mean - 0.5 * new_rms, new_rms
    for _ in range(400):
        both = math.hypot(own, wide)
        off = (mean - at) / both
        part, density = 0.5 * (1 + math.erf(off / math.sqrt(2))), math.exp(-0.5 * off**2) / math.sqrt(2 * math.pi)
        first = mean * part + at * (1 - part) + both * density
        second = (mean**2 + own**2) * part + (at**2 + wide**2) * (1 - part) + (mean + at) * both * density
        at += 0.5 * (new_mean - first)
        wide *= (new_rms / math.sqrt(max(second - first**2, 1e-6))) ** 0.5
    return at, wide
