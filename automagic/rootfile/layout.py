"""The outer layout of a ROOT file: header, records, directories.

Written after ROOT's own description of the format (root.cern, "ROOT files", TFile and TKey class
documentation). Nothing in the file is trusted: every length and offset is checked, every walk moves forward
or visits a place once.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Optional, Union

Buffer = Union[bytes, bytearray, memoryview]  # noqa: UP007 (evaluated on Python 3.9)

DATIME_IN_RECORD = 10
"""Offset of a record's date: after its length (4 bytes), version (2) and uncompressed length (4)."""

_BIG_FILE = 1_000_000  # a file version at or above it has 8-byte offsets in its header
_BIG_RECORD = 1000  # the same for records and directories
_SMALLEST_RECORD = 26  # a record's head with three empty words, less one byte each
_SMALLEST_GAP = 4  # ROOT takes a gap for a new record where it fits exactly, or leaves room for this mark
_LONGEST_WORD = 32_767  # the length of a record's head is a short; ROOT cuts titles at 32,000

_HEAD = struct.Struct(">ihiIhh")
_SEEKS = struct.Struct(">ii")
_BIG_SEEKS = struct.Struct(">qq")
_INT = struct.Struct(">i")
_DATA_CLASSES = (b"TBasket", b"RBlob")  # what trees and ntuples point to by themselves


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
    seek_info: int
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
    """One directory: where its dates and UUID stand, its keys, and the rest of their record, which nobody reads."""

    head: int
    uuid: Optional[int]  # noqa: UP045 (evaluated on Python 3.9)
    seek_keys: int
    keys: tuple[Record, ...]
    rest: range


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
    if length > _LONGEST_WORD or offset + length > len(data):
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
        (seek_info,) = _unpack("q", data, 45)
        uuid = 45 + 8 + 4
    else:
        end, seek_free, nbytes_free, _, nbytes_name = _unpack("iiiii", data, 12)
        (seek_info,) = _unpack("i", data, 37)
        uuid = 37 + 4 + 4
    if not uuid <= begin < 4096 or nbytes_name < 0 or end < begin:
        raise RootError("its header makes no sense")
    if end > len(data):
        raise RootError(f"it is truncated: its header says {end} bytes, it has {len(data)}")
    return Header(version, begin, end, seek_free, nbytes_free, nbytes_name, seek_info, uuid)


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


def _read_directory(data: Buffer, head: int, top: bool) -> Directory:
    (version,) = _unpack("h", data, head)
    big = version > _BIG_RECORD
    nbytes_keys, _, _, _, seek_keys = _unpack("iiqqq" if big else "iiiii", data, head + 10)
    # directories had none at first, then one of another form (ROOT, TDirectoryFile::Streamer): those are left alone
    uuid = head + 18 + (24 if big else 12) if version % _BIG_RECORD > 2 else None
    if seek_keys == 0 and not top:  # ROOT writes no list for a directory that nothing was put into
        return Directory(head, uuid, 0, (), range(0))
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
    rest = range(at, min(seek_keys + record.nbytes, len(data) + 1) if record.seek == seek_keys else at)
    return Directory(head, uuid, seek_keys, tuple(keys), rest)


def directories(data: Buffer, header: Header) -> Iterator[Directory]:
    """Yield the root directory and all below it, each once."""
    top = header.begin + header.nbytes_name
    waiting, seen, lists, room = [top], set(), set(), header.end
    while waiting:
        head = waiting.pop()
        if head in seen:
            continue
        seen.add(head)
        directory = _read_directory(data, head, head == top)
        # else a made-up file could have one long list read a thousand times
        if directory.seek_keys and directory.seek_keys in lists:
            raise RootError(f"two of its directories share the list of keys at byte {directory.seek_keys}")
        lists.add(directory.seek_keys)
        room -= directory.rest.start - directory.seek_keys
        if room < 0:  # the same with lists that begin at different places and go on as one
            raise RootError("the lists of keys of its directories overlap")
        yield directory
        for key in directory.keys:
            if key.cls in ("TDirectory", "TDirectoryFile"):
                waiting.append(key.seek + key.keylen)


def _holds_baskets(data: Buffer, at: int, stop: int) -> bool:
    """Whether sound records of data begin at an offset, perhaps after gaps; no list of keys names them."""
    while at < stop:
        length = _length(data, at, stop)
        if length > 0:
            (version,) = _HEAD.unpack_from(data, at)[1:2]
            cls = at + _HEAD.size + (_BIG_SEEKS if version > _BIG_RECORD else _SEEKS).size
            if bytes(data[cls + 1 : cls + 1 + data[cls]]) in _DATA_CLASSES:
                return True
        if length == 0:
            return False
        at += abs(length)
    return False


def free_segments(data: Buffer, header: Header, known: frozenset[int] = frozenset()) -> dict[int, int]:
    """Read the file's own list of free segments, where the next writer may write: the size of each, by its offset.

    The last one begins where the file ends by its header; there may be more bytes, and it is told if so.

    Where a record is known to be, or baskets are, nothing is free: a program that added to the file and ended before
    it wrote the list anew has left an old one, and what it says is not believed at all. ROOT marks what is free,
    and other writers never free baskets, so there is no doubt about them.
    """
    try:
        record = read_record(data, header.seek_free)
    except RootError:
        return {}
    places = sorted(known)
    if places and places[-1] >= header.end:
        return {}
    at, stop = header.seek_free + record.keylen, min(header.seek_free + record.nbytes, len(data))
    segments = []
    while at + 10 <= stop:
        (version,) = _unpack("h", data, at)
        if version <= 0:  # ROOT fills with zeros what it had put aside for the list and did not need
            break
        pattern = "qq" if version > _BIG_RECORD else "ii"
        first, last = _unpack(pattern, data, at + 2)
        at += 2 + struct.calcsize(">" + pattern)
        if header.begin <= first <= last < header.end:
            segments.append((first, last + 1))
    found, end = {}, 0
    for first, after in sorted(segments):
        following = bisect_left(places, first)
        taken = following < len(places) and places[following] < after
        if taken or first < end or _holds_baskets(data, first, after):
            return {}
        found[first], end = after - first, after
    if header.end < len(data):
        found[header.end] = len(data) - header.end
    return found


def _length(data: Buffer, at: int, end: int) -> int:
    """Return the length of the sound record at an offset, that of a marked gap as a negative number, or 0.

    The same rules as in `read_record`, without its words: a file holds tens of thousands of baskets.
    """
    if at + _HEAD.size + _SEEKS.size > end:  # too short for a record
        nbytes = _INT.unpack_from(data, at)[0] if at + 4 <= end else 0
        return nbytes if at - end <= nbytes <= -_SMALLEST_GAP else 0
    nbytes, version, objlen, _, keylen, _ = _HEAD.unpack_from(data, at)
    if nbytes < 0:
        return nbytes if at - end <= nbytes <= -_SMALLEST_GAP else 0
    if nbytes < _SMALLEST_RECORD or objlen < 0 or keylen > nbytes or nbytes > end - at:
        return 0
    seeks = _BIG_SEEKS if version > _BIG_RECORD else _SEEKS
    after, stop = at + _HEAD.size + seeks.size, at + keylen
    if after > stop or seeks.unpack_from(data, at + _HEAD.size)[0] != at:
        return 0
    for _ in range(3):
        if after >= stop:
            return 0
        word = data[after]
        after += 1 + word
        if word == 255:
            if after - 255 + 4 > stop:
                return 0
            after += 4 - 255 + int.from_bytes(data[after - 255 : after - 251], "big")
    return nbytes if after <= stop else 0


def extents(
    data: Buffer, header: Header, known: frozenset[int] = frozenset(), free: dict[int, int] | None = None
) -> Iterator[tuple[int, int]]:
    """Yield offset and length of every record and gap, from the first to the end of the file.

    Parameters
    ----------
    known
        Offsets where records are known to begin. Where the chain breaks the walk goes on at the next of them.
    free
        What `free_segments` found. It comes before what stands there: not every writer marks its gaps, and what
        was a record in one still looks like it; a mark cannot say more than 2 GB.

    Yields
    ------
    tuple
        Offset and length; gaps have a negative length.
    """
    free = free or {}
    places = sorted(p for p in known | free.keys() if p < header.end)
    at = header.begin
    while at < header.end:
        length = -free[at] if at in free else _length(data, at, header.end)
        if length == 0:
            following = bisect_right(places, at)
            if following == len(places):
                return
            at = places[following]
            continue
        yield at, length
        at += abs(length)


def records(data: Buffer, header: Header, known: frozenset[int] = frozenset()) -> Iterator[Record]:
    """Yield every record from the first to the end of the file, baskets included; see `extents`."""
    for at, length in extents(data, header, known, free_segments(data, header, known)):
        if length > 0:
            yield read_record(data, at)


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
