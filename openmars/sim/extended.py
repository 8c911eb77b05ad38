"""Where on the sky the gammas of a run come from: the source's position, another one, or an extended source."""

from __future__ import annotations

import numpy as np

from openmars.sim.card import SimCard
from openmars.sim.noise import stream


def directions(card: SimCard, n: int) -> tuple[np.ndarray | float, np.ndarray | float]:
    """Right ascension and declination (deg) of `n` gammas; a number each where all come from one point.

    An extended source is a Gaussian on the sphere: its sigma, `card.extension`, is that of each of the two
    coordinates, as in Gammapy's ``GaussianSpatialModel``; within it are 39 % of the gammas. Its random numbers are a
    stream of their own, so that those of all else are as for a point.
    """
    if card.extension == 0:
        return card.gamma_ra, card.gamma_dec
    rng = np.random.default_rng([stream(card.seed, "extension")])
    away = card.extension * np.sqrt(-2.0 * np.log(1.0 - rng.random(n)))
    return at_distance(card.gamma_ra, card.gamma_dec, away, rng.uniform(0, 360, n))


def at_distance(ra: float, dec: float, distance: np.ndarray, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points at a distance from another and at an angle from north towards east, all in degrees.

    Examples
    --------
    >>> import numpy as np
    >>> ra, dec = at_distance(10.0, 0.0, np.array([1.0, 2.0]), np.array([90.0, 0.0]))
    >>> ra.round(6), dec.round(6)
    (array([11., 10.]), array([0., 2.]))
    """
    r, turn, lat = np.radians(distance), np.radians(angle), np.radians(dec)
    sine = np.sin(lat) * np.cos(r) + np.cos(lat) * np.sin(r) * np.cos(turn)
    east = np.arctan2(np.sin(turn) * np.sin(r) * np.cos(lat), np.cos(r) - np.sin(lat) * sine)
    return (ra + np.degrees(east)) % 360.0, np.degrees(np.arcsin(sine))
