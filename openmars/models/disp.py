"""Direction from disp: how far along its axis each image points, and which of the two sides.

The side is found as MAGIC does it: of the four pairs of candidate positions the one whose two lie closest together
(arXiv:1409.5594, section on angular resolution). The two are then joined, each weighted with the inverse of its
covariance: along the axis the forest's own spread, across it the miss of the axis that such images have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from openmars.models.features import MM_TO_DEG

MIN_VARIANCE = 1e-5
"""Floor of the variances, deg² (0.003 deg: a thirtieth of a pixel)."""


@dataclass(frozen=True)
class Candidates:
    """An image's two candidate positions: centre ± disp along the axis.

    Attributes
    ----------
    x, y : ndarray
        Centre of the image, deg.
    cos, sin : ndarray
        Direction of the axis.
    disp : ndarray
        Distance of the source along the axis, deg.
    along, across : ndarray
        Variances of a candidate's position, deg².
    """

    x: np.ndarray
    y: np.ndarray
    cos: np.ndarray
    sin: np.ndarray
    disp: np.ndarray
    along: np.ndarray
    across: np.ndarray

    @classmethod
    def of(cls, events: dict[str, np.ndarray], telescope: int, predicted: np.ndarray) -> Candidates:
        """Take images and what the forest says: disp, variance in the leaves, squared miss of the axis."""
        image = f"MHillas_{telescope}"
        return cls(
            events[f"{image}.fMeanX"].astype(float) * MM_TO_DEG,
            events[f"{image}.fMeanY"].astype(float) * MM_TO_DEG,
            events[f"{image}.fCosDelta"].astype(float),
            events[f"{image}.fSinDelta"].astype(float),
            predicted[:, 0],
            np.maximum(predicted[:, 1], MIN_VARIANCE),
            np.maximum(predicted[:, 2], MIN_VARIANCE),
        )

    def position(self, sign: float) -> tuple[np.ndarray, np.ndarray]:
        """Give the candidate on one side, deg."""
        return self.x + sign * self.disp * self.cos, self.y + sign * self.disp * self.sin


def axis_position(
    events: dict[str, np.ndarray], telescope: int, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give a point's distance along the image's axis (positive) and across it, deg.

    Parameters
    ----------
    events : dict of ndarray
        Branches of the images.
    telescope : int
        1 or 2.
    x, y : ndarray
        The point, such as the true source, deg.
    """
    image = f"MHillas_{telescope}"
    dx = x - events[f"{image}.fMeanX"] * MM_TO_DEG
    dy = y - events[f"{image}.fMeanY"] * MM_TO_DEG
    cos, sin = events[f"{image}.fCosDelta"], events[f"{image}.fSinDelta"]
    return np.abs(dx * cos + dy * sin), dy * cos - dx * sin


def combine(one: Candidates, two: Candidates) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose the pair of candidates and join it.

    Returns
    -------
    x, y : ndarray
        Direction in the camera, deg.
    distance2 : ndarray
        Squared distance of the two chosen candidates, deg².
    """
    pairs = [(a, b) for a in (1.0, -1.0) for b in (1.0, -1.0)]
    distances = np.stack([_distance2(one.position(a), two.position(b)) for a, b in pairs])
    best = np.argmin(distances, axis=0)
    signs = np.asarray(pairs)[best]
    first, second = one.position(signs[:, 0]), two.position(signs[:, 1])
    x, y = _weighted(first, _inverse_covariance(one), second, _inverse_covariance(two))
    return x, y, np.take_along_axis(distances, best[None], axis=0)[0]


def _distance2(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2


Matrix = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Symmetric 2×2 matrices: xx, xy, yy."""


def _inverse_covariance(image: Candidates) -> Matrix:
    c, s = image.cos, image.sin
    along, across = 1.0 / image.along, 1.0 / image.across
    return c * c * along + s * s * across, c * s * (along - across), s * s * along + c * c * across


def _weighted(
    p: tuple[np.ndarray, np.ndarray], a: Matrix, q: tuple[np.ndarray, np.ndarray], b: Matrix
) -> tuple[np.ndarray, np.ndarray]:
    xx, xy, yy = (one + two for one, two in zip(a, b, strict=True))
    vx = a[0] * p[0] + a[1] * p[1] + b[0] * q[0] + b[1] * q[1]
    vy = a[1] * p[0] + a[2] * p[1] + b[1] * q[0] + b[2] * q[1]
    determinant = xx * yy - xy * xy
    return (yy * vx - xy * vy) / determinant, (xx * vy - xy * vx) / determinant
