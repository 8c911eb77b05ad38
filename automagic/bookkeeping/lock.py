"""One driver at a time in an analysis folder; a second one is told who holds it."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import platform
import time
from collections.abc import Iterator
from typing import IO

from automagic.bookkeeping.folder import Folder
from automagic.errors import UserError


@contextlib.contextmanager
def hold(folder: Folder) -> Iterator[None]:
    """Hold the lock of an analysis. It goes with the process, however that ends.

    Raises
    ------
    UserError
        Somebody else holds it; the message says who, where and since when.
    """
    folder.lock.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.lock, "a+", encoding="utf-8") as file:
        if not _take(file):
            raise UserError(
                f"the analysis {folder.name} is already being run {holder(folder)}",
                hint="Wait for it to end, or stop it there with Ctrl-C.",
            )
        file.truncate(0)
        json.dump(_me(), file)
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _take(file: IO[str]) -> bool:
    for _ in range(3):  # somebody who only looks (`is_held`) has it for a moment
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.05)
    return False


def _me() -> dict[str, str | int]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    return {"user": user, "host": platform.node(), "process": os.getpid(), "since": since}


def is_held(folder: Folder) -> bool:
    """Tell whether a driver is running here."""
    try:
        with open(folder.lock, encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def holder(folder: Folder) -> str:
    """Say who holds the lock, in words."""
    try:
        who = json.loads(folder.lock.read_text(encoding="utf-8"))
        return f"by {who['user']} on {who['host']} since {who['since']} (process {who['process']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "by another process"
