"""The DuckDB catalog: rebuilt from graph, journal and receipts, never edited, and put in place whole.

A rebuild writes a new file and renames it, so that readers always find a whole catalog and never a lock. The
same content gives the same bytes in every Parquet export (not in the .duckdb file, whose bytes DuckDB does
not promise).
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from automagic.bookkeeping import events, hashes, stale
from automagic.bookkeeping.folder import Folder
from automagic.bookkeeping.journal import journals

SCHEMA = Path(__file__).resolve().parents[2] / "catalog" / "schema.sql"
SCHEMA_VERSION = "4"

FEW, SMALL = 5000, " (BLOCK_SIZE 16384)"
"""With fewer tasks than this, a file of a few kB need not be of 2 MB."""

Row = dict[str, Any]

_META = """
INSERT INTO meta SELECT 'schema', ? UNION ALL SELECT 'analysis', ? UNION ALL SELECT 'journal', ?
UNION ALL SELECT 'graph', value FROM g.about WHERE key = 'content'
UNION ALL SELECT key, value FROM g.about WHERE key = 'engine'
UNION ALL SELECT 'note.' || row_number() OVER (), note FROM (
    SELECT unnest(from_json(value, '["VARCHAR"]')) AS note FROM g.about WHERE key = 'notes')
"""

# What drivers said last of each engine; they are what "up to date" is measured by here.
_ENGINES = """
CREATE TEMP TABLE told AS SELECT engine, arg_max(json_extract_string(digests, '$."' || engine || '"'), n) AS digest,
       arg_max(json_extract_string(environments, '$."' || engine || '"'), n) AS environment
FROM (SELECT n, unnest(json_keys(digests)) AS engine, digests, environments FROM events WHERE event = 'start')
GROUP BY engine;
CREATE TEMP TABLE digests AS SELECT engine, digest FROM told;
INSERT INTO meta SELECT 'digest.' || engine, digest FROM told ORDER BY engine;
INSERT INTO meta SELECT 'environment.' || engine, environment FROM told ORDER BY engine;
"""

_COPIED = """
INSERT INTO conditions SELECT * FROM g.conditions;
INSERT INTO cards
SELECT c.card, min(t.program), any_value(c.text) FROM g.cards c JOIN g.tasks t USING (card) GROUP BY 1 ORDER BY 1;
INSERT INTO files BY NAME SELECT f.*, h.size, h.sha256 FROM g.files f LEFT JOIN hashed h USING (path) ORDER BY path;
"""

_TASKS = """
CREATE TEMP TABLE ended AS
SELECT e.task, e.event, coalesce(e.reason, e.cause || ' failed') AS reason FROM events e JOIN (
    SELECT max(n) AS n FROM events WHERE task IS NOT NULL AND (
        event IN ('done', 'found', 'cancelled', 'blocked', 'problem') OR event = 'failed' AND again IS NOT TRUE)
    GROUP BY task) USING (n);
INSERT INTO tasks BY NAME
SELECT t.task, t.position, stage, program, engine, executable, arguments, card, t.recipe, t.form, m.action,
       CASE WHEN a.position IS NULL THEN 'done' WHEN e.event IN ('failed', 'problem') THEN 'failed'
            WHEN e.event = 'blocked' THEN 'blocked' ELSE 'pending' END AS state,
       CASE WHEN a.position IS NOT NULL AND e.event IN ('failed', 'problem', 'blocked') THEN e.reason END AS reason,
       cores, memory_mb, disk_mb, minutes
FROM g.tasks t LEFT JOIN affected a USING (position) LEFT JOIN made m USING (task) LEFT JOIN ended e USING (task)
ORDER BY t.position
"""


def rebuild(folder: Folder, live: bool = False) -> None:
    """Write catalog.duckdb and its Parquet exports anew from graph, journal and receipts.

    Parameters
    ----------
    live
        Whether a driver is running: attempts without an end are running then, and lost otherwise.
    """
    import duckdb

    hashes.settle(folder.hashes)
    with duckdb.connect() as connection:  # in memory, and written at once: half the time of tables on disk
        fill(connection, folder, live)
        _export(connection, folder.exports)
        _write(connection, folder.database)


def _write(connection: Any, path: Path) -> None:
    """Write all tables to a file of our own, as a reader may do the same at this moment, and put it in place."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    quoted = str(new).replace("'", "''")
    few = connection.execute("SELECT count(*) FROM tasks").fetchone()[0] < FEW
    try:
        connection.execute(f"ATTACH '{quoted}' AS file{SMALL if few else ''}")
        connection.execute("COPY FROM DATABASE memory TO file")
        connection.execute("DETACH file")
        new.replace(path)
    finally:
        for left in (new, new.with_name(f"{new.name}.wal")):
            left.unlink(missing_ok=True)


def fill(connection: Any, folder: Folder, live: bool = False) -> None:
    """Make all tables of the catalog in an empty database."""
    attach_graph(connection, folder)
    connection.execute(SCHEMA.read_text(encoding="utf-8"))
    events.load(connection, folder)
    events.find_lost(connection, folder, live)
    connection.execute(_META, [SCHEMA_VERSION, folder.name, journal_state(folder)])
    connection.execute(_ENGINES)
    _rows_of_the_index(connection)
    hashes.load(connection, folder.hashes, folder.root)
    connection.execute("CREATE TEMP VIEW hashed AS SELECT * FROM known")
    connection.execute(_COPIED)
    connection.execute("CREATE TEMP TABLE damaged (task VARCHAR, name VARCHAR)")
    _brought(connection)
    stale.select(connection, None)
    stale.compare(connection)
    connection.execute(_TASKS)
    _insert(connection, "results", _results(connection, folder))


def _brought(connection: Any) -> None:
    """Take the files of staging tasks from the journal: each has told their hashes."""
    connection.execute("""
        CREATE TEMP TABLE brought AS
        SELECT t.position, p.name, p.sha256 FROM products p JOIN g.tasks t USING (task) WHERE t.engine = 'stage'
    """)


def attach_graph(connection: Any, folder: Folder) -> None:
    """Attach the graph as ``g``; an empty one where the analysis was never expanded."""
    from tempfile import TemporaryDirectory

    from automagic.graph.asked import save

    if _has_graph(folder):
        _attach(connection, str(folder.graph))
        return
    with TemporaryDirectory() as place:  # the file may go once it is open
        empty = Path(place) / "graph.duckdb"
        save(empty, {}, {"notes": []})
        _attach(connection, str(empty))


def _attach(connection: Any, path: str) -> None:
    quoted = path.replace("'", "''")
    connection.execute(f"ATTACH '{quoted}' AS g (READ_ONLY)")


def journal_state(folder: Folder) -> str:
    """Return what tells whether the journal has grown: the newest file's name and the size of all."""
    found = journals(folder.journal)
    return json.dumps([found[-1].name if found else "", sum(path.stat().st_size for path in found)])


# --- rows that are not made in SQL alone


_RUN = ("run", "night", "source", "wobble", "azimuth", "period")
_MC = ("mc_set", "particle", "period")


def _rows_of_the_index(connection: Any) -> None:
    about = dict(connection.execute("SELECT key, value FROM g.about").fetchall())
    runs, mc_sets, selection = (json.loads(about.get(key, "[]")) for key in ("runs", "mc_sets", "selection"))
    _insert(connection, "runs", [_known(run, _RUN, "run") for run in runs])
    _insert(connection, "mc_sets", [_known({**mc, "mc_set": mc.get("name")}, _MC, "mc_set") for mc in mc_sets])
    _insert(connection, "selection", selection)


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


def _results(connection: Any, folder: Folder) -> list[Row]:
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


def _insert(connection: Any, table: str, rows: list[Row]) -> None:
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
    columns = {name: pa.array([row.get(name) for row in rows], type=types[kind]) for name, kind in about}
    connection.register("incoming", pa.table(columns))
    connection.execute(f"INSERT INTO {table} SELECT * FROM incoming")  # noqa: S608 (names of our own)
    connection.unregister("incoming")


# --- the files


def tables() -> list[str]:
    """List the tables of the catalog."""
    return re.findall(r"^CREATE TABLE (\w+)", SCHEMA.read_text(encoding="utf-8"), re.MULTILINE)


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


def _export(connection: Any, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for table in tables():
        path, new = folder / f"{table}.parquet", folder / f".{table}.{os.getpid()}"
        target = str(new).replace("'", "''")
        connection.execute(f"COPY {table} TO '{target}' (FORMAT parquet)")
        if path.exists() and path.read_bytes() == new.read_bytes():
            new.unlink()
        else:
            new.replace(path)


def connect(folder: Folder) -> Any:
    """Open the catalog for reading; where somebody holds the file open for writing, from its Parquet exports.

    A catalog that is gone, or of an older version, is made anew where there is something to make it from. Statements
    can read the catalog's tables and nothing else, and can write nothing.

    Raises
    ------
    FileNotFoundError
        Nothing was ever run here.
    duckdb.Error
        The catalog cannot be read.
    """
    import duckdb

    if not _is_there(folder) and not folder.graph.exists() and not journals(folder.journal):
        raise FileNotFoundError(folder.database)
    try:
        connection = _current(folder)
    except duckdb.IOException:
        connection = _from_exports(folder)
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _is_there(folder: Folder) -> bool:
    return folder.database.exists() or folder.exports.exists()


def _current(folder: Folder) -> Any:
    """Open the catalog, made anew where it is not of today's form."""
    import duckdb

    if folder.database.exists():
        connection = duckdb.connect(str(folder.database), read_only=True)
        with contextlib.suppress(duckdb.Error):
            if connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() == (SCHEMA_VERSION,):
                return connection
        connection.close()
    renew(folder)
    return duckdb.connect(str(folder.database), read_only=True)


def _from_exports(folder: Folder) -> Any:
    import duckdb

    paths = sorted(folder.exports.glob("*.parquet"))
    if not paths:
        raise duckdb.IOException(f"{folder.database} is damaged, and there are no exports of it")
    connection = duckdb.connect()
    for path in paths:
        name = path.stem.replace('"', "")
        connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM read_parquet(?)', [str(path)])  # noqa: S608
    return connection


def renew(folder: Folder) -> None:
    """Make the catalog anew where nobody else does.

    A reader who may not write leaves it, and so it is where the graph or the journal is gone (an older version had
    another graph; somebody kept a part of the folder): the catalog knows more than what could be made then.
    """
    from automagic.bookkeeping.lock import is_held

    if _is_there(folder) and not (_has_graph(folder) and journals(folder.journal)):
        return
    with contextlib.suppress(OSError):
        rebuild(folder, live=is_held(folder))


def _has_graph(folder: Folder) -> bool:
    from automagic.graph.asked import Asked

    try:
        Asked(folder.graph).connection.close()
    except FileNotFoundError:
        return False
    return True


def attach(connection: Any, folder: Folder) -> None:
    """Bring graph (``g``) and catalog into a connection: what the journal says now, or at the last look of a driver.

    Where no driver runs and the file is older than the journal (a driver was killed), it is made anew; where it cannot
    be, it is made in memory.
    """
    from automagic.bookkeeping.lock import is_held

    held = is_held(folder)
    if not held and not is_current(folder):
        renew(folder)
    attach_graph(connection, folder)
    if _form(folder) == SCHEMA_VERSION if held else is_current(folder):
        quoted = str(folder.database).replace("'", "''")
        connection.execute(f"ATTACH '{quoted}' AS c (READ_ONLY)")
        for table in tables():
            connection.execute(f"CREATE TEMP VIEW {table} AS SELECT * FROM c.{table}")  # noqa: S608 (names of our own)
    else:  # nobody has made one that could be read, or may
        connection.execute("DETACH g")
        fill(connection, folder, live=held)


def is_current(folder: Folder, content: str | None = None) -> bool:
    """Tell whether the catalog's file has all that the journal has, and is of this graph, where one is given."""
    if _form(folder) != SCHEMA_VERSION or _form(folder, "journal") != journal_state(folder):
        return False
    return content is None or _form(folder, "graph") == content


def _form(folder: Folder, key: str = "schema") -> str | None:
    """Return what the catalog's file says of itself; `None` where there is none that can be read."""
    import duckdb

    if not folder.database.exists():
        return None
    with contextlib.suppress(duckdb.Error), duckdb.connect(str(folder.database), read_only=True) as connection:
        row = connection.execute("SELECT value FROM meta WHERE key = ?", [key]).fetchone()
        return None if row is None else str(row[0])
    return None
