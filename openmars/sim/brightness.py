"""A sky that becomes brighter or darker during a run, as when the Moon rises or sets.

The run is made in short steps of constant brightness, each with random numbers of its own. A run whose brightness
stays is none of this, and draws the numbers that it always drew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np

from openmars.io.times import SECONDS_PER_DAY
from openmars.sim.card import SimCard
from openmars.sim.noise import pedestals, stream
from openmars.sim.streams import Chunk, events
from openmars.sim.track import Track

STEP_S = 60.0
"""A step is no longer than this,"""
RATIO = 1.05
"""and the brightness of one is no more than this factor from that of the next, as far as `MOST` steps allow."""
MOST = 60

Pedestals = list[tuple[np.ndarray, np.ndarray]]


def at(card: SimCard, seconds: np.ndarray | float) -> np.ndarray:
    """Night-sky background (dark night = 1) at seconds from the start of a run: it changes evenly."""
    first, last = card.conditions.nsb_level, card.nsb_end or card.conditions.nsb_level
    return first + (last - first) * np.clip(np.asarray(seconds, float) / card.duration, 0.0, 1.0)


def steps(card: SimCard) -> list[SimCard]:
    """The cards of the steps, in order of time; of a run whose brightness stays, its own alone."""
    if not card.nsb_end or card.nsb_end == card.conditions.nsb_level:
        return [card]
    change = abs(math.log(card.nsb_end / card.conditions.nsb_level)) / math.log(RATIO)
    n = min(MOST, max(2, math.ceil(change), math.ceil(card.duration / STEP_S)))
    length = card.duration / n
    return [
        replace(
            card,
            seed=stream(card.seed, f"brightness {i}"),
            start_mjd=card.start_mjd + i * length / SECONDS_PER_DAY,
            duration=length,
            subruns=1,
            conditions=replace(card.conditions, nsb_level=float(at(card, (i + 0.5) * length))),
            nsb_end=0.0,
        )
        for i in range(n)
    ]


def events_of(card: SimCard, track: Track) -> Iterator[Chunk]:
    """All events of a run in order of time, in chunks."""
    several = steps(card)
    if len(several) == 1:
        yield from events(card, track)
        return
    for i, step in enumerate(several):
        for chunk in events(step, Track.of(step)):
            chunk.seconds = chunk.seconds + i * step.duration
            yield chunk


@lru_cache(maxsize=1)
def pedestals_of(card: SimCard) -> tuple[Pedestals, Callable[[np.ndarray], list[int]]]:
    """Pedestals of each step, and what gives the step of moments in seconds from the start of the run.

    The first two of the list are M1 and M2 of the first step, and so on.
    """
    several = steps(card)
    found = [each for step in several for each in pedestals(step)]
    length = card.duration / len(several)

    def step_of(seconds: np.ndarray) -> list[int]:
        return np.clip(np.asarray(seconds, float) // length, 0, len(several) - 1).astype(int).tolist()

    return found, step_of
