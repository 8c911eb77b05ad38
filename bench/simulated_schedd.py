"""A schedd that is none: it takes clusters, writes event logs as a real one does, and can fail on demand.

Stands in for `automagic.executors.condor.Queue` in tests and benchmarks.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automagic.executors.condor.queue import QueueError

HOST = "<192.0.2.1:9618?alias=node1.example>"
TIME = "2026-01-01 12:00:00"

SUBMITTED = "000 ({id}) {time} Job submitted from host: {host}\n    {note}\n...\n"
STARTED = "001 ({id}) {time} Job executing on host: {host}\n\tSlotName: slot1_1@node1.example\n\tCpus = 1\n...\n"
SIZE = "006 ({id}) {time} Image size of job updated: 200\n\t{mb}  -  MemoryUsage of job (MB)\n...\n"
ABORTED = "009 ({id}) {time} Job was aborted.\n\t{reason}\n...\n"
HELD = "012 ({id}) {time} Job was held.\n\t{reason}\n\tCode {code} Subcode {subcode}\n...\n"
RELEASED = "013 ({id}) {time} Job was released.\n\t{reason}\n...\n"
CLUSTER = "035 ({id}) {time} Cluster submitted from host: {host}\n    {note}\n...\n"
CLUSTER_GONE = "036 ({id}) {time} Cluster removed\n\tMaterialized {made} jobs from -1 items.\t{how}\n...\n"
PAUSED = "037 ({id}) {time} Job Materialization Paused\n\t{reason}\n\tPauseCode {code}\n...\n"

_USAGE = "\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  {} Usage\n"
_ENDED = (
    "{ending}\n"
    + "".join(_USAGE.format(what) for what in ("Run Remote", "Run Local"))
    + "{more}"
    + "".join(f"\t0  -  {what} Bytes {way} By Job\n" for what in ("Run",) for way in ("Sent", "Received"))
    + "{last}\tPartitionable Resources :    Usage  Request Allocated \n"
    + "\t   Cpus                 :        0        1         1 \n"
    + "\t   Disk (KB)            :     2000  1000000   1000000 \n"
    + "\t   Memory (MB)          :   {mb:6}   {asked:6}    {asked:6} \n...\n"
)
_TOTAL = "".join(_USAGE.format(what) for what in ("Total Remote", "Total Local"))
TERMINATED = "005 ({id}) {time} Job terminated.\n" + _ENDED.replace("{more}", _TOTAL).replace(
    "{last}", "\t0  -  Total Bytes Sent By Job\n\t0  -  Total Bytes Received By Job\n"
)
EVICTED = "004 ({id}) {time} Job was evicted. Code {code} Subcode {subcode}\n" + _ENDED.replace("{more}", "").replace(
    "{last}", "\tReason: {reason}\n"
).replace("{ending}", "\t(0) CPU times")


@dataclass
class Simulated:
    """A job in the simulated queue."""

    cluster: Cluster
    proc: int
    attempt: str
    status: int = 1
    code: int = 0
    subcode: int = 0
    reason: str = ""
    memory_mb: int = 0

    @property
    def id(self) -> str:
        return f"{self.cluster.number}.{self.proc}"


@dataclass
class Cluster:
    """A cluster in the simulated queue; its jobs come into the queue when there is room."""

    number: int
    log: Path
    lines: dict[str, str]
    items: list[dict[str, str]]
    made: int = 0
    jobs: dict[int, Simulated] = field(default_factory=dict)
    most: int = 0

    def of(self, name: str) -> str:
        return self.lines.get(f"My.{name}", "").strip('"')


class SimulatedSchedd:
    """See above.

    Attributes
    ----------
    calls
        How often it was asked what.
    down
        Whether it cannot be reached.
    forgetful
        Whether it does what the next call asks for, but its answer gets lost.
    quiet
        Whether it writes nothing into the logs.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.clusters: dict[int, Cluster] = {}
        self.attempts: dict[str, Simulated] = {}
        self.waiting: deque[Simulated] = deque()
        self.running: deque[Simulated] = deque()
        self.down = self.forgetful = self.quiet = False
        self.texts: list[str] = []
        self.asked: list[tuple[str, Any]] = []
        self._number = 0

    # --- what the executor calls

    def submit(self, text: str, items: Iterable[Mapping[str, str]]) -> int:
        """Take a cluster."""
        self._reach("submit")
        self.texts.append(text)
        lines = dict(line.split(" = ", 1) for line in text.splitlines())
        self._number += 1
        cluster = Cluster(self._number, Path(lines["log"]), lines, [dict(item) for item in items])
        cluster.most = int(lines["max_materialize"])
        self.clusters[cluster.number] = cluster
        self._write(cluster, CLUSTER, -1, note=cluster.items[0]["attempt"])
        self._make(cluster)
        self._answer()
        return cluster.number

    def query(self, constraint: str, attributes: Sequence[str]) -> list[dict[str, Any]]:
        """Return the ads of clusters and jobs."""
        self._reach("query")
        name, value = re.fullmatch(r'(\w+) == "([^"]*)"', constraint).groups()  # type: ignore[union-attr]
        ads: list[dict[str, Any]] = []
        for cluster in self.clusters.values():
            if cluster.of(name) != value:
                continue
            common = {"ClusterId": cluster.number, "AutomagicBatch": cluster.of("AutomagicBatch")}
            ads.append({**common, "JobMaterializeNextProcId": cluster.made})
            for job in cluster.jobs.values():
                hold = {"HoldReasonCode": job.code, "HoldReasonSubCode": job.subcode, "HoldReason": job.reason}
                ads.append({**common, "ProcId": job.proc, "JobStatus": job.status, **(hold if job.status == 5 else {})})
        self._answer()
        return [{key: ad[key] for key in attributes if key in ad} for ad in ads]

    def release(self, jobs: Sequence[str], why: str) -> None:
        """Release held jobs."""
        self._reach("release", list(jobs))
        for job in self._named(jobs):
            if job.status == 5:
                job.status = 1
                self.waiting.append(job)
                self._write(job.cluster, RELEASED, job.proc, reason=why)
        self._answer()

    def remove(self, jobs: Sequence[str] | str, why: str) -> None:
        """Remove jobs, or clusters by a constraint."""
        self._reach("remove", jobs if isinstance(jobs, str) else list(jobs))
        if isinstance(jobs, str):
            name, value = re.fullmatch(r'(\w+) == "?([^"]*)"?', jobs).groups()  # type: ignore[union-attr]
            for cluster in list(self.clusters.values()):
                if (str(cluster.number) if name == "ClusterId" else cluster.of(name)) == value:
                    self.remove_cluster(cluster, why)
        else:
            for job in self._named(jobs):
                self.abort(job.attempt, why)
        self._answer()

    def edit(self, jobs: Sequence[str], attribute: str, value: str) -> None:
        """Give jobs other memory."""
        self._reach("edit", (list(jobs), attribute, value))
        for job in self._named(jobs):
            job.memory_mb = int(value)
        self._answer()

    # --- what tests and benchmarks do with its jobs

    def start(self, attempt: str) -> None:
        """Let a job run."""
        job = self.attempts[attempt]
        job.status = 2
        self._write(job.cluster, STARTED, job.proc)
        self._make(job.cluster)

    def finish(self, attempt: str, code: int = 0, signal: int | None = None, mb: int = 50) -> None:
        """Let a job end."""
        job = self.attempts[attempt]
        ending = f"\t(1) Normal termination (return value {code})"
        if signal is not None:
            ending = f"\t(0) Abnormal termination (signal {signal})\n\t(0) No core file"
        self._write(job.cluster, TERMINATED, job.proc, ending=ending, mb=mb, asked=job.memory_mb)
        self._leave(job)

    def hold(self, attempt: str, code: int, subcode: int = 0, reason: str = "it has its reasons") -> None:
        """Hold a job."""
        job = self.attempts[attempt]
        job.status, job.code, job.subcode, job.reason = 5, code, subcode, reason
        self._write(job.cluster, HELD, job.proc, code=code, subcode=subcode, reason=reason)

    def evict(self, attempt: str, code: int = 1009, subcode: int = 0, reason: str = "Claim deactivated") -> None:
        """Send a job away from its node."""
        job = self.attempts[attempt]
        job.status = 1
        self._write(
            job.cluster, EVICTED, job.proc, code=code, subcode=subcode, reason=reason, mb=90, asked=job.memory_mb
        )

    def abort(self, attempt: str, why: str = "via condor_rm (by user analyst)") -> None:
        """Remove a job as a person does."""
        job = self.attempts[attempt]
        self._write(job.cluster, ABORTED, job.proc, reason=why)
        self._leave(job)

    def remove_cluster(self, cluster: Cluster, why: str = "via condor_rm (by user analyst)") -> None:
        """Remove a cluster as a person does."""
        for job in list(cluster.jobs.values()):
            self._write(cluster, ABORTED, job.proc, reason=why)
            del cluster.jobs[job.proc]
        self._close(cluster, "Incomplete")

    def pause(self, cluster: Cluster, code: int, reason: str) -> None:
        """Make no more jobs of a cluster."""
        cluster.most = 0
        self._write(cluster, PAUSED, -1, code=code, reason=reason)

    def tick(self, most: int) -> int:
        """End so many running jobs and start so many waiting ones; return how many there were."""
        written: dict[Path, list[str]] = {}
        ended = [self.running.popleft() for _ in range(min(most, len(self.running)))]
        for job in ended:
            texts = written.setdefault(job.cluster.log, [])
            texts.append(_fill(SIZE, job.cluster.number, job.proc, mb=50))
            ending = "\t(1) Normal termination (return value 0)"
            texts.append(_fill(TERMINATED, job.cluster.number, job.proc, ending=ending, mb=50, asked=job.memory_mb))
        started = [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]
        for job in started:
            job.status = 2
            written.setdefault(job.cluster.log, []).append(_fill(STARTED, job.cluster.number, job.proc))
            self.running.append(job)
        for log, texts in written.items():
            with open(log, "a") as file:
                file.write("".join(texts))
        for job in ended:
            self._leave(job)
        return len(ended) + len(started)

    def state(self, attempt: str) -> int | None:
        """Return the JobStatus of a job; `None` where it is not in the queue."""
        job = self.attempts.get(attempt)
        return job.status if job is not None and job.cluster.jobs.get(job.proc) is job else None

    # --- inside

    def _named(self, jobs: Sequence[str]) -> list[Simulated]:
        numbers = [tuple(map(int, name.split("."))) for name in jobs]
        return [
            self.clusters[cluster].jobs[proc]
            for cluster, proc in numbers
            if cluster in self.clusters and proc in self.clusters[cluster].jobs
        ]

    def _make(self, cluster: Cluster) -> None:
        texts = []
        while cluster.made < len(cluster.items) and len(cluster.jobs) < cluster.most:
            item = cluster.items[cluster.made]
            job = Simulated(cluster, cluster.made, item["attempt"], memory_mb=int(cluster.lines["request_memory"]))
            cluster.jobs[job.proc] = self.attempts[job.attempt] = job
            self.waiting.append(job)
            texts.append(_fill(SUBMITTED, cluster.number, job.proc, note=job.attempt))
            cluster.made += 1
        if texts and not self.quiet:
            with open(cluster.log, "a") as file:
                file.write("".join(texts))

    def _leave(self, job: Simulated) -> None:
        cluster = job.cluster
        cluster.jobs.pop(job.proc, None)
        self._make(cluster)
        if not cluster.jobs and cluster.made == len(cluster.items):
            self._close(cluster, "Complete")

    def _close(self, cluster: Cluster, how: str) -> None:
        if self.clusters.pop(cluster.number, None) is not None:
            self._write(cluster, CLUSTER_GONE, -1, made=cluster.made, how=how)

    def _write(self, cluster: Cluster, template: str, proc: int, **words: Any) -> None:
        if not self.quiet:
            with open(cluster.log, "a") as file:
                file.write(_fill(template, cluster.number, proc, **words))

    def _reach(self, what: str, about: Any = None) -> None:
        self.calls[what] += 1
        if self.down:
            raise QueueError("connection refused")
        if about is not None:
            self.asked.append((what, about))

    def _answer(self) -> None:
        if self.forgetful:
            self.forgetful = False
            raise QueueError("the answer got lost")


def _fill(template: str, cluster: int, proc: int, **words: Any) -> str:
    number = f"{cluster:03d}.{proc:03d}.000" if proc >= 0 else f"{cluster:03d}.-01.000"
    return template.format(id=number, time=TIME, host=HOST, **words)
