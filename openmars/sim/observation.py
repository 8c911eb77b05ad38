"""An observation run: gammas of the source on cosmic rays, pedestals between them, split into subruns.

Events come in order of time in chunks and go to the files of both telescopes; nothing longer than a chunk is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from openmars.io import Column, headers, reports
from openmars.io.calibrated import CalibratedWriter, Events, pedestal_tree, pedestals_over_time
from openmars.io.raw import RawEvents, RawWriter
from openmars.io.repfile import write_reports
from openmars.io.reports import Sky
from openmars.sim import brightness
from openmars.sim.card import SimCard
from openmars.sim.haze import CLOUD_M
from openmars.sim.noise import pedestals
from openmars.sim.streams import Chunk
from openmars.sim.track import Track

DEAD_TIME_S = 26e-6
"""After each event nothing is recorded for so long."""
DRIVE_S = 5.0
REPORT_S = 30.0
LASER_S = 300.0
"""The lidar shoots every five minutes (magic.iac.es)."""
TAGS = {"pedestal": "P", "calibration": "C"}
"""In names of files, by kind of run; observations have D (raw) or Y (calibrated)."""

Writer = RawWriter | CalibratedWriter


def _alive(seconds: np.ndarray, last: float) -> np.ndarray:
    """Which events fall into no dead time; `last` is the time of the last recorded event before them."""
    keep = np.ones(len(seconds), bool)
    if not np.any(np.diff(seconds, prepend=last) < DEAD_TIME_S):
        return keep
    for i, now in enumerate(seconds):
        keep[i] = now - last >= DEAD_TIME_S
        last = now if keep[i] else last
    return keep


def file_name(card: SimCard, day: int, telescope: int, subrun: int) -> str:
    """Name of a calibrated or raw file; its date is that of the sunrise that ends the night."""
    night = date(1858, 11, 17) + timedelta(days=day)
    tag = TAGS.get(card.kind, "D" if card.raw else "Y")
    return f"{night:%Y%m%d}_M{telescope}_{card.run:08d}.{subrun:03d}_{tag}_{card.source}-{card.wobble}.root"


def files_of(card: SimCard, day: int) -> dict[tuple[int, int], str]:
    """Names of a run's files by telescope and subrun; the reports of raw ones are beside them (``.rep``)."""
    subruns = 1 if card.kind in TAGS else card.subruns
    return {(t, s): file_name(card, day, t, s) for t in (1, 2) for s in range(1, subruns + 1)}


def report_name(name: str) -> str:
    """Name of the report of a file: that of the raw file with ``.rep``, also beside a calibrated one.

    >>> report_name("20131005_M1_05029747.001_Y_CrabNebula-W0.40+035.root")
    '20131005_M1_05029747.001_D_CrabNebula-W0.40+035.rep'
    """
    head, _, tail = name.removesuffix(".root").rpartition("_Y_")
    return f"{head}_D_{tail}.rep" if head else f"{tail}.rep"


@dataclass
class Observation:
    """A run in the making.

    Parameters
    ----------
    card
        What to simulate.
    track
        Where the telescopes point.
    paths
        File by telescope and subrun.
    texts
        Kept in the files: the card as it was used, and what wrote them.
    reports
        Write reports as text beside the files; raw ones always have them.
    """

    card: SimCard
    track: Track
    paths: dict[tuple[int, int], Path]
    texts: dict[str, str]
    reports: bool = False
    stereo: int = 0
    last: float = -1.0
    written: float = 0.0
    counts: dict[int, int] = field(default_factory=dict)

    def simulate(self) -> dict[int, int]:
        """Simulate and write all subruns; gives the stereo events of each."""
        noise = [] if self.card.raw else pedestals(self.card)
        source = brightness.events_of(self.card, self.track)
        rest: Chunk | None = None
        for subrun in range(1, self.card.subruns + 1):
            stop = self.card.duration * subrun / self.card.subruns
            writers = [self._writer(t, subrun, noise) for t in (1, 2)]
            with writers[0], writers[1]:
                rest = self._fill(writers, source, rest, stop if subrun < self.card.subruns else np.inf)
                self._finish(writers, self._reports(subrun), noise)
        return self.counts

    def _writer(self, telescope: int, subrun: int, noise: list[tuple[np.ndarray, np.ndarray]]) -> Writer:
        path, info = self.paths[telescope, subrun], self._info(telescope, subrun)
        return RawWriter(path, info) if self.card.raw else CalibratedWriter(path, info, *noise[telescope - 1])

    def _finish(
        self,
        writers: list[Writer],
        trees: dict[str, dict[str, Column]],
        noise: list[tuple[np.ndarray, np.ndarray]],
    ) -> None:
        """Write what comes after the events; the reports of raw files are text beside them."""
        for writer in writers:
            run, subrun, t = writer.info.run, writer.info.subrun, writer.info.telescope
            if isinstance(writer, RawWriter):
                writer.finish(self.texts)
            else:
                often = self._times(subrun, REPORT_S)
                own = trees | {"Pedestals": self._pedestals(often, t, noise)}
                writer.finish(own, texts=self.texts)
            if self.card.raw or self.reports:
                path = self.paths[t, subrun]
                write_reports(path.with_name(report_name(path.name)), trees, t, run, subrun)

    def _pedestals(
        self, often: np.ndarray, telescope: int, noise: list[tuple[np.ndarray, np.ndarray]]
    ) -> dict[str, Column]:
        """The tree ``Pedestals``: under a sky whose brightness changes, pedestals change with it."""
        if not self.card.nsb_end:
            return pedestal_tree(self.track.day, often, *noise[telescope - 1])
        found, step_of = brightness.pedestals_of(self.card)
        own = [found[2 * step + telescope - 1] for step in step_of(often - self.track.start_s)]
        rms = np.array([[each] * 3 for _, each in own])
        # only the extractor that looks for the largest sum has a mean, see `openmars.io.calibrated.pedestal_columns`
        mean = np.array([[0 * each, each, 0 * each] for each, _ in own])
        return pedestals_over_time(self.track.day, often, mean, rms)

    def _fill(self, writers: list[Writer], source: Iterator[Chunk], rest: Chunk | None, stop: float) -> Chunk | None:
        """Write the events before `stop`; gives those that were drawn but come later."""
        daq = 0
        while True:
            chunk = rest if rest is not None else next(source, None)
            if chunk is None:
                return None
            before, after = chunk.split(np.nextafter(stop, -np.inf))
            daq = self._write(writers, before, daq)
            if len(after):
                return after
            rest = None

    def _write(self, writers: list[Writer], chunk: Chunk, daq: int) -> int:
        """Write the events that fall into no dead time; gives the number of the last."""
        if not len(chunk):
            return daq
        alive = _alive(chunk.seconds, self.last)
        if not alive.all():
            chunk = chunk.part(alive)
        if not len(chunk):
            return daq
        self.last = float(chunk.seconds[-1])
        is_stereo = chunk.pattern == headers.PATTERN_STEREO
        number = np.where(is_stereo, self.stereo + np.cumsum(is_stereo), 0)
        count = np.arange(daq + 1, daq + len(chunk) + 1)
        self.stereo += int(is_stereo.sum())
        subrun = writers[0].info.subrun
        self.counts[subrun] = self.counts.get(subrun, 0) + int(is_stereo.sum())
        if not self.card.raw:
            # the calibration takes them out, and the times between events run on over them
            kept = chunk.pattern != headers.PATTERN_CALIBRATION
            chunk, number, count = chunk.part(kept), number[kept], count[kept]
        times = self.track.start_s + chunk.seconds, np.diff(chunk.seconds, prepend=self.written)
        for writer in writers:
            own = [each[:, writer.info.telescope - 1] for each in chunk.data]
            if isinstance(writer, RawWriter):
                writer.add(RawEvents(own[0], chunk.pattern, number, count, *times))
            else:
                writer.add(Events(own[0], own[1], chunk.pattern, number, count, *times))
        if len(chunk):
            self.written = float(chunk.seconds[-1])
        return daq + int(alive.sum())

    def _info(self, telescope: int, subrun: int) -> headers.RunInfo:
        card, length = self.card, self.card.duration / self.card.subruns
        return headers.RunInfo(
            card.run, subrun, telescope, False, card.source, card.ra, card.dec,
            day=self.track.day,
            start_s=self.track.start_s + (subrun - 1) * length,
            stop_s=self.track.start_s + subrun * length,
        )  # fmt: skip

    def _times(self, subrun: int, step: float) -> np.ndarray:
        """Times of reports, seconds from midnight in whole milliseconds: from the subrun's first moment to its last."""
        length = self.card.duration / self.card.subruns
        n = max(3, int(length / step) + 1)
        return np.round(self.track.start_s + length * (subrun - 1) + np.linspace(0, length, n), 3)

    def _reports(self, subrun: int) -> dict[str, dict[str, Column]]:
        card, day = self.card, self.track.day
        sky = reports.Sky(card.conditions.nsb_level, card.conditions.transmission, card.cloudiness, card.conditions.hv)
        drive, often = self._times(subrun, DRIVE_S), self._times(subrun, REPORT_S)
        zd, az = self.track.pointing(often - self.track.start_s)
        nsb = brightness.at(card, often - self.track.start_s)
        rate = self.counts.get(subrun, 0) / (card.duration / card.subruns)
        return {
            "Drive": headers.drive_tree(day, drive, *self.track.pointing(drive - self.track.start_s), *card.pointing),
            **headers.trigger_trees(day, often, np.full(len(often), rate), card.conditions.trigger),
            "Camera": reports.camera_tree(day, often, sky, nsb),
            "Laser": self._laser(subrun, sky),
            "Pyrometer": reports.pyrometer_tree(day, often, sky),
            "Starguider": reports.starguider_tree(day, often, sky, zd, az, nsb),
            "Weather": reports.weather_tree(day, often),
        }

    def _laser(self, subrun: int, sky: Sky) -> dict[str, Column]:
        """Reports of the lidar: one at the start of a subrun, and with haze one every five minutes or more often."""
        haze = self.card.conditions.haze
        at = self._times(subrun, LASER_S) if haze.there else self._times(subrun, REPORT_S)[:1]
        zd, az = self.track.pointing(at - self.track.start_s)
        if not haze.there:
            return reports.laser_tree(self.track.day, at, sky, zd, az)
        fraction = (at - self.track.start_s) / self.card.duration
        heights = 1000.0 * np.array(reports.LASER_KM)
        layer = reports.Layer(
            haze.transmission(heights[None, :], fraction[:, None]), haze.base / 1000 if haze.base >= CLOUD_M else 0.0
        )
        return reports.laser_tree(self.track.day, at, sky, zd, az, layer)
