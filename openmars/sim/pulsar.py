"""Pulsed gammas: when they arrive at the telescopes, so that the pulsar's phase at the barycentre has its profile.

The way to the barycentre is astropy's: UTC → TDB at the telescopes, and light travel time with the Earth of ERFA's
``epv00``; Shapiro's delay is left out. Nothing of it comes from the programs that analyse the events, so that the two
judge each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openmars.core.env import Env
from openmars.core.errors import ProgramError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Peak:
    """A pulse: a Gaussian in phase with a power law as its spectrum.

    Attributes
    ----------
    phase, width
        Middle and standard deviation, turns.
    amplitude
        At the pulsar's reference energy, TeV-1 cm-2 s-1, average over a turn.
    index
        dN/dE goes as E^-index.
    """

    phase: float
    width: float
    amplitude: float
    index: float


@dataclass(frozen=True)
class Pulsar:
    """A pulsar: phase = f0 t + f1 t²/2 + f2 t³/6, with t the seconds since `epoch` at the barycentre.

    Attributes
    ----------
    ra, dec
        ICRS, degrees. A second of arc is up to 2.4 ms.
    epoch
        MJD in TDB; the phase is 0 there.
    f0, f1, f2
        Hz, Hz/s, Hz/s².
    reference
        Energy of the peaks' amplitudes, TeV.
    """

    ra: float
    dec: float
    epoch: float
    f0: float
    f1: float
    f2: float
    reference: float
    peaks: tuple[Peak, ...]

    def turns(self, day: int, seconds: Floats) -> NDArray[np.longdouble]:
        """Return turns since `epoch` of moments at the telescopes, as seconds of UTC from the midnight of a day (MJD).

        They are told apart to 1e-9 turns only with more digits than a double has: np.longdouble.
        """
        from astropy import units as u
        from astropy.coordinates import EarthLocation, SkyCoord
        from astropy.time import Time
        from astropy.utils import iers

        from openmars import sky

        iers.conf.auto_download = False
        iers.conf.iers_degraded_accuracy = "ignore"
        place = EarthLocation.from_geodetic(sky.LONGITUDE_DEG * u.deg, sky.LATITUDE_DEG * u.deg, sky.HEIGHT_M * u.m)
        here = Time(float(day), seconds / 86400.0, format="mjd", scale="utc", location=place)
        source = SkyCoord(self.ra, self.dec, unit="deg")
        there = here.tdb + here.light_travel_time(source, "barycentric", ephemeris="builtin")
        since = np.longdouble(there.jd1 - 2400000.5 - np.floor(self.epoch))
        t = (since + there.jd2 - np.longdouble(self.epoch % 1.0)) * 86400
        return t * (self.f0 + t * (self.f1 / np.longdouble(2) + t * (self.f2 / np.longdouble(6))))

    def arrivals(self, peak: Peak, rng: np.random.Generator, day: int, start: float, duration: float, n: int) -> Floats:
        """Return when `n` gammas of a peak arrive: seconds from the start of the run, ascending.

        Parameters
        ----------
        peak
            One of `peaks`.
        rng
            Random numbers.
        day, start
            The run begins `start` seconds from the midnight of a day (MJD, UTC).
        duration
            Of the run, s.
        """
        wanted = peak.phase + peak.width * rng.standard_normal(n)
        seconds = rng.uniform(0, duration, n)
        for step in range(3):
            off = np.asarray((wanted - self.turns(day, start + seconds)) % 1, float)
            # the first time to the next turn's phase or the last one's; then only the rest of a rounding
            seconds += np.where(off > 0.5, off - 1, off) / self.f0
            if step == 0:
                seconds += np.where(seconds < 0, 1, np.where(seconds >= duration, -1, 0)) / self.f0
        return np.sort(np.clip(seconds, 0, np.nextafter(duration, 0)))


def read_pulsar(env: Env) -> Pulsar | None:
    """Read the pulsar of a card; `None` where it has no peaks.

    Raises
    ------
    ProgramError
        Names the key, what was found and what is allowed.
    """
    text = env.get_str("Sim.PulsarPeaks", "")
    values = {
        "ra": env.get_float("Sim.PulsarRA", 83.633218),
        "dec": env.get_float("Sim.PulsarDec", 22.014464),
        "epoch": env.get_float("Sim.PulsarEpoch", 56580.0),
        "f0": env.get_float("Sim.PulsarF0", 29.68424),
        "f1": env.get_float("Sim.PulsarF1", -3.69698e-10),
        "f2": env.get_float("Sim.PulsarF2", 1.1147e-20),
        "reference": env.get_float("Sim.PulsarReference", 0.15),
    }
    if text in ("", "none"):
        return None
    if not 0.01 <= values["f0"] <= 2000:
        raise ProgramError(f"Sim.PulsarF0 is {values['f0']:g}; it must be from 0.01 to 2000 Hz")
    if not values["reference"] > 0:
        raise ProgramError(f"Sim.PulsarReference is {values['reference']:g}; it must be above 0")
    return Pulsar(**values, peaks=tuple(_peak(words) for words in text.split(";")))


def _peak(words: str) -> Peak:
    try:
        phase, width, amplitude, index = (float(word) for word in words.split())
    except ValueError:
        raise ProgramError(
            f"Sim.PulsarPeaks: {words.strip()!r} is no peak; expected phase, width, amplitude and index, like "
            "'0.40 0.012 6e-10 2.9', and ';' between peaks"
        ) from None
    if not (0 <= phase < 1 and 0 < width <= 0.5 and 0 <= amplitude <= 1e-3 and 0 < index < 10):
        raise ProgramError(
            f"Sim.PulsarPeaks: {words.strip()!r}: phases are from 0 to 1, widths up to 0.5, indices up to 10"
        )
    return Peak(phase, width, amplitude, index)
