"""autoMAGIC's side of ``bench/scale.py``: an analysis of that shape, run by the real driver with jobs that do nothing.

    python -m bench.scale_own FOLDER [doit's words]

is ``./doit analysis=FOLDER`` with `Instant` as the executor; all else is as it is for a person. The graph of the
analysis is made beforehand, with the shape's tasks instead of those that an ``analysis.toml`` would be expanded to.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

from automagic.bookkeeping import Folder
from automagic.executors import Event, Request
from automagic.graph.asked import save
from automagic.graph.key import graph_key
from automagic.graph.task import Input, Output, Resources, Task
from automagic.runner.session import Session
from bench.scale_measure import TOLD
from bench.scale_peers import System
from bench.scale_shape import CONTENT, Step, last_task, make_raw, shape

TICK = 5000
"""So many jobs end between two looks of the driver."""

NEEDS = Resources(memory_mb=100, disk_mb=1, minutes=10)


# --- the analysis


def make_analysis(folder: Path, what: str) -> None:
    """Make the folder of an analysis of a shape: raw files, the one program, and the graph."""
    make_raw(folder, shape(what))
    (folder / "mars").mkdir()
    (folder / "mars" / "true").write_text("#!/bin/sh\n")
    (folder / "analysis.toml").touch()
    sources: dict[str, Any] = {
        "roots": [], "passes": [], "index": str(folder / ".index"), "cards": [], "images": [], "public": None,
    }  # fmt: skip
    about = {
        "engine": "mars", "notes": [], "sources": sources, "key": graph_key(folder, sources),
        "marssys": {"mars": str(folder / "mars")}, "images": {}, "overrides": {}, "trust": "signature",
    }  # fmt: skip
    save(Folder(folder).graph, tasks(folder, shape(what)), about)


def tasks(folder: Path, steps: Iterable[Step]) -> dict[str, Task]:
    """Return the tasks of a shape, each after those whose outputs it reads."""
    made: dict[str, Task] = {}
    for step in steps:
        inputs = [Input("raw", name, path=f"{folder}/raw/{name}") for name in step.raw]
        inputs += [Input("in", made[name].outputs[0].name, task=name) for name in step.tasks]
        made[step.name] = Task(
            step.name,
            step.stage,
            step.stage,
            "mars",
            "true",
            arguments=(step.output,),
            card=f"Program: {step.stage}\n",
            inputs=tuple(inputs),
            outputs=(Output(step.output, step.stage, step.path),),
            resources=NEEDS,
        )
    return made


# --- the jobs


class Instant:
    """An executor whose jobs are done when it is asked: no process, a file of two bytes and a whole receipt.

    Attributes
    ----------
    own_s
        How long that took: what the jobs would do, not the driver.
    """

    kind = "local"
    cores = 2
    memory_mb = 100_000

    def __init__(self, session: Session) -> None:
        self.own_s = 0.0
        self._waiting: list[Request] = []
        self._sha256 = hashlib.sha256(CONTENT.encode()).hexdigest()

    @property
    def active(self) -> int:
        """How many jobs are waiting."""
        return len(self._waiting)

    def submit(self, requests: Sequence[Request]) -> None:
        """Take jobs."""
        self._waiting += requests

    def wait(self, timeout: float | None = None, wake: int | None = None) -> list[Event]:
        """Do the next jobs, and tell that they started and ended."""
        began = time.perf_counter()
        ready, self._waiting = self._waiting[:TICK], self._waiting[TICK:]
        for request in ready:
            self._leave(request)
        self.own_s += time.perf_counter() - began
        return [Event(each.attempt, kind) for each in ready for kind in ("started", "ended")]

    def _leave(self, request: Request) -> None:
        """Leave what a job leaves in its folder. All else that a receipt has comes from the job's spec."""
        spec = from_json(read(f"{request.folder}/spec.json"))
        done = f"{request.folder}/done"
        os.mkdir(done)
        outputs = []
        for output in spec["outputs"]:
            write(f"{done}/{output['name']}", CONTENT.encode())
            about = {"name": output["name"], "level": output["level"], "size": len(CONTENT), "sha256": self._sha256}
            outputs.append(about)
        write(f"{done}/receipt.json", to_json(receipt(spec, outputs)))

    def adopt(self, known: Callable[[str], bool]) -> dict[str, Any]:
        """Return nothing: no job outlives its driver."""
        return {}

    def withdraw(self, attempts: Collection[str]) -> None:
        """Do nothing: no stage stops."""

    def leave(self) -> list[Event]:
        """Tell that the jobs that wait do not come."""
        return self.cancel()

    def close(self) -> None:
        """Do nothing."""

    def cancel(self) -> list[Event]:
        """Forget the jobs that wait."""
        waiting, self._waiting = self._waiting, []
        return [Event(each.attempt, "ended", "cancelled") for each in waiting]


def read(path: str) -> bytes:
    """Read a file with as few calls as can be."""
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 1 << 30)
    finally:
        os.close(file)


def write(path: str, content: bytes) -> None:
    """Write a new file, read-only as jobs leave theirs, with as few calls as can be."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    try:
        os.write(file, content)
    finally:
        os.close(file)


COPIED = (
    "task", "action", "attempt", "program", "engine", "engine_digest", "environment", "image", "command", "overrides",
    "recipe", "form",
)  # fmt: skip


def receipt(spec: dict[str, Any], outputs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the receipt of a job that went well, as `automagic.job.work` writes it."""
    return {key: spec.get(key) for key in COPIED} | {
        "receipt": 1, "state": "done", "reason": None, "exit_code": 0, "wall_s": 0.1, "cpu_s": 0.1, "max_rss_mb": 20.0,
        "host": "node1", "python": "3.11.7", "started": "2026-01-01T12:00:00Z", "ended": "2026-01-01T12:00:01Z",
        "input_mb": 0.0, "scratch_mb": 0.0, "untouched": [], "undeclared": [], "unchecked": [],
        "variables": spec["variables"], "card": hashlib.sha256(spec["card"].encode()).hexdigest(), "outputs": outputs,
        "inputs": [
            {
                "role": each["role"], "name": each["name"], "sha256": each["sha256"], "size": each["size"],
                "task": each["task"], "path": None if each["task"] else each["path"],
            }
            for each in spec["inputs"]
        ],
    }  # fmt: skip


# --- what is measured


def words(kind: str, folder: Path, what: str) -> list[str]:
    """Return the command for a kind of run, as a process of its own."""
    if kind in ("plan", "changed"):
        return [str(Path(sys.executable).with_name("automagic")), "plan", str(folder)]
    if kind == "first":
        return [sys.executable, "-m", "bench.scale_own", str(folder)]
    return [sys.executable, "-m", "bench.scale_doit", str(folder), *([last_task(what)] if kind == "leaf" else [])]


def ran(text: str) -> int | None:
    """Read how many tasks ran or would run; `None` where it is not said."""
    if found := re.search(r"(\d+) ran,", text):
        return int(found[1])
    if planned := re.findall(r"(\d+) (?:would|may) run", text.partition("\n")[0]):
        return sum(map(int, planned))
    return 0 if "nothing to do" in text else None


def rebuild_words(folder: Path) -> list[str]:
    """Return the command that makes the catalog of a folder anew."""
    return [str(Path(sys.executable).with_name("automagic")), "catalog", "rebuild", str(folder)]


OWN = System("autoMAGIC", make_analysis, words, ran)


# --- a command in this process


def main() -> int:
    """Be ``./doit analysis=FOLDER …`` with `Instant`; tell the driver's memory and the jobs' time."""
    from doit.doit_cmd import DoitMain

    from automagic.runner import drive

    place, *more = sys.argv[1:]
    folder = Path(place).resolve()
    os.chdir(Path(__file__).resolve().parents[1])
    executors: list[Instant] = []

    def make(session: Session, pyz: Path, cores: int) -> Instant:
        executors.append(Instant(session))
        return executors[-1]

    drive.make_executor = make  # type: ignore[assignment]
    drive.write_report = lambda _: None  # there is no result of science to report
    state = {"GLOBAL": {"dep_file": str(folder / "doit.db")}}
    code = DoitMain(config_filenames=("doit.cfg",), extra_config=state).run([f"analysis={folder}", *more])
    said = {
        "driver_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "jobs_s": sum(each.own_s for each in executors),
    }
    (folder / TOLD).write_text(json.dumps(said))
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
