"""Two texts, line by line; JSON and TOML also by what they say."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import Any

from automagic.diff.report import Found, told

LARGE = 32 << 20
"""Larger texts are gone through side by side, without looking for lines that moved."""

FAR = 2000
"""The same between more differing lines: what `difflib` needs grows with their square."""


def differences(a: Path, b: Path, found: Found) -> None:
    """Find the lines that differ."""
    if max(a.stat().st_size, b.stat().st_size) > LARGE:
        _side_by_side(a, b, found)
        return
    texts = _texts(a, b)
    if _says_the_same(a, b, texts):
        found.notes.append("only spaces, line ends or the order of keys differ")
        return
    lines = [_split(text) for text in texts]
    if lines[0] == lines[1]:
        found.add("only the ends of lines differ", line=None)
        return
    _lines(lines[0], lines[1], found)


def _texts(a: Path, b: Path) -> list[str]:
    """Read both as UTF-8; where one of them is not, both byte for character: logs hold all kinds of letters."""
    data = [path.read_bytes() for path in (a, b)]
    try:
        return [each.decode("utf-8") for each in data]
    except UnicodeDecodeError:
        return [each.decode("latin-1") for each in data]


def _split(text: str) -> list[str]:
    """Return the lines as editors count them: `str.splitlines` also ends them at form feeds and others.

    >>> _split("a\\x0cb\\r\\nc\\n")
    ['a\\x0cb', 'c']
    """
    import re

    lines = re.split("\r\n|\n|\r", text)
    return lines if lines[-1] else lines[:-1]


def _says_the_same(a: Path, b: Path, texts: list[str]) -> bool:
    """Say whether two JSON or TOML texts hold the same values. A text that is none is just a text."""
    if a.suffix != b.suffix or a.suffix not in (".json", ".toml"):
        return False
    import json
    import tomllib

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        # where a key stands twice, readers may take either
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    try:
        if a.suffix == ".toml":
            values = [tomllib.loads(text) for text in texts]
        else:
            values = [json.loads(text, object_pairs_hook=unique) for text in texts]
        # as text, so that 1, 1.0 and true differ, and two NaN do not
        one, other = (json.dumps(value, sort_keys=True, default=repr) for value in values)
    except (ValueError, RecursionError):
        return False
    return one == other


def _lines(a: list[str], b: list[str], found: Found) -> None:
    """Find the lines that differ with `difflib`, between the same beginning and the same end."""
    from difflib import SequenceMatcher

    begin = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    most = min(len(a), len(b)) - begin
    end = next((i for i in range(most) if a[len(a) - 1 - i] != b[len(b) - 1 - i]), most)
    one, other = a[begin : len(a) - end], b[begin : len(b) - end]
    if max(len(one), len(other)) > FAR:
        _pairs(one, other, begin, found)
        return
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        _pairs(one[i1:i2], other[j1:j2], begin + i1, found, begin + j1)


def _pairs(a: list[str], b: list[str], at: int, found: Found, at_b: int | None = None) -> None:
    """Tell a piece of A that stands for a piece of B: line for line, then what one of them has more."""
    at_b = at if at_b is None else at_b
    both = min(len(a), len(b))
    for i in range(both):
        if a[i] != b[i]:
            found.two(_where(at + i, at_b + i), a[i], b[i], line=at + i + 1, line_b=at_b + i + 1)
    for side, more, first in (("A", a[both:], at + both), ("B", b[both:], at_b + both)):
        if more:
            what = f"line {first + 1}" if len(more) == 1 else f"lines {first + 1} to {first + len(more)}"
            text = f"{what} only in {side}: {told(more[0], more[0])[0]}"
            found.add(text + (" …" if len(more) > 1 else ""), only=side, line=first + 1, lines=len(more))


def _where(a: int, b: int) -> str:
    return f"line {a + 1}" if a == b else f"line {a + 1} of A, {b + 1} of B"


def _side_by_side(a: Path, b: Path, found: Found) -> None:
    """Go through two large texts line for line, in little memory; name the first, count the others."""
    first, count, number = None, 0, 0
    with a.open("rb") as file_a, b.open("rb") as file_b:
        for number, (one, other) in enumerate(zip_longest(file_a, file_b), 1):
            if one != other:
                count += 1
                first = first or (number, _text(one), _text(other))
    if first:
        line, one_text, other_text = first
        found.two(f"line {line}", one_text, other_text, line=line)
        if count > 1:
            found.add(f"{count} of {number} lines differ", differ=count, of=number)


def _text(line: bytes | None) -> str | None:
    return None if line is None else line.decode("utf-8", "replace").rstrip("\r\n")
