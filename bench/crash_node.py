"""Nodes for ``bench/crash.py``: a process that outlives drivers, and executors that hand jobs to it, or do them here.

A job does what matters here: it reads its inputs and checks their hashes, writes its file, which depends on them, and a
receipt, and publishes both by one rename. What begins and what is done is told in a log, one line an event, each
written at once: ``start``, ``done`` and ``lost`` with action and attempt; ``again``, ``twice``, ``gone`` and ``input``
are things that may not happen.
"""

from __future__ import annotations

import errno
import hashlib
import heapq
import json
import os
import selectors
import shutil
import socket
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from random import Random
from typing import Any

from automagic.executors import Event, Request
from bench.scale_own import read, receipt, write

CORES = 40
LOST = 0.01
"""So many jobs die with their node."""

LONG, SHORT = (0.1, 0.6), (0.0, 0.04)
"""How long jobs take (s): every twentieth outlives some drivers."""


class Log:
    """What jobs did, as they tell it."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def __call__(self, what: str, action: str, attempt: str) -> None:
        """Write a line, at once."""
        os.write(self._file, f"{what} {action} {attempt}\n".encode())


def content(card: str, inputs: Sequence[bytes]) -> bytes:
    """Return what a job writes: it depends on its card and on each byte that it reads."""
    digest = hashlib.sha256(card.encode())
    for each in inputs:
        digest.update(hashlib.sha256(each).digest())
    return f"{digest.hexdigest()}\n".encode()


def work(folder: Path, log: Log) -> None:
    """Do a job.

    Raises
    ------
    OSError
        The disk is full, or the job's folder is gone.
    """
    spec = json.loads(read(f"{folder}/spec.json"))
    inputs = [read(each["path"]) for each in spec["inputs"]]
    if any(
        hashlib.sha256(data).hexdigest() != each["sha256"] for data, each in zip(inputs, spec["inputs"], strict=True)
    ):
        log("input", spec["action"], spec["attempt"])
    scratch = f"{folder}/scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    os.makedirs(f"{scratch}/publish")
    outputs = []
    data = content(spec["card"], inputs)
    for output in spec["outputs"]:
        write(f"{scratch}/publish/{output['name']}", data)
        sha256 = hashlib.sha256(data).hexdigest()
        outputs.append({"name": output["name"], "level": output["level"], "size": len(data), "sha256": sha256})
    told = receipt(spec, outputs) | {"recipe": spec["recipe"], "form": spec.get("form")}
    write(f"{scratch}/publish/receipt.json", json.dumps(told).encode())
    os.rename(f"{scratch}/publish", f"{folder}/done")
    log("done", spec["action"], spec["attempt"])
    shutil.rmtree(scratch, ignore_errors=True)


# --- jobs that die with the driver


class Here:
    """An executor that does jobs in the driver's own process: they die with it."""

    kind = "local"
    cores = 2
    memory_mb = 100_000

    def __init__(self, log: Log, random: Random) -> None:
        self.log = log
        self.random = random
        self._waiting: deque[Request] = deque()

    @property
    def active(self) -> int:
        """How many jobs are waiting."""
        return len(self._waiting)

    def submit(self, requests: Sequence[Request]) -> None:
        """Take jobs."""
        self._waiting += requests

    def wait(self, timeout: float | None = None, wake: int | None = None) -> list[Event]:
        """Do some jobs, and tell how they went."""
        events = []
        for _ in range(min(len(self._waiting), self.random.randint(1, 30))):
            request = self._waiting.popleft()
            self.log("start", request.action, request.attempt)
            try:
                work(request.folder, self.log)
                end = Event(request.attempt, "ended")
            except OSError as error:
                self.log("lost", request.action, request.attempt)
                end = Event(request.attempt, "ended", *_why(error))
            events += [Event(request.attempt, "started"), end]
        return events

    def adopt(self, known: Callable[[str], bool]) -> dict[str, Any]:
        """Return nothing: no job outlives its driver."""
        return {}

    def withdraw(self, attempts: Collection[str]) -> None:
        """Do nothing: no stage stops."""

    def leave(self) -> list[Event]:
        """Forget the jobs that wait."""
        return self.cancel()

    def close(self) -> None:
        """Do nothing."""

    def cancel(self) -> list[Event]:
        """Forget the jobs that wait."""
        waiting, self._waiting = list(self._waiting), deque()
        return [Event(each.attempt, "ended", "cancelled") for each in waiting]


def _why(error: OSError) -> tuple[str, str]:
    if error.errno == errno.ENOSPC:
        return "disk", f"the disk is full: {error.filename} could not be written"
    return "internal", str(error)


# --- jobs that do not


class There:
    """An executor whose jobs are done by a process of its own (`node`), as a batch system's are."""

    kind = "shared"
    cores = CORES
    memory_mb = 100_000

    def __init__(self, address: Path) -> None:
        self._wire = socket.socket(socket.AF_UNIX)
        self._wire.connect(str(address))
        self._rest = b""
        self._own: set[str] = set()
        self._heard: list[Event] = []

    @property
    def active(self) -> int:
        """How many jobs are waiting or running."""
        return len(self._own)

    def submit(self, requests: Sequence[Request]) -> None:
        """Hand jobs over: all of them or, where this process dies on the way, none."""
        jobs = [[each.attempt, each.action, str(each.folder)] for each in requests]
        self._own |= {each.attempt for each in requests}
        self._ask({"submit": jobs})

    def adopt(self, known: Callable[[str], bool]) -> dict[str, Any]:
        """Take over the jobs of earlier drivers."""
        alive = [attempt for attempt in self._ask({"adopt": True})["alive"] if known(attempt)]
        self._ask({"keep": alive})
        self._own |= set(alive)
        return dict.fromkeys(alive)

    def wait(self, timeout: float | None = None, wake: int | None = None) -> list[Event]:
        """Sleep until something happens, and tell it."""
        if not self._heard:
            self._wire.settimeout(timeout)
            try:
                self._listen()
            except TimeoutError:
                return []
        events, self._heard = self._heard, []
        return events

    def _ask(self, what: dict[str, Any]) -> dict[str, Any]:
        self._wire.settimeout(None)
        self._wire.sendall(json.dumps(what).encode() + b"\n")
        while True:
            answer = self._listen()
            if answer is not None:
                return answer

    def _listen(self) -> dict[str, Any] | None:
        """Hear once; return the answer to a question, where it came."""
        answer = None
        said = self._wire.recv(1 << 20)
        if not said:
            raise RuntimeError("the node is gone")
        *lines, self._rest = (self._rest + said).split(b"\n")
        for line in lines:
            told = json.loads(line)
            if "answer" in told:
                answer = told["answer"]
                continue
            event = Event(*told["event"])
            if event.kind == "ended":
                self._own.discard(event.attempt)
            self._heard.append(event)
        return answer

    def withdraw(self, attempts: Collection[str]) -> None:
        """Do nothing: no stage stops."""

    def leave(self) -> list[Event]:
        """Let the jobs go on."""
        return []

    def close(self) -> None:
        """Do nothing."""

    def cancel(self) -> list[Event]:
        """Let the jobs go on."""
        return []


def node(address: Path, log: Log, random: Random) -> None:
    """Be the process that does the jobs; listen to the driver of the day. It does not end by itself."""
    Node(address, log, random).loop()


class Node:
    """Does jobs, `CORES` at once, whoever listens."""

    def __init__(self, address: Path, log: Log, random: Random) -> None:
        self.log, self.random = log, random
        self._selector = selectors.DefaultSelector()
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(address))
        self._door.listen()
        self._selector.register(self._door, selectors.EVENT_READ)
        self._driver: socket.socket | None = None
        self._rest = b""
        self._waiting: deque[str] = deque()
        self._running: list[tuple[float, str]] = []
        self._jobs: dict[str, tuple[str, Path]] = {}
        self._done: set[str] = set()

    def loop(self) -> None:
        """Listen and work."""
        while True:
            pause = max(0.0, self._running[0][0] - time.monotonic()) if self._running else None
            for key, _ in self._selector.select(pause):
                if key.fileobj is self._door:
                    self._welcome()
                else:
                    self._hear()
            self._work()

    def _welcome(self) -> None:
        wire, _ = self._door.accept()
        self._part()
        self._driver, self._rest = wire, b""
        self._selector.register(wire, selectors.EVENT_READ)

    def _part(self) -> None:
        if self._driver is not None:
            self._selector.unregister(self._driver)
            self._driver.close()
            self._driver = None

    def _hear(self) -> None:
        assert self._driver is not None
        try:
            said = self._driver.recv(1 << 20)
        except ConnectionError:
            said = b""
        if not said:
            self._part()
            return
        *lines, self._rest = (self._rest + said).split(b"\n")
        for line in lines:
            self._answer(json.loads(line))

    def _answer(self, asked: dict[str, Any]) -> None:
        if "adopt" in asked:
            self._tell({"answer": {"alive": list(self._jobs)}})
            for _, attempt in self._running:
                self._event(attempt, "started")
            return
        if "keep" in asked:
            for attempt in set(self._jobs).difference(asked["keep"]):
                self.log("lost", self._jobs.pop(attempt)[0], attempt)
        for attempt, action, folder in asked.get("submit", ()):
            if any(action == other for other, _ in self._jobs.values()):
                self.log("twice", action, attempt)
            self._jobs[attempt] = action, Path(folder)
            self._waiting.append(attempt)
        self._tell({"answer": {}})

    def _tell(self, what: dict[str, Any]) -> None:
        if self._driver is not None:
            try:
                self._driver.sendall(json.dumps(what).encode() + b"\n")
            except OSError:
                self._part()

    def _event(self, *about: str) -> None:
        self._tell({"event": about})

    def _work(self) -> None:
        now = time.monotonic()
        while self._running and self._running[0][0] <= now:
            self._end(heapq.heappop(self._running)[1])
        while self._waiting and len(self._running) < CORES:
            attempt = self._waiting.popleft()
            if attempt not in self._jobs:
                continue
            action = self._jobs[attempt][0]
            self.log("again" if action in self._done else "start", action, attempt)
            takes = self.random.uniform(*(LONG if self.random.random() < 0.05 else SHORT))
            heapq.heappush(self._running, (now + takes, attempt))
            self._event(attempt, "started")

    def _end(self, attempt: str) -> None:
        if attempt not in self._jobs:
            return
        action, folder = self._jobs[attempt]
        about = ["node", "the node died"]
        if self.random.random() < LOST:
            (folder / "scratch").mkdir(exist_ok=True)
            self.log("lost", action, attempt)
        else:
            about = self._try(action, folder, attempt)
        del self._jobs[attempt]
        self._event(attempt, "ended", *about)

    def _try(self, action: str, folder: Path, attempt: str) -> list[str]:
        try:
            work(folder, self.log)
        except OSError as error:
            self.log("gone" if error.errno == errno.ENOENT else "lost", action, attempt)
            return list(_why(error))
        self._done.add(action)
        return []
