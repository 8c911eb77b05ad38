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
from openmars.sim.light import add_gamma, muon, tilt
from openmars.sim.rng import exponential, uniform

NUCLEON, PION = 0.0, 1.0
LEAST_HADRON_GEV = 5.0
"""Below this a charged hadron is dropped: its muon would be under the Cherenkov threshold."""

LEAST_GAMMA_GEV = 0.7
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
def proton(  # type: ignore[no-untyped-def]  # compiled
    state, air, light, tels, efficiency, start, energy, seg, muons, stack, work, dummy
):
    """Follow a proton down; fill segments of electromagnetic showers and muons.

    `start` as in `add_gamma`. Gives numbers of segments and muons, mean photo-electrons in M1 and M2, slant
    depth of the first interaction and depth of the largest single shower's maximum (g/cm²).
    """
    x, y, z, dx, dy, dz, t, depth = start
    top = _push(stack, 0, NUCLEON, energy, x, y, z, dx, dy, dz, t, depth)
    n_seg, n_mu, sum0, sum1, first, xmax, brightest = 0, 0, 0.0, 0.0, -1.0, 0.0, 0.0
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
                    row = muons[n_mu]
                    row[0], row[1], row[2] = x + life * dx, y + life * dy, z + life * dz
                    # two-body decay: evenly between (m_mu/m_pi)² and 1 of the energy, 30 MeV/c sideways
                    row[6] = e * (0.573 + 0.427 * uniform(state))
                    kick = 0.03 * math.sqrt(uniform(state)) / row[6]
                    row[3], row[4], row[5] = tilt(dx, dy, dz, kick, 2.0 * math.pi * uniform(state))
                    row[7] = t + life / LIGHT_M_PER_NS
                    row[8] = depth_below(row[2] + OBSERVATORY_M, air.height)
                    for k in range(2):
                        row[9 + k], _ = muon(
                            state,
                            row,
                            k,
                            air,
                            tels,
                            efficiency,
                            False,
                            1.0,
                            dummy[0],
                            0.0,
                            dummy[1],
                            dummy[2],
                            0,
                            dummy[3],
                        )
                    sum0 += row[9]
                    sum1 += row[10]
                    if row[9] + row[10] > 0.05:
                        n_mu += 1
                continue
        if hit >= air.ground:
            continue
        x, y, z, t, depth = x + path * dx, y + path * dy, z_hit, t + path / LIGHT_M_PER_NS, hit
        if first < 0.0:
            first = hit / -dz
        # the leading particle
        kept = e * (0.15 + 0.7 * uniform(state))
        rest = e - kept
        lead_neutral = kind == PION and uniform(state) < 0.25
        if kept > LEAST_HADRON_GEV and not lead_neutral:
            ux, uy, uz = _kick(state, dx, dy, dz, kept)
            top = _push(stack, top, kind, kept, x, y, z, ux, uy, uz, t, depth)
        if lead_neutral:
            rest = e
        leading = lead_neutral
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
                if eg < LEAST_GAMMA_GEV:
                    continue
                gx, gy, gz = tilt(ux, uy, uz, opening / eg, phi + k * math.pi)
                step = 0.7 if eg > 50.0 else 1.2
                n_seg, a, b, _, xm = add_gamma(
                    state,
                    air,
                    light,
                    tels,
                    efficiency,
                    (x, y, z, gx, gy, gz, t, depth),
                    eg,
                    step,
                    seg,
                    n_seg,
                    work,
                )
                sum0 += a
                sum1 += b
                if eg > brightest:
                    brightest, xmax = eg, xm
    return n_seg, n_mu, sum0, sum1, max(first, 0.0), xmax
