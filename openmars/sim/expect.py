"""What light a gamma is expected to give, before its shower is simulated.

Most showers that are drawn are far too faint or too far away to trigger. A table of mean showers against zenith
distance, energy, depth of the start and distance tells which ones are worth the work.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from openmars.sim.atmosphere import OBSERVATORY_M, RADIATION_LENGTH, Air, air, lookup, transmission
from openmars.sim.shower import angles, greisen, photon_angle
from openmars.sim.telescope import MIRROR_M2

ZENITHS, ENERGIES, STARTS, DISTANCES = 8, 10, 12, 36
ZENITH_STEP = math.radians(10.0)
ENERGY_STEP = math.log(10.0) / 2.0
FIRST_ENERGY_GEV = 0.5
START_STEP = 70.0
DISTANCE_STEP_M = 20.0


@njit(cache=True)
def _fill(table, air, light):  # type: ignore[no-untyped-def]  # compiled
    """Photo-electrons per GeV of mean showers."""
    step = 0.7
    for iz in range(table.shape[0]):
        cos_z = math.cos(iz * ZENITH_STEP)
        for ie in range(table.shape[1]):
            energy = FIRST_ENERGY_GEV * math.exp(ie * ENERGY_STEP)
            for js in range(table.shape[2]):
                start = js * START_STEP / cos_z / RADIATION_LENGTH + 9.0 / 7.0
                for n in range(1, 200):
                    slant = start + n * step
                    depth = slant * RADIATION_LENGTH * cos_z
                    if depth >= air.ground:
                        break
                    # a pair that shares the energy; electrons start half a radiation length earlier
                    electrons, age = greisen(0.5 * energy, slant - start + 0.5)
                    height = lookup(air.height, depth) - OBSERVATORY_M
                    length = step * RADIATION_LENGTH / lookup(air.density, depth)
                    base = electrons * length * air.yield_per_m * MIRROR_M2 / energy
                    base *= transmission(air, depth, cos_z)
                    cone = math.sqrt(2.0 * lookup(air.refraction, depth))
                    path = max(height / cos_z, 100.0)
                    for r in range(table.shape[3]):
                        d2 = path * path + (r * DISTANCE_STEP_M) ** 2
                        u = math.atan(r * DISTANCE_STEP_M / path) / cone
                        table[iz, ie, js, r] += base * photon_angle(light, age, depth, u) / d2


@lru_cache(maxsize=1)
def expected() -> NDArray[np.float64]:
    """Photo-electrons per GeV at full efficiency, made once: zenith, energy and depth of start in one index, then
    distance."""
    table = np.zeros((ZENITHS, ENERGIES, STARTS, DISTANCES))
    atmosphere: Air = air()
    _fill(table, atmosphere, angles().light)
    return table.reshape(-1, DISTANCES)


@njit(cache=True)
def place(setup, row):  # type: ignore[no-untyped-def]  # compiled
    """Complete a gamma's row: where its shower is largest (m), and which line of the table is its own.

    `row`: x y z (m), direction, time (ns), vertical depth (g/cm²), energy (GeV), then what is filled here.
    """
    beta = math.log(max(row[8], 0.2) / FIRST_ENERGY_GEV)
    length = RADIATION_LENGTH * (beta + 2.8)
    depth = max(min(row[7] - length * row[5], setup.air.ground - 60.0), row[7])
    z = lookup(setup.air.height, depth) - OBSERVATORY_M
    path = (row[2] - z) / -row[5]
    row[9], row[10], row[11] = row[0] + path * row[3], row[1] + path * row[4], z
    iz = min(int(math.acos(min(-row[5], 1.0)) / ZENITH_STEP + 0.5), ZENITHS - 1)
    ie = min(int(max(beta, 0.0) / ENERGY_STEP + 0.5), ENERGIES - 1)
    js = min(int(row[7] / START_STEP + 0.5), STARTS - 1)
    row[12] = (iz * ENERGIES + ie) * STARTS + js


@njit(cache=True)
def in_view(frame, tel, row, limit):  # type: ignore[no-untyped-def]  # compiled
    """Whether the maximum of a gamma's shower is nearer to the pointing than an angle with cosine `limit`."""
    x, y, z = row[9] - tel[0], row[10] - tel[1], row[11] - tel[2]
    axis = x * frame[2, 0] + y * frame[2, 1] + z * frame[2, 2]
    return axis > limit * math.sqrt(x * x + y * y + z * z)


@njit(cache=True)
def expected_light(setup, tel, row):  # type: ignore[no-untyped-def]  # compiled
    """Photo-electrons expected in a telescope from a gamma; `row` as `place` completes it."""
    vx, vy, vz = tel[0] - row[0], tel[1] - row[1], tel[2] - row[2]
    along = vx * row[3] + vy * row[4] + vz * row[5]
    r = math.sqrt(max(vx * vx + vy * vy + vz * vz - along * along, 0.0)) / DISTANCE_STEP_M
    ir = int(r)
    if ir >= DISTANCES - 1:
        return 0.0
    line = setup.expected[int(row[12])]
    return row[8] * setup.efficiency * (line[ir] + (r - ir) * (line[ir + 1] - line[ir]))
