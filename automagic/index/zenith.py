"""Where a source stands, well enough to choose runs by: within 0.1°, without astropy's start-up time."""

from __future__ import annotations

import math
from datetime import UTC, datetime

LATITUDE = 28.7619
"""Of the middle between the telescopes, in degrees north."""

LONGITUDE = -17.8900
"""In degrees, west is negative."""


def horizontal(ra: float, dec: float, moment: datetime) -> tuple[float, float]:
    """Return zenith distance and azimuth of a source over La Palma.

    Sidereal time and precession to first order: Meeus, Astronomical Algorithms (1998), eq. 12.4 and chapter
    21; refraction, nutation and aberration (all below 0.02° at the zenith distances used) are left out.

    Parameters
    ----------
    ra, dec
        ICRS, degrees.
    moment
        With its time zone.

    Returns
    -------
    zenith, azimuth
        In degrees, azimuth from north over east.

    Examples
    --------
    >>> zenith, azimuth = horizontal(83.6333, 22.0145, datetime(2013, 10, 5, 4, 0, tzinfo=UTC))
    >>> f"{zenith:.1f} {azimuth:.0f}"
    '25.9 99'
    """
    days = (moment - datetime(2000, 1, 1, 12, tzinfo=UTC)).total_seconds() / 86400
    years = days / 365.25
    m, n = 3.07496 + 0.0000186 * years / 100, 20.0431  # seconds of time and arcseconds a year
    right, declination = math.radians(ra), math.radians(dec)
    ra_now = ra + years * (m * 15 + n * math.sin(right) * math.tan(declination)) / 3600
    dec_now = math.radians(dec + years * n * math.cos(right) / 3600)
    sidereal = 280.46061837 + 360.98564736629 * days + LONGITUDE
    hour = math.radians(sidereal - ra_now)
    latitude = math.radians(LATITUDE)
    height = math.asin(math.sin(latitude) * math.sin(dec_now) + math.cos(latitude) * math.cos(dec_now) * math.cos(hour))
    azimuth = math.atan2(
        -math.cos(dec_now) * math.sin(hour),
        math.sin(dec_now) * math.cos(latitude) - math.cos(dec_now) * math.cos(hour) * math.sin(latitude),
    )
    return 90 - math.degrees(height), math.degrees(azimuth) % 360
