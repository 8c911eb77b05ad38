"""What a second pass over storage sees, and what it does not have to look at."""

import os
import subprocess
import sys
import time

import pytest

from automagic.errors import UserError
from automagic.index import remote
from automagic.index.update import Wanted, updated
from automagic.index.walk import Known, outermost, walk

FILE = "20210314_M{}_05095172.{:03d}_Y_CrabNebula-W0.40+035.root"
LONG_AGO = time.time() - 86400


@pytest.fixture
def tree(tmp_path):
    """Storage of yesterday: a file of each telescope and subrun in a folder of the data centre's layout."""
    folder = tmp_path / "data" / "Calibrated" / "v1" / "CrabNebula" / "2021_03_14"
    folder.mkdir(parents=True)
    for telescope in (1, 2):
        for subrun in (1, 2, 3):
            put(folder / FILE.format(telescope, subrun))
    age(tmp_path / "data")
    return tmp_path / "data"


def put(path, size=10):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (LONG_AGO, LONG_AGO))


def age(root):
    """Make folders and files so old that a pass trusts them."""
    for folder, _, names in os.walk(root, topdown=False):
        for name in names:
            os.utime(os.path.join(folder, name), (LONG_AGO, LONG_AGO), follow_symlinks=False)
        os.utime(folder, (LONG_AGO, LONG_AGO))


def passed(tree, *more, **options):
    """One pass; returns what it did."""
    with updated(tree.parent / "index", [str(tree), *map(str, more)], **options) as (_, done):
        return done


def asked(tree, sql, **options):
    with updated(tree.parent / "index", [str(tree)], **options) as (connection, _):
        return connection.execute(sql).fetchall()


def leaf(tree):
    return next(tree.rglob("2021_03_14"))


def test_the_tables_are_files_that_any_program_reads(tree):
    import pyarrow.parquet as pq

    done = passed(tree)
    assert (done.files, done.new, done.runs, done.nights, done.problems) == (6, 6, 1, 1, 0)
    index = tree.parent / "index"
    (run,) = pq.read_table(index / "runs.parquet").to_pylist()
    assert (run["run"], run["level"], run["version"], run["night"]) == (5095172, "calibrated", "v1", "2021-03-14")
    assert (run["subruns_m1"], run["subruns_m2"], run["files"], run["bytes"]) == (3, 3, 6, 60)
    assert pq.read_table(index / "subruns.parquet").num_rows == 3
    rows = pq.read_table(index / "files.parquet").to_pylist()
    assert [(row["telescope"], row["subrun"]) for row in rows] == [(t, s) for t in (1, 2) for s in (1, 2, 3)]


def test_an_unchanged_tree_is_not_read_again(tree):
    passed(tree)
    before = {path: path.stat().st_mtime_ns for path in (tree.parent / "index").iterdir()}
    again = passed(tree)
    assert (again.read, again.new, again.changed, again.files) == (0, 0, 0, 6)
    assert {path: path.stat().st_mtime_ns for path in (tree.parent / "index").iterdir()} == before


def test_only_the_folder_that_changed_is_read(tree):
    put(tree / "Star" / "v1" / FILE.format(1, 1).replace("_Y_", "_I_"))
    age(tree)
    passed(tree)
    put(leaf(tree) / FILE.format(1, 4))
    done = passed(tree)
    assert (done.read, done.new, done.gone, done.files) == (1, 1, 0, 8)
    (leaf(tree) / FILE.format(2, 1)).unlink()
    done = passed(tree)
    assert (done.new, done.gone, done.files) == (0, 1, 7)


def test_a_folder_that_has_gone_takes_its_files_along(tree):
    passed(tree)
    folder = leaf(tree)
    folder.rename(folder.with_name("2021_03_15"))
    assert asked(tree, "SELECT DISTINCT folder FROM files") == [(str(folder.with_name("2021_03_15")),)]


def test_what_is_young_is_read_again(tree):
    """A file may grow without its folder's time changing, and a folder change twice within a tick of the clock."""
    new = leaf(tree) / FILE.format(1, 4)
    new.write_bytes(b"x")
    assert passed(tree).files == 7
    status = leaf(tree).stat()
    new.write_bytes(b"xyz")
    os.utime(leaf(tree), ns=(status.st_atime_ns, status.st_mtime_ns))
    assert asked(tree, "SELECT size FROM files WHERE subrun = 4") == [(3,)]


def test_a_file_that_shrank_in_place_is_seen_by_a_full_pass_and_remembered(tree):
    passed(tree)
    path = leaf(tree) / FILE.format(1, 2)
    put(path, size=4)
    assert passed(tree).problems == 0
    done = passed(tree, full=True)
    assert (done.changed, done.problems) == (1, 1)
    (row,) = asked(tree, "SELECT kind, run, telescope, path, text FROM problems")
    assert row == ("shrank", 5095172, 1, str(path), f"{path.name} has 4 bytes and had 10")
    put(leaf(tree) / "notes.txt")
    assert asked(tree, "SELECT kind FROM problems") == [("shrank",)]
    put(path, size=12)
    assert asked(tree, "SELECT kind FROM problems", full=True) == []


def test_links_that_lead_in_circles_and_nested_roots_count_each_file_once(tree):
    (tree / "loop").symlink_to(tree)
    (tree / "again").symlink_to(leaf(tree))
    (tree / "products").mkdir()
    (tree / "products" / FILE.format(1, 1)).symlink_to(leaf(tree) / FILE.format(1, 1))
    (tree / "products" / FILE.format(1, 9)).symlink_to("nowhere")
    done = passed(tree, tree, leaf(tree), tree / "loop")
    assert (done.files, done.problems) == (6, 0)
    assert asked(tree, "SELECT reason FROM unknown") == [("it is a link to nothing",)]


def test_links_to_what_is_elsewhere_are_files(tree):
    elsewhere = tree.parent / "elsewhere" / FILE.format(1, 4)
    put(elsewhere, size=7)
    (leaf(tree) / elsewhere.name).symlink_to(elsewhere)
    assert asked(tree, "SELECT size FROM files WHERE subrun = 4") == [(7,)]


def test_nested_and_repeated_roots():
    assert outermost(["/b", "/a/b", "/a", "/a", "/a-b/c"]) == ["/a-b/c", "/a", "/b"]


def test_a_folder_that_cannot_be_read_is_told_and_tried_again(tree, monkeypatch):
    real = os.scandir

    def scandir(descriptor):
        if isinstance(descriptor, int) and os.readlink(f"/proc/self/fd/{descriptor}").endswith("2021_03_14"):
            raise PermissionError(13, "Permission denied")
        return real(descriptor)

    monkeypatch.setattr("automagic.index.walk.os.scandir", scandir)
    folder = str(leaf(tree))
    (row,) = asked(tree, "SELECT kind, path, text FROM problems")
    assert row == ("folder", folder, f"the folder {folder} cannot be read: Permission denied")
    monkeypatch.undo()
    assert passed(tree).files == 6


def test_a_root_that_cannot_be_read_is_an_error(tree, monkeypatch):
    def scandir(descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("automagic.index.walk.os.scandir", scandir)
    with pytest.raises(UserError, match=r"data cannot be read: Input/output error"):
        passed(tree)


def test_folders_of_slow_storage_are_read_side_by_side_and_in_order(tmp_path, monkeypatch):
    import threading

    import automagic.index.walk as module

    for number in range(40):
        put(tmp_path / "data" / f"{number:02d}" / FILE.format(1, number))
    real, threads = module.scan, set()

    def scan(path):
        threads.add(threading.get_ident())
        time.sleep(0.03)
        return real(path)

    monkeypatch.setattr(module, "scan", scan)
    found = module.walk([str(tmp_path / "data")], {})
    assert [each.names for each in found.scans[1:]] == [[FILE.format(1, number)] for number in range(40)]
    assert len(threads) > 1


def test_a_folder_that_vanishes_during_the_walk_is_passed_over(tree, monkeypatch):
    import shutil

    import automagic.index.walk as module

    real = module.scan

    def scan(path):
        if path.endswith("2021_03_14"):
            shutil.rmtree(path)
        return real(path)

    monkeypatch.setattr(module, "scan", scan)
    assert passed(tree).files == 0


def test_odd_names_are_listed_with_the_reason(tree):
    put(leaf(tree) / "a\nb")
    with open(os.fsencode(leaf(tree)) + b"/caf\xe9.root", "wb"):
        pass
    os.mkdir(os.fsencode(leaf(tree)) + b"/\xff")
    os.mkfifo(leaf(tree) / "pipe")
    rows = dict(asked(tree, "SELECT name, reason FROM unknown"))
    assert rows["a\nb"] == "it has a line break or another control character"
    assert rows["caf\\xe9.root"].startswith("it has bytes that are not UTF-8")
    assert rows["pipe"] == "it is not a file"
    assert asked(tree, "SELECT text FROM problems")[0][0].endswith("its name has bytes that are not UTF-8")


def test_an_empty_root_is_an_index_without_rows(tmp_path):
    (tmp_path / "data").mkdir()
    done = passed(tmp_path / "data", wanted=Wanted())
    assert (done.files, done.runs, done.problems, done.folders) == (0, 0, 0, 1)


def test_storage_that_is_not_mounted_is_told(tree):
    import shutil

    passed(tree)
    shutil.rmtree(tree)
    with pytest.raises(UserError, match="there is no folder") as error:
        passed(tree)
    assert "mounted" in error.value.hint
    tree.mkdir()
    with pytest.raises(UserError, match="is empty, and had files"):
        passed(tree)
    assert passed(tree, full=True).files == 0


def test_an_index_folder_that_cannot_be_written_to_is_told_and_answers_all_the_same(tree):
    (tree.parent / "index").write_text("a file stands where the folder should be")
    done = passed(tree)
    assert (done.files, done.unwritten) == (6, "File exists")


def test_a_broken_index_is_made_anew(tree):
    passed(tree)
    for name in ("files.parquet", "folders.parquet", "index.json"):
        (tree.parent / "index" / name).write_bytes(b"no table")
        done = passed(tree)
        assert (done.files, done.read) == (6, 5)
    (tree.parent / "index" / "runs.parquet").unlink()
    assert passed(tree).read == 5


def test_an_index_inside_of_storage_does_not_see_itself(tree):
    for _ in range(2):
        with updated(tree / ".index", [str(tree)]) as (_, done):
            assert (done.files, done.unknown) == (6, 0)


def test_other_roots_make_another_index(tree, tmp_path):
    put(tmp_path / "more" / FILE.format(1, 7))
    assert passed(tree, tmp_path / "more").files == 7
    assert passed(tree).files == 6


def test_a_folder_put_in_the_place_of_another_is_read(tree):
    found = walk([str(tree)], {})
    known = {each.path: Known(each.inode, each.mtime_ns) for each in found.scans}
    assert len(walk([str(tree)], known).same) == len(known)
    other = leaf(tree).with_name("other")
    put(other / FILE.format(1, 1))
    os.utime(other, (LONG_AGO, LONG_AGO))
    old = leaf(tree)
    old.rename(tree.parent / "away")
    other.rename(old)
    age(tree)
    assert [each.path for each in walk([str(tree)], known).scans] == [str(old)]


INDEX_OFTEN = """
import sys
from pathlib import Path
from automagic.index.update import updated
index, root, folder, telescope = sys.argv[1:]
for number in range(5):
    Path(folder, f"20210314_M{telescope}_05095172.{100 + number}_Y_CrabNebula-W0.40+035.root").write_bytes(b"x")
    with updated(Path(index), [root]) as (_, done):
        assert done.files >= 7 + number and done.unwritten is None, done
"""


def test_two_processes_at_once_leave_a_whole_index(tree):
    words = [sys.executable, "-c", INDEX_OFTEN, tree.parent / "index", tree, leaf(tree)]
    workers = [subprocess.Popen([*words, telescope]) for telescope in "12"]
    assert [worker.wait(120) for worker in workers] == [0, 0]
    assert passed(tree).files == 6 + 2 * 5
    assert not list((tree.parent / "index").glob(".writing-*"))


class Entry:
    def __init__(self, name, size=5, mtime=1.6e9, place="online", problem=None):
        self.name, self.size, self.mtime, self.place, self.problem = name, size, mtime, place, problem


def test_remote_storage_is_listed_and_its_last_listing_counts_while_it_is_away(tmp_path, monkeypatch):
    import automagic.staging.remote as staging

    url = "https://data.example.org/Calibrated"
    answers = [[Entry(FILE.format(1, 1)), Entry(FILE.format(2, 1), None, None, "tape"), Entry("'..'", problem="no")]]

    def listing(address):
        if not answers:
            raise UserError(f"{address} cannot be listed")
        yield f"{address}/v3", answers.pop()

    monkeypatch.setattr(staging, "walk", listing)
    index = tmp_path / "index"
    sql = "SELECT folder, telescope, size, place, version FROM files ORDER BY telescope"
    with updated(index, [url], Wanted()) as (connection, done):
        rows = connection.execute(sql).fetchall()
    assert rows == [(f"{url}/v3", 1, 5, "online", "v3"), (f"{url}/v3", 2, None, "tape", "v3")]
    with updated(index, [url]) as (connection, _):
        assert connection.execute("SELECT m1, m2, size_m1, size_m2 FROM subruns").fetchall() == [(True, True, 5, None)]
        assert connection.execute("SELECT * FROM problems").fetchall() == []
    assert (done.headers, done.unknown) == (0, 1)
    with updated(index, [url], Wanted()) as (connection, done):
        assert connection.execute(sql).fetchall() == rows
        assert not done.notes
    with updated(index, [url], Wanted(), again_s=0) as (connection, done):
        assert connection.execute(sql).fetchall() == rows
        assert done.notes == [f"{url} cannot be listed; what it had when it was last listed counts"]
    with pytest.raises(UserError, match="cannot be listed"), updated(tmp_path / "other", [url]):
        pass
    assert remote.LIST_AGAIN_S > 60
