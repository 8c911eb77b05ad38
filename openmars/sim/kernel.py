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
from openmars.sim.expect import expected_light, in_view, place
from openmars.sim.hadron import proton
from openmars.sim.light import MAX_PE, add_gamma, draw_segments, expected_muon, muon, perpendicular
from openmars.sim.rng import seed_stream, uniform
from openmars.sim.telescope import POSITIONS_M, Pixels, empty_camera, expose, fill_frame
from openmars.sim.trigger import Trigger, fires

CORES = 8
"""Cores for which one cascade of a proton is used, one after the other, as simulations of air showers do."""

FAINT_PE = 0.1
"""Gammas of a proton expected to give less in both cameras together are left out."""

TRIGGER_COS, CAMERA_COS = math.cos(math.radians(1.75)), math.cos(math.radians(2.4))
"""Angles from the pointing within which the maximum of a shower is to be, for the trigger or the camera to see it."""

CORE, SHOWER, NOISE = 0, 1, 2
"""Streams of random numbers of one seed."""


class Setup(NamedTuple):
    """Everything that stays the same from shower to shower."""

    air: Air
    light: NDArray[np.float64]
    pixels: Pixels
    trigger: Trigger
    worth: float  # photo-electrons mean showers must give in both telescopes for a shower to be simulated
    least: float  # photo-electrons the shower itself must then be expected to give
    pedestal: NDArray[np.float64]  # quantiles of an empty pixel's charge
    noise: float  # rms of an extraction window, photo-electrons
    circle: NDArray[np.float32]  # [8192, 2] see `openmars.sim.light.scatter`
    spread: NDArray[np.float32]  # [8192, 2]
    star: NDArray[np.float32]  # [8192, 2]
    psf: float  # sigma of the core of the point-spread function, rad
    efficiency: float  # factor on the light
    expected: NDArray[np.float64]  # light of mean showers, see `openmars.sim.expect`


class Room(NamedTuple):
    """Arrays to work in, made once per call."""

    tels: NDArray[np.float64]  # [2, 3] telescopes, m from where the axis meets the ground
    seg: NDArray[np.float64]
    gammas: NDArray[np.float64]
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
        tels=np.zeros((2, 3)),
        seg=np.empty((40_000, 12)),
        gammas=np.empty((20_000, 13)),
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
def observe(state, setup, room, n_seg, n_mu, mu0, mu1, frame, charge, time, size):  # type: ignore[no-untyped-def]  # compiled
    """Draw the photo-electrons; if both telescopes trigger fill the cameras. Says whether they did."""
    number, each, middle = np.zeros(2, np.int64), np.ones(2), np.zeros(2)
    for order in range(2):
        # the fainter one first
        k = order if mu0 <= mu1 else 1 - order
        mean = mu0 if k == 0 else mu1
        if mean > MAX_PE:
            each[k] = mean / MAX_PE
        n = draw_segments(state, setup, room, n_seg, k, frame, 1.0 / each[k])
        for j in range(n_mu):
            if room.muons[j, 9 + k] > 0.05:
                _, n = muon(state, setup, room.muons[j], k, True, 1.0 / each[k], frame, room, n)
        if n * each[k] < setup.least:
            return False
        number[k] = n
        pe_pixel, pe_time = room.pe_pixel[k], room.pe_time[k]
        middle[k] = pe_time[:n].mean()
        if not fires(state, pe_pixel, pe_time, n, each[k], middle[k], setup.trigger, room.pulses):
            return False
    for k in range(2):
        empty_camera(state, setup.pedestal, charge[k], time[k])
        expose(state, room.pe_pixel[k], room.pe_time[k], number[k], each[k], middle[k], setup.noise, charge[k], time[k])
        size[k] = number[k] * each[k]
    return True


@njit(cache=True)
def _start(row, air, dx, dy, dz, energy):  # type: ignore[no-untyped-def]  # compiled
    """A primary at the top of the atmosphere on the axis that meets the ground at the origin."""
    top = air.height[0] - OBSERVATORY_M
    row[0], row[1], row[2] = top / dz * dx, top / dz * dy, top
    row[3], row[4], row[5], row[6], row[7], row[8] = dx, dy, dz, 0.0, 0.0, energy


@njit(cache=True)
def _note(row, energy, zd, az, pzd, paz, x, y, b0, b1, fraction, height, xmax):  # type: ignore[no-untyped-def]  # compiled
    """Write down the truth of an event."""
    row[0], row[1], row[2], row[3], row[4] = energy, zd, az, pzd, paz
    row[5], row[6], row[7], row[8], row[9] = x, y, b0, b1, fraction
    row[10], row[11] = height, xmax


@njit(cache=True)
def gammas(seed, first, energy, zd, az, pzd, paz, impact_max, setup, room, charge, time, size, truth, index):  # type: ignore[no-untyped-def]  # compiled
    """Simulate gammas from number `first` until the arrays are full; gives events and the next number."""
    state = np.zeros(1, np.uint64)
    frame = np.empty((3, 3))
    row = np.empty(13)
    tels = room.tels
    kept = 0
    i = first
    while i < energy.size and kept < index.size:
        number = i
        i += 1
        seed_stream(state, seed, CORE, number)
        dx, dy, dz, x, y, _ = draw_core(state, zd[number], az[number], impact_max)
        arrange(tels, x, y)
        _start(row, setup.air, dx, dy, dz, energy[number])
        place(setup, row)
        a, b = expected_light(setup, tels[0], row), expected_light(setup, tels[1], row)
        if min(a, b) < setup.worth:
            continue
        fill_frame(frame, pzd[number], paz[number])
        seed_stream(state, seed, SHOWER, number)
        n_seg, mu0, mu1, hit, xmax = add_gamma(state, setup, frame, row, 0.7, room, 0)
        if min(mu0, mu1) < setup.least:
            continue
        if observe(state, setup, room, n_seg, 0, mu0, mu1, frame, charge[kept], time[kept], size[kept]):
            b0, b1 = distance(tels[0], dx, dy, dz), distance(tels[1], dx, dy, dz)
            height = lookup(setup.air.height, hit * -dz)
            _note(
                truth[kept],
                energy[number],
                zd[number],
                az[number],
                pzd[number],
                paz[number],
                x,
                y,
                b0,
                b1,
                0.0,
                height,
                xmax,
            )
            index[kept] = number
            kept += 1
    return kept, i


@njit(cache=True)
def _pointing(nodes, fraction):  # type: ignore[no-untyped-def]  # compiled
    """Value at a share of the run, linear between evenly spaced nodes."""
    steps = nodes.size - 1
    if steps == 0:
        return nodes[0]
    n = min(int(fraction * steps), steps - 1)
    return nodes[n] + (fraction * steps - n) * (nodes[n + 1] - nodes[n])


@njit(cache=True)
def _away(frame, off, turn):  # type: ignore[no-untyped-def]  # compiled
    """Zenith distance and azimuth (rad) of a direction `off` from the pointing."""
    p, q, c = math.sin(off) * math.cos(turn), math.sin(off) * math.sin(turn), math.cos(off)
    ux = p * frame[0, 0] + q * frame[1, 0] + c * frame[2, 0]
    uy = p * frame[0, 1] + q * frame[1, 1] + c * frame[2, 1]
    uz = p * frame[0, 2] + q * frame[1, 2] + c * frame[2, 2]
    return math.acos(min(uz, 1.0)), math.atan2(-uy, ux) % (2.0 * math.pi)


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
    row = np.empty(13)
    tels = room.tels
    low, high = e_min ** (slope + 1.0), e_max ** (slope + 1.0)
    kept = 0
    i = first
    while i < total and kept + CORES <= index.size:
        seed_stream(state, seed, CORE, i)
        energy = (low + uniform(state) * (high - low)) ** (1.0 / (slope + 1.0))
        off = math.acos(1.0 - uniform(state) * (1.0 - math.cos(cone)))
        turned = 2.0 * math.pi * uniform(state)
        group = i
        i = min(group + CORES, total)
        if off > view_cone(energy, setup.worth):
            continue
        fraction = (group + CORES * uniform(state)) / (total + CORES)
        pzd, paz = _pointing(nodes_zd, fraction), _pointing(nodes_az, fraction)
        fill_frame(frame, pzd, paz)
        zd, az = _away(frame, off, turned)
        dx, dy, dz = flight(zd, az)
        _start(row, setup.air, dx, dy, dz, energy)
        n_gamma, n_mu, hit = proton(state, setup, frame, row, room)
        for number in range(group, i):
            seed_stream(state, seed, SHOWER, number)
            x, y, _ = core_on_ground(state, dx, dy, dz, impact_max)
            arrange(tels, x, y)
            if not promising(setup, frame, room, n_gamma, n_mu):
                continue
            n_seg, mu0, mu1, xmax = _gammas_of(state, setup, frame, room, n_gamma)
            for j in range(n_mu):
                track = room.muons[j]
                track[9], _ = muon(state, setup, track, 0, False, 1.0, frame, room, 0)
                track[10], _ = muon(state, setup, track, 1, False, 1.0, frame, room, 0)
                mu0 += track[9]
                mu1 += track[10]
            if min(mu0, mu1) < setup.least:
                continue
            if observe(state, setup, room, n_seg, n_mu, mu0, mu1, frame, charge[kept], time[kept], size[kept]):
                b0, b1 = distance(tels[0], dx, dy, dz), distance(tels[1], dx, dy, dz)
                height = lookup(setup.air.height, hit)
                _note(truth[kept], energy, zd, az, pzd, paz, x, y, b0, b1, fraction, height, xmax)
                index[kept] = number
                kept += 1
    return kept, i


@njit(cache=True)
def view_cone(energy, worth):  # type: ignore[no-untyped-def]  # compiled
    """Angle from the pointing (rad) beyond which protons of an energy (GeV) are not simulated."""
    if worth <= 0.0:
        return math.pi
    return math.radians(2.6 + 1.1 * max(math.log10(energy / 100.0), 0.0))


@njit(cache=True)
def promising(setup, frame, room, n_gamma, n_mu):  # type: ignore[no-untyped-def]  # compiled
    """Whether both telescopes may see enough of the listed gammas and muons."""
    for k in range(2):
        tel = room.tels[k]
        light = 0.0
        for j in range(n_mu):
            light += expected_muon(setup, frame, room.muons[j], tel, TRIGGER_COS)
        for j in range(n_gamma):
            row = room.gammas[j]
            if in_view(frame, tel, row, TRIGGER_COS):
                light += expected_light(setup, tel, row)
        if light < setup.worth:
            return False
    return True


@njit(cache=True)
def _gammas_of(state, setup, frame, room, n_gamma):  # type: ignore[no-untyped-def]  # compiled
    """Showers of all gammas that a proton made: segments, light, slant depth of the brightest one's maximum."""
    n_seg, mu0, mu1, xmax, brightest = 0, 0.0, 0.0, 0.0, 0.0
    for j in range(n_gamma):
        row = room.gammas[j]
        light = 0.0
        for k in range(2):
            if in_view(frame, room.tels[k], row, CAMERA_COS):
                light += expected_light(setup, room.tels[k], row)
        if light < FAINT_PE:
            continue
        step = 0.7 if row[8] > 50.0 else 1.4
        n_seg, a, b, _, maximum = add_gamma(state, setup, frame, row, step, room, n_seg)
        mu0 += a
        mu1 += b
        if row[8] > brightest:
            brightest, xmax = row[8], maximum
    return n_seg, mu0, mu1, xmax


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
    out = np.empty((showers, impact.size))
    row = np.empty(13)
    frame = np.empty((3, 3))
    fill_frame(frame, zd, 0.0)
    frame *= 10.0  # no light is out of view
    dx, dz = -math.sin(zd), -math.cos(zd)
    for i in range(showers):
        for j in range(impact.size):
            seed_stream(state, seed, SHOWER, i)
            room.tels[0] = (0.0, -impact[j], 0.0)
            room.tels[1] = room.tels[0]
            _start(row, setup.air, dx, 0.0, dz, energy)
            _, out[i, j], _, _, _ = add_gamma(state, setup, frame, row, 0.7, room, 0)
    return out
