"""From the events of HTCondor's log to what happened to our jobs. Nothing here talks to anybody."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from automagic.executors.base import Event
from automagic.executors.condor.batches import Batch
from automagic.executors.local import CANCELLED, NOT_STARTED
from automagic.executors.policy import policy

# numbers of events (ULogEventNumber), of reasons to hold (CONDOR_HOLD_CODE) and of the one that is about memory
SUBMIT, EXECUTE, EVICTED, TERMINATED, IMAGE_SIZE, SHADOW, ABORTED = 0, 1, 4, 5, 6, 7, 9
HELD, RELEASED, DISCONNECTED, RECONNECT_FAILED, CLUSTER_SUBMIT, CLUSTER_REMOVED, PAUSED = 12, 13, 22, 24, 35, 36, 37
BY_PERSON, TRANSFERS, DURATION, MEMORY_HOLD, MEMORY_SUBCODE = 1, (12, 13), (46, 47), 34, 102

WAITING, RUNNING, ON_HOLD, ENDED = "waiting", "running", "held", "ended"


@dataclass(slots=True)
class Job:
    """One job.

    Attributes
    ----------
    number
        ``(cluster, proc)``, once it is known to be in the queue.
    request_mb, grows
        The memory that it has, and whether HTCondor doubles that when it starts the job again.
    unsaid
        That it was sent away from its node, and why: told only where no hold or removal follows at once.
    ending
        Cause and reason, once it has been decided that the job is to be removed.
    """

    attempt: str
    batch: Batch
    state: str = WAITING
    number: tuple[int, int] | None = None
    memory_mb: float = 0.0
    request_mb: float = 0.0
    grows: bool = False
    unsaid: tuple[str, str] | None = None
    hold: str = ""
    ending: tuple[str, str] | None = None
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Return its name in the queue."""
        assert self.number is not None
        return f"{self.number[0]}.{self.number[1]}"


class Follower:
    """Follows jobs through the log.

    Parameters
    ----------
    memory_max_mb
        Jobs get more memory up to this.
    complaint
        Tells the last words of an attempt's job.

    Attributes
    ----------
    out
        What happened; whoever takes it empties it.
    release, remove
        Jobs that this should be done with.
    more
        Jobs that are to be given this memory (MB) before they are released.
    left
        By batch, how many of its jobs have not ended.
    states
        How many jobs there are in each state.
    gone, broken
        Clusters that are over, and those that HTCondor makes no more jobs of.
    """

    def __init__(self, memory_max_mb: int, complaint: Callable[[str], str] = lambda attempt: "") -> None:
        self.memory_max_mb = memory_max_mb
        self.complaint = complaint
        self.jobs: dict[str, Job] = {}
        self.batches: dict[int, Batch] = {}
        self.gone: set[int] = set()
        self.broken: set[int] = set()
        self._emptied: set[int] = set()
        self.left: defaultdict[str, int] = defaultdict(int)
        self.states: defaultdict[str, int] = defaultdict(int)
        self.out: list[Event] = []
        self.release: dict[str, Job] = {}
        self.remove: dict[str, Job] = {}
        self.more: dict[str, int] = {}
        self.cancelling = False
        self._evicted: dict[str, Job] = {}
        self._handlers: dict[int, Callable[[Job, Mapping[str, Any]], None]] = {
            SUBMIT: self._submitted,
            EXECUTE: self._started,
            EVICTED: self._sent_away,
            TERMINATED: self._terminated,
            IMAGE_SIZE: self._image_size,
            SHADOW: self._shadow,
            ABORTED: self._aborted,
            HELD: self._held,
            RELEASED: self._released,
            DISCONNECTED: self._disconnected,
            RECONNECT_FAILED: self._shadow,
        }

    # --- who is followed

    def add(self, batch: Batch) -> None:
        """Follow the jobs of a batch."""
        for member in batch.members:
            self.jobs[member.attempt] = Job(member.attempt, batch, request_mb=batch.kind.memory_mb)
        self.left[batch.name] += len(batch.members)
        self.states[WAITING] += len(batch.members)

    def found(self, batch: Batch, cluster: int) -> None:
        """Take note of the cluster of a batch."""
        batch.cluster = cluster
        self.batches[cluster] = batch

    def forget(self, job: Job) -> None:
        """Stop following a job."""
        if self.jobs.pop(job.attempt, None) is not None:
            self._become(job, ENDED)
            self.left[job.batch.name] -= 1
            for each in (self.release, self.remove, self.more, self._evicted):
                each.pop(job.attempt, None)

    def drop(self, attempts: Collection[str], cause: str, running: bool = True) -> None:
        """Have jobs removed, those that run as well or not; those that are not in the queue yet go when they come.

        Where none of a cluster is to stay, all of it is removed, which spares making its jobs first.
        """
        touched: dict[int, Batch] = {}
        for attempt in attempts:
            job = self.jobs.get(attempt)
            if job is None or (job.state == RUNNING and not running):
                continue
            self._get_rid(job, cause, "")
            if job.batch.cluster is not None:
                touched[job.batch.cluster] = job.batch
        for cluster, batch in touched.items():
            jobs = [self.jobs[each.attempt] for each in batch.members if each.attempt in self.jobs]
            if all(job.ending for job in jobs):
                self._emptied.add(cluster)
                for job in jobs:
                    self.remove.pop(job.attempt, None)

    def empty_clusters(self) -> list[int]:
        """Return the clusters that are to be removed."""
        done = {cluster for cluster in self.broken if not self.left[self.batches[cluster].name]}
        return sorted(done | self._emptied)

    def removed(self, cluster: int) -> None:
        """Take note that a cluster was removed."""
        self._emptied.discard(cluster)
        self.broken.discard(cluster)

    def unqueued(self, batch: Batch) -> list[Job]:
        """Return the jobs of a batch that have not come into the queue yet."""
        jobs = (self.jobs.get(member.attempt) for member in batch.members)
        return [job for job in jobs if job is not None and job.number is None]

    # --- the events

    def take(self, events: Iterable[Mapping[str, Any]]) -> int:
        """Take in events in their order; return how many there were."""
        number = 0
        for event in events:
            number += 1
            kind = event["EventTypeNumber"]
            handler = self._handlers.get(kind)
            if handler is not None:
                job = self._job(kind, event)
                if job is not None:
                    handler(job, event)
            elif kind in (CLUSTER_SUBMIT, CLUSTER_REMOVED, PAUSED):
                self._cluster(kind, event)
        return number

    def settle(self) -> None:
        """Tell of jobs that were sent away from their nodes, now that nothing else came with it."""
        for job in list(self._evicted.values()):
            self._tell_eviction(job)

    def _job(self, kind: int, event: Mapping[str, Any]) -> Job | None:
        cluster, proc = event["Cluster"], event["Proc"]
        batch = self.batches.get(cluster)
        if batch is None and kind == SUBMIT:
            batch = self._meet(cluster, event)
        if batch is None or not 0 <= proc < len(batch.members):
            return None
        return self.jobs.get(batch.members[proc].attempt)

    def _meet(self, cluster: int, event: Mapping[str, Any]) -> Batch | None:
        """Find the batch of a cluster by the attempt that the event notes."""
        for key in ("UserNotes", "LogNotes"):
            with contextlib.suppress(KeyError):
                job = self.jobs.get(str(event[key]).strip())
                if job is not None:
                    self.found(job.batch, cluster)
                    return job.batch
        return None

    def _cluster(self, kind: int, event: Mapping[str, Any]) -> None:
        cluster = event["Cluster"]
        batch = self.batches.get(cluster) or (self._meet(cluster, event) if kind == CLUSTER_SUBMIT else None)
        if batch is None or kind == CLUSTER_SUBMIT:
            return
        if kind == CLUSTER_REMOVED:
            self.gone.add(cluster)
            for job in self.unqueued(batch):
                self.end(job, *self._removal(job, "the cluster was removed before the job came into the queue"))
        elif event.get("PauseCode", 0) < 0:
            # HTCondor cannot make them, and will not try again; those that it has made go on
            self.broken.add(cluster)
            for job in self.unqueued(batch):
                self.end(job, "held", f"HTCondor cannot make the job: {str(event.get('Reason') or '').strip()}")
        else:
            for job in self.unqueued(batch)[:1]:  # one word about all of them
                self._note(job, "held-user", f"cluster {cluster} is held; it waits until a person releases it")

    # --- what happens to one job

    def _submitted(self, job: Job, event: Mapping[str, Any]) -> None:
        job.number = (event["Cluster"], event["Proc"])
        if job.ending is not None:
            self.remove[job.attempt] = job

    def _started(self, job: Job, event: Mapping[str, Any]) -> None:
        if job.state == RUNNING:  # a shadow that dies leaves no event: the job just starts again
            job.unsaid = ("shadow", "HTCondor lost touch with the job and has started it again")
        if job.unsaid is not None:
            self._tell_eviction(job)
        if job.grows:
            job.request_mb, job.grows = min(2 * job.request_mb, self.memory_max_mb), False
        job.number = job.number or (event["Cluster"], event["Proc"])
        self._become(job, RUNNING)
        host = str(event.get("SlotName") or event.get("ExecuteHost") or "")
        self.out.append(Event(job.attempt, "started", host=host.rpartition("@")[2]))

    def _image_size(self, job: Job, event: Mapping[str, Any]) -> None:
        job.memory_mb = max(job.memory_mb, event.get("MemoryUsage") or 0.0)

    def _sent_away(self, job: Job, event: Mapping[str, Any]) -> None:
        self._become(job, WAITING)
        reason = str(event.get("Reason") or "").strip()
        job.memory_mb = max(job.memory_mb, event.get("MemoryUsage") or 0.0)
        if event.get("ReasonSubCode") == MEMORY_SUBCODE:
            job.grows = True
            job.unsaid = ("memory", f"the job had too little memory ({job.memory_mb:.0f} MB seen) and is given more")
        else:
            job.unsaid = job.unsaid or ("evicted", reason or "the job was sent away from its node")
        self._evicted[job.attempt] = job

    def _shadow(self, job: Job, event: Mapping[str, Any]) -> None:
        self._become(job, WAITING)
        reason = str(event.get("Message") or event.get("Reason") or "").strip()
        job.unsaid = ("shadow", reason or "HTCondor lost touch with the job")
        self._evicted[job.attempt] = job

    def _disconnected(self, job: Job, event: Mapping[str, Any]) -> None:
        reason = str(event.get("DisconnectReason") or "the job may still run").strip()
        self.out.append(Event(job.attempt, "note", "shadow", f"HTCondor lost touch with the job: {reason}"))

    def _tell_eviction(self, job: Job) -> None:
        assert job.unsaid is not None
        (cause, detail), job.unsaid = job.unsaid, None
        self._evicted.pop(job.attempt, None)
        self._note(job, cause, detail)
        if cause != "memory" and self._too_often(job, cause):
            self._get_rid(job, cause, f"{detail} ({job.counts[cause]} times)")

    def _terminated(self, job: Job, event: Mapping[str, Any]) -> None:
        job.memory_mb = max(job.memory_mb, event.get("MemoryUsage") or 0.0)
        usage = {"memory_mb": job.memory_mb, "disk_mb": (event.get("DiskUsage") or 0) / 1000}
        if not event.get("TerminatedNormally", True):
            signal = event.get("TerminatedBySignal", "?")
            self.end(job, "killed", f"the job was killed by signal {signal} before it could report", usage)
            return
        code = event.get("ReturnValue", -1)
        if code in (0, 1):
            self.end(job, "", "", usage)
        elif code == CANCELLED:
            self.end(job, *(("cancelled", "") if self.cancelling else ("killed", "the job was told to stop")), usage)
        else:
            cause = "node" if code in NOT_STARTED else "internal"
            words = self.complaint(job.attempt)
            what = "cannot be started" if cause == "node" else "broke"
            self.end(job, cause, f"the job {what} (code {code}){f': {words}' if words else ''}", usage)

    def _aborted(self, job: Job, event: Mapping[str, Any]) -> None:
        self.end(job, *self._removal(job, str(event.get("Reason") or "").strip()))

    def _removal(self, job: Job, reason: str) -> tuple[str, str]:
        if job.ending is not None:
            return job.ending
        return ("cancelled", "") if self.cancelling else ("removed", reason or "the job was removed")

    def _held(self, job: Job, event: Mapping[str, Any]) -> None:
        self.hold(job, event.get("HoldReasonCode"), event.get("HoldReasonSubCode"), event.get("HoldReason"))

    def hold(self, job: Job, code: int | None, subcode: int | None, reason: str | None) -> None:
        """Decide about a job that is held."""
        job.unsaid, job.grows = None, False
        self._evicted.pop(job.attempt, None)
        self._become(job, ON_HOLD)
        reason = (reason or "no reason given").strip()
        if code == MEMORY_HOLD or subcode == MEMORY_SUBCODE:
            self._out_of_memory(job, reason)
        elif code == BY_PERSON:
            job.hold = "held-user"
            self._note(job, "held-user", "a person held the job; it waits until they release it")
        elif code in DURATION:
            self._get_rid(job, "time", f"the job hung: {reason}")
        else:
            cause = "transfer" if code in TRANSFERS else "held"
            job.hold = cause
            self._note(job, cause, f"{reason} (code {code}.{subcode})")
            if self._too_often(job, cause):
                self._get_rid(job, cause, f"{reason} (code {code}.{subcode})")
            else:
                self.release[job.attempt] = job

    def _out_of_memory(self, job: Job, reason: str) -> None:
        """Give more memory to a job where HTCondor itself does not, unless it has the most already."""
        job.hold = "memory"
        if job.request_mb >= self.memory_max_mb:
            seen = f" and used {job.memory_mb:.0f} MB" if job.memory_mb else ""
            self._get_rid(job, "memory", f"the job had {job.request_mb:.0f} MB{seen}: {reason}")
            return
        more = min(2 * int(job.request_mb), self.memory_max_mb)
        job.request_mb = more
        self._note(job, "memory", f"the job had too little memory and is given {more} MB")
        self.more[job.attempt] = more
        self.release[job.attempt] = job

    def _released(self, job: Job, event: Mapping[str, Any]) -> None:
        self._become(job, WAITING)
        if job.hold == "held-user":
            self.out.append(Event(job.attempt, "note", "held-user", "the job was released"))
        job.hold = ""
        self.release.pop(job.attempt, None)
        self.more.pop(job.attempt, None)

    # --- what is done about it

    def _note(self, job: Job, cause: str, detail: str) -> None:
        job.counts[cause] = job.counts.get(cause, 0) + 1
        self.out.append(Event(job.attempt, "note", cause, detail, memory_mb=job.memory_mb or None))

    def _too_often(self, job: Job, cause: str) -> bool:
        return job.counts[cause] > policy(cause).retries

    def _get_rid(self, job: Job, cause: str, detail: str) -> None:
        """Remove a job; its end is told when it is gone."""
        job.ending = (cause, detail)
        self.release.pop(job.attempt, None)
        self.more.pop(job.attempt, None)
        if job.number is not None:
            self.remove[job.attempt] = job

    def end(self, job: Job, cause: str, detail: str, usage: dict[str, float] | None = None) -> None:
        """Tell the end of a job and stop following it."""
        self.forget(job)
        self.out.append(Event(job.attempt, "ended", cause, detail, memory_mb=job.memory_mb or None, usage=usage or {}))

    def _become(self, job: Job, state: str) -> None:
        self.states[job.state] -= 1
        self.states[state] += 1
        job.state = state
