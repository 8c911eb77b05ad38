"""The journal: what happened, one JSON line an event, one file a driver run, only ever appended to.

Events: ``start`` and ``end`` of a driver run; ``submitted``, ``started``, ``done``, ``failed`` (with ``again`` where it
is tried again), ``cancelled`` of an attempt at a task, and ``note`` of what happened to it on the way (``cause``,
``detail``); ``found`` where the store had a task's action from earlier, or was given it from another analysis or store
(``origin``); ``derived`` of an analysis that begins as another one with a key changed; ``stopped`` of a stage in which
too much failed; ``blocked`` and ``problem`` of a task that was never started; ``recalled`` and ``waiting`` (files on
tape), ``staged`` and ``released`` (files in the cache); ``differs`` of a product that came out otherwise when its task
was run again. ``done`` and ``found`` tell hashes of what was read and made.
What comes from the shared store of a site has an ``origin``, a ``maker`` and ``how`` it was taken; a ``remark`` is
made of an entry there that cannot be used or added, and ``differs`` also of what another user has made of an action.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from automagic.bookkeeping.stamp import next_stamp

Event = dict[str, Any]


class Journal:
    """Appends to the journal of this driver run. The file is made with the first event: a run without any leaves none.

    Parameters
    ----------
    first
        What is written before the first event.
    """

    def __init__(self, folder: Path, first: Event | None = None) -> None:
        self.folder = folder
        self._first = first
        self._file: IO[bytes] | None = None

    def write(self, *events: Event) -> None:
        """Write events and bring them to the disk before returning."""
        if not events:
            return
        from pydantic_core import to_json

        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            name = next_stamp(self.folder)
            self._file = open(self.folder / f"{name}-{os.getpid()}.jsonl", "ab")  # noqa: SIM115
            events = (*((self._first,) if self._first else ()), *events)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._file.write(b"".join(to_json({"time": stamp, **event}) + b"\n" for event in events))
        self._file.flush()
        os.fsync(self._file.fileno())

    @property
    def used(self) -> bool:
        """Whether anything was written."""
        return self._file is not None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def journals(folder: Path) -> list[Path]:
    """Return the files of the journal, the oldest first."""
    return sorted(folder.glob("*.jsonl"))


def read_journal(folder: Path) -> Iterator[Event]:
    """Read all events of an analysis in the order in which they happened.

    A last line that a crash cut short is left out.
    """
    for path in journals(folder):
        yield from _events(path.read_text(encoding="utf-8", errors="replace").splitlines())


def latest_journal(folder: Path) -> Iterator[Event]:
    """Read the events of the last driver run alone."""
    for path in journals(folder)[-1:]:
        yield from _events(path.read_text(encoding="utf-8", errors="replace").splitlines())


def _events(lines: Iterable[str]) -> Iterator[Event]:
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "event" in event:
            yield event
