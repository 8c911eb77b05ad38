"""Where the telescopes look: right ascension and declination, zenith distance and azimuth, camera.

All angles are in degrees, times are MJD (UTC). Azimuth runs from geographic north through east. Directions
are without refraction. The way from ICRS to the horizon is that of IAU 2006 with ERFA: precession, nutation,
aberration (annual), rotation of the Earth with UT1-UTC from the table that comes with astropy (nothing is
downloaded); it agrees with astropy's ``AltAz`` to 0.0005 degrees (tested).

Camera frame: x along increasing altitude, y along increasing azimuth, as in `openmars.camera`; the angles are
those of a sphere turned so that the pointing is its origin (ctapipe's ``TelescopeFrame``: x is ``fov_lat``,
y is ``fov_lon``).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

LATITUDE_DEG = 28.7619
LONGITUDE_DEG = -17.8900
HEIGHT_M = 2200.0
"""Site: the mean of M1 and M2 (east positive)."""

Floats = NDArray[np.float64]
DJ_MJD = 2400000.5
LIGHT_KM_S = 299792.458
AU_PER_DAY_IN_C = 149597870.7 / 86400.0 / LIGHT_KM_S
DELTA_TT_S = 69.2
"""TT - UTC; since 2017. A second more or less changes nothing here: only slow terms use it."""


@lru_cache(maxsize=1)
def _earth_orientation() -> tuple[Floats, Floats]:
    """MJD and UT1-UTC (s) of the IERS series C04 that comes with astropy."""
    import astropy_iers_data  # type: ignore[import-untyped]

    mjd, difference = [], []
    with open(Path(astropy_iers_data.IERS_B_FILE)) as lines:
        for line in lines:
            if not line.startswith("#"):
                mjd.append(float(line[16:26]))
                difference.append(float(line[50:62]))
    return np.array(mjd), np.array(difference)


@lru_cache(maxsize=64)
def _day(day: int) -> tuple[Floats, Floats, float]:
    """At noon of a day: ICRS → intermediate system (matrix), velocity of the Earth in c, UT1-UTC in s."""
    import erfa  # type: ignore[import-untyped]

    middle = DELTA_TT_S / 86400.0 + 0.5
    matrix = erfa.c2i06a(DJ_MJD + day, middle)
    _, barycentric = erfa.epv00(DJ_MJD + day, middle)
    mjd, difference = _earth_orientation()
    return (
        matrix,
        np.asarray(barycentric["v"]) * AU_PER_DAY_IN_C,
        float(np.interp(day + 0.5, mjd, difference)),
    )


def _unit(longitude_deg: ArrayLike, latitude_deg: ArrayLike) -> Floats:
    """Unit vectors [..., 3]."""
    lon, lat = np.broadcast_arrays(np.radians(longitude_deg), np.radians(latitude_deg))
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def _angles(vector: Floats) -> tuple[Floats, Floats]:
    """Longitude (0 … 360) and latitude of vectors [..., 3]."""
    longitude = np.degrees(np.arctan2(vector[..., 1], vector[..., 0])) % 360.0
    return longitude, np.degrees(np.arctan2(vector[..., 2], np.hypot(vector[..., 0], vector[..., 1])))


def _rotation_angle(mjd: Floats, dut1: float) -> Floats:
    """Angle of the intermediate origin at the site, degrees: that of the Earth plus longitude (IAU 2000)."""
    since = mjd - 51544.5 + dut1 / 86400.0
    turns = (mjd % 1.0) + dut1 / 86400.0 + 0.5 + 0.7790572732640 + 0.00273781191135448 * since
    return (turns % 1.0) * 360.0 + LONGITUDE_DEG


def _by_day(mjd: Floats) -> list[tuple[int, NDArray[np.bool_] | slice]]:
    days = np.floor(mjd).astype(int)
    different = np.unique(days)
    if len(different) == 1:
        return [(int(different[0]), slice(None))]
    return [(int(day), days == day) for day in different]


def radec_to_altaz(ra: ArrayLike, dec: ArrayLike, mjd: ArrayLike) -> tuple[Floats, Floats]:
    """Zenith distance and azimuth of sky positions.

    Parameters
    ----------
    ra, dec
        ICRS, one number or arrays of the shape of `mjd`.
    mjd
        Times, one number or [n].

    Returns
    -------
    zenith distance, azimuth (0 … 360).
    """
    ra, dec, times = np.broadcast_arrays(np.asarray(ra, float), np.asarray(dec, float), np.asarray(mjd, float))
    shape, times = times.shape, times.ravel()
    stars = _unit(ra.ravel(), dec.ravel())
    zenith, azimuth = np.empty(len(times)), np.empty(len(times))
    sin_lat, cos_lat = np.sin(np.radians(LATITUDE_DEG)), np.cos(np.radians(LATITUDE_DEG))
    for day, chosen in _by_day(times):
        matrix, velocity, dut1 = _day(day)
        apparent = (stars[chosen] + velocity) @ matrix.T
        right_ascension, declination = _angles(apparent)
        u = _unit(_rotation_angle(times[chosen], dut1) - right_ascension, declination)
        north = cos_lat * u[:, 2] - sin_lat * u[:, 0]
        up = sin_lat * u[:, 2] + cos_lat * u[:, 0]
        azimuth[chosen] = np.degrees(np.arctan2(-u[:, 1], north)) % 360.0
        zenith[chosen] = np.degrees(np.arctan2(np.hypot(north, u[:, 1]), up))
    return zenith.reshape(shape), azimuth.reshape(shape)


def altaz_to_radec(zd: ArrayLike, az: ArrayLike, mjd: ArrayLike) -> tuple[Floats, Floats]:
    """Right ascension (0 … 360) and declination, ICRS, of directions: the inverse of `radec_to_altaz`."""
    zd, az, times = np.broadcast_arrays(np.asarray(zd, float), np.asarray(az, float), np.asarray(mjd, float))
    shape, times = times.shape, times.ravel()
    local = _unit(az.ravel(), 90.0 - zd.ravel())  # north, east, up
    ra, dec = np.empty(len(times)), np.empty(len(times))
    sin_lat, cos_lat = np.sin(np.radians(LATITUDE_DEG)), np.cos(np.radians(LATITUDE_DEG))
    for day, chosen in _by_day(times):
        matrix, velocity, dut1 = _day(day)
        north, east, up = local[chosen].T
        hour = np.stack([cos_lat * up - sin_lat * north, -east, sin_lat * up + cos_lat * north], axis=-1)
        hour_angle, declination = _angles(hour)
        stars = _unit(_rotation_angle(times[chosen], dut1) - hour_angle, declination) @ matrix
        # |u + v| is 1 + u·v to first order: undo the aberration with the apparent direction
        stars = stars * (1.0 + stars @ velocity)[:, None] - velocity
        ra[chosen], dec[chosen] = _angles(stars)
    return ra.reshape(shape), dec.reshape(shape)


def camera_to_altaz(x_deg: ArrayLike, y_deg: ArrayLike, zd: ArrayLike, az: ArrayLike) -> tuple[Floats, Floats]:
    """Zenith distance and azimuth of points of the camera.

    Parameters
    ----------
    x_deg, y_deg
        Camera coordinates.
    zd, az
        Where the telescope points.
    """
    u = _unit(y_deg, x_deg)
    tilt = np.radians(90.0 - np.asarray(zd, float))
    forward = np.cos(tilt) * u[..., 0] - np.sin(tilt) * u[..., 2]
    up = np.sin(tilt) * u[..., 0] + np.cos(tilt) * u[..., 2]
    azimuth = (np.degrees(np.arctan2(u[..., 1], forward)) + np.asarray(az, float)) % 360.0
    return np.degrees(np.arctan2(np.hypot(forward, u[..., 1]), up)), azimuth


def altaz_to_camera(
    zd: ArrayLike, az: ArrayLike, pointing_zd: ArrayLike, pointing_az: ArrayLike
) -> tuple[Floats, Floats]:
    """Camera coordinates (x, y) of directions: the inverse of `camera_to_altaz`."""
    u = _unit(np.asarray(az, float) - pointing_az, 90.0 - np.asarray(zd, float))
    tilt = np.radians(90.0 - np.asarray(pointing_zd, float))
    forward = np.cos(tilt) * u[..., 0] + np.sin(tilt) * u[..., 2]
    x = np.cos(tilt) * u[..., 2] - np.sin(tilt) * u[..., 0]
    return np.degrees(np.arctan2(x, np.hypot(forward, u[..., 1]))), np.degrees(np.arctan2(u[..., 1], forward))


def separation(lon_1: ArrayLike, lat_1: ArrayLike, lon_2: ArrayLike, lat_2: ArrayLike) -> Floats:
    """Angle between two directions, exact for small and large ones.

    >>> round(float(separation(10, 0, 10, 0.4)), 9)
    0.4
    """
    a, b = _unit(lon_1, lat_1), _unit(lon_2, lat_2)
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(axis=-1)))


def sky_offset(ra: float, dec: float, distance: ArrayLike, position_angle: ArrayLike) -> tuple[Floats, Floats]:
    """Position at a distance from another, at a position angle from north through east."""
    distance, angle = np.radians(distance), np.radians(position_angle)
    up, east = np.sin(distance) * np.cos(angle), np.sin(distance) * np.sin(angle)
    tilt, forward = np.radians(dec), np.cos(distance)
    across = np.cos(tilt) * forward - np.sin(tilt) * up
    longitude = (ra + np.degrees(np.arctan2(east, across))) % 360.0
    return longitude, np.degrees(np.arctan2(np.sin(tilt) * forward + np.cos(tilt) * up, np.hypot(across, east)))


def wobble_pointing(ra: float, dec: float, offset: float, angle: float) -> tuple[float, float]:
    """Pointing of a wobble position ``W<offset>+<angle>`` of a source.

    The angle runs from east towards north: so it is in the public event lists of MAGIC (the run
    ``CrabNebula-W0.40+035`` points 0.33 degrees east and 0.23 degrees north of the Crab).

    >>> ra, dec = wobble_pointing(83.6333, 22.0144, 0.4, 35)
    >>> round(ra, 2), round(dec, 2)
    (83.99, 22.24)
    """
    new_ra, new_dec = sky_offset(ra, dec, offset, 90.0 - angle)
    return float(new_ra), float(new_dec)
