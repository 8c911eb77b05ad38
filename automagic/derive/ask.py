"""What a person asks for: keys and values, one folder or several, and how these are called."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automagic.errors import UserError

MANY = 100
"""More folders than this are made only where the person says so."""

TABLES = ("cards", "unchecked")
"""Sections whose tables are named after programs, and whose keys have dots in them."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}", re.ASCII)


@dataclass(frozen=True)
class Value:
    """A value as plain data, and how the person wrote it, where that is TOML."""

    data: Any
    source: str | None = None

    @property
    def word(self) -> str:
        """The value as a part of a folder's name.

        Examples
        --------
        >>> Value(6.5).word, Value("power-law").word, Value([5, 35]).word, Value("300 GeV").word
        ('6.5', 'power-law', '5_35', '300_GeV')
        """
        words = ",".join(map(str, self.data)) if isinstance(self.data, list) else str(self.data)
        return re.sub(r"[^A-Za-z0-9.+-]+", "_", words).strip("_.") or "_"


@dataclass(frozen=True)
class Setting:
    """A key of ``analysis.toml`` and the values that it is to have, one folder each; none: it is to be taken out."""

    path: tuple[str, ...]
    values: tuple[Value, ...] = ()

    @property
    def name(self) -> str:
        """The key, with dots."""
        return ".".join(self.path)


@dataclass(frozen=True)
class Child:
    """An analysis that is to be made: its folder, and the settings that it has otherwise (`None`: taken out)."""

    folder: Path
    changes: tuple[tuple[tuple[str, ...], Value | None], ...]


def read_settings(sets: Iterable[str], unsets: Iterable[str]) -> list[Setting]:
    """Read ``KEY=VALUE``, ``KEY=VALUE,VALUE,…`` and keys that are to be taken out.

    Raises
    ------
    UserError
        One is nonsense, or a key is there twice.

    Examples
    --------
    >>> found = read_settings(["cards.star.MJStar.MImgCleanStd.CleanLevel1=6,7", "data.zenith=[5, 35]"], [])
    >>> [(each.path, [value.data for value in each.values]) for each in found]
    [(('cards', 'star', 'MJStar.MImgCleanStd.CleanLevel1'), [6, 7]), (('data', 'zenith'), [[5, 35]])]
    """
    found = []
    for each in sets:
        key, equals, given = each.partition("=")
        if not equals:
            raise UserError(f"--set {each!r}: give a key and a value", hint="Such as --set spectrum.model=power-law")
        found.append(Setting(_path(key), tuple(_value(key, piece) for piece in split(given))))
    found += [Setting(_path(key)) for key in unsets]
    names = [each.name for each in found]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"{name} is given twice", hint=f"Several values make a scan: --set {name}=A,B")
    return found


def _path(key: str) -> tuple[str, ...]:
    """Return the path of a key in ``analysis.toml``: section and key; section, program and key of a card."""
    key = key.strip()
    try:
        whole: Any = tomllib.loads(f"{key} = 0") if key else None
    except tomllib.TOMLDecodeError:
        whole = None
    if "\n" in key or not isinstance(whole, dict) or len(whole) != 1:
        raise UserError(f"{key!r} cannot be a key", hint="A key is like data.zenith, or cards.star.MJStar.UseAddNoise")
    path: list[str] = []
    while isinstance(whole, dict):
        ((part, whole),) = whole.items()
        path.append(part)
    if path[0] in TABLES and len(path) > 3:
        path[2:] = [".".join(path[2:])]
    least = 3 if path[0] in TABLES else 2
    if len(path) < least:
        what = "program and key, like cards.star.MJStar.UseAddNoise" if least == 3 else "section and key: data.zenith"
        raise UserError(f"{key!r} is not a whole key: give {what}")
    if not all(path):
        raise UserError(f"{key!r} has an empty part")
    return tuple(path)


def split(text: str) -> list[str]:
    """Split at the commas that stand neither in quotes nor in brackets.

    Examples
    --------
    >>> split("6,7, 8"), split("[5, 35],[35, 50]"), split('"a, b"')
    (['6', '7', '8'], ['[5, 35]', '[35, 50]'], ['"a, b"'])
    """
    pieces, depth, quote, start = [], 0, "", 0
    for place, here in enumerate(text):
        if quote:
            quote = "" if here == quote and text[place - 1] != "\\" else quote
        elif here in "\"'" and not text[start:place].strip(" [{,"):
            quote = here  # an apostrophe inside a word is none
        elif here in "\"'" and depth:
            quote = here
        elif here in "[{":
            depth += 1
        elif here in "]}":
            depth -= 1
        elif here == "," and depth <= 0:
            pieces.append(text[start:place].strip())
            start = place + 1
    return [*pieces, text[start:].strip()]


def _value(key: str, piece: str) -> Value:
    """Read a value as TOML; what is no TOML is plain text."""
    if not piece:
        raise UserError(f"--set {key}: there is no value", hint=f'An empty text is "": --set \'{key}=""\'')
    try:
        read = tomllib.loads(f"v = {piece}")
    except tomllib.TOMLDecodeError:
        read = {}
    if set(read) == {"v"} and not isinstance(read["v"], dict):
        return Value(read["v"], None if "\n" in piece or "#" in piece else piece)
    if not piece.isprintable():
        raise UserError(f"--set {key}: {piece!r} has characters that do not print")
    if piece[0] in "[{\"'":
        raise UserError(f"--set {key}: {piece!r} is neither TOML nor plain text")
    return Value(piece)


def plan_children(parent: Path, new: str, settings: list[Setting], here: Path, yes: bool = False) -> list[Child]:
    """Return what is to be made.

    With one value for each key that is one analysis, called `new`. With lists of values it is one for each value, or
    for each combination of several lists, called ``NEW-VALUE`` or ``NEW-VALUE-VALUE``, in the order of the keys.

    Parameters
    ----------
    parent
        Folder of the analysis that they come from.
    new
        A name: the folder is made beside that of the parent. A path: it is made there.
    here
        Where relative paths begin.
    yes
        Whether more than `MANY` may be made.

    Raises
    ------
    UserError
        A name is not safe, a folder is there already, or there are too many.
    """
    if not settings:
        raise UserError("nothing is to be changed", hint="Give at least one --set KEY=VALUE or --unset KEY.")
    taken_out: tuple[Value | None, ...] = (None,)
    lists = [each.values or taken_out for each in settings]
    count = 1
    for each in lists:
        count *= len(each)
    if count > MANY and not yes:
        raise UserError(f"that would make {count} analyses", hint="Say --yes if that is what you want.")
    place = (here / Path(new).expanduser()) if "/" in new else parent.parent / new
    children = []
    for values in itertools.product(*lists):
        words = [v.word for v, several in zip(values, lists, strict=True) if v is not None and len(several) > 1]
        folder = place.with_name("-".join([place.name, *words])) if words else place
        changes = tuple((each.path, value) for each, value in zip(settings, values, strict=True))
        children.append(Child(_checked(folder, parent), changes))
    names = [child.folder.name for child in children]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(f"two of the values would make the same folder {twice}", hint="Give each value once.")
    return children


def _checked(folder: Path, parent: Path) -> Path:
    """See that a folder may be made."""
    if not _NAME.fullmatch(folder.name):
        raise UserError(
            f"{folder.name!r} cannot be the name of an analysis",
            hint="Use letters, digits and . _ + - (not as the first), at most 100.",
        )
    folder = folder.parent.resolve() / folder.name
    if not folder.parent.is_dir():
        raise UserError(f"there is no folder {folder.parent}", hint="Make it first.")
    if folder == parent or parent in folder.parents:
        raise UserError(f"{folder} would lie in the analysis that it comes from", hint="A plain name lies beside it.")
    if folder.exists() or folder.is_symlink():
        raise UserError(f"{folder} is there already", hint="Give another name; nothing is ever replaced.")
    return folder


def check_sections(settings: Iterable[Setting], own: Iterable[str], others: Iterable[str]) -> None:
    """Say of keys of ``site.toml`` that they are not in ``analysis.toml``; all else is told when that is read.

    Parameters
    ----------
    own, others
        The sections of ``analysis.toml`` and of ``site.toml``.

    Raises
    ------
    UserError
        One is.
    """
    for each in settings:
        if each.path[0] not in own and each.path[0] in others:
            raise UserError(f"{each.name} is a key of site.toml", hint="Here analysis.toml alone is changed; edit it.")
