"""An entry of another store is taken as it was made, or not at all; and neither store needs the other afterwards."""

import os
import shutil

import pytest

from automagic.bookkeeping import Folder, HashCache, adopt, catalog
from automagic.bookkeeping.adopt import adopt as take
from automagic.bookkeeping.adopt import taken
from automagic.bookkeeping.store import Store
from automagic.graph.asked import save
from automagic.graph.task import Output
from automagic.job.spec import sha256_file
from tests.bookkeeping.small import Small, task

FILE = "star-1.txt"


@pytest.fixture
def other(tmp_path):
    """An analysis that has one product, read-only as jobs leave it, and remembers its hash."""
    (tmp_path / "raw").write_text("raw\n")
    small = Small(tmp_path / "other", [task("star:1", str(tmp_path / "raw"), card="A: 1\n")])
    small.write(small.start(), small.done("star:1", cpu_s=5.0, host="node7"))
    place = small.folder.action(small.action("star:1"))
    (place / FILE).chmod(0o444)
    small.know(place / FILE, sha256_file(place / FILE))
    return small


class Pair:
    """Where the entry is, and where it goes."""

    def __init__(self, other, root):
        self.other, self.folder = other, Folder(root)
        self.action = other.action("star:1")
        self.entry, self.target = other.folder.action(self.action), self.folder.action(self.action)
        self.known = HashCache(other.folder.hashes, other.folder.root)
        self.own = HashCache(self.folder.hashes, root)

    def take(self, outputs=(), **more):
        return take(self.entry, self.action, self.target, self.known, self.own, outputs, **more)


@pytest.fixture
def pair(other, tmp_path):
    (tmp_path / "mine").mkdir()
    return Pair(other, tmp_path / "mine")


@pytest.fixture
def no_reading(monkeypatch):
    def refuse(path):
        raise AssertionError(f"{path} was read")

    return lambda: monkeypatch.setattr("automagic.bookkeeping.hashes.sha256_file", refuse)


def test_a_linked_entry_is_the_same_file_and_neither_side_reads_it_again(pair, no_reading):
    no_reading()
    found = pair.take([Output(FILE, "star", "")])
    assert (found.how, found.reason, found.size) == ("link", "", len("of star:1\n"))
    assert os.path.samefile(pair.entry / FILE, pair.target / FILE)
    for cache, folder in ((pair.known, pair.other.folder), (pair.own, pair.folder)):
        cache.save()
        again = HashCache(folder.hashes, folder.root)  # as the next process has it
        assert Store(folder, again).intact(pair.action)[0] is not None


@pytest.mark.parametrize("gone", ["entry", "target"])
def test_each_of_the_two_outlives_the_other(pair, gone):
    pair.take()
    kept = pair.target if gone == "entry" else pair.entry
    shutil.rmtree(getattr(pair, gone))
    assert (kept / FILE).read_text() == "of star:1\n"


def test_where_links_are_not_allowed_it_is_a_copy_with_its_hash_checked(pair, monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError

    monkeypatch.setattr(adopt.os, "link", forbidden)
    assert pair.take().how == "copy"
    assert not os.path.samefile(pair.entry / FILE, pair.target / FILE)
    assert (pair.target / FILE).read_text() == "of star:1\n"
    assert not (pair.target / FILE).stat().st_mode & 0o222


def test_a_file_that_can_be_written_is_copied(pair):
    (pair.entry / FILE).chmod(0o644)
    assert pair.take().how == "copy"


@pytest.mark.parametrize("link", [True, False])
@pytest.mark.parametrize("harm", ["content", "size", "gone", "symlink", "receipt", "action", "name"])
def test_what_is_not_as_it_was_made_is_not_taken(pair, harm, link):
    file, receipt = pair.entry / FILE, pair.entry / "receipt.json"
    if harm == "content":
        times = file.stat()
        file.chmod(0o644)
        file.write_text("OF star:1\n")
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        file.chmod(0o444)
    elif harm == "size":
        os.truncate(file, 3)
    elif harm == "gone":
        file.unlink()
    elif harm == "symlink":
        file.rename(pair.entry / "aside")
        file.symlink_to("aside")
    elif harm == "receipt":
        receipt.write_text("{")
    elif harm == "action":
        receipt.write_text(receipt.read_text().replace(pair.action, "0" * 64))
    else:
        receipt.write_text(receipt.read_text().replace(FILE, "../../x"))
    found = pair.take(link=link)
    assert found.receipt is None
    assert found.reason
    assert not pair.target.exists()
    assert list(pair.target.parent.glob(".*")) == []


def test_an_entry_that_lacks_what_is_promised_today_is_not_taken(pair):
    assert pair.take([Output("more.json", "result", "")]).reason == "it never made more.json"


def test_what_is_there_already_stays(pair):
    pair.target.mkdir(parents=True)
    (pair.target / "mine").touch()
    found = pair.take()
    assert (found.how, found.receipt["action"]) == ("", pair.action)
    assert [path.name for path in pair.target.iterdir()] == ["mine"]


def test_the_catalog_tells_where_it_was_made_and_counts_no_job_of_its_own(pair):
    found = pair.take()
    small = Small(pair.folder.root, pair.other.tasks.values())
    small.know(pair.other.folder.root.parent / "raw", sha256_file(pair.other.folder.root.parent / "raw"))
    small.write(small.start(), taken("star:1", found.receipt, "/data/other"))
    # a driver that comes later finds it in the store, and does not know where it came from
    small.write(
        {k: v for k, v in taken("star:1", found.receipt, "").items() if k != "origin"}, stamp="20260102T000000Z"
    )
    catalog.rebuild(pair.folder)
    with catalog.connect(pair.folder) as connection:
        rows = connection.execute(
            "SELECT m.origin, t.state, m.attempt FROM made m JOIN tasks t USING (task)"
        ).fetchall()
        assert rows == [("/data/other", "done", None)]
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM lineage").fetchone() == (1,)


def test_what_is_made_here_later_is_not_said_to_come_from_elsewhere(pair):
    found = pair.take()
    small = Small(pair.folder.root, pair.other.tasks.values())
    save(pair.folder.graph, small.tasks, {"notes": []})
    small.write(small.start(), taken("star:1", found.receipt, "/data/other"))
    shutil.rmtree(pair.target)
    small.write(small.done("star:1", attempt="2", cpu_s=3.0, host="here"), stamp="20260102T000000Z")
    catalog.rebuild(pair.folder)
    with catalog.connect(pair.folder) as connection:
        assert connection.execute("SELECT origin, host, cpu_s FROM made").fetchall() == [(None, "here", 3.0)]
