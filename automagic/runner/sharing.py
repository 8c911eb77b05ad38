"""What a driver takes from the shared store of the site, and what it adds to it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

from automagic.bookkeeping.adopt import taken
from automagic.bookkeeping.store import Receipt, product_hashes
from automagic.graph.task import Task
from automagic.job.publish import sync_folder
from automagic.runner.reporter import Reporter
from automagic.runner.session import Session, Standing
from automagic.sharing.store import DAMAGED, DIFFERS, REFUSED, SharedStore, user_name

Note = Callable[[dict[str, Any]], None]

SAID = 5
"""So many remarks of a kind are made in a run; the rest is counted."""


class Sharing:
    """The shared store, as a driver deals with it; without one, nothing is done.

    Nothing that goes wrong with the shared store can hinder a run: what it does not give is computed.

    Parameters
    ----------
    note
        Takes an event for the journal.
    """

    def __init__(self, session: Session, reporter: Reporter, note: Note) -> None:
        self.session = session
        self.reporter = reporter
        self.note = note
        self.shared: SharedStore | None = session.shared
        self.tasks = 0
        self.cpu_s = 0.0
        self._said: dict[str, int] = {}
        if self.shared is not None and self.shared.root.is_dir():
            self.shared.sweep()
        elif self.shared is not None:
            reporter.note(f"there is no shared store at {self.shared.root}: all is computed here")
            self.shared = None

    def take(self, task: Task, standing: Standing) -> Receipt | None:
        """Take what a task is to make, where somebody has made it; return its receipt, or `None`."""
        if self.shared is None or standing.action is None or standing.fresh or task.engine == "stage":
            return None
        action, store = standing.action, self.session.store
        if not os.path.lexists(self.shared.entry(action)):
            return None
        target = self.session.folder.action(action)
        if target.exists() and self.shared.look(action, task.outputs) is not None:
            store.discard(action)  # it is damaged
        found, maker = self.shared.take(action, target, self.session.hashes, task.outputs)
        if found.receipt is None or not found.how:
            if found.reason:
                self._refused(task, action, maker, found.reason)
            return None
        with contextlib.suppress(OSError):
            sync_folder(target.parent)
        self.session.settle(task.name, action, found.receipt)
        store.link(task, action, found.receipt)
        event = {**taken(task.name, found.receipt, str(self.shared.root)), **self.session.facts(task)}
        self.note({**event, "maker": maker, "how": found.how, "size": found.size})
        self.tasks += 1
        self.cpu_s += found.receipt.get("cpu_s") or 0.0
        return found.receipt

    def offer(self, task: Task, action: str, receipt: Receipt) -> None:
        """Add what a job has just made; where somebody's was there before and differs, that is told."""
        if self.shared is None:
            return
        came = self.shared.offer(self.session.folder.action(action), action, self.session.hashes)
        if came.state == DIFFERS:
            self._differs(task, action, receipt, came.receipt or {}, came.maker)
        elif came.state == DAMAGED:
            text = f"the shared store's entry of {task.name} is damaged: {came.reason}; {came.maker} can remove it"
            self._say(task, action, "shared-damaged", f"{text} (automagic gc --shared --damaged)")
        elif came.state == REFUSED:
            text = f"{task.name} could not be added to the shared store: {came.reason}"
            self._say(task, action, "shared-refused", text)

    def _refused(self, task: Task, action: str, maker: str, reason: str) -> None:
        text = f"{task.name} of {maker or 'somebody'} in the shared store is not taken: {reason}; it is computed here"
        self._say(task, action, "shared-not-taken", text)

    def _differs(self, task: Task, action: str, mine: Receipt, theirs: Receipt, maker: str) -> None:
        """Tell that two have made other bytes from the same: the program does not do the same each time."""
        here, there = product_hashes(mine), product_hashes(theirs)
        names = sorted(name for name in {*here, *there} if here.get(name) != there.get(name))
        me = user_name(os.geteuid())
        where = (f"(on {receipt.get('host')}, {receipt.get('ended')})" for receipt in (mine, theirs))
        text = (
            f"{task.program}, action {action[:16]}…, made other bytes for {me} {next(where)} "
            f"than for {maker} {next(where)}: {', '.join(names)}"
        )
        outputs = [[name, here.get(name), there.get(name)] for name in names]
        self.note(
            {"event": "differs", "task": task.name, "action": action, "reason": text, "maker": maker,
             "outputs": outputs}
        )  # fmt: skip
        self.reporter.note(f"not the same each time: {text}; each of you keeps their own")

    def _say(self, task: Task, action: str, cause: str, text: str) -> None:
        self.note({"event": "remark", "task": task.name, "action": action, "cause": cause, "reason": text})
        self._said[cause] = self._said.get(cause, 0) + 1
        if self._said[cause] <= SAID:
            self.reporter.note(text)

    def close(self) -> None:
        """Say what was saved."""
        from automagic.plan.text import spent

        for count in self._said.values():
            if count > SAID:
                self.reporter.note(f"and {count - SAID} more like this; the journal has all")
        if self.tasks:
            plural = "task was" if self.tasks == 1 else "tasks were"
            self.reporter.note(f"{self.tasks} {plural} taken from the shared store, {spent(self.cpu_s)} saved")
