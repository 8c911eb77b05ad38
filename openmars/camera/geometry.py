"""The camera of both MAGIC telescopes: 1039 hexagonal pixels in the order of MARS.

Source: the pixel table ``MAGICCam.camgeom.fits.gz`` of ctapipe_io_magic 0.5.8, from which the lattice below
was read off (agreement to 0.0002 mm, tested), and the scale in its source. The camera is the upgraded one
(Aleksić et al. 2016, Astropart. Phys. 72, 61).

Frame: millimetres; x along increasing altitude, y along increasing azimuth on the sky (ctapipe's
``CameraFrame``).
"""

from __future__ import annotations

import numpy as np

N_PIXELS = 1039
"""Pixels of the camera."""
N_CHANNELS = 1183
"""Values per event in a file: the pixels, then channels that are not in use."""
MM_TO_DEG = 0.00337
"""Degrees per millimetre, as MARS' readers use it."""
PITCH_MM = 30.0
"""Distance of neighbouring pixels, from flat side to flat side."""
PIXEL_AREA_MM2 = PITCH_MM**2 * 3**0.5 / 2
"""Area of a pixel."""
FOCAL_LENGTH_M = 16.97
"""Equivalent focal length."""
EFFECTIVE_FOCAL_LENGTH_M = 17 * 1.0713
"""What ctapipe_io_magic takes by default for the transformation from millimetres to angles."""

_RADIUS_MM = 505.0
_STEP_1 = np.array([-9.81969, -28.346991])
_STEP_2 = np.array([-29.459061, -5.6694])
_WALK = ((-1, 1), (-1, 0), (0, -1), (1, -1), (1, 0), (0, 1))


def _lattice() -> tuple[np.ndarray, np.ndarray]:
    """Lattice coordinates of the pixels, ring by ring and around each; rings 17 to 19 are cut to a circle."""
    cells = [(0, 0)]
    for ring in range(1, 20):
        i, j = ring, 0
        for di, dj in _WALK:
            for _ in range(ring):
                if np.hypot(*(i * _STEP_1 + j * _STEP_2)) < _RADIUS_MM:
                    cells.append((i, j))
                i, j = i + di, j + dj
    table = np.array(cells)
    return table[:, 0], table[:, 1]


def _neighbours(i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Numbers of the up to six neighbours of each pixel, ascending, then -1."""
    place = {(int(a), int(b)): n for n, (a, b) in enumerate(zip(i, j, strict=True))}
    out = np.full((len(i), 6), -1, np.int16)
    for (a, b), n in place.items():
        found = sorted(place[a + da, b + db] for da, db in _WALK if (a + da, b + db) in place)
        out[n, : len(found)] = found
    return out


_I, _J = _lattice()
PIX_X_MM: np.ndarray = _I * _STEP_1[0] + _J * _STEP_2[0]
"""x of the pixel centres, mm, float64 [1039]."""
PIX_Y_MM: np.ndarray = _I * _STEP_1[1] + _J * _STEP_2[1]
"""y of the pixel centres, mm, float64 [1039]."""
NEIGHBOURS: np.ndarray = _neighbours(_I, _J)
"""Neighbours of each pixel, int16 [1039, 6]; -1 where there are fewer than six."""
N_NEIGHBOURS: np.ndarray = (NEIGHBOURS >= 0).sum(axis=1).astype(np.int16)
"""Number of neighbours of each pixel, int16 [1039]."""


def neighbour_matrix() -> np.ndarray:
    """Which pixels touch: bool [1039, 1039]."""
    matrix = np.zeros((N_PIXELS, N_PIXELS), bool)
    for n in range(6):
        known = NEIGHBOURS[:, n] >= 0
        matrix[np.flatnonzero(known), NEIGHBOURS[known, n]] = True
    return matrix


def outer_pixels(rings: int = 1) -> np.ndarray:
    """The pixels at the edge of the camera: bool [1039].

    Parameters
    ----------
    rings
        How many pixels deep: 1 those with fewer than six neighbours, 2 those and their neighbours.
    """
    edge = N_NEIGHBOURS < 6
    for _ in range(rings - 1):
        touching = NEIGHBOURS[edge].ravel()
        edge = edge.copy()
        edge[touching[touching >= 0]] = True
    return edge


def pixel_at(x_mm: np.ndarray, y_mm: np.ndarray) -> np.ndarray:
    """Number of the pixel that holds a point; -1 outside the camera.

    Parameters
    ----------
    x_mm, y_mm
        Points, mm, any shape.

    Returns
    -------
    int16 array of the same shape.
    """
    step = np.linalg.inv(np.column_stack([_STEP_1, _STEP_2]))
    x_mm, y_mm = np.asarray(x_mm, float), np.asarray(y_mm, float)
    a, b = step[0, 0] * x_mm + step[0, 1] * y_mm, step[1, 0] * x_mm + step[1, 1] * y_mm
    c = -a - b
    ra, rb, rc = np.rint(a), np.rint(b), np.rint(c)
    da, db, dc = abs(ra - a), abs(rb - b), abs(rc - c)
    # the largest of the three roundings is the one in error (cube coordinates of a hexagonal lattice)
    ra = np.where((da > db) & (da > dc), -rb - rc, ra)
    rb = np.where((db >= da) & (db > dc), -ra - rc, rb)
    table = np.full((43, 43), -1, np.int16)
    table[_I + 21, _J + 21] = np.arange(N_PIXELS)
    inside = (abs(ra) <= 20) & (abs(rb) <= 20)
    return table[np.where(inside, ra, 20).astype(int) + 21, np.where(inside, rb, 20).astype(int) + 21]
