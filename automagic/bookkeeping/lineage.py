"""From a product back to the files in storage."""

from __future__ import annotations

from typing import Any

_COLUMNS = "SELECT task, role, name, sha256, from_task, path, action FROM lineage"
# One question a task: only then DuckDB takes the index. It reads all of the table for several at once.
_ONE = f"{_COLUMNS} WHERE task = ?"
_MANY = f"{_COLUMNS} WHERE task IN (SELECT unnest(?))"

MANY = 100
"""More tasks than this are asked for at once: reading all of the table is faster then."""


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
        questions = [(_MANY, next_ones)] if len(next_ones) > MANY else [(_ONE, name) for name in next_ones]
        rows = [row for sql, value in questions for row in _ask(connection, sql, value)]
        order = {name: number for number, name in enumerate(next_ones)}
        found += sorted(rows, key=lambda row: (order[row["task"]], row["role"], row["name"]))
        next_ones = list(dict.fromkeys(row["from_task"] for row in rows if row["from_task"] not in (None, *seen)))
        seen.update(next_ones)
    return found


def _ask(connection: Any, sql: str, value: Any) -> list[dict[str, Any]]:
    cursor = connection.execute(sql, [value])
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
