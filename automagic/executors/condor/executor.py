"""Jobs as those of an HTCondor pool: submitted in batches, followed through the event log, nothing asked per job."""

from __future__ import annotations

import contextlib
import select
import time
import uuid
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from automagic.analysis.condor import Condor
from automagic.errors import UserError
from automagic.executors.base import Event, Request
from automagic.executors.condor import carry
from automagic.executors.condor.batches import Batch, Member, gather, read
from automagic.executors.condor.census import ATTRIBUTES, Census
from automagic.executors.condor.describe import ERRORS, Site, describe
from automagic.executors.condor.follow import ENDED, WAITING, Follower, Job
from automagic.executors.condor.logs import Log, Logs, open_log
from automagic.executors.condor.queue import HINT, Patience, Queue, QueueError

QUIET_S = 300.0
"""Where the log says nothing for so long, the queue is asked once."""

RELEASE_S = 30.0
"""Jobs that HTCondor holds are released together, so long after the first."""

STEP_S = 1.0
"""The log is looked at this often."""

REASON = "autoMAGIC took it back"
"""What HTCondor is told when jobs are removed."""

GONE_S = 15.0
"""How long `CondorExecutor.cancel` waits for jobs to go."""


class CondorExecutor:
    """Runs jobs in an HTCondor pool.

    A job outlives this process. A new executor for the same folder takes over the jobs with `adopt`.

    Parameters
    ----------
    folder
        ``work`` of the analysis, which has the job folders; notes and event logs are kept in ``batches`` in there.
    analysis
        Its name, for people.
    pyz, launcher
        Paths of ``job.pyz`` and ``launch.sh``.
    queue, logs, clock
        Stand-ins for the schedd, its event logs and the time.
    """

    def __init__(
        self,
        folder: Path,
        settings: Condor,
        analysis: str,
        pyz: Path,
        launcher: Path,
        queue: Queue | None = None,
        logs: Callable[[str], Log] = open_log,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.kind = "shared" if settings.shared_files else "transfer"
        self.settings = settings
        self.site = Site(settings, folder.resolve(), analysis, pyz.resolve(), launcher.resolve())
        self.folder = self.site.batches
        self.queue = queue or Queue(settings.collector, settings.schedd)
        self.quiet_s, self.release_s, self.step_s = QUIET_S, RELEASE_S, STEP_S
        self._logs, self._clock = Logs(self.folder, logs), clock
        self._gathered: list[Request] = []
        self._since = 0.0
        self._sent = -1e9
        self._batches: dict[str, Batch] = {}
        self._used = False
        self._unsure: dict[str, tuple[str, list[dict[str, str]]]] = {}
        self._follower = Follower(settings.memory_max_mb, self._complaint)
        self._heard = self._clock()
        self._answered = False
        self._patience = Patience()
        self._release_at: float | None = None

    @property
    def cores(self) -> int:
        """How many jobs of a stage may run at once."""
        return self.settings.max_running

    @property
    def memory_mb(self) -> int:
        """How much memory a job can have at most."""
        return self.settings.memory_max_mb

    @property
    def active(self) -> int:
        """How many jobs are waiting or running."""
        return len(self._gathered) + len(self._follower.jobs)

    def submit(self, requests: Sequence[Request]) -> None:
        """Gather jobs; `wait` submits them."""
        if requests and not self._gathered:
            self._since = self._clock()
        if self.kind == "transfer":
            for request in requests:
                carry.prepare(request, self.folder)
        self._gathered.extend(requests)

    def wait(self, timeout: float | None = None, wake: int | None = None) -> list[Event]:
        """Submit what is due, then sleep until something happens, `wake` can be read, or the time is up."""
        if not self._follower.out:
            self._tidy()
        limit = None if timeout is None else self._clock() + timeout
        while True:
            self._turn()
            if self._follower.out:
                return self._take()
            left = self.step_s if limit is None else min(self.step_s, limit - self._clock())
            if left <= 0 or not (self.active or wake is not None):
                return []
            if select.select([] if wake is None else [wake], [], [], left)[0]:
                return []

    def withdraw(self, attempts: Collection[str]) -> None:
        """Take back those of some jobs that have not started; `wait` tells their end, with cause ``"withdrawn"``."""
        mine = [request for request in self._gathered if request.attempt in attempts]
        self._gathered = [request for request in self._gathered if request.attempt not in attempts]
        self._follower.out += [Event(request.attempt, "ended", "withdrawn") for request in mine]
        self._follower.drop(attempts, "withdrawn", running=False)

    def leave(self) -> list[Event]:
        """Prepare for this process to end: jobs go on, those that were not submitted yet are forgotten."""
        events = [Event(request.attempt, "ended", "cancelled") for request in self._gathered]
        self._gathered.clear()
        return events

    def close(self) -> None:
        """Take out of the queue what is left there of jobs that have ended for us.

        A schedd that dies just when a job has ended forgets that, and would hold or run it again.
        """
        if self._used and not self.active:
            with contextlib.suppress(QueueError):
                self.queue.remove(f'AutomagicAnalysis == "{self.site.mark}"', "autoMAGIC has what it has made")

    def cancel(self) -> list[Event]:
        """Remove all jobs, wait shortly until they are gone, and tell how they ended."""
        follower = self._follower
        follower.cancelling = True
        follower.out += [Event(request.attempt, "ended", "cancelled") for request in self._gathered]
        self._gathered.clear()
        limit = self._clock() + GONE_S
        asked = False
        while self._follower.jobs and self._clock() < limit:
            if not asked:
                with contextlib.suppress(QueueError):
                    self.queue.remove(f'AutomagicAnalysis == "{self.site.mark}"', "autoMAGIC was told to stop")
                    asked = True
            select.select([], [], [], min(0.2, self.step_s))
            self._read()
        for job in list(follower.jobs.values()):
            follower.end(job, "cancelled", "" if asked else "the schedd could not be reached: the job may still run")
        events = self._take()
        if asked:
            self._tidy()
        return events

    # --- what is done in each turn of the loop

    def _turn(self) -> None:
        self._read()
        if self._patience.waits(self._clock()):
            return
        try:
            self._look_for_lost()
            self._act()
            self._send()
            self._check()
        except QueueError as error:
            if not self._answered:
                self._ask_first()
            if self._patience.again(self._clock(), error):
                about = next(iter([*self._follower.jobs, *(each.attempt for each in self._gathered)]), "")
                words = f"HTCondor does not do what it is asked, and is asked again: {error}"
                self._follower.out.append(Event(about, "note", "schedd", words))
        else:
            self._patience.over()

    def _ask_first(self) -> Census:
        """Ask for our jobs; a schedd that has never answered is not waited for."""
        try:
            return self._ask()
        except QueueError as error:
            raise UserError(f"HTCondor's schedd cannot be reached: {error}", hint=HINT) from None

    def _read(self) -> None:
        """Take in what the logs say."""
        if self._logs.read(self._follower):
            self._heard = self._clock()

    def _send(self) -> None:
        """Submit what was gathered, if it is time."""
        now = self._clock()
        waits = self._follower.states[WAITING] > 0
        if (
            not self._gathered
            or (waits and now - self._since < self.settings.batch_s)
            or now - self._sent < self.step_s
        ):
            return
        kinds, self._gathered, self._sent = gather(self._gathered), [], now
        for kind, requests in kinds.items():
            members = [Member(each.attempt, each.task, each.action, round(each.priority)) for each in requests]
            batch = Batch(uuid.uuid4().hex[:16], self._logs.current(len(members)), kind, members)
            self._unsure[batch.name] = describe(self.site, batch, self.folder / batch.log)
            self._follow(batch)
            batch.write(self.folder)
        for name in list(self._unsure):
            self._hand_over(name)

    def _hand_over(self, name: str) -> None:
        cluster = self.queue.submit(*self._unsure[name])
        self._follower.found(self._batches[name], cluster)
        del self._unsure[name]
        self._heard, self._answered = self._clock(), True

    def _look_for_lost(self) -> None:
        """Submit again what failed to be; but the schedd may have it, and only its answer got lost."""
        for name in list(self._unsure):
            batch = self._batches[name]
            if batch.cluster is None:
                for ad in self.queue.query(f'AutomagicBatch == "{name}"', ["ClusterId"]):
                    self._follower.found(batch, int(ad["ClusterId"]))
            if batch.cluster is None:
                self._hand_over(name)
            else:
                del self._unsure[name]

    def _act(self) -> None:
        """Remove and release what the follower has decided on: one call for all."""
        follower = self._follower
        for cluster in follower.empty_clusters():
            self.queue.remove(f"ClusterId == {cluster}", REASON)
            follower.removed(cluster)
        remove = list(follower.remove.values())
        if remove:
            self.queue.remove([job.id for job in remove], REASON)
            for job in remove:
                follower.remove.pop(job.attempt, None)
        if not follower.release:
            self._release_at = None
        elif self._release_at is None:
            self._release_at = self._clock() + self.release_s
        elif self._clock() >= self._release_at:
            self._release_at = None
            sizes: dict[int, list[Job]] = {}
            for attempt, memory in follower.more.items():
                sizes.setdefault(memory, []).append(follower.release[attempt])
            for memory, jobs in sizes.items():
                self.queue.edit([job.id for job in jobs], "RequestMemory", str(memory))
                for job in jobs:
                    follower.more.pop(job.attempt, None)
            self.queue.release([job.id for job in follower.release.values()], "autoMAGIC tries it again")
            follower.release.clear()

    # --- what the log did not say

    def _check(self) -> None:
        """Ask the queue once, where nothing was heard for long."""
        if self._follower.jobs and self._clock() - self._heard >= self.quiet_s:
            self._compare(self._ask())
            self._heard = self._clock()

    def _ask(self) -> Census:
        ads = self.queue.query(f'AutomagicAnalysis == "{self.site.mark}"', ATTRIBUTES)
        self._answered = True
        return Census(ads)

    def _compare(self, census: Census) -> None:
        self._read()  # what was written before the queue was asked
        census.compare(self._batches.values(), self._follower, self._has_result)

    def _has_result(self, attempt: str) -> bool:
        folder = self.site.work / attempt
        if self.kind == "transfer":
            carry.bring_in(folder)
        return (folder / "done").is_dir() or (folder / "failed").is_dir()

    # --- a new driver

    def adopt(self, known: Callable[[str], bool]) -> dict[str, dict[str, Any]]:
        """Take over the jobs that an earlier executor has left; call it before anything else.

        Parameters
        ----------
        known
            Tells whether an attempt is still wanted. The others are removed from the queue.

        Returns
        -------
        dict
            By attempt: ``task``, ``action`` and ``state``, which is ``"waiting"``, ``"running"``, ``"held"`` or
            ``"ended"``. `wait` will tell more of each of them; what has ended already comes with its next call.

        Raises
        ------
        UserError
            The schedd cannot be reached.
        """
        batches = self._left_batches()
        if not batches:
            return {}
        census = self._ask_first()
        for batch in batches:
            self._follow(batch)
            if batch.name in census.clusters:
                self._follower.found(batch, census.clusters[batch.name])
        self._read()
        for batch in batches:
            if batch.cluster is None:  # its driver died before it was submitted
                for unsubmitted in self._follower.unqueued(batch):
                    self._follower.forget(unsubmitted)
            elif batch.name not in census.clusters:
                self._follower.gone.add(batch.cluster)
        self._compare(census)
        self._follower.out = [event for event in self._follower.out if event.kind == "ended" and known(event.attempt)]
        ended = {event.attempt for event in self._follower.out}
        self._follower.drop([attempt for attempt in self._follower.jobs if not known(attempt)], "removed")
        found: dict[str, dict[str, Any]] = {}
        for batch in batches:
            for member in batch.members:
                job: Job | None = self._follower.jobs.get(member.attempt)
                if member.attempt in ended or (job is not None and known(member.attempt)):
                    state = ENDED if job is None else job.state
                    found[member.attempt] = {"task": member.task, "action": member.action, "state": state}
        return found

    def _left_batches(self) -> list[Batch]:
        batches = []
        for path in sorted(self.folder.glob("*.json")):
            try:
                batches.append(read(path))
            except (ValueError, KeyError, TypeError) as error:
                raise UserError(
                    f"{path} cannot be read: {error}",
                    hint="It lists jobs in HTCondor's queue. Remove those with condor_rm, then delete the file.",
                ) from None
        return batches

    # --- notes and logs

    def _follow(self, batch: Batch) -> None:
        self._used = True
        self._batches[batch.name] = batch
        self._follower.add(batch)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._logs.follow(batch.log)

    def _take(self) -> list[Event]:
        events, self._follower.out = self._follower.out, []
        if self.kind == "transfer":
            for event in events:
                if event.kind == "ended":
                    carry.bring_in(self.site.work / event.attempt)
        return events

    def _tidy(self) -> None:
        """Take away notes and logs of batches that are over: their ends were told, and were dealt with by now."""
        follower = self._follower
        over = [batch for batch in self._batches.values() if not follower.left[batch.name] and self._is_gone(batch)]
        for batch in over:
            (self.folder / f"{batch.name}.json").unlink(missing_ok=True)
            del self._batches[batch.name], follower.left[batch.name]
            if batch.cluster is not None:
                del follower.batches[batch.cluster]
                follower.gone.discard(batch.cluster)
        if over:
            self._logs.keep({batch.log for batch in self._batches.values()})

    def _is_gone(self, batch: Batch) -> bool:
        return batch.cluster in self._follower.gone or (batch.cluster is None and batch.name not in self._unsure)

    def _complaint(self, attempt: str) -> str:
        """Return the last line that a job complained with."""
        with contextlib.suppress(OSError):
            lines = (self.site.work / attempt / ERRORS).read_text(errors="replace").strip().splitlines()
            return lines[-1][:400] if lines else ""
        return ""
