"""The driver: one event loop between the tasks in their order and an executor."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from automagic.bookkeeping.events import facts, measured
from automagic.bookkeeping.journal import Journal
from automagic.bookkeeping.store import Receipt
from automagic.errors import UserError
from automagic.executors import Event, Executor, Request
from automagic.graph.task import Task
from automagic.runner.early import Early
from automagic.runner.jobs import Jobs
from automagic.runner.late import Late
from automagic.runner.order import Node, Order, depths
from automagic.runner.reporter import Reporter
from automagic.runner.session import File, Standing
from automagic.runner.sharing import Sharing
from automagic.runner.stagein import StageIn
from automagic.runner.trouble import Trouble, differing, in_words

DONE, FAILED = 0, 1
"""Results, as doit's."""


class Driver:
    """Runs the tasks of an analysis: asks what is up to date, hands ready tasks out in batches, and reads events.

    A failure stops only what depends on it. What happened is in the journal before anything follows from it.

    Parameters
    ----------
    reporter
        Tells a person.
    jobs, executor, journal
        Make jobs and take in their results; run them; keep what happened.
    always
        Whether tasks that are up to date are made again.
    checkpoint
        Called now and then, for what is derived from the journal.
    selected
        Names of the tasks that have to be looked at; all by default.
    whole
        Whether the run is about the whole analysis.
    read
        See `StageIn`.
    made
        The action that was last done for a task, as the catalog knows it.
    """

    def __init__(
        self,
        reporter: Reporter,
        jobs: Jobs,
        executor: Executor,
        journal: Journal,
        always: bool = False,
        checkpoint: Callable[[], None] = lambda: None,
        selected: Collection[str] | None = None,
        whole: bool = True,
        read: Collection[str] = (),
        made: Mapping[str, str] | None = None,
    ) -> None:
        self.jobs = jobs
        self.session = session = jobs.session
        self.reporter = reporter
        self.executor = executor
        self.journal = journal
        self.always = always
        self.checkpoint = checkpoint
        self.trouble = Trouble(session.site.condor.failures_max, several=executor.kind != "local")
        self.result = DONE
        self.cause: dict[str, str] = {}
        self._selected = set(session.tasks if selected is None else selected)
        self._whole = whole
        self._failed_before = str(session.folder.failed)
        self._made = made or {}
        self._batch: list[tuple[Request, dict[str, Any]]] = []
        self._attempts: dict[str, tuple[Node, dict[str, Any]]] = {}
        self._depth = depths(session.tasks)
        self._stagein = StageIn(session, journal, reporter, self._selected, read)
        self._waiting: dict[str, Node] = {}
        self._early = Early(jobs, executor, journal)
        self._late = Late(jobs, executor, session.site.condor.late_s)
        self._withdrawn: list[Event] = []
        self._notes: list[dict[str, Any]] = []
        self.sharing = Sharing(session, reporter, self._note)

    # --- the loop

    def drive(self) -> int:
        """Run everything and return doit's result: 0 done, 1 something failed."""
        try:
            self._early.take_over()
            self._run()
            if self._whole:
                self._early.withdraw()
        finally:
            self._stagein.close()
        self.sharing.close()
        return self.result

    def _run(self) -> None:
        order = Order(self.session.tasks, self._selected)
        while order.open:
            while (node := order.next()) is not None:
                if self._take(node):
                    order.over(node)
            self._flush()
            if not self._attempts and not self._waiting:
                if order.open:
                    raise RuntimeError("tasks wait for each other")
                break
            for node in self._listen():
                order.over(node)
        self._settle()

    def stop(self) -> int:
        """End all jobs that cannot go on without this process; those that were done in the meantime count.

        Returns
        -------
        int
            How many jobs go on.
        """
        self._batch.clear()
        self._stagein.close()
        self._handle(self._late.leave())
        self._settle()
        return self.active

    @property
    def active(self) -> int:
        """How many jobs wait or run, or have left what cannot be seen yet."""
        return self.executor.active + len(self._late)

    def _take(self, node: Node) -> bool:
        """Look at a task that is ready; tell whether it is over and done with already."""
        task, name = node.task, node.task.name
        if node.bad:
            self._blocked(node, task, self.cause.get(node.bad, node.bad))
            return True
        if task.stage in self.trouble.stopped:
            self._blocked(node, task, self.trouble.stopped[task.stage][1])
            return True
        standing = self.session.standing(name)
        if standing.fresh and self._nothing_to_do(task):
            self._up_to_date(node, task, standing)
            return True
        problem = standing.problem or self._too_large(task)
        if problem is not None:
            self._failed(node, task, problem)
            return True
        if self._taken(node, task, standing):
            return True
        if task.engine == "stage" or name in self._stagein.readers:
            node.status = "run"
            self._waiting[name] = node
            self._stagein.bring(task)
            return False
        return self._prepare(node, task, standing)

    def _nothing_to_do(self, task: Task) -> bool:
        return self._stagein.settled(task) if task.engine == "stage" else not self.always

    def _up_to_date(self, node: Node, task: Task, standing: Standing) -> None:
        assert standing.action is not None
        assert standing.receipt is not None
        if task.engine != "stage":
            self.session.store.link(task, standing.action, standing.receipt)
            if self._made.get(task.name) != standing.action:
                self._found(task, standing.action)
        node.status = "up to date"
        self._stagein.over(task.name)
        self.reporter.task_up_to_date(task.name)

    def _found(self, task: Task, action: str) -> None:
        """Note that the store has what a task is to make, from an earlier time."""
        receipt = self.session.store.receipt(action) or {}
        told = {**facts(receipt), **self.session.facts(task)}
        self._note({"event": "found", "task": task.name, "action": action, **told})

    def _taken(self, node: Node, task: Task, standing: Standing) -> bool:
        """Take what a task is to make from the shared store, where that has it; tell whether it did."""
        if self.always or self._early.has(standing.action) or self.sharing.take(task, standing) is None:
            return False
        node.status = "up to date"
        self._stagein.over(task.name)
        self.reporter.task_up_to_date(task.name)
        return True

    def _too_large(self, task: Task) -> str | None:
        if task.resources.memory_mb > self.executor.memory_mb:
            return f"it needs {task.resources.memory_mb} MB of memory, and jobs here have {self.executor.memory_mb} MB"
        return None

    def _prepare(self, node: Node, task: Task, standing: Standing) -> bool:
        """Put the job of a task into the next batch; tell whether it failed already."""
        assert standing.action is not None
        node.status = "run"
        attempt = self._early.claim(standing.action)
        if attempt is not None:  # a driver before this one has handed it out
            event = {"task": task.name, "action": standing.action, "attempt": attempt}
            self._attempts[attempt] = (node, event)
            if self._early.runs(attempt):
                self.reporter.task_started(task.name)
            return False
        if not standing.fresh:
            self.session.store.unlink(task)
        return self._hand_out(node, task, standing.action, standing.files)

    def _hand_out(self, node: Node, task: Task, action: str, files: list[File] | None = None) -> bool:
        try:
            request = self.jobs.make(task, action, self._depth[task.name], files)
        except (UserError, OSError) as error:
            here = self.session.folder.work
            self._failed(node, task, error.message if isinstance(error, UserError) else in_words(error, here))
            return True
        event = {"task": task.name, "action": action, "attempt": request.attempt, "requested_mb": request.memory_mb}
        self._batch.append((request, event))
        self._attempts[request.attempt] = (node, event)
        return False

    def _flush(self) -> None:
        if self._batch:
            self.checkpoint()
            self._note(*({**event, "event": "submitted"} for _, event in self._batch))
            self._settle()
            self.executor.submit([request for request, _ in self._batch])
            self._batch.clear()

    def _note(self, *events: dict[str, Any]) -> None:
        self._notes += events

    def _settle(self) -> None:
        """Bring results and then the journal to the disk: once for all that came in together.

        After a crash before this, the receipts still tell how the jobs ended.
        """
        self.jobs.sync()
        self.journal.write(*self._notes)
        self._notes.clear()

    # --- what came of it

    def _listen(self) -> list[Node]:
        events, self._withdrawn = self._withdrawn, []
        over = self._handle(events or self._late.wait(60.0, self._stagein.descriptor))
        over += self._hear()
        self._settle()
        self.checkpoint()
        return over

    def _hear(self) -> list[Node]:
        """Take note of files that were brought; return the nodes that are over with that."""
        over = []
        for event in self._stagein.hear(idle=not self.active and not self._batch):
            node = self._waiting.pop(event.name)
            task = self.session.tasks[event.name]
            if event.kind == "failed":
                self._failed(node, task, event.reason)
                over.append(node)
            elif self._brought(node, task, event):
                over.append(node)
        return over

    def _brought(self, node: Node, task: Task, event: Any) -> bool:
        """Go on with a task whose files are here; tell whether it is over."""
        changed = self._stagein.note(task, event)
        seconds = self._stagein.took(task.name)
        if task.engine == "stage":
            self._stagein.free(task)
            node.status = "done"
            self.reporter.task_done(task.name, seconds)
            return True
        standing = self.session.standing(task.name)
        if changed and standing.fresh and not self.always:
            self._up_to_date(node, task, standing)
            return True
        if standing.problem is not None or standing.action is None:
            self._failed(node, task, standing.problem or standing.reason)
            return True
        return self._taken(node, task, standing) or self._prepare(node, task, standing)

    def _handle(self, events: Iterable[Event]) -> list[Node]:
        """Take note of events; return the nodes that are over."""
        over = []
        for event in events:
            if event.attempt not in self._attempts:
                self._early.hear(event)
                continue
            node, submitted = self._attempts[event.attempt]
            task = self.session.tasks[submitted["task"]]
            if event.kind == "started":
                self._note({**submitted, "event": "started", **({"host": event.host} if event.host else {})})
                self.reporter.task_started(task.name)
            elif event.kind == "note":
                self._note({**submitted, "event": "note", "cause": event.cause, "detail": event.detail})
                self.reporter.task_noted(task.name, event.cause, event.detail)
            else:
                del self._attempts[event.attempt]
                if self._ended(node, task, submitted, event):
                    over.append(node)
        return over

    def _ended(self, node: Node, task: Task, submitted: dict[str, Any], event: Event) -> bool:
        """Take in what a job left; tell whether its task is over, or `False` where it is tried again."""
        left, placed = self.jobs.adopt(event.attempt)
        end = left or {}
        if event.cause in ("cancelled", "withdrawn") and not end:
            self._cancelled(node, task, submitted, event.cause)
            return True
        cause, reason = end.get("cause") or event.cause, end.get("reason") or event.detail
        if end.get("state") != "failed":
            # the store is the truth: another attempt may have been faster
            receipt, why = self.session.store.intact(submitted["action"], task.outputs, left if placed else None)
            if receipt is not None:
                if not placed and (other := differing(receipt, end)):
                    self.reporter.task_differs(task.name, other)
                self._done(node, task, submitted, receipt)
                return True
            if end or not reason:
                cause, reason = cause or "lost", f"the job says that it is done, but {why}"
        self.jobs.clear(event.attempt)
        facts = {"cause": cause or "internal", **measured(end)}
        if self.trouble.again(task.name, facts["cause"]):
            self._note({**submitted, "event": "failed", "reason": reason, "again": True, **facts})
            self.reporter.task_again(task.name, reason)
            return self._hand_out(node, task, submitted["action"])
        self._failed(node, task, reason, submitted, facts)
        return True

    def _cancelled(self, node: Node, task: Task, submitted: dict[str, Any], cause: str) -> None:
        self.jobs.clear(submitted["attempt"])
        self._note({**submitted, "event": "cancelled"})
        if cause == "withdrawn":
            self._blocked(node, task, self.trouble.stopped[task.stage][1])
            return
        node.status = "failed"
        self._stagein.over(task.name)
        self.reporter.running.pop(task.name, None)

    def _done(self, node: Node, task: Task, submitted: dict[str, Any], receipt: Receipt) -> None:
        told = facts(receipt)
        if "recipe" not in told:  # the job was made by an older version
            told |= self.session.facts(task)
        self._note({**submitted, "event": "done", **measured(receipt), **told})
        failure = f"{self._failed_before}/{submitted['action'][:2]}/{submitted['action']}"
        if os.path.exists(failure):
            shutil.rmtree(failure, ignore_errors=True)
        self.session.settle(task.name, submitted["action"], receipt)
        self.session.store.link(task, submitted["action"], receipt)
        self.sharing.offer(task, submitted["action"], receipt)
        self._stagein.over(task.name)
        self.trouble.done(task.stage)
        node.status = "done"
        self.reporter.task_done(task.name, receipt.get("wall_s") or 0.0)

    def _failed(
        self,
        node: Node,
        task: Task,
        reason: str,
        submitted: dict[str, Any] | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        self._stagein.over(task.name)
        self.session.store.unlink(task)
        event = submitted or {"task": task.name}
        kind = "failed" if submitted else "problem"
        self._note({**event, "event": kind, "reason": reason, **(facts or {})})
        node.status = "failed"
        self.result = FAILED
        cause = (facts or {}).get("cause", "")
        self.reporter.task_failed(task.name, reason, cause)
        if submitted and self.trouble.failed(task.stage, task.name, cause):
            self._stop_stage(task.stage)

    def _stop_stage(self, stage: str) -> None:
        """Take all jobs of a stage back that have not started: too many of it failed in the same way."""
        cause, first, count = self.trouble.stopped[stage]
        self._note({"event": "stopped", "stage": stage, "cause": cause, "count": count, "first": first})
        self.reporter.stage_stopped(stage, cause, count)
        own = {attempt for attempt, (_, event) in self._attempts.items() if event["task"].startswith(f"{stage}:")}
        unsent = [request.attempt for request, _ in self._batch if request.attempt in own]
        self._batch = [pair for pair in self._batch if pair[0].attempt not in own]
        self._withdrawn += [Event(attempt, "ended", "withdrawn") for attempt in unsent]
        self.executor.withdraw(own.difference(unsent))

    def _blocked(self, node: Node, task: Task, cause: str) -> None:
        self.cause[task.name] = cause
        self._stagein.over(task.name)
        self.session.store.unlink(task)
        self._note({"event": "blocked", "task": task.name, "cause": cause})
        node.status = "failed"
        self.reporter.task_blocked(task.name, cause)
