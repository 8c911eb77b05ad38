"""The DuckDB catalog: rebuilt from graph, journal and receipts, never edited, and put in place whole.

A rebuild writes a new file and renames it, so that readers always find a whole catalog and never a lock. The
same content gives the same bytes in every Parquet export (not in the .duckdb file, whose bytes DuckDB does
not promise).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from automagic.bookkeeping import events, hashes, stale
from automagic.bookkeeping.folder import Folder
from automagic.bookkeeping.journal import journals
from automagic.bookkeeping.rows import index_rows, insert, result_rows

SCHEMA = Path(__file__).resolve().parents[2] / "catalog" / "schema.sql"
SCHEMA_VERSION = hashlib.sha256(SCHEMA.read_bytes()).hexdigest()[:16]
"""A catalog of another form is made anew."""

FEW, SMALL = 5000, " (BLOCK_SIZE 16384)"
"""With fewer tasks than this, a file of a few kB need not be of 2 MB."""

INDEX = "CREATE INDEX lineage_task ON {database}.lineage (task)"
"""For the one question that is about few rows of very many (`automagic.bookkeeping.lineage`)."""

Row = dict[str, Any]

_META = """
INSERT INTO meta SELECT 'schema', ? UNION ALL SELECT 'analysis', ? UNION ALL SELECT 'journal', ?
UNION ALL SELECT 'hashes', ? UNION ALL SELECT 'live', 'yes' WHERE ?
UNION ALL SELECT 'graph', value FROM g.about WHERE key = 'content'
UNION ALL SELECT key, value FROM g.about WHERE key IN ('engine', 'source', 'kind')
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
INSERT INTO files BY NAME
SELECT f.*, k.size, k.mtime_ns, k.inode, k.ctime_ns, k.sha256
FROM g.files f LEFT JOIN known k USING (path) ORDER BY path;
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

    with duckdb.connect() as connection:  # in memory, and written at once: half the time of tables on disk
        fill(connection, folder, live)
        _export(connection, folder.exports)
        _write(connection, folder.database)


def _write(connection: Any, path: Path) -> None:
    """Write all tables to a file of our own, as a reader may do the same at this moment, and put it in place."""
    from automagic.graph.asked import quoted

    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    few = connection.execute("SELECT count(*) FROM tasks").fetchone()[0] < FEW
    try:
        connection.execute(f"ATTACH '{quoted(new)}' AS file{SMALL if few else ''}")
        connection.execute("COPY FROM DATABASE memory TO file")
        connection.execute(INDEX.format(database="file"))
        connection.execute("DETACH file")
        new.replace(path)
    finally:
        for left in (new, new.with_name(f"{new.name}.wal")):
            left.unlink(missing_ok=True)


def fill(connection: Any, folder: Folder, live: bool = False, attached: bool = False) -> None:
    """Make all tables of the catalog in an empty database.

    Parameters
    ----------
    attached
        Whether the graph is attached as ``g`` already.
    """
    if not attached:
        attach_graph(connection, folder)
    connection.execute(SCHEMA.read_text(encoding="utf-8"))
    # first what it is of, then what is there: a driver may write more meanwhile
    about = [SCHEMA_VERSION, folder.name, journal_state(folder), hashes.state(folder.hashes), live]
    connection.execute(_META, about)
    hashes.load(connection, folder.hashes, folder.root)
    connection.execute("CREATE TEMP VIEW hashed AS SELECT * FROM known")
    events.load(connection, folder)
    events.find_lost(connection, folder, live)
    connection.execute(_ENGINES)
    index_rows(connection)
    connection.execute(_COPIED)
    connection.execute("CREATE TEMP TABLE damaged (task VARCHAR, name VARCHAR)")
    _brought(connection)
    stale.select(connection, None)
    stale.suspect_all(connection)
    stale.compare(connection)
    connection.execute(_TASKS)
    insert(connection, "results", result_rows(connection, folder))


def _brought(connection: Any) -> None:
    """Take the files of staging tasks from the journal: each has told their hashes."""
    connection.execute("""
        CREATE TEMP TABLE brought AS
        SELECT t.position, p.name, p.sha256 FROM products p JOIN g.tasks t USING (task) WHERE t.engine = 'stage'
    """)


def attach_graph(connection: Any, folder: Folder) -> None:
    """Attach the graph as ``g``; an empty one where the analysis was never expanded."""
    from tempfile import TemporaryDirectory

    from automagic.graph.asked import quoted, save

    if _has_graph(folder):
        connection.execute(f"ATTACH '{quoted(folder.graph)}' AS g (READ_ONLY)")
        return
    with TemporaryDirectory() as place:  # the file may go once it is open
        empty = Path(place) / "graph.duckdb"
        save(empty, {}, {"notes": []})
        connection.execute(f"ATTACH '{quoted(empty)}' AS g (READ_ONLY)")


def journal_state(folder: Folder) -> str:
    """Return what tells whether the journal has grown: the newest file's name and the size of all."""
    found = journals(folder.journal)
    return json.dumps([found[-1].name if found else "", sum(path.stat().st_size for path in found)])


# --- the files


def tables() -> list[str]:
    """List the tables of the catalog."""
    return re.findall(r"^CREATE TABLE (\w+)", SCHEMA.read_text(encoding="utf-8"), re.MULTILINE)


def rebuild_apart(folder: Folder, live: bool = False) -> None:
    """Do the same in a process of its own: what it takes of memory for many tasks is not the driver's.

    To be called by the one driver alone: new hashes are brought into their table as well.

    Raises
    ------
    RuntimeError
        It failed, with its last words.
    """
    finish(start(folder, live))


def start(folder: Folder, live: bool = False) -> subprocess.Popen[str]:
    """Begin to do so; the driver goes on meanwhile, and calls `finish` when the process has ended."""
    words = [sys.executable, "-m", "automagic.bookkeeping", str(folder.root), *(["--live"] if live else [])]
    words.append("--lifeline")  # what it writes is not to be in the way of the next driver, if this one dies
    return subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(child: subprocess.Popen[str]) -> None:
    """Wait until it is done.

    Raises
    ------
    RuntimeError
        It failed, with its last words.
    """
    with child:
        said = child.stderr.read()  # type: ignore[union-attr]
    if child.returncode:
        raise RuntimeError((said.strip().splitlines() or [f"ended with {child.returncode}"])[-1])


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
        source = "read_parquet(?, hive_partitioning = false)"  # a folder called task=5 is no column
        connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM {source}', [str(path)])  # noqa: S608
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
    """Bring the tables of the catalog into a connection that has the graph (``g``): as the journal says now.

    While a driver runs, they are as it last wrote them. Where none runs and the file is older than the journal (a
    driver was killed), it is made anew.
    """
    from automagic.bookkeeping.lock import is_held
    from automagic.graph.asked import quoted

    for attempt in range(2):
        meta = _attach_file(connection, f"ATTACH '{quoted(folder.database)}' AS c (READ_ONLY)")
        if _is_of(meta, folder) or (meta.get("schema") == SCHEMA_VERSION and is_held(folder)):
            break
        if meta:
            connection.execute("DETACH c")
        if attempt == 0 and not is_held(folder):
            renew(folder)
    else:  # nobody has made one that could be read, or may
        fill(connection, folder, live=is_held(folder), attached=True)
        return
    for table in tables():
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT * FROM c.{table}")  # noqa: S608 (our own)


def detach(connection: Any) -> None:
    """Take what `attach` has brought out of a connection again."""
    import duckdb

    for table in tables():
        for kind in ("VIEW IF EXISTS temp", "TABLE IF EXISTS memory"):
            connection.execute(f"DROP {kind}.{table}")
    with contextlib.suppress(duckdb.Error):
        connection.execute("DETACH c")


def _attach_file(connection: Any, sql: str) -> dict[str, str]:
    """Attach the catalog's file as ``c`` and return what it says of itself; nothing where it cannot be read."""
    import duckdb

    try:
        connection.execute(sql)
    except duckdb.Error:
        return {}
    try:
        return dict(connection.execute("SELECT key, value FROM c.meta").fetchall())
    except duckdb.Error:
        return {"schema": "none"}


def is_current(folder: Folder, content: str | None = None) -> bool:
    """Tell whether the catalog's file has all that the journal has, and is of this graph, where one is given.

    With a graph, it is to have all hashes as well: without those of files that a driver took before it died, tasks that
    are done would not be known to be.
    """
    meta = _meta(folder)
    if not _is_of(meta, folder):
        return False
    return content is None or (meta.get("graph") == content and meta.get("hashes") == hashes.state(folder.hashes))


def _is_of(meta: Row, folder: Folder) -> bool:
    """Tell whether a catalog has all that the journal has. What was running while a driver lived may be lost since."""
    has_all = meta.get("schema") == SCHEMA_VERSION and meta.get("journal") == journal_state(folder)
    return has_all and "live" not in meta


def _meta(folder: Folder) -> dict[str, str]:
    """Return what the catalog's file says of itself; nothing where there is none that can be read."""
    import duckdb

    if folder.database.exists():
        with contextlib.suppress(duckdb.Error), duckdb.connect(str(folder.database), read_only=True) as connection:
            return dict(connection.execute("SELECT key, value FROM meta").fetchall())
    return {}
