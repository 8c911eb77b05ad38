"""What a selection adds up to: hours by night, period, condition and reason. From rows, as the catalog has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from automagic.selection.choose import WORDS
from automagic.selection.conditions import Conditions, nsb_class

Row = Mapping[str, Any]

MANY_NIGHTS = 40
"""So many nights are listed one by one; more by month, or by year."""


@dataclass
class Hours:
    """Runs and hours of a part of a selection.

    `unknown` and `unknown_left_out` count the runs whose length is not known; they are in no hours. `causes` counts
    the runs left out by reason, as keys of `automagic.selection.choose.WORDS`.
    """

    name: str
    taken: int = 0
    left_out: int = 0
    hours_taken: float = 0.0
    hours_left_out: float = 0.0
    unknown: int = 0
    unknown_left_out: int = 0
    causes: Counter[str] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        """Count a run."""
        hours = (row["minutes"] or 0.0) / 60
        if row["taken"]:
            self.taken += 1
            self.hours_taken += hours
            self.unknown += row["minutes"] is None
        else:
            self.left_out += 1
            self.hours_left_out += hours
            self.unknown_left_out += row["minutes"] is None
            self.causes[row["cause"]] += 1

    @property
    def time_taken(self) -> str:
        """The hours taken in words."""
        return _time(self.hours_taken, self.taken, self.unknown)

    @property
    def time_left_out(self) -> str:
        """The hours left out in words."""
        return _time(self.hours_left_out, self.left_out, self.unknown_left_out)

    @property
    def why(self) -> str:
        """The reasons in words, the commonest first."""
        order = list(WORDS)
        causes = sorted(self.causes, key=lambda key: (-self.causes[key], order.index(key) if key in order else 99))
        if len(causes) == 1:
            return word(causes[0])
        return ", ".join(f"{self.causes[key]} {word(key)}" for key in causes)


def word(cause: str) -> str:
    """Return the two words for a reason."""
    return WORDS.get(cause, cause)


def hours(rows: Iterable[Row], by: Callable[[Row], str], *, ordered: bool = False) -> list[Hours]:
    """Add up rows by anything that they have.

    Parameters
    ----------
    rows
        As `automagic.index.Selection.rows` makes them.
    by
        Gives the name of the part that a row belongs to.
    ordered
        By name; else the part with most hours first.
    """
    parts: dict[str, Hours] = {}
    for row in rows:
        name = by(row)
        parts.setdefault(name, Hours(name)).add(row)
    if ordered:
        return sorted(parts.values(), key=lambda part: part.name)
    return sorted(parts.values(), key=lambda p: (-p.hours_taken, -p.taken, -p.hours_left_out, -p.left_out, p.name))


def total(rows: Iterable[Row]) -> Hours:
    """Add up all rows."""
    whole = Hours("all")
    for row in rows:
        whole.add(row)
    return whole


def by_time(rows: Sequence[Row], most: int = MANY_NIGHTS) -> tuple[str, list[Hours]]:
    """Add up by night, or where there are too many of them, by month or year.

    Returns
    -------
    str
        ``"night"``, ``"month"`` or ``"year"``.
    list of Hours
        In the order of time.
    """
    for name, length in (("night", 10), ("month", 7)):
        if len({row["night"][:length] for row in rows}) <= most:
            return name, hours(rows, lambda row, n=length: row["night"][:n], ordered=True)  # type: ignore[misc]
    return "year", hours(rows, lambda row: row["night"][:4], ordered=True)


def by_period(rows: Iterable[Row]) -> list[Hours]:
    """Add up by MAGIC's period."""
    return hours(rows, lambda row: row["period"] or "no known period", ordered=True)


def by_source(rows: Iterable[Row]) -> list[Hours]:
    """Add up by source."""
    return hours(rows, lambda row: row["source"])


def by_conditions(rows: Iterable[Row]) -> list[Hours]:
    """Add up by the conditions that Monte Carlo is made for, without the period."""
    return hours(rows, _without_period)


def by_reason(rows: Iterable[Row]) -> list[Hours]:
    """Add up what is left out, in the order in which reasons are looked for."""
    found = hours((row for row in rows if not row["taken"]), lambda row: row["cause"])
    order = list(WORDS)
    return sorted(found, key=lambda part: order.index(part.name) if part.name in order else 99)


def light(row: Row) -> str:
    """Name the light that a run was taken in, and how: class of background, HV and trigger.

    Examples
    --------
    >>> light({"nsb": 2.5, "hv": "reduced", "trigger": "standard"})
    'NSB 0–5, reduced HV'
    """
    if row["nsb"] is None and row["hv"] in (None, "nominal") and row["trigger"] in (None, "standard"):
        return "sky not known"
    return str(Conditions(None, None, nsb_class(row["nsb"], row["hv"]), row["hv"], row["trigger"]))


def _without_period(row: Row) -> str:
    return (row["conditions"] or "").removeprefix(f"{row['period']}, ") or "conditions not known"


def sentence(name: str, rows: Sequence[Row]) -> str:
    """Say in one line what was taken and what not.

    Examples
    --------
    >>> rows = [{"taken": True, "minutes": 90.0, "zenith_min": None, "cause": None}]
    >>> sentence("Mrk421", rows)
    '1 run of Mrk421 taken, 1.50 h'
    """
    whole = total(rows)
    every = whole.taken + whole.left_out
    text = f"{of(whole.taken, every)} of {name} taken, {whole.time_taken}"
    return f"{text}; {whole.left_out:,} left out, {whole.time_left_out}" if whole.left_out else text


def _time(hours: float, runs: int, unknown: int) -> str:
    if unknown and unknown == runs:
        return "length not known"
    return f"{length(hours)} and {unknown:,} of unknown length" if unknown else length(hours)


def of(part: int, whole: int) -> str:
    """Write ``"3 of 5 runs"``, or ``"5 runs"`` for all.

    Examples
    --------
    >>> of(3, 5), of(1, 1)
    ('3 of 5 runs', '1 run')
    """
    runs = f"{whole:,} run{'' if whole == 1 else 's'}"
    return runs if part == whole else f"{part:,} of {runs}"


def length(value: float) -> str:
    """Write hours, and less than six minutes as minutes.

    Examples
    --------
    >>> length(0.25), length(12.345), length(1234.5), length(0.02), length(0)
    ('0.25 h', '12.3 h', '1,234 h', '1.2 min', '0 h')
    """
    if value < 0.1:
        return f"{value * 60:.1f} min" if value else "0 h"
    return f"{value:,.{2 if value < 10 else 1 if value < 100 else 0}f} h"
