"""The catalog of a site: the exports of all analyses' catalogs, side by side, and one SQL over them.

``<catalog>/<user>/<analysis>-<number>/about.json`` names the folder beside it that counts; it is written last, so that
who reads finds one state of an analysis, this or the one before. Nobody writes another user's folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automagic.bookkeeping import archived
from automagic.bookkeeping.folder import Folder
from automagic.errors import UserError
from automagic.sharing.store import user_name

ABOUT = "about.json"

VIEWS = ("analyses", "dl3")
"""Views that answer what is mostly asked."""

_ANALYSES = """
CREATE VIEW analyses AS
WITH about AS (
    SELECT user, analysis, folder, max(value) FILTER (key = 'source') AS source,
           max(value) FILTER (key = 'kind') AS kind, max(value) FILTER (key = 'engine') AS engine,
           max(value) FILTER (key LIKE 'environment.%' AND key <> 'environment.science') AS environment
    FROM meta GROUP BY ALL),
progress AS (
    SELECT user, analysis, folder, count(*) AS tasks, count(*) FILTER (state = 'done') AS done,
           count(*) FILTER (state = 'failed') AS failed
    FROM tasks GROUP BY ALL),
spent AS (SELECT user, analysis, folder, sum(cpu_s) / 3600 AS cpu_h FROM jobs GROUP BY ALL)
SELECT a.user, a.analysis, a.source, a.kind, a.engine,
       CASE WHEN a.environment LIKE 'image %' THEN split_part(a.environment, ' ', 2) END AS image, a.environment,
       CASE WHEN p.done = p.tasks THEN 'done' WHEN p.failed > 0 THEN 'failed' ELSE 'unfinished' END AS state,
       p.done, p.tasks, s.cpu_h, told.last_run, a.folder
FROM about a LEFT JOIN progress p USING (user, analysis, folder) LEFT JOIN spent s USING (user, analysis, folder)
LEFT JOIN told USING (user, analysis, folder) ORDER BY a.user, a.analysis, a.folder
"""

_DL3 = """
CREATE VIEW dl3 AS
SELECT p.user, p.analysis, a.value AS source, c.number::BIGINT AS run, p.folder || '/' || p.path AS path,
       p.link AS name, p.size, p.sha256, p.action, p.task, p.folder
FROM products p JOIN tasks t USING (user, analysis, folder, task, action)
LEFT JOIN conditions c ON (c.user, c.analysis, c.folder, c.task, c.key) = (p.user, p.analysis, p.folder, p.task, 'run')
LEFT JOIN meta a ON (a.user, a.analysis, a.folder, a.key) = (p.user, p.analysis, p.folder, 'source')
WHERE p.level = 'dl3' AND t.state = 'done' ORDER BY p.user, p.analysis, run, name
"""


@dataclass(frozen=True)
class Told:
    """An analysis, as its user's last run has told of it."""

    user: str
    analysis: str
    folder: str
    last_run: str
    place: Path
    archived: tuple[str, ...] = ()

    def export(self, table: str) -> Path:
        """Return the file of a table."""
        return self.place / f"{table}.parquet"


@dataclass
class Site:
    """All that the catalog of a site tells.

    Attributes
    ----------
    analyses
        Those that could be read.
    passed_over
        What could not, and why.
    """

    analyses: list[Told] = field(default_factory=list)
    passed_over: dict[str, str] = field(default_factory=dict)


def place_of(folder: Folder, catalog: Path) -> Path:
    """Return where an analysis has its place in the catalog of the site."""
    root = folder.root.resolve()
    number = hashlib.sha256(str(root).encode()).hexdigest()[:8]
    return catalog / user_name(os.geteuid()) / f"{folder.name}-{number}"


def is_told(folder: Folder, catalog: Path) -> bool:
    """Tell whether the site knows of an analysis."""
    return (place_of(folder, catalog) / ABOUT).exists()


def tell(folder: Folder, catalog: Path) -> None:
    """Add the exports of an analysis's catalog to that of the site, in the place of earlier ones.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    if not catalog.is_dir():
        raise FileNotFoundError(f"there is no folder {catalog}: storage.catalog, or catalog in storage.shared")
    place = place_of(folder, catalog)
    for each in (place.parent, place):
        with contextlib.suppress(FileExistsError):
            each.mkdir()
            each.chmod(0o755)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    new = place / f"{now.replace(':', '').replace('-', '')}-{os.getpid()}"
    new.mkdir()
    try:
        for path in sorted(folder.exports.glob("*.parquet")):
            shutil.copyfile(path, new / path.name)
        (new / "archived.json").write_text(json.dumps(sorted(archived.actions(folder))), encoding="utf-8")
        about = {
            "analysis": folder.name, "folder": str(folder.root.resolve()), "host": platform.node(), "last_run": now,
            "exports": new.name,
        }  # fmt: skip
        part = place / f".{ABOUT}.{os.getpid()}"
        part.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        for path in (*new.iterdir(), part):
            path.chmod(0o444)
        new.chmod(0o755)
        os.replace(part, place / ABOUT)
    except OSError:
        shutil.rmtree(new, ignore_errors=True)
        raise
    for left in place.iterdir():
        if left.is_dir() and left != new:
            shutil.rmtree(left, ignore_errors=True)


def read_site(catalog: Path) -> Site:
    """Return what the catalog of a site tells; what cannot be read is named and passed over."""
    found = Site()
    for home in _folders(catalog):
        user = user_name(home.stat().st_uid)
        if user != home.name:
            found.passed_over[str(home)] = f"it belongs to {user}"
            continue
        for place in _folders(home):
            try:
                found.analyses.append(_read(place, user))
            except (OSError, ValueError, KeyError, TypeError) as error:
                said = error.strerror if isinstance(error, OSError) else None
                found.passed_over[str(place)] = said or "its about.json is damaged"
    return found


def _read(place: Path, user: str) -> Told:
    for again in (True, False):
        about = json.loads((place / ABOUT).read_text(encoding="utf-8"))
        exports = place / Path(str(about["exports"])).name
        try:
            archive = json.loads((exports / "archived.json").read_text(encoding="utf-8"))
        except FileNotFoundError:  # it was replaced just now
            if not again:
                raise
            continue
        name, folder, last = (str(about[key]) for key in ("analysis", "folder", "last_run"))
        return Told(user, name, folder, last, exports, tuple(map(str, archive)))
    raise FileNotFoundError(place)


def _folders(place: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        for path in sorted(place.iterdir()):
            if path.is_dir() and not path.name.startswith(".") and not path.is_symlink():
                yield path


def connect(catalog: Path, sql: str | None = None) -> tuple[Any, Site]:
    """Open the catalog of a site for reading.

    Each table has the columns ``user``, ``analysis`` and ``folder`` first. Statements can read these tables and
    nothing else, and can write nothing outside of this process.

    Parameters
    ----------
    sql
        What is going to be asked: only the tables that it names are read. `None` for all of them.

    Returns
    -------
    connection, site
    """
    import duckdb

    from automagic.bookkeeping.catalog import SCHEMA, tables

    found = read_site(catalog)
    connection = duckdb.connect()
    connection.execute(SCHEMA.read_text(encoding="utf-8"))
    connection.execute("CREATE TABLE told (user VARCHAR, analysis VARCHAR, folder VARCHAR, last_run VARCHAR)")
    for each in found.analyses:
        row = [each.user, each.analysis, each.folder, each.last_run]
        connection.execute("INSERT INTO told VALUES (?, ?, ?, ?)", row)
    for name in tables():
        connection.execute(
            f"CREATE OR REPLACE TABLE {name} AS "  # noqa: S608 (names of our own)
            f"SELECT '' AS user, '' AS analysis, '' AS folder, * FROM {name} LIMIT 0"
        )
    for sql_of in (_ANALYSES, _DL3):
        connection.execute(sql_of)
    wanted = _wanted(connection, sql)
    for name in tables():
        for each in found.analyses if wanted is None or name in wanted else ():
            _load(connection, name, each, found)
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection, found


def ask(catalog: Path, sql: str) -> tuple[list[str], list[tuple[Any, ...]], dict[str, str]]:
    """Answer a statement; return the names of the columns, the rows, and what was passed over, with the reason.

    Raises
    ------
    UserError
        There is no catalog, or it does not understand this.
    """
    import duckdb

    if not catalog.is_dir():
        raise UserError(f"there is no catalog of the site at {catalog}")
    connection, found = connect(catalog, sql)
    with connection:
        try:
            result = connection.execute(sql)
            columns = [column[0] for column in result.description or ()]
            return columns, result.fetchall(), found.passed_over
        except duckdb.Error as error:
            raise UserError(f"the catalog does not understand this: {error}") from None


def _load(connection: Any, table: str, each: Told, found: Site) -> None:
    """Read a table of an analysis; columns that one of the two does not have are empty, or left out."""
    import duckdb

    path = each.export(table)
    if not path.exists():  # an older version had no such table
        return
    try:
        sql = "DESCRIBE SELECT * FROM read_parquet(?, hive_partitioning = false)"
        columns = {row[0] for row in connection.execute(sql, [str(path)]).fetchall()}
        known = [row[0] for row in connection.execute(f"DESCRIBE {table}").fetchall()]
        both = ", ".join(name for name in known if name in columns)
        connection.execute(
            f"INSERT INTO {table} BY NAME SELECT ? AS user, ? AS analysis, ? AS folder, {both} "  # noqa: S608 (our own)
            "FROM read_parquet(?, hive_partitioning = false)",
            [each.user, each.analysis, each.folder, str(path)],
        )
    except duckdb.Error as error:
        found.passed_over[str(path)] = str(error).splitlines()[0]


def _wanted(connection: Any, sql: str | None) -> set[str] | None:
    """Return the tables that a statement reads, those under views included; `None` where that is not known."""
    import duckdb

    if sql is None:
        return None
    try:
        return {name.rpartition(".")[2].strip('"').lower() for name in connection.get_table_names(sql)}
    except duckdb.Error:
        return None
