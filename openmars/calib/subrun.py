"""The data pass: events of one subrun from samples to photo-electrons.

Events are calibrated as they come, with the constants that hold then: those of the calibration run at first, later
those of the interleaved events. These are counted beforehand and divided into blocks of equal size, so nothing depends
on how many events are read at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from openmars.calib.constants import Constants
from openmars.calib.extraction import Extractor
from openmars.calib.ffactor import DEAD, Rules, convert, pulses
from openmars.calib.rawfiles import CHUNK
from openmars.camera import N_PIXELS
from openmars.core.env import Env
from openmars.core.errors import ProgramError
from openmars.io import headers
from openmars.io.calibrated import CalibratedWriter, Events
from openmars.io.raw import RawEvents, RawReader

CONSTANTS, INTERLEAVED = "Constants", "Interleaved"


@dataclass(frozen=True)
class Interleaved:
    """What is done with interleaved events.

    Attributes
    ----------
    baseline_follows
        Take the baseline from the interleaved pedestals, else from the constants.
    conversion_follows
        Take the conversion from the interleaved calibration events, else from the constants.
    pedestal_block, calibration_block
        Events of which each new set is made.
    pedestals_least, calibrations_least
        Number in a subrun below which sorcerer ends with code 2.
    """

    baseline_follows: bool = True
    conversion_follows: bool = True
    pedestal_block: int = 100
    calibration_block: int = 100
    pedestals_least: int = 10
    calibrations_least: int = 10

    @classmethod
    def of(cls, env: Env) -> Interleaved:
        """Read the card; ProgramError for what is not known."""

        def follows(key: str) -> bool:
            value = env.get_str(key, INTERLEAVED)
            if value not in (CONSTANTS, INTERLEAVED):
                raise ProgramError(f"{key}: {value}; expected {CONSTANTS} or {INTERLEAVED}")
            return value == INTERLEAVED

        new = cls(
            baseline_follows=follows("MJSorcerer.Baseline"),
            conversion_follows=follows("MJSorcerer.Conversion"),
            pedestal_block=env.get_int("MJSorcerer.PedestalBlock", 100),
            calibration_block=env.get_int("MJSorcerer.CalibrationBlock", 100),
            pedestals_least=env.get_int("MJSorcerer.MinPedestalEvents", 10),
            calibrations_least=env.get_int("MJSorcerer.MinCalibrationEvents", 10),
        )
        if new.pedestal_block < 10 or new.calibration_block < 20:
            raise ProgramError("MJSorcerer: PedestalBlock is at least 10, CalibrationBlock at least 20")
        return new


class PedestalSet(NamedTuple):
    """Pedestals from some moment on: seconds, events, and mean and rms in photo-electrons, [3, 1039]."""

    seconds: float
    events: int
    mean: np.ndarray
    rms: np.ndarray


class LightSet(NamedTuple):
    """Conversion from some moment on: seconds, events, photo-electrons of a pulse, mean conversion of the camera."""

    seconds: float
    events: int
    phe: float
    conversion: float


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
    """

    reader: RawReader
    constants: Constants
    extractor: Extractor
    rules: Rules
    card: Interleaved
    pedestals: list[PedestalSet] = field(default_factory=list)
    lights: list[LightSet] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    n_pedestals: int = 0
    n_calibrations: int = 0

    def __post_init__(self) -> None:
        self.baseline = self.constants.baseline.copy()
        self.factor = self.constants.factor.copy()
        self.status = self.constants.status.copy()
        self._noise = self.constants.pedestal_rms[2]
        self._samples: list[RawEvents] = []
        self._light: list[tuple[np.ndarray, np.ndarray]] = []
        self._light_since = 0.0
        self._skipped_s = 0.0
        pattern = self.reader.headers().pattern
        self.n_pedestals = int(np.count_nonzero(pattern == headers.PATTERN_PEDESTAL))
        self.n_calibrations = int(np.count_nonzero(pattern == headers.PATTERN_CALIBRATION))
        ends = _block_ends(pattern, headers.PATTERN_PEDESTAL, self.card.pedestal_block, partial=True)
        self._pedestal_ends = ends
        self._light_ends = _block_ends(pattern, headers.PATTERN_CALIBRATION, self.card.calibration_block)

    @property
    def enough(self) -> bool:
        """Whether there are as many interleaved events as the card wants."""
        card = self.card
        return self.n_pedestals >= card.pedestals_least and self.n_calibrations >= card.calibrations_least

    def calibrate(self, out: CalibratedWriter) -> None:
        """Calibrate all events and hand those that are kept to the writer."""
        for place, events in self._pieces():
            self._events(events, out)
            if place in self._pedestal_ends:
                self._renew_pedestals()
            if place in self._light_ends:
                self._renew_conversion()
        if not self.pedestals:
            scale = self.factor * np.ones((3, 1))
            mean, rms = self.constants.pedestal_mean * scale, self.constants.pedestal_rms * scale
            self.pedestals.append(PedestalSet(self.reader.info.start_s, 0, mean, rms))

    def _pieces(self) -> Iterator[tuple[int, RawEvents]]:
        """The events in pieces that end where a block ends; with each the number of events up to its end."""
        ends = np.array(sorted(self._pedestal_ends | self._light_ends), int)
        start = 0
        for chunk in self.reader.chunks(CHUNK):
            inside = ends[(ends > start) & (ends < start + len(chunk))] - start
            for first, last in zip([0, *inside], [*inside, len(chunk)], strict=True):
                yield start + last, chunk.part(slice(first, last))
            start += len(chunk)

    def _events(self, events: RawEvents, out: CalibratedWriter) -> None:
        is_light = events.pattern == headers.PATTERN_CALIBRATION
        is_pedestal = events.pattern == headers.PATTERN_PEDESTAL
        if is_pedestal.any():
            self._samples.append(events.part(is_pedestal))
        if is_light.any():
            light = events.part(is_light)
            if not self._light:
                self._light_since = float(light.seconds[0])
            ones = (self.status & DEAD == 0).astype(float)
            self._light.append(self.extractor.signals(light.samples, self.baseline, ones, np.zeros(N_PIXELS)))
        kept = events.part(~is_light) if is_light.any() else events
        charge, time = self.extractor.signals(kept.samples, self.baseline, self.factor, self.constants.delay)
        out.add(
            Events(
                charge=charge,
                arrival_time=time,
                pattern=kept.pattern,
                stereo_number=kept.stereo_number,
                daq_number=kept.daq_number,
                seconds=kept.seconds,
                time_diff_s=self._times(events, ~is_light),
            )
        )

    def _times(self, events: RawEvents, kept: np.ndarray) -> np.ndarray:
        """Times since the event before in the calibrated file: those of left out events count for the next."""
        elapsed = np.cumsum(events.time_diff_s) + self._skipped_s
        at = elapsed[kept]
        self._skipped_s = float(elapsed[-1] - (at[-1] if len(at) else 0.0))
        return np.diff(at, prepend=0.0)

    def _renew_pedestals(self) -> None:
        """Baseline and pedestals of the block that is now complete."""
        samples = np.concatenate([events.samples for events in self._samples])
        number = np.concatenate([events.daq_number for events in self._samples])
        since = float(self._samples[0].seconds[0])
        self._samples = []
        level, _ = self.extractor.baselines(samples)
        charge = self.extractor.pedestals(samples, number, level).astype(float)
        mean, rms = charge.mean(axis=1), charge.std(axis=1, ddof=min(1, len(samples) - 1))
        if self.card.baseline_follows:
            self.baseline = level
        else:
            mean = mean + self.extractor.window * (level - self.baseline)
        self._noise = rms[2]
        self.pedestals.append(PedestalSet(since, len(samples), mean * self.factor, rms * self.factor))

    def _renew_conversion(self) -> None:
        """Conversion of the block of light pulses that is now complete."""
        found = pulses(
            np.concatenate([c for c, _ in self._light]), np.concatenate([t for _, t in self._light]), self.rules
        )
        self._light = []
        try:
            new = convert(found, self._noise, self.rules)
        except ProgramError as error:
            self.messages.append(f"interleaved calibration events: {error}; the conversion stays as it was")
            return
        self.status |= new.status & DEAD
        good = self.status == 0
        if self.card.conversion_follows:
            self.factor = np.where(good, new.factor, 0.0)
        else:
            self.factor = np.where(good, self.factor, 0.0)
        self.lights.append(LightSet(self._light_since, found.events, new.phe, float(self.factor[good].mean())))


def _block_ends(pattern: np.ndarray, wanted: int, size: int, partial: bool = False) -> frozenset[int]:
    """After how many events of the subrun each block is complete.

    Parameters
    ----------
    pattern
        Of all events.
    wanted
        Pattern of those that make up the blocks.
    size
        The least of a block; the blocks share the rest evenly.
    partial
        Make one block where there are fewer.

    Examples
    --------
    >>> sorted(_block_ends(np.array([8, 1, 8, 8, 1, 8, 8, 1]), 8, 2))
    [3, 7]
    >>> sorted(_block_ends(np.array([1, 8]), 8, 2)), sorted(_block_ends(np.array([1, 8]), 8, 2, partial=True))
    ([], [2])
    """
    places = np.flatnonzero(pattern == wanted) + 1
    blocks = len(places) // size
    if not blocks:
        return frozenset(places[-1:].tolist()) if partial else frozenset()
    lasts = np.arange(1, blocks + 1) * len(places) // blocks - 1
    return frozenset(places[lasts].tolist())
