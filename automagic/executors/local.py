"""Jobs as processes of this machine, as many at once as its cores and memory allow."""

from __future__ import annotations

import contextlib
import heapq
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automagic.executors.base import Event, Request
from automagic.job.launch import LAUNCHER

CANCELLED = 130
"""Exit code of a job that was told to stop."""

NOT_STARTED = (125, 126, 127, 255)
"""Exit codes with which the launcher, or Apptainer, says that a job cannot be started."""

STOP_S = 15.0
"""How long jobs have to end after they are told to; the job itself gives its program 5 s."""


@dataclass
class _Running:
    request: Request
    process: subprocess.Popen
    wire: socket.socket


class LocalExecutor:
    """Runs jobs on this machine.

    Each job has one end of a socket as its standard input: end-of-file there tells this process that the job is over,
    and tells the job that this process is.

    Parameters
    ----------
    bundle
        Path of ``job.pyz``.
    cores, memory_mb
        What jobs may use together; `None` for all that this machine gives us.
    """

    kind = "local"

    def __init__(self, bundle: Path, cores: int | None = None, memory_mb: int | None = None) -> None:
        self.bundle = bundle
        self._cores = cores or machine_cores()
        self._memory_mb = memory_mb or machine_memory_mb()
        self._free_cores, self._free_memory = self._cores, self._memory_mb
        self._waiting: list[tuple[float, int, Request]] = []
        self._number = 0
        self._selector = selectors.DefaultSelector()
        self._running: dict[str, _Running] = {}
        self._told: list[Event] = []

    @property
    def cores(self) -> int:
        """How many cores jobs may use together."""
        return self._cores

    @property
    def memory_mb(self) -> int:
        """How much memory jobs may use together."""
        return self._memory_mb

    @property
    def active(self) -> int:
        """How many jobs are waiting or running."""
        return len(self._waiting) + len(self._running)

    def submit(self, requests: Sequence[Request]) -> None:
        """Queue jobs; those of the highest priority start first, in the order of submission among equals."""
        for request in requests:
            self._number += 1
            heapq.heappush(self._waiting, (-request.priority, self._number, request))

    def wait(self, timeout: float | None = None, wake: int | None = None) -> list[Event]:
        """Start what fits, then sleep until a job ends, `wake` can be read, or the time is up."""
        events, self._told = self._told, []
        events += self._start_what_fits()
        if events or not (self._running or wake is not None):
            return events
        if wake is None:
            return self._listen(timeout)
        self._selector.register(wake, selectors.EVENT_READ)
        try:
            return self._listen(timeout)
        finally:
            self._selector.unregister(wake)

    def adopt(self, known: Callable[[str], bool]) -> dict[str, Any]:
        """Return nothing: jobs end with their driver."""
        return {}

    def withdraw(self, attempts: Collection[str]) -> None:
        """Take back jobs that have not started."""
        self._told += [
            Event(each[2].attempt, "ended", "withdrawn") for each in self._waiting if each[2].attempt in attempts
        ]
        self._waiting = [each for each in self._waiting if each[2].attempt not in attempts]
        heapq.heapify(self._waiting)

    def leave(self) -> list[Event]:
        """End all jobs: they cannot go on without this process."""
        return self.cancel()

    def close(self) -> None:
        """Do nothing: there is nothing left of jobs that have ended."""

    def cancel(self) -> list[Event]:
        """End all jobs, and forget those that have not started."""
        events = [Event(request.attempt, "ended", "cancelled") for *_, request in self._waiting]
        self._waiting.clear()
        for job in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                job.process.send_signal(signal.SIGTERM)
        limit = time.monotonic() + STOP_S
        while self._running and time.monotonic() < limit:
            events += self._listen(limit - time.monotonic())
        for job in list(self._running.values()):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job.process.pid, signal.SIGKILL)
            events.append(self._end(job))
        return events

    def _start_what_fits(self) -> list[Event]:
        events, later = [], []
        while self._waiting and self._free_cores > 0:
            entry = heapq.heappop(self._waiting)
            request = entry[2]
            cores = min(request.cores, self._cores)
            if cores > self._free_cores or request.memory_mb > self._free_memory:
                later.append(entry)
                continue
            self._start(request)
            events.append(Event(request.attempt, "started"))
        for entry in later:
            heapq.heappush(self._waiting, entry)
        return events

    def _start(self, request: Request) -> None:
        ours, theirs = socket.socketpair()
        if request.image is None:
            command = [sys.executable, "-I", str(self.bundle), str(request.folder / "spec.json"), "--lifeline=0"]
        else:
            command = ["/bin/sh", str(LAUNCHER), str(request.folder), "--lifeline=0"]
        with theirs, open(request.folder / "job.err", "wb") as complaint:
            process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=complaint,
                # the driver may itself run as a job: its scratch folder is not that of its jobs
                env={key: value for key, value in os.environ.items() if key != "_CONDOR_SCRATCH_DIR"},
                start_new_session=True,
            )
        ours.setblocking(False)
        job = _Running(request, process, ours)
        self._running[request.attempt] = job
        self._selector.register(ours, selectors.EVENT_READ, job)
        self._free_cores -= min(request.cores, self._cores)
        self._free_memory -= request.memory_mb

    def _listen(self, timeout: float | None) -> list[Event]:
        events = []
        for key, _ in self._selector.select(timeout):
            if key.data is None:
                continue
            job: _Running = key.data
            try:
                over = not job.wire.recv(1 << 16)
            except BlockingIOError:
                continue
            except ConnectionError:
                over = True
            if over:
                events.append(self._end(job))
        return events

    def _end(self, job: _Running) -> Event:
        self._selector.unregister(job.wire)
        job.wire.close()
        code = job.process.wait()
        del self._running[job.request.attempt]
        self._free_cores += min(job.request.cores, self._cores)
        self._free_memory += job.request.memory_mb
        if code in (0, 1):
            return Event(job.request.attempt, "ended")
        if code == CANCELLED:
            return Event(job.request.attempt, "ended", "cancelled")
        return Event(job.request.attempt, "ended", *_broken(job.request, code))


FULL_BYTES = 100_000
"""With less room than this a job cannot write its receipt."""


def _broken(request: Request, code: int) -> tuple[str, str]:
    """Return cause and reason of a job that ended without a receipt."""
    lines = []
    with contextlib.suppress(OSError):
        lines = (request.folder / "job.err").read_text(errors="replace").strip().splitlines()
        if shutil.disk_usage(request.folder).free < FULL_BYTES:
            return "disk", f"the disk is full: the job could not report; {request.folder.parent} has no room"
    if code == -signal.SIGKILL:
        return "killed", "the job was killed (out of memory?) before it could report"
    cause = "node" if request.image is not None and code in NOT_STARTED else "internal"
    if lines:
        return cause, f"the job {'cannot be started' if cause == 'node' else 'broke'}: {lines[-1]}"
    return cause, f"the job ended with code {code} before it could report"


def machine_cores() -> int:
    """Count the cores that this process may use: affinity and the limit of its control group."""
    cores = len(os.sched_getaffinity(0))
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def machine_memory_mb() -> int:
    """Tell nine tenths of the memory that this process may use, in MB: of the machine or of its control
    group."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return int(0.9 * total / 1e6)
