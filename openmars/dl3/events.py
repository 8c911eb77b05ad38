"""Reads what DL3 needs of ``_Q_`` files: the events of a run, and those of the gamma Monte Carlo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openmars.core import InputError

MJD_REFERENCE = 52706
"""Day from which DL3 counts seconds (``MJDREFI`` of MAGIC's own DL3 files)."""
MM_TO_DEG = 0.00337
"""Camera scale, degrees per millimetre (as ctapipe_io_magic uses it)."""

_RECONSTRUCTED = (
    "MHadronness.fHadronness",
    "MEnergyEst.fEnergy",
    "MStereoParDisp.fDirectionX",
    "MStereoParDisp.fDirectionY",
    "MHillas_1.fSize",
    "MHillas_2.fSize",
    "MPointingPos_1.fZd",
    "MPointingPos_1.fAz",
)
_DATA = (
    "MStereoParDisp.fDirectionRA",
    "MStereoParDisp.fDirectionDec",
    "MRawEvtHeader_1.fStereoEvtNumber",
    "MTime_1.fMjd",
    "MTime_1.fTime.fMilliSec",
    "MTime_1.fNanoSec",
    "MPointingPos_1.fRa",
    "MPointingPos_1.fDec",
)
_MC = ("MMcEvt_1.fEnergy", "MSrcPosCam_1.fX", "MSrcPosCam_1.fY", "MMcEvt_1.fTelescopeTheta",
       "MMcEvt_1.fTelescopePhi")  # fmt: skip
_SIMULATED = ("MMcEvtBasic_1.fEnergy", "MMcEvtBasic_1.fTelescopeTheta", "MMcEvtBasic_1.fTelescopePhi",
              "MSrcPosCam_1.fX", "MSrcPosCam_1.fY")  # fmt: skip


class NothingLeft(Exception):
    """A run without an event or without effective time."""


@dataclass
class Reconstructed:
    """Reconstructed events, one entry each.

    Attributes
    ----------
    hadronness : ndarray
        0 (gamma) to 1 (hadron).
    energy : ndarray
        Estimated energy, TeV.
    x, y : ndarray
        Reconstructed direction in the camera, deg.
    size : ndarray
        Smaller one of the two image sizes, phe.
    zenith, azimuth : ndarray
        Where the telescopes pointed, deg.
    """

    hadronness: np.ndarray
    energy: np.ndarray
    x: np.ndarray
    y: np.ndarray
    size: np.ndarray
    zenith: np.ndarray
    azimuth: np.ndarray

    def usable(self, min_size: float) -> np.ndarray:
        """Tell which events have both images above a size (phe) and a valid reconstruction."""
        return (self.size > min_size) & (self.energy > 0) & (self.hadronness >= 0) & np.isfinite(self.x + self.y)


@dataclass
class Observation(Reconstructed):
    """Events of one run: also when (s), which, where on the sky (deg); `pointing` and `source` as (RA, Dec);
    `excluded`, begin and end of times (s) that were left out."""

    time: np.ndarray
    event_id: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    run: int
    source_name: str
    source: tuple[float, float]
    pointing: tuple[float, float]
    simulated: bool
    excluded: np.ndarray


@dataclass
class GammaRays(Reconstructed):
    """Events of the gamma Monte Carlo: `true_energy` (TeV), `offset` of the source from the centre (deg),
    `theta2` (deg²), `shower` (index of the simulated conditions); and all simulated showers (``sim_*``)."""

    true_energy: np.ndarray
    offset: np.ndarray
    theta2: np.ndarray
    sim_energy: np.ndarray
    sim_offset: np.ndarray
    sim_zenith: np.ndarray
    sim_azimuth: np.ndarray
    impact_max_m: float


def read_observation(path: Path) -> Observation:
    """Read the events of one run.

    Parameters
    ----------
    path : Path
        Data ``_Q_`` file.

    Raises
    ------
    InputError
        When the file is not a data file of the level of melibea.
    NothingLeft
        When it has no events.
    """
    from openmars.io import read_tree

    events = read_tree(path, "Events", [*_RECONSTRUCTED, *_DATA])
    if not len(events["MTime_1.fMjd"]):
        raise NothingLeft(f"{path}: no event is left")
    header = read_tree(
        path,
        "RunHeaders",
        [f"MRawRunHeader_1.{name}" for name in ("fRunNumber", "fSourceRA", "fSourceDEC", "fRunType")],
    )
    if int(header["MRawRunHeader_1.fRunType"][0]) & 0x100:
        raise InputError(f"{path}: Monte Carlo; --ind= takes the file of a run, --mc= those of the Monte Carlo")
    days = events["MTime_1.fMjd"].astype(np.int64) - MJD_REFERENCE
    seconds = events["MTime_1.fTime.fMilliSec"] * 1e-3 + events["MTime_1.fNanoSec"] * 1e-9
    pointing_ra = _mean_angle(events["MPointingPos_1.fRa"] * 15)
    return Observation(
        **_reconstructed(events),
        time=days * 86400.0 + seconds,
        event_id=events["MRawEvtHeader_1.fStereoEvtNumber"].astype(np.int64),
        ra=events["MStereoParDisp.fDirectionRA"] * 15.0 % 360.0,
        dec=events["MStereoParDisp.fDirectionDec"],
        run=int(header["MRawRunHeader_1.fRunNumber"][0]),
        source_name=source_name(path),
        source=(
            float(header["MRawRunHeader_1.fSourceRA"][0]) / 3600 * 15,
            float(header["MRawRunHeader_1.fSourceDEC"][0]) / 3600,
        ),
        pointing=(pointing_ra, float(np.mean(events["MPointingPos_1.fDec"]))),
        simulated=is_simulated(path),
        excluded=_excluded(path),
    )


def _excluded(path: Path) -> np.ndarray:
    """Times that melibea was told to leave out, in the unit of the events' times."""
    from openmars.io import open_root
    from openmars.quality.slices import TREE, joined

    if TREE not in open_root(path).trees():
        return np.empty((0, 2))
    slices = open_root(path).read(TREE, ["fStart", "fStop"])
    return joined((np.stack([slices["fStart"], slices["fStop"]], axis=1) - MJD_REFERENCE) * 86400.0)


def read_gammas(paths: Sequence[Path]) -> GammaRays:
    """Read and join the gamma Monte Carlo.

    Parameters
    ----------
    paths : sequence of Path
        ``_Q_`` files of the test half.
    """
    from openmars.io import read_tree
    from openmars.io.calibrated import az_of_mc_phi

    parts = [read_tree(path, "Events", [*_RECONSTRUCTED, *_MC]) for path in paths]
    showers = [read_tree(path, "OriginalMC", list(_SIMULATED)) for path in paths]
    impacts = [read_tree(path, "RunHeaders", ["MMcRunHeader_1.fImpactMax"]) for path in paths]
    for path in paths:
        if path.stem.endswith("_1"):
            raise InputError(f"{path}: the training half (_1); the responses take the test half (_2)")
    events = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    sim = {name: np.concatenate([part[name] for part in showers]) for name in showers[0]}
    impact = np.concatenate([part["MMcRunHeader_1.fImpactMax"] for part in impacts])
    if np.ptp(impact) > 0:
        raise InputError(f"{paths[0]}: files with different fImpactMax {np.unique(impact)} cannot be joined")
    x, y = (events[f"MSrcPosCam_1.f{axis}"] * MM_TO_DEG for axis in "XY")
    fields = _reconstructed(events)
    fields["zenith"] = np.degrees(events["MMcEvt_1.fTelescopeTheta"])
    fields["azimuth"] = az_of_mc_phi(events["MMcEvt_1.fTelescopePhi"])
    return GammaRays(
        **fields,
        true_energy=events["MMcEvt_1.fEnergy"] * 1e-3,
        offset=np.hypot(x, y),
        theta2=(fields["x"] - x) ** 2 + (fields["y"] - y) ** 2,
        sim_energy=sim["MMcEvtBasic_1.fEnergy"] * 1e-3,
        sim_offset=np.hypot(sim["MSrcPosCam_1.fX"], sim["MSrcPosCam_1.fY"]) * MM_TO_DEG,
        sim_zenith=np.degrees(sim["MMcEvtBasic_1.fTelescopeTheta"]),
        sim_azimuth=az_of_mc_phi(sim["MMcEvtBasic_1.fTelescopePhi"]),
        impact_max_m=float(impact[0]) / 100,
    )


def source_name(path: Path) -> str:
    """Give the source in the name of a file, ``YYYYMMDD_<run>_Q_<source>-W<offset>+<angle>.root``.

    Examples
    --------
    >>> source_name(Path("20131004_05029747_Q_1ES0806+524-W0.40+035.root"))
    '1ES0806+524'
    """
    return path.stem.split("_Q_")[-1].rsplit("-W", 1)[0]


def _reconstructed(events: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        "hadronness": events["MHadronness.fHadronness"],
        "energy": events["MEnergyEst.fEnergy"] * 1e-3,
        "x": events["MStereoParDisp.fDirectionX"].astype(float),
        "y": events["MStereoParDisp.fDirectionY"].astype(float),
        "size": np.minimum(events["MHillas_1.fSize"], events["MHillas_2.fSize"]),
        "zenith": events["MPointingPos_1.fZd"],
        "azimuth": events["MPointingPos_1.fAz"] % 360.0,
    }


def _mean_angle(deg: np.ndarray) -> float:
    rad = np.radians(deg)
    return float(np.degrees(np.arctan2(np.sin(rad).mean(), np.cos(rad).mean())) % 360.0)


def is_simulated(path: Path) -> bool:
    """Tell whether a run was simulated: openmars-sim says so in the project's name in the run header."""
    from openmars.io import open_root

    file = open_root(path)
    names = [name for name in file.branches("RunHeaders") if name.startswith("MRawRunHeader_1.fProjectName")]
    return any(_text(file.read("RunHeaders", [name])[name][0]).startswith("openmars") for name in names)


def _text(value: np.ndarray | str) -> str:
    """Read a text, or an array of characters that ends at the first zero."""
    return value if isinstance(value, str) else np.asarray(value, np.int8).tobytes().split(b"\0")[0].decode()
