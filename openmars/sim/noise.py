"""Streams of random numbers, and the pedestals of a run."""

from __future__ import annotations

import zlib

import numpy as np

from openmars.sim import generate
from openmars.sim.card import SimCard

PEDESTAL_SAMPLE = 400


def stream(seed: int, name: str) -> int:
    """Seed of one use of random numbers: 31 bits from the seed of the run and a name.

    >>> stream(1, "showers") != stream(1, "protons") != stream(2, "protons")
    True
    """
    return int(np.random.SeedSequence([seed, zlib.crc32(name.encode())]).generate_state(1)[0] >> 1)


def pedestals(card: SimCard) -> list[tuple[np.ndarray, np.ndarray]]:
    """Mean and rms of every pixel without light, photo-electrons: two arrays [1039] for M1 and for M2.

    Measured on simulated events of noise, as the calibration program does on real ones.
    """
    charge, _ = generate.pedestal_events(stream(card.seed, "pedestals"), PEDESTAL_SAMPLE, card.conditions)
    return [(charge[:, t].mean(axis=0), charge[:, t].std(axis=0)) for t in (0, 1)]
