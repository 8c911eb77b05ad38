"""Runs and Monte Carlo from storage: versions, calibration runs, conditions; and what is wrong with them."""

import json
import os
import time

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automagic.analysis import load
from automagic.cli import main
from automagic.index import find_mc, find_runs
from automagic.index.update import Wanted, updated
from openmars.io import write_root
from openmars.io.headers import RunInfo, run_headers
from openmars.io.repfile import write_reports
from openmars.io.reports import Sky, camera_tree, laser_tree

ANALYSIS = """
[source]
name = "CrabNebula"
ra = 83.6333
dec = 22.0145
[data]
"""
LONG_AGO = time.time() - 86400


@pytest.fixture
def storage(tmp_path):
    """Writes files of 10 bytes below ``data``; returns the analysis that finds them."""

    def maker(*names, data="", site="roots = ['data']\nmc = ['data']"):
        for name in names:
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"not a file of ROOT")
            os.utime(path, (LONG_AGO, LONG_AGO))
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "analysis.toml").write_text(ANALYSIS + data)
        (tmp_path / "site.toml").write_text(f"[storage]\n{site}\n")
        return load(tmp_path)

    return maker


def data(run, telescope, subrun, tag="Y", version="v1", night="20131005", wobble="W0.40+035", extension="root"):
    name = f"{night}_M{telescope}_{run:08d}.{subrun:03d}_{tag}_CrabNebula-{wobble}.{extension}"
    return f"Calibrated/{version}/CrabNebula/{night[:4]}_{night[4:6]}_{night[6:]}/{name}"


def problems(tmp_path):
    with updated(tmp_path / ".index", [str(tmp_path / "data")]) as (connection, _):
        rows = connection.execute("SELECT kind, text FROM problems ORDER BY kind, text").fetchall()
    found = {}
    for kind, text in rows:
        found.setdefault(kind, []).append(text)
    found.pop("header", None)
    return found


def test_of_two_versions_the_newest_is_taken_and_said(storage, tmp_path):
    names = [data(5029747, t, 1, version=v) for t in (1, 2) for v in ("v2", "v10")]
    (run,) = find_runs(storage(*names), "observation")
    assert (run.version, run.versions) == ("v10", ("v2", "v10"))
    assert {file.path.parts[-4] for file in run.files} == {"v10"}
    words = "run 05029747: there are 2 versions of its calibrated files (v10, v2); the newest is taken"
    assert words in run.problems
    assert problems(tmp_path) == {"versions": [words]}


def test_of_the_same_file_twice_the_first_root_counts(storage, tmp_path):
    names = [data(5029747, t, 1) for t in (1, 2)]
    site = "roots = ['data/z', 'data/a']"
    analysis = storage(*[f"{root}/{name}" for root in "az" for name in names], site=site)
    (run,) = find_runs(analysis, "observation")
    assert [file.path.parts[-6] for file in run.files] == ["z", "z"]
    assert len(problems(tmp_path)["twice"]) == 2


def test_what_telescopes_and_subruns_lack_is_told(storage, tmp_path):
    storage(
        data(5029747, 1, 1),
        *[data(5029748, t, s) for t, s in ((1, 1), (1, 2), (1, 3), (2, 1), (2, 3))],
        *[data(5029749, t, s) for t in (1, 2) for s in (2, 3)],
        *[data(5029750, t, s) for t in (1, 2) for s in (1, 2)],
    )
    assert problems(tmp_path) == {
        "telescope": ["run 05029747 has no calibrated file of M2 in version v1"],
        "unequal": ["run 05029748: M1 has 3 calibrated subruns and M2 has 2 in version v1; M2 lacks 002"],
        "gap": [
            "run 05029748: the calibrated files of M2 in version v1 go to subrun 003 but lack 002",
            "run 05029749: the calibrated files of M1 in version v1 go to subrun 003 but lack 001",
            "run 05029749: the calibrated files of M2 in version v1 go to subrun 003 but lack 001",
        ],
    }


def test_reports_that_are_missing_or_empty_and_empty_files_are_told(storage, tmp_path):
    storage(
        *[data(5029747, t, 1, "D") for t in (1, 2)],
        data(5029747, 2, 1, "D", extension="rep"),
        *[data(5029748, t, 1) for t in (1, 2)],
    )
    for name in (data(5029747, 2, 1, "D", extension="rep"), data(5029748, 2, 1)):
        (tmp_path / "data" / name).write_bytes(b"")
    assert problems(tmp_path) == {
        "report": [
            "run 05029747: subrun 001 of M1 has no report",
            "run 05029747: the report of subrun 001 of M2 is empty",
        ],
        "empty": ["20131005_M2_05029748.001_Y_CrabNebula-W0.40+035.root is empty (0 bytes)"],
    }


def test_a_problem_keeps_the_day_on_which_it_was_seen_first(storage, tmp_path, monkeypatch):
    import datetime as module

    import automagic.index.problems as under_test

    def at(year):
        class Clock(module.datetime):
            @classmethod
            def now(cls, tz=None):
                return cls(year, 1, 1, tzinfo=tz)

        monkeypatch.setattr(under_test, "datetime", Clock)
        with updated(tmp_path / ".index", [str(tmp_path / "data")], full=True) as (connection, _):
            return connection.execute("SELECT run, first_seen[:4] FROM problems ORDER BY run").fetchall()

    storage(data(5029747, 1, 1))
    assert at(2020) == [(5029747, "2020")]
    storage(data(5029748, 1, 1))
    assert at(2021) == [(5029747, "2020"), (5029748, "2021")]


def test_an_index_that_cannot_be_written_is_told_by_an_analysis(storage, tmp_path, capsys):
    analysis = storage(*[data(5029747, t, 1) for t in (1, 2)])
    (tmp_path / ".index").write_text("")
    assert len(find_runs(analysis, "observation")) == 1
    assert "cannot be written to (File exists)" in capsys.readouterr().err


def test_runs_of_other_sources_are_known_without_their_files(storage):
    names = [data(run, t, 1) for run in (5029747, 5029748) for t in (1, 2)]
    others = [name.replace("CrabNebula", "Mrk421") for name in names[:2]]
    analysis = storage(*[name.replace("5029747", "5029749") for name in others], *names[2:])
    first, second = find_runs(analysis, "observation")
    assert (first.run, first.source, len(first.files)) == (5029748, "CrabNebula", 2)
    assert (second.run, second.source, second.files, second.night) == (5029749, "Mrk421", (), "2013-10-05")
    # a cone may take runs of any name
    assert [len(run.files) for run in find_runs(storage(data="cone = 1.0"), "observation")] == [2, 2]


def test_raw_runs_have_reports_and_the_calibration_runs_before_them(storage):
    names = [data(5029747, t, s, "D") for t in (1, 2) for s in (1, 2)]
    names += [data(5029747, 1, 1, "D", extension="rep"), data(5029747, 2, 2, "D", extension="rep")]
    # of M1 two pairs before the run and one after; of M2 only later ones
    names += [data(run, 1, 1, tag) for run, tag in ((5029740, "P"), (5029741, "C"), (5029745, "P"), (5029746, "C"))]
    names += [data(5029750, 1, 1, "P"), data(5029750, 2, 1, "P"), data(5029752, 2, 1, "P"), data(5029751, 2, 1, "C")]
    names += [data(5029744, 2, 1, "P", night="20131004")]
    (run,) = find_runs(storage(*names, data="from = 'raw'"), "observation")
    assert (run.level, len(run.files)) == ("raw", 4)
    assert [(file.name.telescope, file.name.subrun) for file in run.reports] == [(1, 1), (2, 2)]
    assert [(file.name.telescope, file.name.run) for file in run.pedestal] == [(1, 5029745), (2, 5029750)]
    assert [(file.name.telescope, file.name.run) for file in run.calibration] == [(1, 5029746), (2, 5029751)]


def test_conditions_of_a_raw_run_come_from_its_reports(storage, tmp_path):
    analysis = storage(data="from = 'raw'")
    seconds = np.arange(14400, 14700, 10.0)
    for telescope, transmission in ((1, 0.9), (2, 0.7)):
        sky = Sky(transmission=transmission, hv="reduced")
        path = tmp_path / "data" / data(5029747, telescope, 1, "D", extension="rep")
        path.parent.mkdir(parents=True, exist_ok=True)
        trees = {"Camera": camera_tree(56570, seconds, sky)}
        trees["Laser"] = laser_tree(56570, seconds[:1], sky, np.array([20.0]), np.array([100.0]))
        write_reports(path, trees, telescope, 5029747, 1)
        info = RunInfo(5029747, 1, telescope, False, "CrabNebula", 83.6333, 22.0145, "W", "p", 56570, 14400, 14700)
        write_root(path.with_suffix(".root"), {"Events": {"A.fB": np.zeros(3)}, "RunHeaders": run_headers(info, 3)})
    (run,) = find_runs(analysis, "observation")
    assert (run.transmission, run.hv) == (pytest.approx(0.7), "reduced")
    assert (run.start, run.minutes) == ("2013-10-05T04:00:00Z", pytest.approx(5.0))
    assert (run.ra, run.dec) == (pytest.approx(83.6333), pytest.approx(22.0145))
    assert run.zenith is None
    assert not run.problems


def test_headers_are_read_once_and_again_when_the_file_changes(storage, tmp_path):
    path = tmp_path / "data" / data(5029747, 1, 1)

    def write(ra):
        path.parent.mkdir(parents=True, exist_ok=True)
        info = RunInfo(5029747, 1, 1, False, "CrabNebula", ra, 22.0)
        write_root(path, {"Events": {"A.fB": np.zeros(3)}, "RunHeaders": run_headers(info, 3)})

    def read():
        with updated(tmp_path / ".index", [str(tmp_path / "data")], Wanted()) as (connection, done):
            return done.headers, connection.execute("SELECT ra FROM runs").fetchone()[0]

    storage()
    write(83.6)
    assert read() == (1, pytest.approx(83.6))
    assert read() == (0, pytest.approx(83.6))
    write(184.5)
    assert read() == (1, pytest.approx(184.5))


def test_headers_come_after_names_alone_in_portions_and_from_several_processes(storage, tmp_path, monkeypatch):
    from automagic.index import headers, merge

    for subrun in range(1, 6):
        path = tmp_path / "data" / data(5029747, 1, subrun)
        path.parent.mkdir(parents=True, exist_ok=True)
        info = RunInfo(5029747, subrun, 1, False, "CrabNebula", 83.6, 22.0)
        write_root(path, {"Events": {"A.fB": np.zeros(subrun)}, "RunHeaders": run_headers(info, subrun)})
        os.utime(path, (LONG_AGO, LONG_AGO))
    os.utime(path.parent, (LONG_AGO, LONG_AGO))

    def read(folder, wanted, full=False):
        with updated(tmp_path / folder, [str(tmp_path / "data")], wanted, full) as (connection, done):
            sql = "SELECT name, events FROM headers ORDER BY name"
            return done.headers, [events for _, events in connection.execute(sql).fetchall()]

    assert read("one", None) == (0, [])
    assert read("one", Wanted()) == (5, [1, 2, 3, 4, 5])
    monkeypatch.setattr(merge, "AT_ONCE", 2)
    assert read("two", Wanted()) == (5, [1, 2, 3, 4, 5])
    assert read("two", Wanted(), full=True) == (0, [1, 2, 3, 4, 5])
    monkeypatch.setattr(headers, "MANY", 2)
    assert read("three", None) == (0, [])
    assert read("three", Wanted()) == (5, [1, 2, 3, 4, 5])


def test_a_pass_that_is_stopped_keeps_the_headers_that_it_read(storage, tmp_path, monkeypatch):
    from automagic.index import headers, merge

    storage(*[data(5029747, t, s) for t in (1, 2) for s in (1, 2, 3)])
    real, count = headers.read_inside, []

    def stop(*words):
        if len(count) == 5:
            raise KeyboardInterrupt
        count.append(1)
        return real(*words)

    monkeypatch.setattr(merge, "AT_ONCE", 2)
    monkeypatch.setattr(headers, "read_inside", stop)
    with pytest.raises(KeyboardInterrupt), updated(tmp_path / ".index", [str(tmp_path / "data")], Wanted()):
        pass
    monkeypatch.undo()
    with updated(tmp_path / ".index", [str(tmp_path / "data")], Wanted()) as (_, done):
        assert done.headers == 2


def test_a_file_whose_inside_is_of_another_run_is_told_and_not_used(storage, tmp_path):
    analysis = storage(data(5029747, 2, 1))
    path = tmp_path / "data" / data(5029747, 1, 1)
    info = RunInfo(5029748, 1, 1, False, "CrabNebula", 83.6, 22.0)
    write_root(path, {"Events": {"A.fB": np.zeros(3)}, "RunHeaders": run_headers(info, 3)})
    (run,) = find_runs(analysis, "observation")
    assert run.ra is None
    assert f"{path.name} is of run 05029748 by what is inside" in run.problems


def test_an_unreadable_file_is_a_problem_of_its_run_alone(storage):
    first, second = find_runs(storage(*[data(n, t, 1) for n in (5029747, 5029748) for t in (1, 2)]), "observation")
    assert sum("cannot be read" in text for text in first.problems) == 2
    assert all("05029748" in text for text in second.problems)


def test_monte_carlo_knows_period_version_and_sample(storage):
    names = [
        f"ST.03.06-Mmcs699/{sample}/calibrated/M{t}/GA_M{t}_za05to35_8_{run}_Y_w0.root"
        for sample, run in (("TRAIN", 1), ("TEST", 2))
        for t in (1, 2)
    ]
    (found,) = find_mc(storage(*names))
    assert (found.name, found.period, found.version, len(found.files)) == ("GA_za05to35_w0", "ST.03.06", "Mmcs699", 4)
    assert {(file.name.run, file.training) for file in found.files} == {(1, True), (2, False)}
    other = [name.replace("03.06-Mmcs699", "03.07-Mmcs700") for name in names]
    assert [(mc.name, mc.period) for mc in find_mc(storage(*other))] == [
        ("GA_za05to35_w0_ST.03.06-Mmcs699", "ST.03.06"),
        ("GA_za05to35_w0_ST.03.07-Mmcs700", "ST.03.07"),
    ]


def test_layouts_of_la_palma_and_a_flat_folder(storage):
    name = "{}_M{}_05029747.001_Y_CrabNebula-W0.40+035.root"
    palma = [f"M{t}/event/Calibrated/2013/10/05/{name.format(20131005, t)}" for t in (1, 2)]
    (run,) = find_runs(storage(*palma), "observation")
    assert (run.version, run.versions, len(run.files), run.night) == (None, (), 2, "2013-10-05")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
@given(
    st.sets(
        st.tuples(st.integers(5029740, 5029743), st.integers(1, 2), st.integers(1, 4), st.sampled_from(["v1", "v2"])),
        max_size=20,
    )
)
def test_any_files_come_back_as_runs_of_one_version(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("any")
    for run, telescope, subrun, version in files:
        path = folder / "data" / data(run, telescope, subrun, version=version)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (folder / "data").mkdir(exist_ok=True)
    (folder / "analysis.toml").write_text(ANALYSIS)
    (folder / "site.toml").write_text("[storage]\nroots = ['data']\n")
    found = find_runs(load(folder), "observation")
    assert [run.run for run in found] == sorted({run for run, *_ in files})
    for run in found:
        newest = max(version for number, _, _, version in files if number == run.run)
        expected = sorted((t, s) for number, t, s, version in files if number == run.run and version == newest)
        assert run.version == newest
        assert [(file.name.telescope, file.name.subrun) for file in run.files] == expected
        told = [text for text in run.problems if "has no calibrated" in text and newest in text]
        assert bool(told) == (len({t for t, _ in expected}) == 1)


def test_the_command_tells_what_there_is_and_what_is_wrong(storage, tmp_path):
    storage(data(5029747, 1, 1), data(5029748, 1, 1), data(5029748, 2, 1), "notes [bold].txt", "a\nb")
    words = ["index", str(tmp_path / "data"), "--into", str(tmp_path / "into"), "--names-only"]
    shown = CliRunner().invoke(main, [*words, "--problems", "--unknown"])
    assert shown.exit_code == 0, shown.output
    assert "3 files of 2 runs in 1 night; 3 new, 0 changed, 0 gone" in shown.output
    assert "run 05029747 has no calibrated file of M2 in version v1" in shown.output
    assert "notes [bold].txt" in shown.output
    assert "a\\nb" in shown.output
    document = json.loads(CliRunner().invoke(main, [*words, "--json"]).output)
    assert (document["files"], document["new"]) == (3, 0)
    assert document["levels"][0] | {"bytes": 0} == {
        "kind": "data", "level": "calibrated", "files": 3, "runs": 2, "nights": 1, "bytes": 0
    }  # fmt: skip
    assert [row["kind"] for row in document["problem_rows"]] == ["telescope"]


def test_the_command_and_an_analysis_share_one_index(storage, tmp_path):
    find_runs(storage(*[data(5029747, t, 1) for t in (1, 2)]), "observation")
    shown = CliRunner().invoke(main, ["index", "--analysis", str(tmp_path), "--json", "--names-only"])
    assert json.loads(shown.output)["folder"] == str(tmp_path / ".index")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "nothing to index"),
        (["nowhere-at-all"], "there is no folder"),
        (["https://me:secret@host/"], "the address cannot be used"),
        (["--analysis", "crab"], "has no storage to index: it is simulated"),
        (["here", "--analysis", "crab"], "either folders or --analysis"),
    ],
)
def test_the_command_says_what_it_needs(words, told):
    shown = CliRunner().invoke(main, ["index", *words])
    assert shown.exit_code == 2
    assert told in shown.output
    assert "secret" not in shown.output
