"""Runs some tasks of an analysis again where it lies, and tells which products come out otherwise."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automagic.archive.gather import step_of
from automagic.archive.rerun import Host, Loop, compare_with
from automagic.bookkeeping import Folder, Journal, catalog, hold
from automagic.errors import UserError
from automagic.executors.choose import executor_of
from automagic.job.again import DIFFERS, IDENTICAL, Bench, Row
from automagic.job.bundle import bundle
from automagic.job.launch import apptainer_of
from automagic.job.steps import Step
from automagic.plan import make_plan
from automagic.runner.current import open_session
from automagic.runner.session import Session


@dataclass
class Reexecuted:
    """What came of it.

    Attributes
    ----------
    tasks, of
        How many tasks ran again, of how many.
    rows
        Their products; see `automagic.job.again.Row`.
    """

    tasks: int = 0
    of: int = 0
    rows: list[Row] = field(default_factory=list)

    @property
    def wrong(self) -> list[Row]:
        """Products that did not come out the same."""
        return [row for row in self.rows if row["verdict"] != IDENTICAL]


def reexecute(
    root: Path, share: float, seed: int, tell: Callable[[Sequence[Row]], None] = lambda _: None
) -> Reexecuted:
    """Run a random sample of the tasks that are up to date again, each on the inputs that it had.

    What differs is kept in the journal, and with it in the catalog's table ``nondeterminism``. The store stays as
    it is.

    Parameters
    ----------
    root
        The analysis folder.
    share
        Of the tasks; at least one is run.
    seed
        Of the choice.
    tell
        Called with the products of each task as they are compared.

    Raises
    ------
    UserError
        A driver is running, or the programs are not those that the tasks were run with.
    """
    folder = Folder(root)
    with hold(folder):
        session = open_session(root)
        steps, storage, found = _sample(session, share, seed)
        place = folder.work / f"again-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        try:
            _run(session, steps, storage, place, found, tell)
        finally:
            shutil.rmtree(place, ignore_errors=True)
            if folder.work.is_dir() and not any(folder.work.iterdir()):
                folder.work.rmdir()
        _note(folder, steps, found)
    return found


def _sample(session: Session, share: float, seed: int) -> tuple[list[Step], dict[str, Path], Reexecuted]:
    """Choose tasks; return their steps, their files in storage by hash, and how many there are."""
    plan = make_plan(session)
    try:
        rows = plan.connection.execute("SELECT task, action FROM made WHERE action IS NOT NULL").fetchall()
        stale = {*plan.states, *plan.found, *plan.staging}
    finally:
        plan.close()
    actions = dict(rows)
    tasks = session.ask()
    fresh = [name for name in tasks if name in actions and name not in stale]
    if not fresh:
        raise UserError(f"{session.folder.name} has no task that is up to date", hint="Run it first: ./doit analysis=…")
    number = min(len(fresh), max(1, round(share * len(fresh))))
    chosen = sorted(random.Random(seed).sample(fresh, number), key=fresh.index)
    steps: dict[str, Step] = {}
    storage: dict[str, Path] = {}
    for name, task in session.load(chosen).items():
        receipt = session.store.receipt(actions[name])
        if receipt is None:
            continue
        step = step_of(task, actions[name], receipt, actions.__getitem__, tasks, None)
        for item in step["inputs"]:
            if item["from"] is None:
                storage[item["sha256"]] = Path(item["path"]) if "path" in item else _staged(session, task, item)
        steps.setdefault(actions[name], step)
    return list(steps.values()), storage, Reexecuted(len(steps), len(fresh))


def _staged(session: Session, task: Any, item: dict[str, Any]) -> Path:
    """Return where a staged file is now."""
    for each in task.inputs:
        if (each.role, each.name) == (item["role"], item["name"]) and each.task is not None:
            there = session.staged.file(session.tasks[each.task], each.name)
            if there is not None:
                return Path(there[0])
    raise UserError(f"{item['name']} is not here any more", hint="Bring it: automagic stage")


def _run(
    session: Session, steps: list[Step], storage: dict[str, Path], place: Path, found: Reexecuted, tell: Any
) -> None:
    """Run the steps and compare, each for itself: what it reads is what it read then."""
    images = {
        step["image"]["partition_sha256"]: path
        for step in steps
        if step["image"] and (path := session.images.path(step["engine"])) is not None
    }
    host = Host(steps, session.site, place)
    for step in steps:  # an image is pinned, and checked as it is for a run
        record = session.images.record(step["engine"]) if step["image"] else None
        if record is not None and record.partition_sha256 != step["image"]["partition_sha256"]:
            raise UserError(f"{step['tasks'][0]} was run in another image", hint="automagic plan tells more.")
    pyz = bundle(place / "work")
    executor = executor_of(session.site, place / "work", f"rerun-{session.folder.name}", pyz)
    apptainer = apptainer_of(executor.kind, session.site.condor.apptainer)
    bench = Bench(place, storage, images, pyz, apptainer, executor.kind, session.folder.store)
    for step, reason in Loop(executor, bench, steps, host, alone=True).run():
        rows = bench.compare(step, reason)
        for row in rows:
            if row["verdict"] == DIFFERS:
                compare_with(row, session.folder.action(step["action"]) / row["name"])
        found.rows += rows
        tell(rows)


def _note(folder: Folder, steps: list[Step], found: Reexecuted) -> None:
    """Keep what differs in the journal, and bring the catalog up to date."""
    action = {step["tasks"][0]: step["action"] for step in steps}
    events = [
        {
            "event": "differs",
            "task": row["task"],
            "action": action[row["task"]],
            "reason": "\n".join(row.get("differences") or [row["reason"] or row["verdict"]]),
            "outputs": [[row["name"], row["sha256"], row["now"]]],
        }
        for row in found.wrong
    ]
    if events:
        journal = Journal(folder.journal)
        journal.write(*events)
        journal.close()
        catalog.rebuild_apart(folder)
