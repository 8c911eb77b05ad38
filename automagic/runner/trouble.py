"""Which failures are tried again, and when a stage gives up: decided by the table in `automagic.executors.policy`."""

from __future__ import annotations

import errno
from collections import Counter
from pathlib import Path

from automagic.bookkeeping.store import Receipt, product_hashes
from automagic.executors.policy import policy


class Trouble:
    """Counts failures of one driver run.

    Parameters
    ----------
    failures_max
        After so many failures of one kind, and where more tasks of a stage fail than succeed, the stage stops.
    several
        Whether there are several nodes: on this machine alone nothing changes from one try to the next.

    Examples
    --------
    >>> trouble = Trouble(2, several=True)
    >>> trouble.again("star:1.M1", "disk"), trouble.again("star:1.M1", "exit")
    (True, False)
    >>> trouble.failed("star", "star:1.M1", "exit"), trouble.failed("star", "star:2.M1", "exit")
    (False, True)
    >>> trouble.stopped["star"]
    ('exit', 'star:1.M1', 2)
    """

    def __init__(self, failures_max: int, several: bool) -> None:
        self.failures_max = failures_max
        self.several = several
        self.stopped: dict[str, tuple[str, str, int]] = {}
        self._tries: Counter[tuple[str, str]] = Counter()
        self._failures: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str], str] = {}
        self._done: Counter[str] = Counter()

    def again(self, task: str, cause: str) -> bool:
        """Tell whether a task that failed for a cause is tried again, and count the try."""
        what = policy(cause)
        if not self.several or what.in_queue or self._tries[task, cause] >= what.retries:
            return False
        self._tries[task, cause] += 1
        return True

    def done(self, stage: str) -> None:
        """Take note of a task that is done."""
        self._done[stage] += 1

    def failed(self, stage: str, task: str, cause: str) -> bool:
        """Take note of a task that failed for good; tell whether its stage stops with that."""
        if not policy(cause).counts or stage in self.stopped:
            return False
        key = stage, cause
        self._first.setdefault(key, task)
        self._failures[key] += 1
        if self._failures[key] < self.failures_max or self._failures[key] <= self._done[stage]:
            return False
        self.stopped[stage] = cause, self._first[key], self._failures[key]
        return True


def in_words(error: OSError, place: Path) -> str:
    """Say what went wrong where something should have been written below a folder.

    >>> in_words(OSError(errno.EDQUOT, "Disk quota exceeded"), Path("/a/work"))
    'the disk is full: /a/work could not be written'
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full: {error.filename or place} could not be written"
    return f"{error.filename or place}: {error.strerror or error}"


def differing(receipt: Receipt, end: Receipt) -> list[str]:
    """Name the products that a job has made in other bytes than an earlier one of the same action."""
    before = product_hashes(receipt)
    return [name for name, digest in product_hashes(end).items() if before.get(name) != digest]
