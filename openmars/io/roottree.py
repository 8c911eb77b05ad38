"""The record of a tree: what ROOT calls ``TTree`` version 20 with its branches and leaves."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np

from . import rootformat as rf

ATTRIBUTES = (
    rf.counted(2, struct.pack(">hhh", 602, 1, 1))  # TAttLine
    + rf.counted(2, struct.pack(">hh", 0, 1001))  # TAttFill
    + rf.counted(2, struct.pack(">hhf", 1, 1, 1.0))  # TAttMarker
)
LIMITS = {"O": ">??", "B": ">bb", "S": ">hh", "I": ">ii", "L": ">qq", "F": ">ff", "D": ">dd", "C": ">ii"}


@dataclass
class Branch:
    """One branch as it is written: its type, what lies in it so far, and where its baskets are."""

    name: str
    leaf: str  # leaf class
    title: str  # of the branch
    leaf_title: str
    kind: str  # NumPy type; "str" for text
    shape: tuple[int, ...]
    counter: str | None = None
    is_counter: bool = False
    maximum: int = 0
    entries: int = 0
    raw: int = 0
    stored: int = 0
    longest: int = 1
    seeks: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)


def _leaf(branch: Branch, counter_reference: int) -> bytes:
    """One leaf: name, length, type, and the counter it depends on."""
    letter = branch.leaf[-1]
    item = 1 if branch.kind == "str" else np.dtype(branch.kind).itemsize
    length = branch.longest if branch.kind == "str" else int(np.prod(branch.shape, dtype=int))
    unsigned = branch.kind.startswith("u")
    base = rf.named(branch.name, branch.leaf_title)
    base += struct.pack(">iii??", length, item, 0, branch.is_counter, unsigned)
    base += struct.pack(">I", counter_reference)
    limits = struct.pack(LIMITS[letter], 0, branch.maximum)
    return rf.any_object(branch.leaf, rf.counted(1, rf.counted(2, base) + limits))


def _branch(branch: Branch, place: int, counter_reference: int) -> tuple[bytes, int]:
    """One branch, `place` bytes after the start of the tree's record, and the mark of its leaf."""
    baskets = len(branch.seeks)
    start = rf.named(branch.name, branch.title, 0x03400000) + rf.counted(2, struct.pack(">hh", 0, 1001))
    jagged = branch.counter is not None or branch.kind == "str"
    start += rf.BRANCH_NUMBERS_1.pack(0, 32000, 1000 if jagged else 0, baskets, branch.entries)
    start += rf.IO_FEATURES
    start += rf.BRANCH_NUMBERS_2.pack(0, baskets + 1, 0, branch.entries, 0, branch.raw, branch.stored)
    start += rf.object_array([])
    # before the leaf come: byte count, tag and name of this branch, its byte count and version,
    # and the head of the array of leaves
    head = 4 + 4 + len(b"TBranch\0") + 6
    array_head = len(rf.object_array([]))
    reference = place + head + len(start) + array_head + 2
    body = start + rf.object_array([_leaf(branch, counter_reference)]) + rf.object_array([])
    firsts = np.array([*branch.firsts, branch.entries], ">i8")
    body += b"\x01" + np.array([*branch.sizes, 0], ">i4").tobytes()
    body += b"\x01" + firsts.tobytes()
    body += b"\x01" + np.array([*branch.seeks, 0], ">i8").tobytes()
    return rf.any_object("TBranch", rf.counted(13, body + rf.text(""))), reference


def tree_bytes(name: str, branches: list[Branch], key_length: int) -> bytes:
    """The object that a tree's key points to.

    Parameters
    ----------
    name
        Of the tree.
    branches
        With the places of the baskets that were written.
    key_length
        Bytes of the key before the object: references count from the key's start.
    """
    entries = branches[0].entries
    raw, stored = sum(b.raw for b in branches), sum(b.stored for b in branches)
    head = rf.named(name, name, 0x03000008) + ATTRIBUTES
    head += rf.TREE_NUMBERS.pack(
        entries, raw, stored, 0, 0, 1.0, 0, 25, 0, 1000, 0, 10**12, 10**12, 0, -300000000, -30000000, 1000000
    )
    head += b"\0\0" + rf.IO_FEATURES
    place = key_length + 6 + len(head) + len(rf.object_array([]))
    items: list[bytes] = []
    references: dict[str, int] = {}
    for branch in branches:
        item, reference = _branch(branch, place, references.get(branch.counter or "", 0))
        items.append(item)
        references[branch.name] = reference
        place += len(item)
    leaves = rf.object_array([struct.pack(">I", r) for r in references.values()])
    return rf.counted(20, head + rf.object_array(items) + leaves + bytes(28))
