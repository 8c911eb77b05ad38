"""Pixels that are not to be used, and noise that is to be added."""

from __future__ import annotations

import numpy as np

from openmars.camera import N_PIXELS
from openmars.core.env import Env

UNSUITABLE_BIT = 2
"""Bit of the second word of a pixel in ``MBadPixelsCam`` that tells it is unsuitable (ctapipe_io_magic)."""
STATUS_WORDS = 4
DIM_PHE = 8.0
"""Charge below which a pulse no longer tells the extractor where to look (as magic-cta-pipe adds noise)."""


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

    Every pixel gets Gaussian noise that brings its pedestal rms to ``NewNoiseRMS``. A pixel with less than
    `DIM_PHE` also gets what its pedestal mean lacks of ``NewNoiseMean``, the bias of an extractor that searches the
    largest sum, which more noise makes larger where there is no pulse. Where the noise is larger than
    the charge was, the arrival time is drawn anew. How MARS does it is not public; of its methods 2 is known to
    be in use, and the only one here. The two values are those of the extractor that looks for the largest sum: people
    of MAGIC take them from the plots ``IntPedEx`` (interleaved pedestals, from the extractor) of sorcerer's summaries.
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
        bias = np.maximum(self.mean - np.asarray(mean, float), 0.0).astype(np.float32)
        random = np.random.Generator(np.random.PCG64([self.seed, *key]))
        for q, t in zip(charge[:, :N_PIXELS], time[:, :N_PIXELS], strict=True):
            noise = random.standard_normal(N_PIXELS, dtype=np.float32) * extra
            lost = noise > np.maximum(q, 0.0)
            t[lost] = random.random(int(lost.sum()), dtype=np.float32) * np.float32(slices)
            q += noise + np.where(q < DIM_PHE, bias, np.float32(0.0))
