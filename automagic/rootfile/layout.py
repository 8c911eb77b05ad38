"""The outer layout of a ROOT file: header, records, directories.

Written after ROOT's own description of the format (root.cern, "ROOT files", TFile and TKey class
documentation). Nothing in the file is trusted: every length and offset is checked, every walk moves forward
or visits a place once.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Union

Buffer = Union[bytes, bytearray, memoryview]  # noqa: UP007 (evaluated on Python 3.9)

DATIME_IN_RECORD = 10
"""Offset of a record's date: after its length (4 bytes), version (2) and uncompressed length (4)."""

_BIG_FILE = 1_000_000  # a file version at or above it has 8-byte offsets in its header
_BIG_RECORD = 1000  # the same for records and directories
_SMALLEST_RECORD = 26  # a record's head with three empty words, less one byte each


class RootError(ValueError):
    """The file is not a whole ROOT file. The message says what is wrong, without the file's name."""


class Header(NamedTuple):
    """What the first bytes of a file say of it; offsets in bytes."""

    version: int
    begin: int
    end: int
    seek_free: int
    nbytes_free: int
    nbytes_name: int
    uuid: int


class Record(NamedTuple):
    """One record (ROOT: a TKey and its object); ``head`` is where this description of it stands."""

    head: int
    nbytes: int
    objlen: int
    keylen: int
    cycle: int
    seek: int
    cls: str
    name: str
    title: str


class Directory(NamedTuple):
    """One directory: where its dates and UUID stand, and its keys."""

    head: int
    uuid: int
    seek_keys: int
    keys: tuple[Record, ...]


def _unpack(pattern: str, data: Buffer, offset: int) -> tuple:
    if offset < 0:
        raise RootError(f"it points to byte {offset}")
    try:
        return struct.unpack_from(">" + pattern, data, offset)
    except struct.error:
        raise RootError(f"it ends before byte {offset + struct.calcsize('>' + pattern)}: truncated?") from None


def _word(data: Buffer, offset: int) -> tuple[str, int]:
    """Read a ROOT string; return it and the offset after it."""
    (length,) = _unpack("B", data, offset)
    offset += 1
    if length == 255:
        (length,) = _unpack("I", data, offset)
        offset += 4
    if length > 4096 or offset + length > len(data):
        raise RootError(f"it holds a name of {length} characters at byte {offset}")
    return bytes(data[offset : offset + length]).decode("utf-8", "replace"), offset + length


def read_header(data: Buffer) -> Header:
    """Read the file header and check it against the size of the file.

    Raises
    ------
    RootError
        No ROOT file, an empty one, a truncated one, or one that was never closed.
    """
    if len(data) == 0:
        raise RootError("it is empty")
    if bytes(data[:4]) != b"root":
        raise RootError("it is not a ROOT file (its first bytes are not 'root')")
    version, begin = _unpack("ii", data, 4)
    if version >= _BIG_FILE:
        end, seek_free, nbytes_free, _, nbytes_name = _unpack("qqiii", data, 12)
        uuid = 12 + 8 + 8 + 4 + 4 + 4 + 1 + 4 + 8 + 4
    else:
        end, seek_free, nbytes_free, _, nbytes_name = _unpack("iiiii", data, 12)
        uuid = 12 + 4 + 4 + 4 + 4 + 4 + 1 + 4 + 4 + 4
    if not uuid <= begin < 4096 or nbytes_name < 0 or end < begin:
        raise RootError("its header makes no sense")
    if end > len(data):
        raise RootError(f"it is truncated: its header says {end} bytes, it has {len(data)}")
    return Header(version, begin, end, seek_free, nbytes_free, nbytes_name, uuid)


def read_record(data: Buffer, offset: int) -> Record:
    """Read the head of the record at an offset; `RootError` where there is none."""
    nbytes, version, objlen, _, keylen, cycle = _unpack("ihiIhh", data, offset)
    big = version > _BIG_RECORD
    seek, _ = _unpack("qq" if big else "ii", data, offset + 18)
    after = offset + 18 + (16 if big else 8)
    cls, after = _word(data, after)
    name, after = _word(data, after)
    title, after = _word(data, after)
    if nbytes < _SMALLEST_RECORD or objlen < 0 or not after - offset <= keylen <= nbytes or seek < 0:
        raise RootError(f"there is no sound record at byte {offset}")
    return Record(offset, nbytes, objlen, keylen, cycle, seek, cls, name, title)


def _read_directory(data: Buffer, head: int) -> Directory:
    (version,) = _unpack("h", data, head)
    big = version > _BIG_RECORD
    nbytes_keys, _, _, _, seek_keys = _unpack("iiqqq" if big else "iiiii", data, head + 10)
    uuid = head + 18 + (24 if big else 12)
    if seek_keys == 0:
        raise RootError("it was not closed by the program that wrote it (it has no list of keys)")
    record = read_record(data, seek_keys)
    at = seek_keys + record.keylen
    stop = min(seek_keys + min(record.nbytes, nbytes_keys), len(data))
    (count,) = _unpack("i", data, at)
    at += 4
    keys: list[Record] = []
    while len(keys) < count:
        key = read_record(data, at)
        at += key.keylen
        if at > stop:
            raise RootError(f"the list of keys at byte {seek_keys} is shorter than it says")
        keys.append(key)
    return Directory(head, uuid, seek_keys, tuple(keys))


def directories(data: Buffer, header: Header) -> Iterator[Directory]:
    """Yield the root directory and all below it, each once."""
    waiting, seen = [header.begin + header.nbytes_name], set()
    while waiting:
        head = waiting.pop()
        if head in seen:
            continue
        seen.add(head)
        directory = _read_directory(data, head)
        yield directory
        for key in directory.keys:
            if key.cls in ("TDirectory", "TDirectoryFile"):
                waiting.append(key.seek + key.keylen)


def records(data: Buffer, header: Header, known: frozenset[int] = frozenset()) -> Iterator[Record]:
    """Yield every record from the first to the end of the file, baskets and free space between them included.

    Parameters
    ----------
    known
        Offsets where records are known to begin. Where the chain breaks (some writers leave gaps without a
        mark) the walk goes on at the next of them.
    """
    places = sorted(p for p in known if p < header.end)
    at = header.begin
    while at < header.end:
        (nbytes,) = _unpack("i", data, at) if at + 4 <= len(data) else (0,)
        if nbytes < -4:  # free space
            at += -nbytes
            continue
        try:
            record = read_record(data, at)
            if record.seek != at:
                raise RootError(f"there is no sound record at byte {at}")
        except RootError:
            following = [p for p in places if p > at]
            if not following:
                return
            at = following[0]
            continue
        yield record
        at += record.nbytes


def check(path: str | Path) -> None:
    """Check that a file is a whole ROOT file: magic bytes, size, directories, and every key's record in its
    place.

    Raises
    ------
    RootError
        With what is wrong; the caller names the file.
    OSError
        The file cannot be read.
    """
    with mapped(path) as data:
        header = read_header(data)
        for directory in directories(data, header):
            for key in directory.keys:
                record = read_record(data, key.seek)
                if (record.cls, record.name) != (
                    key.cls,
                    key.name,
                ) or record.seek + record.nbytes > header.end:
                    raise RootError(f"{key.cls} {key.name!r} is not where its key says")


class mapped:
    """A file's bytes, without reading them all: a context manager around `mmap` that knows empty files."""

    def __init__(self, path: str | Path, write: bool = False) -> None:
        self.path, self.write = path, write

    def __enter__(self) -> memoryview:
        import mmap

        with open(self.path, "r+b" if self.write else "rb") as file:
            if file.seek(0, 2) == 0:
                raise RootError("it is empty")
            access = mmap.ACCESS_WRITE if self.write else mmap.ACCESS_READ
            self._map = mmap.mmap(file.fileno(), 0, access=access)
        self._view = memoryview(self._map)
        return self._view

    def __exit__(self, *exc: object) -> None:
        self._view.release()
        self._map.close()
