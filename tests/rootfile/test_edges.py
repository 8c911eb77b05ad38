"""Rare things in files that ROOT wrote: empty directories, bytes after the end, a program that was killed."""

import hashlib
import shutil
from pathlib import Path

import pytest

from automagic.rootfile import canonicalise, check, content_hash, trees
from automagic.rootfile.layout import directories, free_segments, mapped, read_header

uproot = pytest.importorskip("uproot")
DATA = Path(__file__).parent / "data"


def copy(name, folder):
    return Path(shutil.copy(DATA / name, folder))


def free(path):
    """Return where the file ends by its header, and what is free in it."""
    with mapped(path) as data:
        header = read_header(data)
        known = {key.seek for directory in directories(data, header) for key in directory.keys}
        return header.end, free_segments(data, header, frozenset(known))


def test_empty_directories_and_bytes_after_the_end(tmp_path):
    first, later = copy("edges_first.root", tmp_path), copy("edges_later.root", tmp_path)
    check(first)
    end, segments = free(first)
    assert end + segments[end] == first.stat().st_size
    assert len(segments) > 2
    told = content_hash(first)
    assert first.read_bytes() != later.read_bytes()
    assert canonicalise(first) > 0
    canonicalise(later)
    assert first.read_bytes() == later.read_bytes()
    assert first.read_bytes()[end:].strip(b"\0") == b""
    assert told == hashlib.sha256(first.read_bytes()).hexdigest()
    assert canonicalise(first) == 0
    with uproot.open(first) as file:
        assert file.keys() == ["empty;1", "folder;1", "folder/below;1", "folder/below/note;1", "kept;1", "later;1"]
        assert file["kept/n"].array(library="np").sum() == 500500
        assert file["folder/below/note"].member("fTitle") == "deep"


def test_old_list_of_free_segments_does_not_cost_baskets(tmp_path):
    """ROOT opens the file without a word and reads the tree: its baskets stand where the list says that all is free."""
    path = copy("killed.root", tmp_path)
    assert trees(path)["new"].entries == 1000
    assert free(path)[1] == {}
    told = content_hash(path)
    assert canonicalise(path) > 0
    assert told == hashlib.sha256(path.read_bytes()).hexdigest()
    with uproot.open(path) as file:
        assert file["new/n"].array(library="np").sum() == 500500


def test_changed_basket_in_the_killed_file_changes_the_hash(tmp_path):
    path = copy("killed.root", tmp_path)
    told, data = content_hash(path), bytearray(path.read_bytes())
    at = data.find(b"\0\0\0\1\0\0\0\2\0\0\0\3")
    assert at > 0
    data[at + 3] = 7
    path.write_bytes(data)
    assert content_hash(path) != told


def test_a_directory_of_the_first_forms_keeps_its_bytes(tmp_path):
    """Directories of versions 1 and 2 have no UUID, or one of another form: nothing is written there."""
    path = tmp_path / "x.root"
    content = bytearray((DATA / "edges_first.root").read_bytes())
    heads = [(each.head, each.uuid) for each in directories(bytes(content), read_header(bytes(content)))]
    for head, _ in heads:
        content[head : head + 2] = (2).to_bytes(2, "big")
    path.write_bytes(content)
    assert canonicalise(path) > 0
    after = path.read_bytes()
    assert all(after[uuid : uuid + 18] == content[uuid : uuid + 18] for _, uuid in heads)
