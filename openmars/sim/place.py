"""Where showers come from and fall: directions, cores, telescopes about a core."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from openmars.sim.atmosphere import OBSERVATORY_M
from openmars.sim.light import perpendicular
from openmars.sim.rng import seed_stream, uniform
from openmars.sim.telescope import POSITIONS_M

CORE, SHOWER, NOISE = 0, 1, 2
"""Streams of random numbers of one seed."""


@njit(cache=True)
def flight(zd, az):  # type: ignore[no-untyped-def]  # compiled
    """Direction of flight of what comes from (zd, az), rad."""
    return -math.sin(zd) * math.cos(az), math.sin(zd) * math.sin(az), -math.cos(zd)


@njit(cache=True)
def core_on_ground(state, dx, dy, dz, impact_max):  # type: ignore[no-untyped-def]  # compiled
    """Point on the ground (x, y) of an axis drawn evenly over a disc across it, and its distance from the origin."""
    r = impact_max * math.sqrt(uniform(state))
    phi = 2.0 * math.pi * uniform(state)
    ax, ay, az, bx, by, bz = perpendicular(dx, dy, dz)
    p, q = r * math.cos(phi), r * math.sin(phi)
    x, y, z = p * ax + q * bx, p * ay + q * by, p * az + q * bz
    return x - z / dz * dx, y - z / dz * dy, r


@njit(cache=True)
def draw_core(state, zd, az, impact_max):  # type: ignore[no-untyped-def]  # compiled
    """Direction of flight, point on the ground (x, y) and distance of the axis from the middle of the array."""
    dx, dy, dz = flight(zd, az)
    x, y, r = core_on_ground(state, dx, dy, dz, impact_max)
    return dx, dy, dz, x, y, r


@njit(cache=True)
def arrange(tels, x, y):  # type: ignore[no-untyped-def]  # compiled
    """Place the telescopes about a core."""
    for k in range(2):
        tels[k, 0], tels[k, 1], tels[k, 2] = POSITIONS_M[k, 0] - x, POSITIONS_M[k, 1] - y, POSITIONS_M[k, 2]


@njit(cache=True)
def distance(tel, dx, dy, dz):  # type: ignore[no-untyped-def]  # compiled
    """Distance of a telescope from the axis through the origin."""
    along = tel[0] * dx + tel[1] * dy + tel[2] * dz
    return math.sqrt(max(tel[0] * tel[0] + tel[1] * tel[1] + tel[2] * tel[2] - along * along, 0.0))


@njit(cache=True)
def cores(seed, zd, az, impact_max, x, y, r):  # type: ignore[no-untyped-def]  # compiled
    """Cores of all gammas of a seed."""
    state = np.zeros(1, np.uint64)
    for i in range(zd.size):
        seed_stream(state, seed, CORE, i)
        _, _, _, x[i], y[i], r[i] = draw_core(state, zd[i], az[i], impact_max)


@njit(cache=True)
def start_row(row, air, dx, dy, dz, energy):  # type: ignore[no-untyped-def]  # compiled
    """A primary at the top of the atmosphere on the axis that meets the ground at the origin."""
    top = air.height[0] - OBSERVATORY_M
    row[0], row[1], row[2] = top / dz * dx, top / dz * dy, top
    row[3], row[4], row[5], row[6], row[7], row[8] = dx, dy, dz, 0.0, 0.0, energy


@njit(cache=True)
def away(frame, off, turn):  # type: ignore[no-untyped-def]  # compiled
    """Zenith distance and azimuth (rad) of a direction `off` from the pointing."""
    p, q, c = math.sin(off) * math.cos(turn), math.sin(off) * math.sin(turn), math.cos(off)
    ux = p * frame[0, 0] + q * frame[1, 0] + c * frame[2, 0]
    uy = p * frame[0, 1] + q * frame[1, 1] + c * frame[2, 1]
    uz = p * frame[0, 2] + q * frame[1, 2] + c * frame[2, 2]
    return math.acos(min(uz, 1.0)), math.atan2(-uy, ux) % (2.0 * math.pi)


@njit(cache=True)
def between(nodes, fraction):  # type: ignore[no-untyped-def]  # compiled
    """Value at a share of the run, linear between evenly spaced nodes."""
    steps = nodes.size - 1
    if steps == 0:
        return nodes[0]
    n = min(int(fraction * steps), steps - 1)
    return nodes[n] + (fraction * steps - n) * (nodes[n + 1] - nodes[n])
