"""The bytes of a ROOT file, as far as plain trees need them; shared by the writer and the quick reader.

The layout is that of ROOT's own documentation (``io/doc/TFile`` of the ROOT repository: ``header.md``,
``TDirectory.md``, ``TTree.md``, ``freesegments.md``): big-endian numbers, records that start with a ``TKey``,
objects that start with a byte count and a class version.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

BEGIN = 100
"""Offset of the first record of a file."""
BYTE_COUNT = 0x40000000
"""Flag of the words that hold a byte count."""
NEW_CLASS = 0xFFFFFFFF
"""Tag that comes before a class name."""
BLOCK = 0xFFFFFF
"""Most bytes one compressed block can hold."""
BASKET_HEADER = struct.Struct(">hiiii?")
KEY_HEADER = struct.Struct(">ihiIhhii")
TREE_NUMBERS = struct.Struct(">qqqqqdiiiiIqqqqqq")
BRANCH_NUMBERS_1 = struct.Struct(">iiiiq")
BRANCH_NUMBERS_2 = struct.Struct(">iIiqqqq")
IO_FEATURES = b"\x40\x00\x00\x07\x00\x00\x1a\xa1\x2f\x10\x00"

LEAF_OF_TYPE: dict[str, tuple[str, str]] = {
    "b1": ("TLeafO", "O"),
    "i1": ("TLeafB", "B"),
    "u1": ("TLeafB", "b"),
    "i2": ("TLeafS", "S"),
    "u2": ("TLeafS", "s"),
    "i4": ("TLeafI", "I"),
    "u4": ("TLeafI", "i"),
    "i8": ("TLeafL", "L"),
    "u8": ("TLeafL", "l"),
    "f4": ("TLeafF", "F"),
    "f8": ("TLeafD", "D"),
}
"""NumPy type → leaf class and type letter of a branch title."""

TYPE_OF_LEAF: dict[tuple[str, bool], str] = {
    (leaf, np.dtype(kind).kind == "u"): kind for kind, (leaf, _) in LEAF_OF_TYPE.items()
}
"""Leaf class and "is unsigned" → NumPy type."""


def text(value: str) -> bytes:
    """A ``TString``: a length of one byte (five if long), then the characters.

    >>> text("Events")
    b'\\x06Events'
    """
    raw = value.encode()
    if len(raw) < 255:
        return bytes([len(raw)]) + raw
    return b"\xff" + struct.pack(">I", len(raw)) + raw


def counted(version: int, body: bytes) -> bytes:
    """An object: byte count, class version, body."""
    return struct.pack(">IH", (len(body) + 2) | BYTE_COUNT, version) + body


def tobject(bits: int = 0x03000000) -> bytes:
    """A ``TObject``: version, unique identifier, bits."""
    return struct.pack(">HII", 1, 0, bits)


def named(name: str, title: str, bits: int = 0x03000000) -> bytes:
    """A ``TNamed``: a ``TObject`` with name and title."""
    return counted(1, tobject(bits) + text(name) + text(title))


def any_object(class_name: str, body: bytes) -> bytes:
    """An object behind a pointer: byte count, class name, object."""
    inner = struct.pack(">I", NEW_CLASS) + class_name.encode() + b"\0" + body
    return struct.pack(">I", len(inner) | BYTE_COUNT) + inner


def object_array(items: list[bytes]) -> bytes:
    """A ``TObjArray`` of serialised objects or references."""
    return counted(3, tobject() + text("") + struct.pack(">ii", len(items), 0) + b"".join(items))


def key(
    class_name: str, name: str, title: str, content: int, stored: int, seek: int, parent: int, extra: int = 0
) -> bytes:
    """A ``TKey`` without dates: `content` bytes of object, of which `stored` are on disk.

    Parameters
    ----------
    extra
        Bytes that follow the strings and count as part of the key (the header of a basket).
    """
    strings = text(class_name) + text(name) + text(title)
    length = KEY_HEADER.size + len(strings) + extra
    cycle = 0 if class_name == "TBasket" else 1
    return KEY_HEADER.pack(length + stored, 4, content, 0, length, cycle, seek, parent) + strings


def compress(raw: bytes, level: int) -> bytes:
    """ROOT's compressed blocks (ZSTD), or the bytes as they are where compression does not pay.

    Parameters
    ----------
    raw
        What to store.
    level
        ZSTD level; 0 stores as it is.
    """
    if level <= 0 or len(raw) < 64:
        return raw
    from cramjam import zstd

    out = []
    for start in range(0, len(raw), BLOCK):
        block = raw[start : start + BLOCK]
        packed = bytes(zstd.compress(block, level=level))
        sizes = struct.pack("<I", len(packed))[:3] + struct.pack("<I", len(block))[:3]
        out.append(b"ZS\x01" + sizes + packed)
    joined = b"".join(out)
    return joined if len(joined) < len(raw) else raw


def decompress_into(stored: memoryview, out: Any) -> None:
    """Undo `compress`.

    Parameters
    ----------
    stored
        The bytes on disk after the key.
    out
        Array of bytes, as long as the object, to fill.

    Raises
    ------
    NotImplementedError
        If the blocks are of an algorithm other than ZSTD or LZ4.
    ValueError
        If a block is damaged.
    """
    size = len(out)
    if len(stored) == size:
        out[:] = np.frombuffer(stored, np.uint8)
        return
    from cramjam import lz4, zstd

    place, done = 0, 0
    while done < size:
        method = bytes(stored[place : place + 2])
        packed = int.from_bytes(stored[place + 3 : place + 6], "little")
        plain = int.from_bytes(stored[place + 6 : place + 9], "little")
        block = stored[place + 9 : place + 9 + packed]
        if plain == 0 or len(block) != packed or done + plain > size:
            raise ValueError("a compressed block is damaged")
        if method == b"ZS":
            got = zstd.decompress_into(block, out[done : done + plain])
        elif method == b"L4":  # eight bytes of checksum come first
            got = lz4.decompress_block_into(block[8:], out[done : done + plain], output_len=plain)
        else:
            raise NotImplementedError(f"compression {method!r}")
        if got != plain:
            raise ValueError("a compressed block is damaged")
        place, done = place + 9 + packed, done + plain
