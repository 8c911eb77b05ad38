"""``automagic diff``: what it prints, and its exit codes."""

import json

import pytest
from click.testing import CliRunner

from automagic.cli import main


@pytest.fixture
def diff(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    contents = {"a.json": '{"a": 1}', "copy.json": '{"a": 1}', "spaced.json": '{ "a": 1 }', "b.json": '{"a": 2}'}
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "bad.root").write_bytes(b"root" + bytes(50))
    (tmp_path / "bad2.root").write_bytes(b"root" + bytes(60))
    return lambda *words: CliRunner().invoke(main, ["diff", *words])


def test_words_and_exit_codes(diff):
    result = diff("a.json", "copy.json")
    assert (result.exit_code, result.stdout) == (0, "a.json and copy.json are identical\n")
    result = diff("a.json", "spaced.json")
    assert result.exit_code == 0
    assert result.stdout.startswith("a.json and spaced.json are identical in content: only spaces")
    result = diff("a.json", "b.json")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "a.json (A) and b.json (B) differ (JSON):",
        """  line 1: '{"a": 1}' in A, '{"a": 2}' in B""",
    ]


def test_errors_of_a_user(diff):
    result = diff("a.json", "missing.json")
    assert (result.exit_code, result.stderr) == (2, "error: missing.json: there is no such file or folder\n")
    result = diff("bad.root", "bad2.root")
    assert result.exit_code == 2
    assert "bad.root cannot be read as ROOT: its header makes no sense" in result.stdout
    assert "length: 54 bytes in A, 64 bytes in B" in result.stdout


def test_json(diff):
    result = diff("--json", "a.json", "b.json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["verdict"], told["kind"], told["found"]) == (1, "differs", "JSON", 1)
    assert told["findings"][0]["line"] == 1


def test_folders_are_counted(diff, tmp_path):
    for side in "AB":
        (tmp_path / side).mkdir()
        (tmp_path / side / "same").write_text("x")
        (tmp_path / side / "other").write_text(side)
    result = diff("A", "B")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "A (A) and B (B) differ (folder; of 2 files in both 1 differ, 1 are identical):",
        "  other: line 1: 'A' in A, 'B' in B",
    ]
