"""Canonical bytes of a ROOT file, in place.

Two runs of one program on the same inputs write files that differ in a few bytes: the UUID of the file and of
its directories, their dates, the date of every record and of its copy in the list of keys, and what was written
before where there is free space now, or room for more keys. Only those are replaced. Titles of TProcessID objects
(references between files) also hold a UUID; they are left as they are.
"""

from __future__ import annotations

import struct
from pathlib import Path

from automagic.rootfile.layout import (
    DATIME_IN_RECORD,
    Buffer,
    RootError,
    directories,
    extents,
    free_segments,
    mapped,
    read_header,
)

CANONICAL_DATIME = 1 << 22 | 1 << 17
"""1995-01-01 00:00:00, the first date that ROOT's packed form can say (TDatime: years since 1995, month, day,
…)."""

_UUID = struct.pack(">H", 1) + bytes(16)
_DATE = struct.pack(">I", CANONICAL_DATIME)
_USUAL_MARK = 2_000_000_000  # ROOT marks what is larger as a gap of this size, or as it is if an int can say it
_LARGEST_MARK = (1 << 31) - 1
_ZEROS = bytes(1 << 20)


def _zeros(start: int, stop: int) -> list[tuple[int, bytes]]:
    """Write zeros over a range, in pieces: a gap may be larger than the memory."""
    pieces = range(start, stop, len(_ZEROS))
    return [(at, _ZEROS if at + len(_ZEROS) <= stop else bytes(stop - at)) for at in pieces]


def _gap(data: Buffer, at: int, size: int) -> list[tuple[int, bytes]]:
    """Keep the mark of a gap, or give it one, and write zeros after it."""
    mark = bytes(data[at : at + min(size, 4)])
    if len(mark) < 4:  # no room for one
        return _zeros(at, at + size)
    if -int.from_bytes(mark, "big", signed=True) not in (size, min(size, _USUAL_MARK)):
        mark = struct.pack(">i", -size if size <= _LARGEST_MARK else -_USUAL_MARK)
    return [(at, mark), *_zeros(at + 4, at + size)]


def places(data: Buffer) -> list[tuple[int, bytes]]:
    """Say what is to be written where: offsets and the canonical bytes there, in order and apart from each other.

    Gaps that are in the file's list of free segments are zeroed, but for their mark: a reader does not look there,
    and a writer may write there what it likes. So is what stands after the end that the header tells. Other gaps are
    left as they are, and all of them where the list cannot be right (see `free_segments`).

    Raises
    ------
    RootError
        The file is not a whole ROOT file.
    """
    header = read_header(data)
    found = [(header.uuid, _UUID)]
    known = set()
    for directory in directories(data, header):
        found += [(directory.head + 2, _DATE), (directory.head + 6, _DATE)]
        found += [] if directory.uuid is None else [(directory.uuid, _UUID)]
        found += [(key.head + DATIME_IN_RECORD, _DATE) for key in directory.keys]
        found += _zeros(directory.rest.start, directory.rest.stop)
        known |= {key.seek for key in directory.keys} | {directory.seek_keys}
    known |= {header.seek_free, header.seek_info}
    free = free_segments(data, header, frozenset(known))
    for at, length in extents(data, header, frozenset(known), free):
        if length > 0:
            found.append((at + DATIME_IN_RECORD, _DATE))
        elif free.get(at) == -length:
            found += _gap(data, at, -length)
    if header.end in free:  # what was there before the last things in the file were deleted
        found += _zeros(header.end, len(data))
    found.sort()
    end = 0
    for offset, value in found:
        if offset < end:
            raise RootError(f"its parts overlap at byte {offset}")
        end = offset + len(value)
    if end > len(data):
        raise RootError("it ends inside a directory: truncated?")
    return found


def _differing(old: bytes, value: bytes) -> int:
    """Count the bytes that differ."""
    if len(value) > len(_UUID):  # a gap, perhaps a large one
        return len(old) - old.count(0)
    return sum(a != b for a, b in zip(old, value))  # noqa: B905 (Python 3.9)


def canonicalise(path: str | Path) -> int:
    """Give a ROOT file its canonical bytes, in place.

    Returns
    -------
    int
        How many bytes differed.

    Raises
    ------
    RootError
        The file is not a whole ROOT file; it is left untouched.
    """
    changed = 0
    with mapped(path, write=True) as data:
        for offset, value in places(data):
            old = bytes(data[offset : offset + len(value)])
            if old != value:
                changed += _differing(old, value)
                data[offset : offset + len(value)] = value
    return changed
