"""Canonical bytes: the same content gives the same bytes whenever it is written, and hostile files end in an
error."""

import contextlib
import random
import time

import numpy as np
import pytest

from automagic.rootfile import RootError, canonicalise, check, first_numbers, trees

uproot = pytest.importorskip("uproot")


def write(path, *, seed=0, compression=None):
    numbers = np.random.default_rng(seed)
    with uproot.recreate(path, compression=compression) as file:
        file.mktree("Events", {"MHillas.fSize": "f4", "n": "i8"})
        for _ in range(3):  # several baskets, so that the tree's head moves and leaves gaps
            file["Events"].extend({"MHillas.fSize": numbers.random(5000, dtype="f4"), "n": np.arange(5000)})
        file.mktree("RunHeaders", {"fRunNumber": "i8"})
        file["RunHeaders"].extend({"fRunNumber": np.array([5029747])})
        file["folder/histogram"] = np.histogram(numbers.normal(size=100))
        file["card"] = "MJStar.Level: 6"


@pytest.fixture(scope="module", params=["zlib", "none"])
def pair(request, tmp_path_factory):
    """One content written twice, two seconds apart: dates and UUIDs differ."""
    folder = tmp_path_factory.mktemp("root")
    compression = uproot.ZLIB(1) if request.param == "zlib" else None
    paths = [folder / "a" / "x.root", folder / "b" / "x.root"]
    for path in paths:
        path.parent.mkdir()
        write(path, compression=compression)
        time.sleep(1.1)  # ROOT's dates are whole seconds
    return paths


def test_same_content_same_bytes_and_still_readable(pair):
    first, second = pair
    before = uproot.open(first)["Events"].arrays(library="np")
    assert first.read_bytes() != second.read_bytes()
    assert canonicalise(first) > 0
    canonicalise(second)
    assert first.read_bytes() == second.read_bytes()
    assert canonicalise(first) == 0
    check(first)
    with uproot.open(first) as file:
        after = file["Events"].arrays(library="np")
        assert file["folder/histogram"].values().sum() == 100
        assert str(file["card"]) == "MJStar.Level: 6"
    assert all(np.array_equal(before[k], after[k]) for k in before)


def test_trees_tell_entries_and_branches(pair):
    found = trees(pair[0])
    assert found["Events"].entries == 15000
    assert found["RunHeaders"].entries == 1
    assert found["Events"].has_branch("MHillas.fSize")
    assert found["Events"].has_branch("MHillas")
    assert not found["Events"].has_branch("MHillas_1")


def test_first_numbers_reads_the_run(pair):
    found = first_numbers(pair[0], "RunHeaders", frozenset({"fRunNumber", "n"}))
    assert found == {"fRunNumber": 5029747}


@pytest.mark.parametrize("keep", [0, 3, 50, 200, 5000, 0.5, 0.999, -1])
def test_truncated_file_is_refused_and_left_alone(pair, tmp_path, keep):
    data = pair[0].read_bytes()
    data = data[: int(keep * len(data)) if isinstance(keep, float) else keep]
    path = tmp_path / "x.root"
    path.write_bytes(data)
    for function in (check, canonicalise, trees):
        with pytest.raises(RootError):
            function(path)
    assert path.read_bytes() == data


def test_zeroed_second_half_is_refused(pair, tmp_path):
    data = pair[0].read_bytes()
    path = tmp_path / "x.root"
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    with pytest.raises(RootError):
        check(path)


def test_damaged_bytes_end_in_time_and_without_surprise(pair, tmp_path):
    """Any damage gives an answer or a RootError, never another exception and never an endless loop."""
    data, rng, path = pair[0].read_bytes(), random.Random(1), tmp_path / "x.root"
    for _ in range(200):
        damaged = bytearray(data)
        for _ in range(rng.randrange(1, 20)):
            damaged[rng.randrange(min(len(data), rng.choice([300, len(data)])))] = rng.choice([0, 1, 127, 128, 255])
        path.write_bytes(damaged)
        for function in (check, trees, canonicalise):
            with contextlib.suppress(RootError):
                function(path)
        assert len(path.read_bytes()) == len(data)


def test_other_files_are_refused_by_name_of_the_fault(tmp_path):
    (tmp_path / "text").write_text("hello")
    with pytest.raises(RootError, match="not a ROOT file"):
        check(tmp_path / "text")
    (tmp_path / "empty").touch()
    with pytest.raises(RootError, match="empty"):
        check(tmp_path / "empty")
