"""What the LIDAR tells of haze, and how much of a shower's light it takes away.

Light from a height *h* above the telescopes arrives dimmed by the transmission T(h) of the aerosols below; a shower's
by the mean of that over where its light comes from (Schmuckermaier et al. 2023, A&A 673, A2; Fruck et al. 2014,
arXiv:1403.3591). Heights are in km above the telescopes, energies in TeV.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NODES_KM = (3.0, 6.0, 9.0, 12.0)
HEIGHTS = np.arange(0.05, 30.0, 0.1)
"""Middles of the steps over which light is summed."""
CLOUD_KM = 0.3
"""Thickness given to a cloud of which only the base is known."""
GROUND_KM = 0.5
"""Least height over which the extinction of dust at the ground falls to 1/e."""

RADIATION_LENGTH, CRITICAL_TEV = 36.7, 86e-6
"""Of air: g/cm² (Particle Data Group), and the critical energy."""
RAYLEIGH = 2970.0
"""Mean free path of light of 400 nm in clear air, g/cm² (Baltrusaitis et al. 1985, NIM A240, 410)."""
SITE_KM = 2.2

# US standard atmosphere in Linsley's form (Heck et al. 1998, FZKA 6019, appendix D): depth = a + b exp(-h/c)
_TOP = np.array([0.0, 4.0, 10.0, 40.0])
_A = np.array([-186.5562, -94.919, 0.61289, 0.0])
_B = np.array([1222.6562, 1144.9069, 1305.5948, 540.1778])
_C = np.array([9.941864, 8.781536, 6.361430, 7.721702])


def depth_of(height: Array) -> Array:
    """Vertical depth of air (g/cm²) above heights (km above the telescopes)."""
    h = np.asarray(height, float) + SITE_KM
    i = np.clip(np.searchsorted(_TOP, h, side="right") - 1, 0, 3)
    return np.asarray(_A[i] + _B[i] * np.exp(-h / _C[i]))


_DEPTH = depth_of(HEIGHTS)
_DENSITY = -np.gradient(_DEPTH, HEIGHTS)


def maximum_of(energy: Array, cosine: Array) -> Array:
    """Height of the maximum of a mean gamma shower (Greisen): slant depth X0 (ln(E/Ec) + 1/2) from the top of the air.

    Examples
    --------
    >>> maximum_of(np.array([0.1, 10.0]), np.array([1.0, 1.0])).round(1)
    array([7.7, 4.4])
    """
    slant = RADIATION_LENGTH * (np.log(np.asarray(energy, float) / CRITICAL_TEV) + 0.5)
    return np.asarray(np.interp(slant * cosine, _DEPTH[::-1], HEIGHTS[::-1]))


def light_profile(maximum: Array, cosine: Array) -> Array:
    """Share of the light at the telescopes that comes from each of `HEIGHTS`: [n, heights], rows of sum 1.

    Electrons after Greisen, with the maximum at the given height; Cherenkov light in proportion to n - 1, so to the
    density; Rayleigh scattering on the way down. That only some of it falls onto the mirrors is left out.

    Parameters
    ----------
    maximum
        Height of the shower's maximum, km, [n].
    cosine
        Of the zenith distance, [n].
    """
    cosine = np.asarray(cosine, float)[:, None]
    slant = _DEPTH / cosine / RADIATION_LENGTH
    top = depth_of(maximum)[:, None] / cosine / RADIATION_LENGTH
    age = 3 * slant / (slant + 2 * top)
    electrons = slant * (1 - 1.5 * np.log(age)) - top
    clear = (depth_of(np.zeros(1)) - _DEPTH) / cosine / RAYLEIGH
    weight = np.exp(electrons - clear) * _DENSITY
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Lidar:
    """Reports of the LIDAR during a run.

    Attributes
    ----------
    time
        When, s, ascending, [n].
    depth
        Vertical optical depth of aerosols below each of `HEIGHTS`, [n, heights].
    transmission
        As reported from `NODES_KM`, [n, 4].
    """

    time: Array
    depth: Array
    transmission: Array

    def nearest(self, time: Array) -> Array:
        """Seconds to the nearest report."""
        return np.asarray(np.abs(np.asarray(time)[:, None] - self.time[None]).min(axis=1))

    def depth_at(self, time: Array) -> Array:
        """Optical depths at moments, linear between reports: [n, heights]."""
        place = np.interp(time, self.time, np.arange(len(self.time)))
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, len(self.time) - 1)
        share = (place - low)[:, None]
        return np.asarray((1 - share) * self.depth[low] + share * self.depth[high])

    def light(self, time: Array, maximum: Array, cosine: Array) -> Array:
        """Share of a shower's light that haze lets through: of showers at moments, with maxima at heights (km)."""
        found = np.empty(len(time))
        for first in range(0, len(time), 4000):
            some = slice(first, first + 4000)
            through = np.exp(-self.depth_at(time[some]) / cosine[some, None])
            found[some] = np.sum(light_profile(maximum[some], cosine[some]) * through, axis=1)
        return found


def lidar(time: Array, transmission: Array, cloud: Array) -> Lidar:
    """Make profiles of the LIDAR's reports; those without a measurement are left out.

    The optical depth rises evenly between the heights that are told, but where a cloud is: there all of the interval's
    is in the cloud. Below 3 km the extinction falls exponentially from the telescopes up, over the height that the next
    3 km tell (at least 500 m), as that of dust at the ground does. Above the last height there is none.

    Parameters
    ----------
    time
        s, [n].
    transmission
        From `NODES_KM`, [n, 4]; zero where the LIDAR did not measure.
    cloud
        Height of the base of a cloud, km; 0 for none, [n].
    """
    good = np.flatnonzero(np.all((transmission > 0) & np.isfinite(transmission), axis=1))
    good = good[np.argsort(time[good], kind="stable")]
    # the LIDAR's noise may say that more light comes from higher up
    depths = np.maximum.accumulate(-np.log(np.clip(transmission[good], 1e-3, 1.0)), axis=1)
    profiles = [_profile(row, base) for row, base in zip(depths, cloud[good], strict=True)]
    return Lidar(time[good], np.array(profiles).reshape(len(good), len(HEIGHTS)), transmission[good])


def _profile(depths: Array, cloud: float) -> Array:
    heights, values = [0.0, *NODES_KM], [0.0, *depths]
    if 0 < cloud < NODES_KM[-1]:
        i = int(np.searchsorted(heights, cloud, side="right"))
        top = min(cloud + CLOUD_KM, heights[i])
        heights[i:i], values[i:i] = [cloud, top], [values[i - 1], values[i]]
    profile = np.asarray(np.interp(HEIGHTS, heights, values))
    first = NODES_KM[0]
    falls = (depths[1] - depths[0]) / depths[0] if depths[0] > 0 else 1.0
    if falls < 1 and not 0 < cloud < first:
        scale = max(GROUND_KM, first / -np.log(max(falls, 1e-9)))
        ground = HEIGHTS[HEIGHTS < first]  # noqa: SIM300
        profile[: len(ground)] = depths[0] * np.expm1(-ground / scale) / np.expm1(-first / scale)
    return profile
