"""A rename over NFS: what worked and was told as an error, what did not work, and what is somebody else's."""

import errno
import json
import os
import shutil

import pytest

from automagic.job import publish as module
from automagic.job.publish import TRIES, move, publish


class Server:
    """Renames as over NFS: the first `bad` of them end with an error, and `work` or do nothing."""

    def __init__(self, number, work, bad=1):
        self.number, self.work, self.bad = number, work, bad
        self.rename = os.rename

    def __call__(self, source, target):
        self.bad -= 1
        if self.bad < 0 or self.work:
            self.rename(source, target)
        if self.bad >= 0:
            raise OSError(self.number, os.strerror(self.number), os.fspath(source))


@pytest.fixture
def server(monkeypatch):
    def make(*about, **more):
        monkeypatch.setattr(module.os, "rename", Server(*about, **more))

    return make


@pytest.fixture
def folder(tmp_path):
    """`folder(name, attempt)` makes a folder with a receipt."""

    def make(name, attempt="1"):
        place = tmp_path / name
        place.mkdir(parents=True)
        (place / "receipt.json").write_text(json.dumps({"attempt": attempt}))
        return place

    return make


def attempt(place):
    return json.loads((place / "receipt.json").read_text())["attempt"]


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ESTALE])
@pytest.mark.parametrize("work", [True, False])
@pytest.mark.parametrize("replace", [True, False])
def test_a_folder_is_placed_whatever_the_server_says_once(folder, server, tmp_path, number, work, replace):
    source, target = folder("work/1/done"), tmp_path / "store" / "ab" / "abc"
    server(number, work)
    assert publish(source, target, "1", replace) is True
    assert attempt(target) == "1"
    assert not source.exists()


def test_the_folder_of_a_faster_attempt_is_not_taken_for_this_one(folder, server, tmp_path):
    source, target = folder("work/2/done", "2"), folder("store/ab/abc", "1")
    server(errno.ESTALE, work=False)
    assert publish(source, target, "2") is False
    assert (attempt(source), attempt(target)) == ("2", "1")


def test_a_folder_that_is_gone_while_another_is_there_is_an_error(folder, monkeypatch):
    source, target = folder("work/2/done", "2"), folder("store/ab/abc", "1")

    def lose(one, other):
        shutil.rmtree(source)
        raise FileNotFoundError(errno.ENOENT, "gone", str(one))

    monkeypatch.setattr(module.os, "rename", lose)
    with pytest.raises(FileNotFoundError):
        publish(source, target, "2")
    assert attempt(target) == "1"


def test_what_never_works_is_an_error_and_nothing_is_lost(folder, server, tmp_path):
    source = folder("work/1/done")
    server(errno.ESTALE, work=False, bad=TRIES)
    with pytest.raises(OSError, match=r"[Ss]tale"):
        publish(source, tmp_path / "store" / "ab" / "abc", "1")
    assert attempt(source) == "1"


def test_other_errors_are_not_tried_again(folder, server, tmp_path):
    server(errno.EACCES, work=False)
    with pytest.raises(PermissionError):
        publish(folder("work/1/done"), tmp_path / "store" / "abc", "1")


def test_a_copy_from_another_file_system_is_placed_in_the_same_way(folder, monkeypatch, tmp_path):
    source, target, rename = folder("work/1/done"), tmp_path / "store" / "abc", os.rename

    def other(one, two):
        if one == source:
            raise OSError(errno.EXDEV, "another file system")
        rename(one, two)
        raise FileNotFoundError(errno.ENOENT, "sent twice")

    monkeypatch.setattr(module.os, "rename", other)
    assert publish(source, target, "1") is True
    assert attempt(target) == "1"


def test_an_older_failure_that_somebody_reads_gives_way(folder, monkeypatch):
    """Over NFS a file that is open becomes ``.nfs…`` when it is removed, and its folder cannot be."""
    source, target, rmtree = folder("work/2/failed", "2"), folder("failed/ab/abc", "1"), shutil.rmtree

    def held(place, ignore_errors=False):
        if ignore_errors:
            return
        raise OSError(errno.ENOTEMPTY, "Directory not empty")

    monkeypatch.setattr(module.shutil, "rmtree", held)
    assert publish(source, target, "2", replace=True) is True
    assert attempt(target) == "2"
    rmtree(target)


def test_the_server_is_asked_before_anything_is_believed(folder, server, monkeypatch):
    """A client that remembers what was there would take a rename that worked for one that did not."""
    source, asked = folder("work/1/done"), []
    monkeypatch.setattr(module, "look_again", asked.append)
    server(errno.ENOENT, work=True)
    move(source, source.parent.parent / "done")
    assert asked == [source.parent, source.parent.parent]
