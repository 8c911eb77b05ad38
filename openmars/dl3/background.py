"""Background of a run over the field of view, measured from the run itself, without the regions of sources."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from openmars.core import ProgramError
from openmars.dl3.events import Observation
from openmars.dl3.irf import Settings, solid_angle

Region = tuple[float, float, float]
"""A circle on the sky: right ascension, declination, radius, deg."""

LEAST = 0.05
"""A ring of which less than this is outside of all regions has no background of its own."""


def read_regions(text: str, source: tuple[float, float], radius: float) -> list[Region]:
    """Read the regions to leave out: ``auto`` for the source of the header, or ``ra dec radius, ra dec radius``.

    Examples
    --------
    >>> read_regions("auto", (83.6, 22.0), 0.35), read_regions("10 20 0.5, 11 20 0.3", (83.6, 22.0), 0.35)
    ([(83.6, 22.0, 0.35)], [(10.0, 20.0, 0.5), (11.0, 20.0, 0.3)])
    """
    if text == "auto":
        return [(*source, radius)]
    regions = []
    for part in text.split(","):
        try:
            ra, dec, wide = (float(word) for word in part.split())
        except ValueError:
            ra, dec, wide = 0.0, 0.0, -1.0
        if wide <= 0 or not -90 <= dec <= 90:
            raise ProgramError(f"MagicDL3.ExcludeRegions: {part.strip()!r}; expected auto, or 'ra dec radius' in deg")
        regions.append((ra, dec, wide))
    return regions


def outside(ra: np.ndarray, dec: np.ndarray, regions: list[Region]) -> np.ndarray:
    """Tell which points (deg) are outside of all regions."""
    from astropy.coordinates import angular_separation

    free = np.ones(np.shape(ra), bool)
    for one, two, radius in regions:
        distance = angular_separation(np.radians(ra), np.radians(dec), np.radians(one), np.radians(two))
        free &= np.degrees(distance) > radius
    return free


def background(
    run: Observation, keep: np.ndarray, seconds: float, regions: list[Region], settings: Settings
) -> np.ndarray:
    """Rate of the events that remain after the cuts, in rings around the camera's centre.

    Parameters
    ----------
    run : Observation
        The run itself: background is measured, not simulated.
    keep : ndarray of bool
        Events that pass the cuts.
    seconds : float
        Effective time.
    regions : list of Region
        What is left out of the rings: events as well as solid angle.
    settings : Settings
        Bins.

    Returns
    -------
    ndarray, shape (offset, estimated energy)
        Per MeV, second and steradian. A ring that lies (nearly) all in the regions takes it from its neighbours.
    """
    away = keep & outside(run.ra, run.dec, regions)
    offset = np.hypot(run.x, run.y)
    counts, _, _ = np.histogram2d(offset[away], run.energy[away], bins=(settings.offset, settings.reco))
    free = fraction_outside(settings.offset, run.pointing, regions)
    seen = solid_angle(settings.offset) * free
    rate = counts / (np.diff(settings.reco)[None, :] * 1e6 * seconds * np.maximum(seen, 1e-12)[:, None])
    own = free > LEAST
    if not own.any():
        return np.zeros_like(rate)
    centre = (settings.offset[1:] + settings.offset[:-1]) / 2
    return np.stack([np.interp(centre, centre[own], column[own]) for column in rate.T], axis=1)


def fraction_outside(edges: np.ndarray, pointing: tuple[float, float], regions: list[Region]) -> np.ndarray:
    """Fraction of each ring around a pointing that is outside of all regions, to about 0.002.

    Examples
    --------
    >>> import numpy as np
    >>> fraction_outside(np.array([0.0, 0.5, 1.0]), (10.0, 20.0), [(10.0, 20.0, 0.25)]).round(2)
    array([0.75, 1.  ])
    """
    from astropy.coordinates import offset_by

    turn = np.radians(np.arange(360) + 0.5)[None, :]
    fractions = []
    for low, high in pairwise(edges):
        # even in solid angle
        radius = np.radians(np.sqrt(np.linspace(low**2, high**2, 401))[1::2])[:, None]
        ra, dec = offset_by(np.radians(pointing[0]), np.radians(pointing[1]), turn, radius)
        fractions.append(np.mean(outside(ra.to_value("deg"), dec.to_value("deg"), regions)))
    return np.asarray(fractions)
