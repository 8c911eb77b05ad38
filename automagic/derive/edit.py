"""Changes single keys in the text of a TOML file; comments, order and layout of all the rest stay.

No library writes TOML as a person does: a key that is added lands behind the comment of the next table. So statements
are found in the text here, one of them is changed, and the result counts only if a real parser (`tomllib`) finds that
exactly the key in question has another value.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from automagic.errors import UserError

Path = tuple[str, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class TextError(Exception):
    """The text cannot be changed so."""


@dataclass(frozen=True)
class Part:
    """A table's header or a statement ``key = value``, as places in the text.

    Attributes
    ----------
    path
        Of the table, or of the key with that of its table before it.
    start, end
        From the first character of its line to after the end of its last line.
    value
        Begin and end of the value; `None` for a header.
    above
        Path of the table that it stands in.
    array
        Whether it is, or stands in, an element of an array of tables.
    """

    path: Path
    start: int
    end: int
    value: tuple[int, int] | None = None
    above: Path = ()
    array: bool = False


def parts(text: str) -> Iterator[Part]:
    """Yield headers and statements of a text that `tomllib` has read already, in order."""
    table: Path = ()
    place, arrays = 0, set[Path]()
    while place < len(text):
        start = place
        place = _blank(text, place)
        if place >= len(text):
            return
        if text[place] in "#\r\n":
            place = _next_line(text, place)
        elif text[place] == "[":
            double = text.startswith("[[", place)
            closing = _find(text, place + 2 if double else place + 1, "]")
            table = _key(text[place + 2 if double else place + 1 : closing])
            place = _next_line(text, closing)
            arrays |= {table} if double else set()
            yield Part(table, start, place, above=table, array=_inside(table, arrays))
        else:
            equals = _find(text, place, "=")
            key = _key(text[place:equals])
            begin = _blank(text, equals + 1)
            end = _value_end(text, begin)
            place = _next_line(text, end)
            yield Part((*table, *key), start, place, (begin, end), table, _inside(table, arrays))


def _inside(table: Path, arrays: set[Path]) -> bool:
    return any(table[: len(each)] == each for each in arrays)


def _key(text: str) -> Path:
    """Read a key, with quotes and dots."""
    found: Any = tomllib.loads(f"{text.strip()} = 0")
    path = []
    while isinstance(found, dict):
        ((part, found),) = found.items()
        path.append(part)
    return tuple(path)


def _blank(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t":
        place += 1
    return place


def _next_line(text: str, place: int) -> int:
    found = text.find("\n", place)
    return len(text) if found < 0 else found + 1


def _find(text: str, place: int, wanted: str) -> int:
    """Return where a character is next, outside of quotes."""
    while text[place] != wanted:
        place = _string_end(text, place) if text[place] in "\"'" else place + 1
    return place


def _string_end(text: str, place: int) -> int:
    """Return the place after a string that begins here."""
    quote = text[place]
    if not text.startswith(quote * 3, place):
        place += 1
        while text[place] != quote:
            place += 2 if text[place] == "\\" and quote == '"' else 1
        return place + 1
    place += 3
    while not text.startswith(quote * 3, place):
        place += 2 if text[place] == "\\" and quote == '"' else 1
    while text.startswith(quote, place + 3):  # up to two quotes may stand before the closing three
        place += 1
    return place + 3


def _value_end(text: str, place: int) -> int:
    """Return the place after a value that begins here, without the blanks that follow."""
    depth, end = 0, place
    while place < len(text):
        here = text[place]
        if here in "\"'":
            place = end = _string_end(text, place)
            continue
        if here == "#":
            if not depth:
                break
            place = _next_line(text, place) - 1
            continue
        if here == "\n" and not depth:
            break
        depth += (here in "[{") - (here in "]}")
        place += 1
        if here not in " \t\r\n":
            end = place
    return end


def written(value: Any) -> str:
    """Write a value as TOML.

    Examples
    --------
    >>> written(6.5), written("a \\"b\\""), written([5, 35]), written(True), written({"a": 1})
    ('6.5', '"a \\\\"b\\\\""', '[5, 35]', 'true', '{ a = 1 }')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_named(key)} = {written(each)}" for key, each in value.items()) + " }"
    raise TextError(f"{value!r} cannot be written as TOML")


def _named(key: str) -> str:
    return key if _BARE.fullmatch(key) else written(key)


def _dotted(path: Path) -> str:
    return ".".join(map(_named, path))


# --- what is in a file, as it counts


def flat(table: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Join the keys of nested tables with dots; empty tables are left out.

    Examples
    --------
    >>> flat({"cards": {"star": {"MJStar": {"A": 1}, "MJStar.B": 2}, "coach": {}}})
    {'cards.star.MJStar.A': 1, 'cards.star.MJStar.B': 2}
    """
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            found |= flat(value, f"{above}{key}.")
        else:
            found[f"{above}{key}"] = value
    return found


def read(text: str) -> dict[str, Any]:
    """Return all keys of a TOML text, joined with dots."""
    return flat(tomllib.loads(text))


# --- changes


def change(text: str, path: Path, value: Any, source: str | None = None) -> str:
    """Return a text in which one key has another value, or has become one.

    Parameters
    ----------
    text
        TOML.
    path
        Of the key. A key with dots in it may stand in the text with quotes, or as nested tables.
    value
        Plain data.
    source
        How the person wrote the value, where that is TOML.

    Raises
    ------
    UserError
        It is where it cannot be changed without touching something else.

    Examples
    --------
    >>> print(change("[data]  # which\\nzenith = [5,\\n  35]   # deg\\n", ("data", "zenith"), [5, 50]), end="")
    [data]  # which
    zenith = [5, 50]   # deg
    >>> print(change("[a]\\nb = 1\\n\\n# next\\n[c]\\nd = 2\\n", ("a", "e.f"), 3), end="")
    [a]
    b = 1
    "e.f" = 3
    <BLANKLINE>
    # next
    [c]
    d = 2
    """
    name, wanted = ".".join(path), read(text)
    wanted[name] = value
    for candidate in _changes(text, path, source or written(value), value):
        if _is(candidate, wanted):
            return candidate
    raise UserError(
        f"{name} cannot be set in this file without touching something else", hint="Change it there by hand."
    )


def remove(text: str, path: Path) -> str:
    """Return a text without a key.

    Raises
    ------
    UserError
        There is no such key, or it is where it cannot be taken out alone.

    Examples
    --------
    >>> remove("[a]\\n# why\\nb = 1\\nc = 2\\n", ("a", "b"))
    '[a]\\n# why\\nc = 2\\n'
    """
    name, wanted = ".".join(path), read(text)
    if name not in wanted:
        near = sorted(key for key in wanted if key.split(".")[0] == path[0])
        raise UserError(f"{name} is not set", hint=f"What is set there: {', '.join(near)}." if near else None)
    del wanted[name]
    for part in parts(text):
        joined = ".".join(part.path)
        if part.value is None or part.array:
            continue
        if joined == name and _is(candidate := text[: part.start] + text[part.end :], wanted):
            return candidate
        if name.startswith(f"{joined}."):
            inner = _without(tomllib.loads(f"v = {text[slice(*part.value)]}")["v"], name[len(joined) + 1 :])
            if inner is not None and _is(candidate := _replaced(text, part, written(inner)), wanted):
                return candidate
    raise UserError(f"{name} cannot be taken out without touching something else", hint="Change it there by hand.")


def _is(text: str, wanted: dict[str, Any]) -> bool:
    """Tell whether a text says this and nothing else; 1, 1.0 and true are three values."""
    try:
        found = read(text)
    except tomllib.TOMLDecodeError:
        return False
    return found.keys() == wanted.keys() and all(repr(found[key]) == repr(wanted[key]) for key in wanted)


def _replaced(text: str, part: Part, value: str) -> str:
    assert part.value is not None
    return text[: part.value[0]] + value + text[part.value[1] :]


def _changes(text: str, path: Path, value: str, data: Any) -> Iterator[str]:
    """Yield ways to set a key, the plainest first."""
    name, found = ".".join(path), [part for part in parts(text) if not part.array]
    statements = [part for part in found if part.value is not None]
    for part in statements:
        joined = ".".join(part.path)
        if joined == name:
            yield _replaced(text, part, value)
        elif name.startswith(f"{joined}."):  # a table in one line
            assert part.value is not None
            inner = tomllib.loads(f"v = {text[slice(*part.value)]}")["v"]
            if isinstance(inner, dict):
                yield _replaced(text, part, written(_with(inner, name[len(joined) + 1 :], data)))
    table, key = path[:-1], path[-1]
    tables = sorted({part.path for part in found if part.value is None}, key=len, reverse=True)
    if table in tables:
        yield _inserted(text, found, table, f"{_named(key)} = {value}")
    newline = _newline(text)
    gap = "" if not text else newline if text.endswith("\n") else 2 * newline
    yield f"{text}{gap}[{_dotted(table)}]{newline}{_named(key)} = {value}{newline}"
    for above in (*(each for each in tables if path[: len(each)] == each), ()):
        yield _inserted(text, found, above, f"{_dotted(path[len(above) :])} = {value}")


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _inserted(text: str, found: list[Part], table: Path, line: str) -> str:
    """Put a line behind the last statement of a table, indented like that."""
    inside = [part for part in found if part.above == table]
    statements = [part for part in inside if part.value is not None]
    place, indent = _after_comments(text), ""
    if inside:
        last = (statements or inside)[-1]
        place, indent = last.end, re.split(r"[^ \t]", text[last.start :], maxsplit=1)[0]
    newline = _newline(text)
    before = text[:place]
    return before + (newline if before and not before.endswith("\n") else "") + indent + line + newline + text[place:]


def _after_comments(text: str) -> int:
    """Return the place after the comment that a file begins with."""
    place = 0
    while text.startswith("#", place):
        place = _next_line(text, place)
    return place


def _with(table: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    """Return a table with one key, given with dots, set."""
    for key, inner in table.items():
        if isinstance(inner, dict) and name.startswith(f"{key}."):
            return {**table, key: _with(inner, name[len(key) + 1 :], value)}
    return {**table, name: value}


def _without(table: Any, name: str) -> dict[str, Any] | None:
    if not isinstance(table, dict):
        return None
    if name in table:
        return {key: value for key, value in table.items() if key != name}
    for key, inner in table.items():
        if isinstance(inner, dict) and name.startswith(f"{key}."):
            left = _without(inner, name[len(key) + 1 :])
            return None if left is None else {**table, key: left}
    return None
