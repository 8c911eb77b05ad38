"""Canonical bytes of a ROOT file, in place.

Two runs of one program on the same inputs write files that differ in a few bytes: the UUID of the file and of
its directories, their dates, and the date of every record and of its copy in the list of keys. Only those are
replaced. Titles of TProcessID objects (references between files) also hold a UUID; they are left as they are.
"""

from __future__ import annotations

import struct
from pathlib import Path

from automagic.rootfile.layout import (
    DATIME_IN_RECORD,
    Buffer,
    RootError,
    directories,
    mapped,
    read_header,
    records,
)

CANONICAL_DATIME = 1 << 22 | 1 << 17
"""1995-01-01 00:00:00, the first date that ROOT's packed form can say (TDatime: years since 1995, month, day,
…)."""

_UUID = struct.pack(">H", 1) + bytes(16)
_DATE = struct.pack(">I", CANONICAL_DATIME)


def places(data: Buffer) -> list[tuple[int, bytes]]:
    """Say what is to be written where: offsets and the canonical bytes there.

    Raises
    ------
    RootError
        The file is not a whole ROOT file.
    """
    header = read_header(data)
    found = [(header.uuid, _UUID)]
    known = set()
    for directory in directories(data, header):
        found += [(directory.head + 2, _DATE), (directory.head + 6, _DATE), (directory.uuid, _UUID)]
        found += [(key.head + DATIME_IN_RECORD, _DATE) for key in directory.keys]
        known |= {key.seek for key in directory.keys} | {directory.seek_keys}
    known |= {header.seek_free}
    for record in records(data, header, frozenset(known)):
        found.append((record.head + DATIME_IN_RECORD, _DATE))
    if any(offset + len(value) > len(data) for offset, value in found):
        raise RootError("it ends inside a directory: truncated?")
    return found


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
                changed += sum(a != b for a, b in zip(old, value))  # noqa: B905 (Python 3.9)
                data[offset : offset + len(value)] = value
    return changed
