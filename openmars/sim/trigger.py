"""The triggers of one telescope: three next neighbours, and Sum-Trigger-II.

Photo-electrons become pulses; a pixel's discriminator fires while its pulse is above a level. Standard: three
pixels that touch one another fire within the coincidence time, inside 1.25° of the camera's centre (Aleksić et
al. 2016, Astropart. Phys. 72, 61, section 2). Sum trigger: clipped pulses of 19 pixels are added (Dazzi et al.
2021, IEEE TNS 68, 1473). Both telescopes must fire. Accidental triggers by night-sky light alone are left out.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from openmars.camera.geometry import N_PIXELS, NEIGHBOURS, PIX_X_MM, PIX_Y_MM
from openmars.sim.rng import normal_pair
from openmars.sim.telescope import PULSE_SIGMA_NS, noise_rms, pixels

TRIGGER_RADIUS_DEG = 1.25
LEVEL_PE = 4.0
"""Discriminator of the standard trigger on a dark night, photo-electrons; it follows the noise."""

SUM_LEVEL_PE = 19.0
SUM_CLIP_PE = 6.0
NOISE_PE = 0.7
"""Fluctuation of a pixel's pulse height by night sky and electronics on a dark night."""

BINS = 64
BIN_NS = 0.5
GATE_BINS = 8
"""A discriminator stays up for 4 ns."""


class Trigger(NamedTuple):
    """Constants of a trigger for compiled code."""

    summed: bool
    level: float
    noise: float
    inside: NDArray[np.bool_]  # [1039] pixel takes part
    ring: NDArray[np.int16]  # [1039, 6] neighbours in order around
    patches: NDArray[np.int16]  # [patches, 19] pixels of a sum
    pulse: NDArray[np.float64]  # pulse of one photo-electron in bins, peak 1


@lru_cache(maxsize=8)
def trigger(kind: str, nsb_level: float, hv: str = "nominal") -> Trigger:
    """Constants of the ``"standard"`` or the ``"sum"`` trigger under a night-sky background and a high voltage.

    Raises
    ------
    ValueError
        For another name.
    """
    if kind not in ("standard", "sum"):
        raise ValueError(f"trigger: found {kind!r}, allowed are 'standard' and 'sum'")
    lattice = pixels()
    inside = lattice.radius <= TRIGGER_RADIUS_DEG
    noise = NOISE_PE * noise_rms(nsb_level, hv)
    half = int(3 * PULSE_SIGMA_NS / BIN_NS)
    pulse = np.exp(-0.5 * (np.arange(-half, half + 1) * BIN_NS / PULSE_SIGMA_NS) ** 2)
    level = (SUM_LEVEL_PE if kind == "sum" else LEVEL_PE) * noise_rms(nsb_level, hv)
    return Trigger(kind == "sum", level, noise, inside, lattice.ring, _patches(inside), pulse)


def _patches(inside: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Overlapping groups of 19 pixels, centred on every second pixel of the trigger region."""
    lattice = pixels()
    i, j = np.rint(lattice.inverse @ np.array([PIX_X_MM, PIX_Y_MM])).astype(int)
    centres = np.flatnonzero(inside & (i % 2 == 0) & (j % 2 == 0))
    out = []
    for c in centres:
        first = NEIGHBOURS[c][NEIGHBOURS[c] >= 0]
        group = np.unique(np.concatenate([[c], first, NEIGHBOURS[first].ravel()]))
        group = group[group >= 0]
        if len(group) == 19 and inside[group].all():
            out.append(group)
    return np.array(out, np.int16)


@njit(cache=True)
def fires(state, pe_pixel, pe_time, n_pe, each, middle, settings, pulses):  # type: ignore[no-untyped-def]  # compiled
    """Whether a telescope triggers; `pulses` [1039, 64] is room to work in."""
    place = np.full(N_PIXELS, -1, np.int16)
    light = np.zeros(N_PIXELS)
    touched = np.empty(N_PIXELS, np.int16)
    n = 0
    for k in range(n_pe):
        p = pe_pixel[k]
        if not settings.inside[p]:
            continue
        if place[p] < 0:
            place[p] = n
            touched[n] = p
            n += 1
        light[p] += each
    least = settings.level * 0.3 if settings.summed else settings.level - 4.0 * settings.noise
    _shape(pe_pixel, pe_time, n_pe, each, middle, settings, place, n, light, least, pulses)
    if settings.summed:
        return _sum(state, settings, place, n, pulses)
    return _neighbours(state, settings, place, touched, n, light, least, pulses)


@njit(cache=True)
def _shape(pe_pixel, pe_time, n_pe, each, middle, settings, place, n, light, least, pulses):  # type: ignore[no-untyped-def]  # compiled
    """Add up the pulses of all photo-electrons."""
    for a in range(n):
        for b in range(BINS):
            pulses[a, b] = 0.0
    half = settings.pulse.size // 2
    for k in range(n_pe):
        p = pe_pixel[k]
        if place[p] < 0 or (light[p] < least and not settings.summed):
            continue
        b = int((pe_time[k] - middle) / BIN_NS + BINS / 2)
        a = place[p]
        for m in range(max(0, half - b), min(settings.pulse.size, BINS + half - b)):
            pulses[a, b + m - half] += each * settings.pulse[m]


@njit(cache=True)
def _neighbours(state, settings, place, touched, n, light, least, pulses):  # type: ignore[no-untyped-def]  # compiled
    """Three pixels that touch one another with discriminators up at the same time."""
    up = np.zeros(n, np.uint64)
    one = np.uint64(1)
    for a in range(n):
        if light[touched[a]] < least:
            continue
        g, _ = normal_pair(state)
        level = settings.level - settings.noise * g
        bits = np.uint64(0)
        for b in range(BINS):
            if pulses[a, b] > level:
                bits |= one << np.uint64(b)
        for _ in range(GATE_BINS):
            bits |= bits << one
        up[a] = bits
    for a in range(n):
        if up[a] == 0:
            continue
        ring = settings.ring[touched[a]]
        for k in range(6):
            q, r = ring[k], ring[(k + 1) % 6]
            if q < 0 or r < 0 or place[q] < 0 or place[r] < 0:
                continue
            if up[a] & up[place[q]] & up[place[r]]:
                return True
    return False


@njit(cache=True)
def _sum(state, settings, place, n, pulses):  # type: ignore[no-untyped-def]  # compiled
    """A sum of 19 clipped pulses above the level."""
    for a in range(n):
        for b in range(BINS):
            if pulses[a, b] > SUM_CLIP_PE:
                pulses[a, b] = SUM_CLIP_PE
    total = np.empty(BINS)
    noise = settings.noise * math.sqrt(19.0) * 0.5
    for k in range(settings.patches.shape[0]):
        total[:] = 0.0
        hit = 0
        for p in settings.patches[k]:
            a = place[p]
            if a >= 0:
                hit += 1
                for b in range(BINS):
                    total[b] += pulses[a, b]
        if hit >= 3:
            g, _ = normal_pair(state)
            if total.max() + noise * g > settings.level:
                return True
    return False
