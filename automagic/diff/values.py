"""Columns of values against each other: which entries differ, the first of them, and by how much at most.

Two NaN are the same value, whatever their bits; so are 0.0 and -0.0. All work is done on whole arrays; only the
first entry that differs is looked at by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np

from automagic.diff.report import VALUES, Exact, Found

TEXTS = ("string", "bytestring")


def different(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Say of each element of two arrays of one shape whether it differs.

    >>> different(np.array([1.0, np.nan, 0.0]), np.array([1.5, np.nan, -0.0]))
    array([ True, False, False])
    """
    if a.dtype.names:
        out = np.zeros(a.shape, bool)
        for name in a.dtype.names:
            part = different(a[name], b[name])
            out |= part.reshape(*a.shape, -1).any(axis=-1)
        return out
    if "O" in (a.dtype.kind, b.dtype.kind):
        pairs = zip(a.ravel(), b.ravel(), strict=True)
        return np.fromiter((not same(x, y) for x, y in pairs), bool, a.size).reshape(a.shape)
    out = np.asarray(a != b)
    if a.dtype.kind in "fcmM" and out.any():
        out &= ~((a != a) & (b != b))
    return out


def same(x: Any, y: Any) -> bool:
    """Say whether two values of any kind are the same, all that is in them included.

    >>> same({"x": [1, float("nan")]}, {"x": [1, float("nan")]}), same(1, True), same("1", 1)
    (True, False, False)
    """
    if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
        return x.shape == y.shape and not different(x, y).any()
    x, y = (value.item() if isinstance(value, np.generic) else value for value in (x, y))
    if type(x) is not type(y):
        return False
    if isinstance(x, dict):
        return x.keys() == y.keys() and all(same(x[name], y[name]) for name in x)
    if isinstance(x, Mapping):  # uproot has lists and maps of its own, whose == may give an array
        return same(dict(x), dict(y))
    if isinstance(x, Sequence | Set) and not isinstance(x, (str, bytes)):
        return len(x) == len(y) and all(same(one, other) for one, other in zip(x, y, strict=True))
    return bool(np.all(x == y)) or bool(np.all(x != x) and np.all(y != y))


PIECE = 1 << 17
"""So many numbers are subtracted at a time: what fits into the processor's cache."""


class Tally:
    """Counts what differs in one column, chunk by chunk.

    Examples
    --------
    >>> tally = Tally()
    >>> tally.take(100, np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 5.0]))
    >>> tally.words(1000)
    'entry 102: 4.0 in A, 5.0 in B; the only one of 1000 that differs, by 1 (20 %)'
    """

    def __init__(self) -> None:
        self.count = 0
        self.first = -1
        self.place = ""
        self.a: Any = None
        self.b: Any = None
        self.largest = self.relative = -1.0

    def take(self, start: int, a: Any, b: Any, raw: bool = False) -> None:
        """Compare the entries from ``start`` on: two arrays of NumPy or of Awkward Array, of one length.

        Parameters
        ----------
        raw
            They are bytes, and no numbers.
        """
        wrong = self._entries(a, b, not raw)
        number = int(np.count_nonzero(wrong))
        if number and self.first < 0:
            entry = int(np.argmax(wrong))
            self.first = start + entry
            self.place, self.a, self.b = first_within(a[entry], b[entry])
            if raw:
                self.place = self.place.replace("element", "byte")
        self.count += number

    def _entries(self, a: Any, b: Any, numbers: bool = True) -> np.ndarray:
        """Say of each entry whether it differs."""
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
            if a.shape != b.shape:
                return np.ones(len(a), bool)
            wrong = different(a, b)
            if numbers and wrong.any():
                self._measure(a[wrong], b[wrong])
            return np.asarray(wrong.reshape(len(a), -1).any(axis=1) if wrong.ndim > 1 else wrong)
        import awkward as ak

        # texts are lists of bytes below this; by how much these differ says nothing
        numbers = numbers and ak.parameters(a).get("__array__") not in TEXTS
        bare = [ak.to_packed(ak.with_parameter(each, "__array__", None)) for each in (a, b)]
        a, b = (ak.without_parameters(each) if not numbers else each for each in bare)
        if ak.fields(a) or ak.fields(b):
            if ak.fields(a) != ak.fields(b):
                return np.ones(len(a), bool)
            return np.any([np.zeros(len(a), bool), *(self._entries(a[n], b[n], numbers) for n in ak.fields(a))], axis=0)
        if a.ndim == 1 and b.ndim == 1:
            return self._entries(ak.to_numpy(a), ak.to_numpy(b), numbers)
        if a.ndim == 1 or b.ndim == 1:
            return np.ones(len(a), bool)
        lengths = ak.to_numpy(ak.num(a, axis=1))
        wrong = lengths != ak.to_numpy(ak.num(b, axis=1))
        inner = self._entries(ak.flatten(a[~wrong], axis=1), ak.flatten(b[~wrong], axis=1), numbers)
        if inner.any():
            wrong[np.repeat(np.flatnonzero(~wrong), lengths[~wrong])[inner]] = True
        return wrong

    def _measure(self, a: np.ndarray, b: np.ndarray) -> None:
        """Keep the largest difference between numbers."""
        if a.dtype.kind not in "iuf" or b.dtype.kind not in "iuf":
            return
        # in a long double the difference of two 64-bit integers is exact, and never overflows
        wide = np.longdouble if max(a.dtype.itemsize, b.dtype.itemsize) == 8 and "f" not in _kinds(a, b) else np.float64
        for start in range(0, len(a), PIECE):
            one: Any = a[start : start + PIECE].astype(wide)
            other: Any = b[start : start + PIECE].astype(wide)
            with np.errstate(all="ignore"):
                by = np.abs(one - other)
                share = by / np.maximum(np.abs(one), np.abs(other))
            self.largest = max(self.largest, float(np.max(by, initial=-1, where=~np.isnan(by))))
            self.relative = max(self.relative, float(np.max(share, initial=-1, where=~np.isnan(share))))

    def words(self, total: int, one: str = "entry") -> str:
        """Say the first difference and how many there are.

        Parameters
        ----------
        total
            Of so many entries.
        one
            What an entry is called, where it is not an ``entry``: ``"row"``.
        """
        found = Found()
        found.two(f"{one} {self.first}{self.place}", self.a, self.b)
        text = found.findings[0].text
        if total == 1:
            return text
        most = "" if self.count == 1 and not self.place else "at most "
        by = f", by {most}{self.largest:.4g} ({100 * self.relative:.3g} %)" if self.largest >= 0 else ""
        if self.count == 1:
            return f"{text}; the only one of {total} that differs{by}"
        return f"{text}; {self.count} of {total} differ{by}"

    def add_to(self, found: Found, name: str, total: int, one: str = "entry", **where: Any) -> None:
        """Add what was counted to the findings, if there is anything."""
        if not self.count:
            return
        if self.largest >= 0:
            where |= {"largest": self.largest, "relative": self.relative}
        where |= {one: self.first, "differ": self.count, "of": total, "a": self.a, "b": self.b}
        found.add(f"{name}, {self.words(total, one)}", VALUES, **where)


def _kinds(*arrays: np.ndarray) -> str:
    return "".join(array.dtype.kind for array in arrays)


def first_within(a: Any, b: Any, place: str = "") -> tuple[str, Any, Any]:
    """Go to the first difference within two entries; return where it is, and both values.

    >>> first_within(np.array([1, 2, 3]), np.array([1, 2, 4]))
    (', element 2', np.int64(3), np.int64(4))
    >>> first_within(["a"], ["a", "b"])
    ('', '1 elements', '2 elements')
    """
    names = _names(a)
    if names and names == _names(b):
        for name in names:
            if not same(_plain(a[name]), _plain(b[name])):
                return first_within(a[name], b[name], f"{place}, {name}")
    if _is_list(a) and _is_list(b):
        if len(a) != len(b):
            return place, Exact(f"{len(a)} elements"), Exact(f"{len(b)} elements")
        for i in range(len(a)):
            if not same(_plain(a[i]), _plain(b[i])):
                return first_within(a[i], b[i], f"{place}, element {i}")
    return place, a, b


def _names(value: Any) -> list[str]:
    """Return the members of a record, of an Awkward one as well as of a structured one of NumPy."""
    if isinstance(value, dict):
        return list(value)
    if isinstance(value, np.void):
        return list(value.dtype.names or ())
    return list(getattr(value, "fields", ()))


def _is_list(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes, dict, np.void)) and not _names(value)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value
