"""The F-factor method: how many photo-electrons a word of the readout is worth, and which pixels cannot be used.

Light pulses of equal strength give a pixel a charge with mean Q and variance s². Without light it has the variance p².
What is left is that of the photo-electrons, widened by the multiplier: s² - p² = F² Q² / N, so N = F² Q² / (s² - p²)
(Mirzoyan & Lorenz 1997, Proc. 25th ICRC 7, 265). Each N is known poorly, their average over the camera well. With the
average N for all pixels, N / Q is the conversion, and the camera is flat: that a pixel sees less light than others,
because its cathode is less sensitive, is corrected as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from openmars.core.env import Env
from openmars.core.errors import ProgramError

DEAD, NOISY, UNSUITABLE, UNSTABLE = 1, 2, 4, 8
"""Bits of a pixel's status: sees no light; too much noise; no sound conversion; pulses not where they belong."""
STATUS_NAMES = {DEAD: "dead", NOISY: "noisy", UNSUITABLE: "without a sound conversion", UNSTABLE: "unsteady in time"}
MAD_IN_SIGMA = 1.4826
FEWEST_EVENTS = 10
"""With fewer pulses a variance means nothing."""


@dataclass(frozen=True)
class Rules:
    """When a pixel is bad, as the card says; the limits are in units of the camera's median where nothing else is said.

    Attributes
    ----------
    excess_noise
        F², the excess noise factor of the photomultipliers, squared.
    dead
        Charge of the pulses below which a pixel is dead.
    noise_min, noise_max
        Noise of a window (photo-electrons) below and above which a pixel is bad.
    phe_min, phe_max
        Number of photo-electrons below and above which a conversion is not sound.
    outlier
        Standard deviations from the median beyond which a pixel is left out of the camera's average, and an event out
        of a pixel's.
    time_rms_max
        Spread of the arrival times of the pulses (slices) above which a pixel is bad.
    light
        Take the common fluctuation of the light pulses off the variances.
    """

    excess_noise: float = 1.2
    dead: float = 0.2
    noise_min: float = 0.3
    noise_max: float = 2.0
    phe_min: float = 0.4
    phe_max: float = 2.5
    outlier: float = 5.0
    time_rms_max: float = 3.0
    light: bool = True

    @classmethod
    def of(cls, env: Env) -> Rules:
        """Read the card; ProgramError where its numbers make no sense."""
        calc, bad = env.task("MJSorcerer", "MCalibrationCalc"), env.task("MJSorcerer", "MBadPixelsCalc")
        new = cls(
            excess_noise=calc.get_float("ExcessNoise", 1.2),
            dead=bad.get_float("DeadCharge", 0.2),
            noise_min=bad.get_float("NoiseMin", 0.3),
            noise_max=bad.get_float("NoiseMax", 2.0),
            phe_min=bad.get_float("PheMin", 0.4),
            phe_max=bad.get_float("PheMax", 2.5),
            outlier=calc.get_float("Outlier", 5.0),
            time_rms_max=bad.get_float("TimeRmsMax", 3.0),
            light=calc.get_bool("SubtractLightFluctuation", True),
        )
        if new.excess_noise < 1 or new.outlier < 2:
            raise ProgramError("MJSorcerer.MCalibrationCalc: ExcessNoise is at least 1, and Outlier at least 2")
        if not (0 <= new.noise_min < 1 < new.noise_max and 0 <= new.phe_min < 1 < new.phe_max and 0 <= new.dead < 1):
            raise ProgramError("MJSorcerer.MBadPixelsCalc: the limits below are to be under 1, those above over 1")
        return new


@dataclass(frozen=True)
class Pulses:
    """What calibration pulses look like in each pixel, [1039] each.

    Attributes
    ----------
    mean, variance
        Of the charges, words.
    time, time_rms
        Arrival time relative to the camera's median and its spread, slices.
    events
        Number of pulses.
    """

    mean: np.ndarray
    variance: np.ndarray
    time: np.ndarray
    time_rms: np.ndarray
    events: int


def pulses(charge: np.ndarray, time: np.ndarray, rules: Rules) -> Pulses:
    """Mean and variance of the charges of calibration events, robust against outlying events.

    Events in which most pixels have less than half or more than twice their usual charge are no pulses and left out.

    Parameters
    ----------
    charge, time
        Of the events: words and slices, [n, 1039].
    rules
        What is an outlier.
    """
    usual = np.median(charge, axis=0)
    lit = usual > rules.dead * np.median(usual)
    light = np.median(charge[:, lit] / usual[lit], axis=1) if lit.any() else np.zeros(len(charge))
    kept = (light > 0.5) & (light < 2.0)
    charge, time, light = charge[kept].astype(float), time[kept].astype(float), light[kept]
    if len(charge) < 2:
        nothing = np.zeros(len(usual))
        return Pulses(nothing, nothing, nothing, nothing, len(charge))
    time = time - np.median(time[:, lit], axis=1)[:, None]
    mean, variance = _clipped(charge, rules.outlier)
    when, spread = _clipped(time, rules.outlier)
    if rules.light:
        # a median of many pixels has next to no noise of its own: what is left are the pulses
        common = float(_clipped(light[:, None], rules.outlier)[1][0])
        own = np.pi / 2 * float(np.median(variance[lit] / mean[lit] ** 2)) / np.count_nonzero(lit)
        variance = variance - max(common - own, 0.0) * mean**2
    return Pulses(mean, variance, when, np.sqrt(spread), len(charge))


def _clipped(values: np.ndarray, outlier: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and (unbiased) variance of columns [n, m], without what is further than `outlier` sigma from the median."""
    middle = np.median(values, axis=0)
    quartiles = np.percentile(values, [25, 75], axis=0)
    sigma = (quartiles[1] - quartiles[0]) / 1.349
    inside = np.abs(values - middle) <= outlier * np.maximum(sigma, 1e-9) + 1e-6 * np.abs(middle)
    n = np.maximum(inside.sum(axis=0), 2)
    off = np.where(inside, values - middle, 0.0)
    mean = off.sum(axis=0) / n
    return middle + mean, np.maximum((off**2).sum(axis=0) - n * mean**2, 0.0) / (n - 1)


@dataclass(frozen=True)
class Conversion:
    """What the F-factor method finds.

    Attributes
    ----------
    phe
        Average number of photo-electrons of a pulse, over the camera.
    phe_error
        Its standard error.
    pixel_phe
        Number of each pixel by itself, [1039]; 0 where there is none.
    factor
        Photo-electrons per word, [1039]; 0 for a dead pixel.
    error
        Standard error of the factor, without that of `phe`, which all pixels share, [1039].
    status
        Bits of what is wrong with the pixel, [1039].
    """

    phe: float
    phe_error: float
    pixel_phe: np.ndarray
    factor: np.ndarray
    error: np.ndarray
    status: np.ndarray

    @property
    def good(self) -> np.ndarray:
        """Pixels of which nothing is wrong, bool [1039]."""
        return self.status == 0


def convert(found: Pulses, noise: np.ndarray, rules: Rules) -> Conversion:
    """Conversion factors of all pixels, and which pixels are bad.

    Parameters
    ----------
    found
        The pulses.
    noise
        Standard deviation of a window without light, words, [1039].
    rules
        Of the card.

    Raises
    ------
    ProgramError
        If there is no light in the camera, or too few pulses.
    """
    if found.events < FEWEST_EVENTS or not np.any(found.mean > 0):
        raise ProgramError(f"{found.events} light pulses in the calibration events; {FEWEST_EVENTS} are the least")
    mean = np.maximum(found.mean, 1e-30)
    lit = (found.mean > rules.dead * np.median(found.mean[found.mean > 0])) & (noise > 0)
    own = found.variance - noise**2
    if np.count_nonzero(lit & (own > 0)) < len(mean) // 4:
        raise ProgramError("most pixels see no light pulses: is it a calibration run, taken with the lids open?")
    # 1/N is averaged: it is proportional to the variances, which are right on average however few the pulses
    inverse = np.where(lit, own / (rules.excess_noise * mean**2), 0.0)
    average, spread = _clipped(inverse[lit][:, None], rules.outlier)
    phe = float(1 / average[0])
    relative = np.where(lit, inverse * phe, 1.0)
    sure = np.abs(relative - 1) > rules.outlier * np.sqrt(2 / found.events)
    factor = np.where(lit, phe / mean, 0.0)
    status = np.where(lit, 0, DEAD).astype(np.int32)
    status[sure & ((relative * rules.phe_min > 1) | (relative * rules.phe_max < 1))] |= UNSUITABLE
    status[lit & (found.time_rms > rules.time_rms_max)] |= UNSTABLE
    window = noise * factor
    usual = np.median(window[lit])
    status[lit & ((window < rules.noise_min * usual) | (window > rules.noise_max * usual))] |= NOISY
    return Conversion(
        phe=phe,
        phe_error=float(phe**2 * np.sqrt(spread[0] / np.count_nonzero(lit))),
        pixel_phe=np.where(inverse > 0, 1 / np.where(inverse > 0, inverse, 1.0), 0.0),
        factor=factor,
        error=factor * np.sqrt(np.maximum(found.variance, 0.0) / found.events) / mean,
        status=status,
    )
