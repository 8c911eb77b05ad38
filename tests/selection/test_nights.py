"""The demo nights: simulated storage in which much went wrong; what is taken of it, and why the rest is not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from automagic.analysis import load
from automagic.graph import expand
from automagic.index import find_mc, find_runs
from automagic.index.find import all_roots
from automagic.index.update import updated
from automagic.selection import select
from automagic.selection.choose import select_off
from automagic.selection.matching import match

ROOT = Path(__file__).parents[2]
NIGHTS = ROOT / "analyses" / "crab-nights"

CAUSES = {
    5029747: None,
    5029748: None,
    5029749: "cloudiness",
    5029750: "telescope",
    5029801: "transmission",
    5029802: None,
    5029803: "nsb",
    5029804: "hv",
    5029901: "zenith",
    5029902: None,
    5029903: None,
    5029904: None,
    5029905: None,
    5029906: None,
    5029907: "trigger",
}
"""Each run of the source, and the one thing that was planted against it."""


@pytest.fixture(scope="module")
def analysis(tmp_path_factory):
    """The demo analysis, its storage simulated with runs of 12 s."""
    folder = tmp_path_factory.mktemp("nights") / "crab-nights"
    folder.mkdir()
    for name in ("analysis.toml", "site.toml"):
        shutil.copyfile(NIGHTS / name, folder / name)
    plan = (NIGHTS / "plan.toml").read_text()
    assert "seconds = 30" in plan
    (folder / "plan.toml").write_text(plan.replace("seconds = 30", "seconds = 12"))
    words = [ROOT / "openmars" / "openmars-sim", f"--plan={folder / 'plan.toml'}", f"--out={folder / 'storage'}"]
    done = subprocess.run(
        words, env={**os.environ, "OPENMARS_PYTHON": sys.executable}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return load(folder)


@pytest.fixture(scope="module")
def found(analysis):
    return find_runs(analysis, "observation")


@pytest.fixture(scope="module")
def selection(analysis, found):
    return select(analysis, found)


def test_each_run_is_taken_or_left_out_for_what_was_planted(selection):
    assert {row["run"]: row["cause"] for row in selection.rows()} == CAUSES


def test_the_reasons_are_sentences_with_what_was_found_and_what_is_usual(selection):
    reasons = {row["run"]: row["reason"] for row in selection.rows() if not row["taken"]}
    assert "62 %" in reasons[5029749]
    assert "45 %" in reasons[5029749]
    assert "no calibrated file of M2" in reasons[5029750]
    assert "0.62" in reasons[5029801]
    assert "4.5" in reasons[5029803]
    assert "reduced" in reasons[5029804]
    assert "59" in reasons[5029901]
    assert "sumt" in reasons[5029907]


def test_files_tell_the_conditions_that_were_simulated(found):
    runs = {run.run: run for run in found}
    light = {number: runs[number].nsb for number in (5029747, 5029802, 5029803)}
    assert light == pytest.approx({5029747: 1.0, 5029802: 1.5, 5029803: 4.5}, rel=0.05)
    # the current is lower with less gain, the light is not
    assert runs[5029804].nsb == pytest.approx(1.2, rel=0.05)
    assert runs[5029801].transmission == pytest.approx(0.62, abs=0.03)
    assert runs[5029749].cloudiness == pytest.approx(62, abs=3)
    assert runs[5029747].minutes == pytest.approx(0.2, abs=0.02)


def test_what_is_unusual_about_runs_that_are_taken_is_said(selection):
    said = {row["run"]: row["remarks"] for row in selection.rows() if row["remarks"]}
    assert set(said) == {5029903, 5029904, 5029905}
    assert "v1, v2" in said[5029903]
    assert "neither telescope has subrun 002" in said[5029904]
    assert "M2 lacks subrun 003" in said[5029905]


def test_of_two_versions_the_newer_is_read_and_never_both(selection):
    (doubled,) = (run for run in selection.runs if run.run == 5029903)
    assert len(doubled.files) == 4
    assert all("/v2/" in str(file.path) for file in doubled.files)


def test_the_run_without_monte_carlo_is_named_and_the_others_have_theirs(analysis, selection):
    off = select_off(analysis, find_runs(analysis, "off"))
    assert [run.run for run in off.runs] == [5029951]
    groups = match(selection.runs, find_mc(analysis), off.runs, "w0")
    with_mc = {run.run for group in groups if group.mc is not None for run in group.runs}
    without = {run.run: group.problem for group in groups if group.mc is None for run in group.runs}
    assert with_mc == {number for number, cause in CAUSES.items() if cause is None} - {5029902}
    assert set(without) == {5029902}
    assert "no Monte Carlo covers the zenith distance" in without[5029902]
    assert [run.run for group in groups if group.mc for run in group.off] == [5029951]


def test_every_planted_defect_is_a_problem_of_the_index_and_nothing_else(analysis):
    with updated(analysis.site.index_folder(), all_roots(analysis.site)) as (connection, _):
        rows = connection.execute("SELECT DISTINCT run, kind FROM problems").fetchall()
    runs = {run for run, _ in rows}
    assert runs == {5029750, 5029903, 5029904, 5029905, 5029906}
    assert len(rows) == 5


def test_the_graph_holds_what_was_selected(analysis):
    graph = expand(analysis)
    assert {row["run"]: row["cause"] for row in graph.selection} == CAUSES
    stars = {name for name in graph.tasks if name.startswith("star:0")}
    taken = {number for number, cause in CAUSES.items() if cause is None} | {5029951}
    assert stars == {f"star:{number:08d}.M{t}" for number in taken for t in (1, 2)}
    stopped = {name for name, task in graph.tasks.items() if task.problem}
    assert stopped == {"melibea:05029902", "magic_dl3:05029902"}
