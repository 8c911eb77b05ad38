"""Hashes of files, remembered for as long as the file's size, mtime, inode and ctime stay."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from automagic.job.spec import sha256_file, signature

_SETTLED_NS = 50_000_000  # a file changed this short a time ago could change again within the clock's grain

_FEW = 1000
"""So many new lines are read beside the table without trouble."""

COLUMNS = {
    "path": "VARCHAR",
    "size": "BIGINT",
    "mtime_ns": "BIGINT",
    "inode": "UBIGINT",
    "ctime_ns": "BIGINT",
    "sha256": "VARCHAR",
}

_NONE = f"SELECT {', '.join(f'NULL::{kind} AS {name}' for name, kind in COLUMNS.items())} LIMIT 0"

# The lines that came later count. A line that a crash cut short is passed over.
_ALL = """
SELECT DISTINCT ON (path) {columns} FROM (
    SELECT {columns}, 0 AS line FROM ({table})
    UNION ALL BY NAME
    SELECT {columns}, row_number() OVER () AS line
    FROM read_json(?, format = 'newline_delimited', ignore_errors = true, hive_partitioning = false,
    columns = {types})
) WHERE path IS NOT NULL AND sha256 IS NOT NULL ORDER BY path, line DESC
"""


class HashCache:
    """A cache of SHA-256 hashes: a Parquet table, and beside it the lines that came since.

    Both may be deleted at any time. They are read when the first hash is asked for.

    Parameters
    ----------
    path
        The table; the lines are beside it (``.lines``). `None` keeps all in memory.
    root
        Paths below it are remembered relative to it, so that the folder can be moved.
    trust
        What must be the same for a file to count as unchanged: ``"signature"`` (size, mtime, inode and ctime),
        ``"time"`` (size and mtime alone, for file systems that do not keep the others), or ``"content"``: every file
        is read whenever it is asked for.
    """

    def __init__(self, path: Path | None, root: Path, trust: str = "signature") -> None:
        self.path = path
        self.root = root.resolve()
        self._prefix = f"{self.root}{os.sep}"
        self.trust = trust
        self._known: dict[str, tuple[list[int], str]] | None = None
        self._expected: dict[str, tuple[list[int], str] | None] = {}
        self._new: dict[str, tuple[list[int], str]] = {}
        self._seen: set[str] = set()

    @property
    def lines(self) -> Path | None:
        """Where new hashes are appended."""
        return None if self.path is None else self.path.with_suffix(".lines")

    @property
    def known(self) -> dict[str, tuple[list[int], str]]:
        """Signature and hash by path."""
        if self._known is None:
            rows = [] if self.path is None else read(self.path)
            self._known = {row[0]: (list(row[1:5]), row[5]) for row in rows}
            self._known.update(self._new)
        return self._known

    def expect(self, paths: Sequence[str]) -> None:
        """Read what is remembered of these files alone, where they are few and the table is large."""
        import duckdb

        keys = [key for key in map(self.key, paths) if key not in self._expected]
        if not keys or len(keys) > _FEW or self._known is not None or self.path is None or not self.path.exists():
            return
        found: dict[str, tuple[list[int], str] | None] = dict.fromkeys(keys)
        try:
            with duckdb.connect() as connection:  # one after the other: joined, all of the table would be read
                for sql, values in _of_table(self.path), _of_lines(self.path):
                    some = f"SELECT * FROM ({sql}) WHERE path IN (SELECT unnest(?))"  # noqa: S608 (names of our own)
                    rows = connection.execute(some, [*values, keys]).fetchall()
                    found |= {row[0]: (list(row[1:5]), row[5]) for row in rows}
        except duckdb.Error:
            return
        self._expected |= found

    def prime(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Take rows (see `COLUMNS`, with absolute paths) that were read from what is remembered."""
        for path, *seen, digest in rows:
            self._expected.setdefault(self.key(path), (seen, digest))

    def _find(self, key: str) -> tuple[list[int], str] | None:
        if key in self._new:
            return self._new[key]
        return self._expected[key] if self._known is None and key in self._expected else self.known.get(key)

    def key(self, path: str | Path) -> str:
        """Return the name under which a file is remembered."""
        absolute = str(path)
        if not absolute.startswith("/") or "//" in absolute or "/." in absolute:  # else it is as it should be
            absolute = os.path.abspath(absolute)
        return absolute[len(self._prefix) :] if absolute.startswith(self._prefix) else absolute

    def same(self, before: list[int], now: list[int]) -> bool:
        """Tell whether a file counts as unchanged between two signatures."""
        return before[:2] == now[:2] if self.trust == "time" else before == now

    def sha256(self, path: str | Path, size: int | None = None) -> str:
        """Return the hash of a file, reading the file only if it changed.

        Parameters
        ----------
        size
            Where given and the file has another, nothing is read and the hash is empty.

        Raises
        ------
        OSError
            The file cannot be read.
        """
        before, key = signature(path), self.key(path)
        if size is not None and before[0] != size:
            return ""
        found = self._find(key)
        if found is not None and self.same(found[0], before) and (self.trust != "content" or key in self._seen):
            return found[1]
        digest = sha256_file(path)
        self._seen.add(key)  # with trust in content alone: once a process
        settled = time.time_ns() - max(before[1], before[3]) > _SETTLED_NS
        if signature(path) == before and settled:
            self.remember(path, digest, before)
        return digest

    def remember(self, path: str | Path, digest: str, seen: list[int] | None = None) -> None:
        """Take a hash that somebody else has just computed."""
        entry = (seen or signature(path), digest)
        key = self.key(path)
        self._seen.add(key)
        if self._known is not None:
            if self._known.get(key) == entry:
                return
            self._known[key] = entry
        self._new[key] = entry

    def remembers(self, path: str | Path, seen: list[int], digest: str) -> bool:
        """Tell whether a file with this signature is known to have this hash."""
        return self._find(self.key(path)) == (seen, digest)

    def recall(self, path: Path) -> tuple[int, str] | None:
        """Return size and hash of a file as last seen, without looking at it; `None` where it never was."""
        found = self._find(self.key(path))
        return None if found is None else (found[0][0], found[1])

    def save(self) -> None:
        """Write what is new. Losing it costs time, never correctness."""
        if self.lines is None or not self._new:
            return
        from pydantic_core import to_json

        self.lines.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError), open(self.lines, "ab") as file:
            for key, (seen, digest) in self._new.items():
                row = dict(zip(COLUMNS, (key, *seen, digest), strict=True))
                file.write(to_json(row) + b"\n")
        self._new = {}


def state(path: Path) -> str:
    """Return what tells whether more is remembered than before: the sizes of table and lines."""
    return " ".join(str(each.stat().st_size if each.exists() else 0) for each in (path, path.with_suffix(".lines")))


def relation(path: Path) -> tuple[str, list[str]]:
    """Return SQL for the remembered hashes, and the values for its placeholders.

    Parameters
    ----------
    path
        Of the table.
    """
    table, files = _of_table(path)
    lines, more = _of_lines(path, table)
    return (lines, [*files, *more]) if more else (table, files)


def _of_table(path: Path) -> tuple[str, list[str]]:
    if not path.exists():
        return _NONE, []
    return f"SELECT {', '.join(COLUMNS)} FROM read_parquet(?, hive_partitioning = false)", [str(path)]  # noqa: S608 (names of our own)


def _of_lines(path: Path, table: str = _NONE) -> tuple[str, list[str]]:
    """Return the same for the lines that came since, and for those of a table that none of them replaces."""
    lines = path.with_suffix(".lines")
    if not lines.exists() or not lines.stat().st_size:
        return _NONE, []
    types = "{" + ", ".join(f"{name}: '{kind}'" for name, kind in COLUMNS.items()) + "}"
    return _ALL.format(columns=", ".join(COLUMNS), types=types, table=table), [str(lines)]


def load_lines(connection: Any, path: Path, root: Path) -> bool:
    """Make the temporary table ``newer`` of the hashes that came since the table was written, with absolute paths.

    Returns
    -------
    bool
        Whether there are any; without, there is no table.
    """
    sql, values = _of_lines(path)
    if not values:
        return False
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE newer AS "  # noqa: S608 (names of our own)
        f"SELECT CASE WHEN starts_with(path, '/') THEN path ELSE ? || path END AS path, * EXCLUDE path FROM ({sql})",
        [f"{root}{os.sep}", *values],
    )
    return True


def load(connection: Any, path: Path, root: Path) -> None:
    """Make the temporary table ``known`` of all remembered hashes, with absolute paths; none if they cannot be read."""
    import duckdb

    prefix = f"{root}{os.sep}"
    try:
        sql, values = relation(path)
        connection.execute(_LOAD.format(sql=sql), [prefix, *values])
    except duckdb.Error:
        connection.execute(_LOAD.format(sql=_NONE), [prefix])


_LOAD = """
CREATE OR REPLACE TEMP TABLE known AS
SELECT CASE WHEN starts_with(path, '/') THEN path ELSE ? || path END AS path, * EXCLUDE path FROM ({sql})
"""


def read(path: Path) -> list[tuple[Any, ...]]:
    """Return all remembered hashes; none where they cannot be read."""
    import duckdb

    if not path.exists():
        return _read_lines(path.with_suffix(".lines"))
    try:
        with duckdb.connect() as connection:
            return connection.execute(*relation(path)).fetchall()
    except duckdb.Error:
        return []


def _read_lines(path: Path) -> list[tuple[Any, ...]]:
    """Read lines alone, in their order: in an analysis of few files that is all there is, and needs no database."""
    found = []
    with contextlib.suppress(OSError):
        for line in path.read_bytes().splitlines():
            with contextlib.suppress(ValueError, TypeError, KeyError):
                row = json.loads(line)
                found.append((str(row["path"]), *(int(row[key]) for key in _TIMES), str(row["sha256"])))
    return found


_TIMES = ("size", "mtime_ns", "inode", "ctime_ns")


def settle(path: Path) -> None:
    """Bring the lines into the table, where there are many. To be called by the one driver alone."""
    import duckdb

    lines = path.with_suffix(".lines")
    try:
        if lines.stat().st_size < _FEW * 100:
            return
    except OSError:
        return
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        try:
            _copy(connection, *relation(path), path)
        except duckdb.Error:  # damaged: the files are looked at anew
            path.unlink(missing_ok=True)
    lines.unlink(missing_ok=True)


def _copy(connection: Any, sql: str, values: list[str], path: Path) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}")
    target = str(new).replace("'", "''")
    connection.execute(f"COPY ({sql}) TO '{target}' (FORMAT parquet)", values)
    new.replace(path)
