"""Responses of hazy air from those of clear air.

A shower of energy E whose light is dimmed to a share τ looks like one of energy τE in clear air. So the effective area
at E is that at τE, and, as estimated energies are divided by τ, the dispersion in estimated over true energy at E is
that at τE (Schmuckermaier et al. 2023, A&A 673, A2: "the effective area shifted in energy"). Each of these functions
averages over parts of a run: `tau` is [parts, energies], `weight` the parts' share of the live time. The last axis of
all values is energy, with `centre` the middles of its bins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def at(values: Array, centre: Array, energy: Array, *, power_law: bool, below: float | None = None) -> Array:
    """Values at energies between the middles of bins.

    Parameters
    ----------
    values
        [..., energy].
    centre
        Middles of its bins, ascending.
    energy
        Where they are wanted.
    power_law
        Between two middles a power law, where both are above zero; else linear in the logarithm of the energy.
    below
        What counts below the first middle; by default the value there. Above the last one its value counts.
    """
    place = np.interp(np.log(energy), np.log(centre), np.arange(len(centre)))
    low = np.clip(np.floor(place).astype(int), 0, max(len(centre) - 2, 0))
    high = np.minimum(low + 1, len(centre) - 1)
    share = place - low
    first, second = values[..., low], values[..., high]
    found = (1 - share) * first + share * second
    if power_law:
        both = (first > 0) & (second > 0)
        logs = [np.log(np.where(both, each, 1.0)) for each in (first, second)]
        found = np.where(both, np.exp((1 - share) * logs[0] + share * logs[1]), found)
    if below is not None:
        found = np.where(energy < centre[0] * (1 - 1e-9), below, found)
    return np.asarray(found)


def area(values: Array, centre: Array, tau: Array, weight: Array) -> Array:
    """Effective area: Σ w A(τE)."""
    parts = [w * at(values, centre, centre * t, power_law=True, below=0.0) for t, w in zip(tau, weight, strict=True)]
    return np.asarray(np.sum(parts, axis=0))


def density(values: Array, centre: Array, tau: Array, weight: Array, areas: Array, area_centre: Array) -> Array:
    """Energy dispersion or PSF of the showers that are seen: Σ w A(τE) M(τE) / Σ w A(τE).

    `areas` is the effective area in clear air, with the same leading axes but for that of the density, or one for all.
    """
    total, summed = np.zeros(values.shape), np.zeros(values.shape)
    plain = np.zeros(values.shape)
    for t, w in zip(tau, weight, strict=True):
        seen = w * at(areas, area_centre, centre * t, power_law=True, below=0.0)
        there = at(values, centre, centre * t, power_law=False)
        total, summed, plain = total + seen * there, summed + seen, plain + w * there
    # where nothing is seen, as the parts of the run have it
    return np.asarray(np.divide(total, summed, out=plain, where=summed > 0))


def limit(values: Array, centre: Array, tau: Array, weight: Array) -> Array:
    """A cut in estimated energy, made before energies were corrected: Σ w R(τE)."""
    parts = [w * at(values, centre, centre * t, power_law=False) for t, w in zip(tau, weight, strict=True)]
    return np.asarray(np.sum(parts, axis=0))


def rate(values: Array, centre: Array, tau: Array, weight: Array) -> Array:
    """A rate per estimated energy, measured before energies were corrected: Σ w τ B(τE)."""
    parts = [w * t * at(values, centre, centre * t, power_law=True) for t, w in zip(tau, weight, strict=True)]
    return np.asarray(np.sum(parts, axis=0))
