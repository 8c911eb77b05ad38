"""What belongs into the archive of an analysis: all that was done for it, or a refusal that names what is missing."""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automagic.bookkeeping import Folder
from automagic.bookkeeping.journal import read_journal
from automagic.bookkeeping.lock import is_held
from automagic.errors import UserError
from automagic.graph.task import Input, Task
from automagic.images.record import Record
from automagic.job.steps import FORM, Step, check_step
from automagic.plan import make_plan
from automagic.runner.current import open_session
from automagic.runner.session import Session

KEPT = {"none": ("result",), "dl3": ("dl3", "index", "result"), "all": None}
"""Levels whose products an archive holds, by what ``--products`` says; `None` for all."""

TEXTS = ("analysis.toml", "site.toml", "images.lock", "README.md")
"""Files of an analysis folder that a person wrote, or accepted; those that are there are kept."""


@dataclass
class Gathered:
    """All that an archive of an analysis is made from.

    Attributes
    ----------
    folder
        The analysis.
    steps
        See `automagic.job.steps`.
    inputs
        Rows of ``inputs.tsv``: SHA-256, size, name, and where it was (path or url).
    images
        Records of the images that were used.
    stamp
        When the last thing happened, seconds since 1970: the date of all that the archive makes.
    """

    folder: Folder
    steps: list[Step]
    inputs: list[tuple[str, int, str, str]]
    images: list[Record] = field(default_factory=list)
    stamp: int = 0

    @property
    def day(self) -> str:
        """The date of the archive."""
        return time.strftime("%Y-%m-%d", time.gmtime(self.stamp))

    @property
    def time(self) -> str:
        """The same with the time, as in receipts."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.stamp))

    @property
    def host_environments(self) -> list[str]:
        """Environments of hosts in which programs ran: they cannot be put away."""
        return sorted({step["environment"] for step in self.steps if step["image"] is None})


def gather(root: Path, products: str = "dl3") -> Gathered:
    """Look through an analysis.

    Parameters
    ----------
    root
        Its folder.
    products
        Which products are kept, a key of `KEPT`.

    Raises
    ------
    UserError
        It is not complete, or a driver is running.
    """
    folder = Folder(root)
    if is_held(folder):
        raise UserError(f"{folder.name} is being worked on: a driver is running", hint="Wait for it to end.")
    if not folder.journal.is_dir() or not any(folder.journal.glob("*.jsonl")):
        raise UserError(f"{folder.name} was never run", hint=f"Run it: ./doit analysis={folder.label}")
    session = open_session(root)
    plan = make_plan(session)
    try:
        if plan.states or plan.found:  # found: done, but not in the journal yet
            _refuse(folder, [*plan.states, *plan.found])
        rows = plan.connection.execute("SELECT task, action FROM made WHERE action IS NOT NULL").fetchall()
    finally:
        plan.close()
    steps, inputs = _steps(session, dict(rows), KEPT[products])
    engines = sorted({step["engine"] for step in steps if step["image"] is not None})
    images = [record for engine in engines if (record := session.images.record(engine)) is not None]
    return Gathered(folder, steps, inputs, images, _stamp(folder))


def _refuse(folder: Folder, states: list[str]) -> None:
    shown = ", ".join(states[:3]) + (" …" if len(states) > 3 else "")
    raise UserError(
        f"{folder.name} is not complete: {len(states)} of its tasks are not up to date ({shown})",
        hint=f"automagic plan {folder.label} tells why;  ./doit analysis={folder.label} brings it up to date.",
    )


def _stamp(folder: Folder) -> int:
    """Return the time of the last event in the journal."""
    last = max((str(event.get("time", "")) for event in read_journal(folder.journal)), default="")
    try:
        return calendar.timegm(time.strptime(last, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return 0


def _steps(
    session: Session, actions: dict[str, str], levels: Iterable[str] | None
) -> tuple[list[Step], list[tuple[str, int, str, str]]]:
    """Return a step for each action, upstream first, and the files in storage that they read."""
    steps: dict[str, Step] = {}
    files: dict[str, tuple[str, int, str, str]] = {}
    known: dict[str, dict[str, str]] = {}
    missing = []
    tasks = session.ask()
    for name, task in tasks.items():
        if task.engine == "stage":
            continue
        action = actions.get(name, "")
        receipt = session.store.receipt(action) if action else None
        if receipt is None or receipt.get("state") != "done":
            missing.append(f"{name} has no receipt")
            continue
        if action in steps:
            steps[action]["tasks"].append(name)
            continue
        step = step_of(task, action, receipt, lambda each: actions[each], tasks, levels)
        check_step(step, known)
        known[action] = {each["name"]: each["sha256"] for each in step["made"]}
        steps[action] = step
        for item in step["inputs"]:
            if item["from"] is None:
                where = item.get("url") or item.pop("path", None) or ""
                files[item["sha256"]] = (item["sha256"], item["size"], item["name"], where)
            item.pop("path", None)
    if missing:
        raise UserError(f"{session.folder.name} is not complete: {'; '.join(missing[:5])}",
                        hint=f"automagic audit {session.folder.label} tells more.")  # fmt: skip
    return list(steps.values()), [files[key] for key in sorted(files)]


def step_of(
    task: Task, action: str, receipt: dict[str, Any], action_of: Any, tasks: Any, levels: Iterable[str] | None
) -> Step:
    """Return the step of a task from what the graph asks for and what the receipt tells.

    Parameters
    ----------
    action_of
        Returns the action of a task by its name.
    tasks
        All tasks by name.
    levels
        Whose products the archive holds; `None` for all.
    """
    read = {(item["role"], item["name"]): item for item in receipt["inputs"]}
    links = {output.name: output.link for output in task.outputs}
    needs = task.resources
    return {
        "form_version": FORM,
        "action": action,
        "tasks": [task.name],
        **{key: receipt.get(key) for key in ("program", "engine", "engine_digest", "recipe", "form", "environment")},
        **{key: receipt.get(key) for key in ("image", "command", "overrides", "variables", "started", "ended", "host")},
        "executable": task.executable,
        "arguments": list(task.arguments),
        "clock": task.clock,
        "threads": task.threads,
        "card": task.card,
        "inputs": [
            _input(each, read[each.role, each.name], action_of, tasks)
            for each in task.inputs
            if (each.role, each.name) in read
        ],
        "outputs": [
            {
                "name": o.name, "level": o.level, "link": o.link, "checks": o.checks, "optional": o.optional,
                "missing_with": list(o.missing_with),
            }
            for o in task.outputs
        ],
        "made": [
            {
                **{key: product[key] for key in ("name", "level", "size", "sha256")},
                "file": (links.get(product["name"]) or f"store/{action[:2]}/{action}/{product['name']}")
                if levels is None or product["level"] in levels
                else None,
            }
            for product in receipt["outputs"]
        ],
        "resources": {
            "cores": needs.cores, "memory_mb": needs.memory_mb, "disk_mb": needs.disk_mb, "minutes": needs.minutes,
        },
        "exit_codes": {str(code): text for code, text in sorted(task.exit_codes.items())},
        "tolerated": sorted(task.tolerated),
    }  # fmt: skip


def _input(each: Input, read: dict[str, Any], action_of: Any, tasks: Any) -> dict[str, Any]:
    """Return an input: where it comes from, and what it was."""
    about = {
        "role": each.role,
        "name": each.name,
        "sha256": read["sha256"],
        "size": read["size"],
        "checks": each.checks,
        "copy": each.copy,
        "from": None,
    }
    if each.task is None:
        return {**about, "path": each.path}
    before = tasks[each.task]
    if before.engine == "stage":
        return {**about, "url": read.get("url")}
    names = {output.name for output in before.outputs}
    product = each.name if each.name in names else f"{each.role}/{each.name}"
    return {**about, "from": action_of(each.task), "product": product}
