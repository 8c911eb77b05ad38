"""Where the telescopes point during a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from openmars.core.errors import ProgramError
from openmars.io.times import SECONDS_PER_DAY, day_of_sunrise
from openmars.sim.card import SimCard
from openmars.sky import radec_to_altaz

NODE_S = 20.0
MAX_ZENITH = 75.0


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

    def nodes(self) -> np.ndarray:
        """Moments through the run, seconds from its start: the pointing in between is interpolated."""
        return np.linspace(0, self.card.duration, max(2, int(self.card.duration / NODE_S) + 1))

    def mjd(self, seconds: np.ndarray) -> np.ndarray:
        """MJD of seconds from the start of the run."""
        return self.day + (self.start_s + seconds) / SECONDS_PER_DAY

    def pointing(self, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Zenith distance and azimuth at seconds from the start; the azimuth runs on through 360 during the run."""
        zd, az = radec_to_altaz(*self.card.pointing, self.mjd(seconds))
        nodes = self.nodes()
        run = np.unwrap(radec_to_altaz(*self.card.pointing, self.mjd(nodes))[1], period=360)
        return zd, az + 360 * np.rint((np.interp(seconds, nodes, run) - az) / 360)
