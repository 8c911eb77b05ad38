"""The DuckDB catalog: rebuilt from graph.json, journal and receipts, never edited, and put in place whole.

A rebuild writes a new file and renames it, so that readers always find a whole catalog and never a lock. The
same content gives the same bytes in every Parquet export (not in the .duckdb file, whose bytes DuckDB does
not promise).
"""

from __future__ import annotations

import filecmp
import hashlib
import json
import math
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from automagic.bookkeeping.folder import Folder
from automagic.bookkeeping.journal import read_journal
from automagic.bookkeeping.store import Receipt, read_receipt

SCHEMA = Path(__file__).resolve().parents[2] / "catalog" / "schema.sql"
SCHEMA_VERSION = "3"

Row = dict[str, Any]
_ENDED = ("done", "failed", "cancelled")


def save_graph(folder: Folder, graph: Mapping[str, Any]) -> bool:
    """Keep what the analysis asks for (`automagic.runner.session`); tell whether it differs from before.

    Its tasks, of which there may be many, are written one a line and one after the other.
    """
    folder.graph.parent.mkdir(parents=True, exist_ok=True)
    new = folder.graph.with_suffix(".new")
    with open(new, "w", encoding="utf-8") as file:
        rest = {key: value for key, value in graph.items() if key != "tasks"}
        text = json.dumps(rest, indent=1, sort_keys=True, ensure_ascii=False)
        file.write(f'{text[:-1].rstrip()}{"," if rest else ""}\n "tasks": [')
        for number, task in enumerate(graph["tasks"]):
            file.write(",\n" if number else "\n")
            file.write(json.dumps(task, sort_keys=True, ensure_ascii=False))
        file.write("\n ]\n}\n")
    if folder.graph.exists() and filecmp.cmp(folder.graph, new, shallow=False):
        new.unlink()
        return False
    new.replace(folder.graph)
    return True


def load_graph(folder: Folder) -> dict[str, Any]:
    """Return what the analysis asked for at its last run; empty tables where it never ran."""
    try:
        return from_json(folder.graph.read_bytes())  # it can have 100,000 tasks, and is read often
    except (OSError, ValueError):
        return {"tasks": [], "runs": [], "mc_sets": [], "notes": [], "selection": []}


# --- rows


def tables(folder: Folder, live: bool = False) -> dict[str, list[Row]]:
    """Return the rows of every table.

    Parameters
    ----------
    live
        Whether a driver is running: attempts without an end are running then, and lost otherwise.
    """
    graph = load_graph(folder)
    found: dict[str, list[Row]] = {
        "meta": _meta(folder, graph),
        "runs": [_known(run, _RUN, "run") for run in graph["runs"]],
        "mc_sets": [_known({**mc, "mc_set": mc.get("name")}, _MC, "mc_set") for mc in graph["mc_sets"]],
        "selection": list(graph.get("selection", ())),
        "tasks": [_task(number, task) for number, task in enumerate(graph["tasks"])],
        "jobs": _jobs(folder, graph, live),
        "conditions": [row for task in graph["tasks"] for row in _conditions(task)],
        "cards": _cards(graph),
        "files": _files(graph),
        "products": [],
        "lineage": [],
        "results": [],
    }
    for task in graph["tasks"]:
        if task["state"] != "done":
            continue
        receipt = read_receipt(folder.action(task["action"]))
        if receipt is not None:
            found["products"] += _products(folder, task, receipt)
            found["lineage"] += _lineage(task, receipt)
            found["results"] += _results(folder, task, receipt)
    return found


_RUN = ("run", "night", "source", "wobble", "azimuth", "period")
_MC = ("mc_set", "particle", "period")


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


def _meta(folder: Folder, graph: Mapping[str, Any]) -> list[Row]:
    pairs: dict[str, str | None] = {"schema": SCHEMA_VERSION, "analysis": folder.name}
    pairs |= {f"environment.{engine}": text for engine, text in graph.get("environments", {}).items()}
    pairs["engine"] = graph.get("engine")
    pairs |= {f"digest.{engine}": digest for engine, digest in graph.get("digests", {}).items()}
    pairs |= {f"note.{number}": note for number, note in enumerate(graph["notes"], 1)}
    return [{"key": key, "value": value} for key, value in pairs.items()]


def _task(number: int, task: Mapping[str, Any]) -> Row:
    plain = ("stage", "program", "engine", "executable", "action", "state", "reason")
    return {
        "task": task["name"],
        "position": number,
        **{key: task.get(key) for key in plain},
        "arguments": shlex.join(task["arguments"]),
        "card": card_hash(task["card"]),
        **task["resources"],
    }


def card_hash(text: str) -> str | None:
    """Return the hash of a card's text, or `None` for none."""
    return hashlib.sha256(text.encode()).hexdigest() if text else None


def _cards(graph: Mapping[str, Any]) -> list[Row]:
    rows = {
        card_hash(task["card"]): {"program": task["program"], "text": task["card"]}
        for task in graph["tasks"]
        if task["card"]
    }
    return [{"card": card, **row} for card, row in rows.items()]


def _conditions(task: Mapping[str, Any]) -> Iterable[Row]:
    for key, value in task["conditions"].items():
        number = float(value) if isinstance(value, int | float) else None
        text = value if isinstance(value, str) else json.dumps(value)
        yield {"task": task["name"], "key": key, "value": text, "number": number}


def _files(graph: Mapping[str, Any]) -> list[Row]:
    rows: dict[str, Row] = {}
    for task in graph["tasks"]:
        for each in task["inputs"]:
            if each["path"] is None:
                continue
            checks = each.get("checks", {})
            rows[each["path"]] = {
                "path": each["path"],
                "name": each["name"],
                "level": checks.get("level") or each["role"],
                "run": checks.get("run"),
                "telescope": checks.get("telescope"),
                "size": each.get("size"),
                "sha256": each.get("sha256"),
            }
    return list(rows.values())


def _jobs(folder: Folder, graph: Mapping[str, Any], live: bool) -> list[Row]:
    rows: dict[str, Row] = {}
    tasks = {task["name"]: task for task in graph["tasks"]}
    for event in read_journal(folder.journal):
        attempt = event.get("attempt")
        if attempt is None:
            continue
        row = rows.setdefault(
            attempt, {"attempt": attempt, "task": event["task"], "action": event["action"], "state": "lost"}
        )
        if "requested_mb" in event:
            row["requested_mb"] = event["requested_mb"]
        if event["event"] == "submitted":
            row["submitted"] = event["time"]
        elif event["event"] == "started":
            row["started"] = event["time"]
        elif event["event"] in _ENDED:
            row |= {"state": event["event"], "ended": event["time"], **_measured(event)}
    for row in rows.values():
        if row["state"] == "lost":
            _find_lost(folder, row, live)
    for row in rows.values():
        task = tasks.get(row["task"], {})
        row |= {"program": task.get("program"), "cores": task.get("resources", {}).get("cores")}
        # of an exit code that does not fail the task
        if row["state"] == "done" and row.get("exit_code"):
            row["remark"] = task.get("exit_codes", {}).get(str(row["exit_code"]))
    return list(rows.values())


def _measured(told: Mapping[str, Any]) -> Row:
    """Pick what journal or receipt tell of how an attempt ended and what it used."""
    keys = ("reason", "cause", "exit_code", "wall_s", "cpu_s", "max_rss_mb", "input_mb", "host", "environment")
    return {**{key: told.get(key) for key in keys}, "disk_mb": told.get("scratch_mb")}


def _find_lost(folder: Folder, row: Row, live: bool) -> None:
    """Fill in an attempt whose end is not in the journal: its receipt may still say how it ended."""
    for place in (folder.action(row["action"]), folder.failure(row["action"])):
        receipt = read_receipt(place)
        if receipt is not None and receipt.get("attempt") == row["attempt"]:
            row |= {"state": receipt.get("state"), "ended": receipt.get("ended"), **_measured(receipt)}
            return
    if live:
        row["state"] = "running"


def _products(folder: Folder, task: Mapping[str, Any], receipt: Receipt) -> Iterable[Row]:
    links = {output["name"]: output for output in task["outputs"]}
    for product in receipt.get("outputs", ()):
        path = folder.action(task["action"]) / product["name"]
        yield {
            "task": task["name"],
            "name": product["name"],
            "level": links.get(product["name"], product).get("level"),
            "link": links.get(product["name"], {}).get("link"),
            "path": path.relative_to(folder.root).as_posix(),
            "size": product["size"],
            "sha256": product["sha256"],
            "action": task["action"],
        }


def _lineage(task: Mapping[str, Any], receipt: Receipt) -> Iterable[Row]:
    """Say what the products came from: hashes as in the receipt, tasks and paths as they are today."""
    today = {(each["role"], each["name"]): each for each in task["inputs"]}
    for each in receipt.get("inputs", ()):
        now = today.get((each["role"], each["name"]), each)
        yield {
            "task": task["name"],
            "role": each["role"],
            "name": each["name"],
            "sha256": each["sha256"],
            "from_task": now.get("task"),
            "path": now.get("path"),
            "action": task["action"],
        }


def _results(folder: Folder, task: Mapping[str, Any], receipt: Receipt) -> Iterable[Row]:
    for product in receipt.get("outputs", ()):
        if not product["name"].endswith(".json"):
            continue
        try:
            content = json.loads((folder.action(task["action"]) / product["name"]).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        results = content.get("results") if isinstance(content, dict) else None
        for result in results if isinstance(results, list) else ():
            value, error = result.get("value"), result.get("error")
            number = value if _is_number(value) else None
            yield {
                "task": task["name"],
                "key": str(result.get("key")),
                "value": number,
                "error": error if _is_number(error) else None,
                "unit": result.get("unit"),
                "text": None if number is not None or value is None else str(value),
                "product": product["name"],
            }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


# --- the files


def rebuild(folder: Folder, live: bool = False) -> None:
    """Write catalog.duckdb and its Parquet exports anew from graph.json, journal and receipts."""
    import duckdb

    new = folder.database.with_suffix(".new")
    for path in (new, new.with_suffix(".new.wal")):
        path.unlink(missing_ok=True)
    rows = tables(folder, live)
    with duckdb.connect(str(new)) as connection:
        connection.execute("SET threads = 1")
        connection.execute(SCHEMA.read_text(encoding="utf-8"))
        connection.execute("BEGIN")
        for table, content in rows.items():
            _insert(connection, table, content)
        connection.execute("COMMIT")
        _export(connection, folder.exports, rows)
        connection.execute("CHECKPOINT")
    new.replace(folder.database)


def rebuild_apart(folder: Folder, live: bool = False) -> None:
    """Do the same in a process of its own: what it takes of memory for many tasks is not the driver's.

    Raises
    ------
    RuntimeError
        It failed, with its last words.
    """
    words = [sys.executable, "-m", "automagic.bookkeeping", str(folder.root), *(["--live"] if live else [])]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1])


def _insert(connection: Any, table: str, rows: list[Row]) -> None:
    """Insert rows; of two with the same key the later counts."""
    import pyarrow as pa

    if not rows:
        return
    types = {
        "VARCHAR": pa.string(),
        "BIGINT": pa.int64(),
        "INTEGER": pa.int32(),
        "DOUBLE": pa.float64(),
        "BOOLEAN": pa.bool_(),
    }
    about = connection.execute("SELECT name, type FROM pragma_table_info(?)", [table]).fetchall()
    columns = {
        name: pa.array([row.get(name) for row in rows], type=types[kind], from_pandas=False) for name, kind in about
    }
    connection.register("incoming", pa.table(columns))
    connection.execute(f"INSERT OR REPLACE INTO {table} SELECT * FROM incoming")  # noqa: S608 (names of our own)
    connection.unregister("incoming")


def _export(connection: Any, folder: Path, names: Iterable[str]) -> None:
    folder.mkdir(exist_ok=True)
    for table in names:
        path, new = folder / f"{table}.parquet", folder / f".{table}.{os.getpid()}"
        target = str(new).replace("'", "''")
        connection.execute(
            f"COPY (SELECT * FROM {table} ORDER BY ALL) TO '{target}' (FORMAT parquet)"  # noqa: S608
        )
        if path.exists() and path.read_bytes() == new.read_bytes():
            new.unlink()
        else:
            new.replace(path)


def connect(folder: Folder) -> Any:
    """Open the catalog for reading; where somebody holds the file open for writing, from its Parquet exports.

    Statements can read the catalog's tables and nothing else, and can write nothing.

    Raises
    ------
    FileNotFoundError
        There is no catalog yet.
    """
    import duckdb

    if not folder.database.exists() and not folder.exports.exists():
        raise FileNotFoundError(folder.database)
    try:
        connection = duckdb.connect(str(folder.database), read_only=True)
    except duckdb.IOException:
        connection = duckdb.connect()
        for path in sorted(folder.exports.glob("*.parquet")):
            name = path.stem.replace('"', "")
            connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM read_parquet(?)', [str(path)])  # noqa: S608
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection
