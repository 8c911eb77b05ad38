"""TEnv cards, after the parser of ROOT's ``TEnv`` (core/base/src/TEnv.cxx) and what MARS adds to it."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from automagic.errors import UserError

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]*\-]*", re.ASCII)
_LINE = re.compile(r"(?P<append>\+?)(?P<key>[^\s:(]+)(?:\((?P<type>[^)]*)\))?\s*:(?P<value>.*)")


def read(path: Path) -> dict[str, str]:
    """Read a card and the cards that it includes.

    ``Include: a.rc b.rc`` adds cards of lower priority, their paths relative to the including one. This is
    known from the public fork of MARS only (mbase/MEnv.cc).

    Parameters
    ----------
    path
        The card.

    Returns
    -------
    dict of str
        Values by key, ``Include`` left out.

    Raises
    ------
    UserError
        Where the card, or one that it includes, cannot be read.
    """
    return _read(Path(path), ())


def _read(path: Path, above: tuple[Path, ...]) -> dict[str, str]:
    if path.resolve() in above:
        raise UserError(f"{path}: the card includes itself")
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: the card cannot be read: {error}") from None
    card = read_text(text, name=str(path))
    for word in card.pop("Include", "").split():
        for key, text in _read(path.parent / word, (*above, path.resolve())).items():
            card.setdefault(key, text)
    return card


def read_text(text: str, *, name: str = "card") -> dict[str, str]:
    """Read a card from its text.

    A line is ``Key: value``, ``+Key: more`` or ``Key(type): value``; ``#`` begins a comment only as the first
    character of a line. The value is all that follows, even a ``#`` in it. As in ROOT the first of two equal
    keys counts.

    Parameters
    ----------
    text
        Lines ended by ``\\n``, the last one too or not; ``\\r`` at the end of a line is dropped.
    name
        What to call the card in an error.

    Raises
    ------
    UserError
        Where a line is none of these.

    Examples
    --------
    >>> read_text("# a comment\\nRF.zdmin: default: 5\\nA(int): 1 # not a comment\\nA: 2\\n")
    {'RF.zdmin': 'default: 5', 'A': '1 # not a comment'}
    """
    card: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip(" \t\r")
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise UserError(f"{name}, line {number}: {line!r} is not of the form 'Key: value'")
        key, new = match["key"], match["value"].strip(" \t")
        if match["append"] and key in card:
            card[key] = f"{card[key]} {new}"
        else:
            card.setdefault(key, new)
    return card


def render(card: Mapping[str, str]) -> str:
    """Write a card in its one form: sorted keys, each once, no comments, a final newline.

    Raises
    ------
    ValueError
        Where a key or value could not be read back as it is; `value` and `check` refuse such before.

    Examples
    --------
    >>> render({"B": "2", "A": "yes"})
    'A: yes\\nB: 2\\n'
    """
    lines = []
    for key, text in sorted(card.items()):
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} cannot be a key of a card")
        if re.search(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]", text) or text != text.strip(" \t"):
            raise ValueError(f"{key}: {text!r} cannot be a value in a card")
        lines.append(f"{key}: {text}\n")
    return "".join(lines)


def merge(default: Mapping[str, str], *overrides: Mapping[str, str]) -> dict[str, str]:
    """Put overrides over a default card; later ones win, and each key is there once.

    Examples
    --------
    >>> merge({"A": "1", "B": "2"}, {"B": "3"})
    {'A': '1', 'B': '3'}
    """
    card = dict(default)
    for each in overrides:
        card.update(each)
    return card


def value(key: str, given: object) -> str:
    """Turn a value from ``analysis.toml`` into a card's text.

    Parameters
    ----------
    key
        For the error.
    given
        Text, number or truth value. Truth values become ``yes`` and ``no``.

    Raises
    ------
    ValueError
        Where it is something else, has a line break, another character that does not print, or ``$(…)``,
        which ROOT would replace by a variable of the machine.

    Examples
    --------
    >>> value("UseAddNoise", True), value("CleanLevel1", 6.5), value("Method", 2)
    ('yes', '6.5', '2')
    """
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, int):
        return str(given)
    if isinstance(given, float):
        if not math.isfinite(given):
            raise ValueError(f"{key}: {given} is not a finite number")
        return repr(given)
    if not isinstance(given, str):
        raise ValueError(f"{key}: {given!r} is neither text, number nor true/false")
    text = given.strip(" \t")
    if not text.isascii() or not text.isprintable():
        raise ValueError(f"{key}: {given!r} has characters that a card cannot hold (line breaks, non-ASCII)")
    if "$(" in text:
        raise ValueError(f"{key}: {given!r} has '$(', which ROOT would replace by a variable of the machine")
    return text


def closest(key: str, known: Iterable[str]) -> str | None:
    """Return the known key that was probably meant, or `None` where none is like it.

    Parts of a key between dots count as well, so that ``CleanLevel1`` finds
    ``MJStar.MImgCleanStd.CleanLevel1``.

    Examples
    --------
    >>> closest("MJStar.MImgCleanStd.CleanLevl1", ["MJStar.MImgCleanStd.CleanLevel1", "MJStar.UseAddNoise"])
    'MJStar.MImgCleanStd.CleanLevel1'
    >>> closest("redshfit", ["ra", "dec", "redshift"])
    'redshift'
    """
    whole = {each.lower(): each for each in sorted(known, reverse=True)}
    last = {each.lower().rsplit(".", 1)[-1]: each for each in sorted(known, reverse=True)}
    for words, probe in ((whole, key.lower()), (last, key.lower().rsplit(".", 1)[-1])):
        found = difflib.get_close_matches(probe, words, n=1, cutoff=0.7)
        if found:
            return words[found[0]]
    return None


def check(keys: Iterable[str], known: Iterable[str]) -> list[str]:
    """Compare keys with those that a program reads.

    Parameters
    ----------
    keys
        Keys that a person wrote.
    known
        Keys of the program's default card and others that it is known to read.

    Returns
    -------
    list of str
        A sentence for each key that nothing would read, with the closest right one.

    Examples
    --------
    >>> check(["RF.zdmni"], ["RF.zdmin", "RF.zdmax"])
    ["no program reads the key 'RF.zdmni'; did you mean 'RF.zdmin'?"]
    """
    known = set(known)
    sentences = []
    for key in sorted(set(keys) - known):
        if not _KEY.fullmatch(key):
            sentences.append(f"{key!r} cannot be a key of a card: use letters, digits and . _ - [ ]")
            continue
        near = closest(key, known)
        sentences.append(f"no program reads the key {key!r}" + (f"; did you mean {near!r}?" if near else ""))
    return sentences
