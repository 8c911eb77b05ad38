"""The driver that ``bench/crash.py`` kills: the real one, with a place where it is told when to die.

`Board` is shared with who watches: the phase that the driver is in (start, plan, catalog, run, end) outlives it. A
driver that is to die at a certain call counts all calls of Python into C that touch files (`CALLS`), before and after
each, and kills itself at one of them: so every moment between two system calls of its own can be hit. What DuckDB does
inside is hit by the clock alone.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import mmap
import os
import signal
import struct
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import duckdb  # noqa: F401 (all that a driver needs is there before it is forked)
import pyarrow  # noqa: F401
from doit.doit_cmd import DoitMain

import automagic.analysis
import automagic.executors.local
import automagic.graph.key
import automagic.runner.command
import automagic.runner.loader
import automagic.runner.staged  # noqa: F401
from automagic.bookkeeping import Folder, catalog, strays
from automagic.bookkeeping.__main__ import end_with
from automagic.errors import UserError
from automagic.executors import Executor
from automagic.graph.asked import Asked, save
from automagic.graph.task import Task
from automagic.runner import current, drive
from automagic.runner.driver import Driver
from automagic.runner.session import Session
from bench.crash_check import PHASES

CALLS = frozenset((
    "write", "writelines", "flush", "fsync", "open", "close", "rename", "replace", "mkdir", "rmdir", "unlink", "remove",
    "symlink", "link", "truncate", "ftruncate", "chmod", "flock", "listdir", "scandir", "stat", "lstat", "readlink",
    "send", "sendall", "execute", "connect",
))  # fmt: skip


class Board:
    """What a driver leaves for who watches it: where it is, how many calls it made in each phase, and where it died."""

    SIZE = 512

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, self.SIZE)

    def clear(self) -> None:
        """Forget the last driver."""
        self._map[:] = bytes(self.SIZE)

    @property
    def phase(self) -> str:
        """Where the driver is, or was."""
        return PHASES[self._map[0]]

    @phase.setter
    def phase(self, name: str) -> None:
        self._map[0] = PHASES.index(name)

    def count(self, phase: str) -> int:
        """Return how many calls were counted in a phase."""
        return int(struct.unpack_from("<I", self._map, 8 + 4 * PHASES.index(phase))[0])

    def add(self) -> int:
        """Count one more in this phase."""
        where = 8 + 4 * self._map[0]
        number = struct.unpack_from("<I", self._map, where)[0] + 1
        struct.pack_into("<I", self._map, where, number)
        return int(number)

    @property
    def child(self) -> int:
        """The driver's child that writes the catalog, once there is one."""
        return int(struct.unpack_from("<I", self._map, 40)[0])

    @child.setter
    def child(self, number: int) -> None:
        struct.pack_into("<I", self._map, 40, number)

    @property
    def place(self) -> str:
        """Where it died, if by its own hand."""
        return self._map[64:].rstrip(b"\0").decode()

    @place.setter
    def place(self, text: str) -> None:
        data = text.encode()[: self.SIZE - 64]
        self._map[64 : 64 + len(data)] = data


def die() -> None:
    """End this process as a crash does."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_call(board: Board, phase: str, number: int) -> None:
    """Die at the so-and-so-many-th call in a phase."""

    def look(frame: FrameType, event: str, arg: Any) -> None:
        if not event.startswith("c_") or getattr(arg, "__name__", "") not in CALLS:
            return
        if board.add() < number or board.phase != phase:
            return
        sys.setprofile(None)
        when = "before" if event == "c_call" else "after"
        board.place = f"{when} {arg.__name__} in {own(frame)}"
        die()

    sys.setprofile(look)


def own(frame: FrameType | None) -> str:
    """Return which function of autoMAGIC's a frame is in."""
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith("automagic."):
            return f"{name}.{frame.f_code.co_name}"
        frame = frame.f_back
    return "doit"


def die_in_write(board: Board, number: int, random: Random) -> None:
    """Die within the so-and-so-many-th text that is written to a file: a part of it gets there."""
    left = number

    class Torn(io.TextIOWrapper):
        def write(self, text: str) -> int:
            nonlocal left
            left -= 1
            if left:
                return super().write(text)
            super().write(text[: random.randint(0, len(text))])
            super().flush()
            board.place = f"within write in {own(sys._getframe(1))}"
            die()
            return 0

    plain = builtins.open

    def opener(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
        if mode in ("w", "a") and not isinstance(file, int):
            return Torn(plain(file, f"{mode}b"), encoding="utf-8")
        return plain(file, mode, *more, **named)

    builtins.open = io.open = opener  # type: ignore[assignment]


# --- the phases


@contextlib.contextmanager
def within(board: Board, phase: str, after: str | None = None) -> Iterator[None]:
    """Be in a phase for a while."""
    before = board.phase
    board.phase = phase
    try:
        yield
    finally:
        board.phase = after or before


def wrap(board: Board, place: Any, name: str, phase: str, after: str | None = None) -> None:
    """Note the phase that a function means."""
    function = getattr(place, name)

    def noted(*words: Any, **named: Any) -> Any:
        with within(board, phase, after):
            return function(*words, **named)

    setattr(place, name, noted)


def note_phases(board: Board) -> None:
    """Have the phases noted."""
    board.phase = "start"
    wrap(board, drive, "make_plan", "plan")
    wrap(board, catalog, "rebuild", "catalog")
    wrap(board, catalog, "rebuild_apart", "catalog")
    wrap(board, Driver, "drive", "run", "end")


# --- the child that writes the catalog


class Spare:
    """A process that waits to be the child which writes the catalog: what it needs is there, so it begins at once."""

    def __init__(self, board: Board) -> None:
        self.board = board
        theirs, self._ours = os.pipe()
        self.number = os.fork()
        if self.number:
            os.close(theirs)
            return
        os.close(self._ours)
        code = 1
        try:
            words = os.read(theirs, 1 << 16).decode().split("\0")
            if len(words) > 1:
                end_with(theirs)
                catalog.rebuild(Folder(Path(words[1])), live="--live" in words[2:])
            code = 0
        finally:
            os._exit(code)

    def __call__(self, words: list[str], **_: Any) -> Spare:
        """Have it done, as `subprocess.Popen` would."""
        os.write(self._ours, "\0".join(words[2:]).encode())
        self.board.child = self.number
        self.stderr = io.StringIO()
        self.returncode: int | None = None
        return self

    def poll(self) -> int | None:
        """Tell how it ended, or None while it has not."""
        if self.returncode is None:
            number, status = os.waitpid(self.number, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if number else None
        return self.returncode

    def __enter__(self) -> Spare:
        return self

    def __exit__(self, *_: object) -> None:
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.number, 0)[1])
        os.close(self._ours)


def keep_spares(board: Board, number: int = 3) -> None:
    """Have the children of this driver ready."""
    spares = [Spare(board) for _ in range(number)]

    def start(words: list[str], **named: Any) -> Any:
        return (spares.pop() if spares else subprocess.Popen)(words, **named)

    catalog.subprocess = types.SimpleNamespace(PIPE=subprocess.PIPE, Popen=start)  # type: ignore[assignment]


# --- the driver


def run(
    board: Board,
    folder: Path,
    tasks: dict[str, Task],
    key: str,
    words: list[str],
    executor: Callable[[], Executor],
    catalog_every_s: float = 0.2,
) -> int:
    """Be ``./doit analysis=FOLDER …`` with these tasks and this executor."""

    def open_session(_: Path) -> Session:
        root = Folder(folder)
        with contextlib.suppress(FileNotFoundError):
            asked = Asked(root.graph)
            if asked.about("key") == key:
                return Session(folder, asked, {"mars": folder / "mars"})
            asked.connection.close()
        try:
            save(root.graph, tasks, {"engine": "mars", "key": key, "notes": []})
        except OSError as error:  # as `automagic.runner.current.expand_anew` does
            text = f"{root.graph} could not be written: {os.strerror(error.errno or 0)}"
            raise UserError(text, hint="Make room there, and try again.") from None
        return Session(folder, Asked(root.graph), {"mars": folder / "mars"})

    current.open_session = open_session
    strays.OLD_S = 0.0  # nobody else is here
    keep_spares(board)
    drive.make_executor = lambda *_: executor()
    drive.write_report = lambda _: None
    drive.CATALOG_EVERY_S = catalog_every_s
    state = {"GLOBAL": {"dep_file": str(folder / "doit.db")}}
    return int(DoitMain(config_filenames=("doit.cfg",), extra_config=state).run([f"analysis={folder}", *words]) or 0)
