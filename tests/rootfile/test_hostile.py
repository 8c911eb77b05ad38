"""Small files made to cost much: their answers take little time and little memory."""

import lzma
import struct
import time
import tracemalloc
import zlib

import pytest

from automagic.rootfile import RootError, canonicalise, check, content_hash, first_numbers, trees

BLOCK = 16_000_000  # near the largest that ROOT's three bytes can say
BASKET = struct.pack(">hiiiib", 3, 32000, 4, 1, 0, 0)
"""What ends the head of a basket with one entry."""


def word(text):
    return bytes([len(text)]) + text.encode()


def key(at, cls, name, nbytes, *, objlen=None, title="", tail=b""):
    words = word(cls) + word(name) + word(title) + tail
    length = 26 + len(words)
    objlen = nbytes if objlen is None else objlen
    return struct.pack(">ihiIhhii", length + nbytes, 4, objlen, 0, length, 1, at, 100) + words


def directory(nbytes_keys, nbytes_name, here, keys):
    head = struct.pack(">hIIiiiii", 5, 0, 0, nbytes_keys, nbytes_name, here, 100, keys)
    return head + struct.pack(">h", 1) + bytes(16 + 12)


def file_with(body, keys):
    """Make a file of what `body` makes at an offset, and of the keys that `keys` makes for there."""
    own = key(100, "TFile", "x", 63) + word("x") + word("")
    start = 100 + len(own) + 60
    inside = body(start)
    inner = keys(start)
    at = start + len(inside)
    head = key(at, "TFile", "x", 4 + sum(map(len, inner)))
    listed = head + struct.pack(">i", len(inner)) + b"".join(inner)
    end = at + len(listed)
    header = b"root" + struct.pack(">iiiiiii", 62400, 100, end, 0, 0, 0, len(own)) + b"\4" + bytes(12)
    return header.ljust(100, b"\0") + own + directory(len(listed), len(own), 100, at) + inside + listed


def packed(method, size, blocks):
    """Compress so many zeros in so many blocks."""
    if method == b"ZS":
        data = bytes(pytest.importorskip("cramjam").zstd.compress(bytes(size)))
    else:
        data = zlib.compress(bytes(size)) if method == b"ZL" else lzma.compress(bytes(size))
    told = min(size, BLOCK)
    return (method + b"\0" + len(data).to_bytes(3, "little") + told.to_bytes(3, "little") + data) * blocks


def cost(function, *words):
    """Return the answer, its seconds, and the largest memory meanwhile."""
    tracemalloc.start()
    began = time.perf_counter()
    try:
        answer = function(*words)
    except RootError as error:
        answer = error
    seconds, (_, peak) = time.perf_counter() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return answer, seconds, peak


@pytest.mark.parametrize("method", [b"ZL", b"XZ", b"ZS"])
@pytest.mark.parametrize("copies", [1, 40])
def test_heads_of_trees_that_grow_are_not_read(tmp_path, method, copies):
    path, data, objlen = tmp_path / "x.root", packed(method, BLOCK, 16), 16 * BLOCK

    def one(at, name):
        return key(at, "TTree", name, len(data), objlen=objlen)

    path.write_bytes(
        file_with(lambda at: one(at, "t00") + data, lambda at: [one(at, f"t{i:02}") for i in range(copies)])
    )
    found, seconds, peak = cost(trees, path)
    assert len(found) == copies
    assert {tree.entries for tree in found.values()} == {None}
    assert seconds < 10
    assert peak < 100e6


@pytest.mark.parametrize("copies", [1, 40])
def test_many_keys_of_one_head_are_read_up_to_a_limit(tmp_path, copies):
    path, data = tmp_path / "x.root", packed(b"ZL", BLOCK, 1)

    def one(at, name):
        return key(at, "TTree", name, len(data), objlen=BLOCK)

    path.write_bytes(
        file_with(lambda at: one(at, "t00") + data, lambda at: [one(at, f"t{i:02}") for i in range(copies)])
    )
    found, seconds, peak = cost(trees, path)
    assert sum(len(tree.head) for tree in found.values()) == BLOCK * min(copies, 4)
    assert seconds < 10
    assert peak < 150e6


@pytest.mark.parametrize("method", [b"ZL", b"XZ", b"ZS"])
def test_block_that_holds_more_than_it_says(tmp_path, method):
    path, data = tmp_path / "x.root", packed(method, 7 * BLOCK, 1)

    def one(at):
        return key(at, "TTree", "t", len(data), objlen=BLOCK)

    path.write_bytes(file_with(lambda at: one(at) + data, lambda at: [one(at)]))
    _, seconds, peak = cost(trees, path)
    assert seconds < 10
    assert peak < 100e6


def test_block_that_asks_for_much_memory(tmp_path):
    """The block says how far back it refers: 3 GB, which are to be had before the first byte."""
    path, data = tmp_path / "x.root", bytearray(packed(b"XZ", 1000, 1))
    at = 9 + 12  # after what ROOT and xz put before the block's own head
    length = 4 * (data[at] + 1)
    data[at + 4] = 39
    data[at + length - 4 : at + length] = struct.pack("<I", zlib.crc32(bytes(data[at : at + length - 4])))

    def one(at):
        return key(at, "TTree", "t", len(data), objlen=1000)

    path.write_bytes(file_with(lambda at: one(at) + data, lambda at: [one(at)]))
    answer, _, peak = cost(trees, path)
    assert isinstance(answer, RootError)
    assert peak < 100e6


@pytest.mark.parametrize("objlen", [16 * BLOCK, 8])
def test_only_what_is_asked_for_is_read_of_baskets(tmp_path, objlen):
    path, data = tmp_path / "x.root", packed(b"XZ", BLOCK, 16)

    def body(at):
        parts = []
        for number in range(200):
            parts.append(key(at, "TBasket", f"n{number}.n", len(data), objlen=objlen, title="t", tail=BASKET) + data)
            at += len(parts[-1])
        return b"".join(parts)

    path.write_bytes(file_with(body, lambda at: []))
    _, seconds, peak = cost(first_numbers, path, "t", frozenset({"n"}))
    assert seconds < 10
    assert peak < 100e6


def test_lists_of_keys_that_go_on_as_one_are_refused(tmp_path):
    """Each of many directories has a list of its own, but all lists go on as one long one."""
    count, many, path = 500, 3_000, tmp_path / "x.root"
    keys = struct.pack(">i", many) + key(0, "", "", 4) * many

    def body(at):
        common = at + 29 * count
        heads, folders = b"", b""
        for number in range(count):
            here = at + 29 * number
            length = common - here
            heads += struct.pack(">ihiIhhii", length + len(keys), 4, len(keys), 0, length, 1, here, 100) + bytes(3)
            folder = common + len(keys) + 60 * number
            folders += directory(length + len(keys), 0, folder, here)
        return heads + keys + folders

    def top(at):
        folders, made = at + 29 * count + len(keys), []
        for number in range(count):
            head = key(0, "TDirectory", f"{number:04}", 60)
            made.append(key(folders + 60 * number - len(head), "TDirectory", f"{number:04}", 60))
        return made

    path.write_bytes(file_with(body, top))
    before = path.read_bytes()
    for function in (trees, content_hash, canonicalise):
        answer, seconds, peak = cost(function, path)
        assert isinstance(answer, RootError)
        assert "overlap" in str(answer)
        assert seconds < 10
        assert peak < 100e6
    assert path.read_bytes() == before


def test_files_made_by_hand_are_sound(tmp_path):
    """Else the tests here would prove nothing."""
    path = tmp_path / "x.root"
    path.write_bytes(file_with(lambda at: key(at, "TNamed", "a", 3) + b"abc", lambda at: [key(at, "TNamed", "a", 3)]))
    check(path)
    assert canonicalise(path) > 0
    path.write_bytes(
        file_with(lambda at: key(at, "TBasket", "M.n", 4, title="t", tail=BASKET) + b"\0\0\0\7", lambda at: [])
    )
    assert first_numbers(path, "t", frozenset({"n"})) == {"M.n": 7}
