"""Writes plain trees into a ROOT file: the same content gives the same bytes.

uproot writes trees as well, but with the clock and a random number in the file, with names in brackets
changed (``fSourceName[80]`` would come out as ``fSourceName[80][80]``), and at the price of its import, which
is longer than a small job takes. What is written is read with uproot in the tests.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np

from . import rootformat as rf
from .roottree import Branch, tree_bytes

MAX_FILE = 2_000_000_000
"""Largest file, in bytes: beyond it ROOT uses another, longer kind of key."""
BASKET_BYTES = 4_000_000
"""Uncompressed bytes after which a branch begins a new basket."""
UUID = b"openmars" + bytes(8)
FILE_NAME = "openmars"
"""The name inside the file, whatever it is called: it tells the files of this writer."""


@dataclass(frozen=True)
class Jagged:
    """A branch whose entries differ in length.

    Parameters
    ----------
    content
        Values of all entries, one after the other.
    counts
        Number of values of each entry.
    """

    content: np.ndarray
    counts: np.ndarray

    def __len__(self) -> int:
        return len(self.counts)


Column = np.ndarray | Jagged


def _describe(name: str, column: Column) -> list[Branch]:
    """The branch (and, before a jagged one, its counter) that holds a column."""
    if isinstance(column, Jagged):
        counter = f"n{name}"
        leaf, letter = rf.LEAF_OF_TYPE[column.content.dtype.str[1:]]
        title = f"{name}[{counter}]"
        return [
            Branch(counter, "TLeafI", f"{counter}/I", counter, "i4", (), is_counter=True),
            Branch(name, leaf, f"{title}/{letter}", title, column.content.dtype.str[1:], (), counter=counter),
        ]
    if column.dtype.kind == "U":
        return [Branch(name, "TLeafC", f"{name}/C", name, "str", ())]
    kind = column.dtype.str[1:]
    if kind not in rf.LEAF_OF_TYPE:
        raise TypeError(f"branch {name!r} cannot be written: it is of type {column.dtype}")
    leaf, letter = rf.LEAF_OF_TYPE[kind]
    shape = column.shape[1:]
    dims = "" if name.endswith("]") else "".join(f"[{n}]" for n in shape)
    return [Branch(name, leaf, f"{name}{dims}/{letter}", f"{name}{dims}", kind, shape)]


class RootWriter:
    """A ROOT file in the making; it gets its name only when it is complete.

    Parameters
    ----------
    path
        The file to make; an existing one is replaced at the end.
    level
        ZSTD level; 0 writes uncompressed.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.root"
    >>> with RootWriter(path) as out:
    ...     out.extend("Events", {"MHillas.fSize": np.array([50.0, 60.0], "f4")})
    >>> path.stat().st_size > 0
    True
    """

    def __init__(self, path: str | Path, level: int = 1) -> None:
        self.path = Path(path)
        self._level = level
        self._temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        self._file: BinaryIO = open(self._temporary, "wb")  # noqa: SIM115
        self._trees: dict[str, list[Branch]] = {}
        self._constant: dict[tuple[str, str, int], tuple[bytes, int]] = {}
        self._keys: list[bytes] = []
        self._top = rf.key("TFile", FILE_NAME, "", 0, 0, rf.BEGIN, 0)
        self._place = rf.BEGIN + len(self._top) + len(self._directory(0, 0))
        self._file.write(bytes(self._place))

    def __enter__(self) -> RootWriter:
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            self.discard()
            return
        try:
            self.close()
        except BaseException:
            self.discard()
            raise

    def go_on(self, records: memoryview, keys: Iterable[bytes]) -> None:
        """Begin with what another file of this writer holds; its trees stay as they are.

        Parameters
        ----------
        records
            All bytes before the file's list of contents.
        keys
            The entries of that list which are to be kept.
        """
        self._write(records[self._place :])
        self._keys += keys

    def discard(self) -> None:
        """Give up: nothing is left on disk."""
        with contextlib.suppress(OSError):  # a full disk: what waits in memory cannot be written either
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def extend(self, tree: str, columns: Mapping[str, Column]) -> None:
        """Append entries to a tree; its first call says which branches it has.

        Parameters
        ----------
        tree
            Name of the tree.
        columns
            Array of every branch, of equal lengths: shape [n] or [n, width], or `Jagged`. A
            branch whose name ends in ``[80]`` takes an array of that width.
        """
        lengths = {len(c) for c in columns.values()}
        if len(lengths) != 1:
            raise ValueError(f"tree {tree!r}: the branches differ in length: {sorted(lengths)}")
        if tree not in self._trees:
            self._trees[tree] = [b for name, c in columns.items() for b in _describe(name, c)]
        branches = {b.name: b for b in self._trees[tree]}
        if {b for b in branches if not branches[b].is_counter} != set(columns):
            raise ValueError(f"tree {tree!r}: the branches differ from those it began with")
        for name, column in columns.items():
            if isinstance(column, Jagged):
                self._fill(tree, branches[f"n{name}"], np.asarray(column.counts, "i4"))
            self._fill(tree, branches[name], column)

    def _fill(self, tree: str, branch: Branch, column: Column) -> None:
        if isinstance(column, Jagged) or branch.kind == "str":
            self._basket(tree, branch, *_jagged_payload(branch, column))
            return
        if branch.is_counter and len(column):
            branch.maximum = max(branch.maximum, int(column.max()))
        if column.shape[1:] != branch.shape:
            raise ValueError(f"branch {branch.name!r} has width {branch.shape}, given {column.shape[1:]}")
        width = np.dtype(branch.kind).itemsize * int(np.prod(branch.shape, dtype=int))
        step = max(1, BASKET_BYTES // width)
        for start in range(0, len(column), step):
            part = column[start : start + step]
            constant = (tree, branch.name, len(part)) if part.strides[0] == 0 and len(part) > 1 else None
            if constant and constant in self._constant:
                stored, size = self._constant[constant]
            else:
                raw = np.ascontiguousarray(part, dtype=">" + branch.kind).tobytes()
                stored, size = rf.compress(raw, self._level), len(raw)
                if constant:
                    self._constant[constant] = stored, size
            self._record(tree, branch, stored, size, len(part), width, None)

    def _basket(self, tree: str, branch: Branch, raw: bytes, offsets: np.ndarray) -> None:
        """Write a basket of entries of different lengths: data, then where each entry begins."""
        start = self._key_length(tree, branch)
        table = offsets.astype(">i4") + np.int32(start)
        last = int(table[-1])
        table[-1] = 0
        full = raw + struct.pack(">i", len(table)) + table.astype(">i4").tobytes()
        self._record(tree, branch, rf.compress(full, self._level), len(full), len(table) - 1, len(table), last)

    def _key_length(self, tree: str, branch: Branch) -> int:
        return len(rf.key("TBasket", branch.name, tree, 0, 0, 0, 0)) + rf.BASKET_HEADER.size

    def _record(
        self, tree: str, branch: Branch, stored: bytes, size: int, entries: int, width: int, last: int | None
    ) -> None:
        length = self._key_length(tree, branch)
        head = rf.key(
            "TBasket",
            branch.name,
            tree,
            size,
            len(stored),
            self._place,
            rf.BEGIN,
            extra=rf.BASKET_HEADER.size,
        )
        last = length + size if last is None else last
        head += rf.BASKET_HEADER.pack(3, 32000, width, entries, last, False)
        branch.seeks.append(self._place)
        branch.sizes.append(len(head) + len(stored))
        branch.firsts.append(branch.entries)
        branch.entries += entries
        branch.raw += length + size
        branch.stored += len(head) + len(stored)
        self._write(head, stored)

    def _write(self, *parts: bytes | memoryview) -> None:
        self._file.writelines(parts)
        self._place += sum(map(len, parts))
        if self._place > MAX_FILE:
            raise ValueError(f"{self.path.name}: a file cannot be larger than {MAX_FILE / 1e9:.0f} GB")

    def text(self, name: str, value: str) -> None:
        """Store a text as a ``TObjString`` under a name."""
        self._object("TObjString", name, "Collectable string class", rf.counted(1, rf.tobject() + rf.text(value)))

    def _object(self, class_name: str, name: str, title: str, body: bytes) -> None:
        head = rf.key(class_name, name, title, len(body), len(body), self._place, rf.BEGIN)
        self._keys.append(head)
        self._write(head, body)

    def _directory(self, keys_at: int, keys_size: int) -> bytes:
        head = rf.text(FILE_NAME) + rf.text("")
        name_size = len(rf.key("TFile", FILE_NAME, "", 0, 0, 0, 0)) + len(head)
        numbers = struct.pack(">hIIiiiii", 5, 0, 0, keys_size, name_size, rf.BEGIN, 0, keys_at)
        return head + numbers + struct.pack(">h", 1) + UUID + bytes(12)

    def close(self) -> None:
        """Write trees, keys and header, then give the file its name."""

        for name, branches in self._trees.items():
            head = rf.key("TTree", name, name, 0, 0, 0, 0)
            self._object("TTree", name, name, tree_bytes(name, branches, len(head)))
        keys_at, listing = self._place, struct.pack(">i", len(self._keys)) + b"".join(self._keys)
        head = rf.key("TFile", FILE_NAME, "", len(listing), len(listing), keys_at, rf.BEGIN)
        self._write(head, listing)
        keys_size = len(head) + len(listing)
        info_at = self._place
        empty = rf.counted(5, rf.tobject() + rf.text("") + struct.pack(">i", 0))
        head = rf.key("TList", "StreamerInfo", "Doubly linked list", len(empty), len(empty), info_at, rf.BEGIN)
        self._write(head, empty)
        info_size = len(head) + len(empty)
        free_at, free_head = self._place, rf.key("TFile", FILE_NAME, "", 10, 10, self._place, rf.BEGIN)
        end = free_at + len(free_head) + 10
        self._write(free_head, struct.pack(">hII", 1, end, 2_000_000_000))
        header = struct.pack(
            ">4siiiiiiibiiih", b"root", 62400, rf.BEGIN, end, free_at, len(free_head) + 10, 1,
            len(self._top) + len(rf.text(FILE_NAME) + rf.text("")), 4, 505, info_at, info_size, 1,
        ) + UUID  # fmt: skip
        directory = self._directory(keys_at, keys_size)
        self._file.seek(0)
        self._file.write(header.ljust(rf.BEGIN, b"\0"))
        self._file.write(rf.key("TFile", FILE_NAME, "", len(directory), len(directory), rf.BEGIN, 0) + directory)
        self._file.close()
        os.replace(self._temporary, self.path)


def _jagged_payload(branch: Branch, column: Column) -> tuple[bytes, np.ndarray]:
    """Bytes and offsets (in bytes, one more than entries) of entries of different lengths."""
    if isinstance(column, Jagged):
        item = np.dtype(branch.kind).itemsize
        return column.content.astype(">" + branch.kind).tobytes(), item * np.append(0, np.cumsum(column.counts))
    pieces = [rf.text(str(value)) for value in column]
    branch.longest = max([branch.longest, *map(len, pieces)])
    return b"".join(pieces), np.append(0, np.cumsum([len(p) for p in pieces]))
