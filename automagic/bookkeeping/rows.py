"""Rows of the catalog that are not made in SQL alone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from automagic.bookkeeping.folder import Folder

Row = dict[str, Any]

_RUN = ("run", "night", "source", "wobble", "azimuth", "period")
_MC = ("mc_set", "particle", "period")


def index_rows(connection: Any) -> None:
    """Fill ``runs``, ``mc_sets`` and ``selection`` from what the graph tells of them."""
    about = dict(connection.execute("SELECT key, value FROM g.about").fetchall())
    runs, mc_sets, selection = (json.loads(about.get(key, "[]")) for key in ("runs", "mc_sets", "selection"))
    insert(connection, "runs", [_known(run, _RUN, "run") for run in runs])
    insert(connection, "mc_sets", [_known({**mc, "mc_set": mc.get("name")}, _MC, "mc_set") for mc in mc_sets])
    insert(connection, "selection", selection)


def _known(row: Row, columns: Iterable[str], key: str) -> Row:
    """Split a row of the index into columns of the catalog and the rest, as JSON."""
    made = {column: row.get(column) for column in columns}
    zenith = row.get("zenith")
    if key == "run":
        made["zenith"] = sum(zenith) / len(zenith) if isinstance(zenith, list) and zenith else zenith
    else:
        made["kind"] = row.get("kind") or row.get("geometry")
        made["zenith_min"], made["zenith_max"] = zenith if isinstance(zenith, list) else (None, None)
    rest = {name: value for name, value in row.items() if name not in made}
    made["attributes"] = json.dumps(rest, sort_keys=True, ensure_ascii=False)
    return made


def result_rows(connection: Any, folder: Folder) -> list[Row]:
    """Return the numbers in JSON products of tasks that are done."""
    rows: list[Row] = []
    found = connection.execute("""
        SELECT task, name, path FROM products JOIN tasks USING (task, action)
        WHERE state = 'done' AND name LIKE '%.json' ORDER BY position, name
    """).fetchall()
    for task, name, path in found:
        try:
            content = json.loads((folder.root / path).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        results = content.get("results") if isinstance(content, dict) else None
        rows += [_result(task, name, result) for result in (results if isinstance(results, list) else ())]
    return rows


def _result(task: str, product: str, result: Mapping[str, Any]) -> Row:
    value, error = result.get("value"), result.get("error")
    number = value if _is_number(value) else None
    return {
        "task": task,
        "key": str(result.get("key")),
        "value": number,
        "error": error if _is_number(error) else None,
        "unit": result.get("unit"),
        "text": None if number is not None or value is None else str(value),
        "product": product,
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def insert(connection: Any, table: str, rows: list[Row]) -> None:
    """Insert rows into a table of the catalog; what a row does not have is NULL."""
    import pyarrow as pa

    if not rows:
        return
    types = {
        "VARCHAR": pa.string(),
        "BIGINT": pa.int64(),
        "INTEGER": pa.int32(),
        "DOUBLE": pa.float64(),
        "UBIGINT": pa.uint64(),
        "BOOLEAN": pa.bool_(),
    }
    about = connection.execute("SELECT name, type FROM pragma_table_info(?)", [table]).fetchall()
    columns = {name: pa.array([row.get(name) for row in rows], type=types[kind]) for name, kind in about}
    connection.register("incoming", pa.table(columns))
    connection.execute(f"INSERT INTO {table} SELECT * FROM incoming")  # noqa: S608 (names of our own)
    connection.unregister("incoming")
