"""``automagic unlock``: it shows who holds an analysis, and leaves those alone who live."""

import json
import os
import platform

import pytest
from click.testing import CliRunner

from automagic.bookkeeping import Folder, hold
from automagic.bookkeeping.lock import is_held, read_holder
from automagic.cli import main
from tests.bookkeeping.test_lock import NOBODY


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "analysis.toml").touch()
    return Folder(tmp_path)


def call(folder, *words, answer=None, code=0):
    result = CliRunner().invoke(main, ["unlock", str(folder.root), *words], input=answer)
    assert result.exit_code == code, result.output
    return result.output


def pretend(folder, **who):
    folder.lock.write_text(json.dumps(read_holder(folder) | who))


def aside(folder):
    return [path.name for path in folder.journal.glob("lock.broken-*")]


def test_nothing_is_done_where_nobody_holds_it(folder):
    assert "is not locked" in call(folder)
    with hold(folder):
        pass
    assert "is not locked" in call(folder, "--yes")
    assert not aside(folder)


def test_a_process_that_lives_here_keeps_its_lock(folder):
    with hold(folder) as held:
        said = call(folder, "--yes", code=2)
        assert f"process {os.getpid()} lives here, on {platform.node()}: its lock stays" in said
        assert f"automagic stop {folder.root}" in said
        held.check()


def test_the_lock_of_another_host_is_put_aside_after_a_question(folder):
    with hold(folder) as held:
        pretend(folder, host="node7", user="me")
        said = call(folder, answer="n\n", code=1)
        assert "is being run by me on node7 since 20" in said
        held.check()
        said = call(folder, answer="y\n")
        assert not held.is_there()
        assert aside(folder)[0] in said
        assert json.loads((folder.journal / aside(folder)[0]).read_text())["host"] == "node7"
        assert not is_held(folder)
        with hold(folder):
            assert is_held(folder)


def test_with_yes_nothing_is_asked(folder):
    with hold(folder) as held:
        pretend(folder, host="node7")
        call(folder, "--yes")
        assert not held.is_there()


def test_a_lock_that_outlived_its_process_here_is_put_aside(folder):
    with hold(folder) as held:
        pretend(folder, process=NOBODY)
        call(folder, "--yes")
        assert not held.is_there()


def test_a_holder_that_told_nothing_is_put_aside_after_a_question(folder):
    with hold(folder) as held:
        folder.lock.write_text("")
        assert "by another process" in call(folder, answer="n\n", code=1)
        held.check()


def test_a_lock_that_changes_hands_during_the_question_stays(folder, monkeypatch):
    with hold(folder) as held:
        pretend(folder, host="node7")
        monkeypatch.setattr("click.confirm", lambda *_, **__: pretend(folder, host="node8"))
        assert "has changed hands" in call(folder, code=2)
        held.check()
