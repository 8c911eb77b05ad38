"""One calibrated file as star needs it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from openmars.camera import N_PIXELS
from openmars.core.errors import InputError
from openmars.io import open_root

MC_RUN_TYPE = 256
COSMIC_PATTERNS = (128, 132, 32, 1)
"""Trigger patterns of showers: stereo, stereo with LST, sum trigger, mono and MC; 8 are pedestals (§2.4)."""
NOT_CARRIED = frozenset({"Events", "Pedestals", "RunHeaders", "RunTails"})
EVENT_BRANCHES = (
    "MRawEvtHeader.fStereoEvtNumber",
    "MRawEvtHeader.fDAQEvtNumber",
    "MRawEvtHeader.fTimeDiff",
    "MTriggerPattern.fPrescaled",
    "MTime.fMjd",
    "MTime.fTime.fMilliSec",
    "MTime.fNanoSec",
)
_HEADER = ("fTelescopeNumber", "fRunType", "fRunNumber", "fSubRunIndex", "fSamplingFrequency", "fNumSamplesHiGain",
           "fSourceRA", "fSourceDEC")  # fmt: skip


@dataclass(frozen=True)
class Calibrated:
    """Header of a calibrated file; angles in deg, `samples_per_ns` in 1/ns, `slices` per readout."""

    path: Path
    telescope: int
    is_mc: bool
    run: int
    subrun: int
    samples_per_ns: float
    slices: int
    source_ra: float
    source_dec: float
    trees: tuple[str, ...]

    @property
    def output_name(self) -> str:
        """Name of the star file."""
        head, _, tail = self.path.name.rpartition("_Y_")
        return f"{head}_I_{tail}"

    def read(self, tree: str, branches: Any = None) -> dict[str, Any]:
        """Branches of a tree."""
        return open_root(self.path).read(tree, branches)


def open_calibrated(path: Path) -> Calibrated:
    """Read the header of a calibrated file; InputError if it is none."""
    if "_Y_" not in path.name:
        raise InputError(f"{path}: a calibrated file has _Y_ in its name")
    file = open_root(path)
    if (level := file.level()) != "calibrated":
        raise InputError(f"{path}: it is a {level} file; star takes calibrated ones (_Y_)")
    head = file.read("RunHeaders", [f"MRawRunHeader.{name}" for name in _HEADER])
    telescope, kind, run, subrun, frequency, slices, ra, dec = (head[f"MRawRunHeader.{name}"][0] for name in _HEADER)
    if telescope not in (1, 2):
        raise InputError(f"{path}: the header says telescope {telescope}; expected 1 or 2")
    return Calibrated(
        path, int(telescope), int(kind) == MC_RUN_TYPE, int(run), int(subrun), float(frequency) / 1000.0,
        int(slices), float(ra) / 3600.0 * 15.0, float(dec) / 3600.0, tuple(file.trees()),
    )  # fmt: skip


def shower_events(file: Calibrated, events: dict[str, Any]) -> np.ndarray:
    """Places of the events that are showers and not pedestals; in stereo MC those that both telescopes saw."""
    wanted = np.isin(events["MTriggerPattern.fPrescaled"], COSMIC_PATTERNS)
    number = events["MRawEvtHeader.fStereoEvtNumber"]
    if file.is_mc and np.any(number):
        wanted &= number != 0
    return np.flatnonzero(wanted)


def pedestals(file: Calibrated, kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Times (MJD), means and rms [k, 1039] of the pedestals of a file, None if it has none.

    MC files repeat them with each event; the first is taken.
    """
    branches = [f"MPedPhot{kind}.fArray.{name}" for name in ("fMean", "fRms")]
    if file.is_mc:
        if not set(branches) <= set(open_root(file.path).branches("Events")):
            return None
        mean, rms = (file.read("Events", [branch])[branch][:1, :N_PIXELS] for branch in branches)
        return np.zeros(1), mean, rms
    if "Pedestals" not in file.trees:
        return None
    times = [f"MTimePedestals.{name}" for name in ("fMjd", "fTime.fMilliSec", "fNanoSec")]
    columns = file.read("Pedestals", [*branches, *times])
    if not len(columns[branches[0]]):
        return None
    mean, rms = (columns[branch][:, :N_PIXELS] for branch in branches)
    return mjd(columns, "MTimePedestals"), mean, rms


def mjd(columns: dict[str, Any], name: str) -> np.ndarray:
    """MJD of the branches of an ``MTime``."""
    from openmars.io.times import to_mjd

    return to_mjd(name, columns)
