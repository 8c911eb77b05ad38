"""One shower after the other, compiled: directions and cores, light, trigger, cameras.

What the arguments mean is told in `openmars.sim.generate`, which is the only caller.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from openmars.sim.atmosphere import OBSERVATORY_M, Air, lookup
from openmars.sim.hadron import proton
from openmars.sim.light import MAX_PE, add_gamma, draw_segments, muon, perpendicular
from openmars.sim.rng import seed_stream, uniform
from openmars.sim.telescope import Pixels, empty_camera, expose, fill_frame
from openmars.sim.trigger import Trigger, fires

LEAST_PE = 8.0
"""A telescope in which fewer photo-electrons are expected is taken not to trigger."""

CORE, SHOWER, NOISE = 0, 1, 2
"""Streams of random numbers of one seed."""


class Setup(NamedTuple):
    """Everything that stays the same from shower to shower."""

    air: Air
    light: NDArray[np.float64]
    pixels: Pixels
    trigger: Trigger
    tels: NDArray[np.float64]
    pedestal: NDArray[np.float64]  # quantiles of an empty pixel's charge
    noise: float  # rms of an extraction window, photo-electrons
    psf: float  # sigma of the core of the point-spread function, rad
    efficiency: float  # factor on the light
    bound: NDArray[np.float64]  # least energy (GeV) worth simulating against impact, steps of 10 m


class Room(NamedTuple):
    """Arrays to work in, made once per call."""

    seg: NDArray[np.float64]
    muons: NDArray[np.float64]
    stack: NDArray[np.float64]
    electrons: NDArray[np.float64]
    age: NDArray[np.float64]
    sub_e: NDArray[np.float64]
    sub_t: NDArray[np.float64]
    pe_pixel: NDArray[np.int16]
    pe_time: NDArray[np.float64]
    pulses: NDArray[np.float64]


def room() -> Room:
    """Arrays large enough for any shower that is simulated."""
    return Room(
        seg=np.empty((40_000, 12)),
        muons=np.empty((2000, 11)),
        stack=np.empty((4096, 10)),
        electrons=np.empty(128),
        age=np.empty(128),
        sub_e=np.empty(512),
        sub_t=np.empty(512),
        pe_pixel=np.empty((2, 2 * MAX_PE), np.int16),
        pe_time=np.empty((2, 2 * MAX_PE)),
        pulses=np.empty((1039, 64)),
    )


@njit(cache=True)
def draw_core(state, zd, az, impact_max):  # type: ignore[no-untyped-def]  # compiled
    """Direction of flight, point on the ground (x, y) and distance of the axis from the middle of the array."""
    dx, dy, dz = -math.sin(zd) * math.cos(az), math.sin(zd) * math.sin(az), -math.cos(zd)
    r = impact_max * math.sqrt(uniform(state))
    phi = 2.0 * math.pi * uniform(state)
    ax, ay, az_, bx, by, bz = perpendicular(dx, dy, dz)
    p, q = r * math.cos(phi), r * math.sin(phi)
    x, y, z = p * ax + q * bx, p * ay + q * by, p * az_ + q * bz
    return dx, dy, dz, x - z / dz * dx, y - z / dz * dy, r


@njit(cache=True)
def distance(tel, x, y, dx, dy, dz):  # type: ignore[no-untyped-def]  # compiled
    """Distance of a telescope from the axis through (x, y, 0)."""
    vx, vy, vz = tel[0] - x, tel[1] - y, tel[2]
    along = vx * dx + vy * dy + vz * dz
    return math.sqrt(max(vx * vx + vy * vy + vz * vz - along * along, 0.0))


@njit(cache=True)
def cores(seed, zd, az, impact_max, x, y, r):  # type: ignore[no-untyped-def]  # compiled
    """Cores of all gammas of a seed."""
    state = np.zeros(1, np.uint64)
    for i in range(zd.size):
        seed_stream(state, seed, CORE, i)
        _, _, _, x[i], y[i], r[i] = draw_core(state, zd[i], az[i], impact_max)


@njit(cache=True)
def observe(state, setup, room, n_seg, n_mu, mu0, mu1, frame, charge, time, size):  # type: ignore[no-untyped-def]  # compiled
    """Draw the photo-electrons; if both telescopes trigger fill the cameras. Says whether they did."""
    number = np.zeros(2, np.int64)
    each = np.ones(2)
    middle = np.zeros(2)
    for k in range(2):
        mean = mu0 if k == 0 else mu1
        if mean > MAX_PE:
            each[k] = mean / MAX_PE
        pe_pixel, pe_time = room.pe_pixel[k], room.pe_time[k]
        n = draw_segments(
            state,
            room.seg,
            n_seg,
            k,
            setup.tels,
            frame,
            setup.psf,
            1.0 / each[k],
            pe_pixel,
            pe_time,
            0,
            setup.pixels,
        )
        for j in range(n_mu):
            if room.muons[j, 9 + k] > 0.05:
                _, n = muon(
                    state,
                    room.muons[j],
                    k,
                    setup.air,
                    setup.tels,
                    setup.efficiency,
                    True,
                    1.0 / each[k],
                    frame,
                    setup.psf,
                    pe_pixel,
                    pe_time,
                    n,
                    setup.pixels,
                )
        number[k] = n
        if n * each[k] < LEAST_PE:
            return False
        middle[k] = pe_time[:n].mean()
        if not fires(state, pe_pixel, pe_time, n, each[k], middle[k], setup.trigger, room.pulses):
            return False
    for k in range(2):
        empty_camera(state, setup.pedestal, charge[k], time[k])
        expose(
            state,
            room.pe_pixel[k],
            room.pe_time[k],
            number[k],
            each[k],
            middle[k],
            setup.pedestal,
            setup.noise,
            charge[k],
            time[k],
        )
        size[k] = number[k] * each[k]
    return True


@njit(cache=True)
def gammas(seed, first, energy, zd, az, pzd, paz, impact_max, setup, room, charge, time, size, truth, index):  # type: ignore[no-untyped-def]  # compiled
    """Simulate gammas from number `first` until the arrays are full; gives events and the next number."""
    state = np.zeros(1, np.uint64)
    frame = np.empty((3, 3))
    work = (room.electrons, room.age, room.sub_e, room.sub_t)
    kept = 0
    i = first
    while i < energy.size and kept < index.size:
        seed_stream(state, seed, CORE, i)
        dx, dy, dz, x, y, _ = draw_core(state, zd[i], az[i], impact_max)
        b0, b1 = distance(setup.tels[0], x, y, dx, dy, dz), distance(setup.tels[1], x, y, dx, dy, dz)
        far = min(int(max(b0, b1) / 10.0), setup.bound.size - 1)
        if energy[i] >= setup.bound[far]:
            seed_stream(state, seed, SHOWER, i)
            top = setup.air.height[0] - OBSERVATORY_M
            start = (x + top / dz * dx, y + top / dz * dy, top, dx, dy, dz, 0.0, 0.0)
            n_seg, mu0, mu1, hit, xmax = add_gamma(
                state,
                setup.air,
                setup.light,
                setup.tels,
                setup.efficiency,
                start,
                energy[i],
                0.7,
                room.seg,
                0,
                work,
            )
            if min(mu0, mu1) > LEAST_PE:
                fill_frame(frame, pzd[i], paz[i])
                if observe(
                    state, setup, room, n_seg, 0, mu0, mu1, frame, charge[kept], time[kept], size[kept]
                ):
                    row = truth[kept]
                    row[0], row[1], row[2], row[3], row[4] = energy[i], zd[i], az[i], pzd[i], paz[i]
                    row[5], row[6], row[7], row[8], row[9] = x, y, b0, b1, 0.0
                    row[10], row[11] = lookup(setup.air.height, hit * -dz), xmax
                    index[kept] = i
                    kept += 1
        i += 1
    return kept, i


@njit(cache=True)
def protons(  # type: ignore[no-untyped-def]  # compiled
    seed, first, total, nodes_zd, nodes_az, field, setup, room, charge, time, size, truth, index
):
    """Draw and simulate protons from number `first` until the arrays are full; as `gammas`.

    `field`: least and largest energy (GeV), largest impact (m), half angle of the cone (rad), spectral index.
    """
    e_min, e_max, impact_max, cone, slope = field
    state = np.zeros(1, np.uint64)
    frame = np.empty((3, 3))
    work = (room.electrons, room.age, room.sub_e, room.sub_t)
    power_lo, power_hi = e_min ** (slope + 1.0), e_max ** (slope + 1.0)
    steps = nodes_zd.size - 1
    kept = 0
    i = first
    while i < total and kept < index.size:
        seed_stream(state, seed, CORE, i)
        energy = (power_lo + uniform(state) * (power_hi - power_lo)) ** (1.0 / (slope + 1.0))
        off = math.acos(1.0 - uniform(state) * (1.0 - math.cos(cone)))
        turn = 2.0 * math.pi * uniform(state)
        fraction = (i + uniform(state)) / total
        if worth(setup, energy, off):
            if steps > 0:
                n = min(int(fraction * steps), steps - 1)
                f = fraction * steps - n
                pzd = nodes_zd[n] + f * (nodes_zd[n + 1] - nodes_zd[n])
                paz = nodes_az[n] + f * (nodes_az[n + 1] - nodes_az[n])
            else:
                pzd, paz = nodes_zd[0], nodes_az[0]
            fill_frame(frame, pzd, paz)
            p, q, c = math.sin(off) * math.cos(turn), math.sin(off) * math.sin(turn), math.cos(off)
            ux = p * frame[0, 0] + q * frame[1, 0] + c * frame[2, 0]
            uy = p * frame[0, 1] + q * frame[1, 1] + c * frame[2, 1]
            uz = p * frame[0, 2] + q * frame[1, 2] + c * frame[2, 2]
            zd, az = math.acos(min(uz, 1.0)), math.atan2(-uy, ux) % (2.0 * math.pi)
            dx, dy, dz, x, y, _ = draw_core(state, zd, az, impact_max)
            b0, b1 = distance(setup.tels[0], x, y, dx, dy, dz), distance(setup.tels[1], x, y, dx, dy, dz)
            far = min(int(max(b0, b1) / 10.0), setup.bound.size - 1)
            if energy >= setup.bound[far]:
                seed_stream(state, seed, SHOWER, i)
                top = setup.air.height[0] - OBSERVATORY_M
                start = (x + top / dz * dx, y + top / dz * dy, top, dx, dy, dz, 0.0, 0.0)
                n_seg, n_mu, mu0, mu1, hit, xmax = proton(
                    state,
                    setup.air,
                    setup.light,
                    setup.tels,
                    setup.efficiency,
                    start,
                    energy,
                    room.seg,
                    room.muons,
                    room.stack,
                    work,
                    (frame, room.pe_pixel[0], room.pe_time[0], setup.pixels),
                )
                if min(mu0, mu1) > LEAST_PE:
                    if observe(
                        state, setup, room, n_seg, n_mu, mu0, mu1, frame, charge[kept], time[kept], size[kept]
                    ):
                        row = truth[kept]
                        row[0], row[1], row[2], row[3], row[4] = energy, zd, az, pzd, paz
                        row[5], row[6], row[7], row[8], row[9] = x, y, b0, b1, fraction
                        row[10], row[11] = lookup(setup.air.height, hit * -dz), xmax
                        index[kept] = i
                        kept += 1
        i += 1
    return kept, i


@njit(cache=True)
def worth(setup, energy, off):  # type: ignore[no-untyped-def]  # compiled
    """Whether a proton of this energy and angle (rad) from the pointing can trigger."""
    return True


@njit(cache=True)
def pedestals(seed, first, setup, charge, time):  # type: ignore[no-untyped-def]  # compiled
    """Fill events with noise."""
    state = np.zeros(1, np.uint64)
    for i in range(charge.shape[0]):
        seed_stream(state, seed, NOISE, first + i)
        for k in range(2):
            empty_camera(state, setup.pedestal, charge[i, k], time[i, k])


@njit(cache=True)
def mean_light(setup, room, seed, energy, zd, impact, showers):  # type: ignore[no-untyped-def]  # compiled
    """Photo-electrons that gammas give in M1 at distances `impact` (m): [showers, impact.size]."""
    state = np.zeros(1, np.uint64)
    work = (room.electrons, room.age, room.sub_e, room.sub_t)
    out = np.empty((showers, impact.size))
    dx, dz = -math.sin(zd), -math.cos(zd)
    top = setup.air.height[0] - OBSERVATORY_M
    for i in range(showers):
        for j in range(impact.size):
            seed_stream(state, seed, SHOWER, i)
            x, y = setup.tels[0, 0] + top / dz * dx, setup.tels[0, 1] + impact[j]
            start = (x, y, top, dx, 0.0, dz, 0.0, 0.0)
            _, out[i, j], _, _, _ = add_gamma(
                state,
                setup.air,
                setup.light,
                setup.tels,
                setup.efficiency,
                start,
                energy,
                0.7,
                room.seg,
                0,
                work,
            )
    return out
