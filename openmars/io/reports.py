"""Reports of the sky and the site in calibrated data: currents, lidar, pyrometer, starguider, weather."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .rootwrite import Column
from .times import to_mtime

DARK_CURRENT_NA = 1100.0
"""Median anode current of a pixel in a dark night (recollected, not published; see the conditions)."""

REDUCED_GAIN = 1.7
"""Factor by which reduced high voltage lowers the gain (Ahnen et al. 2017, arXiv:1704.00906), and so the current."""

LASER_KM = (3, 6, 9, 12)
"""Heights from which the lidar gives the transmission, km."""

_LASER_ZERO = """
MReport.fUniqueID MReport.fBits MReport.fBadReport MReport.fState fIsOffsetCorrection fIsOffsetFitted
fIsBGCorrection fIsT0ShiftFitted fIsUseGDAS fIsUpwardMoving fOverShoot fUnderShoot fBGSamples
fFullOverlap fEndGroundLayer fPheCounts fCalimaness fCloudLayerAlt fCloudLayerDens fOffset
fOffset_Calculated fOffset_Fitted fOffset2 fOffset3 fBackground1 fBackground2 fBackgroundErr1
fBackgroundErr2 fRangeMax fRangeMax_Clouds fErrorCode fScaleHeight_fit fAlpha_fit fChi2Alpha_fit
fAlpha_firstY fAlpha_Junge fPBLHeight fChi2Full_fit fSignalSamples fHWSwitch fHWSwitchMaxOffset
fNCollapse fShots fT0Shift fInterval_0 fRCS_min_perfect fRCS_min_clouds fRCS_min_mol fLIDAR_ratio
fLIDAR_ratio_Cloud fLIDAR_ratio_Junge fKlett_k
"""


@dataclass(frozen=True)
class Sky:
    """Conditions that the reports tell of.

    Attributes
    ----------
    nsb_level
        Night-sky background in units of the dark one.
    transmission
        Of the air between 9 km and the ground, relative to a clear night.
    cloudiness
        Percent, as the pyrometer has it.
    hv
        Setting of the photomultipliers' high voltage: ``nominal`` or ``reduced``.
    """

    nsb_level: float = 1.0
    transmission: float = 1.0
    cloudiness: float = 15.0
    hv: str = "nominal"


@dataclass(frozen=True)
class Layer:
    """What the lidar finds of a layer of haze or cloud.

    Attributes
    ----------
    transmission
        Of the layer, from 3, 6, 9 and 12 km above the telescopes to the ground, for each report: [n, 4].
    cloud
        Height of the base of a cloud above the telescopes, km; 0 for none.
    """

    transmission: np.ndarray
    cloud: float = 0.0


def _column(value: float, n: int) -> np.ndarray:
    return np.full(n, value, np.float32)


def laser_tree(
    day: int, seconds: np.ndarray, sky: Sky, zd: np.ndarray, az: np.ndarray, layer: Layer | None = None
) -> dict[str, Column]:
    """The tree ``Laser``: transmissions from 3, 6, 9 and 12 km to the ground; the fit's inner values are zero.

    Whether heights are above the telescopes, whether transmissions are vertical ones, and the unit of the height of a
    cloud (here km) is not public.
    """
    n = len(seconds)
    tree: dict[str, Column] = {f"MReportLaser.{name}": np.zeros(n, np.float32) for name in _LASER_ZERO.split()}
    clear = [_column(sky.transmission**share, n) for share in (0.6, 0.9, 1.0, 1.0)]
    ground = _column(sky.transmission**0.5, n)
    tree |= {f"MReportLaser.fTransmission{height}km": each for height, each in zip(LASER_KM, clear, strict=True)}
    tree |= {
        "MReportLaser.fGroundLayerTrans": ground,
        "MReportLaser.fZenith": np.asarray(zd, np.float32),
        "MReportLaser.fAzimuth": np.asarray(az, np.float32),
    }
    if layer is not None:
        for i, height in enumerate(LASER_KM):
            tree[f"MReportLaser.fTransmission{height}km"] = clear[i] * layer.transmission[:, i].astype(np.float32)
        tree["MReportLaser.fGroundLayerTrans"] = ground * layer.transmission[:, 0].astype(np.float32)
        tree["MReportLaser.fCloudLayerAlt"] = _column(layer.cloud, n)
    return tree | to_mtime("MTimeLaser", day, seconds)


def _light(sky: Sky, n: int, nsb: np.ndarray | None) -> np.ndarray:
    """Night-sky background at each moment: as it is given, or that of the sky."""
    return np.full(n, sky.nsb_level, float) if nsb is None else np.asarray(nsb, float)


def camera_tree(day: int, seconds: np.ndarray, sky: Sky, nsb: np.ndarray | None = None) -> dict[str, Column]:
    """The tree ``Camera``: the median anode current (nA), which follows the night-sky background, and the file of
    high voltages that is loaded (a member of the public fork's ``MCameraHV``; what it names is our own).

    `nsb` is the background at each moment, where it is not always that of `sky`."""
    n = len(seconds)
    gain = 1 / REDUCED_GAIN if sky.hv == "reduced" else 1.0
    return {
        "MReportCamera.fMedianDC": (DARK_CURRENT_NA * _light(sky, n, nsb) * gain).astype(np.float32),
        "MCameraHV.fFileName": np.full(n, sky.hv),
        **to_mtime("MTimeCamera", day, seconds),
    }


def pyrometer_tree(day: int, seconds: np.ndarray, sky: Sky) -> dict[str, Column]:
    """The tree ``Pyrometer``: temperatures (K) and cloudiness (percent)."""
    n = len(seconds)
    return {
        "MReportPyrometer.fTempSky": _column(205.0, n),
        "MReportPyrometer.fTempAir": _column(283.0, n),
        "MReportPyrometer.fCloudiness": _column(sky.cloudiness, n),
        "MReportPyrometer.fLidOpen": np.ones(n, bool),
        **to_mtime("MTimePyrometer", day, seconds),
    }


def starguider_tree(
    day: int, seconds: np.ndarray, sky: Sky, zd: np.ndarray, az: np.ndarray, nsb: np.ndarray | None = None
) -> dict[str, Column]:
    """The tree ``Starguider``: no mispointing is simulated, so deviations (arcmin) are zero.

    `nsb` is the background at each moment, where it is not always that of `sky`."""
    n = len(seconds)
    return {
        "MReportStarguider.fMjd": day + np.asarray(seconds, float) / 86400.0,
        "MReportStarguider.fDevZd": np.zeros(n),
        "MReportStarguider.fDevAz": np.zeros(n),
        "MReportStarguider.fNominalZd": np.asarray(zd, float),
        "MReportStarguider.fNominalAz": np.asarray(az, float),
        "MReportStarguider.fCameraCenterX": _column(0, n),
        "MReportStarguider.fCameraCenterY": _column(0, n),
        "MReportStarguider.fNumIdentifiedStars": np.full(n, 60, np.uint32),
        "MReportStarguider.fNumCorrelatedStars": np.full(n, 40, np.uint32),
        "MReportStarguider.fSkyBrightness": _light(sky, n, nsb),
        **to_mtime("MTimeStarguider", day, seconds),
    }


def weather_tree(day: int, seconds: np.ndarray) -> dict[str, Column]:
    """The tree ``Weather``: temperature (°C), humidity (percent), pressure (hPa), wind (km/h, degrees)."""
    n = len(seconds)
    values = {
        "fTemperature": 10.0,
        "fHumidity": 25.0,
        "fPressure": 788.0,
        "fWindSpeed": 8.0,
        "fWindDirection": 330.0,
    }
    tree: dict[str, Column] = {f"MReportWeather.{name}": _column(value, n) for name, value in values.items()}
    return tree | to_mtime("MTimeWeather", day, seconds)
