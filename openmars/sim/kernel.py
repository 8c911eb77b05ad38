"""One shower after the other, compiled: directions and cores, light, trigger, cameras.

What the arguments mean is told in `openmars.sim.generate`, which is the only caller.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from openmars.sim.atmosphere import Air, lookup
from openmars.sim.expect import expected_light, in_view, place
from openmars.sim.hadron import proton
from openmars.sim.light import MAX_PE, add_gamma, draw_segments, expected_muon, muon
from openmars.sim.place import (
    CORE,
    NOISE,
    SHOWER,
    arrange,
    away,
    between,
    core_on_ground,
    distance,
    draw_core,
    flight,
    start_row,
)
from openmars.sim.readout import CALIBRATION_PHE, Readout, digitise, flash, light_up
from openmars.sim.rng import seed_stream, uniform
from openmars.sim.telescope import SIGNAL_SLICE, Pixels, empty_camera, expose, fill_frame
from openmars.sim.trigger import Trigger, fires

CORES = 8
SHARED_GEV = 1000.0
"""One cascade of a proton serves for so many cores, as is usual in simulations of air showers; but not above an
energy at which it would often trigger more than once."""

FAINT_PE = 0.1
"""Gammas of a proton expected to give less in both cameras together are left out."""

TRIGGER_COS, CAMERA_COS = math.cos(math.radians(1.75)), math.cos(math.radians(2.4))
"""Angles from the pointing within which the maximum of a shower is to be, for the trigger or the camera to see it."""


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
    readout: Readout
    haze: NDArray[np.float64]  # [2] optical depth of the haze at the first shower and after the last


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
    waves: NDArray[np.float32]  # samples and what comes before and after them; zero between events


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
        waves=np.zeros((1039, 82), np.float32),
    )


@njit(cache=True)
def observe(state, setup, room, n_seg, n_mu, mu0, mu1, frame, out):  # type: ignore[no-untyped-def]  # compiled
    """Draw the photo-electrons; if both telescopes trigger fill the cameras. Says whether they did.

    `out`: charges, arrival times, words and sizes of the event, by telescope; either the first two or the words have
    no room and stay empty.
    """
    charge, time, words, size = out
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
        pe_pixel, pe_time, n = room.pe_pixel[k], room.pe_time[k], number[k]
        if words.size > 0:
            light_up(state, setup.readout, k, pe_pixel, pe_time, n, each[k], middle[k], room.waves)
            digitise(state, setup.readout, k, room.waves, words[k])
        else:
            empty_camera(state, setup.pedestal, charge[k], time[k])
            expose(state, pe_pixel, pe_time, n, each[k], middle[k], setup.noise, charge[k], time[k])
        size[k] = n * each[k]
    return True


@njit(cache=True)
def _note(row, energy, zd, az, pzd, paz, x, y, b0, b1, fraction, height, xmax):  # type: ignore[no-untyped-def]  # compiled
    """Write down the truth of an event."""
    row[0], row[1], row[2], row[3], row[4] = energy, zd, az, pzd, paz
    row[5], row[6], row[7], row[8], row[9] = x, y, b0, b1, fraction
    row[10], row[11] = height, xmax


@njit(cache=True)
def gammas(seed, first, energy, zd, az, pzd, paz, impact_max, setup, room, out, truth, index):  # type: ignore[no-untyped-def]  # compiled
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
        setup.air.thick[0] = between(setup.haze, number / energy.size)
        seed_stream(state, seed, CORE, number)
        dx, dy, dz, x, y, _ = draw_core(state, zd[number], az[number], impact_max)
        arrange(tels, x, y)
        start_row(row, setup.air, dx, dy, dz, energy[number])
        place(setup, row)
        a, b = expected_light(setup, tels[0], row), expected_light(setup, tels[1], row)
        if min(a, b) < setup.worth:
            continue
        fill_frame(frame, pzd[number], paz[number])
        seed_stream(state, seed, SHOWER, number)
        n_seg, mu0, mu1, hit, xmax = add_gamma(state, setup, frame, row, 0.7, room, 0)
        if min(mu0, mu1) < setup.least:
            continue
        event = out[0][kept], out[1][kept], out[2][kept], out[3][kept]
        if observe(state, setup, room, n_seg, 0, mu0, mu1, frame, event):
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
def _power(state, low, high, slope):  # type: ignore[no-untyped-def]  # compiled
    """Energy of a power law between two energies."""
    a, b = low ** (slope + 1.0), high ** (slope + 1.0)
    return (a + uniform(state) * (b - a)) ** (1.0 / (slope + 1.0))


@njit(cache=True)
def _cascade(state, setup, room, frame, cone, shower):  # type: ignore[no-untyped-def]  # compiled
    """Draw the direction of a proton with the energy in ``shower[0]`` and follow it.

    Fills the rest of `shower`: zenith distance, azimuth, direction of flight, depth of the first interaction. Gives
    the numbers of gammas and muons; -1 if it comes from too far off.
    """
    off = math.acos(1.0 - uniform(state) * (1.0 - math.cos(cone)))
    turned = 2.0 * math.pi * uniform(state)
    if off > view_cone(shower[0], setup.worth):
        return -1, -1
    shower[1], shower[2] = away(frame, off, turned)
    shower[3], shower[4], shower[5] = flight(shower[1], shower[2])
    row = np.empty(13)
    start_row(row, setup.air, shower[3], shower[4], shower[5], shower[0])
    n_gamma, n_mu, shower[6] = proton(state, setup, frame, row, room)
    return n_gamma, n_mu


@njit(cache=True)
def _on_core(state, setup, room, frame, shower, x, y, n_gamma, n_mu, event, truth):  # type: ignore[no-untyped-def]  # compiled
    """Put a cascade's core at (x, y). Says whether both telescopes trigger; then writes the event."""
    arrange(room.tels, x, y)
    if n_gamma < 0 or not promising(setup, frame, room, n_gamma, n_mu):
        return False
    n_seg, mu0, mu1, xmax = _gammas_of(state, setup, frame, room, n_gamma)
    for j in range(n_mu):
        track = room.muons[j]
        track[9], _ = muon(state, setup, track, 0, False, 1.0, frame, room, 0)
        track[10], _ = muon(state, setup, track, 1, False, 1.0, frame, room, 0)
        mu0 += track[9]
        mu1 += track[10]
    if min(mu0, mu1) < setup.least:
        return False
    if not observe(state, setup, room, n_seg, n_mu, mu0, mu1, frame, event):
        return False
    b0 = distance(room.tels[0], shower[3], shower[4], shower[5])
    b1 = distance(room.tels[1], shower[3], shower[4], shower[5])
    height = lookup(setup.air.height, shower[6])
    _note(truth, shower[0], shower[1], shower[2], 0.0, 0.0, x, y, b0, b1, 0.0, height, xmax)
    return True


@njit(cache=True)
def protons(seed, first, total, nodes_zd, nodes_az, field, setup, room, out, truth, index):  # type: ignore[no-untyped-def]  # compiled
    """Draw and simulate protons from number `first` until the arrays are full; as `gammas`.

    `field`: least and largest energy (GeV), largest impact (m), half angle of the cone (rad), spectral index.
    They come in groups of `CORES`, at one moment. Within a group all protons below `SHARED_GEV` are one and the same
    cascade with different cores; each of the others is its own.
    """
    e_min, e_max, impact_max, cone, slope = field
    state = np.zeros(1, np.uint64)
    frame = np.empty((3, 3))
    shower = np.empty(7)
    middle = min(max(SHARED_GEV, e_min), e_max)
    share = (e_min ** (slope + 1.0) - middle ** (slope + 1.0)) / (e_min ** (slope + 1.0) - e_max ** (slope + 1.0))
    kept = 0
    i = first
    while i < total and kept + CORES <= index.size:
        group = i
        i = min(group + CORES, total)
        seed_stream(state, seed, CORE, group)
        fraction = (group + CORES * uniform(state)) / (total + CORES)
        pzd, paz = between(nodes_zd, fraction), between(nodes_az, fraction)
        setup.air.thick[0] = between(setup.haze, fraction)
        fill_frame(frame, pzd, paz)
        n_gamma, n_mu = -1, -1
        if share > 0.0:
            shower[0] = _power(state, e_min, middle, slope)
            n_gamma, n_mu = _cascade(state, setup, room, frame, cone, shower)
        for turn in range(2):
            # the shared cascade first: the others overwrite it
            for number in range(group, i):
                seed_stream(state, seed, SHOWER, number)
                if (uniform(state) < share) != (turn == 0):
                    continue
                if turn == 1:
                    shower[0] = _power(state, middle, e_max, slope)
                    n_gamma, n_mu = _cascade(state, setup, room, frame, cone, shower)
                if n_gamma < 0:
                    continue
                x, y, _ = core_on_ground(state, shower[3], shower[4], shower[5], impact_max)
                event = out[0][kept], out[1][kept], out[2][kept], out[3][kept]
                if _on_core(state, setup, room, frame, shower, x, y, n_gamma, n_mu, event, truth[kept]):
                    truth[kept, 3], truth[kept, 4], truth[kept, 9] = pzd, paz, fraction
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
def pedestals(seed, first, setup, room, out):  # type: ignore[no-untyped-def]  # compiled
    """Fill events with noise; `out` as in `gammas`."""
    state = np.zeros(1, np.uint64)
    charge, time, words, _ = out
    for i in range(charge.shape[0]):
        seed_stream(state, seed, NOISE, first + i)
        for k in range(2):
            if words[i].size > 0:
                digitise(state, setup.readout, k, room.waves, words[i, k])
            else:
                empty_camera(state, setup.pedestal, charge[i, k], time[i, k])


@njit(cache=True)
def calibrations(seed, first, setup, room, words):  # type: ignore[no-untyped-def]  # compiled
    """Fill the words of events with calibration pulses; their moments spread over a slice."""
    state = np.zeros(1, np.uint64)
    for i in range(words.shape[0]):
        seed_stream(state, seed, NOISE, first + i)
        for k in range(2):
            flash(state, setup.readout, k, CALIBRATION_PHE, SIGNAL_SLICE - 0.5 + uniform(state), room.waves)
            digitise(state, setup.readout, k, room.waves, words[i, k])


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
            start_row(row, setup.air, dx, 0.0, dz, energy)
            _, out[i, j], _, _, _ = add_gamma(state, setup, frame, row, 0.7, room, 0)
    return out
