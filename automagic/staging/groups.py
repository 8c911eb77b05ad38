"""What is on its way: files, the groups in which they are demanded, and what is told of them."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from automagic.errors import UserError
from automagic.staging.cache import About
from automagic.staging.settings import Pauses, Settings
from automagic.staging.trouble import Damaged, Elsewhere, StorageError, Temporary

if TYPE_CHECKING:
    from automagic.graph.task import Source

DAMAGED = 3
"""So often a file may come damaged."""

BUSY = Pauses(0.2, 10.0)
"""Pauses where another process has to do something first."""


@dataclass(frozen=True)
class Event:
    """What happened.

    Attributes
    ----------
    kind
        ``"here"`` or ``"failed"`` of a demand (`name`); ``"staged"`` or ``"released"`` of a file (`name` is its
        address); ``"recalled"`` and ``"waiting"`` of files on tape; ``"full"`` where a demand waits for room;
        ``"note"`` for a person.
    files
        Of ``"here"`` and ``"staged"``: the files.
    reason
        In words.
    number, next_s
        How many files, and after how many seconds they are looked at next; of ``"released"`` the bytes.
    """

    kind: str
    name: str = ""
    files: tuple[About, ...] = ()
    reason: str = ""
    number: int = 0
    next_s: float = 0.0


@dataclass(eq=False)
class File:
    """A file that somebody wants.

    Attributes
    ----------
    state
        ``new`` (not looked for yet), ``absent``, ``asking`` (storage is asked for it), ``tape``, ``probing`` (its
        size is asked for), ``queued``, ``running``, ``resting`` (after a failure, until `due`), ``here``, ``failed``.
    asked
        Whether storage was asked to bring it from tape.
    listed
        Whether a listing said that it is on tape.
    tries, damaged
        Failures in a row without a byte coming through; how often it came damaged.
    most
        Bytes of it that came, at most.
    due, since, reminded
        Monotonic times: of the next try, since when it is waited for on tape, and when it was asked for last.
    """

    source: Source
    key: str
    state: str = "new"
    size: int | None = None
    asked: bool = False
    listed: bool = False
    tries: int = 0
    damaged: int = 0
    most: int = 0
    due: float = 0.0
    since: float = 0.0
    reminded: float = 0.0
    reason: str = ""
    about: About | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return self.source.url

    def fail(self, reason: str) -> None:
        """Give it up."""
        self.state = "failed"
        self.reason = f"{self.source.name} cannot be brought here: {reason} ({self.url})"

    def mishap(self, error: Exception, settings: Settings, now: float) -> None:
        """Let it rest after a failure, or give it up where trying again does not help."""
        self.tries += 1
        pause = settings.retry.after(self.tries - 1)
        if isinstance(error, Elsewhere):
            pause = BUSY.after(self.tries)
        elif isinstance(error, Damaged):
            self.damaged, self.most = self.damaged + 1, 0
            if self.damaged >= DAMAGED:
                return self.fail(f"{error.reason}, {DAMAGED} times")
        elif isinstance(error, Temporary):
            if self.tries >= settings.tries:
                return self.fail(f"{error.reason}, {self.tries} times in a row")
            pause = max(pause, error.after_s or 0.0)
        else:
            return self.fail(said(error))
        self.state, self.due = "resting", now + pause
        return None


@dataclass
class Demand:
    """A group of files that somebody wants together. `state`: ``waiting``, ``admitted`` (there is room), ``here``."""

    name: str
    urls: tuple[str, ...]
    rank: tuple[int, int]
    state: str = "waiting"
    keys: set[str] = field(default_factory=set)


def human(size: float) -> str:
    """Say an amount of data.

    >>> human(512), human(2.5e9)
    ('512 B', '2.5 GB')
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def said(error: Exception) -> str:
    """Say an error in words."""
    if isinstance(error, StorageError):
        return error.reason
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return "the disk is full"
        return f"{error.filename or 'the cache'}: {error.strerror or error}"
    return error.message if isinstance(error, UserError) else str(error)
