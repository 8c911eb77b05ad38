"""What the reports in a superstar or melibea file tell of the conditions of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openmars.core import InputError
from openmars.io import open_root
from openmars.io.times import SECONDS_PER_DAY, to_mjd

SERIES = {
    "zenith": ("Drive", "MReportDrive.fCurrentZd"),
    "azimuth": ("Drive", "MReportDrive.fCurrentAz"),
    "rate": ("Trigger", "MReportTrigger.fL3Rate"),
    "dc_1": ("Camera", "MReportCamera.fMedianDC"),
    "dc_2": ("Camera_2", "MReportCamera.fMedianDC"),
    "transmission": ("Laser", "MReportLaser.fTransmission9km"),
    "cloudiness": ("Pyrometer", "MReportPyrometer.fCloudiness"),
    "stars_1": ("Starguider", "MReportStarguider.fNumIdentifiedStars"),
    "stars_2": ("Starguider_2", "MReportStarguider.fNumIdentifiedStars"),
}
"""Tree and branch of each condition; trees of M1 have no suffix."""


@dataclass(frozen=True)
class Conditions:
    """The conditions of a run.

    Attributes
    ----------
    path
        Its file.
    run
        Its number.
    start, stop
        First and last event (MJD); of the drive's reports where there is no event; equal where neither is.
    duration
        Observation time, s: the sum over the subruns, else from the first to the last event.
    series
        Times (MJD) and values by name; see `SERIES`. Only what is reported.
    """

    path: Path
    run: int
    start: float
    stop: float
    duration: float
    series: dict[str, tuple[np.ndarray, np.ndarray]]

    def mean(self, name: str) -> float:
        """Mean over the run; NaN where nothing is reported. The azimuth is in 0 … 360."""
        if name not in self.series:
            return np.nan
        at, values = self.series[name]
        inside = (at >= self.start) & (at <= self.stop)
        mean = float(np.mean(values[inside] if inside.any() else values))
        return mean % 360.0 if name == "azimuth" else mean

    def during(self, name: str, edges: np.ndarray) -> np.ndarray:
        """Values in time slices: the mean of the reports in it, else interpolated between those around it.

        Parameters
        ----------
        name
            A condition that is reported.
        edges
            Of the slices, MJD, [n + 1].

        Returns
        -------
        ndarray
            [n].
        """
        at, values = self.series[name]
        place = np.searchsorted(edges, at, side="right") - 1
        place[at == edges[-1]] = len(edges) - 2
        inside = (place >= 0) & (place < len(edges) - 1)
        count = np.bincount(place[inside], minlength=len(edges) - 1)
        total = np.bincount(place[inside], values[inside], minlength=len(edges) - 1)
        between = np.interp((edges[1:] + edges[:-1]) / 2, at, values)
        found = np.where(count > 0, total / np.maximum(count, 1), between)
        return found % 360.0 if name == "azimuth" else found


def read_conditions(path: Path) -> Conditions:
    """Read the reports of a run.

    Raises
    ------
    InputError
        If the file is no superstar or melibea file of data.
    """
    file = open_root(path)
    if (level := file.level()) not in ("superstar", "melibea"):
        raise InputError(f"{path}: it is a {level} file; quate takes superstar or melibea files")
    trees = file.trees()
    if "OriginalMC" in trees:
        raise InputError(f"{path}: Monte Carlo has no bad minutes")
    series = {}
    for name, (tree, branch) in SERIES.items():
        if tree not in trees or branch not in file.branches(tree):
            continue
        time = f"MTime{tree.removesuffix('_2')}"
        columns = file.read(tree, [branch, *(f"{time}.{part}" for part in ("fMjd", "fTime.fMilliSec", "fNanoSec"))])
        at, values = to_mjd(time, columns), columns[branch].astype(float)
        # a lidar that could not measure gives no transmission
        sound = np.isfinite(values) & ((values > 0) if name == "transmission" else True)
        if sound.any():
            order = np.argsort(at[sound], kind="stable")
            series[name] = at[sound][order], values[sound][order]
    if "azimuth" in series:
        at, azimuth = series["azimuth"]
        series["azimuth"] = at, np.unwrap(azimuth, period=360.0)
    head = file.read("RunHeaders", ["MRawRunHeader_1.fRunNumber"])["MRawRunHeader_1.fRunNumber"]
    if not len(head):
        raise InputError(f"{path}: it has no run header")
    events = to_mjd("MTime_1", file.read("Events", ["MTime_1.fMjd", "MTime_1.fTime.fMilliSec", "MTime_1.fNanoSec"]))
    times = events if len(events) else series.get("zenith", (np.zeros(1), None))[0]
    start, stop = float(times.min()), float(times.max())
    duration = (stop - start) * SECONDS_PER_DAY
    if "EffectiveOnTime" in trees:
        on = file.read("EffectiveOnTime", ["MEffectiveOnTime.fOnTime"])["MEffectiveOnTime.fOnTime"]
        duration = float(np.sum(on)) if np.sum(on) > 0 else duration
    return Conditions(path, int(head[0]), start, stop, duration, series)


__all__ = ["SERIES", "Conditions", "read_conditions"]
