"""Many file names at once: the patterns of `automagic.naming`, applied to whole columns.

What a name says here is what `automagic.naming.parse` says of it; a property test holds both together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from automagic.naming.data import RUN_PATTERN, SUBRUN_PATTERN
from automagic.naming.mc import MC_STEREO_PATTERN, MC_TELESCOPE_PATTERN
from automagic.naming.names import OTHER, REASONS, reason
from automagic.naming.parts import LEVELS, check_night, check_source
from automagic.naming.summary import SUMMARY_PATTERN

if TYPE_CHECKING:
    import pyarrow as pa

PATTERNS = (
    ("data", SUBRUN_PATTERN),
    ("data", RUN_PATTERN),
    ("mc", MC_TELESCOPE_PATTERN),
    ("mc", MC_STEREO_PATTERN),
    ("summary", SUMMARY_PATTERN),
)
"""Kind of file and its pattern, in the order in which they are tried."""

COLUMNS = {
    "kind": "string",
    "level": "string",
    "night": "string",
    "run": "int32",
    "telescope": "int8",
    "subrun": "int16",
    "source": "string",
    "wobble": "string",
    "zenith_min": "int8",
    "zenith_max": "int8",
    "geometry": "string",
    "mc_group": "int32",
    "last": "int32",
    "half": "int8",
    "sample": "string",
}
"""What a name says, by column; of a summary, the level is the program."""

_FROM_PATTERN = {"low": "zenith_min", "high": "zenith_max", "group": "mc_group", "program": "level"}


def understand(table: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Read the names in the column ``name`` of a table.

    Returns
    -------
    files, unknown
        The rows whose names are MAGIC's, with the columns of `COLUMNS`; the others, with ``reason``. Both in
        another order than before.

    Examples
    --------
    >>> import pyarrow as pa
    >>> names = ["20210314_M1_05095172.001_Y_CrabNebula-W0.40+035.root", "notes.txt"]
    >>> files, unknown = understand(pa.table({"name": names}))
    >>> files.to_pylist()[0]["night"], unknown.to_pylist()[0]["reason"]
    ('2021-03-14', "it is like none of MAGIC's names")
    """
    import pyarrow as pa

    batches = table.to_batches(max_chunksize=_ROWS)
    parts = [_understand(pa.Table.from_batches([batch])) for batch in batches]
    empty = table.slice(0, 0)
    read = empty
    for name, kind in COLUMNS.items():
        read = read.append_column(name, pa.array([], kind))
    unread = empty.append_column("reason", pa.array([], pa.string()))
    files = [each for part, _ in parts for each in part]
    return pa.concat_tables([read, *files]), pa.concat_tables([unread, *(each for _, odd in parts for each in odd)])


_ROWS = 1 << 17
"""Rows at a time: a column of text stays well below Arrow's 2 GB."""


def _understand(table: pa.Table) -> tuple[list[pa.Table], list[pa.Table]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    files: list[pa.Table] = []
    odd: list[pa.Table] = []
    for kind, pattern in PATTERNS:
        parts = pc.extract_regex(table["name"].combine_chunks(), f"^(?:{pattern})$")
        some = table
        if parts.null_count:
            matched = pc.is_valid(parts)
            some, parts = table.filter(matched), parts.filter(matched)
            table = table.filter(pc.invert(matched)).combine_chunks()
        else:
            table = table.slice(0, 0)
        if some.num_rows == 0:
            continue
        columns, sound = _columns(kind, parts)
        found = pa.table({**{name: some[name] for name in some.column_names}, **columns})
        if sound is not None:
            bad = some.filter(pc.invert(sound))
            odd.append(bad.append_column("reason", pa.array([reason(n) for n in bad["name"].to_pylist()], pa.string())))
            found = found.filter(sound)
        files.append(found)
        if table.num_rows == 0:
            return files, odd
    odd.append(table.append_column("reason", _reasons(table["name"])))
    return files, odd


def _columns(kind: str, parts: Any) -> tuple[dict[str, Any], Any]:
    """Return the columns of a pattern's matches, and which of the rows are sound (`None`: all)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = {}
    for field in parts.type:
        text = pc.struct_field(parts, field.name)
        if field.name in _OPTIONAL:  # a group that took no part in the match is an empty text
            text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
        texts[_FROM_PATTERN.get(field.name, field.name)] = text
    sound = []
    if kind == "data":
        texts["level"], good = _mapped(
            pc.binary_join_element_wise(texts.pop("tag"), texts.pop("extension"), ""),
            lambda text: LEVELS[text.partition(".")[0], f".{text.partition('.')[2]}"],
        )
        sound.append(good)
        texts["night"], good = _mapped(texts["night"], _iso)
        sound.append(good)
        texts["source"], good = _mapped(texts["source"], check_source)
        sound.append(good)
    elif kind == "mc":
        texts["level"], _ = _mapped(texts.pop("tag"), lambda tag: LEVELS[tag, ".root"])
    columns = {}
    for name, form in COLUMNS.items():
        if name == "kind":
            columns[name] = pa.repeat(kind, len(parts))
        elif name not in texts:
            columns[name] = pa.nulls(len(parts), form)
        else:
            columns[name] = pc.cast(texts[name], form)
    if kind == "mc":
        sound.append(pc.less(columns["zenith_min"], columns["zenith_max"]))
    good = None
    for each in sound:
        if not pc.all(each).as_py():
            good = each if good is None else pc.and_(good, each)
    return columns, good


_OPTIONAL = frozenset({"wobble", "telescope", "subrun", "group", "run", "last", "half", "sample"})


def _mapped(texts: Any, function: Callable[[str], str]) -> tuple[Any, Any]:
    """Apply a function once to each different text; a text that it refuses becomes null, and False in the second."""
    import pyarrow as pa
    import pyarrow.compute as pc

    coded = pc.dictionary_encode(texts)
    values: list[str | None] = []
    for text in coded.dictionary.to_pylist():
        try:
            values.append(function(text))
        except (ValueError, KeyError):
            values.append(None)
    result = pc.take(pa.array(values, pa.string()), coded.indices)
    return result, pc.is_valid(result)


def _iso(night: str) -> str:
    check_night(night)
    return f"{night[:4]}-{night[4:6]}-{night[6:]}"


def _reasons(names: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(names) == 0:
        return pa.chunked_array([[]], pa.string())
    cases = [pc.match_substring_regex(names, pattern) for pattern, _ in REASONS]
    words = [pa.scalar(text) for _, text in REASONS]
    return pc.case_when(pc.make_struct(*cases), *words, pa.scalar(OTHER))
