"""Telescopes and cameras: mirror, pixels, noise, and what the extraction of the signal makes of them.

Where calibrated events are asked for, the readout is not simulated sample by sample (`openmars.sim.readout` does
that). The extraction slides a window over the samples and takes the largest sum, so an empty pixel yields not zero
but the largest of several noise sums, at a time anywhere in the readout. A pixel with light yields what of its light
is in the window, with the noise of one window, unless noise elsewhere is larger.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from openmars.camera.geometry import MM_TO_DEG, N_PIXELS, NEIGHBOURS, PIX_X_MM, PIX_Y_MM
from openmars.io.reports import REDUCED_GAIN
from openmars.sim.rng import normal_pair, uniform

POSITIONS_M = np.array([[34.99, -24.02, 0.0], [-34.99, 24.02, 0.0]])
"""M1 and M2: x to north, y to west, z up; m."""

MIRROR_M2 = 236.0
"""Area of a reflector."""

MIRROR_RADIUS_M = 8.5
FOCUS_M = 10_000.0
"""Distance on which the telescopes are focused."""

MM_PER_RAD = math.degrees(1.0) / MM_TO_DEG

SLICES = 50
"""Samples of the readout."""

SLICE_NS = 1.0 / 1.64
"""Length of a sample: 1.64 GHz."""

SIGNAL_SLICE = 25.0
"""Where the middle of a shower's light falls in the readout."""

EXCESS_NOISE = 0.2
"""Relative variance of a single photo-electron's charge: excess noise factor F² = 1.2 of the photomultipliers."""

WINDOW = 5
"""Samples of the window of the extraction: 3 ns."""

PULSE_SIGMA_NS = 1.06
"""Pulse of a photo-electron: full width at half maximum 2.5 ns."""

TRANSIT_RMS_NS = 0.5
"""Spread of single photo-electrons' transit times in a photomultiplier: a usual one, MAGIC's own is not public."""

CALIBRATION_RMS_NS = 0.45
"""Length of a calibration pulse: that of a shower's light in a pixel (0.50 ns where there are some ten
photo-electrons, 0.40 ns where there are a hundred), so that the same part of both is in the window."""

WINDOW_NOISE = 1.05
"""Rms of the sum of a window without light on a dark night, photo-electrons; see `openmars.sim.readout`."""

_JITTER, _MOVING = 0.015, 1.07
"""Found in samples: how much more charges fluctuate for transit times that differ, and for a window that moves."""

_HALF = 21
_PER_NS = 8.0


def held(width_ns: float, off_ns: float = 0.0) -> float:
    """Part of light that is in a window about it: Gaussian of rms `width_ns` whose middle is `off_ns` off."""
    half, width = 0.5 * WINDOW * SLICE_NS, width_ns * math.sqrt(2.0)
    return 0.5 * (math.erf((half - off_ns) / width) + math.erf((half + off_ns) / width))


LIGHT_IN_WINDOW = held(math.sqrt(PULSE_SIGMA_NS**2 + TRANSIT_RMS_NS**2 + CALIBRATION_RMS_NS**2))
"""Part of a calibration pulse that is in the window: charges are in units of its photo-electrons."""

_HELD = np.array(
    [held(math.hypot(PULSE_SIGMA_NS, TRANSIT_RMS_NS), k / _PER_NS) / LIGHT_IN_WINDOW for k in range(64)] + [0.0]
)
"""What a photo-electron counts that is k/8 ns from the middle of the window."""


class Pixels(NamedTuple):
    """Lattice of pixels for compiled code."""

    inverse: NDArray[np.float64]  # [2, 2] mm to lattice coordinates
    number: NDArray[np.int16]  # [43, 43] pixel at lattice coordinates + 21, -1 outside
    ring: NDArray[np.int16]  # [1039, 6] neighbours in order around the pixel, -1 where there is none
    radius: NDArray[np.float64]  # distance from the centre of the camera, degrees


@lru_cache(maxsize=1)
def pixels() -> Pixels:
    """The lattice, made once from the table of pixels."""
    step = np.column_stack([[PIX_X_MM[1], PIX_Y_MM[1]], [PIX_X_MM[2], PIX_Y_MM[2]]])
    inverse = np.linalg.inv(step)
    i, j = np.rint(inverse @ np.array([PIX_X_MM, PIX_Y_MM])).astype(int)
    number = np.full((2 * _HALF + 1, 2 * _HALF + 1), -1, np.int16)
    number[i + _HALF, j + _HALF] = np.arange(N_PIXELS)
    ring = np.full((N_PIXELS, 6), -1, np.int16)
    for p in range(N_PIXELS):
        near = NEIGHBOURS[p][NEIGHBOURS[p] >= 0]
        angle = np.arctan2(PIX_Y_MM[near] - PIX_Y_MM[p], PIX_X_MM[near] - PIX_X_MM[p])
        slot = np.rint((angle - np.arctan2(PIX_Y_MM[1], PIX_X_MM[1])) / (math.pi / 3)).astype(int) % 6
        ring[p, slot] = near
    return Pixels(inverse, number, ring, np.hypot(PIX_X_MM, PIX_Y_MM) * MM_TO_DEG)


@njit(cache=True)
def pixel_at(x, y, pixels):  # type: ignore[no-untyped-def]  # compiled
    """Number of the pixel at (x, y) mm, -1 if there is none."""
    a = pixels.inverse[0, 0] * x + pixels.inverse[0, 1] * y
    b = pixels.inverse[1, 0] * x + pixels.inverse[1, 1] * y
    if not (abs(a) < 20.0 and abs(b) < 20.0):
        return -1
    c = -a - b
    ia, ib, ic = math.floor(a + 0.5), math.floor(b + 0.5), math.floor(c + 0.5)
    da, db, dc = abs(ia - a), abs(ib - b), abs(ic - c)
    # the coordinate with the largest rounding error follows from the other two
    if da > db and da > dc:
        ia = -ib - ic
    elif db > dc:
        ib = -ia - ic
    return int(pixels.number[int(ia) + 21, int(ib) + 21])


def frame(zd_deg: float, az_deg: float) -> NDArray[np.float64]:
    """Axes of the camera on the ground frame: rows camera x, camera y and the optical axis, [3, 3]."""
    out = np.empty((3, 3))
    fill_frame(out, math.radians(zd_deg), math.radians(az_deg))
    return out


@njit(cache=True)
def fill_frame(out, zd, az):  # type: ignore[no-untyped-def]  # compiled
    """Rows: towards larger altitude, towards larger azimuth, optical axis."""
    sz, cz, sa, ca = math.sin(zd), math.cos(zd), math.sin(az), math.cos(az)
    out[0, 0], out[0, 1], out[0, 2] = -cz * ca, cz * sa, sz
    out[1, 0], out[1, 1], out[1, 2] = -sa, -ca, 0.0
    out[2, 0], out[2, 1], out[2, 2] = sz * ca, -sz * sa, cz


def noise_rms(nsb_level: float, hv: str = "nominal") -> float:
    """Noise of an extraction window in units of a dark night's: electronics and night-sky light.

    Electronics weighs more where the gain is lower. At 6.5 times a dark night's light this gives 2.0, and 2.2 with
    reduced high voltage; MAGIC's levels of cleaning are set with 2.0 and 2.3 (Ahnen et al. 2017, recollected).
    """
    gain = REDUCED_GAIN if hv == "reduced" else 1.0
    return math.sqrt(0.45 * gain**2 + 0.55 * nsb_level)


@njit(cache=True)
def empty_camera(state, table, charge, time):  # type: ignore[no-untyped-def]  # compiled
    """Fill a camera with noise."""
    for p in range(charge.size):
        u = uniform(state) * table.size
        i = int(u)
        # the remainder is as good as a second uniform number; it sets the time
        charge[p] = table[i]
        time[p] = (u - i) * SLICES


@njit(cache=True)
def counts(late):  # type: ignore[no-untyped-def]  # compiled
    """What a photo-electron counts that is so much later (ns) than the middle of the window."""
    return _HELD[min(int(abs(late) * _PER_NS + 0.5), _HELD.size - 1)]


@njit(cache=True)
def expose(state, pe_pixel, pe_time, n_pe, each, middle, sigma, charge, time):  # type: ignore[no-untyped-def]  # compiled
    """Put photo-electrons, each counting for `each`, on a camera that holds noise already.

    The window is about the mean time of a pixel's light, and what comes long before or after it is lost. Noise and
    spread of times are those that the extraction finds in samples of `openmars.sim.readout` (tested).
    """
    n = np.zeros(charge.size)
    mean = np.zeros(charge.size)
    for i in range(n_pe):
        n[pe_pixel[i]] += 1.0
        mean[pe_pixel[i]] += pe_time[i]
    light, square, late = np.zeros(charge.size), np.zeros(charge.size), np.zeros(charge.size)
    for i in range(n_pe):
        p = pe_pixel[i]
        off = pe_time[i] - mean[p] / n[p]
        part = counts(off)
        light[p] += part
        square[p] += part * part
        late[p] += part * off
    for p in range(charge.size):
        if light[p] == 0.0:
            continue
        g, h = normal_pair(state)
        e, _ = normal_pair(state)
        q = each * (light[p] + math.sqrt((EXCESS_NOISE + _JITTER) * square[p]) * g) + _MOVING * sigma * e
        # the window moves to where noise adds most, which faint light hardly keeps it from
        q += 0.25 * math.exp(-0.1 * each * light[p])
        if q <= charge[p]:
            continue
        charge[p] = q
        spread = math.sqrt(0.008 + 0.5 / (each * light[p]) + (5.0 * sigma / (q + 5.0)) ** 2 * 0.25)
        at = mean[p] / n[p] + late[p] / light[p]
        t = SIGNAL_SLICE + (at - middle + spread * h) / SLICE_NS
        time[p] = min(max(t, 0.0), SLICES - 0.001)
