"""Gamma Monte Carlo: one pair of files, and the truth of all showers that were simulated for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from openmars.camera import MM_TO_DEG
from openmars.io.calibrated import CalibratedWriter, Events, McTruth
from openmars.io.headers import DARK_NSB, PATTERN_MC, PATTERN_MC_SUM, McInfo, RunInfo
from openmars.sim import generate
from openmars.sim.card import SimCard
from openmars.sim.noise import pedestals, stream
from openmars.sky import altaz_to_camera, camera_to_altaz

RING_HALF_WIDTH_DEG = 0.1
GROUP = 8
"""The number after the zenith range in names of MC files; its meaning is not public."""


def mc_name(card: SimCard, telescope: int) -> str:
    """Name of a file of gamma Monte Carlo.

    The zenith range stands in the name in whole degrees; ``w0`` are gammas from a point 0.4 degrees off, ``wr``
    from a ring about that, ``wd`` (our own tag) diffuse ones.
    """
    low, high = card.zenith
    return f"GA_M{telescope}_za{low:02.0f}to{high:02.0f}_{GROUP}_{card.run}_Y_{card.geometry}.root"


def view_cone(card: SimCard) -> tuple[float, float]:
    """Inner and outer offset of the gammas from the pointing, degrees."""
    if card.geometry == "w0":
        return card.wobble_offset, card.wobble_offset
    if card.geometry == "wr":
        return max(card.wobble_offset - RING_HALF_WIDTH_DEG, 0.0), card.wobble_offset + RING_HALF_WIDTH_DEG
    return 0.0, card.view_cone


def draw_directions(card: SimCard) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pointing (zenith distance, azimuth) and direction (the same) of every shower, degrees.

    The pointing is even over the sphere within the ranges of the card; the offset is even over the view cone, at
    an angle that is drawn anew for each shower, as the field turns in the camera during observations.
    """
    rng = np.random.default_rng([stream(card.seed, "directions")])
    low, high = np.cos(np.radians(card.zenith[1])), np.cos(np.radians(card.zenith[0]))
    pointing_zd = np.degrees(np.arccos(rng.uniform(low, high, card.showers)))
    pointing_az = rng.uniform(*card.azimuth, card.showers)
    inner, outer = (np.cos(np.radians(r)) for r in view_cone(card))
    offset = np.arccos(np.clip(rng.uniform(outer, inner, card.showers), -1, 1))
    if card.geometry == "w0":
        offset = np.full(card.showers, np.radians(card.wobble_offset))
    angle = rng.uniform(0, 2 * np.pi, card.showers)
    # a point at this distance from the optical axis, in the camera's spherical coordinates
    x = np.degrees(np.arcsin(np.sin(offset) * np.cos(angle)))
    y = np.degrees(np.arctan2(np.sin(offset) * np.sin(angle), np.cos(offset)))
    zd, az = camera_to_altaz(x, y, pointing_zd, pointing_az)
    return pointing_zd, pointing_az, zd, az


def _truth(shower: generate.Simulated | generate.Triggered, impact_m: np.ndarray) -> McTruth:
    x, y = altaz_to_camera(shower.zd_deg, shower.az_deg, shower.pointing_zd_deg, shower.pointing_az_deg)
    truth = McTruth(
        energy_gev=shower.energy_gev,
        zd_deg=shower.zd_deg,
        az_deg=shower.az_deg,
        pointing_zd_deg=shower.pointing_zd_deg,
        pointing_az_deg=shower.pointing_az_deg,
        core_x_m=shower.core_x_m,
        core_y_m=shower.core_y_m,
        impact_m=impact_m,
        source_x_mm=x / MM_TO_DEG,
        source_y_mm=y / MM_TO_DEG,
    )
    if isinstance(shower, generate.Triggered):
        truth.particle = shower.particle
        truth.first_interaction_m = shower.first_interaction_height_m
        truth.xmax_g_cm2 = shower.xmax_g_cm2
    return truth


def _events(found: generate.Triggered, telescope: int, first: int, pattern: int) -> Events:
    n = len(found)
    number = np.arange(first + 1, first + n + 1)
    return Events(
        charge=found.charge[:, telescope - 1],
        arrival_time=found.arrival_time[:, telescope - 1],
        pattern=np.full(n, pattern),
        stereo_number=number,
        daq_number=number,
        seconds=np.zeros(n),
        time_diff_s=np.zeros(n),
    )


def simulate(card: SimCard, paths: dict[int, Path], texts: dict[str, str]) -> int:
    """Simulate and write one pair of files.

    Parameters
    ----------
    card
        What to simulate.
    paths
        File of each telescope.
    texts
        Kept in the files: the card as it was used, and what wrote them.

    Returns
    -------
    int
        Events that triggered both telescopes.
    """
    energy = generate.draw_power_law(
        stream(card.seed, "energies"), card.showers, 1000 * card.energy_min, 1000 * card.energy_max, card.slope
    )
    pointing_zd, pointing_az, zd, az = draw_directions(card)
    seed, where = stream(card.seed, "showers"), (zd, az, pointing_zd, pointing_az)
    noise = pedestals(card)
    info = McInfo(
        n_showers=card.showers,
        slope=card.slope,
        e_min_gev=1000 * card.energy_min,
        e_max_gev=1000 * card.energy_max,
        impact_max_m=card.impact_max,
        zd_min_deg=card.zenith[0],
        zd_max_deg=card.zenith[1],
        az_min_deg=card.azimuth[0],
        az_max_deg=card.azimuth[1],
        view_cone_deg=view_cone(card),
        nsb_phe_per_ns=DARK_NSB * card.conditions.nsb_level,
    )
    pattern = PATTERN_MC_SUM if card.conditions.trigger == "sum" else PATTERN_MC
    headers = {t: RunInfo(card.run, 0, t, True, "", 0.0, 0.0, mode="MonteCarlo") for t in paths}
    with (
        CalibratedWriter(paths[1], headers[1], *noise[0]) as m1,
        CalibratedWriter(paths[2], headers[2], *noise[1]) as m2,
    ):
        for found in generate.simulate_gammas(seed, energy, *where, card.conditions, card.impact_max):
            first = m1.n_events
            for writer in (m1, m2):
                t = writer.info.telescope
                writer.add(_events(found, t, first, pattern), _truth(found, found.impact_m[:, t - 1]))
        showers = generate.simulated_gammas(seed, energy, *where, card.impact_max)
        for writer in (m1, m2):
            writer.finish(mc=info, showers=_truth(showers, showers.impact_m), texts=texts)
        return m1.n_events
