"""Parameters of images as the branches of MARS: mm, degrees, single precision."""

from __future__ import annotations

import numpy as np

from openmars.camera import PIXEL_AREA_MM2
from openmars.imaging.images import Images

MM = 1000.0


def image_columns(images: Images, kept: np.ndarray) -> dict[str, np.ndarray]:
    """``MHillas``, ``MHillasExt``, ``MHillasTimeFit``, ``MImagePar``, ``MNewImagePar`` of the kept images.

    The time gradient ``fP1Grad`` is in ns/mm here; the unit of MARS is not public. ``fNumSatPixels*`` are not
    known from calibrated files and stay zero.
    """
    v = {name: images[name][kept] for name in _NEEDED}
    zero = np.zeros(len(kept))
    floats = {
        "MHillas.fLength": v["length"] * MM,
        "MHillas.fWidth": v["width"] * MM,
        "MHillas.fDelta": v["delta"],
        "MHillas.fSize": v["size"],
        "MHillas.fMeanX": v["mean_x"] * MM,
        "MHillas.fMeanY": v["mean_y"] * MM,
        "MHillas.fSinDelta": np.sin(v["delta"]),
        "MHillas.fCosDelta": np.cos(v["delta"]),
        "MHillasExt.fAsym": v["asymmetry"] * MM,
        "MHillasExt.fM3Long": v["m3_long"] * MM,
        "MHillasExt.fM3Trans": v["m3_trans"] * MM,
        "MHillasExt.fSlopeLong": v["slope_long"] / MM,
        "MHillasExt.fSlopeTrans": v["slope_trans"] / MM,
        "MHillasExt.fTimeSpread": v["time_spread"],
        "MHillasExt.fTimeSpreadWeighted": v["time_spread_weighted"],
        "MHillasTimeFit.fP1Grad": v["slope"] / MM,
        "MHillasTimeFit.fP1Const": v["intercept"],
        "MHillasTimeFit.fP1Chi2": v["deviation"],
        "MImagePar.fSizeSinglePixels": v["size_single"],
        "MImagePar.fSizeSubIslands": v["size_sub"],
        "MImagePar.fSizeMainIsland": v["size_main"],
        "MNewImagePar.fLeakage1": v["leakage1"],
        "MNewImagePar.fLeakage2": v["leakage2"],
        "MNewImagePar.fConc": v["conc"],
        "MNewImagePar.fConc1": v["conc1"],
        "MNewImagePar.fConcCOG": v["conc_cog"],
        "MNewImagePar.fConcCore": v["conc_core"],
        "MNewImagePar.fUsedArea": v["n_used"] * PIXEL_AREA_MM2,
        "MNewImagePar.fCoreArea": v["n_core"] * PIXEL_AREA_MM2,
    }
    shorts = {
        "MImagePar.fNumIslands": v["n_islands"],
        "MImagePar.fNumSinglePixels": v["n_single"],
        "MImagePar.fNumSatPixelsHG": zero,
        "MImagePar.fNumSatPixelsLG": zero,
        "MNewImagePar.fNumUsedPixels": v["n_used"],
        "MNewImagePar.fNumCorePixels": v["n_core"],
    }
    out = {name: value.astype(np.float32) for name, value in floats.items()}
    return out | {name: value.astype(np.int16) for name, value in shorts.items()}


_NEEDED = (
    "size", "mean_x", "mean_y", "length", "width", "delta", "m3_long", "m3_trans", "asymmetry", "slope",
    "intercept", "deviation", "leakage1", "leakage2", "n_used", "n_core", "n_islands", "conc1", "conc", "conc_cog",
    "conc_core", "size_main", "size_sub", "n_single", "size_single", "time_spread", "time_spread_weighted",
    "slope_long", "slope_trans",
)  # fmt: skip


def source_columns(hillas: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """``MSrcPosCam`` and ``MHillasSrc``: the image as seen from the source at `x`, `y` (mm).

    ``fAlpha`` is the angle (-90 … 90 deg) from the axis of the image to the line from the source to its centre,
    ``fDCA`` the distance of the axis from the centre of the camera with the sign of the side, ``fDCADelta`` the
    direction of the axis (0 … 360 deg); their signs in MARS are not public.

    Examples
    --------
    >>> one = np.array([1.0]); image = {"MHillas.fMeanX": 30 * one, "MHillas.fMeanY": 40 * one,
    ...     "MHillas.fCosDelta": 0.6 * one, "MHillas.fSinDelta": 0.8 * one}
    >>> out = source_columns(image, 0 * one, 0 * one)
    >>> [float(out["MHillasSrc." + name].round(3)[0]) for name in ("fDist", "fAlpha", "fCosDeltaAlpha", "fDCA")]
    [50.0, 0.0, 1.0, 0.0]
    """
    cos, sin = hillas["MHillas.fCosDelta"].astype(float), hillas["MHillas.fSinDelta"].astype(float)
    mean_x, mean_y = hillas["MHillas.fMeanX"].astype(float), hillas["MHillas.fMeanY"].astype(float)
    from_x, from_y = mean_x - x, mean_y - y
    distance = np.hypot(from_x, from_y)
    safe = np.where(distance > 0, distance, 1.0)
    across = (cos * from_y - sin * from_x) / safe
    along = (cos * from_x + sin * from_y) / safe
    closest = cos * mean_y - sin * mean_x
    out = {
        "MSrcPosCam.fX": x,
        "MSrcPosCam.fY": y,
        "MHillasSrc.fAlpha": np.degrees(np.arcsin(np.clip(across, -1, 1))) * np.where(along < 0, -1.0, 1.0),
        "MHillasSrc.fDist": distance,
        "MHillasSrc.fCosDeltaAlpha": along,
        "MHillasSrc.fDCA": closest,
        "MHillasSrc.fDCADelta": np.degrees(np.arctan2(sin, cos)) % 360.0,
    }
    return {name: (value + 0.0).astype(np.float32) for name, value in out.items()}
