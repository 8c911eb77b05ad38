"""Looks at the files that a plan depends on: those in storage that tasks read, and the products in the store.

Each is asked for its size, times and inode once; it is read only where these are not as they were when it was hashed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from automagic.bookkeeping.hashes import HashCache, load_lines

READ_MAX = 1_000_000_000
"""Of files that no done task has read, at most so many bytes are read for a plan: it could take hours."""

# Five columns of each file and no more: there are very many, and nearly all are as they were.
_SOURCES = """
SELECT i.path, f.size, f.mtime_ns, f.inode, f.ctime_ns
FROM (SELECT DISTINCT path FROM g.inputs JOIN sel USING (position) WHERE path IS NOT NULL) i
LEFT JOIN remembered f ON f.path = i.path
"""

_USED = """
SELECT DISTINCT i.path FROM g.inputs i JOIN g.tasks t USING (position) JOIN made m USING (task)
WHERE i.path IN (SELECT unnest(?))
"""

_PRODUCTS = """
SELECT p.path, p.size, p.mtime_ns, p.inode, p.ctime_ns
FROM products p JOIN g.tasks t USING (task) JOIN sel USING (position)
"""

# the same where some were looked at after the catalog was made
_PRODUCTS_NEWER = """
SELECT p.path, p.size, coalesce(n.mtime_ns, p.mtime_ns), coalesce(n.inode, p.inode), coalesce(n.ctime_ns, p.ctime_ns)
FROM products p JOIN g.tasks t USING (task) JOIN sel USING (position)
LEFT JOIN (SELECT substr(path, length($prefix) + 1) AS path, * EXCLUDE path FROM newer
           WHERE starts_with(path, $prefix)) n
ON n.path = p.path AND n.size = p.size AND n.sha256 = p.sha256
"""

_REMEMBERED = """
CREATE OR REPLACE TEMP VIEW remembered AS
SELECT path, size, mtime_ns, inode, ctime_ns, sha256 FROM files WHERE sha256 IS NOT NULL
"""

_REMEMBERED_NEWER = """
CREATE OR REPLACE TEMP VIEW remembered AS
SELECT path, size, mtime_ns, inode, ctime_ns, sha256 FROM newer
UNION ALL SELECT path, size, mtime_ns, inode, ctime_ns, sha256 FROM files
WHERE sha256 IS NOT NULL AND path NOT IN (SELECT path FROM newer)
"""

_DETAILS = "SELECT path, task, name, size, sha256 FROM products WHERE path IN (SELECT unnest(?))"


def look(connection: Any, hashes: HashCache, root: Path) -> bool:
    """Make the tables ``looked`` (path, sha256), ``damaged`` (task, name, how) and the view ``hashed``.

    Parameters
    ----------
    connection
        With graph, catalog and ``sel``; see `automagic.bookkeeping.stale`.
    hashes
        Remembers what is read.
    root
        The analysis folder.

    Returns
    -------
    bool
        Whether there are hashes that came after the catalog was written: the table ``newer``.
    """
    newer = hashes.path is not None and load_lines(connection, hashes.path, root)
    connection.execute(_REMEMBERED_NEWER if newer else _REMEMBERED)
    looked = _look_at_sources(connection, hashes, root)
    products = (
        connection.execute(_PRODUCTS_NEWER, {"prefix": f"{root}{os.sep}"}) if newer else connection.execute(_PRODUCTS)
    )
    damaged = _look_at_products(connection, hashes, root, products)
    connection.execute("CREATE OR REPLACE TEMP TABLE looked (path VARCHAR, sha256 VARCHAR)")
    connection.execute("CREATE OR REPLACE TEMP TABLE damaged (task VARCHAR, name VARCHAR, how VARCHAR)")
    _insert(connection, "looked", looked)
    _insert(connection, "damaged", damaged)
    connection.execute("""
        CREATE OR REPLACE TEMP VIEW hashed AS
        SELECT path, sha256 FROM remembered WHERE path NOT IN (SELECT path FROM looked)
        UNION ALL SELECT path, sha256 FROM looked WHERE sha256 IS NOT NULL
    """)
    return newer


def _insert(connection: Any, table: str, rows: list[tuple]) -> None:
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        names = ", ".join("unnest(?)" for _ in columns)
        connection.execute(f"INSERT INTO {table} SELECT {names}", columns)


def _changed(rows: Any, trust: str, root: Path) -> list[tuple[str, int | None]]:
    """Return the files that are not as their rows remember them, with the size that they have now; `None`: gone.

    Paths may be relative to a folder: where there are very many, each is found a good deal faster so.
    """
    found: list[tuple[str, int | None]] = []
    stat, by_time, by_content = os.stat, trust == "time", trust == "content"
    start = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        while some := rows.fetchmany(20_000):
            for path, size, mtime, inode, ctime in some:
                try:
                    now = stat(path, dir_fd=start)
                except OSError:
                    found.append((path, None))
                    continue
                same = now.st_mtime_ns == mtime and now.st_size == size
                if same and (by_time or (now.st_ino == inode and now.st_ctime_ns == ctime and not by_content)):
                    continue
                found.append((path, now.st_size))
    finally:
        os.close(start)
    return found


def _look_at_sources(connection: Any, hashes: HashCache, root: Path) -> list[tuple]:
    """Return path and hash of files that are not as remembered; no hash for those that are gone."""
    found: list[tuple] = []
    again = _changed(connection.execute(_SOURCES), hashes.trust, root)
    if not again:
        return found
    used = {row[0] for row in connection.execute(_USED, [[path for path, _ in again]]).fetchall()}
    hashes.expect([path for path, _ in again])
    unread = READ_MAX
    for path, size in again:
        if size is not None and path not in used and hashes.recall(Path(path)) is None:
            unread -= size  # it was never hashed, and nothing was made of it
            if unread < 0:
                continue
        found.append((path, None if size is None else _hash(hashes, path)))
    return found


def _look_at_products(connection: Any, hashes: HashCache, root: Path, products: Any) -> list[tuple]:
    """Return task, name and what is wrong with it for products that are not as they were made."""
    again = dict(_changed(products, hashes.trust, root))
    if not again:
        return []
    hashes.expect([f"{root}{os.sep}{path}" for path in again])
    found = []
    for path, task, name, before, digest in connection.execute(_DETAILS, [list(again)]).fetchall():
        now = again[path]
        if now is None:
            found.append((task, name, "is gone"))
        elif now != before:
            word = "was truncated" if now < before else "has grown"
            found.append((task, name, f"{word} ({human(before)} → {human(now)})"))
        elif _hash(hashes, f"{root}{os.sep}{path}") != digest:
            found.append((task, name, "was changed"))
    return found


def _hash(hashes: HashCache, path: str) -> str | None:
    try:
        return hashes.sha256(Path(path))
    except OSError:
        return None


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
