"""The shower simulation: air, light, images, triggers, against what is known of air showers and of MAGIC."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest

from openmars.camera.geometry import MM_TO_DEG, PIX_X_MM, PIX_Y_MM, neighbour_matrix
from openmars.sim import generate, kernel
from openmars.sim.atmosphere import OBSERVATORY_DEPTH, air, depth_at, height_at
from openmars.sim.generate import (
    Conditions,
    ProtonField,
    Triggered,
    draw_power_law,
    draw_spectrum,
    expected_gammas,
    expected_protons,
    pedestal_events,
    simulate_gammas,
    simulate_protons,
    simulated_gammas,
)
from openmars.sim.light import muon
from openmars.sim.shower import ANGLE_STEP, ANGLES, angles, cascade
from openmars.sim.telescope import POSITIONS_M, frame
from openmars.sky.pointing import camera_to_altaz

DARK = Conditions()
MATRIX = neighbour_matrix().astype(np.float32)


def together(chunks) -> Triggered:
    parts = list(chunks)
    return Triggered(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Triggered)))


def cleaned(charge: np.ndarray) -> np.ndarray:
    """Two-level cleaning with 6 and 3.5 photo-electrons, without times: mask of the same shape."""
    core = charge > 6.0
    core &= (core.astype(np.float32) @ MATRIX) > 0
    return core | ((charge > 3.5) & ((core.astype(np.float32) @ MATRIX) > 0))


def ellipses(charge: np.ndarray) -> dict[str, np.ndarray]:
    """Size, centre, length, width (degrees) and direction of cleaned images [n, 1039]."""
    w = np.where(cleaned(charge), charge, 0.0).astype(float)
    x, y = PIX_X_MM * MM_TO_DEG, PIX_Y_MM * MM_TO_DEG
    size = np.maximum(w.sum(axis=1), 1e-9)
    cx, cy = w @ x / size, w @ y / size
    sxx, syy, sxy = w @ x**2 / size - cx**2, w @ y**2 / size - cy**2, w @ (x * y) / size - cx * cy
    root = np.hypot(sxx - syy, 2 * sxy)
    width = np.sqrt(np.maximum(sxx + syy - root, 0) / 2)
    length = np.sqrt(np.maximum(sxx + syy + root, 0) / 2)
    return {
        "size": size,
        "x": cx,
        "y": cy,
        "width": width,
        "length": length,
        "phi": 0.5 * np.arctan2(2 * sxy, sxx - syy),
    }


@pytest.fixture(scope="module")
def gammas() -> tuple[np.ndarray, Triggered]:
    """A power law of index -2 from a point 0.4° off the pointing, along camera x."""
    energy = draw_power_law(1, 40_000, 20.0, 20_000.0, -2.0)
    zd, az = camera_to_altaz(0.4, 0.0, 15.0, 120.0)
    return energy, together(simulate_gammas(1, energy, zd, az, 15.0, 120.0, DARK))


@pytest.fixture(scope="module")
def protons() -> Triggered:
    """Five seconds of protons at the true flux."""
    return together(simulate_protons(2, round(expected_protons(5.0)), 15.0, 120.0, DARK))


def test_air_is_the_standard_atmosphere():
    assert float(depth_at(0.0)) == pytest.approx(1036.1, abs=0.2)
    assert pytest.approx(792, abs=6) == OBSERVATORY_DEPTH
    heights = np.array([500.0, 2200.0, 6000.0, 12_000.0, 30_000.0])
    np.testing.assert_allclose(height_at(depth_at(heights)), heights, atol=1.0)
    ground = math.degrees(math.sqrt(2 * air().refraction[790]))
    assert 1.15 < ground < 1.3  # Cherenkov angle, degrees
    assert 0.6 < air().rayleigh[int((OBSERVATORY_DEPTH - 270) / 20)] < 0.9


def test_photon_angles_are_normalised_and_follow_the_cone():
    light = angles().light
    u = (np.arange(ANGLES) + 0.5) * ANGLE_STEP
    # each electron counts less than 1: those under the threshold nothing
    bright = (light[10, 4] * 2 * math.pi * u * ANGLE_STEP).sum()
    assert 0.2 < bright < 0.7
    inside = (light[10, 4] * 2 * math.pi * u * ANGLE_STEP)[u < 1.5].sum() / bright
    assert 0.1 < inside < 0.5
    # young showers have more energetic electrons and a sharper edge at the Cherenkov angle
    young, old = light[4, 4] / light[4, 4].max(), light[16, 4] / light[16, 4].max()
    assert young[np.searchsorted(u, 3.0)] < old[np.searchsorted(u, 3.0)]


def test_first_generations_keep_the_energy_and_start_after_nine_sevenths():
    state = np.array([5], np.uint64)
    energy, start = np.empty(512), np.empty(512)
    first = []
    for _ in range(2000):
        n, t = cascade(state, 500.0, 0.0, energy, start)
        assert energy[:n].sum() == pytest.approx(500.0)
        first.append(t)
    assert np.mean(first) == pytest.approx(9 / 7, rel=0.08)
    assert n > 20


def test_light_pool_has_its_edge_and_grows_with_energy():
    setup, room = generate._setup(DARK), kernel.room()
    r = np.array([40.0, 60.0, 80.0, 100.0, 120.0, 160.0, 200.0, 300.0])
    low = kernel.mean_light(setup, room, 1, 30.0, 0.0, r, 300).mean(axis=0)
    plateau = low[1]
    assert low[3:5].max() > 1.02 * plateau  # the edge near 120 m is the brightest part
    assert low[6] < 0.5 * plateau
    assert low[7] < 0.65 * low[6]
    one, ten = (kernel.mean_light(setup, room, 1, e, 0.0, r, 200).mean(axis=0)[3] for e in (100.0, 1000.0))
    assert 100 < one < 230  # photo-electrons at 100 m
    assert 10 < ten / one < 18  # somewhat faster than in proportion: the maximum comes nearer


def test_effective_area_and_threshold(gammas):
    energy, events = gammas
    area = math.pi * 350.0**2

    def effective(lo: float, hi: float) -> float:
        return (
            area * np.sum((events.energy_gev > lo) & (events.energy_gev < hi)) / np.sum((energy > lo) & (energy < hi))
        )

    assert 1.5e4 < effective(80, 125) < 5e4
    assert 5e4 < effective(700, 1400) < 1.5e5
    assert effective(20, 30) < 2e3
    weight = events.energy_gev ** (-2.6 + 2.0)
    edges = np.geomspace(20, 2000, 17)
    rate = np.histogram(events.energy_gev, edges, weights=weight)[0] / np.diff(edges)
    peak = np.sqrt(edges[1:] * edges[:-1])[np.argmax(rate)]
    assert 40 < peak < 100


def test_gamma_images_point_to_the_source_and_lie_on_the_side_of_the_core(gammas):
    _, events = gammas
    for k in range(2):
        image = ellipses(events.charge[:, k])
        good = (image["size"] > 150) & (events.impact_m[:, k] > 50) & (np.hypot(image["x"], image["y"]) < 1.1)
        dx, dy = image["x"][good] - 0.4, image["y"][good]
        miss = np.abs(dx * np.sin(image["phi"][good]) - dy * np.cos(image["phi"][good]))
        assert np.median(miss) < 0.08
        # the light comes from above the core: the image is shifted from the source towards it
        axes = frame(15.0, 120.0)
        to_core = np.column_stack([events.core_x_m, events.core_y_m, np.zeros(len(events))])[good] - POSITIONS_M[k]
        up, across = to_core @ axes[0], to_core @ axes[1]
        cosine = (dx * up + dy * across) / np.hypot(dx, dy) / np.hypot(up, across)
        assert np.median(cosine) > 0.98


def test_frame_of_the_camera_is_that_of_the_sky():
    zd, az = camera_to_altaz(0.7, -0.5, 33.0, 250.0)
    z, a = math.radians(float(zd)), math.radians(float(az))
    source = np.array([math.sin(z) * math.cos(a), -math.sin(z) * math.sin(a), math.cos(z)])
    x, y, w = frame(33.0, 250.0) @ source
    assert math.degrees(x / w) == pytest.approx(0.7, abs=2e-4)
    assert math.degrees(y / w) == pytest.approx(-0.5, abs=2e-4)


def test_images_have_the_right_shape_and_protons_are_wider(gammas, protons):
    _, events = gammas
    g, p = ellipses(events.charge[:, 0]), ellipses(protons.charge[:, 0])
    inside = (g["size"] > 100) & (g["size"] < 2000) & (np.hypot(g["x"], g["y"]) < 1.2)
    width, length = np.median(g["width"][inside]), np.median(g["length"][inside])
    assert 0.05 < width < 0.11
    assert 1.5 < length / width < 4
    hadronic = (p["size"] > 100) & (p["size"] < 2000)
    assert np.median(p["width"][hadronic]) > 1.35 * width


def test_time_runs_along_the_image_of_a_distant_shower(gammas):
    _, events = gammas
    image = ellipses(events.charge[:, 0])
    far = np.flatnonzero(
        (events.impact_m[:, 0] > 140) & (image["size"] > 200) & (np.hypot(image["x"], image["y"]) < 1.4)
    )
    slopes = []
    for i in far:
        use = cleaned(events.charge[i : i + 1, 0])[0]
        x, y = PIX_X_MM[use] * MM_TO_DEG - 0.4, PIX_Y_MM[use] * MM_TO_DEG
        slopes.append(np.polyfit(np.hypot(x, y), events.arrival_time[i, 0, use], 1, w=events.charge[i, 0, use])[0])
    assert len(slopes) > 20
    # light from higher up is nearer to the source and, far from the axis, comes first
    assert np.median(slopes) > 1.0


def test_proton_rate_is_of_the_order_of_magics(protons):
    assert 50 < len(protons) / 5.0 < 300
    assert np.all(np.diff(protons.time_fraction) >= 0)
    assert np.all((protons.time_fraction >= 0) & (protons.time_fraction < 1))
    # cascades are shared by several cores, but few events come of the same one
    assert len(np.unique(protons.energy_gev)) > 0.93 * len(protons)


def test_the_field_of_protons_holds_most_triggers():
    wide = ProtonField(18.0, 50_000.0, 650.0, 5.0)
    events = together(simulate_protons(77, round(expected_protons(2.5, 1.0, wide)), 15.0, 0.0, DARK, wide))
    usual = ProtonField()
    inside = (events.energy_gev > usual.energy_min_gev) & (events.energy_gev < usual.energy_max_gev)
    inside &= np.hypot(events.core_x_m, events.core_y_m) < usual.impact_max_m
    assert len(events) > 120
    assert inside.mean() > 0.83


def test_little_is_lost_by_looking_first(monkeypatch):
    box = ProtonField(60.0, 3000.0, 300.0, 4.0)
    with_look = together(simulate_protons(7, 60_000, 15.0, 0.0, DARK, box))
    energy = draw_power_law(3, 15_000, 20.0, 2000.0, -2.0)
    with_look_gamma = together(simulate_gammas(3, energy, 15.4, 0.0, 15.0, 0.0, DARK))
    monkeypatch.setattr(generate, "WORTH_PE", {generate.GAMMA: (0.0, 0.0), generate.PROTON: (0.0, 0.0)})
    without = together(simulate_protons(7, 60_000, 15.0, 0.0, DARK, box))
    without_gamma = together(simulate_gammas(3, energy, 15.4, 0.0, 15.0, 0.0, DARK))
    assert len(without) > 60
    for some, all_ in ((with_look, without), (with_look_gamma, without_gamma)):
        assert np.isin(some.index, all_.index).all()
        assert len(some) >= 0.99 * len(all_) - 1


def test_same_seed_same_bytes_whatever_the_chunks():
    energy = draw_power_law(5, 3000, 50.0, 5000.0, -2.0)
    one = together(simulate_gammas(9, energy, 20.0, 0.0, 20.4, 0.0, DARK))
    two = together(simulate_gammas(9, energy, 20.0, 0.0, 20.4, 0.0, DARK, chunk=37))
    other = together(simulate_gammas(10, energy, 20.0, 0.0, 20.4, 0.0, DARK))
    for f in fields(Triggered):
        assert getattr(one, f.name).tobytes() == getattr(two, f.name).tobytes()
    assert len(one) != len(other) or one.charge.tobytes() != other.charge.tobytes()
    p, q = (together(simulate_protons(4, 50_000, [20.0, 22.0], [0.0, 3.0], DARK, chunk=c)) for c in (2000, 11))
    assert p.charge.tobytes() == q.charge.tobytes()
    np.testing.assert_allclose(p.pointing_zd_deg, 20.0 + 2.0 * p.time_fraction)


def test_truth_of_all_showers_agrees_with_that_of_the_triggered(gammas):
    energy, events = gammas
    zd, az = camera_to_altaz(0.4, 0.0, 15.0, 120.0)
    truth = simulated_gammas(1, energy, zd, az, 15.0, 120.0)
    np.testing.assert_array_equal(truth.energy_gev[events.index], events.energy_gev)
    np.testing.assert_array_equal(truth.core_x_m[events.index], events.core_x_m)
    # spread evenly over the disc
    assert np.mean(truth.impact_m < 350 / math.sqrt(2)) == pytest.approx(0.5, abs=0.02)
    assert events.first_interaction_height_m.min() > 2200


def test_pedestals_have_the_mean_and_rms_of_magics_and_grow_with_the_moon():
    charge, time = pedestal_events(1, 200, DARK)
    assert charge.shape == (200, 2, 1039)
    assert charge.mean() == pytest.approx(2.0, abs=0.02)
    assert charge.std() == pytest.approx(1.0, abs=0.03)
    assert time.min() >= 0
    assert time.max() < 50
    assert time.std() == pytest.approx(50 / math.sqrt(12), rel=0.02)
    # the largest of many sums grows a little less than each of them, whose noise grows to 1.63 times the dark one
    moon = pedestal_events(1, 50, Conditions(nsb_level=4.0))[0]
    assert moon.mean() == pytest.approx(1.6 * charge.mean(), rel=0.03)
    assert moon.std() == pytest.approx(1.5 * charge.std(), rel=0.03)


def test_sum_trigger_has_a_lower_threshold():
    energy = np.full(6000, 35.0)
    standard, summed = (
        sum(map(len, simulate_gammas(1, energy, 10.4, 0.0, 10.0, 0.0, Conditions(trigger=t), 200.0)))
        for t in ("standard", "sum")
    )
    assert summed > 1.3 * standard
    with pytest.raises(ValueError, match="allowed are"):
        list(simulate_gammas(1, [100.0], 10.0, 0.0, 10.0, 0.0, Conditions(trigger="l3")))


def test_haze_takes_light_away():
    energy = np.full(2000, 300.0)
    clear, hazy = (
        together(simulate_gammas(1, energy, 10.4, 0.0, 10.0, 0.0, Conditions(transmission=t), 120.0))
        for t in (1.0, 0.7)
    )
    both = np.intersect1d(clear.index, hazy.index)
    ratio = hazy.true_size[np.isin(hazy.index, both)] / clear.true_size[np.isin(clear.index, both)]
    assert np.median(ratio) == pytest.approx(0.7, abs=0.03)


def test_muon_through_the_mirror_makes_a_ring_of_the_cherenkov_angle():
    setup, room = generate._setup(DARK, generate.PROTON), kernel.room()
    room.tels[:] = [[2.0, 1.0, 0.0], [60.0, 0.0, 0.0]]
    track = np.array([0.0, 0.0, 7000.0, 0.0, 0.0, -1.0, 20.0, 0.0, float(depth_at(9200.0)), 0.0, 0.0])
    light, n = muon(np.array([3], np.uint64), setup, track, 0, True, 1.0, frame(0.0, 0.0), room, 0)
    x, y = (a[room.pe_pixel[0, :n]] * MM_TO_DEG for a in (PIX_X_MM, PIX_Y_MM))
    assert 300 < n < 3000
    assert light == pytest.approx(n, rel=0.2)
    assert np.hypot(x, y).mean() == pytest.approx(1.19, abs=0.06)
    assert np.hypot(x, y).std() < 0.12
    turn = np.histogram(np.arctan2(y, x), 8)[0]
    assert turn.min() > 0
    # a muon that passes at 60 m gives a short, faint arc
    faint, _ = muon(np.array([3], np.uint64), setup, track, 1, False, 1.0, frame(0.0, 0.0), room, 0)
    assert 0 < faint < 0.25 * light


def test_numbers_of_showers_follow_from_fluxes():
    assert expected_protons(10.0, 0.5) == pytest.approx(expected_protons(5.0))
    narrow, wide = ProtonField(view_cone_deg=2.0), ProtonField(view_cone_deg=4.0)
    assert expected_protons(1.0, 1.0, wide) / expected_protons(1.0, 1.0, narrow) == pytest.approx(4.0, rel=1e-3)
    # a power law of index -2 from 100 GeV to 1 TeV: integral is A E0² (1/100 - 1/1000)
    n = expected_gammas(1.0, 100.0, 1000.0, lambda e: 1e-9 * (e / 100.0) ** -2.0, impact_max_m=100.0)
    assert n == pytest.approx(1e-9 * 1e4 * (0.01 - 0.001) * math.pi * 1e8, rel=1e-4)
    energy = draw_spectrum(1, 20_000, 100.0, 1000.0, lambda e: e**-2.0)
    assert np.mean(energy < 1000 / 5.5) == pytest.approx(0.5, abs=0.02)
