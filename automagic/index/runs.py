"""Runs and Monte Carlo sets, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from automagic.naming import DataName, McName


@dataclass(frozen=True)
class DataFile:
    """A file of a run or of Monte Carlo, in storage (`path`) or made by a task (`task`)."""

    name: DataName | McName
    path: Path | None = None
    task: str | None = None


@dataclass(frozen=True)
class Run:
    """A run of both telescopes.

    Attributes
    ----------
    run, source, wobble
        As in the file names.
    night
        Date of the morning, ``YYYY-MM-DD``.
    level
        Level of its files.
    files
        In the order of telescope and subrun.
    zenith, azimuth
        Range and middle in degrees, or `None` where not known before the files are read.
    start, minutes
        Begin (ISO, UTC) and length, or `None`.
    period
        MAGIC's name of it, or `None` where no public table has one.
    nsb
        Night-sky background in units of a dark night's, or `None` where not known.
    kind
        ``"observation"`` or ``"off"`` (for training).
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

    def of(self, telescope: int) -> tuple[DataFile, ...]:
        """Return the files of one telescope."""
        return tuple(f for f in self.files if isinstance(f.name, DataName) and f.name.telescope == telescope)

    @property
    def middle(self) -> float | None:
        """Zenith distance of the middle of its range in degrees."""
        return None if self.zenith is None else (self.zenith[0] + self.zenith[1]) / 2


@dataclass(frozen=True)
class McSet:
    """Gamma Monte Carlo of one zenith range (deg) and geometry (``"w0"``, ``"wr"``, ``"wd"``), at one level."""

    name: str
    zenith: tuple[int, int]
    geometry: str
    level: str
    files: tuple[DataFile, ...]
    particle: str = "gamma"

    def covers(self, zenith: float) -> bool:
        """Whether a zenith distance (deg) lies in the range."""
        return self.zenith[0] <= zenith < self.zenith[1]
