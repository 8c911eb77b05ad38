"""The automagic command, on an analysis that a toy engine has run."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from automagic.cli import main

TOY = Path(__file__).resolve().parents[1] / "runner" / "toy.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An analysis with a task that is done, one that failed and one that is blocked."""
    spec = importlib.util.spec_from_file_location("toy", TOY)
    toy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(toy)
    folder = tmp_path_factory.mktemp("cli") / "toy"
    tasks = {
        "star:a": {"in": ["a.txt"]},
        "star:b": {"in": ["a.txt"], "card": "Fail: 7\n"},
        "superstar:b": {"in": ["star:b"]},
        "star:c": {"in": ["missing.txt"]},
    }
    toy.make(folder, tasks)
    (folder / "a.txt").write_text("a\n")
    subprocess.run([sys.executable, TOY, f"analysis={folder}"], cwd=TOY.parents[2], check=False, capture_output=True)
    return folder


def call(*words, code=0):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output


def test_query_shows_a_table_csv_or_json(folder):
    sql = "SELECT task, state FROM tasks ORDER BY position"
    rows = json.loads(call("query", folder, sql, "--json"))
    assert [row["state"] for row in rows] == ["done", "failed", "blocked", "failed"]
    assert call("query", folder, sql, "--csv").splitlines()[:2] == ["task,state", "star:a,done"]
    assert "superstar:b" in call("query", folder, sql)


def test_query_tells_what_is_wrong(folder):
    assert "does not understand" in call("query", folder, "SELECT nothing FROM tasks", code=2)
    assert "does not understand" in call("query", folder, "DROP TABLE tasks", code=2)


def test_status_counts_and_names_failures(folder):
    said = call("status", folder).splitlines()
    assert "not running; its last run ended" in said[0]
    assert ["star", "1", "2"] in [line.split()[:3] for line in said]  # of three, one is done and two failed
    at = said.index("1 failed: the program ended with a code that means failure")
    assert said[at + 1].strip().startswith("toy ended with code 7 (no stars)")
    assert said[at + 2 : at + 4] == ["  star:b", f"  → automagic log {folder} star:b"]
    at = next(number for number, line in enumerate(said) if "missing.txt cannot be read" in line)
    assert said[at].startswith("1 failed: ")
    assert said[at + 1] == "  star:c"


def test_status_as_data(folder):
    found = json.loads(call("status", folder, "--json"))
    assert [(row["stage"], row["done"], row["failed"], row["blocked"]) for row in found["stages"]] == [
        ("star", 1, 2, 0),
        ("superstar", 0, 0, 1),
    ]
    assert {group["cause"]: group["tasks"] for group in found["failures"]} == {"exit": ["star:b"], None: ["star:c"]}
    assert found["driver"]["executor"] == "local"


def test_log_of_done_failed_and_never_started_tasks(folder):
    assert "-- star:a done" in call("log", folder, "star:a")
    said = call("log", folder, "star:b")
    assert said.startswith("it broke\n")
    assert "exit code 7" in said
    assert "was not started: star:b failed" in call("log", folder, "superstar:b")
    assert "did you mean 'star:b'?" in call("log", folder, "star:bb", code=2)


def test_unknown_analysis_names_the_closest():
    assert "error: there is no analysis 'crb'" in call("status", "crb", code=2)


@pytest.mark.parametrize("command", [[], ["list"], ["info"]])
def test_what_a_person_did_wrong_is_no_traceback_in_doit_either(tmp_path, command):
    (tmp_path / "analysis.toml").write_text("[source]\nname = 'X'\nra = 400\ndec = 0\n")
    for name, words in [("crb", "did you mean 'crab'"), (tmp_path, "source.ra")]:
        done = subprocess.run(
            [sys.executable, "-m", "doit", *command, f"analysis={name}", "star"],
            cwd=TOY.parents[2], capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert words in done.stderr
        assert "Traceback" not in done.stderr
