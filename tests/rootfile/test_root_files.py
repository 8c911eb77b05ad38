"""Files that ROOT itself wrote: the same content gives the same bytes, and every object stays as it was."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from automagic.rootfile import canonicalise, check, content_hash, first_numbers, trees

uproot = pytest.importorskip("uproot")
DATA = Path(__file__).parent / "data"
ALGORITHMS = ("zlib", "lzma", "lz4", "zstd")


def objects(path):
    """Read all that is in a file, by path and cycle."""
    found = {}
    with uproot.open(path) as file:
        for key, cls in file.classnames().items():
            if cls == "TTree":
                found[key] = {name: list(array) for name, array in file[key].arrays(library="np").items()}
            elif cls == "TH1D":
                found[key] = list(np.concatenate(file[key].to_numpy()))
            elif cls == "TNamed":
                found[key] = file[key].member("fTitle")
            else:
                found[key] = cls
    return found


@pytest.fixture
def pair(tmp_path):
    return [Path(shutil.copy(DATA / name, tmp_path)) for name in ("first.root", "later.root")]


def test_two_times_the_same_content_get_the_same_bytes(pair):
    first, later = pair
    before = objects(first)
    assert len(before) == 20
    assert len(before["folder/long;1"]) == 4500
    assert first.read_bytes() != later.read_bytes()
    assert canonicalise(first) > 0
    canonicalise(later)
    assert first.read_bytes() == later.read_bytes()
    assert objects(first) == before
    check(first)
    assert canonicalise(first) == 0


def test_content_hash_is_that_of_the_canonical_bytes(pair):
    first, later = pair
    written = first.read_bytes(), first.stat().st_mtime_ns
    told = content_hash(first)
    assert (first.read_bytes(), first.stat().st_mtime_ns) == written
    assert told == content_hash(later)
    canonicalise(first)
    assert told == hashlib.sha256(first.read_bytes()).hexdigest() == content_hash(first)


def test_content_hash_knows_one_changed_value(pair):
    first, _ = pair
    told, data = content_hash(first), bytearray(first.read_bytes())
    at = data.find(b"MJStar.Level: 6")
    data[at + len("MJStar.Level: ")] = ord("7")
    first.write_bytes(data)
    assert content_hash(first) != told


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_trees_and_first_numbers_know_every_compression(pair, algorithm):
    if algorithm in ("lz4", "zstd"):
        pytest.importorskip("cramjam")
    tree = trees(pair[0])[f"Events_{algorithm}"]
    assert (tree.entries, tree.cycle) == (400, 2)
    assert tree.has_branch("MHillas")
    assert first_numbers(pair[0], tree.name, frozenset({"fRunNumber"})) == {"MRaw.fRunNumber": 5029747}
