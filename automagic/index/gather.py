"""From folders that were read to columns of files, of names that are none, and of folders."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

from automagic.index.bulk import COLUMNS, understand
from automagic.index.layout import Place, place

if TYPE_CHECKING:
    import pyarrow as pa

    from automagic.index.walk import Scan, Walk

PORTION = 100_000
"""Names that are read at a time."""

_PLACE = {"version": "version", "period": "period", "mc_version": "mc_version", "sample": "folder_sample"}


class Gathering:
    """Turns folders into columns while the walk goes on: Arrow leaves the interpreter to it meanwhile."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(max(1, len(os.sched_getaffinity(0))))
        self.parts: list[Future[tuple[pa.Table, pa.Table]]] = []
        self.waiting: list[Scan] = []
        self.names = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.pool.shutdown(cancel_futures=True)

    def add(self, scan: Scan) -> None:
        """Take a folder that was read."""
        self.waiting.append(scan)
        self.names += len(scan.names)
        if self.names >= PORTION:
            self._hand_on()

    def _hand_on(self) -> None:
        self.parts.append(self.pool.submit(_columns, self.waiting))
        self.waiting, self.names = [], 0

    def finish(self, found: Walk) -> tuple[pa.Table, pa.Table, pa.Table]:
        """Return ``files`` (without ``largest``), ``unknown`` and ``folders`` of the folders that were read."""
        import pyarrow as pa

        self._hand_on()
        done = [part.result() for part in self.parts]
        return (
            pa.concat_tables([files for files, _ in done]),
            pa.concat_tables([odd for _, odd in done]),
            _folders(found),
        )


def _columns(scans: list[Scan]) -> tuple[pa.Table, pa.Table]:
    import pyarrow as pa

    names: list[str] = []
    sizes: list[int | None] = []
    mtimes: list[int | None] = []
    places: list[str] = []
    for scan in scans:
        names += scan.names
        sizes += scan.sizes
        mtimes += scan.mtimes_ns
        places += scan.places or ["online"] * len(scan.names)
    table = pa.table(
        {
            "folder": _repeated([_readable(scan.path) for scan in scans], [len(scan.names) for scan in scans]),
            "name": _texts(names),
            "size": pa.array(sizes, pa.int64()),
            "mtime_ns": pa.array(mtimes, pa.int64()),
            "place": pa.array(places, pa.string()),
        }
    )
    files, unknown = understand(table)
    return _placed(files), _unknown(unknown.drop_columns("place"), scans)


def _repeated(values: list[str], counts: list[int]) -> Any:
    """Each value as often as its count says, as a column with a dictionary."""
    import numpy as np
    import pyarrow as pa

    indices = np.repeat(np.arange(len(values), dtype=np.int32), np.asarray(counts, dtype=np.int64))
    return pa.DictionaryArray.from_arrays(pa.array(indices), pa.array(values, pa.string()))


def _texts(names: list[str]) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(names, pa.string())
    except UnicodeEncodeError:
        return pa.array([_readable(name) for name in names], pa.string())


def _readable(name: str) -> str:
    r"""Show bytes that are not UTF-8 as ``\xff``, so that such a name is none of MAGIC's."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _placed(files: pa.Table) -> pa.Table:
    """Add what folders tell, in the order of the columns of ``files``."""
    import pyarrow as pa
    import pyarrow.compute as pc

    coded = files["folder"].combine_chunks()
    chunk = coded if isinstance(coded, pa.DictionaryArray) else coded.unify_dictionaries().chunk(0)
    told = [asdict(place(path)) if path else asdict(Place()) for path in chunk.dictionary.to_pylist()]
    columns = {
        "folder": chunk,
        "name": files["name"],
        "size": files["size"],
        "mtime_ns": files["mtime_ns"],
        "place": files["place"],
        **{name: files[name] for name in COLUMNS},
    }
    for key, name in _PLACE.items():
        columns[name] = pc.take(pa.array([each[key] for each in told], pa.string()), chunk.indices)
    return pa.table(columns)


def _unknown(unknown: pa.Table, scans: list[Scan]) -> pa.Table:
    import pyarrow as pa

    odd = [(_readable(scan.path), _readable(name), None, None, reason) for scan in scans for name, reason in scan.odd]
    names = ("folder", "name", "size", "mtime_ns", "reason")
    kinds = ("string", "string", "int64", "int64", "string")
    schema = pa.schema(list(zip(names, kinds, strict=True)))
    more = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in odd], schema=schema)
    return pa.concat_tables([unknown.cast(schema), more])


def _folders(found: Walk) -> pa.Table:
    import pyarrow as pa

    return pa.table(
        {
            "path": pa.array([_readable(scan.path) for scan in found.scans], pa.string()),
            "inode": pa.array([scan.inode for scan in found.scans], pa.uint64()),
            "mtime_ns": pa.array(
                [scan.mtime_ns if scan.settled(found.started_ns) else 0 for scan in found.scans], pa.int64()
            ),
            "error": pa.array([scan.error for scan in found.scans], pa.string()),
        }
    )
