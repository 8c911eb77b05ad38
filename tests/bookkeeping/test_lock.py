"""One driver at a time: what the second one is told, locks that are taken away, and file systems without locks."""

import errno
import fcntl
import json
import os
import platform
import subprocess
import sys

import pytest

from automagic.bookkeeping import Folder, lock
from automagic.bookkeeping.folder import ANALYSES
from automagic.bookkeeping.lock import hold, is_dead, is_held, put_aside, read_holder
from automagic.errors import UserError

NOBODY = 2**22 + 1
"""No process has this number."""


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "crab")


def second(folder, **who):
    """Return what a second driver is told, where the holder wrote these things about itself."""
    with hold(folder):
        folder.lock.write_text(json.dumps(read_holder(folder) | who))
        with pytest.raises(UserError) as caught, hold(folder):
            pass
    return caught.value


def test_a_second_driver_is_told_who_holds_it_and_what_to_do(folder):
    told = second(folder)
    assert told.message.startswith("the analysis crab is already being run by ")
    assert f"on {platform.node()} since 20" in told.message
    assert told.message.endswith(f" UTC (process {os.getpid()})")
    assert "Wait for it to end" in told.hint
    assert "Ctrl-C there" in told.hint
    assert f"automagic stop {folder.root}" in told.hint
    assert "unlock" not in told.hint, "the lock goes with the process, and that lives"


def test_on_another_host_it_may_be_dead(folder):
    told = second(folder, host="node7")
    assert "on node7 since" in told.message
    assert "Ctrl-C there" in told.hint
    assert told.hint.endswith(f"If node7 is dead and the lock stays: automagic unlock {folder.root}")


def test_a_detached_driver_has_no_terminal(folder, monkeypatch):
    monkeypatch.setenv("AUTOMAGIC_DETACHED", "1")
    told = second(folder)
    assert told.message.endswith(f"(process {os.getpid()}, detached)")
    assert f"automagic attach {folder.root}" in told.hint
    assert f"automagic stop {folder.root}" in told.hint
    assert "Ctrl-C" not in told.hint


def test_a_process_of_this_host_that_is_gone_is_said_to_be(folder):
    assert f"not there any more: automagic unlock {folder.root}" in second(folder, process=NOBODY).hint


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"host": "node7"}'])
def test_a_holder_that_wrote_nothing_whole_is_another_process(folder, text):
    with hold(folder):
        folder.lock.write_text(text)
        with pytest.raises(UserError, match="already being run by another process") as caught, hold(folder):
            pass
    assert "automagic unlock" in caught.value.hint


def test_who_holds_it_is_on_the_server_at_once(folder, monkeypatch):
    """Over NFS what is not synced is seen by others only when the file is closed."""
    synced = []
    monkeypatch.setattr(lock.os, "fsync", lambda number: synced.append(os.fstat(number).st_size))
    with hold(folder):
        assert synced == [folder.lock.stat().st_size]


def test_analyses_of_the_project_are_called_by_their_names():
    assert Folder(ANALYSES / "crab").label == "crab"
    assert Folder(ANALYSES.parent / "my crab").label == f"'{ANALYSES.parent}/my crab'"


# --- a lock that is taken away


def test_a_driver_notices_that_its_lock_was_taken_away(folder):
    with hold(folder) as held:
        held.check()
        aside = put_aside(folder)
        for taken in (False, True):
            if taken:
                folder.lock.touch()
            with pytest.raises(UserError, match="crab: the lock of this driver was taken away"):
                held.check()
    assert aside.name.startswith("lock.broken-")
    assert json.loads(aside.read_text())["process"] == os.getpid(), "it still tells whose it was"


def test_after_that_another_driver_takes_a_lock_of_its_own(folder):
    with hold(folder) as first:
        put_aside(folder)
        with hold(folder) as other:
            other.check()
            assert not first.is_there()
            with pytest.raises(UserError, match="already being run"), hold(folder):
                pass
    assert not is_held(folder)


def test_the_file_server_is_asked_whether_the_lock_is_there(folder, monkeypatch):
    asked = []
    with hold(folder) as held:
        monkeypatch.setattr(lock, "look_again", asked.append)
        held.check()
        assert asked == [folder.journal]


def test_no_answer_is_no_proof_that_a_lock_was_taken_away(folder, monkeypatch):
    def trouble(path):
        raise OSError(errno.EIO, "Input/output error")

    with hold(folder) as held, monkeypatch.context() as patch:
        patch.setattr(lock.os, "stat", trouble)
        held.check()


def test_a_lock_put_aside_between_opening_and_locking_is_not_taken_for_ours(folder, monkeypatch):
    flock, todo = fcntl.flock, [lambda: put_aside(folder)]

    def late(file, how):
        if todo:
            todo.pop()()
        flock(file, how)

    monkeypatch.setattr(lock.fcntl, "flock", late)
    with hold(folder) as held:
        held.check()
        assert not todo


# --- who is dead


def test_a_process_that_lives_here_and_has_a_lock_is_not_dead(folder):
    with hold(folder):
        assert not is_dead(read_holder(folder))
    assert is_dead({"host": platform.node(), "process": NOBODY})
    assert not is_dead({"host": "node7", "process": NOBODY}), "nobody here can know"
    assert not is_dead({})


@pytest.mark.skipif(not os.path.exists("/proc/locks"), reason="this system does not tell who has locks")
def test_a_number_that_another_process_has_by_now_is_no_holder(folder):
    with hold(folder):
        other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        try:
            assert is_dead({"host": platform.node(), "process": other.pid})
        finally:
            other.communicate(b"\n")


# --- file systems


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_told(folder, monkeypatch, number):
    def none(file, how):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(lock.fcntl, "flock", none)
    with pytest.raises(UserError) as caught, hold(folder):
        pass
    assert caught.value.message == f"files cannot be locked in {folder.journal}: {os.strerror(number)}"
    assert "another file system" in caught.value.hint
    assert "mounted with locks" in caught.value.hint
    assert not is_held(folder)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "lock cannot be written: Permission denied"),
        (errno.EROFS, "lock cannot be written: Read-only file system"),
        (errno.ENOSPC, "the disk is full: "),
        (errno.EDQUOT, "the disk is full: "),
    ],
)
@pytest.mark.parametrize("call", ["open", "fsync"])
def test_a_folder_that_cannot_be_written_is_told(folder, monkeypatch, number, words, call):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    folder.journal.mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setattr(lock if call == "open" else lock.os, call, refuse, raising=False)
        with pytest.raises(UserError, match=words), hold(folder):
            pass
    assert not is_held(folder)
