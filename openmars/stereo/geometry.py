"""Where a shower came from and where it went: geometry of two images.

The axis of each image and its telescope span a plane that holds the shower's axis. The planes' intersection is the
direction, the place where it meets the ground the core; the lines from the telescopes to the centres of the
images come closest to each other at the shower's maximum. So does ctapipe's ``HillasReconstructor``, which is the
judge in the tests.

Ground axes: x to geographic north, y to west, z up, from the middle between the telescopes; metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from openmars.camera import MM_TO_DEG
from openmars.sky.pointing import altaz_to_camera, camera_to_altaz

TELESCOPES_M = np.array([[34.99, -24.02, 0.0], [-34.99, 24.02, 0.0]])
"""Places of M1 and M2 (ctapipe_io_magic)."""
SITE_HEIGHT_M = 2200.0
ALONG_MM = 50.0
"""Distance of the second point that fixes the axis of an image."""
SCALE_HEIGHT_M, REFRACTION, DENSITY_KG_M3 = 7700.0, 2.9e-4, 1.225
"""Air: exponential in height, with refractivity and density at sea level."""
CRITICAL_GAMMA = 86.0 / 0.511
"""Lorentz factor of an electron at the critical energy of air, 86 MeV."""
RADIATION_LENGTH_KG_M2 = 366.2
PHOTONS_PER_M = 76418.0
"""Photons between 300 and 600 nm per metre of track and squared sine of their angle: 2π·α·(1/300 nm - 1/600 nm)."""


@dataclass(frozen=True)
class Image:
    """Images of one telescope, arrays [n]: centre (mm), direction of the axis, where the telescope pointed (deg)."""

    x: np.ndarray
    y: np.ndarray
    cos: np.ndarray
    sin: np.ndarray
    zd: np.ndarray
    az: np.ndarray


@dataclass(frozen=True)
class Shower:
    """Reconstructed showers, arrays [n]; NaN where `valid` is False. Metres and degrees.

    Attributes
    ----------
    x, y : direction in the camera of M1
    zd, az : direction on the sky
    core_x, core_y : where the axis meets the ground
    impact : [2, n] distance of the axis from M1 and M2
    impact_az : [2, n] azimuth of the core seen from M1 and M2
    max_height : height of the maximum above the telescopes
    image_angle : angle between the planes, 0 … 90
    cos_baseline : cosine of the angle between the base line and the direction
    """

    x: np.ndarray
    y: np.ndarray
    zd: np.ndarray
    az: np.ndarray
    core_x: np.ndarray
    core_y: np.ndarray
    impact: np.ndarray
    impact_az: np.ndarray
    max_height: np.ndarray
    image_angle: np.ndarray
    cos_baseline: np.ndarray
    valid: np.ndarray


def vector(zd: np.ndarray, az: np.ndarray) -> np.ndarray:
    """Unit vectors [n, 3] (north, west, up) of directions in deg."""
    z, a = np.radians(zd), np.radians(az)
    return np.stack([np.sin(z) * np.cos(a), -np.sin(z) * np.sin(a), np.cos(z)], axis=-1)


def reconstruct(first: Image, second: Image) -> Shower:
    """Reconstruct showers from the images of M1 and M2.

    Parameters
    ----------
    first, second : Image
        Of M1 and M2.

    Returns
    -------
    Shower
        Not valid where the axes are parallel or an image has no axis.
    """
    centres, normals = [], []
    for image in (first, second):
        centre = vector(*_sky(image, image.x, image.y))
        ahead = vector(*_sky(image, image.x + ALONG_MM * image.cos, image.y + ALONG_MM * image.sin))
        normal = np.cross(centre, ahead)
        centres.append(centre)
        with np.errstate(invalid="ignore", divide="ignore"):
            normals.append(normal / np.linalg.norm(normal, axis=1, keepdims=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        axis = np.cross(*normals)
        sine = np.linalg.norm(axis, axis=1)
        axis *= (np.where(axis[:, 2] < 0, -1.0, 1.0) / sine)[:, None]
        core = _core(normals)
        height = _closest(centres[0], centres[1])[:, 2]
        zd = np.degrees(np.arccos(np.clip(axis[:, 2], -1, 1)))
        az = np.degrees(np.arctan2(-axis[:, 1], axis[:, 0])) % 360.0
        x, y = altaz_to_camera(zd, az, first.zd, first.az)
        away = core[None] - TELESCOPES_M[:, None]
        impact = np.linalg.norm(np.cross(away, axis[None]), axis=2)
    baseline = TELESCOPES_M[1] - TELESCOPES_M[0]
    # a direction 20 deg away comes from nearly parallel axes: it is no measurement
    valid = np.isfinite(x + y + core[:, 0] + core[:, 1] + height) & (np.hypot(x, y) < 20.0)
    return Shower(
        x=x,
        y=y,
        zd=zd,
        az=az,
        core_x=core[:, 0],
        core_y=core[:, 1],
        impact=impact,
        impact_az=np.degrees(np.arctan2(-away[..., 1], away[..., 0])) % 360.0,
        max_height=height,
        image_angle=np.degrees(np.arcsin(np.clip(sine, 0, 1))),
        cos_baseline=axis @ baseline / np.linalg.norm(baseline),
        valid=valid,
    )


def _sky(image: Image, x_mm: np.ndarray, y_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return camera_to_altaz(x_mm * MM_TO_DEG, y_mm * MM_TO_DEG, image.zd, image.az)


def _core(normals: list[np.ndarray]) -> np.ndarray:
    """Where the two planes, each through its telescope, meet on the ground: [n, 3]."""
    (a, b), (c, d) = ((n[:, 0], n[:, 1]) for n in normals)
    p, q = (n @ place for n, place in zip(normals, TELESCOPES_M, strict=True))
    determinant = a * d - b * c
    core = np.stack([p * d - q * b, a * q - c * p], axis=-1) / determinant[:, None]
    return np.concatenate([core, np.zeros((len(core), 1))], axis=1)


def _closest(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Middle of the shortest way between the lines from M1 along `u` and from M2 along `v`: [n, 3]."""
    between = TELESCOPES_M[1] - TELESCOPES_M[0]
    cosine = np.sum(u * v, axis=1)
    along_u, along_v = u @ between, v @ between
    square = 1.0 - cosine**2
    s = (along_u - cosine * along_v) / square
    t = (cosine * along_u - along_v) / square
    return 0.5 * (TELESCOPES_M[0] + s[:, None] * u + TELESCOPES_M[1] + t[:, None] * v)


def cherenkov_pool(max_height: np.ndarray, zd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Radius (m) and photon density (1/m²) of the light of one electron of 86 MeV at the shower's maximum.

    The quantities are those by which MAGIC's tables scale (Aleksić et al. 2012, Astropart. Phys. 35, 435); the air
    here is a plain exponential one, the density that of photons of 300 to 600 nm over one radiation length.

    Parameters
    ----------
    max_height : ndarray
        Above the telescopes, m.
    zd : ndarray
        Zenith distance, deg.
    """
    height = np.clip(max_height, 0.0, 40e3) + SITE_HEIGHT_M
    air = np.exp(-height / SCALE_HEIGHT_M)
    beta = np.sqrt(1.0 - CRITICAL_GAMMA**-2)
    cosine = np.clip(1.0 / ((1.0 + REFRACTION * air) * beta), 0.0, 1.0)
    tangent = np.sqrt(1.0 - cosine**2) / cosine
    distance = np.clip(max_height, 0.0, 40e3) / np.cos(np.radians(np.clip(zd, 0, 85)))
    radius = distance * tangent
    photons = PHOTONS_PER_M * (1.0 - cosine**2) * RADIATION_LENGTH_KG_M2 / (DENSITY_KG_M3 * air)
    with np.errstate(divide="ignore", invalid="ignore"):
        density = np.where(radius > 0, photons / (np.pi * radius**2), 0.0)
    return radius, density
