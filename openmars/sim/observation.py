"""An observation run: gammas of the source on cosmic rays, pedestals between them, split into subruns.

Events come in order of time in chunks and go to the files of both telescopes; nothing longer than a chunk is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from openmars.core.errors import ProgramError
from openmars.io import Column, headers, reports
from openmars.io.calibrated import CalibratedWriter, Events, pedestal_tree
from openmars.io.times import SECONDS_PER_DAY, day_of_sunrise
from openmars.sim import generate
from openmars.sim.card import SimCard
from openmars.sim.noise import pedestals, stream
from openmars.sim.spectrum import dnde_per_gev
from openmars.sky import radec_to_altaz

DEAD_TIME_S = 26e-6
"""After each event nothing is recorded for so long."""
NODE_S = 20.0
DRIVE_S = 5.0
REPORT_S = 30.0
MAX_ZENITH = 75.0


@dataclass
class Chunk:
    """Events of both telescopes in order of time.

    Attributes
    ----------
    seconds
        From the start of the run, [n].
    charge, arrival_time
        [n, 2, 1039].
    pattern
        [n].
    """

    seconds: np.ndarray
    charge: np.ndarray
    arrival_time: np.ndarray
    pattern: np.ndarray

    def __len__(self) -> int:
        return len(self.seconds)

    def part(self, chosen: np.ndarray | slice) -> Chunk:
        """Some of the events."""
        return Chunk(self.seconds[chosen], self.charge[chosen], self.arrival_time[chosen], self.pattern[chosen])


def _join(chunks: list[Chunk]) -> Chunk:
    joined = Chunk(
        *(np.concatenate([getattr(c, n) for c in chunks]) for n in ("seconds", "charge", "arrival_time", "pattern"))
    )
    return joined.part(np.argsort(joined.seconds, kind="stable"))


@dataclass(frozen=True)
class Track:
    """Where the telescopes pointed during a run.

    Attributes
    ----------
    day
        MJD of the day of sunrise.
    start_s
        Start of the run, seconds from that midnight.
    """

    card: SimCard
    day: int
    start_s: float

    @classmethod
    def of(cls, card: SimCard) -> Track:
        """The track of a card's run.

        Raises
        ------
        ProgramError
            If the source is too low.
        """
        day = day_of_sunrise(card.start_mjd)
        track = cls(card, day, (card.start_mjd - day) * SECONDS_PER_DAY)
        zd, _ = track.pointing(np.array([0.0, card.duration]))
        if zd.max() > MAX_ZENITH:
            raise ProgramError(
                f"Sim.Start: {card.source} is at a zenith distance of {zd.max():.0f} degrees during the run; "
                f"it must be below {MAX_ZENITH:.0f}"
            )
        return track

    def mjd(self, seconds: np.ndarray) -> np.ndarray:
        """MJD of seconds from the start of the run."""
        return self.day + (self.start_s + seconds) / SECONDS_PER_DAY

    def pointing(self, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Zenith distance and azimuth at seconds from the start; the azimuth runs on through 360 during the run."""
        zd, az = radec_to_altaz(*self.card.pointing, self.mjd(seconds))
        nodes = np.linspace(0, self.card.duration, max(2, int(self.card.duration / NODE_S) + 1))
        run = np.unwrap(radec_to_altaz(*self.card.pointing, self.mjd(nodes))[1], period=360)
        return zd, az + 360 * np.rint((np.interp(seconds, nodes, run) - az) / 360)


def _gammas(card: SimCard, track: Track) -> list[Chunk]:
    """All triggered gammas of the run, in order of time."""
    dnde = dnde_per_gev(card.truth)
    limits = 1000 * card.energy_min, 1000 * card.energy_max
    mean = generate.expected_gammas(card.duration, *limits, dnde, card.impact_max)
    rng = np.random.default_rng([stream(card.seed, "gammas")])
    n = int(rng.poisson(mean))
    if card.kind == "off" or n == 0:
        return []
    seconds = np.sort(rng.uniform(0, card.duration, n))
    energy = generate.draw_spectrum(stream(card.seed, "energies"), n, *limits, dnde)
    zd, az = radec_to_altaz(card.ra, card.dec, track.mjd(seconds))
    pointing = track.pointing(seconds)
    found = generate.simulate_gammas(
        stream(card.seed, "showers"), energy, zd, az, *pointing, card.conditions, card.impact_max
    )
    return [_chunk(seconds[each.index], each) for each in found]


def _chunk(seconds: np.ndarray, found: generate.Triggered) -> Chunk:
    return Chunk(seconds, found.charge, found.arrival_time, np.full(len(found), headers.PATTERN_STEREO, np.uint8))


def _protons(card: SimCard, track: Track) -> Iterator[Chunk]:
    """Cosmic rays in chunks, in order of time."""
    mean = generate.expected_protons(card.duration, card.background_fraction)
    n = int(np.random.default_rng([stream(card.seed, "cosmic rays")]).poisson(mean))
    if n == 0:
        return
    nodes = np.linspace(0, card.duration, max(2, int(card.duration / NODE_S) + 1))
    zd, az = track.pointing(nodes)
    for found in generate.simulate_protons(stream(card.seed, "protons"), n, zd, az, card.conditions):
        yield _chunk(found.time_fraction * card.duration, found)


def _pedestal_events(card: SimCard) -> Chunk:
    """Events of noise alone at even intervals."""
    n = max(int(card.pedestal_rate * card.duration), 10 * card.subruns)
    charge, time = generate.pedestal_events(stream(card.seed, "interleaved"), n, card.conditions)
    seconds = (np.arange(n) + 0.5) * card.duration / n
    return Chunk(seconds, charge, time, np.full(n, headers.PATTERN_PEDESTAL, np.uint8))


def events(card: SimCard, track: Track) -> Iterator[Chunk]:
    """All events of a run, merged in order of time, in chunks."""
    waiting = _join([*_gammas(card, track), _pedestal_events(card)])
    for chunk in _protons(card, track):
        due = waiting.seconds <= chunk.seconds[-1]
        yield _join([chunk, waiting.part(due)])
        waiting = waiting.part(~due)
    if len(waiting):
        yield waiting


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
    """Name of a calibrated file; its date is that of the sunrise that ends the night."""
    night = date(1858, 11, 17) + timedelta(days=day)
    return f"{night:%Y%m%d}_M{telescope}_{card.run:08d}.{subrun:03d}_Y_{card.source}-{card.wobble}.root"


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
    """

    card: SimCard
    track: Track
    paths: dict[tuple[int, int], Path]
    texts: dict[str, str]
    stereo: int = 0
    last: float = -1.0
    counts: dict[int, int] = field(default_factory=dict)

    def simulate(self) -> dict[int, int]:
        """Simulate and write all subruns; gives the stereo events of each."""
        noise = pedestals(self.card)
        source = events(self.card, self.track)
        rest: Chunk | None = None
        for subrun in range(1, self.card.subruns + 1):
            stop = self.card.duration * subrun / self.card.subruns
            writers = [CalibratedWriter(self.paths[t, subrun], self._info(t, subrun), *noise[t - 1]) for t in (1, 2)]
            with writers[0], writers[1]:
                rest = self._fill(writers, source, rest, stop if subrun < self.card.subruns else np.inf)
                trees = self._reports(subrun)
                for writer, pedestal in zip(writers, noise, strict=True):
                    trees["Pedestals"] = pedestal_tree(self.track.day, self._times(subrun, REPORT_S), *pedestal)
                    writer.finish(trees, texts=self.texts)
        return self.counts

    def _fill(
        self, writers: list[CalibratedWriter], source: Iterator[Chunk], rest: Chunk | None, stop: float
    ) -> Chunk | None:
        """Write the events before `stop`; gives those that were drawn but come later."""
        daq = 0
        while True:
            chunk = rest if rest is not None else next(source, None)
            if chunk is None:
                return None
            inside = chunk.seconds < stop
            daq = self._write(writers, chunk.part(inside), daq)
            if not inside.all():
                return chunk.part(~inside)
            rest = None

    def _write(self, writers: list[CalibratedWriter], chunk: Chunk, daq: int) -> int:
        chunk = chunk.part(_alive(chunk.seconds, self.last))
        if not len(chunk):
            return daq
        is_stereo = chunk.pattern == headers.PATTERN_STEREO
        number = np.where(is_stereo, self.stereo + np.cumsum(is_stereo), 0)
        subrun = writers[0].info.subrun
        self.counts[subrun] = self.counts.get(subrun, 0) + int(is_stereo.sum())
        for writer in writers:
            t = writer.info.telescope - 1
            writer.add(
                Events(
                    charge=chunk.charge[:, t],
                    arrival_time=chunk.arrival_time[:, t],
                    pattern=chunk.pattern,
                    stereo_number=number,
                    daq_number=np.arange(daq + 1, daq + len(chunk) + 1),
                    seconds=self.track.start_s + chunk.seconds,
                    time_diff_s=np.diff(chunk.seconds, prepend=max(self.last, 0.0)),
                )
            )
        self.stereo += int(is_stereo.sum())
        self.last = float(chunk.seconds[-1])
        return daq + len(chunk)

    def _info(self, telescope: int, subrun: int) -> headers.RunInfo:
        card, length = self.card, self.card.duration / self.card.subruns
        return headers.RunInfo(
            card.run, subrun, telescope, False, card.source, card.ra, card.dec,
            day=self.track.day,
            start_s=self.track.start_s + (subrun - 1) * length,
            stop_s=self.track.start_s + subrun * length,
        )  # fmt: skip

    def _times(self, subrun: int, step: float) -> np.ndarray:
        """Times of reports, seconds from midnight: through the subrun, from its first moment to its last."""
        length = self.card.duration / self.card.subruns
        n = max(3, int(length / step) + 1)
        return self.track.start_s + length * (subrun - 1) + np.linspace(0, length, n)

    def _reports(self, subrun: int) -> dict[str, dict[str, Column]]:
        card, day = self.card, self.track.day
        sky = reports.Sky(card.conditions.nsb_level, card.conditions.transmission)
        drive, often = self._times(subrun, DRIVE_S), self._times(subrun, REPORT_S)
        zd, az = self.track.pointing(often - self.track.start_s)
        rate = self.counts.get(subrun, 0) / (card.duration / card.subruns)
        return {
            "Drive": headers.drive_tree(day, drive, *self.track.pointing(drive - self.track.start_s), *card.pointing),
            **headers.trigger_trees(day, often, np.full(len(often), rate), card.conditions.trigger),
            "Camera": reports.camera_tree(day, often, sky),
            "Laser": reports.laser_tree(day, often[:1], sky, zd[:1], az[:1]),
            "Pyrometer": reports.pyrometer_tree(day, often, sky),
            "Starguider": reports.starguider_tree(day, often, sky, zd, az),
            "Weather": reports.weather_tree(day, often),
        }
