"""The journal in columns: a table of the events of drivers that have ended, beside their journals.

Reading a million lines of JSON takes seconds, and they never change. The table may be deleted at any time; it counts
for as long as the journals that it was made from are as they were then.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from automagic.bookkeeping.folder import Folder
from automagic.bookkeeping.journal import journals
from automagic.job.spec import signature

COLUMNS = {
    **dict.fromkeys(
        ("time", "event", "task", "action", "attempt", "reason", "cause", "host", "environment"), "VARCHAR"
    ),
    **dict.fromkeys(("recipe", "form", "engine_digest", "origin", "maker", "how", "ended"), "VARCHAR"),
    **dict.fromkeys(("wall_s", "cpu_s", "max_rss_mb", "scratch_mb", "input_mb", "requested_mb"), "DOUBLE"),
    "size": "BIGINT",
    "exit_code": "INTEGER",
    "again": "BOOLEAN",
    "digests": "JSON",
    "environments": "JSON",
    "inputs": "JSON",
    "outputs": "JSON",
}

MANY_BYTES = 5_000_000
"""So much of the journal is read without trouble."""

_CREATE = "CREATE OR REPLACE TEMP TABLE events (n BIGINT, {columns})"

# A line that a crash cut short is passed over. A folder called task=5 is no column.
_READ = """
INSERT INTO events SELECT row_number() OVER () + (SELECT coalesce(max(n), 0) FROM events), * FROM read_json(?,
    format = 'newline_delimited', ignore_errors = true, maximum_object_size = 67108864,
    hive_partitioning = false, columns = {columns})
WHERE event IS NOT NULL
"""

_WRITE = "COPY (SELECT * FROM events ORDER BY n) TO '{path}' (FORMAT parquet, KV_METADATA {{journals: '{about}'}})"


def load(connection: Any, folder: Folder) -> None:
    """Make the table ``events``, numbered (``n``) in the order in which they happened."""
    import duckdb

    paths = journals(folder.journal)
    connection.execute(_CREATE.format(columns=", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())))
    old = len(_sealed(connection, folder.events, paths))
    if old:
        try:
            connection.execute(
                "INSERT INTO events BY NAME SELECT * FROM read_parquet(?, hive_partitioning = false)",
                [str(folder.events)],
            )
        except duckdb.Error:  # damaged
            connection.execute("DELETE FROM events")
            old = 0
    if paths[old:]:
        types = "{" + ", ".join(f"{name}: '{kind}'" for name, kind in COLUMNS.items()) + "}"
        connection.execute(_READ.format(columns=types), [[str(path) for path in paths[old:]]])


def settle(folder: Folder) -> None:
    """Bring what has come since into the table, where that is much. To be called where no driver writes."""
    import duckdb

    from automagic.graph.asked import quoted

    paths = journals(folder.journal)
    with duckdb.connect() as connection:
        old = len(_sealed(connection, folder.events, paths))
        if sum(path.stat().st_size for path in paths[old:]) < MANY_BYTES:
            return
        about = json.dumps([[path.name, signature(path)] for path in paths])
        load(connection, folder)
        new = folder.events.with_name(f".{folder.events.name}.{os.getpid()}")
        connection.execute(_WRITE.format(path=quoted(new), about=quoted(about)))
        new.replace(folder.events)


def _sealed(connection: Any, table: Path, paths: list[Path]) -> list[Path]:
    """Return the journals, the oldest first, that are in the table as they are now; none where one of them is not."""
    import duckdb

    if not table.exists():
        return []
    with contextlib.suppress(duckdb.Error, ValueError, TypeError, OSError):
        sql = "SELECT value FROM parquet_kv_metadata(?) WHERE key = 'journals'"
        told = json.loads(connection.execute(sql, [str(table)]).fetchone()[0])
        names = connection.execute("SELECT name FROM parquet_schema(?) OFFSET 1", [str(table)]).fetchall()
        first = paths[: len(told)]
        if [name for (name,) in names] == ["n", *COLUMNS] and told == [[p.name, signature(p)] for p in first]:
            return first
    return []
