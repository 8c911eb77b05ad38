"""A small analysis in a temporary folder, run in this process by the real driver: only the program is none.

What the program makes is a hash of what its card says and of its inputs' content. It does not care for inputs in the
role ``aside``, for the card key ``Aside``, nor for the first digit of its own version: that is how bytes stay the same
although the action is another one.
"""

import contextlib
import copy
import hashlib
import io
import json
import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from automagic.analysis.site import Site
from automagic.bookkeeping import Folder, catalog, columns, hold
from automagic.cards import read_text
from automagic.executors import Event
from automagic.graph.asked import Asked, save
from automagic.graph.task import Input, Output, Resources, Task
from automagic.runner import drive as drive_module
from automagic.runner.reporter import Reporter
from automagic.runner.session import Session

ENGINES = ("mars", "openmars")
STAGES = ("star", "superstar", "melibea", "dl3")


@dataclass
class Read:
    """An input: of a task (`name` is that of its output) or of a file in storage."""

    role: str
    name: str
    task: str | None = None


@dataclass
class Make:
    """An output."""

    name: str
    optional: bool = False
    link: bool = True


@dataclass
class Spec:
    """What a task is to be; a graph is a dict of them by name, upstream first."""

    ident: str
    engine: str = "mars"
    card: dict[str, int] = field(default_factory=dict)
    style: int = 0
    more: bool = False
    threads: int = 1
    reads: list[Read] = field(default_factory=list)
    makes: list[Make] = field(default_factory=list)

    def text(self):
        """Return the card as text: in one of several orders, with comments or without."""
        lines = [f"{key}: {value}" for key, value in self.card.items()]
        if self.style % 3 == 1:
            lines = ["# a comment", *reversed(lines), "", "A: 9"] if "A" in self.card else ["# a comment", *lines]
        elif self.style % 3 == 2:
            lines = [f"# number {self.style}", *(line.replace(": ", ":    ") for line in lines)]
        return "\n".join(lines) + "\n" if lines else ""


class Killed(BaseException):
    """The driver is gone."""


class World:
    """An analysis and what it reads, in a folder that must be new."""

    def __init__(self, base: Path, trust: str = "signature") -> None:
        self.base, self.trust = base, trust
        self.root = base / "analysis0"
        self.specs: dict[str, Spec] = {}
        self.files: dict[str, str] = {}
        self.calls: list[tuple[str, str]] = []
        self.away: dict[str, bytes] = {}
        self._saved: dict[str, Task] = {}
        (base / "storage").mkdir(parents=True)
        (self.root / "raw").mkdir(parents=True)
        for engine in ENGINES:
            self.programs(engine).mkdir(parents=True)
            (self.programs(engine) / "program").write_text("#!/bin/sh\n# version 00\n")

    def copy(self, base: Path) -> "World":
        """Return the same world in another folder, which must be new."""
        shutil.copytree(self.base, base, symlinks=True)
        other = copy.deepcopy(self)
        other.base, other.root = base, base / self.root.name
        return other

    @property
    def folder(self) -> Folder:
        """The analysis folder, where it is now."""
        return Folder(self.root)

    def programs(self, engine: str) -> Path:
        """Return the folder of an engine: one moves with the analysis, the other is elsewhere."""
        return (self.root if engine == "mars" else self.base) / engine

    def file(self, name: str) -> Path:
        """Return the path of a file in storage; some are in the analysis folder."""
        return (self.root / "raw" if name.endswith("1") else self.base / "storage") / name

    def add_file(self, name: str, content: str = "0") -> None:
        """Add a file to storage."""
        self.file(name).write_text(f"{name} {content}\n")
        self.files[name] = name

    def tasks(self) -> dict[str, Task]:
        """Return the graph."""
        return {name: self._task(name, spec) for name, spec in self.specs.items()}

    def _task(self, name: str, spec: Spec) -> Task:
        inputs = [
            Input(r.role, r.name, path=str(self.file(r.name)))
            if r.task is None
            else Input(r.role, r.name.removeprefix("sub/") if r.role == "sub" else r.name, task=r.task)
            for r in spec.reads
        ]
        stage = name.partition(":")[0]
        outputs = [Output(m.name, stage, f"products/{stage}/{m.name}" if m.link else "", {}, m.optional)
                   for m in spec.makes]  # fmt: skip
        words = (spec.ident, *(["--more"] if spec.more else []))
        return Task(
            name, stage, stage, spec.engine, "program", words, spec.text(), tuple(inputs), tuple(outputs),
            Resources(memory_mb=10, disk_mb=1, minutes=1), threads=spec.threads,
        )  # fmt: skip

    def session(self) -> Session:
        """Open the analysis as a new process does."""
        tasks = self.tasks()
        if tasks != self._saved or not self.folder.graph.exists():
            save(self.folder.graph, tasks, {"notes": [], "engine": "mars"})
            self._saved = tasks
        engines = {engine: self.programs(engine) for engine in ENGINES}
        return Session(self.root, Asked(self.folder.graph), engines, site=Site(), trust=self.trust)

    def run(self, names=None, always=False, fail=(), kill_after=None) -> "Run":
        """Run the analysis, as ``./doit`` does.

        Parameters
        ----------
        fail
            Tasks whose program fails.
        kill_after
            The driver dies when so many jobs have ended.
        """
        executor = Hashing(self, set(fail), kill_after)
        out = io.StringIO()
        session = self.session()
        with in_process(executor), hold(session.folder) as held:
            reporter = Reporter(out, {"failure_verbosity": 0})
            try:
                code = drive_module.drive(session, names, reporter, always, 2, held.check)
            except Killed:
                code = None
        self.calls += executor.calls
        return Run(code, Counter(name for name, _ in executor.calls), executor.failed, out.getvalue())

    def close_to(self, names=None) -> list[str]:
        """Return tasks with all that they need."""
        if names is None:
            return list(self.specs)
        found = set(names)
        for name in reversed(self.specs):
            if name in found:
                found |= {read.task for read in self.specs[name].reads if read.task is not None}
        return [name for name in self.specs if name in found]


@dataclass
class Run:
    """What a run of the driver was: its code (`None`: it died), which tasks ran how often, and which failed."""

    code: int | None
    ran: Counter
    failed: set[str]
    said: str


@contextlib.contextmanager
def in_process(executor):
    """Have the driver use this executor, and no process beside this one."""
    with (
        mock.patch.object(drive_module, "make_executor", return_value=executor),
        mock.patch.object(drive_module, "write_report", return_value=None),
        mock.patch.object(drive_module, "bundle", bundle),
        mock.patch.object(catalog, "rebuild_apart", rebuild),
        mock.patch.object(columns, "MANY_BYTES", 1000),
        mock.patch.object(os, "fsync", return_value=None),
    ):
        yield


def rebuild(folder: Folder, live: bool = False) -> None:
    """Make the catalog as the driver's child does."""
    if not live:
        columns.settle(folder)
    catalog.rebuild(folder, live)


def bundle(work: Path) -> Path:
    """Make the folder in which jobs would find their code."""
    work.mkdir(parents=True, exist_ok=True)
    return work / "job.pyz"


class Hashing:
    """An executor whose jobs are done when it is asked, in this process."""

    kind, cores, memory_mb = "local", 2, 1000

    def __init__(self, world: World, fail: set[str], kill_after: int | None) -> None:
        self.world, self.fail, self.kill_after = world, fail, kill_after
        self.waiting, self.calls, self.failed = [], [], set()

    @property
    def active(self):
        return len(self.waiting)

    def submit(self, requests):
        self.waiting += requests

    def wait(self, timeout=None, wake=None):
        if self.kill_after is not None:
            for request in self.waiting[: self.kill_after]:
                self.leave_result(request)
                self.kill_after -= 1
            if self.kill_after == 0:
                raise Killed
            ready, self.waiting = self.waiting, []
        else:
            ready, self.waiting = self.waiting[:3], self.waiting[3:]
            for request in ready:
                self.leave_result(request)
        return [Event(each.attempt, kind) for each in ready for kind in ("started", "ended")]

    def leave_result(self, request):
        """Leave what a job leaves, after it has looked at its inputs as a job does."""
        spec = json.loads((request.folder / "spec.json").read_text())
        failed = request.task in self.fail
        self.calls.append((request.task, spec["action"]))
        if failed:
            self.failed.add(request.task)
        for each in spec["inputs"]:
            assert each["sha256"] == sha256(Path(each["path"])), f"{request.task} is given a wrong {each['name']}"
        place = request.folder / ("failed" if failed else "done")
        place.mkdir()
        outputs = []
        for output in spec["outputs"] if not failed else ():
            content = make(spec, output["name"])
            if output["optional"] and content[1] % 2:
                continue
            write(place / output["name"], content)
            digest = hashlib.sha256(content).hexdigest()
            about = {"name": output["name"], "level": output["level"], "size": len(content), "sha256": digest}
            outputs.append(about)
        if spec["card"]:
            write(place / "card.rc", spec["card"].encode())
        write(place / "receipt.json", json.dumps(receipt(spec, failed, outputs)).encode())

    def adopt(self, known):
        return {}

    def withdraw(self, attempts):
        pass

    def leave(self):
        return []

    def close(self):
        pass


def write(path: Path, content: bytes) -> None:
    """Write a file that nobody is to change."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o444)


def sha256(path: Path) -> str:
    """Hash a file, whatever is remembered of it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make(spec, name) -> bytes:
    """Return what the program makes: of all that it cares for, and of nothing else."""
    program = Path(spec["command"][0]).read_text()
    meaning = sorted((key, value) for key, value in read_text(spec["card"]).items() if key != "Aside")
    read = sorted((each["role"], each["sha256"]) for each in spec["inputs"] if each["role"] != "aside")
    text = json.dumps([program.split()[-1][1:], spec["command"][1:], meaning, read, name])
    digest = hashlib.sha256(text.encode()).hexdigest()
    return (digest * (1 + int(digest[0], 16))).encode()


def receipt(spec, failed, outputs):
    """Return a receipt as `automagic.job.work` writes it."""
    copied = ("task", "action", "attempt", "program", "engine", "engine_digest", "recipe", "form", "environment",
              "image", "command", "overrides", "variables")  # fmt: skip
    told = {
        "receipt": 1, "exit_code": 0, "wall_s": 0.1, "cpu_s": 0.1, "max_rss_mb": 20.0, "host": "node1",
        "started": "2026-01-01T12:00:00Z", "ended": "2026-01-01T12:00:01Z", "input_mb": 0.0, "scratch_mb": 0.0,
        "inputs": [
            {key: each[key] for key in ("role", "name", "sha256", "size", "task")}
            | {"path": None if each["task"] else each["path"]}
            for each in spec["inputs"]
        ],
    }  # fmt: skip
    ending = (
        {"state": "failed", "reason": "it broke", "cause": "exit", "exit_code": 1}
        if failed
        else {"state": "done", "reason": None, "outputs": outputs}
    )
    return {key: spec.get(key) for key in copied} | told | ending
