"""Remembered hashes are never wrong, are found again after any crash, and save reading."""

import json
import os
import time

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automagic.bookkeeping import HashCache, hashes


@pytest.fixture
def reads(monkeypatch):
    """What was read."""
    reads = []
    monkeypatch.setattr(hashes, "sha256_file", lambda p, f=hashes.sha256_file: reads.append(p.name) or f(p))
    monkeypatch.setattr(hashes, "_SETTLED_NS", -1)  # tests do not wait for a clock's grain
    return reads


def test_hash_cache_is_never_wrong_and_reads_once(tmp_path, reads):
    path = tmp_path / "a"
    path.write_text("one")
    cache = HashCache(tmp_path / "cache", tmp_path)
    first = cache.sha256(path)
    assert cache.sha256(path) == first
    cache.save()
    again = HashCache(tmp_path / "cache", tmp_path)
    assert again.sha256(path) == first
    assert len(reads) == 1
    stat = path.stat()
    time.sleep(0.02)  # ctime has a grain
    path.write_text("two")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert again.sha256(path) != first


def test_a_file_that_has_just_been_written_may_change_again_and_is_not_remembered(tmp_path):
    path = tmp_path / "a"
    path.write_text("one")
    later = time.time_ns() + 10**10
    os.utime(path, ns=(later, later))
    cache = HashCache(tmp_path / "hashes.parquet", tmp_path)
    cache.sha256(path)
    assert cache.recall(path) is None


# --- what has to be the same


def change(path, content, how):
    """Change a file with its size kept, and with its time kept where nothing else tells."""
    stat = path.stat()
    if how == "replaced":  # another inode
        new = path.with_suffix(".new")
        new.write_text(content)
        new.replace(path)
    else:
        time.sleep(0.02)
        path.write_text(content)
    if how != "time":
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize(
    ("trust", "how", "found"),
    [
        ("signature", "time", True),
        ("signature", "kept", True),
        ("signature", "replaced", True),
        ("time", "time", True),
        ("time", "kept", False),
        ("time", "replaced", False),
        ("content", "time", True),
        ("content", "kept", True),
        ("content", "replaced", True),
    ],
)
def test_trust_says_what_has_to_be_the_same(tmp_path, reads, trust, how, found):
    path, place = tmp_path / "a", tmp_path / "hashes.parquet"
    path.write_text("one")
    cache = HashCache(place, tmp_path, trust)
    first = cache.sha256(path)
    cache.save()
    change(path, "two", how)
    assert (HashCache(place, tmp_path, trust).sha256(path) != first) == found


@pytest.mark.parametrize(("trust", "times"), [("signature", 1), ("time", 1), ("content", 3)])
def test_who_trusts_in_content_alone_reads_once_a_process(tmp_path, reads, trust, times):
    path, place = tmp_path / "a", tmp_path / "hashes.parquet"
    path.write_text("one")
    for _ in range(3):
        cache = HashCache(place, tmp_path, trust)
        assert cache.sha256(path) == cache.sha256(path)
        cache.save()
    assert reads == ["a"] * times


def test_a_job_that_has_just_hashed_a_file_saves_reading_it(tmp_path, reads):
    path = tmp_path / "a"
    path.write_text("one")
    cache = HashCache(None, tmp_path, "content")
    cache.remember(path, "told")
    assert cache.sha256(path) == "told"
    assert reads == []


# --- the table and the lines


def rows(place):
    return {row[0]: row[5] for row in hashes.read(place)}


def know(place, root, path, digest, size=1):
    cache = HashCache(place, root)
    cache.remember(path, digest, [size, 2, 2**64 - 1, 4])
    cache.save()


steps = st.lists(
    st.one_of(
        st.tuples(st.just("know"), st.sampled_from(["a", "b/ü", "c d", "'"]), st.sampled_from("123")),
        st.just("settle"),
        st.sampled_from(["{", '{"path": "a", "size": 1, "sh', "\0\0\0\0", "[]", "null", '{"path": "a"}', ""]),
    ),
    max_size=12,
)


@settings(max_examples=50, deadline=None)
@given(steps=steps)
def test_what_came_last_counts_whenever_lines_were_brought_into_the_table(tmp_path_factory, steps):
    place = tmp_path_factory.mktemp("hashes") / "hashes.parquet"
    lines, wanted = place.with_suffix(".lines"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashes, "_FEW", 0)
        for step in steps:
            if step == "settle":
                hashes.settle(place)
                assert not lines.exists()
            elif isinstance(step, tuple):
                know(place, place.parent, place.parent / step[1], step[2])
                wanted[step[1]] = step[2]
            else:  # a crash has cut a line short, or left rubbish
                with open(lines, "a") as file:
                    file.write(f"{step}\n")
    assert rows(place) == wanted
    assert HashCache(place, place.parent).known.keys() == wanted.keys()


def test_few_lines_stay_beside_the_table(tmp_path):
    place = tmp_path / "hashes.parquet"
    know(place, tmp_path, tmp_path / "a", "1")
    hashes.settle(place)
    assert not place.exists()
    with open(place.with_suffix(".lines"), "a") as file:
        for number in range(hashes._FEW):
            about = dict.fromkeys(hashes.COLUMNS, number) | {"path": f"{number:05d}", "sha256": "x" * 64}
            file.write(json.dumps(about) + "\n")
    hashes.settle(place)
    assert not place.with_suffix(".lines").exists()
    assert len(rows(place)) == hashes._FEW + 1
    assert {path.name for path in tmp_path.iterdir()} == {"hashes.parquet"}


def test_a_damaged_table_costs_reading_and_nothing_else(tmp_path, monkeypatch, reads):
    path, place = tmp_path / "a", tmp_path / "hashes.parquet"
    path.write_text("one")
    place.write_bytes(b"PAR1 half of it")
    cache = HashCache(place, tmp_path)
    cache.sha256(path)
    cache.save()
    assert reads == ["a"]
    with duckdb.connect() as connection:
        hashes.load(connection, place, tmp_path)
        assert connection.execute("SELECT count(*) FROM known").fetchone() == (0,)
    monkeypatch.setattr(hashes, "_FEW", 0)
    hashes.settle(place)
    assert not place.exists()
    HashCache(place, tmp_path).sha256(path)
    assert reads == ["a", "a"]


def test_paths_below_the_folder_move_with_it(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    place = old / "journal" / "hashes.parquet"
    know(place, old, old / "store" / "x", "inside")
    know(place, old, tmp_path / "oldest", "outside")
    old.rename(new)
    with duckdb.connect() as connection:
        hashes.load(connection, new / "journal" / "hashes.parquet", new)
        found = connection.execute("SELECT path, sha256, inode FROM known ORDER BY path").fetchall()
    assert found == [
        (str(new / "store" / "x"), "inside", 2**64 - 1),
        (str(tmp_path / "oldest"), "outside", 2**64 - 1),
    ]
    assert HashCache(new / "journal" / "hashes.parquet", new).recall(new / "store" / "x") == (1, "inside")
