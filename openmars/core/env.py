"""Cards: files of resources in the syntax of ROOT's TEnv.

The syntax, from ROOT's own parser and the public fork of MARS: a line is ``[+]Name[(type)]: value``; ``#``
starts a comment only as the first character that is not blank; the name ends at the first blank, tab or
colon; the rest of the line is the value, so a comment after it is part of it. A second entry of a name is
ignored with a message, ``+Name`` appends. ``$(VAR)`` is expanded. ``Include: a.rc b.rc`` reads other cards
with lower priority, relative to the including one. A card with a carriage return, or without an end of line
at its end, is refused.

One thing is simpler than in ROOT: only the named file is read, never ``$ROOTSYS/etc/system<name>`` or
``$HOME/<name>``.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TypeVar

from openmars.core.errors import EXIT_BAD_CARD, EXIT_BAD_RC, ProgramError

TRUE_WORDS = frozenset({"true", "on", "yes", "ok"})
FALSE_WORDS = frozenset({"false", "off", "no", "not"})
INCLUDE = "Include"

T = TypeVar("T")

_VARIABLE = re.compile(r"\$\((\w+)\)")
_INTEGER = re.compile(r"\s*[+-]?\d+")
_FLOAT = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class _Lookup:
    """Typed look-ups; `_keys` gives the names under which a resource may stand, the best first."""

    _env: Env

    def _keys(self, key: str) -> list[str]:
        raise NotImplementedError

    def get_str(self, key: str, default: str) -> str:
        """Look up a text."""
        return self._look_up(key, default)[1]

    def get_int(self, key: str, default: int) -> int:
        """Look up an integer, read as C's ``atoi`` does; the default where it is none, with a message."""
        found, text = self._look_up(key, str(default))
        match = _INTEGER.match(text)
        return int(match[0]) if found and match else self._default(found, key, text, "an integer", default)

    def get_float(self, key: str, default: float) -> float:
        """Look up a number, read as C's ``strtod`` does; the default where it is none, with a message."""
        found, text = self._look_up(key, repr(default))
        match = _FLOAT.match(text)
        return float(match[0]) if found and match else self._default(found, key, text, "a number", default)

    def get_bool(self, key: str, default: bool) -> bool:
        """Look up a switch: TRUE/FALSE, ON/OFF, YES/NO, OK/NOT in any case, or a number."""
        found, text = self._look_up(key, "yes" if default else "no")
        word = text.strip().lower()
        if word in TRUE_WORDS | FALSE_WORDS:
            return word in TRUE_WORDS
        match = _INTEGER.match(text)
        return bool(int(match[0])) if match else self._default(found, key, text, "yes or no", default)

    def _default(self, found: bool, key: str, text: str, what: str, default: T) -> T:
        if found:
            name = self._keys(key)[0]
            self._env.messages.append(f"{name}: {text!r} is not {what}; the default {default} is used")
        return default

    def _look_up(self, key: str, default: str) -> tuple[bool, str]:
        env, names = self._env, self._keys(key)
        for name in names:
            if name in env.values:
                env._touched.add(name)
                env.looked_up[name] = env.values[name]
                return True, env.values[name]
        env.looked_up[names[0]] = default
        return False, default


class Env(_Lookup):
    """The resources of one card, and which of them were looked up.

    Attributes
    ----------
    values : dict of str
        Resources in the order of the card, those of included cards after it.
    messages : list of str
        What was ignored on reading, or replaced by a default on looking up.
    looked_up : dict of str
        Every resource asked for, with the value that was used.

    Examples
    --------
    >>> env = Env.parse("A.Level: 6.5\\nA.Level: 7\\nA.Use: yes\\n")
    >>> env.get_float("A.Level", 6.0), env.get_bool("A.Use", False), env.get_int("A.N", 3)
    (6.5, True, 3)
    >>> env.messages
    ['duplicate entry <A.Level=7> for level 0; ignored']
    """

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.messages: list[str] = []
        self.looked_up: dict[str, str] = {}
        self._touched: set[str] = set()
        self._env = self

    def _keys(self, key: str) -> list[str]:
        return [key]

    @classmethod
    def read(cls, path: str | Path) -> Env:
        """Read a card and the cards it includes.

        Raises
        ------
        ProgramError
            With exit code 254 when a card cannot be read.
        """
        env = cls()
        env._read(Path(path), [])
        return env

    @classmethod
    def parse(cls, text: str) -> Env:
        """Read a card from a string (no includes)."""
        env = cls()
        env._parse(text, 0)
        return env

    def _read(self, path: Path, parents: list[Path]) -> None:
        here = path.resolve()
        if here in parents:
            raise ProgramError(f"{path}: includes itself; take the Include out", EXIT_BAD_CARD)
        try:
            text = path.read_bytes().decode()
        except OSError as error:
            raise ProgramError(f"{path}: cannot read the card: {error.strerror}", EXIT_BAD_CARD) from None
        except UnicodeDecodeError:
            raise ProgramError(f"{path}: the card is not a text file (UTF-8)", EXIT_BAD_CARD) from None
        if "\r" in text:
            raise ProgramError(f"{path}: lines end in carriage returns; run dos2unix", EXIT_BAD_CARD)
        if text and not text.endswith("\n"):
            raise ProgramError(f"{path}: the last line has no end, it would be lost", EXIT_BAD_CARD)
        for included in self._parse(text, len(parents)):
            self._read(here.parent / included, [*parents, here])

    def _parse(self, text: str, level: int) -> list[str]:
        """Take the entries of one card; those of a card read earlier win without a word."""
        own: dict[str, str] = {}
        for line in text.split("\n"):
            stripped = line.strip()
            if not stripped or stripped.startswith("#"):
                continue
            head, colon, value = line.partition(":")
            name = re.split(r"[ \t(]", head.strip(), maxsplit=1)[0]
            value = self._expand(value.strip())
            if not colon or not name.lstrip("+"):
                self.messages.append(f"line without a name or a colon: {stripped!r}; ignored")
            elif name.startswith("+"):
                name = name[1:]
                own[name] = f"{own[name]} {value}" if name in own else value
            elif name in own:
                self.messages.append(f"duplicate entry <{name}={value}> for level {level}; ignored")
            else:
                own[name] = value
        included = own.pop(INCLUDE, "").split()
        for name, value in own.items():
            self.values.setdefault(name, value)
        return included

    def _expand(self, value: str) -> str:
        def variable(match: re.Match[str]) -> str:
            if match[1] not in os.environ:
                self.messages.append(f"$({match[1]}) is not set in the environment; taken as empty")
            return os.environ.get(match[1], "")

        return _VARIABLE.sub(variable, value)

    def override(self, assignment: str) -> None:
        """Set a resource as ``--rc=Name:value`` does; raises ProgramError (253) for another form."""
        name, colon, value = assignment.partition(":")
        if not colon or not name.strip():
            raise ProgramError(f"--rc={assignment}: expected --rc=Name:value", EXIT_BAD_RC)
        self.values[name.strip()] = value.strip()

    def task(self, job: str, container: str, cls: str | None = None) -> TaskEnv:
        """Give the resources of a task of a job, looked up as MARS does: see `TaskEnv`."""
        return TaskEnv(self, job, container, cls or container)

    def untouched(self) -> dict[str, str]:
        """Give the resources that nobody looked up, in the order of the card."""
        return {key: value for key, value in self.values.items() if key not in self._touched}


class TaskEnv(_Lookup):
    """Resources of one task: ``Job.Container.key``, else ``Job.Class.key``, ``Container.key``, ``Class.key``.

    Examples
    --------
    >>> env = Env.parse("MImgCleanStd.CleanLevel1: 8\\nMJStar.MImgCleanStd.CleanLevel1: 6\\n")
    >>> env.task("MJStar", "MImgCleanStd").get_float("CleanLevel1", 5.0)
    6.0
    >>> list(env.untouched())
    ['MImgCleanStd.CleanLevel1']
    """

    def __init__(self, env: Env, job: str, container: str, cls: str) -> None:
        self._env = env
        self._prefixes = list(dict.fromkeys([f"{job}.{container}", f"{job}.{cls}", container, cls]))

    def _keys(self, key: str) -> list[str]:
        return [f"{prefix}.{key}" for prefix in self._prefixes]
