"""Two Parquet files, column by column."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from automagic.diff.report import STRUCTURE, WORDS, Found, reading
from automagic.diff.values import Tally

ROWS = 1 << 16
"""So many rows of a column are in memory at a time."""


def differences(a: Path, b: Path, found: Found) -> None:
    """Find columns, types and values that differ."""
    import pyarrow.parquet as pq

    files, schemas = [], []
    for path in (a, b):
        with reading(path, "Parquet"):
            files.append(pq.ParquetFile(path, memory_map=True))
            schemas.append({name: files[-1].schema_arrow.field(name) for name in files[-1].schema_arrow.names})
    for side, mine, others in (("A", schemas[0], schemas[1]), ("B", schemas[1], schemas[0])):
        for name in mine:
            if name not in others:
                found.only(side, f"column {name}", column=name)
    orders = [[name for name in mine if name in others] for mine, others in (schemas, schemas[::-1])]
    if orders[0] != orders[1]:
        found.two("order of the columns", ", ".join(orders[0]), ", ".join(orders[1]), WORDS)
    rows = [file.metadata.num_rows for file in files]
    if rows[0] != rows[1]:
        found.two("rows", rows[0], rows[1], STRUCTURE)
    for name in orders[0]:
        one, other = schemas[0][name], schemas[1][name]
        if one.type != other.type:
            found.add(f"column {name}, type: {one.type} in A, {other.type} in B", STRUCTURE, column=name)
        if one.nullable != other.nullable:
            found.two(f"column {name}, nullable", one.nullable, other.nullable, WORDS, column=name)
        _told(f"column {name}, metadata", one.metadata, other.metadata, found, column=name)
        _column(name, files, (a, b), min(rows), found)
    _metadata(files, found)


def _metadata(files: list[Any], found: Found) -> None:
    """Compare what is written besides the values: what a schema carries counts, what the writer is called does not."""
    _told("metadata", files[0].schema_arrow.metadata, files[1].schema_arrow.metadata, found)
    writers = [file.metadata.created_by for file in files]
    if writers[0] != writers[1]:
        found.notes.append(f"written by {writers[0]} (A) and {writers[1]} (B)")
    if not found.notes:
        found.notes.append("the compression, the row groups or the statistics differ")


def _told(where: str, a: dict[bytes, bytes] | None, b: dict[bytes, bytes] | None, found: Found, **more: Any) -> None:
    """Compare what a schema or one of its columns carries, such as units; ids that the format gives do not count."""
    one, other = a or {}, b or {}
    for key in sorted(one.keys() | other.keys()):
        if one.get(key) != other.get(key) and key != b"PARQUET:field_id":
            values = one.get(key), other.get(key)
            first, second = (value if value is None else value.decode("utf-8", "replace") for value in values)
            found.two(f"{where} {key.decode('utf-8', 'replace')}", first, second, WORDS, **more)


def _column(name: str, files: list[Any], paths: tuple[Path, Path], rows: int, found: Found) -> None:
    tally, start = Tally(), 0
    streams = [_chunks(file, name, path) for file, path in zip(files, paths, strict=True)]
    # one of them may have more rows: these have been told already
    for one, other in zip(*streams, strict=False):
        if not one.equals(other):
            length = min(len(one), len(other))
            tally.take(start, _array(one[:length]), _array(other[:length]))
        start += len(one)
    tally.add_to(found, f"column {name}", rows, "row", column=name)


def _chunks(file: Any, name: str, path: Path) -> Iterator[Any]:
    """Yield a column in pieces of one length, wherever its row groups end."""
    import pyarrow as pa

    kept: Any = None
    with reading(path, "Parquet", f"column {name}"):
        batches = file.iter_batches(batch_size=ROWS, columns=[name])
    while True:
        with reading(path, "Parquet", f"column {name}"):
            batch = next(batches, None)
        if batch is None:
            break
        piece = pa.chunked_array([batch.column(0)])
        kept = piece if kept is None else pa.chunked_array([*kept.chunks, *piece.chunks])
        while len(kept) >= ROWS:
            yield kept[:ROWS]
            kept = kept[ROWS:]
    if kept is not None and len(kept):
        yield kept


def _array(values: Any) -> Any:
    """Return values as an array: of numbers where there are only numbers, else of Python's objects."""
    import numpy as np
    import pyarrow as pa

    kind = values.type
    if values.null_count == 0 and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return values.to_numpy()
    out = np.empty(len(values), object)
    out[:] = values.to_pylist()
    return out
