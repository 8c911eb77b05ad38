"""One pass over storage: walk, read names and headers, and write the tables of the index."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automagic.errors import UserError
from automagic.index.remote import LIST_AGAIN_S, list_remote
from automagic.index.store import ORDER, Store
from automagic.index.walk import Known, Walk, outermost, walk

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Wanted:
    """Whose headers a pass reads: files of these levels and sources (`None`: of all), and of Monte Carlo or not."""

    levels: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    mc: bool = True
    data: bool = True


@dataclass
class Pass:
    """What one pass did.

    Attributes
    ----------
    files, new, changed, gone
        Files with a MAGIC name: how many there are, are new, have another size or time, and have gone.
    folders, read
        Folders there are, and how many were read.
    headers
        Headers that were read.
    unknown, problems
        Rows of these tables.
    seconds
        Wall time.
    runs, nights
        Of observations.
    unwritten
        Why the index could not be written, or `None`.
    notes
        Sentences about remote storage.
    """

    files: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    folders: int = 0
    read: int = 0
    headers: int = 0
    runs: int = 0
    nights: int = 0
    unknown: int = 0
    problems: int = 0
    seconds: float = 0.0
    unwritten: str | None = None
    notes: list[str] = field(default_factory=list)


@contextmanager
def updated(
    index: Path,
    roots: Iterable[str],
    wanted: Wanted | None = None,
    full: bool = False,
    again_s: float = LIST_AGAIN_S,
) -> Iterator[tuple[Any, Pass]]:
    """Bring an index up to date and open it.

    Parameters
    ----------
    index
        Its folder; where that cannot be written to, the index lives as long as the connection.
    roots
        Absolute folders and addresses of remote storage. The index is of exactly these.
    wanted
        Whose headers to read; `None` for none.
    full
        Look at every file again, not only at folders that changed.
    again_s
        Seconds after which remote storage is listed again.

    Yields
    ------
    connection, pass
        A DuckDB connection with all tables (`automagic.index.store`), and what was done.

    Raises
    ------
    UserError
        Where a root is not there, or was full and is empty now.
    """
    import duckdb

    began = time.perf_counter()
    store, done = Store(index), Pass()
    places = outermost(_there(roots))
    with store.lock():
        state = store.state()
        connection = duckdb.connect(":memory:")
        connection.execute("SET TimeZone = 'UTC'")
        try:
            try:
                _refresh(connection, store, state, places, wanted, full, again_s, done)
            except duckdb.Error:
                if not state:
                    raise
                # a table that cannot be read: the index is made anew
                done = Pass()
                connection.close()
                connection = duckdb.connect(":memory:")
                _refresh(connection, store, {}, places, wanted, full, again_s, done)
            _count(connection, done)
            done.unwritten = store.problem
            done.seconds = time.perf_counter() - began
            yield connection, done
        finally:
            connection.close()


def _there(roots: Iterable[str]) -> list[str]:
    folders = []
    for root in roots:
        if "://" in root:
            folders.append(root)
            continue
        if not os.path.isdir(root):
            raise UserError(
                f"there is no folder {root}",
                hint="Correct its name; if it is mounted storage, see whether it is mounted.",
            )
        folders.append(os.path.realpath(root))
    return folders


def _refresh(
    connection: Any,
    store: Store,
    state: dict[str, Any],
    roots: list[str],
    wanted: Wanted | None,
    full: bool,
    again_s: float,
    done: Pass,
) -> None:
    from automagic.index.gather import Gathering
    from automagic.index.merge import AT_ONCE, add_headers, keep_headers, merge

    had = bool(state)
    known = _known(connection, store) if had else {}
    folders, urls = ([root for root in roots if ("://" in root) == far] for far in (False, True))
    with Gathering() as gathering:
        found = walk(folders, known, full, os.path.realpath(store.folder), gathering.add)
        _readable(folders, found)
        _not_unmounted(folders, known, found, full)
        here = len(found.scans)
        listed, done.notes = list_remote(urls, known, state.get("listed", {}), found, 0.0 if full else again_s)
        for scan in found.scans[here:]:
            gathering.add(scan)
        done.folders, done.read = len(found.same) + len(found.scans), len(found.scans)
        same = had and not found.scans and len(found.same) == len(known)
        if same:
            for table in ORDER:
                store.read(connection, table)
        else:
            merge(connection, store, had, found, gathering, done)
            keep_headers(connection, store, had)
    state = {"roots": roots, "listed": listed}
    rest = [table for table in ORDER if not (same and table in ("files", "unknown", "folders"))]
    written = same
    while wanted is not None and (count := add_headers(connection, wanted, done)):
        same = False
        if count < AT_ONCE:
            break
        if not written:  # headers are kept for files that are known
            _derive(connection, store, had)
        store.write(connection, ["headers"] if written else rest, state)
        written = True
        print(f"{done.headers:,} files were looked into so far …", file=sys.stderr, flush=True)
    if not same:
        _derive(connection, store, had)
        store.write(connection, rest, state)


def _derive(connection: Any, store: Store, had: bool) -> None:
    from automagic.index.derive import derive
    from automagic.index.merge import drop
    from automagic.index.problems import find_problems

    store.read(connection, "problems", "old_problems", had)
    for table in ("subruns", "runs", "mc_sets", "problems"):
        drop(connection, table)
    derive(connection)
    find_problems(connection)


def _known(connection: Any, store: Store) -> dict[str, Known]:
    store.read(connection, "folders")
    rows = connection.execute("SELECT path, inode, mtime_ns FROM folders").fetchall()
    connection.execute("DROP VIEW folders")
    return {path: Known(inode, mtime_ns) for path, inode, mtime_ns in rows}


def _readable(roots: list[str], found: Walk) -> None:
    for scan in found.scans:
        if scan.error is not None and scan.path in roots:
            raise UserError(f"{scan.path} cannot be read: {scan.error}", hint="Ask whom it belongs to.")


def _not_unmounted(roots: list[str], known: dict[str, Known], found: Walk, full: bool) -> None:
    """Refuse a root that had files and is an empty folder now: its storage is not mounted, most likely."""
    if full:
        return
    empty = {scan.path for scan in found.scans if not (scan.names or scan.folders or scan.error)}
    for root in roots:
        base = root.rstrip("/") + "/"
        if root in empty and root in known and any(path.startswith(base) for path in known):
            raise UserError(
                f"{root} is empty, and had files when it was indexed",
                hint="See whether the storage is mounted. If the files are really gone: automagic index --full.",
            )


def _count(connection: Any, done: Pass) -> None:
    def one(sql: str) -> Any:
        return connection.execute(sql).fetchone()[0]

    done.files = one("SELECT count(*) FROM files")
    done.runs = one("SELECT count(DISTINCT run) FROM runs")
    done.nights = one("SELECT count(DISTINCT night) FROM runs")
    done.unknown = one("SELECT count(*) FROM unknown")
    done.problems = one("SELECT count(*) FROM problems")
