"""Cherenkov light from the air to photo-electrons in the two cameras.

A shower is a list of segments of track, each with the mean number of photo-electrons it gives in each
telescope. Once the sums are known (and worth it), photo-electrons are drawn one by one: a point of emission
within the segment and sideways of it, the direction in which the telescope sees it, the blur of the mirror,
and the time of arrival. Muons are drawn photon by photon from the geometry of their cone.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from openmars.sim.atmosphere import (
    LIGHT_M_PER_NS,
    OBSERVATORY_DEPTH,
    OBSERVATORY_M,
    RADIATION_LENGTH,
    REFRACTION_PER_DEPTH_CM,
    depth_below,
    lookup,
    transmission,
)
from openmars.sim.rng import pick, poisson, uniform
from openmars.sim.shower import photon_angle, profile
from openmars.sim.telescope import FOCUS_M, MIRROR_M2, MIRROR_RADIUS_M, MM_PER_RAD, pixel_at

SEGMENT_FIELDS = 13
"""x y z (m from the array), direction x y z, half length (m), sideways spread (m), time (ns), depth (g/cm²),
photo-electrons in M1, M2, and free."""

MUON_FIELDS = 11
"""x y z, direction x y z, energy (GeV), time (ns), depth (g/cm²), photo-electrons in M1, M2."""

SPREAD = 0.52
"""Mean distance of the emitting electrons from the axis at age 1, g/cm² (about 13 m at 10 km height)."""

CAMERA_COS = math.cos(math.radians(2.1))
TRIGGER_COS = math.cos(math.radians(1.6))
"""Light from farther off the pointing does not reach the camera, or its trigger region."""

POINTS = 8192

MAX_PE = 20_000
"""Above so many photo-electrons in a camera each drawn one stands for several."""

MUON_GEV = 0.10566


@njit(cache=True)
def perpendicular(dx, dy, dz):  # type: ignore[no-untyped-def]  # compiled
    """Two unit vectors that make a right-handed frame with a direction."""
    if abs(dz) > 0.99999:
        return 1.0, 0.0, 0.0, 0.0, 1.0 if dz > 0 else -1.0, 0.0
    r = math.sqrt(dx * dx + dy * dy)
    ax, ay, az = dx * dz / r, dy * dz / r, -r
    bx, by = -dy / r, dx / r
    return ax, ay, az, bx, by, 0.0


@njit(cache=True)
def add_gamma(state, setup, frame, start, step, room, n_seg):  # type: ignore[no-untyped-def]  # compiled
    """Add the electromagnetic shower of one gamma to the segments.

    `start` holds x y z (m), direction, time (ns), vertical depth (g/cm²) and energy (GeV) of the gamma; `step` is
    the length of segments in radiation lengths. Gives the number of segments, the photo-electrons added in M1
    and M2 from where the trigger looks, and slant depths (g/cm²) of the first interaction and the maximum.
    """
    air, tels, seg = setup.air, room.tels, room.seg
    x0, y0, z0, dx, dy, dz = start[0], start[1], start[2], start[3], start[4], start[5]
    count, age = room.electrons, room.age
    cos_z = -dz
    if cos_z < 0.2:
        return n_seg, 0.0, 0.0, 0.0, 0.0
    bins = min(int(air.ground / cos_z / RADIATION_LENGTH / step) + 1, count.size)
    slant0 = start[7] / cos_z / RADIATION_LENGTH
    first = profile(state, start[8], slant0, step, count[:bins], age[:bins], room.sub_e, room.sub_t)
    sum0, sum1, best, xmax = 0.0, 0.0, 0.0, 0.0
    for i in range(bins):
        if count[i] <= 1e-3:
            continue
        depth = (i + 0.5) * step * RADIATION_LENGTH * cos_z
        if depth >= air.ground:
            break
        if count[i] > best:
            best, xmax = count[i], (i + 0.5) * step * RADIATION_LENGTH
        z = lookup(air.height, depth) - OBSERVATORY_M
        rho = lookup(air.density, depth)
        path = (z0 - z) / cos_z
        px, py = x0 + path * dx, y0 + path * dy
        length = step * RADIATION_LENGTH / rho
        base = count[i] * length * air.yield_per_m * 0.5 * MIRROR_M2 * setup.efficiency
        base *= transmission(air, depth, cos_z)
        cone = math.sqrt(2.0 * lookup(air.refraction, depth))
        mu0, mu1, sees0, sees1 = 0.0, 0.0, 0.0, 0.0
        for k in range(2):
            vx, vy, vz = tels[k, 0] - px, tels[k, 1] - py, tels[k, 2] - z
            d2 = vx * vx + vy * vy + vz * vz
            d = math.sqrt(d2)
            c = (vx * dx + vy * dy + vz * dz) / d
            off = -(vx * frame[2, 0] + vy * frame[2, 1] + vz * frame[2, 2]) / d
            if c < 0.9 or off < CAMERA_COS:
                continue
            theta = math.sqrt(2.0 * (1.0 - c) + 1e-12)
            g = photon_angle(setup.light, age[i], depth, theta / cone)
            mu = base * g / d2
            sees = mu if off > TRIGGER_COS else 0.0
            if k == 0:
                mu0, sees0 = mu, sees
            else:
                mu1, sees1 = mu, sees
        if mu0 + mu1 > 1e-3 and n_seg < seg.shape[0]:
            row = seg[n_seg]
            row[0], row[1], row[2], row[3], row[4], row[5] = px, py, z, dx, dy, dz
            row[6] = 0.5 * length
            row[7] = SPREAD * (0.4 + 0.6 * age[i]) / rho
            row[8] = start[6] + path / LIGHT_M_PER_NS
            row[9], row[10], row[11] = depth, mu0, mu1
            n_seg += 1
            sum0 += sees0
            sum1 += sees1
    return n_seg, sum0, sum1, first * RADIATION_LENGTH, xmax


@njit(cache=True)
def draw_segments(state, setup, room, n_seg, k, frame, scale):  # type: ignore[no-untyped-def]  # compiled
    """Draw the photo-electrons of all segments in telescope `k`, times `scale`; gives how many were kept."""
    n_pe = 0
    for i in range(n_seg):
        row = room.seg[i]
        n = poisson(state, row[10 + k] * scale)
        if n == 0:
            continue
        dx, dy, dz = row[3], row[4], row[5]
        vx, vy, vz = row[0] - room.tels[k, 0], row[1] - room.tels[k, 1], row[2] - room.tels[k, 2]
        ax, ay, az, bx, by, bz = perpendicular(dx, dy, dz)
        # all on the axes of the camera: place, direction of the shower, and two directions across it
        vx, vy, vz = turn(frame, vx, vy, vz)
        dx, dy, dz = turn(frame, dx, dy, dz)
        ax, ay, az = turn(frame, ax, ay, az)
        bx, by, bz = turn(frame, bx, by, bz)
        depth = max(OBSERVATORY_DEPTH - row[9], 0.0)
        delay = REFRACTION_PER_DEPTH_CM * 0.01 * depth * vz / max(row[2], 50.0)
        for _ in range(n):
            j, s = pick(state)
            s = (2.0 * s - 1.0) * row[6]
            p, q = row[7] * setup.spread[j, 0], row[7] * setup.spread[j, 1]
            ux = vx + s * dx + p * ax + q * bx
            uy = vy + s * dy + p * ay + q * by
            uz = vz + s * dz + p * az + q * bz
            if uz <= 10.0:
                continue
            d = math.sqrt(ux * ux + uy * uy + uz * uz)
            blur = 0.5 * MIRROR_RADIUS_M * (1.0 / d - 1.0 / FOCUS_M)
            t = row[8] + (s + d + delay) / LIGHT_M_PER_NS
            n_pe = record(state, setup, ux / uz, uy / uz, t, blur, room, k, n_pe)
    return n_pe


@njit(cache=True)
def turn(frame, x, y, z):  # type: ignore[no-untyped-def]  # compiled
    """Components of a vector along the axes of the camera."""
    return (
        x * frame[0, 0] + y * frame[0, 1] + z * frame[0, 2],
        x * frame[1, 0] + y * frame[1, 1] + z * frame[1, 2],
        x * frame[2, 0] + y * frame[2, 1] + z * frame[2, 2],
    )


@njit(cache=True)
def record(state, setup, x, y, t, blur, room, k, n_pe):  # type: ignore[no-untyped-def]  # compiled
    """Image one photon that comes from the tangents (x, y); keep it if it falls on a pixel."""
    j, _ = pick(state)
    sigma = math.sqrt(setup.psf * setup.psf + blur * blur)
    x = MM_PER_RAD * (x + sigma * setup.star[j, 0])
    y = MM_PER_RAD * (y + sigma * setup.star[j, 1])
    pixel = pixel_at(x, y, setup.pixels)
    if pixel >= 0 and n_pe < room.pe_time.shape[1]:
        room.pe_pixel[k, n_pe] = pixel
        room.pe_time[k, n_pe] = t
        n_pe += 1
    return n_pe


class Scatter(NamedTuple):
    """Points to pick at random, float32 [8192, 2] each."""

    circle: NDArray[np.float32]  # on the unit circle
    spread: NDArray[np.float32]  # sideways spread: exponential in the distance, mean 1
    star: NDArray[np.float32]  # image of a star: 80 % normal with sigma 1, 20 % with sigma 2


@lru_cache(maxsize=1)
def scatter() -> Scatter:
    """The points: radii in even steps of the distributions, angles turned by the golden angle."""
    u = (np.arange(POINTS) + 0.5) / POINTS
    angle = np.arange(POINTS) * math.pi * (3.0 - math.sqrt(5.0))
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    radius = np.linspace(0.0, 12.0, 4001)
    inside = 1.0 - 0.8 * np.exp(-0.5 * radius**2) - 0.2 * np.exp(-0.125 * radius**2)
    star = np.interp(u, inside, radius)
    spread = -np.log1p(-u)
    circle, spread, star = (circle * r[:, None] for r in (np.ones(POINTS), spread, star))
    return Scatter(circle.astype(np.float32), spread.astype(np.float32), star.astype(np.float32))


@njit(cache=True)
def _muon_geometry(row, tel):  # type: ignore[no-untyped-def]  # compiled
    """Distance of a telescope from a muon's line, path to the nearest point, and unit vector towards it."""
    vx, vy, vz = tel[0] - row[0], tel[1] - row[1], tel[2] - row[2]
    along = vx * row[3] + vy * row[4] + vz * row[5]
    px, py, pz = vx - along * row[3], vy - along * row[4], vz - along * row[5]
    rho = math.sqrt(px * px + py * py + pz * pz)
    if rho < 1e-6:
        ax, ay, az, _, _, _ = perpendicular(row[3], row[4], row[5])
        return 1e-6, along, ax, ay, az
    return rho, along, px / rho, py / rho, pz / rho


@njit(cache=True)
def _muon_step(row, air, rho, along, back):  # type: ignore[no-untyped-def]  # compiled
    """Light emitted `back` metres before the point nearest to the telescope.

    Gives detected photons per metre of path that hit the mirror, the Cherenkov angle and half the arc (rad).
    """
    z = row[2] + (along - back) * row[5]
    if z < 0.0 or back > along:
        return 0.0, 0.0, 0.0, 0.0
    depth = depth_below(z + OBSERVATORY_M, air.height)
    energy = row[6] - 0.0022 * (depth - row[8]) / -row[5]
    delta = lookup(air.refraction, depth)
    if energy < 2.0 * MUON_GEV:
        return 0.0, 0.0, 0.0, depth
    sin2 = 2.0 * delta - (MUON_GEV / energy) ** 2
    if sin2 <= 0.0:
        return 0.0, 0.0, 0.0, depth
    theta = math.sqrt(sin2)
    r = back * theta
    if r <= MIRROR_RADIUS_M - rho:
        half = math.pi
    elif r >= rho + MIRROR_RADIUS_M or r <= rho - MIRROR_RADIUS_M:
        half = 0.0
    else:
        c = (r * r + rho * rho - MIRROR_RADIUS_M**2) / (2.0 * r * rho)
        half = math.acos(min(max(c, -1.0), 1.0))
    per_m = air.yield_per_m * 0.5 * sin2 * half / math.pi * transmission(air, depth, -row[5])
    return per_m, theta, half, depth


@njit(cache=True)
def expected_muon(setup, frame, row, tel, limit):  # type: ignore[no-untyped-def]  # compiled
    """Photo-electrons a muon may give in a telescope, from its light at one point; never much too few.

    Nothing if the middle of its arc is farther from the pointing than an angle with cosine `limit`.
    """
    rho, along, ax, ay, az = _muon_geometry(row, tel)
    back = rho / 0.021
    if along <= 0.0 or back > along + MIRROR_RADIUS_M / 0.021:
        return 0.0
    ux, uy, uz = row[3] + 0.021 * ax, row[4] + 0.021 * ay, row[5] + 0.021 * az
    if rho > MIRROR_RADIUS_M and -(ux * frame[2, 0] + uy * frame[2, 1] + uz * frame[2, 2]) < limit * 1.00022:
        return 0.0
    z = max(row[2] + (along - back) * row[5], 0.0)
    sin2 = 2.0 * setup.air.refraction[int(OBSERVATORY_DEPTH * math.exp(-z / 9000.0))] * 1.05
    sin2 -= (MUON_GEV / row[6]) ** 2
    if sin2 <= 0.0:
        return 0.0
    path = MIRROR_RADIUS_M / math.sqrt(sin2) * min(1.0, MIRROR_RADIUS_M / (2.0 * rho))
    return setup.air.yield_per_m * 0.5 * sin2 * path * setup.efficiency


MUON_STEPS = 16


@njit(cache=True)
def muon(state, setup, row, k, draw, scale, frame, room, n_pe):  # type: ignore[no-untyped-def]  # compiled
    """Mean number of photo-electrons of a muon in telescope `k`, and the drawn ones if asked."""
    rho, along, ax, ay, az = _muon_geometry(row, room.tels[k])
    total = 0.0
    widest = 0.024
    if along <= 0.0 or rho > 0.03 * along + MIRROR_RADIUS_M:
        return total, n_pe
    near = max(rho - MIRROR_RADIUS_M, 0.0) / widest
    far = min((rho + MIRROR_RADIUS_M) / 0.008, along)
    step = (far - near) / MUON_STEPS
    if step <= 0.0:
        return total, n_pe
    # unit vector that completes the frame (muon, towards the telescope, sideways)
    bx = row[4] * az - row[5] * ay
    by = row[5] * ax - row[3] * az
    bz = row[3] * ay - row[4] * ax
    for i in range(MUON_STEPS):
        back = near + (i + (uniform(state) if draw else 0.5)) * step
        per_m, theta, half, depth = _muon_step(row, setup.air, rho, along, back)
        if per_m <= 0.0:
            continue
        mean = per_m * step * setup.efficiency
        total += mean
        if not draw:
            continue
        delay = REFRACTION_PER_DEPTH_CM * 0.01 * max(OBSERVATORY_DEPTH - depth, 0.0) / -row[5]
        t = row[7] + (along - back + back / math.cos(theta) + delay) / LIGHT_M_PER_NS
        s, c = math.sin(theta), math.cos(theta)
        for _ in range(poisson(state, mean * scale)):
            phi = (2.0 * uniform(state) - 1.0) * half
            p, q = s * math.cos(phi), s * math.sin(phi)
            ux, uy, uz = turn(
                frame, -(c * row[3] + p * ax + q * bx), -(c * row[4] + p * ay + q * by), -(c * row[5] + p * az + q * bz)
            )
            blur = 0.5 * MIRROR_RADIUS_M / FOCUS_M
            if uz > 0.5:
                n_pe = record(state, setup, ux / uz, uy / uz, t, blur, room, k, n_pe)
    return total, n_pe
