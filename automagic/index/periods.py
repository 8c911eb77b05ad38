"""MAGIC's periods: intervals in which one Monte Carlo production describes the telescopes."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

TABLE = Path(__file__).resolve().parents[2] / "catalog" / "periods.csv"


@cache
def intervals() -> tuple[tuple[str, str, str], ...]:
    """Return name, first and last night of each; a period may have several intervals."""
    if not TABLE.is_file():
        return ()
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple((row["name"], row["start"], row["end"] or "9999-12-31") for row in csv.DictReader(file))


def period(night: str) -> str | None:
    """Return the period of a night, or `None` where no public table has it.

    Parameters
    ----------
    night
        Date of the morning, ``YYYY-MM-DD``.

    Examples
    --------
    >>> period("2020-11-01"), period("2021-11-01"), period("2023-01-01")
    ('ST.03.16', None, 'ST.03.18')
    """
    return next((name for name, start, end in intervals() if start <= night <= end), None)
