"""Putting what a walk found together with what the index had, and adding the headers that are not there yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automagic.index.headers import as_columns, read_headers
from automagic.index.store import HEADERS, Store

if TYPE_CHECKING:
    from automagic.index.gather import Gathering
    from automagic.index.update import Pass, Wanted
    from automagic.index.walk import Walk

READABLE = ("raw", "pedestal", "calibration", "report", "calibrated", "star", "superstar", "melibea", "dl3")
"""Levels whose files tell something inside."""

AT_ONCE = 2000
"""Files whose insides are read before what they tell is written: so much is lost when a pass is stopped."""

_ARROW = {"VARCHAR": "string", "BIGINT": "int64", "DOUBLE": "float64"}

_FIRST = (
    "CREATE OR REPLACE TABLE files AS SELECT *, size AS largest FROM new_files",
    "CREATE OR REPLACE TABLE unknown AS FROM new_unknown",
    "CREATE OR REPLACE TABLE folders AS FROM new_folders",
)

_AGAIN = (
    """
    CREATE OR REPLACE TEMP TABLE looked AS
    SELECT o.folder, o.name, o.size, o.mtime_ns, o.largest
    FROM old_files o ANTI JOIN same_folders s ON o.folder = s.path
    """,
    """
    CREATE OR REPLACE TABLE files AS
    SELECT o.* FROM old_files o SEMI JOIN same_folders s ON o.folder = s.path
    UNION ALL
    SELECT n.*, greatest(n.size, o.largest)
    FROM new_files n LEFT JOIN looked o ON o.folder = n.folder AND o.name = n.name
    """,
    """
    CREATE OR REPLACE TABLE unknown AS
    SELECT o.* FROM old_unknown o SEMI JOIN same_folders s ON o.folder = s.path UNION ALL SELECT * FROM new_unknown
    """,
    """
    CREATE OR REPLACE TABLE folders AS
    SELECT o.* FROM old_folders o SEMI JOIN same_folders s USING (path) UNION ALL SELECT * FROM new_folders
    """,
)

_COUNT = """
SELECT count(*) FILTER (o.name IS NULL),
    count(*) FILTER (n.size IS DISTINCT FROM o.size OR n.mtime_ns IS DISTINCT FROM o.mtime_ns)
        - count(*) FILTER (o.name IS NULL) - count(*) FILTER (n.name IS NULL),
    count(*) FILTER (n.name IS NULL)
FROM new_files n FULL JOIN looked o ON o.folder = n.folder AND o.name = n.name
"""

_KEPT = """
CREATE OR REPLACE TABLE headers AS
SELECT h.* FROM old_headers h SEMI JOIN files f
    ON h.folder = f.folder AND h.name = f.name AND h.size = f.size AND h.mtime_ns = f.mtime_ns
"""

# of a set of Monte Carlo, one file of each folder tells all that is asked
_UNREAD = r"""
WITH able AS (
    SELECT folder, name, size, mtime_ns, level, kind, telescope, source, zenith_min, geometry FROM files
    WHERE place = 'online' AND starts_with(folder, '/') AND size > 0 AND list_contains($kinds, kind)
        AND list_contains($levels, level) AND NOT (name LIKE '%.raw' OR name LIKE '%.raw.gz')
        AND (kind = 'mc' OR $sources::VARCHAR[] IS NULL OR list_contains($sources, source))
), one AS (
    SELECT * FROM able
    QUALIFY kind = 'data'
        OR row_number() OVER (PARTITION BY kind, folder, zenith_min, geometry, telescope ORDER BY name) = 1
)
SELECT o.folder, o.name, o.level, o.kind = 'mc'
FROM one o ANTI JOIN headers h
    ON h.folder = o.folder AND h.name = o.name AND h.size = o.size AND h.mtime_ns = o.mtime_ns
ORDER BY ALL LIMIT $most
"""

_WITH_READ = """
CREATE OR REPLACE TABLE headers AS
SELECT * FROM kept_headers UNION ALL BY NAME
SELECT r.*, f.size, f.mtime_ns FROM read_headers r JOIN files f ON f.folder = r.folder AND f.name = r.name
"""


def merge(connection: Any, store: Store, had: bool, found: Walk, gathering: Gathering, done: Pass) -> None:
    """Make ``files``, ``unknown`` and ``folders``: folders that were read as they are now, others as they were."""
    import pyarrow as pa

    for table in ("files", "unknown", "folders"):
        store.read(connection, table, f"old_{table}", had)
    files, unknown, folders = gathering.finish(found)
    connection.register("new_files", files)
    connection.register("new_unknown", unknown)
    connection.register("new_folders", folders)
    if not had:
        for statement in _FIRST:
            connection.execute(statement)
        done.new = files.num_rows
        return
    connection.register("same_folders", pa.table({"path": pa.array(found.same, pa.string())}))
    for statement in _AGAIN:
        connection.execute(statement)
    done.new, done.changed, done.gone = connection.execute(_COUNT).fetchone()


def keep_headers(connection: Any, store: Store, had: bool) -> None:
    """Make ``headers``: those of files that are as they were when they were read."""
    store.read(connection, "headers", "old_headers", had)
    connection.execute(_KEPT)


def add_headers(connection: Any, wanted: Wanted, done: Pass) -> int:
    """Read the insides of files that are wanted and have no row in ``headers``, at most `AT_ONCE`; return how many."""
    kinds = [kind for kind, asked in (("data", wanted.data), ("mc", wanted.mc)) if asked]
    rows = connection.execute(
        _UNREAD,
        {
            "kinds": kinds,
            "levels": list(wanted.levels or READABLE),
            "sources": None if wanted.sources is None else list(wanted.sources),
            "most": AT_ONCE,
        },
    ).fetchall()
    if not rows:
        return 0
    columns = {name: _ARROW[kind] for name, kind in (each.split() for each in HEADERS.split(","))}
    told = {name: kind for name, kind in columns.items() if name not in ("size", "mtime_ns")}
    read = as_columns(read_headers(rows), told)
    done.headers += read.num_rows
    connection.register("read_headers", read)
    connection.execute("CREATE OR REPLACE TEMP TABLE kept_headers AS FROM headers")
    drop(connection, "headers")
    connection.execute(_WITH_READ)
    return len(rows)


def drop(connection: Any, name: str) -> None:
    """Remove a table or view, whichever it is, if there is one."""
    for (kind,) in connection.execute(
        "SELECT CASE table_type WHEN 'VIEW' THEN 'VIEW' ELSE 'TABLE' END FROM information_schema.tables "
        "WHERE table_name = $1",
        [name],
    ).fetchall():
        connection.execute(f"DROP {kind} {name}")
