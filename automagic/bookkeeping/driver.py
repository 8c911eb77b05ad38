"""What is known of the driver of an analysis: of the one that runs, or else of the last one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automagic.bookkeeping.folder import Folder
from automagic.bookkeeping.lock import is_held, read_holder

TAIL = 100_000
"""The last event is within so many bytes of a journal's end."""


@dataclass(frozen=True)
class Driver:
    """A driver.

    Attributes
    ----------
    running
        Whether it holds the lock.
    user, host, process, since
        Who it is, and since when.
    executor
        ``"local"`` or ``"condor"``.
    detached
        Whether it is itself a job of HTCondor.
    last, ended, code
        When it wrote last; when and how it ended, `None` where it did not say so: it runs, or it died.
    journal
        Its journal; `None` where it has not written anything yet.
    """

    running: bool
    user: str | None = None
    host: str | None = None
    process: int | None = None
    since: str | None = None
    executor: str | None = None
    detached: bool | None = None
    last: str | None = None
    ended: str | None = None
    code: int | None = None
    journal: Path | None = None


def find_driver(folder: Folder) -> Driver:
    """Return what lock and journal tell of the driver that runs, or of the last one."""
    running = is_held(folder)
    lock = read_holder(folder) if running else {}
    newest = max(folder.journal.glob("*.jsonl"), default=None)
    if newest is None:
        return Driver(running, **_holder(lock))
    own = _own(folder, lock) if lock else newest
    # the site of a driver that has not written anything yet is most likely that of the one before
    start = _first_event(own or newest)
    told = {"executor": start.get("executor")}
    if own is None:
        return Driver(running, **_holder(lock), **told)
    newest = own
    last = _last_event(newest)
    ending = last if last.get("event") == "end" and not running else {}
    who = {"host": start.get("host"), "process": start.get("process"), "since": start.get("time"), **_holder(lock)}
    return Driver(
        running,
        **who,
        **told,
        detached=start.get("detached"),
        last=last.get("time"),
        ended=ending.get("time"),
        code=ending.get("code"),
        journal=newest,
    )


def _holder(lock: dict[str, Any]) -> dict[str, Any]:
    """Return what the lock tells, with the time as journals write it."""
    told: dict[str, Any] = {key: lock[key] for key in ("user", "host", "process") if key in lock}
    if "since" in lock:
        told["since"] = str(lock["since"]).replace(" UTC", "Z").replace(" ", "T")
    return told


def _own(folder: Folder, lock: dict[str, Any]) -> Path | None:
    """Return the journal of the process that holds the lock: it has its number and host, and is not older.

    It need not be the last one by its name, which has the time of the host where the driver runs.
    """
    for path in sorted(folder.journal.glob("*.jsonl"), reverse=True):
        begun, _, process = path.stem.rpartition("-")
        if process != str(lock.get("process")):
            continue
        start = _first_event(path)
        elsewhere = start.get("process") == lock.get("process") and start.get("host") != lock.get("host")
        if not elsewhere and _digits(begun) >= _digits(str(lock.get("since"))):
            return path
    return None


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _first_event(journal: Path) -> dict[str, Any]:
    """Return what a driver said when it began; nothing where it is an older one."""
    with open(journal, encoding="utf-8", errors="replace") as file:
        try:
            found = json.loads(file.readline())
        except ValueError:
            return {}
    return found if isinstance(found, dict) and found.get("event") == "start" else {}


def _last_event(journal: Path) -> dict[str, Any]:
    with open(journal, "rb") as file:
        file.seek(max(0, journal.stat().st_size - TAIL))
        lines = file.read().decode("utf-8", "replace").splitlines()
    for line in reversed(lines):
        try:
            found = json.loads(line)
        except ValueError:  # cut short, by a crash or where the tail begins
            continue
        if isinstance(found, dict):
            return found
    return {}
