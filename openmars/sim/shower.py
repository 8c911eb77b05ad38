"""Electromagnetic showers: how many electrons where, and where their light goes.

The first generations are followed particle by particle (pair production and bremsstrahlung in Rossi's
approximation), so that showers fluctuate as they should; what falls below a small share of the energy goes on
as a mean shower (Greisen 1956). The directions of Cherenkov photons about the axis come from the energies and
angles of the electrons (Hillas 1982, J. Phys. G 8, 1461), put together with the Cherenkov cone into a table.
No geomagnetic field.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from openmars.sim.atmosphere import air
from openmars.sim.rng import exponential, uniform

CRITICAL_GEV = 0.085
"""Critical energy of electrons in air, GeV."""

AGES = 20
AGE_STEP = 0.1
DEPTH_STEP = 100.0
DEPTHS = 9
ANGLES = 400
ANGLE_STEP = 0.04
"""The table of photon angles: steps in age, vertical depth (g/cm²) and angle over the largest Cherenkov angle."""

MAX_SUBS = 512
SIMPLE_GEV = 8.0
"""Fainter showers are one pair and what follows on average."""


class Angles(NamedTuple):
    """Table of photon angles for compiled code."""

    # [age, depth, angle]: photons per steradian times theta_max², per electron, where an electron with
    # beta=1 counts 1
    light: NDArray[np.float64]


@njit(cache=True)
def _fill(table, threshold_mev):  # type: ignore[no-untyped-def]  # compiled
    """Histogram of angles over electron energies, electron angles and azimuth about the electron."""
    energies, widths, turns = 48, 20, 16
    cosine = np.cos((np.arange(turns) + 0.5) / turns * math.pi)
    for i in range(table.shape[0]):
        s = max(i, 1) * AGE_STEP
        e0 = 44.0 - 17.0 * (s - 1.46) ** 2 if s >= 0.4 else 26.0
        e2 = 1150.0 + 454.0 * math.log(s)
        for j in range(table.shape[1]):
            eth = threshold_mev[j]
            cone = 0.511 / eth  # largest Cherenkov angle, rad: 1/gamma_th = sqrt(2(n-1))
            above = 1.0
            for k in range(energies):
                # energies evenly in log from the threshold to 1000 times it
                e_lo = eth * 1000.0 ** (k / energies)
                e_hi = eth * 1000.0 ** ((k + 1.0) / energies)
                t_lo = max((0.89 * e0 - 1.2) / (e0 + e_lo), 0.0) ** s / (1.0 + 1e-4 * s * e_lo) ** 2
                t_hi = max((0.89 * e0 - 1.2) / (e0 + e_hi), 0.0) ** s / (1.0 + 1e-4 * s * e_hi) ** 2
                if k == energies - 1:
                    t_hi = 0.0
                above = t_lo - t_hi
                e = math.sqrt(e_lo * e_hi)
                bright = 1.0 - (eth / e) ** 2
                theta_c = cone * math.sqrt(bright)
                v = e / e2
                mean_w = 0.0054 * e * (1.0 + v) / (1.0 + 13.0 * v + 8.3 * v * v)
                if e < 350.0:
                    z0, a, l1, l2 = 0.59, 0.777, 0.478, 0.380
                else:
                    z0, a, l1, l2 = 0.37, 1.318, 0.413, 0.380
                for m in range(widths):
                    z = (m + 0.5) / widths * 3.2
                    p = 2.0 * a * z * math.exp(-(z - z0) / (l1 if z < z0 else l2)) * 3.2 / widths
                    # w = 2 (1 - cos theta) (E/21 MeV)², u = z² = w / <w>
                    theta_e = min(z * math.sqrt(mean_w) * 21.0 / e, 1.5)
                    weight = above * bright * p / turns
                    square, product = theta_e**2 + theta_c**2, 2.0 * theta_e * theta_c
                    for n in range(turns):
                        b = int(math.sqrt(square + product * cosine[n]) / cone / ANGLE_STEP)
                        if b < table.shape[2]:
                            table[i, j, b] += weight


@lru_cache(maxsize=1)
def angles() -> Angles:
    """The table of photon angles, made once."""
    atmosphere = air()
    depth = np.clip((np.arange(DEPTHS) + 0.5) * DEPTH_STEP, 1, 1039)
    threshold = 0.511 / np.sqrt(2.0 * np.interp(depth, np.arange(1041), atmosphere.refraction))
    table = np.zeros((AGES + 1, DEPTHS, ANGLES))
    _fill(table, threshold)
    # the emitting electrons are spread sideways by some metres: about 1 mrad seen from the ground
    kernel = np.exp(-0.5 * (np.arange(-6, 7) * ANGLE_STEP / 0.05) ** 2)
    u = (np.arange(ANGLES) + 0.5) * ANGLE_STEP
    smooth = np.apply_along_axis(lambda row: np.convolve(row, kernel / kernel.sum(), "same"), 2, table)
    return Angles(light=smooth / (2 * math.pi * u * ANGLE_STEP))


@njit(cache=True)
def photon_angle(light, age, depth, u):  # type: ignore[no-untyped-def]  # compiled
    """Interpolate the table: photons per (theta_max² sr) and electron at angle `u` theta_max."""
    k = u / ANGLE_STEP - 0.5
    if k < 0.0:
        k = 0.0
    kk = int(k)
    if kk >= ANGLES - 1:
        return 0.0
    f = k - kk
    a = min(max(age, AGE_STEP), AGES * AGE_STEP - 1e-6) / AGE_STEP
    ia = int(a)
    g = a - ia
    d = min(int(depth / DEPTH_STEP), DEPTHS - 1)
    lower = light[ia, d, kk] * (1.0 - f) + light[ia, d, kk + 1] * f
    upper = light[ia + 1, d, kk] * (1.0 - f) + light[ia + 1, d, kk + 1] * f
    return lower * (1.0 - g) + upper * g


@njit(cache=True)
def cascade(state, energy, depth, sub_e, sub_t):  # type: ignore[no-untyped-def]  # compiled
    """Follow the first generations of a gamma of `energy` GeV from `depth` (radiation lengths, slant).

    Fills energies and starting depths of the mean showers that are left; electrons start half a radiation
    length earlier. Gives their number and the depth of the first interaction.
    """
    cut = max(energy / 32.0, min(2.0, 0.45 * energy))
    stack_e = np.empty(MAX_SUBS)
    stack_t = np.empty(MAX_SUBS)
    stack_g = np.empty(MAX_SUBS, np.bool_)
    first = depth + 9.0 / 7.0 * exponential(state)
    share = uniform(state)
    stack_e[0], stack_t[0], stack_g[0] = energy * share, first, False
    stack_e[1], stack_t[1], stack_g[1] = energy * (1.0 - share), first, False
    top = 2
    n = 0
    total = 0.0
    while top > 0:
        top -= 1
        e, t, is_gamma = stack_e[top], stack_t[top], stack_g[top]
        if e < cut or top > MAX_SUBS - 4 or n > MAX_SUBS - 4:
            if e > 0.02 and n < MAX_SUBS:
                sub_e[n] = e
                sub_t[n] = t if is_gamma else t - 0.5
                total += e
                n += 1
            continue
        if is_gamma:
            t += 9.0 / 7.0 * exponential(state)
            share = uniform(state)
            stack_e[top], stack_t[top], stack_g[top] = e * share, t, False
            stack_e[top + 1], stack_t[top + 1], stack_g[top + 1] = e * (1.0 - share), t, False
            top += 2
            continue
        # bremsstrahlung with more than a tenth of the energy: 4/3 ln 10 - 0.835 photons per radiation length
        t += exponential(state) / 2.235
        while True:
            v = 0.1 ** uniform(state)
            if uniform(state) * 1.3333 < 1.3333 - 1.3333 * v + v * v:
                break
        stack_e[top], stack_t[top], stack_g[top] = e * v, t, True
        stack_e[top + 1], stack_t[top + 1], stack_g[top + 1] = e * (1.0 - v), t, False
        top += 2
    for i in range(n):
        sub_e[i] *= energy / total
    return n, first


@njit(cache=True)
def greisen(energy, t):  # type: ignore[no-untyped-def]  # compiled
    """Electrons and age of a mean shower of `energy` GeV after `t` radiation lengths."""
    beta = math.log(energy / CRITICAL_GEV)
    if t <= 0.0 or beta <= 0.1:
        return 0.0, 0.0
    s = 3.0 * t / (t + 2.0 * beta)
    return 0.31 / math.sqrt(beta) * math.exp(t * (1.0 - 1.5 * math.log(s))), s


@njit(cache=True)
def profile(state, energy, depth, step, count, age, sub_e, sub_t):  # type: ignore[no-untyped-def]  # compiled
    """Electrons in steps of slant depth: fills `count` and `age`; gives the depth of the first interaction.

    `depth` is where the gamma starts and `step` the width of a bin, in radiation lengths; bin i is centred on
    ``(i + 0.5) * step``.
    """
    bins = count.size
    for i in range(bins):
        count[i] = 0.0
        age[i] = 0.0
    if energy < SIMPLE_GEV:
        # a pair whose electrons share the energy evenly
        n, times, first = 1, 2.0, depth + 9.0 / 7.0 * exponential(state)
        sub_e[0], sub_t[0] = 0.5 * energy, first - 0.5
    else:
        n, first = cascade(state, energy, depth, sub_e, sub_t)
        times = 1.0
    for j in range(n):
        beta = math.log(sub_e[j] / CRITICAL_GEV)
        if beta < 0.2:
            beta = 0.2
        norm = times * 0.31 / math.sqrt(beta)
        i0 = max(int(sub_t[j] / step + 0.5), 0)
        for i in range(i0, bins):
            t = (i + 0.5) * step - sub_t[j]
            s = 3.0 * t / (t + 2.0 * beta)
            ne = norm * math.exp(t * (1.0 - 1.5 * math.log(s))) if t > 0.0 else 0.0
            count[i] += ne
            age[i] += ne * s
            if s > 1.0 and ne < 0.02:
                break
    for i in range(bins):
        if count[i] > 0.0:
            age[i] /= count[i]
    return first
