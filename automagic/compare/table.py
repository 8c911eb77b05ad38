"""The numbers of several analyses side by side, with their differences from the first one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from automagic.compare.read import Number, Side
from automagic.report.page import NUMBERS

SAME_EVENTS = (
    "Results from the same events are not independent, so that no significance of a difference is given: its error "
    "lies somewhere between |σ₁ − σ₂| (all in common) and √(σ₁² + σ₂²) (nothing in common)."
)

LABELS = dict(NUMBERS)

FEW = 12
"""So many results are named that not all have."""

_TOOK = (
    ("took.tasks", "Tasks", "", "tasks"),
    ("took.computed", "computed here", "", "computed"),
    ("took.taken", "taken from another analysis or store", "", "taken"),
    ("took.cpu_h", "CPU time of what was computed here", "h", "cpu_s"),
    ("took.cpu_taken_h", "CPU time that was not spent again", "h", "cpu_taken_s"),
    ("took.size", "Products on disk", "MB", "size"),
    ("took.own_size", "of these shared with nobody", "MB", "own_size"),
)
_SCALE = {"h": 3600.0, "MB": 1e6}


@dataclass(frozen=True)
class Row:
    """A number of each analysis.

    Attributes
    ----------
    key, label, unit
        Its name in the catalog, in words, and its unit.
    numbers
        Of each analysis; `None` where it has none.
    """

    key: str
    label: str
    unit: str
    numbers: tuple[Number | None, ...]

    def difference(self, index: int) -> float | None:
        """Return how much an analysis has more than the first."""
        first, one = self.numbers[0], self.numbers[index]
        if first is None or one is None or first.value is None or one.value is None:
            return None
        return one.value - first.value

    def difference_error(self, index: int) -> tuple[float, float] | None:
        """Return the smallest and the largest standard deviation that the difference can have.

        For a correlation between 1 and 0 it is between |σ₁ − σ₂| and √(σ₁² + σ₂²).
        """
        first, one = self.numbers[0], self.numbers[index]
        if first is None or one is None or first.error is None or one.error is None:
            return None
        return abs(first.error - one.error), (first.error**2 + one.error**2) ** 0.5


@dataclass(frozen=True)
class Comparison:
    """Several analyses side by side; all of it is as the first one sees it.

    Attributes
    ----------
    sides
        The analyses.
    settings
        Keys of ``analysis.toml`` that differ, with the value in each (`None`: not set).
    rows
        What came out, and what it took.
    scan
        The one key that differs, where all have a number for it; the analyses are in its order.
    notes
        What is to be known.
    """

    sides: list[Side]
    settings: list[tuple[str, tuple[Any, ...]]]
    rows: list[Row]
    scan: str | None
    notes: list[str]

    @property
    def labels(self) -> list[str]:
        """How the analyses are called."""
        return [side.label for side in self.sides]

    def scan_values(self) -> list[float]:
        """Return the value of the key that is scanned, of each analysis."""
        return [float(side.value(self.scan or "")) for side in self.sides]  # type: ignore[arg-type]


def compare(sides: list[Side]) -> Comparison:
    """Put analyses side by side."""
    keys = _different(sides)
    scan = keys[0] if len(keys) == 1 and all(_is_number(side.value(keys[0])) for side in sides) else None
    if scan is not None:
        sides = sorted(sides, key=lambda side: float(side.value(scan)))  # type: ignore[arg-type]
    settings = [(key, tuple(_shown(side, key) for side in sides)) for key in keys]
    rows = [*_results(sides), *_took(sides)]
    return Comparison(sides, settings, rows, scan, list(_notes(sides, keys, rows)))


def _different(sides: list[Side]) -> list[str]:
    keys = dict.fromkeys(key for side in sides for key in side.settings)
    return [key for key in keys if len({repr(side.settings.get(key)) for side in sides}) > 1]


def _shown(side: Side, key: str) -> str:
    if key in side.settings:
        value = side.settings[key]
        return value if isinstance(value, str) else str(value)
    default = side.value(key)
    return "not set" if default is None else f"{default} (default)"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _results(sides: list[Side]) -> Iterator[Row]:
    known = {key for side in sides for key in side.results}
    order = [key for key in LABELS if key in known]
    order += [key for key in dict.fromkeys(k for side in sides for k in side.results) if key not in LABELS]
    for key in order:
        numbers = tuple(side.results.get(key) for side in sides)
        unit = next(each.unit for each in numbers if each is not None)
        plain, _, what = key.partition("@")
        label = LABELS.get(plain, plain)
        yield Row(key, f"{label}, {what}" if what else label, unit, numbers)


def _took(sides: list[Side]) -> Iterator[Row]:
    for key, label, unit, name in _TOOK:
        numbers = tuple(Number((side.took[name] or 0) / _SCALE.get(unit, 1), None, unit) for side in sides)
        yield Row(key, label, unit, numbers)


def _notes(sides: list[Side], keys: list[str], rows: list[Row]) -> Iterator[str]:
    for side in sides:
        yield from side.notes
    if not keys:
        yield "Their analysis.toml say the same."
    simulated = [side.label for side in sides if side.simulated]
    if simulated:
        yield f"SIMULATED: the events of {', '.join(simulated)} were made by openmars-sim."
    common = frozenset.intersection(*(side.runs for side in sides))
    if common:
        every = frozenset.union(*(side.runs for side in sides))
        which = f"All {len(every)}" if common == every else f"{len(common)} of {len(every)}"
        yield f"{which} runs are in common. {SAME_EVENTS}"
    elif all(side.runs for side in sides):
        yield "They have no run in common; Monte Carlo and calibration may be, and systematic errors are."
    first = sides[0]
    for side in sides[1:]:
        for name, one in (("model", "spectrum.reference"), ("reference energy", "spectrum.reference")):
            a, b = first.json("spectrum"), side.json("spectrum")
            if name == "model" and a.get("model") != b.get("model") and a and b:
                yield f"{side.label} was fitted with a {b.get('model')}, {first.label} with a {a.get('model')}."
            numbers = first.results.get(one), side.results.get(one)
            if name != "model" and None not in numbers and numbers[0].value != numbers[1].value:  # type: ignore[union-attr]
                yield f"{side.label} has another reference energy than {first.label}: their φ are not the same thing."
    yield from _only(sides, rows)


def _only(sides: list[Side], rows: list[Row]) -> Iterator[str]:
    """Say of results that not all have who has them."""
    found: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        there = tuple(side.label for side, number in zip(sides, row.numbers, strict=True) if number is not None)
        if len(there) < len(sides):
            found.setdefault(there, []).append(row.key)
    for there, keys in found.items():
        more = f" and {len(keys) - FEW} more" if len(keys) > FEW else ""
        yield f"only in {', '.join(there)}: {', '.join(keys[:FEW])}{more}"


def data(found: Comparison) -> dict[str, Any]:
    """Return a comparison as plain data."""
    return {
        "analyses": [{"name": side.label, "folder": str(side.folder.root)} for side in found.sides],
        "settings": [{"key": key, "values": list(values)} for key, values in found.settings],
        "scan": found.scan,
        "notes": found.notes,
        "rows": [
            {
                "key": row.key, "label": row.label, "unit": row.unit,
                "values": [None if n is None else n.text if n.value is None else n.value for n in row.numbers],
                "errors": [None if n is None else n.error for n in row.numbers],
                "differences": [row.difference(index) for index in range(1, len(row.numbers))],
                "difference_errors": [row.difference_error(index) for index in range(1, len(row.numbers))],
            }
            for row in found.rows
        ],
    }  # fmt: skip


def ecsv(found: Comparison) -> Any:
    """Return a comparison as an astropy table: a row a number, for each analysis its value and error."""
    import numpy as np
    from astropy.table import Table

    def numbers(values: list[float | None]) -> Any:
        return np.array([np.nan if value is None else value for value in values], dtype=float)

    table = Table()
    table["key"] = [row.key for row in found.rows]
    table["unit"] = [row.unit for row in found.rows]
    for index, label in enumerate(found.labels):
        column = [row.numbers[index] for row in found.rows]
        table[label] = numbers([None if each is None else each.value for each in column])
        table[f"{label}_err"] = numbers([None if each is None else each.error for each in column])
        if index:
            table[f"{label}_difference"] = numbers([row.difference(index) for row in found.rows])
    table.meta = {
        "SETTINGS": {key: list(values) for key, values in found.settings},
        "NOTES": list(found.notes),
        "DIFFERENCES_FROM": found.labels[0],
    }
    return table
