"""Calibration constants of one telescope: what a pedestal and a calibration run tell, and the file that keeps it.

The file ``scalib<run of the calibration>_M<t>.root`` has the trees ``RunHeaders`` (of the calibration run),
``Constants`` (an entry for each pixel) and ``Camera`` (one entry), the card and the command line. What MARS' own file
of that name holds is not public; names of trees and branches are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from openmars.camera import N_PIXELS
from openmars.core.errors import InputError
from openmars.io import headers, open_root, write_root
from openmars.io.calibrated import PEDESTAL_KINDS

PIXELS, CAMERA = "Constants", "Camera"
_COLUMNS = {
    "baseline": "fBaseline",
    "sample_rms": "fSampleRms",
    "charge": "fChargeMean",
    "charge_rms": "fChargeRms",
    "pixel_phe": "fPhe",
    "factor": "fConversion",
    "error": "fConversionErr",
    "delay": "fTimeOffset",
    "time_rms": "fTimeRms",
    "status": "fStatus",
}
_NUMBERS = {
    "telescope": "fTelescopeNumber",
    "day": "fMjd",
    "pedestal_run": "fPedestalRun",
    "calibration_run": "fCalibrationRun",
    "pedestal_events": "fNumPedestalEvents",
    "calibration_events": "fNumCalibrationEvents",
    "window": "fWindowSize",
}


@dataclass(frozen=True)
class Constants:
    """Constants of one telescope; arrays are [1039] where nothing else is said.

    Attributes
    ----------
    telescope, day, pedestal_run, calibration_run
        Of what they were made; the day is the MJD of sunrise.
    pedestal_events, calibration_events
        How many were used.
    window
        Slices of the extractor's window.
    phe, phe_error
        Average number of photo-electrons of a light pulse.
    baseline, sample_rms
        Level without light and standard deviation of the samples, words.
    pedestal_mean, pedestal_rms
        Of the charges without light, words, [3, 1039] in the order of `PEDESTAL_KINDS`.
    charge, charge_rms
        Of the light pulses, words.
    pixel_phe
        Photo-electrons of a pulse by the pixel's own spread.
    factor, error
        Photo-electrons per word and its standard error; 0 for bad pixels.
    delay, time_rms
        Arrival of the pulses relative to the camera's median, and its spread, slices.
    status
        What is wrong: bits of `openmars.calib.ffactor`.
    """

    telescope: int
    day: int
    pedestal_run: int
    calibration_run: int
    pedestal_events: int
    calibration_events: int
    window: int
    phe: float
    phe_error: float
    baseline: np.ndarray
    sample_rms: np.ndarray
    pedestal_mean: np.ndarray
    pedestal_rms: np.ndarray
    charge: np.ndarray
    charge_rms: np.ndarray
    pixel_phe: np.ndarray
    factor: np.ndarray
    error: np.ndarray
    delay: np.ndarray
    time_rms: np.ndarray
    status: np.ndarray

    @property
    def good(self) -> np.ndarray:
        """Pixels that can be used, bool [1039]."""
        return self.status == 0

    @property
    def file_name(self) -> str:
        """Name of their file."""
        return f"scalib{self.calibration_run:08d}_M{self.telescope}.root"


def write_constants(path: Path, constants: Constants, info: headers.RunInfo, texts: dict[str, str]) -> None:
    """Write them to a file.

    Parameters
    ----------
    path
        The file.
    constants
        What to write.
    info
        Header of the calibration run.
    texts
        Kept by name.
    """
    pixels: dict[str, Any] = {"fPixel": np.arange(N_PIXELS, dtype=np.int16)}
    for name, branch in _COLUMNS.items():
        pixels[branch] = getattr(constants, name).astype(np.int32 if name == "status" else np.float64)
    for kind, mean, rms in zip(PEDESTAL_KINDS, constants.pedestal_mean, constants.pedestal_rms, strict=True):
        pixels |= {f"fPed{kind}Mean": mean.astype(float), f"fPed{kind}Rms": rms.astype(float)}
    good = constants.good
    camera: dict[str, Any] = {
        branch: np.array([getattr(constants, name)], np.int32) for name, branch in _NUMBERS.items()
    }
    camera |= {
        "fPhe": np.array([constants.phe]),
        "fPheErr": np.array([constants.phe_error]),
        "fConversionMean": np.array([constants.factor[good].mean()]),
        "fConversionRms": np.array([constants.factor[good].std()]),
        "fNumBadPixels": np.array([np.count_nonzero(~good)], np.int32),
    }
    head = headers.run_headers(info, constants.calibration_events, bad_pixels=~good)
    write_root(path, {"RunHeaders": head, "RunTails": headers.run_tails(), CAMERA: camera, PIXELS: pixels}, texts)


def read_constants(path: Path) -> Constants:
    """Read them from a file; InputError if it is missing, damaged, or holds none."""
    file = open_root(path)
    if not {PIXELS, CAMERA} <= set(file.trees()) or "fConversion" not in file.branches(PIXELS):
        raise InputError(f"{path}: it holds no calibration constants; expected scalib<run>_M<t>.root of sorcerer -c")
    pixels, camera = file.read(PIXELS), file.read(CAMERA)
    if len(pixels["fConversion"]) != N_PIXELS or len(camera["fPhe"]) != 1:
        raise InputError(f"{path}: constants of {len(pixels['fConversion'])} pixels; expected {N_PIXELS}")
    columns = {name: pixels[branch] for name, branch in _COLUMNS.items()}
    numbers = {name: int(camera[branch][0]) for name, branch in _NUMBERS.items()}
    pedestals = {
        f"pedestal_{name.lower()}": np.array([pixels[f"fPed{kind}{name}"] for kind in PEDESTAL_KINDS])
        for name in ("Mean", "Rms")
    }
    fields: dict[str, Any] = columns | numbers | pedestals
    return Constants(phe=float(camera["fPhe"][0]), phe_error=float(camera["fPheErr"][0]), **fields)
