"""MARS times: a day and milliseconds and nanoseconds within it.

``MTime`` holds the day of sunrise (MJD), milliseconds from its midnight (-11 h … +13 h, so negative in the
evening) and the nanoseconds that remain. Inside openmars a time is the seconds from that midnight, float64:
exact to 10 ps.
"""

from __future__ import annotations

import numpy as np

SECONDS_PER_DAY = 86400.0


def day_of_sunrise(mjd: float) -> int:
    """MJD of the day whose sunrise ends the night that holds a moment.

    >>> day_of_sunrise(56569.9), day_of_sunrise(56570.2)
    (56570, 56570)
    """
    return int(np.floor(mjd + 11 / 24))


def to_mtime(name: str, day: int, seconds: np.ndarray) -> dict[str, np.ndarray]:
    """Branches of an ``MTime``.

    Parameters
    ----------
    name
        Of the container, such as ``MTime`` or ``MTimeDrive``.
    day
        MJD of the day of sunrise.
    seconds
        From its midnight, [n].

    Examples
    --------
    >>> to_mtime("MTime", 56570, np.array([-3600.0000005]))["MTime.fTime.fMilliSec"]
    array([-3600001])
    """
    seconds = np.atleast_1d(np.asarray(seconds, float))
    nanoseconds = np.rint(seconds * 1e9).astype(np.int64)
    milliseconds = nanoseconds // 1_000_000
    return {
        f"{name}.fMjd": np.full(len(seconds), day, np.uint32),
        f"{name}.fTime.fMilliSec": milliseconds,
        f"{name}.fNanoSec": (nanoseconds - milliseconds * 1_000_000).astype(np.uint32),
    }


def from_mtime(name: str, columns: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Day (MJD, int [n]) and seconds from its midnight (float64 [n]) of the branches of an ``MTime``."""
    seconds = columns[f"{name}.fTime.fMilliSec"] * 1e-3 + columns[f"{name}.fNanoSec"] * 1e-9
    return columns[f"{name}.fMjd"].astype(int), seconds


def to_mjd(name: str, columns: dict[str, np.ndarray]) -> np.ndarray:
    """MJD (UTC, float64 [n], exact to a microsecond) of the branches of an ``MTime``."""
    day, seconds = from_mtime(name, columns)
    return day + seconds / SECONDS_PER_DAY
