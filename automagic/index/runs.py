"""Runs and Monte Carlo sets, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from automagic.naming import DataName, McName

MC_LEVELS = ("calibrated", "star", "superstar", "melibea")
"""Levels that Monte Carlo may be stored at; of several the latest counts."""


@dataclass(frozen=True)
class DataFile:
    """A file of a run or of Monte Carlo: in storage here (`path`), far away (`url`), or made by a task (`task`).

    Attributes
    ----------
    name
        Its MAGIC name.
    path
        Absolute path of a file on this machine.
    url
        Address of a file in remote storage, without user and password.
    task
        Name of the task that makes it.
    size
        Bytes, or `None` where not known.
    place
        ``"online"``, or ``"tape"`` where storage says that it has to be recalled first.
    training
        Of Monte Carlo, whether it is for training (or for test), as far as name or folder (``TRAIN``, ``TEST``) tell.
    """

    name: DataName | McName
    path: Path | None = None
    task: str | None = None
    url: str | None = None
    size: int | None = None
    place: str = "online"
    training: bool | None = None


@dataclass(frozen=True)
class Run:
    """A run of both telescopes, and the conditions that it was taken under.

    Conditions are `None` where nothing tells them: a selection takes such a run and says so.

    Attributes
    ----------
    run, source, wobble
        As in the file names.
    night
        Date of the morning, ``YYYY-MM-DD``.
    level
        Level of its files.
    files
        In the order of telescope and subrun; of one version.
    zenith, azimuth
        Range and middle in degrees.
    start, minutes
        Begin (ISO, UTC) and length.
    period
        MAGIC's name of it, or `None` where no public table has one.
    nsb
        Night-sky background in units of a dark night's.
    kind
        ``"observation"`` or ``"off"`` (for training).
    ra, dec
        Position of the source as the files' headers have it, degrees.
    dc_na
        Median anode current in nA.
    hv
        ``"nominal"`` or ``"reduced"``.
    trigger
        ``"standard"`` or ``"sumt"``.
    transmission
        Of aerosols between 9 km and the ground, relative to a clear night; the smallest of the run's reports.
    cloudiness
        In percent, as the pyrometer has it; the mean of the run's reports.
    rate
        Rate of the coincidence trigger (L3) in Hz, mean.
    version, versions
        Version of the processing that `files` are of, and all that storage has.
    reports
        Central control's report of each subrun (level ``"raw"``), as `files`.
    pedestal, calibration
        The pedestal and calibration files that belong to the run (level ``"raw"``), both telescopes.
    problems
        Sentences of the index about this run.
    light
        Night-sky background against time: moment (MJD) and value (dark night = 1), in order, as far as known.
    """

    run: int
    night: str
    source: str
    wobble: str | None
    level: str
    files: tuple[DataFile, ...]
    zenith: tuple[float, float] | None = None
    azimuth: float | None = None
    start: str | None = None
    minutes: float | None = None
    period: str | None = None
    nsb: float | None = None
    kind: str = "observation"
    ra: float | None = None
    dec: float | None = None
    dc_na: float | None = None
    hv: str | None = None
    trigger: str | None = None
    transmission: float | None = None
    cloudiness: float | None = None
    rate: float | None = None
    version: str | None = None
    versions: tuple[str, ...] = ()
    reports: tuple[DataFile, ...] = ()
    pedestal: tuple[DataFile, ...] = ()
    calibration: tuple[DataFile, ...] = ()
    problems: tuple[str, ...] = ()
    light: tuple[tuple[float, float], ...] = ()

    def of(self, telescope: int) -> tuple[DataFile, ...]:
        """Return the files of one telescope."""
        return tuple(f for f in self.files if isinstance(f.name, DataName) and f.name.telescope == telescope)

    def daq(self, kind: str, telescope: int) -> tuple[DataFile, ...]:
        """Return the ``"pedestal"`` or ``"calibration"`` files of one telescope that belong to a raw run."""
        files = self.pedestal if kind == "pedestal" else self.calibration
        return tuple(f for f in files if isinstance(f.name, DataName) and f.name.telescope == telescope)

    def report(self, name: DataName) -> DataFile | None:
        """Return the report that belongs to a raw file, or `None` where there is none; it may be empty (size 0)."""
        return next((each for each in self.reports if each.name == name.at("report")), None)

    @property
    def middle(self) -> float | None:
        """Zenith distance of the middle of its range in degrees."""
        return None if self.zenith is None else (self.zenith[0] + self.zenith[1]) / 2


@dataclass(frozen=True)
class McSet:
    """Gamma Monte Carlo of one zenith range (deg) and geometry (``"w0"``, ``"wr"``, ``"wd"``), at one level.

    `period`, `version` (of the simulation), `nsb` (in units of a dark night's), `trigger` and `hv` (as of `Run`) are
    `None` where nothing tells them; such a set is taken for any run, with a remark.
    """

    name: str
    zenith: tuple[int, int]
    geometry: str
    level: str
    files: tuple[DataFile, ...]
    particle: str = "gamma"
    period: str | None = None
    version: str | None = None
    nsb: float | None = None
    trigger: str | None = None
    hv: str | None = None

    def covers(self, zenith: float) -> bool:
        """Whether a zenith distance (deg) lies in the range."""
        return self.zenith[0] <= zenith < self.zenith[1]
