"""Sources anywhere in the field of view: simulated, with responses over the offset, and background around them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from openmars.core import ProgramError
from openmars.core.env import Env
from openmars.core.program import MRCFILES
from openmars.dl3.background import background, fraction_outside, read_regions
from openmars.dl3.events import Observation
from openmars.dl3.irf import Settings, solid_angle
from openmars.io import read_tree
from openmars.models.features import BRANCHES, ENERGY, HADRONNESS, build, disp_features
from openmars.sim.card import read_card
from openmars.sim.extended import at_distance, directions
from openmars.sim.program import PROGRAM

POINTING = (83.6333, 22.4)
EDGES = np.arange(7) * 0.2


@pytest.fixture(scope="module")
def card():
    return read_card(Env.read(MRCFILES / "openmars-sim.rc"))


# --- the simulator


def test_gammas_come_from_the_source_unless_the_card_says_otherwise(card) -> None:
    assert directions(card, 10) == (card.ra, card.dec)
    assert directions(replace(card, gamma_ra=84.0, gamma_dec=21.5), 10) == (84.0, 21.5)


def test_an_extended_source_has_the_sigma_asked_for(card) -> None:
    n = 20000
    ra, dec = directions(replace(card, gamma_dec=60.0, extension=0.15), n)
    east, north = (ra - card.gamma_ra) * np.cos(np.radians(60)), dec - 60.0
    for each in (east, north):
        assert abs(each.mean()) < 4 * 0.15 / n**0.5
        assert abs(each.std() - 0.15) < 4 * 0.15 / (2 * n) ** 0.5
    again, _ = directions(replace(card, gamma_dec=60.0, extension=0.15), n)
    np.testing.assert_array_equal(ra, again)


def test_points_at_a_distance_are_those_of_astropy() -> None:
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    angle, distance = np.linspace(0, 350, 8), np.linspace(0.1, 3, 8)
    ra, dec = at_distance(359.9, 70.0, distance, angle)
    other = SkyCoord(359.9, 70.0, unit="deg").directional_offset_by(angle * u.deg, distance * u.deg)
    assert SkyCoord(ra, dec, unit="deg").separation(other).deg.max() < 1e-9


def simulate(folder: Path, card: dict) -> list[Path]:
    path = folder / "card.rc"
    path.write_text("".join(f"Sim.{key}: {value}\n" for key, value in card.items()))
    assert PROGRAM.run([f"--config={path}", f"--out={folder / 'out'}", "--null"]) == 0
    return sorted((folder / "out").glob("*.root"))


def test_fewer_gammas_trigger_far_from_the_centre(tmp_path: Path) -> None:
    """Half a degree from the centre about as many as there; at 1.3 to 1.5 deg few, where the trigger's pixels end."""
    mc = {"Kind": "gamma", "Geometry": "wd", "Seed": 4, "Run": 1001, "Showers": 6000, "EnergyMin": 0.3, "EnergyMax": 3}
    path = simulate(tmp_path, {**mc, "ImpactMax": 200, "AzimuthMin": 90, "AzimuthMax": 120})[0]

    def offset(tree: str) -> np.ndarray:
        place = read_tree(path, tree, ["MSrcPosCam.fX", "MSrcPosCam.fY"])
        return np.hypot(place["MSrcPosCam.fX"], place["MSrcPosCam.fY"]) * 0.00337

    edges = np.array([0.0, 0.6, 1.0, 1.3, 1.5])
    every, _ = np.histogram(offset("OriginalMC"), edges)
    seen, _ = np.histogram(offset("Events"), edges)
    # as many to the solid angle: 6000 showers
    expected = 6000 * solid_angle(edges) / solid_angle(np.array([0, 1.5]))
    assert np.all(np.abs(every - expected) < 4 * np.sqrt(expected) + 1)
    share, error = seen / every, np.sqrt(seen) / every
    assert share[3] < share[0] - 3 * np.hypot(error[0], error[3])
    assert share[2] < share[0]


# --- the background


def made_up_run(seed: int, n: int = 40000) -> Observation:
    """Background that falls with the offset, flat in the logarithm of energy, and no source."""
    rng = np.random.default_rng(seed)
    r = 1.2 * np.sqrt(rng.random(n))
    r = r[rng.random(n) < np.exp(-0.5 * (r / 0.7) ** 2)]
    turn = rng.uniform(0, 360, len(r))
    ra, dec = at_distance(*POINTING, r, turn)
    x, y, one = r * np.cos(np.radians(turn)), r * np.sin(np.radians(turn)), np.ones(len(r))
    return Observation(
        hadronness=0 * one, energy=10 ** rng.uniform(-1, 1, len(r)), x=x, y=y, size=200 * one, zenith=20 * one,
        azimuth=100 * one, time=np.sort(rng.uniform(0, 600, len(r))), event_id=np.arange(len(r)), ra=ra, dec=dec,
        run=1, source_name="Nothing", source=POINTING, pointing=POINTING, simulated=True, excluded=np.empty((0, 2)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def settings() -> Settings:
    one = np.array([0.1, 1.0, 10.0])
    return Settings(True, 50, 0.9, 0.75, (0, 1), (0, 1), one, one, one, EDGES, one, 2.6)


@pytest.mark.parametrize(
    "regions",
    [
        [(*at_distance(*POINTING, 0.4, 35.0), 0.35)],
        [(*at_distance(*POINTING, 0.9, 200.0), 0.5), (*at_distance(*POINTING, 0.5, 90.0), 0.3)],
        [(*POINTING, 0.1)],
        # two that overlap
        [(*at_distance(*POINTING, 0.6, 0.0), 0.3), (*at_distance(*POINTING, 0.7, 10.0), 0.3)],
    ],
)
def test_the_background_of_a_ring_does_not_depend_on_what_is_left_out(settings: Settings, regions: list) -> None:
    run = made_up_run(7)
    keep = np.ones(len(run.energy), bool)
    whole = background(run, keep, 600.0, [], settings)
    part = background(run, keep, 600.0, regions, settings)
    counts, _, _ = np.histogram2d(np.hypot(run.x, run.y), run.energy, (EDGES, settings.reco))
    free = fraction_outside(EDGES, POINTING, regions)
    # what is left is a part of the same events: the difference has the variance of the rest
    error = whole * np.sqrt((1 - free[:, None]) / np.maximum(free[:, None] * counts, 1))
    assert np.all(np.abs(part - whole) < 4 * error + 2e-3 * whole)
    assert free.min() < 0.999


def test_no_feature_of_the_forests_knows_where_the_source_is() -> None:
    """Else gammas of the Monte Carlo, which know it, and data of a source elsewhere would not be alike."""
    assert not [name for name in BRANCHES if "Src" in name or "MMc" in name]
    names = {*HADRONNESS, *ENERGY, *disp_features(1), *disp_features(2)}
    features = build(names, {name: np.ones(3) for name in BRANCHES})
    assert set(features) == names


def test_the_background_is_a_rate(settings: Settings) -> None:
    run = made_up_run(8)
    made = background(run, np.ones(len(run.energy), bool), 600.0, [], settings)
    number = made * np.diff(settings.reco)[None] * 1e6 * 600 * solid_angle(EDGES)[:, None]
    assert number.sum() == pytest.approx(len(run.energy), rel=1e-3)


def test_a_ring_all_of_which_is_left_out_takes_its_neighbours(settings: Settings) -> None:
    run = made_up_run(9)
    keep = np.ones(len(run.energy), bool)
    made = background(run, keep, 600.0, [(*POINTING, 0.45)], settings)
    whole = background(run, keep, 600.0, [], settings)
    assert np.all(made > 0)
    # the innermost two rings are as the third: up to 25 % less than the truth, which is better than nothing
    np.testing.assert_allclose(made[:2], whole[:2], rtol=0.35)


@pytest.mark.parametrize("text", ["83 22", "83 22 -1", "a b c", "83 95 1", "83 22 0.3,"])
def test_regions_that_are_none_are_told(text: str) -> None:
    with pytest.raises(ProgramError, match="ExcludeRegions"):
        read_regions(text, POINTING, 0.35)
