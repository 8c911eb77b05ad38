"""Two trees of ROOT files, branch by branch, in chunks of entries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from automagic.diff.objects import walk
from automagic.diff.report import STRUCTURE, WORDS, Found, Unreadable, reading
from automagic.diff.values import Tally

CHUNK = 8 << 20
"""So many uncompressed bytes of one branch are in memory at a time, of each file."""

MEMBERS = ("fTitle", "fWeight", "fFriends", "fUserInfo", "fTreeIndex", "fIndexValues", "fIndex")
"""What a tree has besides its branches that is content; the others tell how it lies in the file."""


class Side(NamedTuple):
    """A branch and its file."""

    branch: Any
    path: Path
    bytes: np.ndarray


def is_tree(value: Any) -> bool:
    """Whether something that uproot has read is a tree."""
    from uproot.behaviors.TTree import TTree

    return isinstance(value, TTree)


def compare(name: str, trees: list[Any], paths: tuple[Path, Path], found: Found) -> None:
    """Find what differs between two trees."""
    one, other = trees
    branches = []
    for tree, path in zip(trees, paths, strict=True):
        with reading(path, "ROOT", name):
            branches.append(_branches(tree))
    if one.num_entries != other.num_entries:
        found.two(f"{name}, entries", one.num_entries, other.num_entries, STRUCTURE, tree=name)
    for member in MEMBERS:
        values = [tree.member(member, none_if_missing=True) for tree in trees]
        walk(name, f"{name}, {member}", values[0], values[1], found)
    if dict(one.aliases) != dict(other.aliases):
        found.two(f"{name}, aliases", dict(one.aliases), dict(other.aliases), WORDS, tree=name)
    for side, mine, others in (("A", branches[0], branches[1]), ("B", branches[1], branches[0])):
        for each in mine:
            if each not in others:
                found.only(side, f"branch {_short(each, mine)} of {name}", tree=name, branch=_short(each, mine))
    maps = [np.memmap(path, "u1", "r") for path in paths]
    moved = 0
    for each in branches[0]:
        if each in branches[1]:
            a, b = (Side(branches[i][each], paths[i], maps[i]) for i in (0, 1))
            _Branch(name, _short(each, branches[0]), a, b, found).compare()
            moved += _baskets(a.branch) != _baskets(b.branch)
    if moved:
        found.notes.append(f"{name}: {moved} of {len(branches[0])} branches lie in other baskets")


def _branches(tree: Any) -> dict[str, Any]:
    """Return all branches by their path; a name that stands twice gets its number."""
    found: dict[str, Any] = {}
    for path, branch in tree.iteritems(recursive=True, full_paths=True, filter_branch=None):
        again = sum(1 for known in found if known == path or known.startswith(f"{path}#"))
        found[f"{path}#{again + 1}" if again else path] = branch
        # uproot reads these when they are asked for: what is damaged in them shows here
        _ = branch.entry_offsets, branch.uncompressed_bytes, branch.typename, branch.interpretation
    return found


def _short(path: str, known: dict[str, Any]) -> str:
    """Return a branch's own name, or its path where several have the name or it does not say whose it is.

    >>> _short("MHillas./MHillas.fSize", {"MHillas./MHillas.fSize": 0}), _short("card/fTitle", {"card/fTitle": 0})
    ('MHillas.fSize', 'card/fTitle')
    """
    last = path.rpartition("/")[2]
    alone = sum(each.rpartition("/")[2] == last for each in known) == 1
    return last if alone and "." in last else path


def _baskets(branch: Any) -> list[int]:
    return list(branch.entry_offsets)


class _Branch:
    """One branch of both files."""

    def __init__(self, tree: str, name: str, a: Side, b: Side, found: Found) -> None:
        self.tree, self.name, self.a, self.b, self.found = tree, name, a, b, found
        self.label = f"{tree}, branch {name}"
        self.place = {"tree": tree, "branch": name}

    def compare(self) -> None:
        a, b = self.a.branch, self.b.branch
        kinds, titles = (a.typename, b.typename), (a.title, b.title)
        if kinds[0] != kinds[1]:
            text = f"{self.label}, type: {kinds[0]} in A, {kinds[1]} in B"
            self.found.add(text, STRUCTURE, **self.place, a=kinds[0], b=kinds[1])
        elif titles[0] != titles[1]:
            self.found.two(f"{self.label}, title", titles[0], titles[1], WORDS, **self.place)
        entries = a.num_entries, b.num_entries
        if entries[0] != entries[1] and entries != self._of_trees():
            self.found.two(f"{self.label}, entries", entries[0], entries[1], STRUCTURE, **self.place)
        if kinds[0] != kinds[1] and not all(_plain(side.branch) for side in (self.a, self.b)):
            return  # other classes: there is nothing to hold side by side
        tally = Tally()
        for start, stop in self._ranges(min(entries), alike=kinds[0] == kinds[1]):
            self._take(tally, start, stop)
        tally.add_to(self.found, self.label, min(entries), **self.place)

    def _of_trees(self) -> tuple[int, int]:
        return self.a.branch.tree.num_entries, self.b.branch.tree.num_entries

    def _ranges(self, entries: int, alike: bool) -> Iterator[tuple[int, int]]:
        """Yield the ranges of entries that must be read: not those whose baskets have the same compressed bytes.

        Ranges end where a basket of A ends, so that none of its baskets is uncompressed twice.
        """
        offsets, others = self.a.branch.entry_offsets, self.b.branch.entry_offsets
        at_b = {start: i for i, start in enumerate(others[:-1])}
        size = max(1, self.a.branch.uncompressed_bytes / max(1, self.a.branch.num_entries))
        begin = end = 0
        for i, (start, stop) in enumerate(pairwise(offsets)):
            j = at_b.get(start)
            stop = min(stop, entries)
            known = alike and j is not None and others[j + 1] == stop and _same_basket(self.a, i, self.b, j)
            if known or (stop - begin) * size > CHUNK:
                yield from _pieces(begin, end, size)
                begin = stop if known else start
            end = stop
        yield from _pieces(begin, end, size)

    def _take(self, tally: Tally, start: int, stop: int) -> None:
        """Compare entries of both; as what uproot makes of them, or as bytes where that does not go for one of them."""
        if not self.a.branch.branches and not self.b.branch.branches:
            with suppress(Unreadable):
                tally.take(start, _array(self.a, start, stop), _array(self.b, start, stop))
                return
        tally.take(start, _raw(self.a, start, stop), _raw(self.b, start, stop), raw=True)


def _plain(branch: Any) -> bool:
    """Whether a branch holds one number an entry, or an array of fixed length."""
    from uproot.interpretation.numerical import AsDtype

    return isinstance(branch.interpretation, AsDtype)


def _pieces(begin: int, end: int, size: float) -> Iterator[tuple[int, int]]:
    """Cut a range where a single basket is larger than a chunk."""
    step = max(1, int(CHUNK / size))
    for start in range(begin, end, step):
        yield start, min(end, start + step)


def _array(side: Side, start: int, stop: int) -> Any:
    library = "np" if _plain(side.branch) else "ak"
    with reading(side.path, "ROOT", f"{side.branch.name}, entries {start} to {stop - 1}"):
        values = side.branch.array(entry_start=start, entry_stop=stop, library=library, array_cache=None)
        if len(values) != stop - start:
            raise ValueError(f"{len(values)} entries there")
        return values


def _raw(side: Side, start: int, stop: int) -> Any:
    """Read entries as lists of bytes: what uproot cannot interpret can be compared all the same."""
    import awkward as ak

    parts, branch = [], side.branch
    offsets = branch.entry_offsets
    with reading(side.path, "ROOT", f"{branch.name}, entries {start} to {stop - 1}"):
        for i, (first, last) in enumerate(pairwise(offsets)):
            if first < stop and last > start:
                entries = _entries_of(branch.basket(i), last - first)
                parts.append(entries[max(0, start - first) : stop - first])
        entries = ak.concatenate(parts)
        if len(entries) != stop - start:
            raise ValueError(f"{len(entries)} entries there")
        return entries


def _entries_of(basket: Any, number: int) -> Any:
    """Return the bytes of each entry of a basket."""
    import awkward as ak

    data = np.asarray(basket.data).view("u1").reshape(-1)
    if basket.byte_offsets is not None:
        bounds = np.asarray(basket.byte_offsets, np.int64)
    elif number and len(data) % number == 0:
        bounds = np.arange(number + 1, dtype=np.int64) * (len(data) // number)
    else:  # no bounds are known: all of it counts as the first entry
        bounds = np.full(number + 1, len(data), np.int64)
        bounds[0] = 0
    return ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(bounds), ak.contents.NumpyArray(data)))


def _same_basket(a: Side, i: int, b: Side, j: int) -> bool:
    """Say whether two baskets hold the same compressed bytes: then there is nothing to uncompress.

    A basket's record begins with its length (4 bytes), version (2), uncompressed length (4), date (4) and the length
    of this head (2); the head ends with the basket's own 19 bytes, of which the number of entries is one. Names, dates
    and places in the file, which are in between, may differ.
    """
    at = []
    for side, number in ((a, i), (b, j)):
        seek = side.branch.member("fBasketSeek")
        if number >= len(seek) or seek[number] <= 0 or number >= side.branch.member("fWriteBasket"):
            return False  # it lies in the head of the tree
        at.append(int(seek[number]))
    heads = [side.bytes[start : start + 18].tobytes() for side, start in zip((a, b), at, strict=True)]
    if heads[0][:10] != heads[1][:10] or heads[0][14:16] != heads[1][14:16]:
        return False
    length, keylen = int.from_bytes(heads[0][:4], "big"), int.from_bytes(heads[0][14:16], "big")
    one, other = (side.bytes[start + keylen - 19 : start + length] for side, start in zip((a, b), at, strict=True))
    return 19 < keylen < length and bool(np.array_equal(one, other))
