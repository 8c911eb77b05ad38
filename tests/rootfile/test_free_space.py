"""Free space, and files over 2 GB: what was there before is gone from the canonical bytes, what is there stays."""

import hashlib
import struct
import time

import numpy as np
import pytest

from automagic.rootfile import RootError, canonicalise, check, content_hash, trees
from automagic.rootfile.layout import extents, free_segments, mapped, read_header, records

uproot = pytest.importorskip("uproot")
BIG = 1000
GAP = 2_100_000_000
DATE = 1_234_567_890


def word(text):
    return (b"\xff" + struct.pack(">I", len(text)) if len(text) > 254 else bytes([len(text)])) + text.encode()


def key(at, cls, name, objlen, *, parent=100, big=False, title=""):
    """Make the head of a record that is not compressed."""
    words = word(cls) + word(name) + word(title)
    length = 18 + (16 if big else 8) + len(words)
    head = struct.pack(">ihiIhh", length + objlen, 4 + BIG * big, objlen, DATE, length, 1)
    return head + struct.pack(">qq" if big else ">ii", at, parent) + words


def string(text):
    """Make the object of a TObjString."""
    inner = struct.pack(">hhII", 1, 1, 0, 0x03000000) + word(text)
    return struct.pack(">I", 0x40000000 | len(inner)) + inner


def segment(first, last):
    return struct.pack(">hqq", 1 + BIG, first, last) if last > 2_000_000_000 else struct.pack(">hii", 1, first, last)


def directory(nbytes_keys, nbytes_name, here, parent, keys, *, big):
    numbers = (DATE, DATE, nbytes_keys, nbytes_name, here, parent, keys)
    uuid = struct.pack(">h", 1) + bytes(range(1, 17))
    return struct.pack(">hIIiiqqq" if big else ">hIIiiiii", 5 + BIG * big, *numbers) + uuid + bytes(0 if big else 12)


def made(path, gap, stale=b"stale", mark=None):
    """Write a file by hand: its own record, a gap, then a note in a directory, lists of keys, and free segments.

    Holes take no room on the disk, so a gap of 2 GB does not, either.
    """
    big = gap > 2_000_000_000
    size = len(directory(0, 0, 0, 0, 0, big=big))
    own = key(100, "TFile", "x.root", 8 + size, parent=0)
    words = word("x.root") + word("")
    name, start = len(own) + len(words), 100 + len(own) + len(words) + size

    def copies(at, parent):
        note = key(at, "TObjString", "note", len(string("here")), parent=parent, big=big)
        return note, at + len(note) + len(string("here"))

    at = start + gap
    note, after = copies(at, 100)
    folder_at = after
    folder = key(folder_at, "TDirectory", "folder", size, big=big)
    inner_at = folder_at + len(folder) + size
    inner, inner_end = copies(inner_at, folder_at)
    inner_list_at = inner_end
    inner_list = key(inner_list_at, "TDirectory", "folder", 4 + len(inner), parent=folder_at, big=big)
    list_at = inner_list_at + len(inner_list) + 4 + len(inner)
    top_list = key(list_at, "TFile", "x.root", 4 + len(note) + len(folder), big=big)
    free_at = list_at + len(top_list) + 4 + len(note) + len(folder)
    segments = segment(start, at - 1) + segment(0, 3_000_000_000 * big)  # the second begins at the end of the file
    free = key(free_at, "TFile", "x.root", len(segments), big=big)
    end = free_at + len(free) + len(segments)
    segments = segment(start, at - 1) + segment(end, end + 1_000_000_000 if big else 2_000_000_000)
    numbers = (end, free_at, len(free) + len(segments), 1, name)
    header = b"root" + struct.pack(">ii", 62400 + 1_000_000 * big, 100)
    header += struct.pack(">qqiii" if big else ">iiiii", *numbers) + bytes([8 if big else 4]) + bytes(4)
    header += bytes(12 if big else 8) + struct.pack(">h", 1) + bytes(range(16))
    top_bytes, inner_bytes = free_at - list_at, list_at - inner_list_at
    with path.open("wb") as file:
        file.write(header.ljust(100, b"\0") + own + words)
        file.write(directory(top_bytes, name, 100, 0, list_at, big=big))
        file.write(struct.pack(">i", -min(gap, 2_000_000_000)) if mark is None else mark)
        file.seek(at - len(stale))
        file.write(stale + note + string("here") + folder)
        file.write(directory(inner_bytes, len(folder), folder_at, 100, inner_list_at, big=big))
        file.write(inner + string("here"))
        file.write(inner_list + struct.pack(">i", 1) + inner)
        file.write(top_list + struct.pack(">i", 2) + note + folder)
        file.write(free + segments)
    return start, at


def sha256(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.parametrize("gap", [4, 50, 5000, 3_000_000, GAP], ids="{:,} bytes".format)
def test_gap_keeps_its_mark_and_nothing_else(tmp_path, gap):
    path = tmp_path / "x.root"
    start, at = made(path, gap, stale=b"stale"[: gap - 4])
    with uproot.open(path) as file:
        names = file.keys(), str(file["note"]), str(file["folder/note"])
    assert names == (["note;1", "folder;1", "folder/note;1"], "here", "here")
    told = content_hash(path)
    assert canonicalise(path) > 0
    assert sha256(path) == told
    with path.open("rb") as file:
        file.seek(start)
        assert file.read(4) == struct.pack(">i", -min(gap, 2_000_000_000))
        file.seek(max(start + 4, at - 5))
        assert file.read(at - max(start + 4, at - 5)).strip(b"\0") == b""
        file.seek(at)
        assert struct.pack(">I", DATE) not in file.read()
    with uproot.open(path) as file:
        assert (file.keys(), str(file["note"]), str(file["folder/note"])) == names
    check(path)
    if gap < GAP:
        assert canonicalise(path) == 0


@pytest.mark.parametrize("gap", [1, 2, 3, 4, 30, 500])
def test_gap_without_a_mark_gets_one(tmp_path, gap):
    """Other writers keep a list of free segments and mark nothing."""
    path = tmp_path / "x.root"
    start, at = made(path, gap, stale=b"", mark=b"\x7fGAP"[:gap])
    canonicalise(path)
    data = path.read_bytes()
    assert data[start:at] == (struct.pack(">i", -gap) + bytes(gap))[:gap] if gap >= 4 else bytes(gap)
    assert canonicalise(path) == 0
    header = read_header(data)
    assert [r.name for r in records(data, header)] == ["x.root", "note", "folder", "note", "folder", "x.root", "x.root"]


def test_marked_gap_that_is_not_in_the_list_is_left_alone(tmp_path):
    path = tmp_path / "x.root"
    start, at = made(path, 500)
    data = path.read_bytes()
    path.write_bytes(data.replace(segment(start, at - 1), segment(len(data), 2_000_000_000)))
    canonicalise(path)
    assert path.read_bytes()[start:at] == data[start:at]
    assert struct.pack(">I", DATE) not in path.read_bytes()


def test_record_in_a_free_segment_counts(tmp_path):
    """A list that calls free what a key points to is wrong."""
    path = tmp_path / "x.root"
    start, at = made(path, 500)
    data = path.read_bytes()
    path.write_bytes(data.replace(segment(start, at - 1), segment(start, at + 20)))
    canonicalise(path)
    assert str(uproot.open(path)["note"]) == "here"
    assert path.read_bytes()[at - 5 : at] == b"stale"


def test_large_file_is_walked_to_its_end(tmp_path):
    path = tmp_path / "x.root"
    start, at = made(path, GAP)
    with mapped(path) as data:
        header = read_header(data)
        walked = list(extents(data, header, free=free_segments(data, header)))
    assert walked[1] == (start, -GAP)
    assert walked[2][0] == at
    assert sum(abs(length) for _, length in walked) == path.stat().st_size - 100
    assert trees(path) == {}
    with path.open("r+b") as file:
        file.truncate(at + 100)
    with pytest.raises(RootError, match="truncated"):
        canonicalise(path)


def test_uproot_leaves_no_dates_where_its_lists_have_been(tmp_path):
    """Lists of keys grow and move: what they leave is free but not marked; new ones have room for more keys."""
    paths = [tmp_path / "a" / "x.root", tmp_path / "b" / "x.root"]
    for path in paths:
        path.parent.mkdir()
        with uproot.recreate(path) as file:
            for number in range(60):
                file[f"h{number}"] = np.histogram(np.arange(20.0) + number)
                file[f"folder/{number}/h"] = np.histogram(np.arange(20.0))
                if number % 20 == 0 and path == paths[0]:
                    time.sleep(1.1)  # ROOT's dates are whole seconds
            file.mktree("t", {"x": "f4"})
            for _ in range(30):
                file["t"].extend({"x": np.arange(100, dtype="f4")})
    assert len({path.read_bytes() for path in paths}) == 2
    told = {content_hash(path) for path in paths}
    assert len(told) == 1
    for path in paths:
        canonicalise(path)
    assert {sha256(path) for path in paths} == told
    with uproot.open(paths[0]) as file:
        assert file["t"]["x"].array(library="np").sum() == 30 * 4950
        assert all(file[f"folder/{number}/h"].values().sum() == 20 for number in range(60))
