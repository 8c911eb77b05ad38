"""Stored raw runs through the real programs to superstar: sound ones, a broken report, an empty one, no calibration."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from automagic.bookkeeping import Folder
from automagic.bookkeeping.catalog import connect

ROOT = Path(__file__).parents[2]
PLAN = """
level = "raw"
seed = 3
seconds = 15
subruns = 1
background = 0.05
[[calibration]]
pedestal = 5029745
calibration = 5029746
start = 2013-10-05T03:50:00Z
[[runs]]
run = 5029747
start = 2013-10-05T03:55:00Z
[[runs]]
run = 5029748
start = 2013-10-05T04:00:00Z
report = "broken"
[[runs]]
run = 5029749
start = 2013-10-05T04:05:00Z
report = "empty"
[[runs]]
run = 5029750
start = 2013-10-06T04:05:00Z
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """An analysis of planted raw storage, run up to superstar; and what doit said."""
    folder = tmp_path_factory.mktemp("raw") / "chain"
    folder.mkdir()
    (folder / "plan.toml").write_text(PLAN)
    source = "[source]\nname = 'CrabNebula'\nra = 83.6333\ndec = 22.0145\n"
    (folder / "analysis.toml").write_text(f"{source}[data]\nfrom = 'raw'\n")
    (folder / "site.toml").write_text("[storage]\nroots = ['storage']\n[local]\ncores = 2\n")
    env = {**os.environ, "OPENMARS_PYTHON": sys.executable}
    sim = [ROOT / "openmars" / "openmars-sim", f"--plan={folder / 'plan.toml'}", f"--out={folder / 'storage'}"]
    done = subprocess.run(sim, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    words = [sys.executable, "-m", "doit", f"analysis={folder}", "superstar"]
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    return folder, done


def ask(folder, sql):
    with connect(Folder(folder)) as connection:
        return connection.execute(sql).fetchall()


def test_sound_runs_reach_superstar_and_the_others_were_left_out_before(ran):
    folder, done = ran
    assert done.returncode == 0, done.stdout + done.stderr
    states = dict(ask(folder, "SELECT task, state FROM tasks WHERE stage = 'superstar'"))
    assert states == {"superstar:05029747": "done", "superstar:05029748": "done"}
    reasons = dict(ask(folder, "SELECT run, reason FROM selection WHERE NOT taken"))
    assert reasons == {
        5029749: "the report of subrun 001 of M1, 001 of M2 is missing or empty",
        5029750: "M1 has no pedestal run of its night, 2013-10-06",
    }


def test_a_broken_report_is_tolerated_and_recorded(ran):
    folder, _ = ran
    codes = ask(
        folder,
        "SELECT task, exit_code, remark FROM jobs WHERE task LIKE 'merpp:%' AND state = 'done' ORDER BY task",
    )
    broken = "broken lines in the report"
    assert codes == [
        ("merpp:05029747.001.M1", 0, None),
        ("merpp:05029747.001.M2", 0, None),
        ("merpp:05029748.001.M1", 23, broken),
        ("merpp:05029748.001.M2", 23, broken),
    ]


def test_merpp_changed_a_copy_and_left_what_sorcerer_made(ran):
    from automagic.rootfile import trees

    folder, _ = ran
    name = "20131005_M1_05029747.001_Y_CrabNebula-W0.40+035.root"
    before, after = (trees(folder / "products" / kind / name) for kind in ("sorcerer", "calibrated"))
    assert "Drive" not in before
    assert after["Drive"].entries >= 3
    assert before["Events"].entries == after["Events"].entries
    (row,) = ask(
        folder,
        "SELECT p.sha256 = l.sha256 FROM products p JOIN lineage l USING (name) "
        "WHERE p.task = 'sorcerer:05029747.001.M1' AND l.task = 'merpp:05029747.001.M1'",
    )
    assert row == (True,)


def test_a_second_time_nothing_runs(ran):
    folder, _ = ran
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "store").glob("*/*")}
    words = [sys.executable, "-m", "doit", f"analysis={folder}", "superstar"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert before == {path.name: path.stat().st_mtime_ns for path in (folder / "store").glob("*/*")}
    attempts = ask(folder, "SELECT count(*) FROM jobs WHERE state = 'done'")[0][0]
    done_tasks = ask(folder, "SELECT count(*) FROM tasks WHERE state = 'done'")[0][0]
    assert attempts == done_tasks
