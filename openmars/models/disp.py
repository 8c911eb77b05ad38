"""Direction from disp: how far along its axis each image points, and which of the two sides.

Each image has a guess of its side, from its third moment and time gradient. Of the four pairs of candidate
positions that one is taken whose two agree best with each other and with the guesses; MAGIC takes the one whose two lie
closest together (arXiv:1409.5594, section on angular resolution). The two are then joined, each weighted
with the inverse of its covariance: along the axis the forest's own spread, across it the miss of the axis
that such images have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from openmars.models.features import MM_TO_DEG, heading

MIN_VARIANCE = 1e-5
"""Floor of the variances, deg² (0.003 deg: a thirtieth of a pixel)."""


SIDE_WEIGHT = 0.3
"""Scale of the side (0 or 1) beside disp (deg) when the forest learns both."""
SURE = 0.02
"""No guess of the side is taken for surer than this and its complement."""


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
    ahead : ndarray
        Probability that the source is at the positive end of the axis.
    """

    x: np.ndarray
    y: np.ndarray
    cos: np.ndarray
    sin: np.ndarray
    disp: np.ndarray
    along: np.ndarray
    across: np.ndarray
    ahead: np.ndarray

    @classmethod
    def of(cls, events: dict[str, np.ndarray], telescope: int, predicted: np.ndarray) -> Candidates:
        """Take images and what the forest says: disp, side, squared disp, squared miss of the axis."""
        side = np.clip(predicted[:, 1] / SIDE_WEIGHT, SURE, 1 - SURE)
        image = f"MHillas_{telescope}"
        return cls(
            events[f"{image}.fMeanX"].astype(float) * MM_TO_DEG,
            events[f"{image}.fMeanY"].astype(float) * MM_TO_DEG,
            events[f"{image}.fCosDelta"].astype(float),
            events[f"{image}.fSinDelta"].astype(float),
            predicted[:, 0],
            np.maximum(predicted[:, 2] - predicted[:, 0] ** 2, MIN_VARIANCE),
            np.maximum(predicted[:, 3], MIN_VARIANCE),
            np.where(heading(events, telescope) > 0, side, 1 - side),
        )

    def position(self, sign: float) -> tuple[np.ndarray, np.ndarray]:
        """Give the candidate on one side, deg."""
        return self.x + sign * self.disp * self.cos, self.y + sign * self.disp * self.sin

    def doubt(self, sign: float) -> np.ndarray:
        """Give -2 ln of the probability of one side, to add to a χ²."""
        return -2.0 * np.log(self.ahead if sign > 0 else 1.0 - self.ahead)


def axis_position(
    events: dict[str, np.ndarray], telescope: int, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give a point's distance along the image's axis and across it, deg.

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
    return dx * cos + dy * sin, dy * cos - dx * sin


def combine(one: Candidates, two: Candidates) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose the pair of candidates and join it.

    Returns
    -------
    x, y : ndarray
        Direction in the camera, deg.
    distance2 : ndarray
        Squared distance of the two chosen candidates, deg².
    """
    weights = _inverse_covariance(one), _inverse_covariance(two)
    options = []
    for a, b in ((a, b) for a in (1.0, -1.0) for b in (1.0, -1.0)):
        p, q = one.position(a), two.position(b)
        x, y = _weighted(p, weights[0], q, weights[1])
        misfit = _chi2(p, weights[0], x, y) + _chi2(q, weights[1], x, y)
        cost = misfit + one.doubt(a) + two.doubt(b)
        options.append((cost, x, y, (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2))
    cost, x, y, distance2 = (np.stack(column) for column in zip(*options, strict=True))
    best = np.argmin(cost, axis=0)[None]
    x, y, distance2 = (np.take_along_axis(column, best, axis=0)[0] for column in (x, y, distance2))
    return x, y, distance2


Matrix = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Symmetric 2×2 matrices: xx, xy, yy."""


def _chi2(p: tuple[np.ndarray, np.ndarray], m: Matrix, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    dx, dy = p[0] - x, p[1] - y
    return m[0] * dx * dx + 2 * m[1] * dx * dy + m[2] * dy * dy


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
