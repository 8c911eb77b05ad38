"""Trees of a ROOT file: their names, entries and branches, from the head of the tree alone."""

from __future__ import annotations

import lzma
import zlib
from pathlib import Path
from typing import NamedTuple, Optional

from automagic.rootfile.layout import (
    Buffer,
    Record,
    RootError,
    _unpack,
    directories,
    mapped,
    read_header,
    read_record,
    records,
)

_BYTE_COUNT = 0x40000000
_LARGEST_HEAD = 1 << 28


class Tree(NamedTuple):
    """A tree. ``entries`` is `None` and ``head`` empty where its head is compressed in a way that Python
    cannot read."""

    name: str
    cycle: int
    entries: Optional[int]  # noqa: UP045 (evaluated on Python 3.9)
    head: bytes

    def has_branch(self, name: str) -> bool:
        """Whether there is a branch of this name, with or without the trailing dot, or one of its members.

        Examples
        --------
        >>> tree = Tree("Events", 1, 0, b"..\\x09MHillas_1\\x00..\\x06MTime...\\x09MRaw.fRun")
        >>> [tree.has_branch(name) for name in ("MHillas_1", "MTime", "MRaw", "MHillas", "aw")]
        [True, True, True, False, False]
        """
        raw = name.encode()
        if bytes([len(raw)]) + raw in self.head:
            return True
        at = self.head.find(raw + b".")
        while at > 0:
            length = self.head[at - 1]  # that of the whole name stands before it
            whole = self.head[at : at + length]
            if length > len(raw) and len(whole) == length and whole.isascii() and whole.decode().isprintable():
                return True
            at = self.head.find(raw + b".", at + 1)
        return False


def _inflate(method: bytes, block: bytes, size: int) -> bytes | None:
    """Uncompress one block to the size that it says; `None` where this Python cannot."""
    if method == b"ZL":
        return zlib.decompressobj().decompress(block, size)
    if method == b"XZ":
        return lzma.LZMADecompressor().decompress(block, size)
    try:
        import cramjam
    except ImportError:
        return None
    if method == b"ZS":
        return bytes(cramjam.zstd.decompress(block, output_len=size))
    if method == b"L4":  # after a checksum of 8 bytes
        return bytes(cramjam.lz4.decompress_block(block[8:], output_len=size))
    return None


def _object(data: Buffer, record: Record) -> bytes | None:
    """Return the uncompressed object of a record."""
    start, stop = record.seek + record.keylen, record.seek + record.nbytes
    raw = bytes(data[start:stop])
    if len(raw) == record.objlen:
        return raw
    if record.objlen > _LARGEST_HEAD:
        return None
    parts, at, left = [], 0, record.objlen
    while left > 0:
        packed, size = (int.from_bytes(raw[at + i : at + i + 3], "little") for i in (3, 6))
        block = raw[at + 9 : at + 9 + packed]
        if len(block) < packed or not 0 < size <= left:
            raise RootError(f"{record.cls} {record.name!r} cannot be uncompressed (its blocks have wrong sizes)")
        try:
            part = _inflate(raw[at : at + 2], block, size)
        except Exception as error:
            raise RootError(f"{record.cls} {record.name!r} cannot be uncompressed ({error})") from None
        if part is None:
            return None
        if len(part) != size:
            raise RootError(f"{record.cls} {record.name!r} cannot be uncompressed ({len(part)} bytes, not {size})")
        parts.append(part)
        at += 9 + packed
        left -= size
    return b"".join(parts)


def _entries(head: bytes) -> int | None:
    """Read fEntries: after the version of TTree and its four bases TNamed, TAttLine, TAttFill, TAttMarker."""
    count, version = _unpack("IH", head, 0)
    if not count & _BYTE_COUNT or version < 6:
        return None
    at = 6
    for _ in range(4):
        (count,) = _unpack("I", head, at)
        if not count & _BYTE_COUNT:
            return None
        at += 4 + (count & ~_BYTE_COUNT)
    (entries,) = _unpack("q", head, at)
    return entries


def trees(path: str | Path) -> dict[str, Tree]:
    """Read the trees of a file, by name; of each the highest cycle.

    Raises
    ------
    RootError
        The file is not a whole ROOT file.
    """
    found: dict[str, Tree] = {}
    with mapped(path) as data:
        for directory in directories(data, read_header(data)):
            for key in directory.keys:
                if key.cls != "TTree" or (key.name in found and found[key.name].cycle > key.cycle):
                    continue
                head = _object(data, read_record(data, key.seek))
                entries = _entries(head) if head else None
                found[key.name] = Tree(key.name, key.cycle, entries, head or b"")
    return found


def first_numbers(path: str | Path, tree: str, members: frozenset[str]) -> dict[str, int]:
    """Read the first value of whole-number branches, straight from their first baskets.

    Parameters
    ----------
    members
        Last parts of the branches' names, e.g. ``"fRunNumber"`` for ``MRawRunHeader.fRunNumber``.

    Returns
    -------
    dict
        By full branch name; branches that are not there, or compressed in a way that Python cannot read, are
        missing.
    """
    found: dict[str, int] = {}
    with mapped(path) as data:
        header = read_header(data)
        known = {key.seek for directory in directories(data, header) for key in directory.keys}
        for record in records(data, header, frozenset(known)):
            name = record.name.rstrip(".")
            if record.cls != "TBasket" or name in found or name.rpartition(".")[2] not in members:
                continue
            if record.title != tree:
                continue
            # a basket's own fields end its head: version, sizes, number of entries, last byte, flag (19
            # bytes)
            (entries,) = _unpack("i", data, record.head + record.keylen - 9)
            values = _object(data, record)
            if values and entries > 0 and len(values) // entries in (1, 2, 4, 8):
                found[name] = int.from_bytes(values[: len(values) // entries], "big")
    return found
