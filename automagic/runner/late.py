"""Results that are there and cannot be seen yet, on file systems that several hosts share.

The client of a file server remembers for a while what a folder has, and what is not in it.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass

from automagic.executors import Event, Executor
from automagic.job.publish import look_again
from automagic.runner.jobs import Jobs

FIRST_S, LONGEST_S = 0.5, 10.0
"""Pauses between looks: the first one, and what they grow to."""

UNKNOWN = ("", "lost")
"""Causes of ends that say nothing against a result."""


@dataclass
class _Kept:
    event: Event
    pause_s: float
    next: float
    until: float


class Late:
    """Stands between the driver and an executor: an end is told when its result can be seen, or was waited for.

    Parameters
    ----------
    late_s
        A result is looked for this long. On this machine alone (`Executor.kind` is ``"local"``) nothing is late.
    """

    def __init__(self, jobs: Jobs, executor: Executor, late_s: float) -> None:
        self.jobs = jobs
        self.executor = executor
        self.late_s = late_s if executor.kind != "local" else 0.0
        self.clock = time.monotonic
        self.sleep = time.sleep
        self._kept: dict[str, _Kept] = {}

    def __len__(self) -> int:
        """How many ends are kept back."""
        return len(self._kept)

    def wait(self, timeout: float, wake: int | None = None) -> list[Event]:
        """Do as `Executor.wait`, and tell of those ends that can be told."""
        alone = False
        if self._kept:
            soon = min(kept.next for kept in self._kept.values()) - self.clock()
            timeout = min(timeout, max(0.0, soon))
            alone = wake is None and not self.executor.active
        events = self.executor.wait(timeout, wake)
        if alone and not events:  # an executor without jobs does not wait
            self.sleep(timeout)
        return [*self._look(), *(event for event in events if not self._keep(event))]

    def leave(self) -> list[Event]:
        """Do as `Executor.leave`; what cannot be seen now is for the next driver."""
        return [*self._look(all_of_them=True), *self.executor.leave()]

    def _keep(self, event: Event) -> bool:
        """Keep an end back if there is no result that it could tell of."""
        if event.kind != "ended" or event.cause not in UNKNOWN or not self.late_s:
            return False
        attempt = event.attempt
        if self.jobs.has_result(attempt) or not self.jobs.folder(attempt).exists() or self._is_there(attempt):
            return False
        now = self.clock()
        self._kept[attempt] = _Kept(event, FIRST_S, now + min(FIRST_S, self.late_s), now + self.late_s)
        return True

    def _look(self, all_of_them: bool = False) -> list[Event]:
        now, over = self.clock(), []
        for attempt, kept in list(self._kept.items()):
            if now < kept.next and not all_of_them:
                continue
            if self._is_there(attempt):
                over.append(kept.event)
            elif now >= kept.until:
                words = f"the job ended, and no result of it could be seen for {self.late_s:g} s"
                over.append(dataclasses.replace(kept.event, cause="lost", detail=kept.event.detail or words))
            else:
                kept.pause_s = min(2 * kept.pause_s, LONGEST_S)
                kept.next = min(now + kept.pause_s, kept.until)
                continue
            del self._kept[attempt]
        return over

    def _is_there(self, attempt: str) -> bool:
        """Look for a result, asking the file server."""
        folder = self.jobs.folder(attempt)
        look_again(folder)
        if self.executor.kind == "transfer":
            from automagic.executors.condor.carry import RESULT, bring_in

            look_again(folder / RESULT)
            bring_in(folder)
        return self.jobs.has_result(attempt)
