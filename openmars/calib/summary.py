"""The summary ``ssignal<run>_M<t>.root``: noise and conversion against time.

MARS keeps graphs there, among them ``IntPedEx``, from which the noise of moonlight is taken (MarsUtil). Here each is a
tree of that name with the branches ``fTime`` (MJD), ``fMean`` and ``fRms`` (camera averages of the pedestal mean and of
the pedestal rms of the good pixels, photo-electrons) and ``fNumEvents``: our writer of ROOT files knows trees and
texts only. ``IntPedEx`` are ``FromExtractor``, ``IntPedRnd`` ``FromExtractorRndm``, ``IntPedFun``
``Fundamental`` pedestals;
``IntCal`` has ``fPhe`` (photo-electrons of a light pulse) and ``fConversion`` (mean, photo-electrons a word). The
names other than ``IntPedEx`` are ours. ``Subruns`` has one entry for each file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from openmars.io import Column, write_root
from openmars.io.times import SECONDS_PER_DAY

if TYPE_CHECKING:
    from openmars.calib.subrun import Subrun

GRAPHS = {"IntPedFun": 0, "IntPedEx": 1, "IntPedRnd": 2}
"""Trees of pedestals, and which of `PEDESTAL_KINDS` they show."""


def write_summary(path: Path, subruns: Sequence[Subrun], texts: dict[str, str]) -> None:
    """Write the summary of the subruns of one run and telescope.

    Parameters
    ----------
    path
        The file.
    subruns
        After their calibration.
    texts
        Kept by name: the card, the command line.
    """
    day = subruns[0].reader.info.day
    trees: dict[str, dict[str, Column]] = {}
    sets = [(each, subrun.status == 0) for subrun in subruns for each in subrun.pedestals]
    when = np.array([day + each.seconds / SECONDS_PER_DAY for each, _ in sets])
    for name, kind in GRAPHS.items():
        trees[name] = {
            "fTime": when,
            "fMean": np.array([each.mean[kind][good].mean() for each, good in sets]),
            "fRms": np.array([each.rms[kind][good].mean() for each, good in sets]),
            "fNumEvents": np.array([each.events for each, _ in sets], np.int32),
        }
    lights = [each for subrun in subruns for each in subrun.lights]
    trees["IntCal"] = {
        "fTime": np.array([day + each.seconds / SECONDS_PER_DAY for each in lights]),
        "fPhe": np.array([each.phe for each in lights]),
        "fConversion": np.array([each.conversion for each in lights]),
        "fNumEvents": np.array([each.events for each in lights], np.int32),
    }
    numbers = {
        "fRunNumber": [subrun.reader.info.run for subrun in subruns],
        "fSubRunIndex": [subrun.reader.info.subrun for subrun in subruns],
        "fTelescopeNumber": [subrun.reader.info.telescope for subrun in subruns],
        "fNumEvents": [subrun.reader.n_events for subrun in subruns],
        "fNumPedestalEvents": [subrun.n_pedestals for subrun in subruns],
        "fNumCalibrationEvents": [subrun.n_calibrations for subrun in subruns],
        "fNumBadPixels": [int(np.count_nonzero(subrun.status)) for subrun in subruns],
    }
    trees["Subruns"] = {name: np.array(values, np.int32) for name, values in numbers.items()}
    write_root(path, trees, texts)
