"""A quota that is used up is a full disk, wherever it is noticed."""

import contextlib
import errno
import json
import os
from pathlib import Path

import pytest

from automagic.bookkeeping import Folder
from automagic.errors import UserError
from automagic.job import work
from automagic.job.supervise import Outcome
from automagic.runner.drive import broken
from automagic.runner.trouble import in_words
from automagic.staging.groups import said

FULL = [errno.ENOSPC, errno.EDQUOT]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a job in this process, with a stand-in for what runs the program; return the receipt of its failure."""
    monkeypatch.setattr(work, "_stoppable", contextlib.nullcontext)

    def make(supervise):
        monkeypatch.setattr(work, "supervise", supervise)
        spec = {
            "task": "star:1", "action": "abc", "attempt": "1", "program": "star", "engine": "mars",
            "engine_digest": "d", "environment": "host", "command": ["star"], "card": "", "overrides": [],
            "inputs": [], "outputs": [{"name": "x", "level": "star"}], "exit_codes": {}, "tolerated": [],
            "resources": {"disk_mb": 1, "minutes": 1.0}, "variables": {}, "scratch": str(tmp_path / "scratch"),
            "store": str(tmp_path / "done"), "failed": str(tmp_path / "failed"),
        }  # fmt: skip
        work.Job(spec).run()
        return json.loads((tmp_path / "failed" / "receipt.json").read_text())

    return make


def trouble(number):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


def ends(code, words=""):
    def end(command, folder, variables, log, seconds, lifeline):
        Path(log).write_text(words)
        (folder / "out" / "x").write_text("1")
        return Outcome(code, None, 1.0, 1.0, 1.0)

    return end


@pytest.mark.parametrize("number", FULL)
def test_a_log_that_cannot_be_opened(run, number):
    receipt = run(trouble(number))
    assert (receipt["cause"], receipt["reason"][:17]) == ("disk", "the disk is full:")


@pytest.mark.parametrize("words", ["cp: No space left on device", "cp: Disk quota exceeded"])
def test_a_program_that_says_so(run, words):
    assert run(ends(1, words))["cause"] == "disk"


@pytest.mark.parametrize("number", [*FULL, errno.EIO])
def test_a_program_that_says_nothing(run, monkeypatch, number):
    """The file system has room, but not for us: only writing tells."""
    fsync = os.fsync

    def full(descriptor):
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith("/probe"):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(work.os, "fsync", full)
    assert run(ends(3))["cause"] == ("exit" if number == errno.EIO else "disk")


def test_a_failure_on_a_disk_with_room_is_none_of_the_disk(run):
    assert run(ends(3))["cause"] == "exit"


@pytest.mark.parametrize("number", FULL)
def test_products_that_cannot_be_brought_to_the_disk(run, monkeypatch, number):
    """Over NFS that is where a full disk shows first."""
    monkeypatch.setattr("automagic.job.publish.sync_folder", Once(number))
    assert run(ends(0))["cause"] == "disk"


class Once:
    def __init__(self, number):
        self.number = number

    def __call__(self, path):
        if self.number:
            number, self.number = self.number, 0
            raise OSError(number, os.strerror(number), str(path))


@pytest.mark.parametrize("number", FULL)
def test_the_driver_and_the_stager_say_the_same(tmp_path, number):
    error = OSError(number, os.strerror(number))
    told = broken(error, Folder(tmp_path))
    assert isinstance(told, UserError)
    assert told.message.startswith("the disk is full: ")
    assert in_words(error, tmp_path) == f"the disk is full: {tmp_path} could not be written"
    assert said(error) == "the disk is full"
