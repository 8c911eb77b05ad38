"""From raw files to superstar: the tasks of each subrun and telescope, what is missing, and remote storage."""

from dataclasses import replace
from pathlib import Path

import pytest

from automagic.analysis import load
from automagic.graph.build import Build
from automagic.graph.data import superstar_input
from automagic.index import DataFile, Run
from automagic.naming import DataName
from automagic.programs import Setup

ROOT = Path(__file__).parents[2]
RUN = 5029747


def files(run, level, subruns=(1, 2), **where):
    return tuple(
        DataFile(
            DataName("20131005", run, level, "CrabNebula", "W0.40+035", telescope, subrun), **(where or at(run, level))
        )
        for telescope in (1, 2)
        for subrun in subruns
    )


def at(run, level):
    return {"path": Path(f"/storage/{run}/{level}"), "size": 1000}


def raw_run(**changes):
    run = Run(
        run=RUN, night="2013-10-05", source="CrabNebula", wobble="W0.40+035", level="raw", files=files(RUN, "raw"),
        reports=files(RUN, "report"), pedestal=files(RUN - 2, "pedestal", (1,)),
        calibration=files(RUN - 1, "calibration", (1,)),
    )  # fmt: skip
    return replace(run, **changes)


@pytest.fixture
def build(tmp_path):
    (tmp_path / "analysis.toml").write_text("[source]\nname = 'CrabNebula'\nra = 83.6\ndec = 22.0\n")
    return Build(load(tmp_path), Setup("openmars", ROOT / "openmars", ROOT / "openmars"))


def expanded(build, *runs):
    for run in runs:
        superstar_input(build, run, "data", {})
    return build.tasks


def test_each_subrun_and_telescope_is_calibrated_and_merged_by_itself(build):
    tasks = expanded(build, raw_run())
    assert list(tasks) == [
        "constants:05029745_05029746.M1",
        "sorcerer:05029747.001.M1",
        "merpp:05029747.001.M1",
        "sorcerer:05029747.002.M1",
        "merpp:05029747.002.M1",
        "star:05029747.M1",
        "constants:05029745_05029746.M2",
        "sorcerer:05029747.001.M2",
        "merpp:05029747.001.M2",
        "sorcerer:05029747.002.M2",
        "merpp:05029747.002.M2",
        "star:05029747.M2",
        "superstar:05029747",
    ]
    star = tasks["star:05029747.M2"]
    assert [each.task for each in star.inputs] == ["merpp:05029747.001.M2", "merpp:05029747.002.M2"]
    assert all(task.problem is None for task in tasks.values())


def test_a_telescope_never_gets_the_files_of_the_other(build):
    for task in expanded(build, raw_run()).values():
        if task.stage in ("constants", "sorcerer", "merpp", "star"):
            names = [each.name for each in (*task.inputs, *task.outputs)]
            other = 3 - task.conditions["telescope"]
            assert not [name for name in names if f"M{other}" in name]


def test_merpp_works_on_a_copy_and_makes_the_file_of_the_same_name(build):
    task = expanded(build, raw_run())["merpp:05029747.001.M1"]
    calibrated, report = task.inputs
    assert calibrated.copy
    assert not report.copy
    assert task.arguments[-2:] == (f"in/report/{report.name}", f"out/{calibrated.name}")
    assert task.outputs[0].name == calibrated.name
    assert task.tolerated == {23}
    assert {25, 254, 255} <= set(task.exit_codes)


def test_too_few_interleaved_events_are_tolerated_in_data_and_not_in_constants(build):
    tasks = expanded(build, raw_run())
    data, constants = tasks["sorcerer:05029747.001.M1"], tasks["constants:05029745_05029746.M1"]
    assert data.tolerated == {2}
    assert "interleaved" in data.exit_codes[2]
    assert constants.tolerated == set()
    assert "interleaved" not in constants.exit_codes[2]


def test_runs_with_the_same_calibration_share_their_constants(build):
    second = raw_run(run=RUN + 1, files=files(RUN + 1, "raw", (1,)), reports=files(RUN + 1, "report", (1,)))
    third = replace(second, run=RUN + 2, pedestal=files(RUN + 5, "pedestal", (1,)), files=files(RUN + 2, "raw", (1,)))
    tasks = expanded(build, raw_run(), second, third)
    assert [name for name in tasks if name.startswith("constants:") and name.endswith("M1")] == [
        "constants:05029745_05029746.M1",
        "constants:05029752_05029746.M1",
    ]
    assert tasks["sorcerer:05029748.001.M1"].inputs[1].task == "constants:05029745_05029746.M1"
    assert tasks["sorcerer:05029749.001.M1"].inputs[1].task == "constants:05029752_05029746.M1"
    links = [output.link for task in tasks.values() for output in task.outputs]
    assert len(links) == len(set(links))


def test_inputs_are_checked_for_their_kind(build):
    tasks = expanded(build, raw_run())
    pedestal, calibration = tasks["constants:05029745_05029746.M1"].inputs
    assert (pedestal.checks["run_type"], calibration.checks["run_type"]) == (1, 2)
    data = tasks["sorcerer:05029747.001.M1"].inputs[0]
    assert data.checks["run_type"] == 0
    assert data.checks["run"] == RUN
    assert tasks["merpp:05029747.001.M1"].inputs[1].checks == {"min_bytes": 1}


@pytest.mark.parametrize("kind", ["pedestal", "calibration"])
def test_a_run_without_calibration_stops_and_stops_no_other(build, kind):
    other = raw_run(run=RUN + 1, files=files(RUN + 1, "raw"), reports=files(RUN + 1, "report"))
    tasks = expanded(build, raw_run(**{kind: ()}), other)
    stopped = {name: task.problem for name, task in tasks.items() if task.problem}
    assert set(stopped) == {f"sorcerer:05029747.00{s}.M{t}" for s in (1, 2) for t in (1, 2)}
    assert f"run 05029747 cannot be calibrated: M1 has no {kind} run" in stopped["sorcerer:05029747.001.M1"]


@pytest.mark.parametrize(("size", "word"), [(0, "empty"), (None, "missing")])
def test_a_missing_or_empty_report_is_named(build, size, word):
    reports = list(files(RUN, "report"))
    if size is None:
        del reports[1]
    else:
        reports[1] = replace(reports[1], size=size)
    tasks = expanded(build, raw_run(reports=tuple(reports)))
    stopped = {name: task.problem for name, task in tasks.items() if task.problem}
    assert set(stopped) == {"merpp:05029747.002.M1"}
    said = f"the report 20131005_M1_05029747.002_D_CrabNebula-W0.40+035.rep is {word}"
    assert stopped["merpp:05029747.002.M1"].startswith(said)


def test_files_of_the_data_acquisition_keep_their_extension(build):
    raw = tuple(replace(each, name=replace(each.name, extension=".raw.gz")) for each in files(RUN, "raw"))
    task = expanded(build, raw_run(files=raw))["sorcerer:05029747.001.M1"]
    assert "--ind=in/raw/*_D_*.raw.gz" in task.arguments
    assert task.outputs[0].name == "20131005_M1_05029747.001_Y_CrabNebula-W0.40+035.root"
    assert "root" not in task.inputs[0].checks


def test_remote_files_are_staged_by_run_and_telescope(build):
    far = {"url": "https://data.example/x", "size": 7, "place": "tape"}
    run = raw_run(
        files=files(RUN, "raw", **far),
        reports=files(RUN, "report", **far),
        pedestal=files(RUN - 2, "pedestal", (1,), **far),
    )
    tasks = expanded(build, run)
    stage = {name: task for name, task in tasks.items() if task.stage == "stage"}
    assert set(stage) == {f"stage:{run:08d}.M{t}" for run in (RUN, RUN - 2) for t in (1, 2)}
    one = stage["stage:05029747.M1"]
    assert [source.name for source in one.sources] == [output.name for output in one.outputs]
    assert len(one.sources) == 4
    assert {(source.url, source.size, source.place) for source in one.sources} == {
        ("https://data.example/x", 7, "tape")
    }
    assert {output.link for output in one.outputs} == {""}
    assert tasks["sorcerer:05029747.001.M1"].upstream == ("stage:05029747.M1", "constants:05029745_05029746.M1")
    assert tasks["merpp:05029747.001.M1"].inputs[1].task == "stage:05029747.M1"
    assert tasks["constants:05029745_05029746.M1"].upstream == ("stage:05029745.M1",)
