"""Air: density, refraction, how much light comes through.

Layered US standard atmosphere in Linsley's form, as CORSIKA has it (Heck et al. 1998, FZKA 6019, appendix D):
``X(h) = a + b exp(-h/c)`` in five layers. Flat earth: good to zenith distances of about 65°.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

OBSERVATORY_M = 2200.0
"""Height of the telescopes above sea level, m."""

RADIATION_LENGTH = 36.7
"""Of air, g/cm² (Particle Data Group)."""

REFRACTION_PER_DEPTH_CM = 2.83e-4 / 1.225e-3
"""(n-1) divided by density, cm per g/cm²: CORSIKA's 1 + 0.000283 rho/rho0 (FZKA 6019, section 4.7)."""

LIGHT_M_PER_NS = 0.299792458

_HEIGHT = np.array([0.0, 4.0e3, 10.0e3, 40.0e3, 100.0e3])
_A = np.array([-186.5562, -94.919, 0.61289, 0.0, 0.01128292])
_B = np.array([1222.6562, 1144.9069, 1305.5948, 540.1778, 1.0])
_C = np.array([9941.8638, 8781.5355, 6361.4304, 7721.7016, 1.0e7])

# Photon detection of a telescope against wavelength (nm): super-bialkali photomultiplier (peak 33 %), times
# aluminium mirror, light guides and window, collection of photo-electrons, shadow of the camera's masts.
# Rounded from MAGIC's published values (Aleksic et al. 2016, Astropart. Phys. 72, 61, section 2).
_WAVELENGTH = np.array([290, 310, 330, 350, 380, 400, 450, 500, 550, 600, 650], float)
_QUANTUM = np.array([0.18, 0.27, 0.31, 0.33, 0.33, 0.32, 0.27, 0.20, 0.11, 0.05, 0.02])
_OPTICS = 0.85 * 0.88 * 0.90 * 0.95

_AEROSOL_DEPTH = 0.04  # vertical optical depth above the telescopes on a clear night
_AEROSOL_SCALE_M = 1200.0


class Air(NamedTuple):
    """Tables for compiled code; index of the first four is vertical depth in g/cm²."""

    height: NDArray[np.float64]  # m above sea level
    density: NDArray[np.float64]  # g/cm² per metre
    refraction: NDArray[np.float64]  # n - 1
    aerosol: NDArray[np.float64]  # vertical optical depth down to the telescopes
    rayleigh: NDArray[np.float64]  # transmission against slant depth to the telescopes, steps of 20 g/cm²
    ground: float  # vertical depth of the telescopes, g/cm²
    yield_per_m: float  # detected photons per metre of track with beta=1, over (n-1), before transmission
    haze: NDArray[np.float64]  # share of a layer of haze that is below, by vertical depth
    thick: NDArray[np.float64]  # [1] vertical optical depth of the whole layer, of the shower that is simulated


def depth_at(height_m: ArrayLike) -> NDArray[np.float64]:
    """Vertical depth (g/cm²) above a height (m above sea level)."""
    h = np.asarray(height_m, float)
    i = np.clip(np.searchsorted(_HEIGHT, h, side="right") - 1, 0, 4)
    linear = i == 4
    return np.where(linear, np.maximum(_A[i] - h / 1.0e7, 0.0), _A[i] + _B[i] * np.exp(-h / _C[i]))


OBSERVATORY_DEPTH = float(depth_at(OBSERVATORY_M))
"""Vertical depth of the telescopes, g/cm²."""


def height_at(depth_g_cm2: ArrayLike) -> NDArray[np.float64]:
    """Height (m above sea level) under a vertical depth (g/cm²); at most 100 km."""
    x = np.maximum(np.asarray(depth_g_cm2, float), 1.3e-3)
    edges = depth_at(_HEIGHT[1:4])
    i = np.searchsorted(-edges, -x)
    return -_C[i] * np.log((x - _A[i]) / _B[i])


def density_at(height_m: ArrayLike) -> NDArray[np.float64]:
    """Density in g/cm² per metre."""
    h = np.asarray(height_m, float)
    i = np.clip(np.searchsorted(_HEIGHT, h, side="right") - 1, 0, 3)
    return _B[i] / _C[i] * np.exp(-h / _C[i])


@lru_cache(maxsize=1)
def air() -> Air:
    """Tables of the atmosphere, made once."""
    depth = np.arange(0.0, 1041.0)
    depth[0] = 0.3  # finite height at the top
    height = height_at(depth)
    density = density_at(height)
    wavelength = np.linspace(_WAVELENGTH[0], _WAVELENGTH[-1], 181)
    weight = np.interp(wavelength, _WAVELENGTH, _QUANTUM) / wavelength**2
    slant = np.arange(0.0, 4001.0, 20.0)
    free_path = 2970.0 * (wavelength / 400.0) ** 4  # g/cm², Baltrusaitis et al. 1985, NIM A240, 410
    rayleigh = np.exp(-slant[:, None] / free_path) @ weight / weight.sum()
    # Frank & Tamm: 2 pi alpha sin²(theta) / lambda² photons per length and wavelength, sin² = 2 (n-1)
    per_m = 2 * math.pi / 137.036 * 2.0 * _OPTICS * np.trapezoid(weight, wavelength) * 1e9
    return Air(
        height=height,
        density=density,
        refraction=REFRACTION_PER_DEPTH_CM * density / 100.0,
        aerosol=_AEROSOL_DEPTH * (1 - np.exp(-np.maximum(height - OBSERVATORY_M, 0.0) / _AEROSOL_SCALE_M)),
        rayleigh=rayleigh,
        ground=OBSERVATORY_DEPTH,
        yield_per_m=float(per_m),
        haze=np.zeros(depth.size),
        thick=np.zeros(1),
    )


@njit(cache=True)
def lookup(table, depth):  # type: ignore[no-untyped-def]  # compiled
    """Value at a vertical depth, linear between the rows."""
    if depth <= 0.0:
        return table[0]
    i = int(depth)
    if i >= table.size - 1:
        return table[table.size - 1]
    f = depth - i
    return table[i] + f * (table[i + 1] - table[i])


@njit(cache=True)
def depth_below(height, table):  # type: ignore[no-untyped-def]  # compiled
    """Vertical depth of a height (m): inverse of the falling table of heights."""
    lo, hi = 0, table.size - 1
    if height >= table[0]:
        return 0.0
    if height <= table[hi]:
        return float(hi)
    while hi - lo > 1:
        mid = (lo + hi) // 2
        if table[mid] > height:
            lo = mid
        else:
            hi = mid
    return lo + (table[lo] - height) / (table[lo] - table[hi])


@njit(cache=True)
def transmission(air, depth, cos_zenith):  # type: ignore[no-untyped-def]  # compiled
    """Share of the light emitted at a vertical depth that reaches the telescopes."""
    slant = max(air.ground - depth, 0.0) / cos_zenith / 20.0
    i = min(int(slant), air.rayleigh.size - 2)
    f = min(slant - i, 1.0)
    clear = air.rayleigh[i] + f * (air.rayleigh[i + 1] - air.rayleigh[i])
    return clear * math.exp(-(lookup(air.aerosol, depth) + air.thick[0] * lookup(air.haze, depth)) / cos_zenith)
