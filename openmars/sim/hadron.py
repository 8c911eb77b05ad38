"""Proton showers as cascades of hadrons, with gammas and muons as they come.

A simple picture with the right proportions: in each collision with air the leading particle keeps about half of
the energy, the rest goes to pions in a falling spectrum, a third of them neutral, with a transverse momentum
of 0.35 GeV/c on average (Gaisser, Engel & Resconi 2016, "Cosmic Rays and Particle Physics", chapters 4 and 15).
Charged pions collide again or decay to muons. Kaons, nuclei and the direct light of hadrons are left out.
"""

from __future__ import annotations

import math

from numba import njit

from openmars.sim.atmosphere import LIGHT_M_PER_NS, OBSERVATORY_M, depth_below, lookup
from openmars.sim.expect import place
from openmars.sim.light import perpendicular
from openmars.sim.rng import exponential, pick, uniform

NUCLEON, PION = 0.0, 1.0
LEAST_HADRON_GEV = 4.0
"""Below this a charged hadron is dropped: its muon would be under the Cherenkov threshold."""

LEAST_GAMMA_GEV = 0.8
SEEN_COS = math.cos(math.radians(5.5))
ASTRAY_COS = math.cos(math.radians(15.0))
"""Gammas and hadrons that fly farther off the line of sight are dropped: the cameras see 1.75°."""

PION_GEV = 0.1396
DECAY_M_PER_GEV = 7.80 / PION_GEV
MEAN_PT_GEV = 0.35


@njit(cache=True)
def _push(stack, top, kind, energy, x, y, z, dx, dy, dz, t, depth):  # type: ignore[no-untyped-def]  # compiled
    """Put a particle on the stack if there is room."""
    if top < stack.shape[0]:
        row = stack[top]
        row[0], row[1], row[2], row[3], row[4] = kind, energy, x, y, z
        row[5], row[6], row[7], row[8], row[9] = dx, dy, dz, t, depth
        return top + 1
    return top


@njit(cache=True)
def _kick(state, setup, dx, dy, dz, tangent):  # type: ignore[no-untyped-def]  # compiled
    """Direction turned away by an angle of given tangent, to any side."""
    j, _ = pick(state)
    p, q = tangent * setup.circle[j, 0], tangent * setup.circle[j, 1]
    ax, ay, az, bx, by, bz = perpendicular(dx, dy, dz)
    ux, uy, uz = dx + p * ax + q * bx, dy + p * ay + q * by, dz + p * az + q * bz
    norm = 1.0 / math.sqrt(1.0 + tangent * tangent)
    return ux * norm, uy * norm, uz * norm


@njit(cache=True)
def _transverse(state):  # type: ignore[no-untyped-def]  # compiled
    """Transverse momentum, GeV/c: falls exponentially in its value, mean 0.35."""
    return -0.5 * MEAN_PT_GEV * math.log(uniform(state) * uniform(state))


@njit(cache=True)
def _decay(state, setup, x, y, z, dx, dy, dz, t, energy, life, row):  # type: ignore[no-untyped-def]  # compiled
    """Muon of a charged pion that decays after `life` metres."""
    row[0], row[1], row[2] = x + life * dx, y + life * dy, z + life * dz
    # two-body decay: evenly between (m_mu/m_pi)² and 1 of the energy, up to 30 MeV/c sideways
    row[6] = energy * (0.573 + 0.427 * uniform(state))
    row[3], row[4], row[5] = _kick(state, setup, dx, dy, dz, 0.03 * math.sqrt(uniform(state)) / row[6])
    row[7] = t + life / LIGHT_M_PER_NS
    row[8] = depth_below(row[2] + OBSERVATORY_M, setup.air.height)


@njit(cache=True)
def _neutral(state, setup, frame, energy, x, y, z, dx, dy, dz, t, depth, gammas, n):  # type: ignore[no-untyped-def]  # compiled
    """Two gammas of a neutral pion, those that may be seen; gives the number in the list."""
    share = 0.02 + 0.96 * uniform(state)
    opening = 0.135 * math.sqrt(share * (1.0 - share))
    j, _ = pick(state)
    ax, ay, az, bx, by, bz = perpendicular(dx, dy, dz)
    cx, cy = setup.circle[j, 0], setup.circle[j, 1]
    for k in range(2):
        e = energy * (share if k == 0 else 1.0 - share)
        if e < LEAST_GAMMA_GEV or n >= gammas.shape[0]:
            continue
        tangent = opening / e if k == 0 else -opening / e
        p, q = tangent * cx, tangent * cy
        norm = 1.0 / math.sqrt(1.0 + tangent * tangent)
        ux, uy, uz = (dx + p * ax + q * bx) * norm, (dy + p * ay + q * by) * norm, (dz + p * az + q * bz) * norm
        if -(ux * frame[2, 0] + uy * frame[2, 1] + uz * frame[2, 2]) < SEEN_COS:
            continue
        row = gammas[n]
        row[0], row[1], row[2], row[3], row[4], row[5] = x, y, z, ux, uy, uz
        row[6], row[7], row[8] = t, depth, e
        place(setup, row)
        n += 1
    return n


@njit(cache=True)
def proton(state, setup, frame, start, room):  # type: ignore[no-untyped-def]  # compiled
    """Follow a proton down; list the gammas and muons it makes.

    `start` holds x y z (m), direction, time (ns), vertical depth (g/cm²) and energy (GeV); rows of gammas are as
    `openmars.sim.expect.place` leaves them, rows of muons as in `openmars.sim.light`. Gives their numbers and the
    vertical depth of the first interaction.
    """
    air, gammas, muons, stack = setup.air, room.gammas, room.muons, room.stack
    x, y, z, dx, dy, dz, t, depth, energy = start[:9]
    top = _push(stack, 0, NUCLEON, energy, x, y, z, dx, dy, dz, t, depth)
    n_gamma, n_mu, first = 0, 0, 0.0
    while top > 0:
        top -= 1
        kind, e, x, y, z, dx, dy, dz, t, depth = stack[top]
        free = (88.0 if kind == NUCLEON else 115.0) - 5.5 * math.log10(e / 100.0)
        hit = depth + free * exponential(state) * -dz
        z_hit = lookup(air.height, hit) - OBSERVATORY_M if hit < air.ground else 0.0
        path = (z - z_hit) / -dz
        if kind == PION:
            life = DECAY_M_PER_GEV * e * exponential(state)
            if life < path:
                if n_mu < muons.shape[0]:
                    _decay(state, setup, x, y, z, dx, dy, dz, t, e, life, muons[n_mu])
                    n_mu += 1
                continue
        if hit >= air.ground:
            continue
        if first == 0.0:
            first = hit
        x, y, z, t, depth = x + path * dx, y + path * dy, z_hit, t + path / LIGHT_M_PER_NS, hit
        kept = e * (0.15 + 0.7 * uniform(state))
        rest = e - kept
        # a leading pion comes out neutral now and then
        leading = kind == PION and uniform(state) < 0.25
        if leading:
            rest = e
        elif kept > LEAST_HADRON_GEV:
            ux, uy, uz = _kick(state, setup, dx, dy, dz, _transverse(state) / kept)
            if -(ux * frame[2, 0] + uy * frame[2, 1] + uz * frame[2, 2]) > ASTRAY_COS:
                top = _push(stack, top, kind, kept, x, y, z, ux, uy, uz, t, depth)
        while rest > LEAST_GAMMA_GEV:
            if leading:
                part, leading, neutral = kept, False, True
            else:
                # falls as the third power towards the whole: 1 - u^(1/3)
                part = rest * (1.0 - max(uniform(state), uniform(state), uniform(state)))
                neutral = uniform(state) < 0.3333
            rest -= part
            if part < (LEAST_GAMMA_GEV if neutral else LEAST_HADRON_GEV):
                continue
            ux, uy, uz = _kick(state, setup, dx, dy, dz, _transverse(state) / part)
            if -(ux * frame[2, 0] + uy * frame[2, 1] + uz * frame[2, 2]) < ASTRAY_COS:
                continue
            if neutral:
                n_gamma = _neutral(state, setup, frame, part, x, y, z, ux, uy, uz, t, depth, gammas, n_gamma)
            else:
                top = _push(stack, top, PION, part, x, y, z, ux, uy, uz, t, depth)
    return n_gamma, n_mu, first
