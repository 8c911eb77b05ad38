"""Cleaning and parameters of images, judged by ctapipe and by a plain second writing of the cleaning."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from openmars.camera import N_PIXELS, NEIGHBOURS, PIX_X_MM, PIX_Y_MM, neighbour_matrix
from openmars.core import Env
from openmars.imaging.images import (
    DESCRIBED,
    NO_TIMES,
    NOTHING_SURVIVED,
    CleaningLevels,
    describe_images,
    neighbour_groups,
)
from openmars.imaging.pixels import NoiseAdder, dead_pixels, noisy_pixels

SPEED = 1.64
LEVELS = CleaningLevels()


def shower_images(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Elliptic images with noise: charges in phe and times in slices, float32 [n, 1039]."""
    rng = np.random.default_rng(seed)
    charge = rng.normal(0, 1.2, (n, N_PIXELS))
    time = rng.uniform(5, 45, (n, N_PIXELS))
    for q, t in zip(charge, time, strict=True):
        x, y = rng.uniform(-350, 350, 2)
        psi, length, width = rng.uniform(0, np.pi), rng.uniform(30, 90), rng.uniform(10, 30)
        along = (PIX_X_MM - x) * np.cos(psi) + (PIX_Y_MM - y) * np.sin(psi)
        across = (PIX_Y_MM - y) * np.cos(psi) - (PIX_X_MM - x) * np.sin(psi)
        light = np.exp(-0.5 * (along / length) ** 2 - 0.5 * (across / width) ** 2)
        seen = rng.poisson(light * 10 ** rng.uniform(1.8, 3.5) / light.sum())
        q += seen
        lit = seen > 0
        t[lit] = 25 + 0.02 * along[lit] + rng.normal(0, 1 / np.sqrt(seen[lit]))
    return charge.astype(np.float32), time.astype(np.float32)


@pytest.fixture(scope="module")
def events() -> tuple[np.ndarray, np.ndarray]:
    return shower_images(60)


def plain_cleaning(charge: np.ndarray, time: np.ndarray) -> np.ndarray:
    """The cleaning as it is told, without a thought for speed; times in ns."""
    touch = neighbour_matrix()
    mask = np.zeros(N_PIXELS, bool)
    factors = {2: (1.8, 2.2, 0.82), 3: (1.3, 1.05, 1.15), 4: (1.0, 1.05, 1.80)}
    touching = np.argwhere(np.triu(touch))
    tables = (touching.ravel(), *neighbour_groups()[::2])
    for (size, (per_pixel, clip, window)), table in zip(factors.items(), tables, strict=True):
        groups = table.reshape(-1, size)
        light = np.minimum(charge[groups], clip * per_pixel * 6)
        mean = (light * time[groups]).sum(axis=1) / light.sum(axis=1)
        together = (np.abs(time[groups] - mean[:, None]) < window / 1.639).all(axis=1)
        mask[groups[together & (light.sum(axis=1) > size * per_pixel * 6)]] = True
    if not mask.any():
        return mask
    islands = []
    left = set(np.flatnonzero(mask))
    while left:
        island = {left.pop()}
        while more := {q for p in island for q in np.flatnonzero(touch[p]) if q in left}:
            island |= more
            left -= more
        islands.append(sorted(island))
    main = max(islands, key=lambda island: charge[island].sum())
    centre = np.average(time[main], weights=charge[main] ** 2)
    off = np.abs(time - centre)
    mask &= ~(((charge > 12) & (off > 9.0)) | ((charge < 12) & (off > 4.5)))
    core = mask & (touch & mask).any(axis=1)
    near = touch & core & (np.abs(time[None] - time[:, None]) < 1.5)
    return core | ((charge > 3.5) & near.any(axis=1))


def test_groups_are_all_compact_sets_of_neighbours() -> None:
    touch = neighbour_matrix()
    triangles, rhombs = (t.reshape(-1, n) for t, n in zip(neighbour_groups()[::2], (3, 4), strict=True))
    assert all(touch[a, b] for row in triangles for a, b in combinations(row, 2))
    assert all(sum(touch[a, b] for a, b in combinations(row, 2)) == 5 for row in rhombs)
    inner = [p for p in range(N_PIXELS) if all(q >= 0 and (NEIGHBOURS[q] >= 0).all() for q in NEIGHBOURS[p])]
    assert all((triangles == p).any(axis=1).sum() == 6 for p in inner)
    assert all((rhombs == p).any(axis=1).sum() == 12 for p in inner)


def test_the_cleaning_is_the_one_described(events: tuple[np.ndarray, np.ndarray]) -> None:
    charge, time = events
    images = describe_images(charge, time, LEVELS, SPEED, keep_masks=True)
    assert images.masks is not None
    some = describe_images(charge, time, LEVELS, SPEED, np.array([7, 2]))
    np.testing.assert_array_equal(some.values, images.values[[7, 2]])
    expected = [plain_cleaning(q.astype(float), t.astype(float) / SPEED) for q, t in zip(charge, time, strict=True)]
    np.testing.assert_array_equal(images.masks, expected)
    assert (images.masks.sum(axis=1) == 0).any()
    assert (images.masks.sum(axis=1) > 30).any()


def test_parameters_are_those_of_ctapipe(events: tuple[np.ndarray, np.ndarray]) -> None:
    from ctapipe.image import (
        concentration_parameters,
        hillas_parameters,
        leakage_parameters,
        number_of_islands,
        timing_parameters,
    )
    from ctapipe_io_magic import load_camera_geometry

    camera = load_camera_geometry()
    charge, time = events
    images = describe_images(charge, time, LEVELS, SPEED, keep_masks=True)
    assert images.masks is not None
    close = {"rtol": 1e-5, "atol": 2e-7}
    slopes = []
    for e in np.flatnonzero(images.status == DESCRIBED):
        mask, image = images.masks[e], np.minimum(charge[e].astype(float), LEVELS.clipping)
        hillas = hillas_parameters(camera[mask], image[mask])
        leakage = leakage_parameters(camera, image, mask)
        light = concentration_parameters(camera, image, hillas)
        expected = {
            "size": hillas.intensity,
            "mean_x": hillas.x.value,
            "mean_y": hillas.y.value,
            "length": hillas.length.value,
            "width": hillas.width.value,
            "leakage1": leakage.intensity_width_1,
            "leakage2": leakage.intensity_width_2,
            "conc1": light.pixel,
            "conc_cog": light.cog,
            "conc_core": light.core,
            "n_islands": number_of_islands(camera, mask)[0],
            "n_used": mask.sum(),
        }
        for name, value in expected.items():
            np.testing.assert_allclose(images[name][e], value, err_msg=name, **close)
        turn = images["delta"][e] - hillas.psi.to_value("rad")
        assert abs(np.sin(turn)) < 1e-4
        skewness = (images["m3_long"][e] / images["length"][e]) ** 3 * np.sign(np.cos(turn))
        np.testing.assert_allclose(skewness, hillas.skewness, atol=1e-4)
        # the starts of the robust fit of the times differ between versions of ctapipe
        fit = timing_parameters(camera[mask], image[mask], time[e][mask] / SPEED, hillas)
        slopes.append((images["slope"][e] * np.sign(np.cos(turn)), fit.slope.value))
    ours, theirs = np.array(slopes).T
    assert len(slopes) > 35
    assert np.mean(np.isclose(ours, theirs, rtol=1e-4)) > 0.8


def test_gradient_and_its_sign_are_those_of_the_light() -> None:
    charge = np.zeros((1, N_PIXELS), np.float32)
    lit = (np.abs(PIX_Y_MM) < 40) & (np.abs(PIX_X_MM - 90) < 130)
    charge[0, lit] = 20
    time = np.full((1, N_PIXELS), 24, np.float32)
    time[0, lit] += (PIX_X_MM[lit] * 0.01 * SPEED).astype(np.float32)
    images = describe_images(charge, time, LEVELS, SPEED)
    assert images["slope"][0] * np.cos(images["delta"][0]) == pytest.approx(10.0, rel=1e-3)  # ns/m
    assert images["mean_x"][0] == pytest.approx(0.09, abs=0.006)


def test_bad_pixels_get_the_light_of_their_neighbours() -> None:
    charge, time = shower_images(1, seed=3)
    peak = int(np.argmax(charge[0]))
    near = [q for q in NEIGHBOURS[peak] if q >= 0]
    first, second = min(combinations(sorted(time[0, near]), 2), key=lambda pair: pair[1] - pair[0])
    by_hand, hand_time = charge.copy(), time.copy()
    by_hand[0, peak], hand_time[0, peak] = charge[0, near].mean(), (first + second) / 2
    expected = describe_images(by_hand, hand_time, LEVELS, SPEED)
    broken = charge.copy()
    broken[0, peak] = 5000.0
    bad = np.zeros((2, N_PIXELS), bool)
    bad[1, peak] = True
    mended = describe_images(broken, time, LEVELS, SPEED, None, bad, np.array([1]))
    np.testing.assert_allclose(mended.values, expected.values, rtol=1e-4, atol=1e-9)
    untouched = describe_images(broken, time, LEVELS, SPEED, None, bad, np.array([0]))
    assert untouched["size"][0] > mended["size"][0] + 500


def test_images_without_light_or_with_two_pixels_are_not_described() -> None:
    charge = np.zeros((2, N_PIXELS), np.float32)
    charge[1, [500, NEIGHBOURS[500, 0]]] = 30.0
    time = np.full((2, N_PIXELS), 45, np.float32)
    time[1, charge[1] > 0] = 25
    assert list(describe_images(charge, time, LEVELS, SPEED).status) == [NOTHING_SURVIVED, NO_TIMES]


def test_clipping_bounds_the_parameters_and_not_the_cleaning() -> None:
    charge, time = shower_images(1, seed=3)
    charge[0, int(np.argmax(charge[0]))] = 1e6
    clipped = describe_images(charge, time, LEVELS, SPEED)
    assert clipped["conc1"][0] * clipped["size"][0] == pytest.approx(750.0)


def test_dead_and_noisy_pixels() -> None:
    words = np.zeros((1183, 4), np.int32)
    words[[3, 8], 1] = [2, 3]
    words[9, 1] = 1
    words[10, 2] = 2
    assert list(np.flatnonzero(dead_pixels(words.ravel()))) == [3, 8]
    rms = 1 + 0.01 * np.sin(np.arange(N_PIXELS))[None].repeat(2, axis=0)
    rms[1, [5, 7]] = [0.0, 1.3]
    found = noisy_pixels(rms)
    assert not found[0].any()
    assert list(np.flatnonzero(found[1])) == [5, 7]


def test_added_noise_reaches_mean_and_rms_and_leaves_bright_pixels_unbiased() -> None:
    rng = np.random.default_rng(1)
    charge = rng.normal(2.0, 1.0, (400, N_PIXELS)).astype(np.float32)
    charge[:, 0] = 100.0
    time = np.full_like(charge, 60.0)
    card = "MJStar.UseAddNoise: yes\nMJStar.MAddNoise.NewNoiseMean: 3.6\nMJStar.MAddNoise.NewNoiseRMS: 1.5\n"
    before = charge.copy()
    mean, rms = np.full(N_PIXELS, 2.0), np.full(N_PIXELS, 1.0)
    for _ in range(2):
        again, when = before.copy(), time.copy()
        NoiseAdder(Env.parse(card)).add(again, when, mean, rms, 50, (5029747, 1, 1))
        charge, again = again, charge
    np.testing.assert_array_equal(charge, again)
    assert charge[:, 1:].mean() == pytest.approx(3.6, abs=0.01)
    assert charge[:, 1:].std() == pytest.approx(1.5, abs=0.01)
    assert charge[:, 0].mean() == pytest.approx(100, abs=0.3)
    assert (when[:, 0] == 60).all()
    # of a pixel without light, another sum of noise is the largest more often than not
    assert 0.5 < (when[:, 1:] < 50).mean() < 0.8
