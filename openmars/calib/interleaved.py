"""Interleaved events: what the card asks of them, and into which blocks they are divided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from openmars.core.env import Env
from openmars.core.errors import ProgramError

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
    """Pedestals from some moment on: seconds, number of events, and mean and rms of their charges, [3, 1039]."""

    seconds: float
    events: int
    mean: np.ndarray
    rms: np.ndarray

    def times(self, factor: np.ndarray) -> PedestalSet:
        """The same in other units."""
        return self._replace(mean=self.mean * factor, rms=self.rms * factor)


class LightSet(NamedTuple):
    """Conversion from some moment on: seconds, events, photo-electrons of a pulse, mean conversion of the camera."""

    seconds: float
    events: int
    phe: float
    conversion: float


def block_ends(pattern: np.ndarray, wanted: int, size: int, least: int) -> list[int]:
    """After how many events of the subrun each block is complete.

    Parameters
    ----------
    pattern
        Of all events.
    wanted
        Pattern of those that make up the blocks.
    size
        The least of a block; the blocks share the rest evenly.
    least
        With fewer of them than `size`, but so many, there is one block.

    Examples
    --------
    >>> block_ends(np.array([8, 1, 8, 8, 1, 8, 8, 1]), 8, 2, 1)
    [3, 7]
    >>> block_ends(np.array([1, 8]), 8, 2, 1), block_ends(np.array([1, 8]), 8, 2, 2)
    ([2], [])
    """
    places = np.flatnonzero(pattern == wanted) + 1
    if len(places) < min(least, size):
        return []
    blocks = max(1, len(places) // size)
    lasts = np.arange(1, blocks + 1) * len(places) // blocks - 1
    return [int(place) for place in places[lasts]]
