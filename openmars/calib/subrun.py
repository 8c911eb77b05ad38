"""The data pass: events of one subrun from samples to photo-electrons.

Events are calibrated as they come, with the constants that hold then. Interleaved events are counted beforehand and
divided into blocks of equal size, so nothing depends on how many events are read at a time. The file is read ahead to
the end of the first block of pedestals and the first of light pulses: their constants hold from the first event on,
those of each further block from its end on. Without interleaved events the constants of the calibration run hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

import numpy as np

from openmars.calib.constants import Constants
from openmars.calib.extraction import Extractor
from openmars.calib.ffactor import DEAD, FEWEST_EVENTS, Conversion, Rules, convert, pulses
from openmars.calib.interleaved import Interleaved, LightSet, PedestalSet, block_ends
from openmars.calib.rawfiles import CHUNK
from openmars.camera import N_PIXELS
from openmars.core.errors import ProgramError
from openmars.io.calibrated import CalibratedWriter, Events
from openmars.io.headers import PATTERN_CALIBRATION, PATTERN_PEDESTAL
from openmars.io.raw import RawEvents, RawReader


@dataclass
class Subrun:
    """One subrun in the making.

    Parameters
    ----------
    reader
        The raw file.
    constants
        Those of the calibration run.
    extractor, rules, card
        What the card asks.

    Attributes
    ----------
    pedestals, lights
        The sets that were made of interleaved events.
    status
        What is wrong with each pixel, by then, [1039]: bits of `openmars.calib.ffactor`.
    messages
        What a person should know.
    """

    reader: RawReader
    constants: Constants
    extractor: Extractor
    rules: Rules
    card: Interleaved
    pedestals: list[PedestalSet] = field(default_factory=list)
    lights: list[LightSet] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        pattern, card = self.reader.headers().pattern, self.card
        self.n_pedestals = int(np.count_nonzero(pattern == PATTERN_PEDESTAL))
        self.n_calibrations = int(np.count_nonzero(pattern == PATTERN_CALIBRATION))
        self.baseline = self.constants.baseline
        self.factor = self.constants.factor
        self.status = self.constants.status
        self._noise = self.constants.pedestal_rms[2]
        self._waiting: dict[int, list[RawEvents]] = {PATTERN_PEDESTAL: [], PATTERN_CALIBRATION: []}
        self._ends = {
            PATTERN_PEDESTAL: block_ends(pattern, PATTERN_PEDESTAL, card.pedestal_block, max(card.pedestals_least, 2)),
            PATTERN_CALIBRATION: block_ends(
                pattern, PATTERN_CALIBRATION, card.calibration_block, max(card.calibrations_least, FEWEST_EVENTS)
            ),
        }
        self._left_out_s = 0.0

    @property
    def enough(self) -> bool:
        """Whether there are as many interleaved events as the card wants."""
        card = self.card
        return self.n_pedestals >= card.pedestals_least and self.n_calibrations >= card.calibrations_least

    def calibrate(self, out: CalibratedWriter) -> None:
        """Calibrate all events and hand those that are kept to the writer."""
        first = self._look_ahead()
        for place, events in self._pieces():
            self._collect(events)
            self._write(events, out)
            for kind, ends in self._ends.items():
                if place in ends:
                    block = self._take(kind)
                    if place != first[kind]:
                        self._renew(kind, block)

    def _look_ahead(self) -> dict[int, int]:
        """Make the first sets; gives the place where the block of each kind ends, 0 where there is none."""
        first = {kind: min(ends, default=0) for kind, ends in self._ends.items()}
        blocks: dict[int, RawEvents] = {}
        for place, events in self._pieces() if any(first.values()) else ():
            self._collect(events)
            complete = {kind: self._take(kind) for kind, ends in self._ends.items() if place in ends}
            blocks = complete | blocks  # the first of each kind stays
            if place >= max(first.values()):
                break
        for kind in self._waiting:
            self._take(kind)
        known = self.constants
        words = PedestalSet(self.reader.info.start_s, 0, known.pedestal_mean, known.pedestal_rms)
        if PATTERN_PEDESTAL in blocks:
            words = self._renew_baseline(blocks[PATTERN_PEDESTAL])
        if PATTERN_CALIBRATION in blocks:  # light needs the baseline
            self._renew_conversion(blocks[PATTERN_CALIBRATION])
        self.pedestals.append(words.times(self.factor))
        return first

    def _pieces(self) -> Iterator[tuple[int, RawEvents]]:
        """The events in pieces that end where a block ends; with each the number of events up to its end."""
        ends = np.unique(np.concatenate([np.array(each, int) for each in self._ends.values()]))
        start = 0
        for chunk in self.reader.chunks(CHUNK):
            inside = ends[(ends > start) & (ends < start + len(chunk))] - start
            for first, last in zip([0, *inside], [*inside, len(chunk)], strict=True):
                yield start + int(last), chunk.part(slice(first, last))
            start += len(chunk)

    def _collect(self, events: RawEvents) -> None:
        """Keep the interleaved events until their block is complete."""
        for kind, waiting in self._waiting.items():
            chosen = events.pattern == kind
            if self._ends[kind] and chosen.any():
                waiting.append(events.part(chosen))

    def _take(self, kind: int) -> RawEvents:
        """Give the interleaved events that were kept, and forget them."""
        parts, self._waiting[kind] = self._waiting[kind], []
        names = [f.name for f in fields(RawEvents)]
        return RawEvents(*(np.concatenate([getattr(part, name) for part in parts] or [[]]) for name in names))

    def _write(self, events: RawEvents, out: CalibratedWriter) -> None:
        is_kept = events.pattern != PATTERN_CALIBRATION
        kept = events if is_kept.all() else events.part(is_kept)
        charge, time = self.extractor.signals(kept.samples, self.baseline, self.factor, self.constants.delay)
        out.add(
            Events(
                charge=charge,
                arrival_time=time,
                pattern=kept.pattern,
                stereo_number=kept.stereo_number,
                daq_number=kept.daq_number,
                seconds=kept.seconds,
                time_diff_s=self._times(events, is_kept),
            )
        )

    def _times(self, events: RawEvents, kept: np.ndarray) -> np.ndarray:
        """Times since the event before in the calibrated file: those of left out events count for the next."""
        elapsed = np.cumsum(events.time_diff_s) + self._left_out_s
        at = elapsed[kept]
        self._left_out_s = float(elapsed[-1] - (at[-1] if len(at) else 0.0))
        return np.diff(at, prepend=0.0)

    def _renew(self, kind: int, block: RawEvents) -> None:
        if kind == PATTERN_PEDESTAL:
            self.pedestals.append(self._renew_baseline(block).times(self.factor))
        else:
            self._renew_conversion(block)

    def _renew_baseline(self, block: RawEvents) -> PedestalSet:
        """Baseline by a block of pedestal events; gives their charges, in words."""
        level, _ = self.extractor.baselines(block.samples)
        charge = self.extractor.pedestals(block.samples, block.daq_number, level).astype(float)
        mean, rms = charge.mean(axis=1), charge.std(axis=1, ddof=1)
        if self.card.baseline_follows:
            self.baseline = level
        else:
            mean = mean + self.extractor.window * (level - self.baseline)
        self._noise = rms[2]
        return PedestalSet(float(block.seconds[0]), len(block), mean, rms)

    def _renew_conversion(self, block: RawEvents) -> None:
        """Conversion by a block of light pulses."""
        alive = (self.status & DEAD == 0).astype(float)
        found = pulses(*self.extractor.signals(block.samples, self.baseline, alive, np.zeros(N_PIXELS)), self.rules)
        try:
            new = convert(found, self._noise, self.rules)
        except ProgramError as error:
            self.messages.append(f"interleaved calibration events: {error}; the conversion stays as it was")
            return
        self.status = self.status | new.status & DEAD
        good = self.status == 0
        if self.card.conversion_follows:
            self.factor = self._follow(new, len(block))
        self.factor = np.where(good, self.factor, 0.0)
        average = float(self.factor[good].mean())
        self.lights.append(LightSet(float(block.seconds[0]), found.events, new.phe, average))

    def _follow(self, new: Conversion, events: int) -> np.ndarray:
        """The new conversion; few light pulses tell no more than how the whole camera has changed."""
        if events >= self.card.calibration_block:
            return new.factor
        known = (self.status == 0) & (self.constants.factor > 0)
        return self.constants.factor * float(np.median(new.factor[known] / self.constants.factor[known]))
