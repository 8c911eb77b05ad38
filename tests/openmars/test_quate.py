"""quate: runs and minutes that reports call bad, on files of known conditions and on simulated ones."""

import os
from pathlib import Path

import numpy as np
import pytest

from openmars.core.env import Env
from openmars.core.program import MRCFILES
from openmars.imaging.star import PROGRAM as STAR
from openmars.io import headers, read_tree, reports, tree_names, write_root
from openmars.io.times import to_mtime
from openmars.models.melibea import PROGRAM as MELIBEA
from openmars.quality.conditions import read_conditions
from openmars.quality.quate import PROGRAM
from openmars.quality.slices import outside, read_time_slices
from openmars.sim.program import PROGRAM as SIM
from openmars.stereo.superstar import PROGRAM as SUPERSTAR

DAY, RUN_S, START_S = 56570, 600.0, 14400.0
NAME = "20131005_{run:08d}_S_CrabNebula-W0.40+035.root"


def write_run(folder, run=5029747, *, zd=20.0, az=100.0, cloudiness=15.0, transmission=1.0, dc=(1100.0, 1150.0),
              stars=60, without=(), level="_S_"):  # fmt: skip
    """A superstar file of ten minutes; a condition is a number, or a function of the seconds from the begin."""

    def values(what, seconds):
        return np.broadcast_to(what(seconds) if callable(what) else what, seconds.shape).astype(float)

    events = START_S + np.sort(np.random.default_rng(run).uniform(0, RUN_S, 3000))
    events[[0, -1]] = START_S, START_S + RUN_S
    often, rare, drive = (START_S + np.arange(0, RUN_S + 1, step) for step in (30.0, 300.0, 5.0))
    sky = reports.Sky()
    zenith, azimuth = values(zd, drive - START_S), values(az, drive - START_S)
    trees = {
        "Events": {
            "MHillas_1.fSize": np.full(len(events), 100, "f4"),
            "MHillas_2.fSize": np.full(len(events), 100, "f4"),
            "MStereoPar.fValid": np.ones(len(events), "i4"),
            **to_mtime("MTime_1", DAY, events),
        },
        "RunHeaders": {"MRawRunHeader_1.fRunNumber": np.array([run, run], "u4")},
        "EffectiveOnTime": {"MEffectiveOnTime.fOnTime": np.array([RUN_S / 2, RUN_S / 2])},
        "Drive": headers.drive_tree(DAY, drive, zenith, azimuth, 83, 22),
        "Camera": reports.camera_tree(DAY, often, sky),
        "Camera_2": reports.camera_tree(DAY, often, sky),
        "Pyrometer": reports.pyrometer_tree(DAY, often, sky),
        "Laser": reports.laser_tree(DAY, rare, sky, np.zeros(len(rare)), np.zeros(len(rare))),
        "Starguider": reports.starguider_tree(DAY, often, sky, np.zeros(len(often)), np.zeros(len(often))),
        "Trigger": headers.trigger_trees(DAY, often, np.full(len(often), 250.0), "standard")["Trigger"],
    }
    for suffix, current in zip(("", "_2"), dc, strict=True):
        trees[f"Camera{suffix}"]["MReportCamera.fMedianDC"] = values(current, often - START_S).astype("f4")
    trees["Pyrometer"]["MReportPyrometer.fCloudiness"] = values(cloudiness, often - START_S).astype("f4")
    trees["Laser"]["MReportLaser.fTransmission9km"] = values(transmission, rare - START_S).astype("f4")
    trees["Starguider"]["MReportStarguider.fNumIdentifiedStars"] = values(stars, often - START_S).astype("u4")
    path = folder / NAME.format(run=run).replace("_S_", level)
    write_root(path, {tree: columns for tree, columns in trees.items() if tree not in without})
    return path


def quate(folder, *words, rc=None):
    more = [f"--rc={key}:{value}" for key, value in (rc or {}).items()]
    return PROGRAM.run(["-b", "-q", "--stereo", "--null", f"--ind={folder}", f"--out={folder / 'out'}", *words, *more])


def excluded(folder, name="excluded.times"):
    """Bad intervals, seconds from the begin of the run."""
    return (read_time_slices(folder / "out" / name) - DAY) * 86400 - START_S


def kinds(folder):
    """Folder of each run's link."""
    return {link.name.split("_")[1]: link.parent.name for link in (folder / "out").glob("*/*.root")}


def test_a_good_run_has_no_bad_minute(tmp_path):
    path = write_run(tmp_path)
    assert quate(tmp_path, "--times") == 0
    for name in ("excluded.times", "excluded_1.times", "excluded_2.times"):
        assert not len(excluded(tmp_path, name))
    link = tmp_path / "out" / "good" / path.name
    assert link.is_symlink()
    assert not os.path.isabs(link.readlink())
    assert link.samefile(path)
    run = {name: column[0] for name, column in read_tree(tmp_path / "out" / "Overview.root", "RunSum").items()}
    assert run["fRunNumber"] == 5029747
    assert run["fClass"] == "good"
    assert run["fFileName"] == path.name
    expected = {"fRate": 250, "fMedianDC": 1100, "fMedianDC_2": 1150, "fAerosolTrans9km": 1, "fNumStars": 60, "fZd": 20,
                "fAz": 100, "fDuration": 600, "fGoodDuration": 600, "fCloudiness": 15}  # fmt: skip
    for name, value in expected.items():
        assert run[name] == pytest.approx(value), name
    assert np.isnan(run["fNumStars_2"])
    assert (run["fStop"] - run["fStart"]) * 86400 == pytest.approx(RUN_S, abs=1e-4)


def test_bad_minutes_are_found_and_no_others(tmp_path):
    write_run(tmp_path, cloudiness=lambda s: 15 + 60 * ((s >= 180) & (s < 300)))
    assert quate(tmp_path, "--times") == 0
    np.testing.assert_allclose(excluded(tmp_path), [[180, 300]], atol=1e-3)
    assert kinds(tmp_path) == {"05029747": "good"}
    assert read_tree(tmp_path / "out" / "Overview.root", "RunSum")["fGoodDuration"][0] == pytest.approx(480)
    assert "run 05029747: cloudiness above 45 %" in (tmp_path / "out" / "excluded.times").read_text()


def test_reasons_are_told_by_telescope(tmp_path):
    write_run(tmp_path, dc=(1100, lambda s: np.where(s < 120, 2500, 1100)), stars=lambda s: np.where(s > 540, 3, 50),
              transmission=lambda s: np.where(s < 400, 0.95, 0.5))  # fmt: skip
    assert quate(tmp_path, "--times", rc={"UseNumberStarsCuts": "yes"}) == 0
    found = {name: excluded(tmp_path, f"excluded{name}.times") for name in ("", "_1", "_2")}
    # at the edges of the run a second more, and the transmission falls below 0.85 between two shots of the lidar
    np.testing.assert_allclose(found["_2"], [[-1, 120]], atol=1e-3)
    np.testing.assert_allclose(found["_1"], [[540, 601]], atol=1e-3)
    np.testing.assert_allclose(found[""], [[-1, 120], [360, 601]], atol=1e-3)
    text = (tmp_path / "out" / "excluded.times").read_text()
    assert "current of M2 above 2000 nA" in text
    assert "transmission below 0.85, stars of M1 below 20" in text


def test_a_run_wholly_bad_is_covered_and_linked_as_bad(tmp_path):
    path = write_run(tmp_path, transmission=0.6)
    assert quate(tmp_path, "--times") == 0
    assert kinds(tmp_path) == {"05029747": "bad"}
    events = read_tree(path, "Events")
    at = DAY + (events["MTime_1.fTime.fMilliSec"] * 1e-3 + events["MTime_1.fNanoSec"] * 1e-9) / 86400
    assert not outside(at, read_time_slices(tmp_path / "out" / "excluded.times")).any()


@pytest.mark.parametrize(
    ("card", "kind", "bad"),
    [
        ({"ZdMax": 35}, "good", [[300, 601]]),
        ({"ZdMax": 15}, "out-of-zd", [[-1, 601]]),
        ({"ZdMin": 20, "ZdMax": 50}, "good", []),
        ({"AzMin": 30, "AzMax": 180}, "out-of-az", [[-1, 601]]),
        ({"AzMin": 340, "AzMax": 40}, "good", []),
        ({"AzMin": 340, "AzMax": 5}, "good", [[300, 601]]),
        ({"ZdMax": 35, "Quate.MinDuration": 400}, "bad", [[-1, 601]]),
    ],
)
def test_where_a_run_has_to_be(tmp_path, card, kind, bad):
    """The zenith distance rises through 35, the azimuth from 355 through north to 15."""
    write_run(tmp_path, zd=lambda s: 20 + s / 20, az=lambda s: 355 + s / 30)
    assert quate(tmp_path, "--times", rc=card) == 0
    assert kinds(tmp_path) == {"05029747": kind}
    np.testing.assert_allclose(excluded(tmp_path), np.reshape(bad, (-1, 2)), atol=1e-3)


def test_without_times_a_run_is_judged_by_its_means(tmp_path):
    write_run(tmp_path, 1, cloudiness=lambda s: np.where(s < 120, 90, 15))
    write_run(tmp_path, 2, cloudiness=lambda s: np.where(s < 500, 60, 15))
    write_run(tmp_path, 3, zd=60)
    assert quate(tmp_path, rc={"ZdMax": 50}) == 0
    assert kinds(tmp_path) == {"00000001": "good", "00000002": "bad", "00000003": "out-of-zd"}
    assert not list((tmp_path / "out").glob("*.times"))


def test_cuts_that_are_off_cut_nothing(tmp_path):
    write_run(tmp_path, cloudiness=90, transmission=0.3, dc=(9000, 9000), stars=0)
    off = dict.fromkeys(("UseDCCuts", "UseAerosolTrans9km", "UseCloudCuts", "UseNumberStarsCuts"), "no")
    assert quate(tmp_path, "--times", rc=off) == 0
    assert kinds(tmp_path) == {"05029747": "good"}


def test_what_is_not_reported_is_told_and_not_cut_on(tmp_path, capsys):
    write_run(tmp_path, without=("Laser", "Camera_2"))
    assert PROGRAM.run(["--stereo", "--times", f"--ind={tmp_path}", f"--out={tmp_path / 'out'}"]) == 0
    shown = capsys.readouterr().out
    assert "run 05029747: no report tells the transmission" in shown
    assert "no report tells the dc_2" in shown
    assert kinds(tmp_path) == {"05029747": "good"}


def test_a_lidar_that_could_not_measure_tells_nothing(tmp_path):
    path = write_run(tmp_path, transmission=lambda s: np.where(s < 100, 0.9, 0.0))
    assert read_conditions(path).mean("transmission") == pytest.approx(0.9)


def test_again_only_when_asked_and_then_the_link_moves(tmp_path):
    write_run(tmp_path, cloudiness=40)
    assert quate(tmp_path, "--times") == 0
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.*")}
    assert quate(tmp_path, "--times") == 2
    assert quate(tmp_path, "--times", "-f") == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.*")} == first
    assert quate(tmp_path, "--times", "-f", rc={"CloudinessMax": 30}) == 0
    assert kinds(tmp_path) == {"05029747": "bad"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--ind=."], "give --stereo"),
        (["--stereo", "--ind=nothing*"], "no file matches"),
        (["--stereo", "--ind=."], "neither superstar (_S_) nor melibea files (_Q_)"),
        (["--stereo", "--ind=.", "--rc=ZdMin:50", "--rc=ZdMax:5"], "ZdMin"),
    ],
)
def test_what_is_wrong_is_told(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    assert PROGRAM.run(words) == 2
    assert said in capsys.readouterr().err


def test_every_key_of_the_default_card_is_read(tmp_path, capsys):
    write_run(tmp_path)
    assert PROGRAM.run(["--stereo", f"--ind={tmp_path}", f"--out={tmp_path / 'out'}"]) == 0
    shown = capsys.readouterr()
    assert "untouched" not in shown.out + shown.err
    card = Env.parse(read_card(tmp_path / "out" / "Overview.root"))
    assert card.values.keys() == Env.read(MRCFILES / "quate.rc").values.keys()


def read_card(path):
    from openmars.io import open_root

    return open_root(path).texts()["quate.rc"]


@pytest.fixture(scope="module")
def superstar_file(tmp_path_factory) -> Path:
    """A simulated run through star and superstar, in strong moonlight."""
    folder = tmp_path_factory.mktemp("chain")
    card = {"Kind": "observation", "Seed": 5, "Run": 5029747, "Duration": 100, "Subruns": 2, "SourceFactor": 50,
            "BackgroundFraction": 0.002, "EnergyMin": 0.2, "NSB": 3.0}  # fmt: skip
    (folder / "card.rc").write_text("".join(f"Sim.{key}: {value}\n" for key, value in card.items()))
    assert SIM.run([f"--config={folder / 'card.rc'}", f"--out={folder}", "--null"]) == 0
    for t in (1, 2):
        words = [f"--ind={folder}/*_M{t}_*_Y_*.root", f"--out={folder}", "--rc=MJStar.CheckCleaning:no", "--null"]
        assert STAR.run(words) == 0
    words = [f"--ind{t}={folder}/*_M{t}_*_I_*.root" for t in (1, 2)]
    assert SUPERSTAR.run([*words, f"--out={folder}", "--null"]) == 0
    return next(folder.glob("*_S_*.root"))


def test_superstar_files_carry_what_quate_needs(superstar_file):
    assert {"Drive", "Drive_2", "Camera", "Camera_2", "Laser", "Pyrometer", "Starguider", "Starguider_2", "Trigger",
            "EffectiveOnTime"} <= set(tree_names(superstar_file))  # fmt: skip
    run = read_conditions(superstar_file)
    assert run.duration == pytest.approx(100, abs=3)
    assert run.mean("dc_1") == pytest.approx(3300)
    assert run.mean("rate") > 0


def test_a_simulated_run_in_moonlight_is_bad_and_melibea_leaves_it_out(superstar_file, tmp_path):
    words = ["--stereo", "--times", f"--ind={superstar_file}", "--null"]
    assert PROGRAM.run([*words, f"--out={tmp_path / 'dark'}"]) == 0
    assert (tmp_path / "dark" / "bad" / superstar_file.name).samefile(superstar_file)
    assert PROGRAM.run([*words, f"--out={tmp_path / 'moon'}", "--rc=DCMax:5000"]) == 0
    assert (tmp_path / "moon" / "good" / superstar_file.name).samefile(superstar_file)
    total = len(read_tree(superstar_file, "Events")["MTime_1.fMjd"])
    assert total > 20
    for name, left in (("dark", 0), ("moon", total)):
        times = tmp_path / name / "excluded.times"
        words = ["--stereo", f"--ind={superstar_file}", f"--timeslices={times}", f"--out={tmp_path / name}", "--null"]
        assert MELIBEA.run(words) == 0
        made = next((tmp_path / name).glob("*_Q_*.root"))
        assert len(read_tree(made, "Events")["MTime_1.fMjd"]) == left
