"""The cache: what counts as here, room for all of a group or none, several processes."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from automagic.graph.task import Source
from automagic.staging.cache import About, Cache


def put(cache, name, content, when=1e9):
    """Put a file into a cache as a transfer does."""
    import hashlib

    source = Source(f"dav://host/{name}", name, len(content))
    place = cache.place(source)
    place.folder.mkdir(parents=True, exist_ok=True)
    place.part.write_bytes(content)
    about = About(source.url, name, len(content), hashlib.sha256(content).hexdigest(), checksums={"md5": "0" * 32})
    cache.publish(source, about)
    os.utime(place.about, (when, when))
    return source


def test_a_file_is_here_when_it_is_whole_and_what_storage_lists(tmp_path):
    cache = Cache(tmp_path)
    source = put(cache, "a.root", b"abc")
    path = cache.present(source)
    assert path.read_bytes() == b"abc"
    assert not os.access(path, os.W_OK) or os.getuid() == 0
    assert cache.present(Source(source.url, "a.root", None)) == path
    assert cache.present(Source(source.url, "a.root", 4)) is None
    assert cache.known(Source(source.url, "a.root", 3, "md5:" + "1" * 32)) is None
    assert cache.known(Source(source.url, "a.root", 3, "sha1:" + "1" * 40)) is not None
    assert cache.known(Source("dav://other/a.root", "a.root", 3)) is None


@pytest.mark.parametrize("content", [b"abd", b"ab"])
def test_a_file_that_was_changed_is_taken_away_even_with_its_old_date(tmp_path, content):
    cache = Cache(tmp_path)
    source = put(cache, "a.root", b"abc")
    path = cache.present(source)
    before = path.stat()
    path.chmod(0o644)
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cache.present(source) is None
    assert not path.exists()
    assert cache.known(source).size == 3


def test_a_file_is_here_for_others_from_the_moment_it_has_its_place(tmp_path, monkeypatch):
    cache, others, seen = Cache(tmp_path), Cache(tmp_path), []
    source = Source("dav://host/a.root", "a.root", 3)
    replace = Path.replace

    def and_look(path, target):
        result = replace(path, target)
        if path.name == "a.root.part":
            seen.append(others.present(source))
        return result

    monkeypatch.setattr(Path, "replace", and_look)
    put(cache, "a.root", b"abc")
    assert seen == [cache.place(source).file]


def test_a_file_that_was_only_touched_is_still_here(tmp_path):
    cache = Cache(tmp_path)
    source = put(cache, "a.root", b"abc")
    os.utime(cache.present(source))
    assert cache.present(source) is not None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"url": 1}', "null"])
def test_damaged_knowledge_counts_as_none(tmp_path, text):
    cache = Cache(tmp_path)
    source = put(cache, "a.root", b"abc")
    cache.place(source).about.write_text(text)
    assert cache.known(source) is None
    assert cache.present(source) is None


def test_names_that_lead_out_of_the_cache_are_refused(tmp_path):
    for name in ("../x", "/etc/passwd", "a/b", "a\0b", ".about.json", ""):
        with pytest.raises(ValueError):
            Cache(tmp_path).place(Source("dav://host/a", name))


def test_room_is_made_from_what_was_unused_longest_and_never_from_what_is_held_or_needed(tmp_path):
    cache = Cache(tmp_path, quota=30)
    old, new, held, needed = (put(cache, name, b"x" * 7, when) for name, when in
                              (("old", 2e8), ("new", 3e8), ("held", 1e8), ("needed", 1.5e8)))  # fmt: skip
    lease = cache.lease()
    key = {source.name: cache.place(source).key for source in (old, new, held, needed)}
    assert cache.admit(lease, {key["held"]: 7}).granted
    lease.needs = frozenset({key["needed"]})
    answer = cache.admit(lease, {"k1": 5})
    assert answer.granted
    assert answer.released == ((old.url, 7),)
    assert cache.known(old) is not None  # what it was stays known
    refused = cache.admit(lease, {"k2": 12})  # 'new' alone is not enough: nothing is released in vain
    assert not refused.granted
    assert cache.present(new) is not None
    squeezed = cache.admit(lease, {"k2": 12}, squeeze=True)
    assert squeezed.granted
    assert [url for url, _ in squeezed.released] == [new.url, needed.url]
    assert cache.present(held) is not None


def test_a_group_that_is_admitted_keeps_its_room_before_a_byte_has_come(tmp_path):
    cache = Cache(tmp_path, quota=30)
    lease = cache.lease()
    assert cache.admit(lease, {"a": 20}).granted
    assert not cache.admit(lease, {"b": 11}).granted
    cache.give_back(lease, ["a"])
    assert cache.admit(lease, {"b": 11}).granted


def test_what_living_processes_hold_counts_and_what_dead_ones_held_does_not(tmp_path):
    cache = Cache(tmp_path, quota=30)
    source = put(cache, "a.root", b"x" * 20)
    program = """
        import sys
        from pathlib import Path
        from automagic.staging.cache import Cache
        cache = Cache(Path(sys.argv[1]), 30)
        lease = cache.lease()
        assert cache.admit(lease, {sys.argv[2]: 20}).granted
        print("held", flush=True)
        sys.stdin.read()
    """
    other = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path), cache.place(source).key],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert other.stdout.readline() == b"held\n"
        lease = cache.lease()
        answer = cache.admit(lease, {"b": 15})
        assert (answer.granted, answer.others) == (False, True)
        assert cache.admit(lease, {"c": 10}).granted
        cache.give_back(lease, ["c"])
    finally:
        other.kill()
        other.communicate()
    answer = cache.admit(lease, {"b": 15})
    assert answer.granted
    assert answer.released == ((source.url, 20),)
    assert len(list((tmp_path / "leases").iterdir())) == 1


def test_a_disk_that_is_nearly_full_is_like_a_quota(tmp_path, monkeypatch):
    import shutil
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    cache = Cache(tmp_path)
    source = put(cache, "a.root", b"x" * 50)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, (100 << 20) + 30))
    lease = cache.lease()
    assert cache.admit(lease, {"b": 30}).released == ()
    cache.give_back(lease, ["b"])
    assert cache.admit(lease, {"b": 60}).released == ((source.url, 50),)


def test_leases_have_no_addresses(tmp_path):
    cache = Cache(tmp_path)
    lease = cache.lease()
    cache.admit(lease, {"a": 1})
    assert json.loads(lease.path.read_text())["held"] == {"a": 1}
    lease.close()
    assert not lease.path.exists()
