"""From a task to its job folder, ``work/<attempt>``, and from what the job left there to the store."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from automagic.bookkeeping.store import Receipt, read_receipt
from automagic.executors import Request
from automagic.graph.task import Output, Resources, Task
from automagic.job.launch import apptainer_of, launch_lines, place
from automagic.job.publish import look_again, publish, sync_folder
from automagic.job.spec import signature
from automagic.runner.session import File, Session

if TYPE_CHECKING:
    from automagic.bookkeeping.usage import Usage


class Jobs:
    """Makes the jobs of an analysis and takes in what they leave.

    Parameters
    ----------
    session
        The analysis.
    pyz
        Path of ``job.pyz``.
    kind
        Of the executor, see `automagic.job.launch.place`.
    usage
        What earlier jobs used; `None` for the programs' defaults.
    """

    def __init__(self, session: Session, pyz: Path, kind: str = "local", usage: Usage | None = None) -> None:
        self.session = session
        self.pyz = pyz
        self.kind = kind
        self.usage = usage
        self._work = session.folder.work.resolve()
        self._unsynced: set[Path] = set()

    def folder(self, attempt: str) -> Path:
        """Return the folder of an attempt."""
        return Path(f"{self._work}/{attempt}")

    def make(self, task: Task, action: str, priority: float, files: list[File] | None = None) -> Request:
        """Write the folder of a new attempt, and return what the executor has to know.

        Parameters
        ----------
        files
            What the task reads, where that has just been looked at.

        Raises
        ------
        UserError
            An input is not there, or a path cannot be handed on.
        OSError
            The folder cannot be written.
        """
        spec = self.spec(task, action, files)
        folder = self.folder(spec["attempt"])
        with contextlib.suppress(FileExistsError):  # nobody else has this name; NFS may say so of what it made just now
            os.mkdir(folder)
        write(f"{folder}/spec.json", to_json(spec))
        image = self.session.images.path(task.engine)
        inputs: tuple[tuple[str, Path], ...] = ()
        if image is not None or self.kind != "local":
            inputs = tuple((f"{each['role']}/{each['name']}", Path(each["path"])) for each in spec["inputs"])
        if image is not None:
            apptainer = apptainer_of(self.kind, self.session.site.condor.apptainer)
            lines = launch_lines(folder, image, self.pyz, inputs, self.kind, apptainer)
            (folder / "launch").write_text(lines, encoding="utf-8")
        needs = spec["resources"]
        return Request(
            attempt=spec["attempt"],
            folder=folder,
            task=task.name,
            stage=task.stage,
            action=action,
            image=image,
            cores=needs["cores"],
            memory_mb=needs["memory_mb"],
            disk_mb=needs["disk_mb"],
            minutes=needs["minutes"],
            priority=priority,
            inputs=inputs,
        )

    def spec(self, task: Task, action: str, files: list[File] | None = None) -> dict[str, Any]:
        """Return the job spec of a new attempt at a task (`automagic.job.spec`)."""
        session = self.session
        attempt = f"{action[:16]}-{uuid.uuid4().hex[:8]}"
        record = session.images.record(task.engine)
        where = place(self.folder(attempt), record is not None, self.kind)
        inputs = []
        for file in session.files(task) if files is None else files:
            seen, its = signature(file.path), file.input
            # what is in the store is reached without links
            path = file.path if its.task is not None and file.url is None else os.path.realpath(file.path)
            inputs.append(
                {
                    "role": its.role,
                    "name": its.name,
                    "task": its.task,
                    "checks": its.checks,
                    "copy": its.copy,
                    "path": path,
                    "sha256": file.sha256,
                    "size": seen[0],
                    "signature": seen,
                    **({"url": file.url} if file.url else {}),
                }
            )
        given = self.resources(task, inputs)
        return {
            "task": task.name,
            "action": action,
            "attempt": attempt,
            "program": task.program,
            "engine": task.engine,
            **session.facts(task),
            "environment": session.environment(task.engine),
            "image": None if record is None else record.summary(),
            "command": session.command(task),
            "card": task.card,
            "overrides": session.overridden(task),
            "inputs": inputs,
            "placed": record is not None,
            "outputs": [
                {
                    "name": output.name,
                    "level": output.level,
                    "link": output.link,
                    "checks": output.checks,
                    "optional": output.optional,
                    "missing_with": output.missing_with,
                }
                for output in task.outputs
            ],
            "resources": {
                "cores": given.cores,
                "memory_mb": given.memory_mb,
                "disk_mb": given.disk_mb,
                "minutes": given.minutes,
            },
            "exit_codes": {str(code): text for code, text in task.exit_codes.items()},
            "tolerated": sorted(task.tolerated),
            "variables": session.variables(task),
            "scratch": where.scratch,
            "store": f"{where.result}/done",
            "failed": f"{where.result}/failed",
        }

    def resources(self, task: Task, inputs: list[dict[str, Any]]) -> Resources:
        """Return what a job is given: the program's default, or what such jobs have been seen to use."""
        if self.usage is None:
            return task.resources
        return self.usage.suggest(task.program, sum(each["size"] for each in inputs) / 1e6, task.resources)

    def adopt(self, attempt: str) -> tuple[Receipt | None, bool]:
        """Take what a job left into the store, or among the failures, by one rename.

        A damaged entry stays until there is what takes its place: others may read what is left of it.

        Returns
        -------
        receipt, placed
            `None` where it left nothing that is whole. Whether the store has its products now, and not those of another
            attempt that was faster.
        """
        folder = self.folder(attempt)
        found = self._result(attempt)
        if found is None and self.kind != "local":
            look_again(folder)  # what is not found is taken away by those who ask
            found = self._result(attempt)
        if found is None:
            return None, False
        name, receipt = found
        action = str(receipt["action"])
        failed = name == "failed"
        target = self.session.folder.failure(action) if failed else self.session.folder.action(action)
        placed = publish(folder / name, target, attempt, replace=failed, sync=False) and not failed
        if not placed and not failed and not self._whole(action, receipt):
            self.session.store.discard(action)
            placed = publish(folder / name, target, attempt, sync=False)
        if placed and self.kind != "transfer":  # else the files have travelled since they were hashed
            self.session.store.remember(action, receipt)
        self._unsynced.add(target.parent)
        self.clear(attempt)
        return receipt, placed

    def _whole(self, action: str, receipt: Receipt) -> bool:
        """Tell whether the store's entry of an action is intact, with all that this other attempt at it made."""
        made = [Output(product["name"], product["level"], "") for product in receipt["outputs"]]
        return self.session.store.intact(action, made)[0] is not None

    def _result(self, attempt: str) -> tuple[str, Receipt] | None:
        for name in ("done", "failed"):
            receipt = read_receipt(f"{self._work}/{attempt}/{name}")
            if receipt is not None and receipt.get("state") == name and receipt.get("attempt") == attempt:
                return name, receipt
        return None

    def has_result(self, attempt: str) -> bool:
        """Tell whether a job has left something that `adopt` would look at, without reading it."""
        return any((self.folder(attempt) / name / "receipt.json").exists() for name in ("done", "failed"))

    def sync(self) -> None:
        """Bring to the disk what was taken in: once for many jobs."""
        for folder in self._unsynced:
            sync_folder(folder)
        self._unsynced.clear()

    def clear(self, attempt: str) -> None:
        """Take the folder of an attempt away."""
        folder = f"{self._work}/{attempt}"
        try:  # mostly there is nothing else in it
            os.unlink(f"{folder}/spec.json")
            os.rmdir(folder)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)

    def left(self) -> dict[str, Mapping[str, Any]]:
        """Return the specs of attempts whose folders lie in ``work/``, by attempt; those cut short are left out."""
        found: dict[str, Mapping[str, Any]] = {}
        for path in sorted(self.session.folder.work.glob("*/spec.json")):
            try:
                spec = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if isinstance(spec, dict) and spec.get("attempt") == path.parent.name:
                found[path.parent.name] = spec
        return found


def write(path: str, content: bytes) -> None:
    """Write a new file with as few calls as can be: there are very many."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(file, view) :]
    finally:
        os.close(file)
