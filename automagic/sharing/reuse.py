"""What sharing has saved: CPU time that was not spent twice, and bytes that do not lie twice."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Row = dict[str, Any]

# An action counts once in an analysis: its own store has it from then on.
_SAVED = """
WITH first AS (SELECT * FROM taken QUALIFY row_number() OVER (PARTITION BY {whose} action ORDER BY time) = 1)
SELECT {group}, count(*) AS tasks, count(DISTINCT maker) AS makers, coalesce(sum(cpu_s), 0) AS cpu_s,
       coalesce(sum(size) FILTER (how = 'link'), 0)::BIGINT AS linked,
       coalesce(sum(size) FILTER (how IS DISTINCT FROM 'link'), 0)::BIGINT AS copied
FROM first GROUP BY ALL ORDER BY ALL
"""

_SPENT = "SELECT {group}, coalesce(sum(cpu_s), 0) FROM jobs WHERE cpu_s IS NOT NULL GROUP BY ALL"


def saved(connection: Any, site: bool, by: str) -> list[Row]:
    """Return what was taken and not computed.

    Parameters
    ----------
    connection
        To the catalog of an analysis, or of a site.
    site
        Which of the two.
    by
        ``"analysis"`` or ``"user"`` (of a site), or ``"stage"``.

    Returns
    -------
    list of dict
        The group's columns, ``tasks`` (taken), ``makers`` (how many other users made them), ``cpu_s`` (that those took
        when they were made), ``spent_s`` (that jobs of one's own took), ``linked`` and ``copied`` (bytes).
    """
    columns = {"analysis": ["user", "analysis", "folder"], "user": ["user"], "stage": ["stage"]}[by]
    whose = "user, analysis, folder," if site else ""
    cursor = connection.execute(_SAVED.format(whose=whose, group=", ".join(columns)))
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    spent_by = ["split_part(task, ':', 1)"] if by == "stage" else columns
    spent = {row[:-1]: row[-1] for row in connection.execute(_SPENT.format(group=", ".join(spent_by))).fetchall()}
    for row in rows:
        row["spent_s"] = spent.get(tuple(row[column] for column in columns), 0.0)
    return rows


def disk(stores: Iterable[Path]) -> tuple[int, int]:
    """Return the bytes that all files of stores would take, each by itself, and those that they do take.

    What a file system shares between clones it does not tell: these count as if they were copies.
    """
    named, seen = 0, dict[tuple[int, int], int]()
    for store in stores:
        for folder, _, files in os.walk(store):
            for name in files:
                with contextlib.suppress(OSError):
                    about = os.lstat(os.path.join(folder, name))
                    named += 512 * about.st_blocks
                    seen[about.st_dev, about.st_ino] = 512 * about.st_blocks
    return named, sum(seen.values())
