"""Two objects of ROOT files that are no trees: histograms by their bins, texts, and anything else by its members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from automagic.diff.report import STRUCTURE, VALUES, WORDS, Exact, Found
from automagic.diff.values import different, same

DEEP = 12
"""Members of members of …: no further than this."""


def compare(name: str, cls: str, read: list[Any] | None, raw: list[bytes], found: Found) -> None:
    """Say how two objects differ whose bytes differ.

    Parameters
    ----------
    read
        Both, as uproot has read them; `None` where it cannot.
    raw
        The uncompressed bytes of both.
    """
    before = len(found.findings)
    if read is not None:
        one, other = read
        if hasattr(one, "axes") and hasattr(one, "values"):
            _histogram(name, one, other, found)
        walk(name, name, one, other, found)
    if len(found.findings) == before:
        first = next((i for i, (x, y) in enumerate(zip(*raw, strict=False)) if x != y), min(map(len, raw)))
        text = f"{name} ({cls}): its uncompressed bytes differ from byte {first} on ({len(raw[0])} and {len(raw[1])})"
        found.add(text, object=name, byte=first, bytes_a=len(raw[0]), bytes_b=len(raw[1]))


def _histogram(name: str, a: Any, b: Any, found: Found) -> None:
    """Compare number of bins, edges and contents."""
    alike = True
    for axis, one, other in zip("xyz", a.axes, b.axes, strict=False):
        edges = one.edges(), other.edges()
        if len(edges[0]) != len(edges[1]):
            found.two(f"{name}, bins in {axis}", len(edges[0]) - 1, len(edges[1]) - 1, STRUCTURE, object=name)
            alike = False
        elif different(*edges).any():
            i = int(np.argmax(different(*edges)))
            found.two(f"{name}, edge {i} in {axis}", edges[0][i], edges[1][i], object=name, axis=axis, edge=i)
    if not alike:
        return
    with np.errstate(all="ignore"):
        one, other = (np.asarray(each.values(flow=True)) for each in (a, b))
    wrong = different(one, other)
    if wrong.any():
        index = tuple(int(i[0]) for i in np.nonzero(wrong))
        edges_of = [axis.edges() for axis in a.axes]
        where = ", ".join(_bin(i, edges) for i, edges in zip(index, edges_of, strict=True))
        bins = [i for i in index]
        text = f"{name}, {where}: {one[index]} in A, {other[index]} in B"
        text += f"; {int(wrong.sum())} of {wrong.size} bins differ"
        found.add(text, VALUES, object=name, bin=bins, a=one[index], b=other[index], differ=int(wrong.sum()))


def _bin(i: int, edges: np.ndarray) -> str:
    """Name a bin as ROOT counts them: 0 is the underflow.

    >>> _bin(1, np.array([0.0, 0.5, 1.0])), _bin(3, np.array([0.0, 0.5, 1.0]))
    ('bin 1 (0 to 0.5)', 'bin 3 (overflow)')
    """
    if i == 0 or i == len(edges):
        return f"bin {i} ({'overflow' if i else 'underflow'})"
    return f"bin {i} ({edges[i - 1]:g} to {edges[i]:g})"


def walk(name: str, place: str, a: Any, b: Any, found: Found) -> None:
    """Tell which members of two objects differ, and members of these.

    Parameters
    ----------
    name
        Of the object of the file, for programs.
    place
        Of what is compared, for a person.
    """
    _walk(name, place, a, b, found, DEEP, set())


def _is_list(value: Any) -> bool:
    """Whether something has elements: lists of ROOT and of C++ too, not all of which uproot makes sequences.

    >>> _is_list([1]), _is_list("text"), _is_list({"a": 1})
    (True, False, False)
    """
    if isinstance(value, (str, bytes, np.ndarray)):
        return False
    return isinstance(value, Sequence) or getattr(value, "classname", "") == "THashList"


def _walk(name: str, place: str, a: Any, b: Any, found: Found, deep: int, seen: set[tuple[int, int]]) -> None:
    """Go through two objects member by member, each pair once."""
    import uproot

    if deep == 0 or (id(a), id(b)) in seen:
        return
    if isinstance(a, str) and isinstance(b, str):  # also texts that are objects
        if str(a) != str(b):
            found.two(place, str(a), str(b), object=name)
        return
    seen.add((id(a), id(b)))
    if isinstance(a, uproot.Model) and isinstance(b, uproot.Model):
        if a.classname != b.classname:
            found.two(place, Exact(a.classname), Exact(b.classname), STRUCTURE, object=name)
            return
        one, other = a.all_members, b.all_members
        for member in [*one, *(each for each in other if each not in one)]:
            where = f"{place}, {member}"
            if member in one and member in other:
                _walk(name, where, one[member], other[member], found, deep - 1, seen)
            else:
                found.only("A" if member in one else "B", where, object=name)
        if not (_is_list(a) and _is_list(b)):
            return
    elif isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.shape == b.shape:
            wrong = different(a, b)
            if wrong.any():
                i = int(np.argmax(wrong.ravel()))
                found.two(f"{place}, element {i}", a.ravel()[i], b.ravel()[i], object=name)
            return
    elif not (_is_list(a) and _is_list(b)):
        if not same(a, b):
            found.two(place, a, b, WORDS if deep < DEEP else VALUES, object=name)
        return
    if len(a) != len(b):
        found.two(f"{place}, elements", len(a), len(b), STRUCTURE, object=name)
    for i, (one, other) in enumerate(zip(a, b, strict=False)):
        _walk(name, f"{place}, element {i}", one, other, found, deep - 1, seen)
