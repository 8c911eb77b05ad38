"""Two ECSV tables, column by column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from automagic.diff.report import STRUCTURE, WORDS, Found, reading
from automagic.diff.values import Tally, same


def differences(a: Path, b: Path, found: Found) -> None:
    """Find columns, units, descriptions, metadata and values that differ."""
    tables = [_read(path) for path in (a, b)]
    one, other = tables
    for side, mine, others in (("A", one, other), ("B", other, one)):
        for name in mine.colnames:
            if name not in others.colnames:
                found.only(side, f"column {name}", column=name)
    orders = [[name for name in mine.colnames if name in others.colnames] for mine, others in (tables, tables[::-1])]
    if orders[0] != orders[1]:
        found.two("order of the columns", ", ".join(orders[0]), ", ".join(orders[1]), WORDS)
    if len(one) != len(other):
        found.two("rows", len(one), len(other), STRUCTURE)
    for name in orders[0]:
        _column(name, one[name], other[name], found)
    for key in dict.fromkeys([*one.meta, *other.meta]):
        if (key in one.meta) != (key in other.meta):
            found.only("A" if key in one.meta else "B", f"meta {key}", meta=key)
        elif not same(one.meta[key], other.meta[key]):
            found.two(f"meta {key}", one.meta[key], other.meta[key], WORDS, meta=key)
    found.notes.append("only spaces, quotes, the delimiter or the way in which numbers are written differ")


def _read(path: Path) -> Any:
    from astropy.table import Table
    from astropy.table.serialize import represent_mixins_as_columns

    with reading(path, "ECSV"):
        # times and coordinates become the plain columns that they are in the file
        return represent_mixins_as_columns(Table.read(path, format="ascii.ecsv"))


def _column(name: str, a: Any, b: Any, found: Found) -> None:
    label = f"column {name}"
    kinds = _kind(a), _kind(b)
    if kinds[0] != kinds[1]:
        found.add(f"{label}, type: {kinds[0]} in A, {kinds[1]} in B", STRUCTURE, column=name, a=kinds[0], b=kinds[1])
    for attribute in ("unit", "description", "format", "meta"):
        one, other = (getattr(column, attribute, None) for column in (a, b))
        if str(one or "") != str(other or ""):
            values = [each if each is None else str(each) for each in (one, other)]
            found.two(f"{label}, {attribute}", values[0], values[1], WORDS, column=name)
    rows = min(len(a), len(b))
    tally = Tally()
    tally.take(0, _array(a, rows), _array(b, rows))
    tally.add_to(found, label, rows, "row", column=name)


def _kind(column: Any) -> str:
    """Name the type of a column; texts of all lengths are one."""
    return "text" if column.dtype.kind in "US" else str(column.dtype)


def _array(column: Any, rows: int) -> Any:
    """Return the first rows as an array; masked values are None."""
    import numpy as np

    if getattr(column, "mask", None) is None or not np.any(column.mask):
        return np.asarray(column[:rows])
    out = np.empty(rows, object)
    out[:] = [None if np.all(column.mask[i]) else np.asarray(column[i]).tolist() for i in range(rows)]
    return out
