"""The shared store: what is offered, taken, refused; nobody can change what another has made."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bookkeeping"))
from small import Small, task

from automagic.bookkeeping import Folder, HashCache
from automagic.bookkeeping import store as own_store
from automagic.sharing import store as library
from automagic.sharing.store import ADDED, DAMAGED, DIFFERS, REFUSED, SAME, SharedStore
from bench.users import set_up

FILE = "star-1.txt"


class Maker:
    """An analysis that has done one task."""

    def __init__(self, root, content=None):
        root.mkdir()
        (root / "raw.txt").write_text("raw\n")
        self.small = Small(root, [task("star:1", str(root / "raw.txt"))])
        self.small.done("star:1", content=content)
        self.action = self.small.action("star:1")
        self.entry = self.small.folder.action(self.action)
        for path in self.entry.iterdir():
            path.chmod(0o444)
        self.hashes = HashCache(None, root)

    def offer(self, shared):
        return shared.offer(self.entry, self.action, self.hashes)


@pytest.fixture
def shared(tmp_path):
    set_up(tmp_path / "shared")
    return SharedStore(tmp_path / "shared")


@pytest.fixture
def maker(tmp_path):
    return Maker(tmp_path / "maker")


@pytest.fixture
def taker(tmp_path):
    folder = Folder(tmp_path / "taker")
    folder.root.mkdir()
    own = HashCache(None, folder.root)
    return lambda shared, action: shared.take(action, folder.action(action), own)


def test_what_is_offered_can_be_taken_and_nothing_of_it_can_be_written(shared, maker, taker):
    assert maker.offer(shared).state == ADDED
    entry = shared.entry(maker.action)
    assert {oct(p.stat().st_mode & 0o777) for p in entry.iterdir()} == {"0o444"}
    assert oct(entry.stat().st_mode & 0o777) == "0o555"
    assert shared.look(maker.action)["action"] == maker.action
    found, _ = taker(shared, maker.action)
    assert (found.how, found.reason) == ("link", "")
    assert not list((shared.root / ".incoming").iterdir())
    assert maker.offer(shared).state == SAME


def test_an_entry_of_another_user_is_copied_and_never_linked(shared, maker, taker, monkeypatch):
    maker.offer(shared)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    found, owner = taker(shared, maker.action)
    assert found.how == "copy"
    assert owner == library.user_name(os.getuid())


def test_only_those_who_are_trusted(shared, maker, taker, monkeypatch):
    maker.offer(shared)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    me = library.user_name(os.getuid())
    assert taker(SharedStore(shared.root, ("somebody",)), maker.action)[0].reason.endswith(f"does not name {me}")
    assert SharedStore(shared.root, ("somebody",)).look(maker.action) is None
    shared.entry(maker.action).chmod(0o777)
    assert "others than its owner" in taker(shared, maker.action)[0].reason
    shared.entry(maker.action).chmod(0o555)
    assert taker(SharedStore(shared.root, (me,)), maker.action)[0].receipt is not None


def damage(entry, how):
    entry.chmod(0o755)
    for path in entry.iterdir():
        path.chmod(0o644)
    if how == "truncated":
        os.truncate(entry / FILE, 3)
    elif how == "edited":
        # the same size and times
        times = (entry / FILE).stat()
        (entry / FILE).unlink()
        (entry / FILE).write_text("OF star:1\n")
        os.utime(entry / FILE, ns=(times.st_atime_ns, times.st_mtime_ns))
    elif how == "receipt":
        (entry / "receipt.json").unlink()
        (entry / "receipt.json").write_text("{")
    elif how == "gone":
        (entry / FILE).unlink()
    for path in entry.iterdir():
        path.chmod(0o444)
    entry.chmod(0o555)


@pytest.mark.parametrize("how", ["truncated", "edited", "receipt", "gone"])
def test_a_damaged_entry_is_never_taken_and_its_owner_replaces_it(shared, maker, taker, tmp_path, how):
    Maker(tmp_path / "first").offer(shared)
    damage(shared.entry(maker.action), how)
    found, _ = taker(shared, maker.action)
    assert found.receipt is None
    assert found.reason
    if how == "edited":  # seen only by who reads it: who made the same bytes does not
        assert maker.offer(shared).state == SAME
        assert shared.damage(maker.action)
        assert shared.remove(maker.action)
    assert maker.offer(shared).state == ADDED
    assert taker(shared, maker.action)[0].receipt is not None


def test_nobody_else_replaces_a_damaged_entry(shared, maker, monkeypatch):
    maker.offer(shared)
    damage(shared.entry(maker.action), "receipt")
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    came = maker.offer(shared)
    assert came.state == DAMAGED
    assert came.maker == library.user_name(os.getuid())
    assert not shared.remove(maker.action)


def test_other_bytes_of_the_same_action_are_told_and_the_first_stay(shared, maker, tmp_path):
    maker.offer(shared)
    other = Maker(tmp_path / "other", {FILE: "otherwise\n"})
    came = other.offer(shared)
    assert came.state == DIFFERS
    assert came.receipt["outputs"][0]["sha256"] != own_store.read_receipt(other.entry)["outputs"][0]["sha256"]
    assert (shared.entry(maker.action) / FILE).read_text() == "of star:1\n"


def test_a_product_that_was_edited_is_not_offered(shared, maker):
    (maker.entry / FILE).chmod(0o644)
    (maker.entry / FILE).write_text("OF star:1\n")
    assert maker.offer(shared).state == REFUSED
    assert shared.actions() == []


def test_many_at_once_make_one_copy(shared, tmp_path):
    makers = [Maker(tmp_path / f"maker{n}") for n in range(8)]
    came, start = [], threading.Barrier(len(makers))

    def run(maker):
        start.wait()
        came.append(maker.offer(shared).state)

    for _ in range(5):
        threads = [threading.Thread(target=run, args=(maker,)) for maker in makers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(came) == [ADDED] + [SAME] * 7
        assert shared.actions() == [makers[0].action]
        assert shared.damage(makers[0].action) == ""
        assert not list((shared.root / ".incoming").iterdir())
        came.clear()
        assert shared.remove(makers[0].action)


def test_a_full_disk_hinders_nobody_who_offers(maker, tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8k,nr_inodes=2k", "tmpfs", place]
    if os.getuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small disk needs the right to mount one")
    try:
        set_up(place)
        (place / "fill").write_bytes(b"x" * 8192)
        shared = SharedStore(place)
        assert maker.offer(shared).state == REFUSED
        assert shared.actions() == []
        assert not list((place / ".incoming").iterdir())
        (place / "fill").unlink()
        assert maker.offer(shared).state == ADDED
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_what_a_killed_process_left_goes_later(shared, maker):
    left = shared.root / ".incoming" / f"{os.geteuid()}-1-add-abc"
    shutil.copytree(maker.entry, left)
    assert shared.sweep() == 0
    os.utime(left, (1, 1))
    assert shared.sweep() == 1
    assert not left.exists()
