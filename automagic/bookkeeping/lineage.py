"""From a product back to the files in storage."""

from __future__ import annotations

from typing import Any

# One question a generation. The rows of a task lie together, so that DuckDB passes over nearly all of the table; a
# recursive query would read all of it for each generation.
_STEP = "SELECT task, role, name, sha256, from_task, path, action FROM lineage WHERE task IN (SELECT unnest(?))"


def trace(connection: Any, task: str) -> list[dict[str, Any]]:
    """Return what a task and all before it have read.

    Parameters
    ----------
    connection
        The catalog.
    task
        Name of the task.

    Returns
    -------
    list of dict
        ``task role name sha256 from_task path action``, a row an input file, the task's own first.
    """
    found: list[dict[str, Any]] = []
    seen, next_ones = {task}, [task]
    while next_ones:
        cursor = connection.execute(_STEP, [next_ones])
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        order = {name: number for number, name in enumerate(next_ones)}
        found += sorted(rows, key=lambda row: (order[row["task"]], row["role"], row["name"]))
        next_ones = list(dict.fromkeys(row["from_task"] for row in rows if row["from_task"] not in (None, *seen)))
        seen.update(next_ones)
    return found
