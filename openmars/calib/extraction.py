"""Signals out of samples: baseline, sliding window, pedestals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from openmars.camera import N_PIXELS
from openmars.core.env import Env
from openmars.core.errors import ProgramError
from openmars.core.kernels import load
from openmars.io.calibrated import PEDESTAL_KINDS

_KERNEL = "openmars.calib.kernel"


@dataclass(frozen=True)
class Extractor:
    """How a signal is found in the samples.

    Attributes
    ----------
    window
        Slices whose sum is the signal.
    first, last
        Slices between which it is looked for, both included.
    fixed
        First slice of the window that ``Fundamental`` pedestals take.
    clip
        Samples further from the baseline than so many of their standard deviations do not count for it.
    seed
        Of the places of the windows of ``FromExtractorRndm`` pedestals.
    """

    window: int = 5
    first: int = 0
    last: int = 49
    fixed: int = 5
    clip: float = 5.0
    seed: int = 1

    @classmethod
    def of(cls, env: Env) -> Extractor:
        """Read the card; ProgramError where its numbers do not fit together."""
        task = env.task("MJSorcerer", "MExtractSlidingWindow")
        pedestal = env.task("MJSorcerer", "MPedestalCalc")
        new = cls(
            window=task.get_int("WindowSize", 5),
            first=task.get_int("First", 0),
            last=task.get_int("Last", 49),
            fixed=pedestal.get_int("FixedWindowFirst", 5),
            clip=pedestal.get_float("Clip", 5.0),
            seed=pedestal.get_int("Seed", 1),
        )
        if new.first < 0 or not (1 <= new.window <= new.last - new.first + 1):
            raise ProgramError("MJSorcerer.MExtractSlidingWindow: WindowSize slices do not fit between First and Last")
        if new.fixed < 0 or new.clip < 2:
            raise ProgramError("MJSorcerer.MPedestalCalc: FixedWindowFirst is to be at least 0 and Clip at least 2")
        return new

    def fits(self, slices: int) -> bool:
        """Tell whether a readout is long enough."""
        return self.last < slices and self.fixed + self.window <= slices

    def baselines(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Level of each pixel without light and the standard deviation of its samples, words, float64 [1039] each.

        Parameters
        ----------
        samples
            Of events without signal, uint16 [n, 1039, slices].
        """
        mean, sigma = np.zeros(N_PIXELS), np.zeros(N_PIXELS)
        room = np.zeros(65536, np.int64)
        load(_KERNEL, "baselines")(samples, *samples.shape, self.clip, room, mean, sigma)
        return mean, sigma

    def signals(
        self, samples: np.ndarray, baseline: np.ndarray, factor: np.ndarray, delay: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Charges (words times `factor`) and arrival times (slices) of events, float32 [n, 1039] each.

        Parameters
        ----------
        samples
            uint16 [n, 1039, slices].
        baseline
            Words, [1039].
        factor
            Photo-electrons per word, [1039]; 0 for a pixel that is not used.
        delay
            Taken from the times, slices, [1039].
        """
        shape = samples.shape[:2]
        charge, time = np.empty(shape, np.float32), np.empty(shape, np.float32)
        load(_KERNEL, "extract")(
            samples, *samples.shape, self.first, self.last, self.window, baseline, factor, delay, charge, time
        )
        return charge, time

    def pedestals(self, samples: np.ndarray, number: np.ndarray, baseline: np.ndarray) -> np.ndarray:
        """Charges of pedestal events in three ways, words, float32 [3, n, 1039], in the order of `PEDESTAL_KINDS`.

        ``Fundamental``: in a fixed window; ``FromExtractor``: found by the extractor, so the largest of many sums, and
        its mean is the bias of pixels without light; ``FromExtractorRndm``: in a window at a random place, which is the
        noise under a signal. The meaning is that of the public fork of MARS (``MPedCalcFromLoGain`` with
        ``SetRandomCalculation``).

        Parameters
        ----------
        samples
            uint16 [n, 1039, slices].
        number
            Of the events; with the seed it says where the random windows are.
        baseline
            Words, [1039].
        """
        out = np.empty((len(PEDESTAL_KINDS), *samples.shape[:2]), np.float32)
        load(_KERNEL, "windows")(
            samples, *samples.shape, self.first, self.last, self.window, self.fixed, baseline,
            number.astype(np.int64), self.seed, out[0], out[2],
        )  # fmt: skip
        out[1], _ = self.signals(samples, baseline, np.ones(N_PIXELS), np.zeros(N_PIXELS))
        return out
