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
_LARGEST_HEADS = 1 << 26  # of all trees of a file together
_LZMA_MEMORY = 1 << 27  # its highest level takes half of this; a block may ask for 4 GB


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


def _inflate(method: bytes, block: bytes, size: int, wanted: int) -> bytes | None:
    """Uncompress as much of one block as is wanted, at most the size that it says; `None` where this Python cannot."""
    if method == b"ZL":
        return zlib.decompressobj().decompress(block, wanted)
    if method == b"XZ":
        return lzma.LZMADecompressor(memlimit=_LZMA_MEMORY).decompress(block, wanted)
    try:
        import cramjam
    except ImportError:
        return None
    if method == b"ZS":  # into a buffer: a length that is only told does not keep it from writing more
        buffer = bytearray(size)
        return bytes(buffer[: cramjam.zstd.decompress_into(block, buffer)])
    if method == b"L4":  # after a checksum of 8 bytes
        return bytes(cramjam.lz4.decompress_block(block[8:], output_len=size))
    return None


def _object(data: Buffer, record: Record, wanted: int) -> bytes | None:
    """Return the first bytes of the uncompressed object of a record, as many as wanted or as there are."""
    at, stop = record.seek + record.keylen, min(record.seek + record.nbytes, len(data))
    left, wanted = record.objlen, min(wanted, record.objlen)
    if stop - at == left:
        return bytes(data[at : at + wanted])
    parts = []
    while wanted > 0:
        method, sizes = bytes(data[at : at + 2]), bytes(data[at + 3 : at + 9])
        packed, size = (int.from_bytes(sizes[i : i + 3], "little") for i in (0, 3))
        at += 9
        if at + packed > stop or not 0 < size <= left:
            raise RootError(f"{record.cls} {record.name!r} cannot be uncompressed (its blocks have wrong sizes)")
        now = min(size, wanted)
        try:
            part = _inflate(method, bytes(data[at : at + packed]), size, now)
        except Exception as error:
            raise RootError(f"{record.cls} {record.name!r} cannot be uncompressed ({error})") from None
        if part is None:
            return None
        if len(part) < now:
            raise RootError(f"{record.cls} {record.name!r} cannot be uncompressed ({len(part)} bytes, not {now})")
        parts.append(part[:now])
        at += packed
        left -= size
        wanted -= now
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

    Heads that are larger than 64 MB, all together, are not read: a small file can say that they are of any size.

    Raises
    ------
    RootError
        The file is not a whole ROOT file.
    """
    found: dict[str, Tree] = {}
    left = _LARGEST_HEADS
    with mapped(path) as data:
        latest: dict[str, Record] = {}
        for directory in directories(data, read_header(data)):
            for key in directory.keys:
                if key.cls == "TTree" and (key.name not in latest or latest[key.name].cycle <= key.cycle):
                    latest[key.name] = key
        for key in latest.values():
            record = read_record(data, key.seek)
            head = None
            if record.objlen <= left:
                left -= record.objlen
                head = _object(data, record, record.objlen)
            found[key.name] = Tree(key.name, key.cycle, _entries(head) if head else None, head or b"")
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
            width = record.objlen // entries if entries > 0 else 0
            if width in (1, 2, 4, 8):
                values = _object(data, record, width)
                if values is not None:
                    found[name] = int.from_bytes(values, "big")
    return found
