"""merpp: reports merged into calibrated files, against those that the simulator writes at once and ctapipe_io_magic."""

import shutil

import numpy as np
import pytest

from openmars.io import open_root, read_tree, tree_names, update_root, write_root
from openmars.io.repfile import write_reports
from openmars.io.times import to_mjd
from openmars.merge.merpp import PROGRAM
from openmars.sim.program import PROGRAM as SIM

CARD = {"Kind": "observation", "Seed": 5, "Run": 5029747, "Duration": 90, "Subruns": 2, "BackgroundFraction": 0.001,
        "SourceFactor": 5, "EnergyMin": 0.2}  # fmt: skip
REPORT_TREES = {"Drive", "Camera", "Trigger", "L3T", "Laser", "Pyrometer", "Starguider", "Weather"}
NAME = "20131005_M1_05029747.002_Y_CrabNebula-W0.40+035.root"


def same(one, other):
    """Branches of the same values, times to the microsecond, and angles to 1e-11 deg."""
    assert list(one) == list(other)
    for name, column in one.items():
        assert column.dtype == other[name].dtype
        if column.dtype.kind == "f":
            np.testing.assert_allclose(column, other[name], rtol=1e-9, atol=1e-11)
        else:
            np.testing.assert_array_equal(column, other[name])


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Calibrated files with all trees, and the report of each."""
    folder = tmp_path_factory.mktemp("merpp")
    card = folder / "card.rc"
    card.write_text("".join(f"Sim.{key}: {value}\n" for key, value in CARD.items()))
    assert SIM.run([f"--config={card}", f"--out={folder}", "--null"]) == 0
    for path in sorted(folder.glob("*_Y_*.root")):
        telescope, subrun = int(path.name[10]), int(path.name[21:24])
        trees = {name: read_tree(path, name) for name in tree_names(path) if name in REPORT_TREES}
        write_reports(folder / path.name.replace("_Y_", "_D_").replace(".root", ".rep"), trees, telescope, 5029747,
                      subrun)  # fmt: skip
    return folder


@pytest.fixture
def pair(simulated, tmp_path):
    """A calibrated file without reports, as sorcerer leaves it, and its report."""
    path, report = tmp_path / NAME, tmp_path / NAME.replace("_Y_", "_D_").replace(".root", ".rep")
    shutil.copy(simulated / report.name, report)
    source = open_root(simulated / NAME)
    trees = {name: source.read(name) for name in source.trees() if name not in REPORT_TREES}
    write_root(path, trees, source.texts())
    return report, path


def run(*words):
    return PROGRAM.run(["-b", "-q", "-u", "--auto-time", "--null", *map(str, words)])


def test_a_merged_file_is_what_the_simulator_writes(simulated, pair):
    assert run(*pair) == 0
    merged, whole = open_root(pair[1]), open_root(simulated / NAME)
    assert set(merged.trees()) == set(whole.trees())
    for name in whole.trees():
        if name not in ("RunTails", "RunHeaders"):
            same(merged.read(name), whole.read(name))
    assert whole.texts().items() <= merged.texts().items()
    assert "Merpp.Neighbours: 1" in merged.texts()["merpp.rc"]
    assert "MMarsVersion_merpp.fMARSVersionCode" in merged.branches("RunTails")


def test_ctapipe_reads_a_merged_file(pair, magic_source, simulated):
    assert run(*pair) == 0
    with magic_source(pair[1]) as merged, magic_source(simulated / NAME) as whole:
        assert merged.is_stereo
        assert not merged.is_sumt
        directions = [
            [(e.pointing.array_altitude.value, e.pointing.array_azimuth.value, e.index.event_id) for e in source]
            for source in (merged, whole)
        ]
    assert len(directions[0]) > 3
    np.testing.assert_allclose(*directions, rtol=1e-10)


def test_uproot_reads_a_merged_file(pair):
    import uproot

    before = read_tree(pair[1], "Events")["MCerPhotEvt.fPixels.fPhot"]
    assert run(*pair) == 0
    with uproot.open(pair[1]) as file:
        assert file["Drive"]["MReportDrive.fCurrentZd"].array(library="np").shape == (10,)
        np.testing.assert_array_equal(file["Events"]["MCerPhotEvt.fPixels.fPhot"].array(library="np"), before)
        assert file["L3T"]["MReportL3T.fTablename"].array(library="np")[0] == "L3T_L1L1_100_SYNC"


def test_same_bytes_whenever_it_runs(pair, tmp_path):
    other = tmp_path / "again" / NAME
    other.parent.mkdir()
    shutil.copy(pair[1], other)
    assert run(*pair) == run(pair[0], other) == 0
    assert other.read_bytes() == pair[1].read_bytes()


def test_a_merged_file_is_merged_again_only_when_asked(pair, capsys):
    assert run(*pair) == 0
    before = {name: read_tree(pair[1], name) for name in REPORT_TREES}
    bytes_before = pair[1].read_bytes()
    assert run(*pair) == 2
    assert "give -f" in capsys.readouterr().err
    assert pair[1].read_bytes() == bytes_before
    lines = [line for line in pair[0].read_text().splitlines() if not line.startswith("WEATHER")]
    pair[0].write_text("\n".join(lines) + "\n")
    assert run("-f", *pair) == 0
    assert "Weather" not in tree_names(pair[1])
    for name in REPORT_TREES - {"Weather"}:
        same(read_tree(pair[1], name), before[name])


def test_broken_lines_are_told_and_the_rest_is_merged(pair, capsys):
    lines = pair[0].read_text().splitlines()
    drive = [n for n, line in enumerate(lines) if line.startswith("DRIVE")]
    lines[drive[2]] = lines[drive[2]][:60]
    pair[0].write_text("\n".join(lines) + "\n")
    assert PROGRAM.run(["-u", "--auto-time", *map(str, pair)]) == 23
    assert f"warning: {pair[0].name}:{drive[2] + 1}: DRIVE-REPORT: it ends before its values" in capsys.readouterr().out
    assert len(read_tree(pair[1], "Drive")["MReportDrive.fMjd"]) == len(drive) - 1
    assert set(tree_names(pair[1])) >= REPORT_TREES


@pytest.mark.parametrize("content", [None, b"", b"\n\n", b"[CC Run 5029747 Control File]\n", b"\x00\xff\x07 nothing\n"])
def test_no_report_leaves_the_file_as_it_was(pair, content):
    if content is None:
        pair[0].unlink()
    else:
        pair[0].write_bytes(content)
    before = pair[1].read_bytes()
    assert run(*pair) == 25
    assert pair[1].read_bytes() == before


def test_the_time_of_the_subrun_and_one_report_on_each_side(simulated, tmp_path, pair):
    """A report of the whole run, from which a subrun takes its own and the neighbours to interpolate with."""
    name = NAME.replace(".002_", ".001_")
    parts = [read_tree(simulated / n, "Drive") for n in (name, NAME)]
    drive = {branch: np.concatenate([part[branch] for part in parts]) for branch in parts[0]}
    night = tmp_path / "night.rep"
    write_reports(night, {"Drive": drive}, 1, 5029747, 2)
    text = night.read_text().split("\n", 4)
    night.write_text("\n".join(["[CC Report File]", *text[1:3], text[4]]))
    assert run(night, pair[1]) == 0
    merged = read_tree(pair[1], "Drive")
    start = to_mjd("MRawRunHeader.fRunStart", read_tree(pair[1], "RunHeaders"))[0]
    at = to_mjd("MTimeDrive", merged)
    assert len(at) == 11  # the last of the first subrun is of the same moment as the first of the second, and so once
    assert at[0] < start - 4 / 86400
    assert at[1] == pytest.approx(start, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("Telescope M1", "Telescope M2"), "telescope 2"),
        (("Run 5029747", "Run 5029748"), "run 5029748"),
        (("Subrun 2", "Subrun 1"), "subrun 1"),
        ((" 2013 10 05 ", " 2013 10 06 "), "none of its reports"),
    ],
)
def test_the_report_of_another_file_is_refused(pair, capsys, change, said):
    text = pair[0].read_text().replace(*change)
    pair[0].write_text(text.replace("-REPORT M1", "-REPORT M2") if "M2" in change[1] else text)
    assert run(*pair) == 2
    assert said in capsys.readouterr().err
    assert not REPORT_TREES & set(tree_names(pair[1]))


def test_wrong_words_are_told(pair, capsys):
    assert PROGRAM.run(["-u", str(pair[0])]) == 2
    assert "expected REPORT FILE" in capsys.readouterr().err
    assert PROGRAM.run(["-u", *map(str, pair), "more"]) == 2
    assert PROGRAM.run(list(map(str, pair))) == 2
    assert "give -u" in capsys.readouterr().err
    assert PROGRAM.run(["--help"]) == 0
    assert "merpp [options] REPORT FILE" in capsys.readouterr().out


def test_what_stops_it_leaves_the_file_whole(pair, monkeypatch):
    from openmars.io.rootwrite import RootWriter

    def no_room(*_):
        raise OSError(28, "No space left on device")

    before = pair[1].read_bytes()
    monkeypatch.setattr(RootWriter, "extend", no_room)
    assert run(*pair) == 2
    assert pair[1].read_bytes() == before
    assert sorted(p.name for p in pair[1].parent.iterdir()) == sorted(p.name for p in pair)


def test_only_files_of_this_writer_are_updated(tmp_path):
    import uproot

    with uproot.recreate(tmp_path / "a.root") as file:
        file["Events"] = {"x": np.arange(3)}
    from openmars.core import InputError

    with pytest.raises(InputError, match="openmars only"):
        update_root(tmp_path / "a.root", {"Drive": {"y": np.arange(2)}})


def test_every_key_of_the_default_card_is_read(pair, capsys):
    assert PROGRAM.run(["-u", *map(str, pair)]) == 0
    shown = capsys.readouterr()
    assert "untouched" not in shown.out + shown.err


def test_a_file_with_canonical_bytes_is_merged_all_the_same(pair):
    """A job replaces the file's identifier and all dates in it by fixed ones, before and after."""
    from automagic.rootfile.canonical import canonicalise

    assert canonicalise(pair[1]) > 0
    assert run(*pair) == 0
    first = read_tree(pair[1], "Drive")
    assert canonicalise(pair[1]) > 0
    assert run("-f", *pair) == 0
    same(read_tree(pair[1], "Drive"), first)


def test_reports_of_raw_files_tell_what_calibrated_files_hold(tmp_path):
    """The simulator's own report of a raw file, in haze, clouds and moonlight, against its calibrated file."""
    from openmars.io.repfile import read_reports

    sky = {"Duration": 20, "Subruns": 1, "NSB": 1.5, "HV": "reduced", "Cloudiness": 33.3, "Transmission": 0.87}
    for output in ("calibrated", "raw"):
        card = tmp_path / f"{output}.rc"
        card.write_text("".join(f"Sim.{key}: {value}\n" for key, value in (CARD | sky | {"Output": output}).items()))
        assert SIM.run([f"--config={card}", f"--out={tmp_path / output}", "--null"]) == 0
    for telescope in (1, 2):
        whole = open_root(next((tmp_path / "calibrated").glob(f"*_M{telescope}_*.root")))
        found = read_reports(next((tmp_path / "raw").glob(f"*_M{telescope}_*_D_*.rep")))
        assert (found.telescope, found.run, found.subrun, found.broken) == (telescope, 5029747, 1, [])
        assert found.trees.keys() == REPORT_TREES
        for name, tree in found.trees.items():
            same(tree, whole.read(name))
        assert set(found.trees["Camera"]["MCameraHV.fFileName"]) == {"reduced"}
        assert found.trees["Pyrometer"]["MReportPyrometer.fCloudiness"] == pytest.approx(33.3)
