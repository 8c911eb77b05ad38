"""The events of a run from all that makes events, merged in order of time.

Each kind of event comes as a stream of chunks in order of time; no more than a chunk of each is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from openmars.io import headers
from openmars.sim import generate
from openmars.sim.card import SimCard, Truth
from openmars.sim.events import Triggered
from openmars.sim.extended import directions
from openmars.sim.noise import stream
from openmars.sim.pulsar import Pulsar
from openmars.sim.readout import Cameras
from openmars.sim.spectrum import dnde_per_gev
from openmars.sim.track import Track
from openmars.sky import radec_to_altaz

CHUNK, RAW_CHUNK = 2000, 100
"""Events in a chunk: of one event charges and times are 17 kB, samples 208 kB."""
Place = tuple[np.ndarray | float, np.ndarray | float]
"""Right ascension and declination (deg), of all gammas or of each."""

LEAST = 12
"""Pedestal and calibration events of a subrun, however short: the calibration asks for ten."""


@dataclass
class Chunk:
    """Events of both telescopes in order of time.

    Attributes
    ----------
    seconds
        From the start of the run, [n].
    pattern
        [n].
    data
        What is written of each telescope, [n, 2, ...]: charges and arrival times, or the samples.
    """

    seconds: np.ndarray
    pattern: np.ndarray
    data: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return len(self.seconds)

    def part(self, chosen: np.ndarray | slice) -> Chunk:
        """Some of the events."""
        return Chunk(self.seconds[chosen], self.pattern[chosen], tuple(each[chosen] for each in self.data))

    def split(self, limit: float) -> tuple[Chunk, Chunk]:
        """Those up to a moment, and those after it."""
        n = int(np.searchsorted(self.seconds, limit, side="right"))
        return self.part(slice(n)), self.part(slice(n, None))


def _join(chunks: list[Chunk]) -> Chunk:
    chunks = [chunk for chunk in chunks if len(chunk)]
    if len(chunks) == 1:
        return chunks[0]
    seconds = np.concatenate([chunk.seconds for chunk in chunks])
    pattern = np.concatenate([chunk.pattern for chunk in chunks])
    data = tuple(np.concatenate(same) for same in zip(*(chunk.data for chunk in chunks), strict=True))
    return Chunk(seconds, pattern, data).part(np.argsort(seconds, kind="stable"))


def merge(streams: list[Iterator[Chunk]]) -> Iterator[Chunk]:
    """Merge streams; each is in order of time and has no empty chunks."""
    waiting = {i: chunk for i, each in enumerate(streams) if (chunk := next(each, None)) is not None}
    while waiting:
        # up to here all streams are known
        limit = min(float(chunk.seconds[-1]) for chunk in waiting.values())
        due = []
        for i, chunk in list(waiting.items()):
            before, after = chunk.split(limit)
            due.append(before)
            rest = after if len(after) else next(streams[i], None)
            if rest is None:
                del waiting[i]
            else:
                waiting[i] = rest
        yield _join(due)


def _chunk(seconds: np.ndarray, found: Triggered, raw: bool) -> Chunk:
    data = (found.samples,) if raw else (found.charge, found.arrival_time)
    return Chunk(seconds, np.full(len(found), headers.PATTERN_STEREO, np.uint8), data)


def _size(card: SimCard) -> tuple[int, Cameras | None]:
    return (RAW_CHUNK, card.cameras) if card.raw else (CHUNK, None)


def _gammas(card: SimCard, track: Track) -> Iterator[Chunk]:
    """All triggered gammas of the run."""
    dnde = dnde_per_gev(card.truth)
    rng = np.random.default_rng([stream(card.seed, "gammas")])
    n = _arriving(card, dnde, rng)
    if card.kind == "off" or n == 0:
        return
    seconds = np.sort(rng.uniform(0, card.duration, n))
    yield from _showers(card, track, seconds, directions(card, n), dnde)


def _pulsed(card: SimCard, track: Track) -> list[Iterator[Chunk]]:
    """All triggered gammas of the run's pulsar, a stream each peak."""
    if card.pulsar is None or card.kind == "off":
        return []
    return [_pulse(card, track, card.pulsar, number) for number in range(len(card.pulsar.peaks))]


def _pulse(card: SimCard, track: Track, pulsar: Pulsar, number: int) -> Iterator[Chunk]:
    peak = pulsar.peaks[number]
    dnde = dnde_per_gev(Truth(peak.amplitude, pulsar.reference, peak.index, 0.0, 0.0, "none"))
    rng = np.random.default_rng([stream(card.seed, f"pulse {number}")])
    n = _arriving(card, dnde, rng)
    if n == 0:
        return
    seconds = pulsar.arrivals(peak, rng, track.day, track.start_s, card.duration, n)
    yield from _showers(card, track, seconds, (card.ra, card.dec), dnde, f" of pulse {number}")


def _limits(card: SimCard) -> tuple[float, float]:
    """Energies that are drawn, GeV."""
    return 1000 * card.energy_min, 1000 * card.energy_max


def _arriving(card: SimCard, dnde: generate.Spectrum, rng: np.random.Generator) -> int:
    """How many gammas of a spectrum arrive within the run and within reach of the telescopes."""
    return int(rng.poisson(generate.expected_gammas(card.duration, *_limits(card), dnde, card.impact_max)))


def _showers(
    card: SimCard, track: Track, seconds: np.ndarray, place: Place, dnde: generate.Spectrum, what: str = ""
) -> Iterator[Chunk]:
    """The gammas that trigger, of those that arrive at these seconds; `what` ends the names of their random numbers."""
    energy = generate.draw_spectrum(stream(card.seed, f"energies{what}"), len(seconds), *_limits(card), dnde)
    where = (*radec_to_altaz(*place, track.mjd(seconds)), *track.pointing(seconds))
    seed = stream(card.seed, f"showers{what}")
    for found in generate.simulate_gammas(seed, energy, *where, card.conditions, card.impact_max, *_size(card)):
        yield _chunk(seconds[found.index], found, card.raw)


def _protons(card: SimCard, track: Track) -> Iterator[Chunk]:
    """Cosmic rays."""
    mean = generate.expected_protons(card.duration, card.background_fraction)
    n = int(np.random.default_rng([stream(card.seed, "cosmic rays")]).poisson(mean))
    if n == 0:
        return
    seed, pointing = stream(card.seed, "protons"), track.pointing(track.nodes())
    for found in generate.simulate_protons(seed, n, *pointing, card.conditions, None, *_size(card)):
        yield _chunk(found.time_fraction * card.duration, found, card.raw)


def quiet_events(card: SimCard, pattern: int, name: str, seconds: np.ndarray) -> Iterator[Chunk]:
    """Pedestal or calibration events at given moments.

    Parameters
    ----------
    pattern
        Which of the two.
    name
        Of the random numbers, for `openmars.sim.noise.stream`.
    seconds
        From the start of the run, ascending, [n].
    """
    size, cameras = _size(card)
    seed = stream(card.seed, name)
    for first in range(0, len(seconds), size):
        at = seconds[first : first + size]
        which = seed, first, len(at), card.conditions
        if cameras is not None:
            make = generate.calibration_samples if pattern == headers.PATTERN_CALIBRATION else generate.pedestal_samples
            data: tuple[np.ndarray, ...] = (make(*which, cameras),)
        elif pattern == headers.PATTERN_CALIBRATION:
            # calibrated files have none; they are here for the time that they take
            data = (np.broadcast_to(np.float32(0), (len(at), 2, 1039)),) * 2
        else:
            data = generate.pedestal_events(seed, len(at), card.conditions, first)
        yield Chunk(at, np.full(len(at), pattern, np.uint8), data)


def _interleaved(card: SimCard, rate: float, phase: float) -> np.ndarray:
    """Moments at even distances, seconds from the start of the run."""
    n = max(int(rate * card.duration), LEAST * card.subruns) if rate > 0 else 0
    return (np.arange(n) + phase) * card.duration / max(n, 1)


def events(card: SimCard, track: Track) -> Iterator[Chunk]:
    """All events of a run, merged in order of time, in chunks."""
    pedestals, pulses = _interleaved(card, card.pedestal_rate, 0.5), _interleaved(card, card.calibration_rate, 0.25)
    return merge(
        [
            _protons(card, track),
            _gammas(card, track),
            quiet_events(card, headers.PATTERN_PEDESTAL, "interleaved", pedestals),
            quiet_events(card, headers.PATTERN_CALIBRATION, "pulses", pulses),
            *_pulsed(card, track),
        ]
    )
