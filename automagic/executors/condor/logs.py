"""The event logs that HTCondor writes for us. Several batches share one, so that few are open."""

from __future__ import annotations

import importlib
import itertools
import uuid
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from automagic.executors.condor.follow import Follower

TURN = 20_000
"""So many events are taken in at once."""

LOG_JOBS = 20_000
"""A log with more jobs than this gets a successor: it can go when all its jobs have ended."""

Log = Any  # what `htcondor2.JobEventLog` is: has ``events(stop_after=0)`` and ``close()``


def open_log(path: str) -> Log:
    """Open an event log."""
    condor: Any = importlib.import_module("htcondor2")
    return condor.JobEventLog(path)


class Logs:
    """The event logs in a folder.

    Parameters
    ----------
    opens
        Opens one.
    """

    def __init__(self, folder: Path, opens: Callable[[str], Log] = open_log) -> None:
        self.folder = folder
        self._open = opens
        self._logs: dict[str, Log] = {}
        self._current, self._jobs = "", 0

    def current(self, jobs: int) -> str:
        """Return the name of the log that new jobs write to."""
        if not self._current or self._jobs > LOG_JOBS:
            self._current, self._jobs = f"{uuid.uuid4().hex[:16]}.log", 0
        self._jobs += jobs
        return self._current

    def follow(self, name: str) -> None:
        """Read a log from its beginning."""
        if name not in self._logs:
            path = self.folder / name
            path.touch()
            self._logs[name] = self._open(str(path))

    def read(self, follower: Follower) -> int:
        """Hand on what is new; return how many events that were."""
        total = 0
        for log in self._logs.values():
            number = TURN
            while number == TURN:
                number = follower.take(itertools.islice(log.events(stop_after=0), TURN))
                total += number
        follower.settle()
        return total

    def keep(self, used: Collection[str]) -> None:
        """Take all logs away but those that are still written to."""
        for name in [name for name in self._logs if name not in used]:
            self._logs.pop(name).close()
            (self.folder / name).unlink(missing_ok=True)
            if name == self._current:
                self._current = ""
