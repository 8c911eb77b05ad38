"""Where the telescope pointed and where the source was in its camera, for data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from openmars.camera import MM_TO_DEG

NODE_S = 30.0
"""The source moves in the camera so slowly that it is computed this often and interpolated, s."""


@dataclass(frozen=True)
class Track:
    """What the drive reported: MJD, zenith distance and azimuth (deg), RA (h) and declination (deg), float [n].

    `dev_zd` and `dev_az` are the starguider's deviations in deg, zero without it.
    """

    mjd: np.ndarray
    zd: np.ndarray
    az: np.ndarray
    ra: np.ndarray
    dec: np.ndarray


def read_track(drives: list[dict[str, Any]]) -> Track:
    """Join the drive reports of the files of a run, each time once."""
    names = ("fMjd", "fCurrentZd", "fCurrentAz", "fRa", "fDec")
    columns = [np.concatenate([drive[f"MReportDrive.{name}"] for drive in drives]) for name in names]
    _, first = np.unique(columns[0], return_index=True)
    mjd, zd, az, ra, dec = (column[first].astype(float) for column in columns)
    return Track(mjd, zd, np.unwrap(az, period=360.0), ra, dec)


def interpolate(at: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Interpolate on straight lines, and go on with the outermost ones outside.

    >>> interpolate(np.array([-1.0, 0.5, 4.0]), np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 3.0]))
    array([-1. ,  0.5,  7. ])
    """
    if len(x) == 1:
        return np.full(len(at), y[0])
    k = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    return y[k] + (at - x[k]) * ((y[k + 1] - y[k]) / (x[k + 1] - x[k]))


def pointing_columns(track: Track, mjd: np.ndarray, deviation: tuple[np.ndarray, np.ndarray]) -> dict[str, np.ndarray]:
    """``MPointingPos`` at the times of events; ``fHa`` is left zero, nobody is known to read it.

    Parameters
    ----------
    deviation : two float arrays [n]
        Of the starguider in zenith distance and azimuth, deg.
    """
    zero = np.zeros(len(mjd))
    values = {
        "fZd": interpolate(mjd, track.mjd, track.zd),
        "fAz": interpolate(mjd, track.mjd, track.az) % 360.0,
        "fRa": interpolate(mjd, track.mjd, track.ra),
        "fHa": zero,
        "fDec": interpolate(mjd, track.mjd, track.dec),
        "fDevZd": deviation[0],
        "fDevAz": deviation[1],
        "fDevHa": zero,
        "fDevDec": zero,
    }
    return {f"MPointingPos.{name}": value for name, value in values.items()}


def source_in_camera(track: Track, mjd: np.ndarray, ra_deg: float, dec_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """Place of a source in the camera, mm, at the times of events."""
    from openmars.sky.pointing import altaz_to_camera, radec_to_altaz

    if not len(mjd):
        return np.empty(0), np.empty(0)
    start, stop = float(mjd.min()), float(mjd.max())
    nodes = np.linspace(start, stop, max(2, 2 + int((stop - start) * 86400.0 / NODE_S)))
    zd, az = radec_to_altaz(ra_deg, dec_deg, nodes)
    x, y = altaz_to_camera(zd, az, interpolate(nodes, track.mjd, track.zd), interpolate(nodes, track.mjd, track.az))
    return np.interp(mjd, nodes, x) / MM_TO_DEG, np.interp(mjd, nodes, y) / MM_TO_DEG
