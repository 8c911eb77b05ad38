"""What the forests and tables look at, from the branches of a superstar file.

Every feature has a name that is kept with the forest, so that melibea computes what coach trained with.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

MM_TO_DEG = 0.00337
"""Camera scale, degrees per millimetre (as ctapipe_io_magic uses it)."""
CM_TO_M = 0.01

_IMAGE = (
    "MHillas_{t}.fSize",
    "MHillas_{t}.fWidth",
    "MHillas_{t}.fLength",
    "MHillas_{t}.fMeanX",
    "MHillas_{t}.fMeanY",
    "MHillas_{t}.fCosDelta",
    "MHillas_{t}.fSinDelta",
    "MHillasExt_{t}.fM3Long",
    "MHillasTimeFit_{t}.fP1Grad",
    "MNewImagePar_{t}.fLeakage1",
    "MImagePar_{t}.fNumIslands",
    "MStereoPar.fM{t}Impact",
)
BRANCHES = (
    *(name.format(t=t) for t in (1, 2) for name in _IMAGE),
    "MStereoPar.fDirectionX",
    "MStereoPar.fDirectionY",
    "MStereoPar.fMaxHeight",
    "MPointingPos_1.fZd",
)
"""Branches of the tree ``Events`` that the features need."""

_PER_IMAGE = ("log_size", "width", "length", "log_density", "impact", "m3long", "time_gradient", "leakage")
HADRONNESS = (*(f"{name}_{t}" for name in _PER_IMAGE for t in (1, 2)), "max_height", "islands")
"""Features of the gamma/hadron forest. No zenith distance and nothing of the position in the camera: in these the
samples differ for reasons that have nothing to do with what the particle was."""

_LIGHT = ("log_size", "width", "length", "impact", "leakage", "distance")
ENERGY = (*(f"{name}_{t}" for name in _LIGHT for t in (1, 2)), "max_height", "cos_zenith")
"""Features of the energy forest."""


def disp_features(telescope: int) -> tuple[str, ...]:
    """Features of a telescope's disp forest: nothing of the side on which the stereo direction is."""
    own = ("log_size", "width", "length", "elongation", "log_density", "leakage", "abs_m3long", "headed_time_gradient",
           "impact", "distance")  # fmt: skip
    return (*(f"{name}_{telescope}" for name in own), "max_height", "cos_zenith")


def build(names: Iterable[str], events: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Compute features by name.

    Parameters
    ----------
    names : iterable of str
        Features, as in `HADRONNESS`, `ENERGY` or of `disp_features`.
    events : dict of ndarray
        The `BRANCHES`.

    Returns
    -------
    dict of ndarray
        Finite single-precision numbers by name. Lengths are in deg, distances on the ground in m, height in km.

    Raises
    ------
    KeyError
        For a name that no feature has.
    """
    return {name: _finite(_one(name, events)) for name in names}


def _finite(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(values, nan=-1.0, posinf=1e6, neginf=-1e6).astype(np.float32)


def _one(name: str, events: dict[str, np.ndarray]) -> np.ndarray:
    if name == "max_height":
        return np.clip(events["MStereoPar.fMaxHeight"], 0, 40e5) * CM_TO_M / 1000
    if name == "cos_zenith":
        return np.cos(np.radians(events["MPointingPos_1.fZd"]))
    if name == "islands":
        return events["MImagePar_1.fNumIslands"].astype(float) + events["MImagePar_2.fNumIslands"]
    feature, _, telescope = name.rpartition("_")
    return _OF_IMAGE[feature](events, telescope)


def _log_size(events: dict[str, np.ndarray], t: str) -> np.ndarray:
    return np.log10(np.maximum(events[f"MHillas_{t}.fSize"], 1e-3))


def _log_density(events: dict[str, np.ndarray], t: str) -> np.ndarray:
    """Photo-electrons per deg² of the ellipse; a width of zero (few pixels in a row) counts as 0.01 deg."""
    area = np.maximum(_width(events, t), 0.01) * np.maximum(_length(events, t), 0.01)
    return _log_size(events, t) - np.log10(area)


def _width(events: dict[str, np.ndarray], t: str) -> np.ndarray:
    return events[f"MHillas_{t}.fWidth"] * MM_TO_DEG


def _length(events: dict[str, np.ndarray], t: str) -> np.ndarray:
    return events[f"MHillas_{t}.fLength"] * MM_TO_DEG


def _elongation(events: dict[str, np.ndarray], t: str) -> np.ndarray:
    return _width(events, t) / np.maximum(_length(events, t), 1e-3)


def _impact(events: dict[str, np.ndarray], t: str) -> np.ndarray:
    return np.clip(events[f"MStereoPar.fM{t}Impact"] * CM_TO_M, -1.0, 1000.0)


def _leakage(events: dict[str, np.ndarray], t: str) -> np.ndarray:
    return events[f"MNewImagePar_{t}.fLeakage1"]


def _towards(events: dict[str, np.ndarray], t: str) -> tuple[np.ndarray, np.ndarray]:
    """Vector from the image's centre to the stereo direction, deg."""
    return (
        events["MStereoPar.fDirectionX"] - events[f"MHillas_{t}.fMeanX"] * MM_TO_DEG,
        events["MStereoPar.fDirectionY"] - events[f"MHillas_{t}.fMeanY"] * MM_TO_DEG,
    )


def _side(events: dict[str, np.ndarray], t: str) -> np.ndarray:
    """+1 where the stereo direction lies at the positive end of the image's axis, else -1."""
    dx, dy = _towards(events, t)
    along = dx * events[f"MHillas_{t}.fCosDelta"] + dy * events[f"MHillas_{t}.fSinDelta"]
    return np.where(along >= 0, 1.0, -1.0)


def _distance(events: dict[str, np.ndarray], t: str) -> np.ndarray:
    """From the image's centre to where the axes of both images cross, deg."""
    return np.clip(np.hypot(*_towards(events, t)), 0, 5)


def _m3long(events: dict[str, np.ndarray], t: str) -> np.ndarray:
    """Third moment along the axis, counted towards the stereo direction, deg."""
    return events[f"MHillasExt_{t}.fM3Long"] * MM_TO_DEG * _side(events, t)


def _time_gradient(events: dict[str, np.ndarray], t: str) -> np.ndarray:
    """Time gradient along the axis, counted towards the stereo direction."""
    return events[f"MHillasTimeFit_{t}.fP1Grad"] * _side(events, t)


def heading(events: dict[str, np.ndarray], telescope: int | str) -> np.ndarray:
    """+1 where the third moment is positive along the image's axis, else -1: a direction that the image itself has."""
    return np.where(events[f"MHillasExt_{telescope}.fM3Long"] >= 0, 1.0, -1.0)


def _abs_m3long(events: dict[str, np.ndarray], t: str) -> np.ndarray:
    return np.abs(events[f"MHillasExt_{t}.fM3Long"] * MM_TO_DEG)


def _headed_time_gradient(events: dict[str, np.ndarray], t: str) -> np.ndarray:
    """Time gradient along the axis, counted in the direction of the third moment."""
    return events[f"MHillasTimeFit_{t}.fP1Grad"] * heading(events, t)


_OF_IMAGE = {
    "log_size": _log_size,
    "log_density": _log_density,
    "width": _width,
    "length": _length,
    "elongation": _elongation,
    "impact": _impact,
    "leakage": _leakage,
    "distance": _distance,
    "m3long": _m3long,
    "time_gradient": _time_gradient,
    "abs_m3long": _abs_m3long,
    "headed_time_gradient": _headed_time_gradient,
}
