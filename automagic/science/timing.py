"""The phase of a pulsar at the telescopes' times, with PINT (Luo et al. 2021, ApJ 911, 45), without network.

PINT takes the times to the barycentre of the Solar System: UTC → TT from the leap seconds and the rotation of the Earth
from the tables of astropy (package astropy-iers-data), TDB from ERFA, the Earth's place from JPL's DE421 (package
skyfield-data), Roemer's, Shapiro's (Sun) and Einstein's delays; then the model of the par file.

What PINT would download is left out: UTC(GPS) - UTC (some ns), and TT(BIPM) - TT(TAI), about 27.7 µs; a par file that
has its moment of phase 0 at an observatory does not notice, as the difference is there as well.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from automagic.errors import UserError
from automagic.science import dl3

EPHEMERIS = "DE421"
SITE = "magic"
"""PINT's name of the telescopes; its place is in PINT's ``observatories.json``."""


def kernel() -> Path:
    """Return the file of the ephemeris."""
    found = importlib.util.find_spec("skyfield_data")
    if found is None or found.origin is None:
        raise UserError("the package skyfield-data, which has the ephemeris DE421, is not there", hint="Install it.")
    return Path(found.origin).with_name("data") / "de421.bsp"


def model(text: str, name: str) -> Any:
    """Return PINT's model of a par file.

    Parameters
    ----------
    text
        Of the file.
    name
        For errors.

    Returns
    -------
    pint.models.TimingModel
        Phases are 0 at its TZRMJD; without one at PEPOCH, at the barycentre.

    Raises
    ------
    UserError
        Where PINT does not take it.
    """
    import io

    offline()
    from pint.models import get_model
    from pint.models.absolute_phase import AbsPhase

    try:
        made = get_model(io.StringIO(text))
        made.EPHEM.value = EPHEMERIS
        if "AbsPhase" not in made.components:
            made.add_component(AbsPhase(), validate=False)
            made.TZRMJD.value, made.TZRSITE.value = made.PEPOCH.value, "@"
            made.setup()
        _without_clock(made.TZRSITE.value)
        made.validate()
    except Exception as error:  # PINT raises errors of many kinds
        raise UserError(f"{name}: PINT cannot use this par file: {error}") from None
    return made


def offline() -> None:
    """Have PINT and astropy download nothing, and the telescopes' clock need no file."""
    dl3.quiet()
    import warnings

    from astropy.utils import data
    from pint import logging
    from pint.solar_system_ephemerides import load_kernel

    data.conf.allow_internet = False
    logging.setup(level="ERROR")
    warnings.filterwarnings("ignore", module="pint")
    load_kernel(EPHEMERIS, path=str(kernel()))
    _without_clock(SITE)


def _without_clock(name: str) -> None:
    """Have the clock of an observatory show UTC: PINT would download what it showed, for parts of a µs."""
    from pint.observatory import get_observatory

    site = get_observatory(name, apply_gps2utc=False)
    if getattr(site, "clock_files", None):
        site.clock_files = []


def moments(seconds: Any, header: dict[str, Any], leap_seconds: str = "none", name: str = "header") -> Any:
    """Return times of a DL3 file as UTC.

    Parameters
    ----------
    seconds
        Column TIME, [n].
    header
        Of the table: MJDREFI, MJDREFF, TIMESYS, TIMEUNIT, TIMEREF (GADF 0.2).
    leap_seconds
        For TIMESYS UTC. ``"none"``: each day has 86,400 s, so that MJDREF + TIME/86,400 is the MJD; ``"counted"``: TIME
        has run on over the leap seconds since MJDREF.
    name
        For errors.

    Returns
    -------
    astropy.time.Time

    Raises
    ------
    UserError
        Where the header does not say what time it is.

    Examples
    --------
    >>> head = {"MJDREFI": 52706, "MJDREFF": 0.0, "TIMESYS": "UTC"}
    >>> [str(moments([333778852.0], head, each).isot[0]) for each in ("none", "counted")]
    ['2013-10-04T04:20:52.000', '2013-10-04T04:20:49.000']
    """
    import numpy as np
    import pint.pulsar_mjd  # noqa: F401  # gives astropy the format in which each day of UTC has 86,400 s
    from astropy.time import Time, TimeDelta

    missing = [key for key in ("MJDREFI", "MJDREFF", "TIMESYS") if key not in header]
    if missing:
        raise UserError(f"{name}: the header of EVENTS has no {', '.join(missing)}: what time it is, is unknown")
    scale = str(header["TIMESYS"]).strip().lower()
    if scale not in ("utc", "tt", "tai", "tdb"):
        raise UserError(f"{name}: TIMESYS is {header['TIMESYS']!r}; expected UTC, TT, TAI or TDB")
    if str(header.get("TIMEUNIT", "s")).strip() != "s":
        raise UserError(f"{name}: TIMEUNIT is {header['TIMEUNIT']!r}; expected s")
    place = str(header.get("TIMEREF", "local")).strip().lower()
    if place not in ("local", "topocenter"):
        raise UserError(f"{name}: TIMEREF is {header['TIMEREF']!r}: these are not the times at the telescopes")
    seconds = np.asarray(seconds, float)
    days = np.floor(seconds / 86400.0)
    start, rest = float(header["MJDREFI"]), seconds - days * 86400.0
    if scale == "utc" and leap_seconds == "counted":
        return Time(start, float(header["MJDREFF"]), format="pulsar_mjd", scale="utc") + TimeDelta(
            days, rest / 86400.0, format="jd"
        )
    kind = "pulsar_mjd" if scale == "utc" else "mjd"
    return Time(start + days, float(header["MJDREFF"]) + rest / 86400.0, format=kind, scale=scale).utc


def phases(timing: Any, times: Any) -> Any:
    """Return the phase at each of some moments, float64 from 0 to 1 (without 1).

    Parameters
    ----------
    timing
        From `model`.
    times
        `astropy.time.Time`, UTC at the telescopes, [n].
    """
    import numpy as np
    from pint.toa import get_TOAs_array

    planets = bool(timing.PLANET_SHAPIRO.value) if "PLANET_SHAPIRO" in timing else False
    toas = get_TOAs_array(times, SITE, ephem=EPHEMERIS, include_bipm=False, planets=planets)
    turns = np.asarray(timing.phase(toas, abs_phase=True).frac, dtype=float) % 1.0
    return np.where(turns >= 1.0, 0.0, turns)


def version() -> str:
    """Return PINT's version."""
    from importlib.metadata import version

    return version("pint-pulsar")
