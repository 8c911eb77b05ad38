"""Storage trees by a plan: the right files at the right places, and what has gone wrong with them."""

import numpy as np
import pytest

from openmars.core.env import Env
from openmars.core.program import MRCFILES
from openmars.io import read_tree
from openmars.io.raw import RawReader
from openmars.io.repfile import read_reports
from openmars.sim import plan as planning
from openmars.sim.program import PROGRAM

PLAN = """
seed = 3
seconds = 6
background = 0
[[runs]]
run = 5029747
start = 2013-10-05T04:00:00Z
doubled = true
nsb = 4.5
transmission = 0.6
cloudiness = 71
hv = "reduced"
[[runs]]
run = 5029748
start = "2013-10-05T23:50:00Z"
source = "Crab+Off"
kind = "off"
missing = "M2"
subruns = 3
gap = [2]
report = "broken"
trigger = "sumt"
dec = 20.5
ra = 300.25
version = 7
[[runs]]
run = 5029749
start = 2013-10-06T04:00:00Z
unequal = 1
report = "empty"
"""
RAW = """
level = "raw"
seconds = 4
subruns = 1
background = 0
[[calibration]]
pedestal = 5029740
calibration = 5029741
start = 2013-10-05T03:58:00Z
events = 20
[[runs]]
run = 5029747
start = 2013-10-05T04:00:00Z
"""


def simulate(folder, text, *options):
    path = folder / "plan.toml"
    path.write_text(text)
    return PROGRAM.run([f"--plan={path}", f"--out={folder / 'tree'}", "--null", *options])


def files(folder):
    return sorted(str(p.relative_to(folder / "tree")) for p in (folder / "tree").rglob("*") if p.is_file())


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plan")
    assert simulate(folder, PLAN) == 0
    return folder


def test_files_are_where_the_data_centre_has_them(tree):
    night = "Calibrated/v{}/CrabNebula/2013_10_0{}/2013100{}_M{}_{}.00{}_{}_CrabNebula-W0.40+035.{}"
    expected = [night.format(v, 5, 5, t, "05029747", s, "Y", "root") for v in (1, 2) for t in (1, 2) for s in (1, 2)]
    for subrun in (1, 3):
        for tag, ending in (("Y", "root"), ("D", "rep")):
            name = f"20131006_M1_05029748.00{subrun}_{tag}_Crab+Off-W0.40+035.{ending}"
            expected.append(f"Calibrated/v7/Crab+Off/2013_10_06/{name}")
    for t, s in ((1, 1), (1, 2), (2, 1)):
        expected += [night.format(1, 6, 6, t, "05029749", s, *kind) for kind in (("Y", "root"), ("D", "rep"))]
    assert files(tree) == sorted(expected)


def test_runs_have_their_own_conditions(tree):
    (path,) = (tree / "tree/Calibrated/v1/CrabNebula/2013_10_05").glob("*_M1_05029747.001_Y_*")
    assert read_tree(path, "Camera")["MReportCamera.fMedianDC"][0] == pytest.approx(4.5 * 1100 / 1.7)
    assert set(read_tree(path, "Camera")["MCameraHV.fFileName"]) == {"reduced"}
    assert read_tree(path, "Laser")["MReportLaser.fTransmission9km"][0] == pytest.approx(0.6)
    assert read_tree(path, "Pyrometer")["MReportPyrometer.fCloudiness"][0] == 71
    other = path.parents[4] / "Calibrated/v2" / path.parent.relative_to(path.parents[2]) / path.name
    assert other.read_bytes() == path.read_bytes()
    (path,) = (tree / "tree/Calibrated/v7").rglob("*_M1_05029748.003_Y_*")
    assert set(read_tree(path, "L3T")["MReportL3T.fTablename"]) == {"L3T_SUMSUM_100_SYNC"}
    header = read_tree(path, "RunHeaders", ["MRawRunHeader.fSourceRA", "MRawRunHeader.fSubRunIndex"])
    assert header["MRawRunHeader.fSourceRA"][0] / 240 == pytest.approx(300.25)
    assert header["MRawRunHeader.fSubRunIndex"][0] == 3


def test_reports_are_broken_or_empty_as_planned(tree):
    broken = sorted((tree / "tree").rglob("*05029748*.rep"))
    for path in broken:
        found = read_reports(path)
        assert found.broken
        assert found.run == 5029748
        assert len(found.trees["Drive"]["MReportDrive.fMjd"]) >= 1
    assert {p.stat().st_size for p in (tree / "tree").rglob("*05029749*.rep")} == {0}


def test_raw_plans_have_calibration_runs_and_reports(tmp_path):
    assert simulate(tmp_path, RAW) == 0
    place = "Raw/CrabNebula/2013_10_05/20131005"
    end = "CrabNebula-W0.40+035"
    expected = [
        f"{place}_M{t}_0502974{n}.001_{tag}_{end}.root" for t in (1, 2) for n, tag in ((0, "P"), (1, "C"), (7, "D"))
    ]
    expected += [f"{place}_M{t}_05029747.001_D_{end}.rep" for t in (1, 2)]
    assert files(tmp_path) == sorted(expected)
    samples = {}
    for path in (tmp_path / "tree").rglob("*_M1_*.root"):
        reader = RawReader(path)
        samples[reader.info.run] = np.concatenate([c.samples for c in reader.chunks()])
        assert "Sim.NSB: 1" in reader.texts["openmars-sim.rc"]
    assert len(samples[5029740]) == len(samples[5029741]) == 20
    # the same camera: baselines of the pedestal run are those of the data
    levels = [np.median(samples[run], axis=(0, 2)) for run in (5029740, 5029747)]
    assert np.corrcoef(levels)[0, 1] > 0.95
    before = {p: (tmp_path / "tree" / p).read_bytes() for p in files(tmp_path)}
    assert simulate(tmp_path, RAW) == 2  # nothing is overwritten unasked
    assert simulate(tmp_path, RAW, "-f") == 0
    assert {p: (tmp_path / "tree" / p).read_bytes() for p in files(tmp_path)} == before


RUN = "[[runs]]\nrun = 5\nstart = 2013-10-05T04:00:00Z\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (RUN + "moon = 3\n", ["run 5", "moon"]),
        (RUN + "transmision = 0.5\n", ["run 5", "did you mean transmission"]),
        (RUN + "transmission = 5\n", ["run 5", "Sim.Transmission", "1"]),
        (RUN + 'nsb = "dark"\n', ["run 5", "Sim.NSB", "dark"]),
        (RUN + 'missing = "M3"\n', ["run 5", "M1, M2"]),
        (RUN + 'report = "odd"\n', ["run 5", "sound, empty, broken, absent"]),
        (RUN + 'wobble = "35"\n', ["run 5", "W0.40+035"]),
        (RUN + "gap = 2\n", ["run 5", "[2]"]),
        (RUN + "gap = [3]\n", ["run 5", "2 subruns"]),
        (RUN + "unequal = 2\n", ["run 5", "unequal"]),
        (RUN + "doubled = 1\n", ["run 5", "true or false"]),
        (RUN + RUN, ["5", "twice"]),
        ("[[runs]]\nrun = 5\nstart = 2013-10-05T12:00:00Z\n", ["run 5", "zenith distance"]),
        ("[[runs]]\nrun = 5\n", ["run 5", "start is missing"]),
        ("[[runs]]\nrun = 5.5\nstart = 2013-10-05T04:00:00Z\n", ["run", "whole number"]),
        ('level = "star"\n' + RUN, ["calibrated, raw"]),
        ('level = "raw"\n' + RUN + "doubled = true\n", ["run 5", "versions"]),
        (RUN + "[[calibration]]\npedestal = 3\ncalibration = 4\nstart = 2013-10-05T03:00:00Z\n", ["raw"]),
        ("runs = 3\n", ["[[runs]]"]),
        ("seed = 1\n", ["[[runs]]", "none"]),
        ("run 5\n", ["TOML"]),
        (RUN + 'source = "../x"\n', ["run 5", "Sim.Source"]),
    ],
)
def test_a_wrong_plan_ends_before_anything_is_simulated(tmp_path, capsys, text, words):
    assert simulate(tmp_path, text) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    for word in ["plan.toml", *words]:
        assert word in message
    assert files(tmp_path) == []


def test_a_plan_that_is_not_there(tmp_path, capsys):
    assert PROGRAM.run([f"--plan={tmp_path / 'no.toml'}", f"--out={tmp_path}", "--null"]) == 2
    assert "no.toml: No such file" in capsys.readouterr().err


def test_every_key_of_a_plan_is_in_its_description_and_in_the_help(capsys):
    for keys in planning._KEYS.values():
        for key in keys:
            assert key in planning.__doc__
            assert key in PROGRAM.help()
    env = Env.read(MRCFILES / "openmars-sim.rc")
    assert {f"Sim.{key}" for key in planning.CARD_KEYS.values()} <= env.values.keys()
