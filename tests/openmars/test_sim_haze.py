"""Haze of the simulator: a layer dims the light from above it, and the lidar tells of it."""

import numpy as np
import pytest

from openmars.core import ProgramError
from openmars.core.env import Env
from openmars.io import read_tree
from openmars.sim.card import read_card
from openmars.sim.events import Conditions
from openmars.sim.generate import simulate_gammas
from openmars.sim.haze import Haze
from openmars.sim.program import PROGRAM

ZENITH = 20.0


def sizes(haze):
    """True sizes of both images by number of the shower; 400 gammas of 1 TeV."""
    found = simulate_gammas(5, np.full(400, 1000.0), ZENITH, 0.0, ZENITH, 0.0, Conditions(haze=haze), 120.0)
    return {int(i): size.sum() for each in found for i, size in zip(each.index, each.true_size, strict=True)}


@pytest.fixture(scope="module")
def clear():
    return sizes(Haze())


def ratio(clear, hazy, chosen=lambda number: True):
    both = [number for number in clear.keys() & hazy.keys() if chosen(number)]
    return sum(hazy[n] for n in both) / sum(clear[n] for n in both)


def test_a_layer_at_the_ground_dims_all_and_a_high_one_only_what_is_above(clear):
    through = 0.6 ** (1 / np.cos(np.radians(ZENITH)))
    # photo-electrons are drawn anew: 3e5 of them, so 0.3 %; some light comes from within a layer at the ground
    assert through < ratio(clear, sizes(Haze(0.6, 0.6, scale=200.0))) < through + 0.01
    # showers of 1 TeV have their maximum 6 km above the telescopes: nearly all of the light is below 12 km
    assert ratio(clear, sizes(Haze(0.6, 0.6, base=12_000.0, scale=200.0))) == pytest.approx(1, abs=0.02)
    assert through + 0.1 < ratio(clear, sizes(Haze(0.6, 0.6, base=6000.0, scale=200.0))) < 0.9


def test_haze_gets_thicker_in_the_course_of_a_run(clear):
    hazy = sizes(Haze(1.0, 0.5))
    first, last = (ratio(clear, hazy, chosen) for chosen in (lambda n: n < 100, lambda n: n >= 300))
    # middle of the first and the last quarter: optical depth 1/8 and 7/8 of ln 2, some of it above the light
    slant = np.log(2) / np.cos(np.radians(ZENITH))
    assert first == pytest.approx(np.exp(-slant / 8), abs=0.03)
    assert last == pytest.approx(np.exp(-slant * 7 / 8), abs=0.04)


def simulate(folder, **keys):
    words = [f"--rc=Sim.{key}:{value}" for key, value in keys.items()]
    fast = [
        "--rc=Sim.Duration:20",
        "--rc=Sim.Subruns:1",
        "--rc=Sim.BackgroundFraction:0.002",
        "--rc=Sim.SourceFactor:5",
    ]
    assert PROGRAM.run([f"--out={folder}", *fast, *words]) == 0
    return sorted(folder.glob("*_M1_*.root"))[0]


def test_the_lidar_reports_the_transmissions_of_the_layer(tmp_path):
    names = [f"MReportLaser.fTransmission{km}km" for km in (3, 6, 9, 12)]
    hazy = read_tree(simulate(tmp_path / "hazy", Haze=0.8, HazeEnd=0.6), "Laser", names)
    told = np.stack([hazy[name] for name in names], axis=1)
    share = 1 - np.exp(-np.array([3.0, 6.0, 9.0, 12.0]) / 1.2)
    assert len(told) == 3
    np.testing.assert_allclose(told[0], 0.8**share, rtol=1e-5)
    np.testing.assert_allclose(told[-1], 0.6**share, rtol=1e-5)
    cloud = read_tree(
        simulate(tmp_path / "cloud", Haze=0.7, HazeBase=7000, HazeScale=200),
        "Laser",
        [*names, "MReportLaser.fCloudLayerAlt"],
    )
    np.testing.assert_allclose([cloud[name][0] for name in names], [1, 1, 0.7, 0.7], rtol=1e-3)
    assert np.all(cloud["MReportLaser.fCloudLayerAlt"] == 7)


def test_keys_that_cannot_be_are_told(tmp_path):
    for text, words in (("Sim.Haze: 0", "Sim.Haze is 0"), ("Sim.HazeEnd: 0.01", "Sim.HazeEnd is 0.01")):
        path = tmp_path / "card.rc"
        path.write_text(text + "\n")
        with pytest.raises(ProgramError, match=words):
            read_card(Env.read(path))
