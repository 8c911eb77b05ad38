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
    run, night, source, wobble
        As in the file names; `night` is ``YYYYMMDD`` of the morning.
    level
        Level of its files.
    files
        In the order of telescope and subrun.
    zenith, azimuth
        Range and middle in degrees, or `None` where not known before the files are read.
    start, minutes
        Begin (ISO, UTC) and length, or `None`.
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
    """Gamma Monte Carlo of one zenith range and geometry, at one level.

    ``covers`` a run whose middle lies in the range.
    """

    name: str
    zenith: tuple[int, int]
    geometry: str
    level: str
    files: tuple[DataFile, ...]

    def covers(self, zenith: float) -> bool:
        """Whether a zenith distance (deg) lies in the range."""
        return self.zenith[0] <= zenith < self.zenith[1]
