"""Damaged ROOT files: each question ends in an answer or a RootError, in time, and no file is half changed.

The damage is drawn from fixed seeds: bits anywhere, ends cut off, and numbers that are too large where lengths,
offsets and counts stand.
"""

import hashlib
import random
import signal
import struct
from pathlib import Path

import numpy as np
import pytest

from automagic.rootfile import RootError, canonicalise, check, content_hash, first_numbers, trees
from automagic.rootfile.canonical import places

uproot = pytest.importorskip("uproot")
REAL = Path(__file__).parent / "data" / "first.root"
MEMBERS = frozenset({"fRunNumber", "fSize", "n"})
NUMBERS = (0, 1, 3, 4, 25, 26, 255, 32767, 32768, 65535, 0x7FFFFFFF, 0x80000000, 0xFFFFFF00, 0xFFFFFFFF)
TIMES = 250


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two real files, and in each where the numbers are that a walk through it relies upon."""
    path = tmp_path_factory.mktemp("fuzz") / "x.root"
    with uproot.recreate(path) as file:
        file.mktree("Events", {"MHillas.fSize": "f4", "n": "i8"})
        for _ in range(4):
            file["Events"].extend({"MHillas.fSize": np.arange(50, dtype="f4"), "n": np.arange(50)})
        file["folder/below/histogram"] = np.histogram(np.arange(10))
    return {name: (data, numbers(data)) for name, data in (("uproot", path.read_bytes()), ("ROOT", REAL.read_bytes()))}


def numbers(data):
    """Return offsets in the header, in the heads of records and directories, and in the list of free segments."""
    found = set(range(4, 64))
    for offset, value in places(data):
        if len(value) < 100:
            found |= set(range(max(0, offset - 12), min(offset + 40, len(data) - 8)))
    return sorted(found)


def flipped(rng, data, _):
    for _ in range(rng.randrange(1, 30)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def cut(rng, data, _):
    data = data[: rng.randrange(len(data))]
    if rng.random() < 0.5 and len(data) > 16:  # a header that agrees with what is left
        data[12:16] = struct.pack(">i", len(data))
    return data


def enlarged(rng, data, numbers):
    for _ in range(rng.randrange(1, 4)):
        at, size = rng.choice(numbers), rng.choice([1, 2, 4, 8])
        value = rng.choice([*NUMBERS, len(data), len(data) - 1, rng.randrange(len(data)), rng.choice(numbers)])
        data[at : at + size] = (value << rng.choice([0, 0, 16, 32])).to_bytes(12, "big")[-size:]
    return data


def moved(rng, data, numbers):
    """Copy a piece of the file over another: sound heads in wrong places, lists that point to themselves."""
    for _ in range(rng.randrange(1, 4)):
        start, to, size = rng.choice(numbers), rng.choice(numbers), rng.randrange(4, 300)
        piece = data[start : start + size]
        data[to : to + len(piece)] = piece
    return data


def hung(*_):
    raise AssertionError("it takes forever")


@pytest.fixture(autouse=True)
def alarm():
    before = signal.signal(signal.SIGALRM, hung)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def asked(function, *words):
    """Ask in at most a minute, where milliseconds are usual; return the answer, or the RootError."""
    signal.alarm(60)
    try:
        return function(*words)
    except RootError as error:
        return error
    finally:
        signal.alarm(0)


@pytest.mark.parametrize("damage", [flipped, cut, enlarged, moved])
@pytest.mark.parametrize("writer", ["uproot", "ROOT"])
def test_damage_ends_in_an_answer_or_a_root_error(files, tmp_path, writer, damage):
    whole, where = files[writer]
    path, refused = tmp_path / "x.root", 0
    for seed in range(TIMES):
        data = bytes(damage(random.Random(f"{damage.__name__} {seed}"), bytearray(whole), where))
        path.write_bytes(data)
        asked(check, path)
        asked(trees, path)
        for name in ("Events", "Events_zlib", "Events_lzma", "Events_lz4", "Events_zstd"):
            asked(first_numbers, path, name, MEMBERS)
        told = asked(content_hash, path)
        assert path.read_bytes() == data
        changed = asked(canonicalise, path)
        after = path.read_bytes()
        assert isinstance(changed, RootError) == isinstance(told, RootError), seed
        if isinstance(changed, RootError):
            refused += 1
            assert str(changed) == str(told), seed
            assert after == data, seed
        else:
            assert len(after) == len(data), seed
            assert sum(a != b for a, b in zip(after, data, strict=True)) == changed, seed
            assert told == hashlib.sha256(after).hexdigest(), seed
            assert asked(canonicalise, path) == 0, seed
    assert 0 < refused < TIMES or damage is cut
