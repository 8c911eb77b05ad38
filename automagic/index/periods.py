"""MAGIC's periods: intervals in which one Monte Carlo production describes the telescopes."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

TABLE = Path(__file__).resolve().parents[2] / "catalog" / "periods.csv"


@cache
def _rows() -> tuple[tuple[str, str, str], ...]:
    if not TABLE.is_file():
        return ()
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple((row["name"], row["start"], row["end"] or "9999-12-31") for row in csv.DictReader(file))


def period(night: str) -> str | None:
    """Return the period of a night, or `None` where no public table has it.

    Parameters
    ----------
    night
        ``YYYYMMDD`` of the morning.

    Examples
    --------
    >>> period("20201101"), period("20211101"), period("20230101")
    ('ST.03.16', None, 'ST.03.18')
    """
    day = f"{night[:4]}-{night[4:6]}-{night[6:]}"
    return next((name for name, start, end in _rows() if start <= day <= end), None)
