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
from openmars.sim.expect import expected_light, in_view
from openmars.sim.light import muon, tilt
from openmars.sim.rng import exponential, uniform

NUCLEON, PION = 0.0, 1.0
LEAST_HADRON_GEV = 4.0
"""Below this a charged hadron is dropped: its muon would be under the Cherenkov threshold."""

LEAST_GAMMA_GEV = 0.5
LEAST_LIGHT_PE = 0.005
"""Gammas expected to give less than this in both telescopes together are left out."""

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
def _kick(state, dx, dy, dz, energy):  # type: ignore[no-untyped-def]  # compiled
    """Direction of a secondary of `energy`: exponential transverse mass, mean 0.35 GeV/c."""
    pt = 0.5 * MEAN_PT_GEV * (exponential(state) + exponential(state))
    return tilt(dx, dy, dz, math.atan(pt / energy), 2.0 * math.pi * uniform(state))


@njit(cache=True)
def proton(state, setup, frame, start, room):  # type: ignore[no-untyped-def]  # compiled
    """Follow a proton down; list the gammas and muons it makes.

    `start` holds x y z (m), direction, time (ns), vertical depth (g/cm²) and energy (GeV); each row of gammas the
    same, then the photo-electrons to be expected in M1 and M2; rows of muons as in `openmars.sim.light`. Gives
    numbers of gammas and muons, expected photo-electrons in M1 and M2, depth of the first interaction.
    """
    air, gammas, muons, stack = setup.air, room.gammas, room.muons, room.stack
    x, y, z, dx, dy, dz, t, depth, energy = start[:9]
    top = _push(stack, 0, NUCLEON, energy, x, y, z, dx, dy, dz, t, depth)
    n_gamma, n_mu, sum0, sum1, first = 0, 0, 0.0, 0.0, 0.0
    while top > 0:
        top -= 1
        kind, e, x, y, z, dx, dy, dz, t, depth = stack[top]
        if dz > -0.3:
            continue
        free = (88.0 if kind == NUCLEON else 115.0) - 5.5 * math.log10(e / 100.0)
        hit = depth + free * exponential(state) * -dz
        z_hit = lookup(air.height, hit) - OBSERVATORY_M if hit < air.ground else 0.0
        path = (z - z_hit) / -dz
        if kind == PION:
            life = DECAY_M_PER_GEV * e * exponential(state)
            if life < path:
                if n_mu < muons.shape[0]:
                    _decay(state, air, x, y, z, dx, dy, dz, t, e, life, muons[n_mu])
                    a, b = _muon_light(state, setup, frame, muons[n_mu], room)
                    sum0 += a
                    sum1 += b
                    if a + b > 0.05:
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
            ux, uy, uz = _kick(state, dx, dy, dz, kept)
            top = _push(stack, top, kind, kept, x, y, z, ux, uy, uz, t, depth)
        while rest > LEAST_GAMMA_GEV:
            if leading:
                part, leading, neutral = kept, False, True
            else:
                part = rest * (1.0 - uniform(state) ** 0.3333)
                neutral = uniform(state) < 0.3333
            rest -= part
            if part < LEAST_GAMMA_GEV or (not neutral and part < LEAST_HADRON_GEV):
                continue
            ux, uy, uz = _kick(state, dx, dy, dz, part)
            if not neutral:
                top = _push(stack, top, PION, part, x, y, z, ux, uy, uz, t, depth)
                continue
            share = 0.02 + 0.96 * uniform(state)
            phi = 2.0 * math.pi * uniform(state)
            opening = 0.135 * math.sqrt(share * (1.0 - share))
            for k in range(2):
                eg = part * (share if k == 0 else 1.0 - share)
                if eg < LEAST_GAMMA_GEV or n_gamma >= gammas.shape[0]:
                    continue
                row = gammas[n_gamma]
                row[0], row[1], row[2], row[6], row[7], row[8] = x, y, z, t, depth, eg
                row[3], row[4], row[5] = tilt(ux, uy, uz, opening / eg, phi + k * math.pi)
                a = expected_light(setup.expected, setup.tels[0], row, setup.efficiency)
                b = expected_light(setup.expected, setup.tels[1], row, setup.efficiency)
                if in_view(setup, frame, row):
                    sum0 += a
                    sum1 += b
                if a + b > LEAST_LIGHT_PE:
                    row[9], row[10] = a, b
                    n_gamma += 1
    return n_gamma, n_mu, sum0, sum1, first


@njit(cache=True)
def _decay(state, air, x, y, z, dx, dy, dz, t, energy, life, row):  # type: ignore[no-untyped-def]  # compiled
    """Muon of a charged pion that decays after `life` metres."""
    row[0], row[1], row[2] = x + life * dx, y + life * dy, z + life * dz
    # two-body decay: evenly between (m_mu/m_pi)² and 1 of the energy, up to 30 MeV/c sideways
    row[6] = energy * (0.573 + 0.427 * uniform(state))
    kick = 0.03 * math.sqrt(uniform(state)) / row[6]
    row[3], row[4], row[5] = tilt(dx, dy, dz, kick, 2.0 * math.pi * uniform(state))
    row[7] = t + life / LIGHT_M_PER_NS
    row[8] = depth_below(row[2] + OBSERVATORY_M, air.height)


@njit(cache=True)
def _muon_light(state, setup, frame, row, room):  # type: ignore[no-untyped-def]  # compiled
    """Photo-electrons a muon is expected to give in M1 and M2."""
    for k in range(2):
        row[9 + k], _ = muon(state, setup, row, k, False, 1.0, frame, room, 0)
    return row[9], row[10]
