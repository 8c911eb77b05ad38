"""Reads plain trees (one leaf a branch, as `rootwrite` and uproot write them) without the import of uproot.

Whatever is not plain raises `NotPlain`; `openmars.io.trees` then hands the file to uproot.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import rootformat as rf
from .rootwrite import FILE_NAME, Jagged


class NotPlain(Exception):
    """The file is not of the kind that the quick reader knows."""


@dataclass(frozen=True)
class Branch:
    """Where the baskets of a branch are, and of what type its values."""

    name: str
    kind: str
    width: int
    jagged: bool
    entries: int
    seeks: np.ndarray
    firsts: np.ndarray


class _Cursor:
    """Walks through the bytes of an object."""

    def __init__(self, data: memoryview, place: int = 0) -> None:
        self.data = data
        self.place = place

    def take(self, form: struct.Struct | str) -> tuple:
        form = form if isinstance(form, struct.Struct) else struct.Struct(form)
        values = form.unpack_from(self.data, self.place)
        self.place += form.size
        return values

    def text(self) -> str:
        (length,) = self.take(">B")
        if length == 255:
            (length,) = self.take(">I")
        self.place += length
        return bytes(self.data[self.place - length : self.place]).decode(errors="replace")

    def object(self, *versions: int) -> int:
        """Byte count and version of an object; returns where it ends."""
        count, version = self.take(">IH")
        if not count & rf.BYTE_COUNT or version not in versions:
            raise NotPlain(f"class version {version}")
        return self.place - 2 + (count & ~rf.BYTE_COUNT)

    def named(self) -> tuple[str, str]:
        end = self.object(1)
        self.place += 10
        names = self.text(), self.text()
        self.place = end
        return names

    def class_name(self) -> str:
        """Start of an object behind a pointer."""
        count, tag = self.take(">II")
        if not count & rf.BYTE_COUNT or tag != rf.NEW_CLASS:
            raise NotPlain("classes named by reference")
        stop = bytes(self.data[self.place : self.place + 64]).index(b"\0")
        name = bytes(self.data[self.place : self.place + stop]).decode()
        self.place += stop + 1
        return name

    def array(self) -> int:
        """Head of a TObjArray; returns the number of items."""
        self.object(3)
        self.place += 10
        self.text()
        size, _ = self.take(">ii")
        return size


class RootReader:
    """The trees of one file.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    NotPlain
        If the file is a ROOT file, but not one that this reader knows.
    ValueError
        If it is not a whole ROOT file.

    Attributes
    ----------
    keys_at
        Where the list of contents is.
    raw_keys
        Its entries, by name.
    """

    def __init__(self, path: str | Path) -> None:
        with open(path, "rb") as stream:
            try:
                self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError:
                raise ValueError("the file is empty") from None
        self._data = memoryview(self._map)
        if bytes(self._data[:4]) != b"root":
            raise ValueError("it is not a ROOT file")
        if len(self._data) < 200:
            raise ValueError("it is truncated")
        version, begin, end, _, _, _, name_size = struct.unpack_from(">7i", self._data, 4)
        if version >= 1_000_000:
            raise NotPlain("a file larger than 2 GB")
        if end > len(self._data):
            raise ValueError(f"it is truncated: {len(self._data)} bytes of {end}")
        (keys_at,) = struct.unpack_from(">i", self._data, begin + name_size + 2 + 8 + 16)
        if not 0 < keys_at < end:
            raise ValueError("it was never closed: it has no list of contents")
        self.keys_at = keys_at
        self.raw_keys: dict[str, bytes] = {}
        self._keys = self._listing(keys_at)
        self._trees: dict[str, dict[str, Branch]] = {}

    def _listing(self, place: int) -> dict[str, tuple[str, int]]:
        (length,) = struct.unpack_from(">h", self._data, place + 14)
        cursor = _Cursor(self._data, place + length)
        (count,) = cursor.take(">i")
        found: dict[str, tuple[str, int, int]] = {}
        for _ in range(count):
            start = cursor.place
            _, version, _, _, key_length, cycle, seek, _ = cursor.take(rf.KEY_HEADER)
            if version > 1000:  # a key with long places
                cursor.place = start + 18
                seek, _ = cursor.take(">qq")
            class_name, name = cursor.text(), cursor.text()
            cursor.place = start + key_length
            if name not in found or found[name][2] < cycle:
                found[name] = class_name, seek, cycle
                self.raw_keys[name] = bytes(self._data[start : cursor.place])
        return {name: (class_name, seek) for name, (class_name, seek, _) in found.items()}

    def _object(self, seek: int) -> tuple[memoryview, int]:
        """The bytes of the object at a place, and the length of its key."""
        stored, _, size, _, length = struct.unpack_from(">ihiIh", self._data, seek)
        content = self._data[seek + length : seek + stored]
        if len(content) == size:
            return content, length
        out: Any = np.empty(size, np.uint8)
        self._unpack(content, out)
        return memoryview(out), length

    @staticmethod
    def _unpack(stored: memoryview, out: np.ndarray) -> None:
        try:
            rf.decompress_into(stored, out)
        except NotImplementedError as error:
            raise NotPlain(str(error)) from None
        except ValueError:
            raise
        except Exception as error:  # cramjam's own kind of error
            raise ValueError(str(error)) from None

    def records(self) -> memoryview:
        """All bytes before the list of contents, of a file that `rootwrite` wrote; `NotPlain` for others."""
        cursor = _Cursor(self._data, rf.BEGIN)
        cursor.take(rf.KEY_HEADER)
        if (cursor.text(), cursor.text()) != ("TFile", FILE_NAME):
            raise NotPlain("another program wrote it")
        return self._data[: self.keys_at]

    def trees(self) -> list[str]:
        """Names of the trees in the file."""
        return [name for name, (class_name, _) in self._keys.items() if class_name == "TTree"]

    def texts(self) -> dict[str, str]:
        """The ``TObjString`` objects by name."""
        out = {}
        for name, (class_name, seek) in self._keys.items():
            if class_name == "TObjString":
                cursor = _Cursor(self._object(seek)[0])
                cursor.object(1)
                cursor.place += 10
                out[name] = cursor.text()
        return out

    def branches(self, tree: str) -> dict[str, Branch]:
        """The branches of a tree; KeyError if there is no such tree."""
        if tree not in self._trees:
            class_name, seek = self._keys[tree]
            if class_name != "TTree":
                raise NotPlain(f"{tree} is a {class_name}")
            self._trees[tree] = _tree(self._object(seek)[0])
        return self._trees[tree]

    def read(self, tree: str, name: str, start: int = 0, stop: int | None = None) -> np.ndarray | Jagged:
        """Entries of a branch from `start` to `stop` (all by default), in the machine's byte order.

        Only the baskets that hold them are looked at.
        """
        branch = self.branches(tree)[name]
        start, stop, _ = slice(start, stop).indices(branch.entries)
        if branch.jagged or branch.kind == "str":
            if (start, stop) != (0, branch.entries):
                raise NotPlain("a part of a branch of different lengths")
            return self._read_jagged(branch)
        item = np.dtype(branch.kind).itemsize
        size = branch.width * item
        used = np.flatnonzero((branch.firsts[1:] > start) & (branch.firsts[:-1] < stop))
        begin = int(branch.firsts[used[0]]) if len(used) else start
        end = int(branch.firsts[used[-1] + 1]) if len(used) else start
        out = np.empty((end - begin) * size, np.uint8)
        for k in used:
            first, last = branch.firsts[k] - begin, branch.firsts[k + 1] - begin
            self._basket(int(branch.seeks[k]), out[first * size : last * size])
        out = out[(start - begin) * size : (max(stop, start) - begin) * size]
        values = out.view(branch.kind)
        if item > 1:
            values.byteswap(inplace=True)
        if branch.kind == "b1":
            values = out.view(bool)
        return values if branch.width == 1 else values.reshape(len(values) // branch.width, branch.width)

    def _basket(self, seek: int, out: np.ndarray) -> None:
        """Unpack the basket at a place into `out`."""
        stored, _, size, _, length = struct.unpack_from(">ihiIh", self._data, seek)
        if size != len(out):
            raise NotPlain("a basket with more than its values")
        self._unpack(self._data[seek + length : seek + stored], out)

    def _read_jagged(self, branch: Branch) -> np.ndarray | Jagged:
        contents, counts = [], []
        for seek, first, last in zip(branch.seeks, branch.firsts[:-1], branch.firsts[1:], strict=True):
            raw, length = self._object(int(seek))
            entries = int(last - first)
            (end,) = struct.unpack_from(">i", self._data, int(seek) + length - 5)
            end -= length
            offsets = np.frombuffer(raw[end + 4 : end + 8 + 4 * entries], ">i4").astype(int) - length
            if len(offsets) != entries + 1:
                raise NotPlain("a table of offsets of another length")
            offsets[-1] = end
            counts.append(np.diff(offsets))
            contents.append(np.frombuffer(raw[:end], np.uint8))
        content = np.concatenate(contents) if contents else np.empty(0, np.uint8)
        lengths = np.concatenate(counts) if counts else np.empty(0, int)
        if branch.kind != "str":
            kind = np.dtype(branch.kind)
            return Jagged(content.view(">" + branch.kind).astype(kind), lengths // kind.itemsize)
        cursor = _Cursor(memoryview(content.tobytes()))
        return np.array([cursor.text() for _ in lengths], dtype=str)


def _tree(data: memoryview) -> dict[str, Branch]:
    """The branches of a serialised ``TTree``."""
    cursor = _Cursor(data)
    cursor.object(20)
    cursor.named()
    for version in (2, 2, 2):  # line, fill, marker
        cursor.place = cursor.object(version)
    numbers = cursor.take(rf.TREE_NUMBERS)
    if numbers[10] != 0:
        raise NotPlain("cluster ranges")
    cursor.place += 2 + len(rf.IO_FEATURES)
    branches = [_branch(cursor) for _ in range(cursor.array())]
    return {b.name: b for b in branches}


def _branch(cursor: _Cursor) -> Branch:
    if cursor.class_name() != "TBranch":
        raise NotPlain("branches of objects")
    end = cursor.object(13)
    name, _ = cursor.named()
    cursor.place = cursor.object(2)
    _, _, _, baskets, entries = cursor.take(rf.BRANCH_NUMBERS_1)
    cursor.place += len(rf.IO_FEATURES)
    _, most, *_ = cursor.take(rf.BRANCH_NUMBERS_2)
    if cursor.array() != 0 or cursor.array() != 1:
        raise NotPlain("a branch of branches or of several leaves")
    leaf = cursor.class_name()
    leaf_end = cursor.object(1)
    cursor.object(2)
    cursor.named()
    width, _, _, _, unsigned = cursor.take(">iii??")
    (counter,) = cursor.take(">I")
    cursor.place = leaf_end
    if cursor.array() != 0:
        raise NotPlain("baskets inside the tree")
    cursor.place += 1 + 4 * most
    firsts = np.frombuffer(cursor.data[cursor.place + 1 : cursor.place + 1 + 8 * most], ">i8").astype(int)
    cursor.place += 2 + 8 * most
    seeks = np.frombuffer(cursor.data[cursor.place : cursor.place + 8 * most], ">i8").astype(int)
    cursor.place = end
    kind = "str" if leaf == "TLeafC" else rf.TYPE_OF_LEAF.get((leaf, unsigned))
    if kind is None:
        raise NotPlain(f"leaves of type {leaf}")
    firsts = np.append(firsts[:baskets], entries)
    return Branch(name, kind, width, counter != 0, entries, seeks[:baskets], firsts)
