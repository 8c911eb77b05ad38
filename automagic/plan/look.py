"""Looks at the files that a plan depends on: those in storage that tasks read, and the products in the store.

Each is asked for its size, times and inode once; it is read only where these are not as they were when it was hashed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from automagic.bookkeeping.hashes import HashCache

READ_MAX = 1_000_000_000
"""Of files that no done task has read, at most so many bytes are read for a plan: it could take hours."""

_SOURCES = """
SELECT s.path, k.size, k.mtime_ns, k.inode, k.ctime_ns, s.made, NULL, NULL, k.sha256
FROM (SELECT i.path, bool_or(m.task IS NOT NULL) AS made
      FROM g.inputs i JOIN sel USING (position) JOIN g.tasks t USING (position) LEFT JOIN made m USING (task)
      WHERE i.path IS NOT NULL GROUP BY i.path) s
LEFT JOIN known k USING (path)
"""

_PRODUCTS = """
SELECT ? || p.path, k.size, k.mtime_ns, k.inode, k.ctime_ns, p.task, p.name, p.size, p.sha256, k.sha256
FROM products p JOIN g.tasks t USING (task) JOIN sel USING (position) LEFT JOIN known k ON k.path = ? || p.path
"""


def look(connection: Any, hashes: HashCache, root: Path) -> None:
    """Make the tables ``looked`` (path, sha256), ``damaged`` (task, name, how) and the view ``hashed``.

    Parameters
    ----------
    connection
        With graph, catalog, ``known`` and ``sel``; see `automagic.bookkeeping.stale`.
    hashes
        Remembers what is read.
    root
        The analysis folder.
    """
    looked = _look_at_sources(connection, hashes)
    damaged = _look_at_products(connection, hashes, root)
    connection.execute("CREATE OR REPLACE TEMP TABLE looked (path VARCHAR, sha256 VARCHAR)")
    connection.execute("CREATE OR REPLACE TEMP TABLE damaged (task VARCHAR, name VARCHAR, how VARCHAR)")
    _insert(connection, "looked", looked)
    _insert(connection, "damaged", damaged)
    connection.execute("""
        CREATE OR REPLACE TEMP VIEW hashed AS
        SELECT path, sha256 FROM known WHERE path NOT IN (SELECT path FROM looked)
        UNION ALL SELECT path, sha256 FROM looked WHERE sha256 IS NOT NULL
    """)


def _insert(connection: Any, table: str, rows: list[tuple]) -> None:
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        names = ", ".join("unnest(?)" for _ in columns)
        connection.execute(f"INSERT INTO {table} SELECT {names}", columns)


def _look_at_sources(connection: Any, hashes: HashCache) -> list[tuple]:
    """Return path and hash of files that are not as remembered; no hash for those that are gone."""
    found: list[tuple] = []
    unread = READ_MAX
    rows = connection.execute(_SOURCES)
    stat, same = os.stat, _same(hashes)
    again = []
    while some := rows.fetchmany(20_000):
        for row in some:
            try:
                now = stat(row[0])
            except OSError:
                found.append((row[0], None))
                continue
            if not same(now, row):
                again.append((row, now.st_size))
    for row, size in again:
        if row[8] is None and not row[5]:  # it was never hashed, and nothing was made of it
            unread -= size
            if unread < 0:
                continue
        try:
            found.append((row[0], hashes.sha256(Path(row[0]))))
        except OSError:
            found.append((row[0], None))
    return found


def _look_at_products(connection: Any, hashes: HashCache, root: Path) -> list[tuple]:
    """Return task, name and what is wrong with it for products that are not as they were made."""
    found = []
    prefix = f"{root}{os.sep}"
    rows = connection.execute(_PRODUCTS, [prefix, prefix])
    stat, same = os.stat, _same(hashes)
    while some := rows.fetchmany(20_000):
        for row in some:
            try:
                now = stat(row[0])
            except OSError:
                found.append((row[5], row[6], "is gone"))
                continue
            if same(now, row) and row[8] == row[9]:
                continue
            if now.st_size != row[7]:
                word = "was truncated" if now.st_size < row[7] else "has grown"
                found.append((row[5], row[6], f"{word} ({human(row[7])} → {human(now.st_size)})"))
            elif _hash(hashes, row[0]) != row[8]:
                found.append((row[5], row[6], "was changed"))
    return found


def _hash(hashes: HashCache, path: str) -> str | None:
    try:
        return hashes.sha256(Path(path))
    except OSError:
        return None


def _same(hashes: HashCache) -> Any:
    """Return what tells whether a file is as the row remembers it, by the trust that applies."""
    if hashes.trust == "content":
        return lambda now, row: False
    if hashes.trust == "time":
        return lambda now, row: now.st_size == row[1] and now.st_mtime_ns == row[2]
    return lambda now, row: (
        now.st_mtime_ns == row[2] and now.st_ctime_ns == row[4] and now.st_ino == row[3] and now.st_size == row[1]
    )


def human(size: float) -> str:
    """Say a size in words.

    >>> human(0), human(999), human(1_234_567)
    ('0', '999 B', '1.2 MB')
    """
    if size == 0:
        return "0"
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
