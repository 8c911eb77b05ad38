"""Reading the insides of many files at once, each only once for its size and time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from automagic.index.inside import Row, read_inside

MANY = 200
"""From so many files on, processes share the work; starting one costs as much as reading some dozens of files."""

Task = tuple[str, str, str, bool]
"""Folder, name, level, and whether it is Monte Carlo."""


def read_headers(files: list[Task], processes: int | None = None) -> Iterator[Row]:
    """Read files; a row has ``folder`` and ``name`` with what `automagic.index.inside.read_inside` tells.

    Rows come in the order of `files`, whatever the number of processes.
    """
    count = min(processes or len(os.sched_getaffinity(0)), len(files) // (MANY // 2))
    if count < 2:
        yield from map(_one, files)
        return
    import multiprocessing
    import signal
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(
        count,
        mp_context=multiprocessing.get_context("spawn"),
        # Ctrl-C ends the pass, which ends these
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),
    ) as pool:
        yield from pool.map(_one, files, chunksize=20)


def _one(task: Task) -> Row:
    folder, name, level, is_mc = task
    return {"folder": folder, "name": name, **read_inside(f"{folder}/{name}", level, is_mc)}


def as_columns(rows: Iterable[Row], columns: dict[str, str]) -> Any:
    """Turn rows into an Arrow table of such columns (name and Arrow type); a value that a row lacks is null."""
    import pyarrow as pa

    schema = pa.schema([(name, kind) for name, kind in columns.items()])
    return pa.Table.from_pylist([{name: row.get(name) for name in columns} for row in rows], schema=schema)
