"""Attempts of drivers before this one: what they left is taken in, what still runs is taken over, none runs twice."""

from __future__ import annotations

from typing import Any

from automagic.bookkeeping.events import facts, measured
from automagic.bookkeeping.journal import Journal
from automagic.bookkeeping.store import Receipt
from automagic.executors import Event, Executor
from automagic.runner.jobs import Jobs


class Early:
    """The attempts that were handed out before this driver began."""

    def __init__(self, jobs: Jobs, executor: Executor, journal: Journal) -> None:
        self.jobs = jobs
        self.executor = executor
        self.journal = journal
        self._open: dict[str, dict[str, Any]] = {}
        self._by_action: dict[str, str] = {}
        self._running: set[str] = set()

    def take_over(self) -> None:
        """Look at all attempts whose folders lie in ``work/``."""
        left = self.jobs.left()
        alive = self.executor.adopt(left.__contains__)
        for attempt, spec in left.items():
            event = {"task": spec["task"], "action": spec["action"], "attempt": attempt}
            if attempt in alive:
                self._open[attempt] = event
                self._by_action[spec["action"]] = attempt
            else:
                self._finish(event)
        self.jobs.sync()
        for path in self.jobs.session.folder.work.glob("*"):
            if path.name not in alive and (path.name.startswith("damaged-") or (path / "spec.json").exists()):
                self.jobs.clear(path.name)

    def _finish(self, event: dict[str, Any]) -> None:
        """Take in what an attempt left that no driver has seen the end of."""
        receipt, _ = self.jobs.adopt(event["attempt"])
        if receipt is None:
            self.jobs.clear(event["attempt"])
            return
        self._note(event, receipt)

    def _note(self, event: dict[str, Any], receipt: Receipt) -> None:
        told = {key: receipt[key] for key in ("reason", "cause") if receipt.get(key)}
        if receipt["state"] == "done":
            told |= facts(receipt)
        self.journal.write({**event, "event": receipt["state"], **told, **measured(receipt)})

    def claim(self, action: str) -> str | None:
        """Return the attempt at an action that is still under way, once."""
        attempt = self._by_action.pop(action, None)
        if attempt is not None:
            del self._open[attempt]
        return attempt

    def has(self, action: str | None) -> bool:
        """Tell whether an attempt at an action is still under way."""
        return action in self._by_action

    def runs(self, attempt: str) -> bool:
        """Tell whether an attempt has started, as far as heard."""
        return attempt in self._running

    def hear(self, event: Event) -> None:
        """Take note of an event of an attempt that no task has asked for yet."""
        if event.kind == "started":
            self._running.add(event.attempt)
        if event.kind != "ended" or event.attempt not in self._open:
            return
        about = self._open.pop(event.attempt)
        self._by_action.pop(about["action"], None)
        self._finish(about)

    def withdraw(self) -> None:
        """Take back the attempts that no task has asked for: the analysis has changed since."""
        if self._open:
            self.executor.withdraw(set(self._open))
            self._open.clear()
            self._by_action.clear()
