"""A comparison on a terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from automagic.compare.read import Number
from automagic.compare.table import Comparison, Row
from automagic.report import figures


def show(found: Comparison, console: Console, whole: bool = False) -> None:
    """Print a comparison: what was asked otherwise, what came out, what it took, and what is to be known.

    Parameters
    ----------
    whole
        Whether to show numbers that are the same in all as well.
    """
    console.print(Text(f"What was asked otherwise{' (a scan)' if found.scan else ''}", style="bold"))
    if found.settings:
        table = _table(found, "key")
        for key, values in found.settings:
            table.add_row(key, *values)
        console.print(table)
    for title, rows in parts(found, whole):
        console.print(Text(title, style="bold"))
        table = _table(found, "", differences=title != TOOK)
        for row in rows:
            table.add_row(row.label, *cells(row, title != TOOK))
        console.print(table)
    for note in found.notes:
        console.print(Padding(Text(f"· {note}"), (0, 0, 0, 1)))


CAME, TOOK = "What came out", "What it took"


def parts(found: Comparison, whole: bool = False) -> list[tuple[str, list[Row]]]:
    """Return the rows in two parts."""
    shown = [row for row in found.rows if whole or not _same(row)]
    return [
        (CAME, [row for row in shown if not row.key.startswith("took.")]),
        (TOOK, [row for row in found.rows if row.key.startswith("took.")]),
    ]


def _same(row: Row) -> bool:
    return len({(number.value, number.text) if number else None for number in row.numbers}) == 1


def _table(found: Comparison, first: str, differences: bool = False) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column(first)
    for index, label in enumerate(found.labels):
        table.add_column(label, justify="right" if first == "" else "left")
        if differences and index:
            table.add_column("difference", justify="right", style="cyan")
    return table


def cells(row: Row, differences: bool = True) -> list[str]:
    """Return the numbers of a row as text, each but the first with its difference from the first beside it."""
    found = []
    for index, number in enumerate(row.numbers):
        found.append(word(number))
        if differences and index:
            found.append(difference(row, index))
    return found


def word(number: Number | None) -> str:
    """Write a number."""
    if number is None:
        return "–"
    return str(number.text) if number.value is None else figures.number(number.value, number.error, number.unit)


def difference(row: Row, index: int) -> str:
    """Write a difference from the first analysis; in percent where it is one of an amount."""
    found, first = row.difference(index), row.numbers[0]
    if found is None or first is None:
        return ""
    if found == 0:
        return "0"
    sign = "+" if found > 0 else "−"
    if first.value and first.value > 0 and row.unit not in ("", "sigma"):
        return f"{sign}{100 * abs(found) / first.value:.1f} %"
    return f"{sign}{figures.number(abs(found))}"
