"""Bringing what tasks read from remote storage, beside everything else that goes on.

Who uses it *demands* groups of files and hears of each when it is here, whole, and held for them. A group gets room
in the cache as a whole or not at all, so that no two groups can wait for each other's room.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from automagic.errors import UserError
from automagic.staging.cache import About, Cache
from automagic.staging.groups import BUSY, Demand, Event, File, human, said
from automagic.staging.remote import Remote
from automagic.staging.settings import Settings
from automagic.staging.transfer import fetch
from automagic.staging.trouble import OnTape, StorageError
from automagic.staging.urls import redact
from automagic.staging.waiting import Waiting

if TYPE_CHECKING:
    from automagic.graph.task import Source

AHEAD = 8
"""So many files a transfer are looked at ahead."""

_MOVING = frozenset({"asking", "tape", "probing", "queued", "running", "resting"})

Then = Callable[[], None]


class Stager:
    """Brings files into the cache with threads of its own.

    Parameters
    ----------
    settings
        Of the site.
    remote
        Storage with its connections, where there is one already.

    Attributes
    ----------
    descriptor
        Can be read when there are events.
    """

    def __init__(self, settings: Settings, remote: Remote | None = None) -> None:
        self.settings = settings
        self.cache = Cache(settings.cache, settings.quota)
        self.remote = remote or Remote(settings.timeout_s)
        self.lease = self.cache.lease()
        self.descriptor, self._bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._files: dict[str, File] = {}
        self._demands: dict[str, Demand] = {}
        self._needs: dict[str, frozenset[str]] = {}
        self._jobs: list[tuple[int, int, Callable[[], Then]]] = []
        self._count = itertools.count()
        self._condition = threading.Condition(threading.RLock())
        self._stopping = self._full = self._squeeze = self._squeezing = False
        self._room = 0
        self._told: tuple[int, float] | None = None
        self._waiting = Waiting(self)
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(settings.parallel)]
        for thread in (threading.Thread(target=self._run, daemon=True), *threads):
            thread.start()

    # --- for who uses it

    def plan(self, needs: Mapping[str, Iterable[Source]]) -> None:
        """Take note which files somebody is going to demand: they are released last."""
        with self._condition:
            for name, sources in needs.items():
                self._needs[name] = frozenset(self._file(source).key for source in sources)
            self._note_needs()

    def announce(self, sources: Iterable[Source]) -> None:
        """Ask for all files of which it is certain that they will be demanded, those on tape in one go."""
        with self._condition:
            files = list({source.url: self._file(source) for source in sources}.values())
            for file in files:
                self._find(file)
            self._waiting.ask([file for file in files if file.state == "absent"])

    def demand(self, name: str, sources: Iterable[Source], first: bool = False) -> None:
        """Ask for a group of files; an event tells when all are here and held, or why not.

        Parameters
        ----------
        name
            Of the group, until `over` gives it back.
        first
            Whether it comes before groups that are not.
        """
        with self._condition:
            files = [self._file(source) for source in sources]
            for file in files:
                if file.state == "failed":  # a new demand is a new chance
                    file.state, file.tries, file.damaged = "new", 0, 0
            urls = tuple(file.url for file in files)
            self._demands[name] = Demand(name, urls, (0 if first else 1, next(self._count)))
            self._full = False  # to be found out again
            self._condition.notify_all()

    def over(self, name: str) -> None:
        """Take note that somebody needs its files no longer, and hold those of its demand no longer."""
        with self._condition:
            self._needs.pop(name, None)
            self._note_needs()
            self._drop(name)

    def give_back(self, name: str) -> None:
        """Hold the files of a demand no longer."""
        with self._condition:
            self._drop(name)

    def events(self) -> list[Event]:
        """Return what happened since the last question, without waiting."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.descriptor, 4096):
                pass
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._events.get_nowait())
        return found

    @property
    def stuck(self) -> bool:
        """Whether demands wait for room, and nothing is under way or held that could make any."""
        with self._condition:
            wanted = {url for demand in self._demands.values() for url in demand.urls}
            if not self._full or any(self._files[url].state in _MOVING for url in wanted):
                return False
            return all(demand.state == "waiting" for demand in self._demands.values())

    def squeeze(self) -> None:
        """Let go of files that are still needed: they are brought again when their turn comes."""
        with self._condition:
            self._squeeze = self.stuck
            self._condition.notify_all()

    def close(self) -> None:
        """Stop. What came so far stays in the cache, and is gone on with next time."""
        with self._condition:
            if self._stopping:
                return
            self._stopping = True
            self._jobs.clear()
            self.lease.close()
            self._condition.notify_all()
        self.remote.close()

    # --- the scheduler: all of it has the lock

    def _run(self) -> None:
        with self._condition:
            while not self._stopping:
                try:
                    pause = self._step(time.monotonic())
                except (OSError, UserError) as error:
                    self._fail_all(said(error))
                    pause = 1.0
                self._condition.wait(pause)

    def _step(self, now: float) -> float | None:
        """Start what can be started; return after how many seconds there is more to do."""
        due: list[float] = []
        for file in [file for file in self._files.values() if file.state == "resting"]:
            if file.due <= now:
                self._queue(file)
            else:
                due.append(file.due)
        was_full, self._full = self._full, False
        self._squeezing, self._squeeze = self._squeeze and was_full, False
        for demand in sorted(self._demands.values(), key=lambda each: each.rank):
            enough = len(self._jobs) >= AHEAD * self.settings.parallel
            if demand.state == "admitted" or (demand.state == "waiting" and not enough):
                self._advance(demand)
        if self._full:
            due.append(now + BUSY.after(self._room))  # other processes may make room
            self._room += 1
            if not was_full:
                self.tell(Event("full"))
        tape = [file for file in self._files.values() if file.state == "tape"]
        look = self._waiting.step(tape, now)
        if look is not None:
            due.append(look)
            if self._told != (len(tape), look):
                self._told = (len(tape), look)
                self.tell(Event("waiting", number=len(tape), next_s=self._waiting.left(now)))
        elif not tape and self._told:
            self._told = None
            self.tell(Event("waiting"))
        return max(0.0, min(due) - now) if due else None

    def _advance(self, demand: Demand) -> None:
        files = [self._files[url] for url in demand.urls]
        for file in files:
            self._find(file)
        failed = [file for file in files if file.state == "failed"]
        if failed:
            more = f"; and {len(failed) - 1} more of its files" if len(failed) > 1 else ""
            self._give_up(demand, failed[0].reason + more)
            return
        if demand.state == "waiting":
            self._waiting.ask([file for file in files if file.state == "absent"])
            for file in [file for file in files if file.state == "absent" and file.size is None]:
                file.state = "probing"
                self.later(1, lambda file=file: self._probe(file))  # type: ignore[misc]
            if any(file.state in ("asking", "tape", "probing") for file in files):
                return
            # what needs room waits in line, so that a large group is not overtaken for ever
            if self._full and any(file.state != "here" for file in files):
                return
            if not self._admit(demand, files):
                return
        if all(file.state == "here" for file in files):
            demand.state = "here"
            self.tell(Event("here", demand.name, tuple(file.about for file in files if file.about)))

    def _admit(self, demand: Demand, files: list[File]) -> bool:
        wanted = {file.key: file.about.size if file.about else file.size or 0 for file in files}
        needed, quota = sum(wanted.values()), self.settings.quota
        if quota is not None and needed > quota:
            text = f"{demand.name} needs {human(needed)} at once, and the cache may hold {human(quota)}"
            self._give_up(demand, f"{text} (storage.quota in site.toml)")
            return False
        squeeze, self._squeezing = self._squeezing, False
        answer = self.cache.admit(self.lease, wanted, squeeze)
        for url, size in answer.released:
            if url in self._files and self._files[url].state == "here":
                self._files[url].state = "absent"
            self.tell(Event("released", url, number=size))
        if not answer.granted:
            if squeeze and not answer.others:
                text = f"{demand.name} needs {human(needed)}, and there is no room for it in {self.cache.folder}"
                self._give_up(demand, text)
            else:
                self._full = True
            return False
        demand.state, demand.keys, self._room = "admitted", set(wanted), 0
        for file in files:
            if file.state == "here":  # another process may have released it before it was held
                file.state = "new"
                self._find(file)
            if file.state == "absent":
                self._queue(file)
        return True

    def _find(self, file: File) -> None:
        if file.state == "new":
            here = self.cache.present(file.source)
            file.state = "here" if here else "absent"
            file.about = self.cache.known(file.source) if here else None

    def _queue(self, file: File) -> None:
        file.state = "queued"
        self.later(1, lambda: self._fetch(file))

    def _give_up(self, demand: Demand, reason: str) -> None:
        self.tell(Event("failed", demand.name, reason=reason))
        self._drop(demand.name)

    def _fail_all(self, reason: str) -> None:
        for demand in [each for each in self._demands.values() if each.state != "here"]:
            self._give_up(demand, reason)

    # --- room

    def _file(self, source: Source) -> File:
        if source.url not in self._files:
            key = self.cache.place(source).key
            self._files[source.url] = File(source, key, size=source.size, listed=source.place == "tape")
        return self._files[source.url]

    def _note_needs(self) -> None:
        if self.settings.quota is not None:
            self.lease.needs = frozenset().union(*self._needs.values())

    def _drop(self, name: str) -> None:
        demand = self._demands.pop(name, None)
        if demand is not None:
            self._leave(demand)
            self._full = False
            self._condition.notify_all()

    def _leave(self, demand: Demand) -> None:
        """Give the room of a group back: take from the queue what nobody else is admitted with, hold no more of it."""
        admitted = [each for each in self._demands.values() if each is not demand and each.state != "waiting"]
        wanted = {url for each in admitted for url in each.urls}
        for file in (self._files[url] for url in demand.urls):
            if file.url not in wanted and file.state in ("queued", "resting"):
                file.state = "absent"
        running = {file.key for file in self._files.values() if file.state == "running"}
        free = demand.keys.difference(running, *(each.keys for each in admitted))
        demand.state, demand.keys = "waiting", set()
        if free and not self._stopping:
            self.cache.give_back(self.lease, free)

    # --- the other threads

    def tell(self, event: Event) -> None:
        """Tell what happened."""
        self._events.put(event)
        with contextlib.suppress(OSError):  # the pipe is full: it rings already
            os.write(self._bell, b"!")

    def later(self, urgency: int, job: Callable[[], Then]) -> None:
        """Do a job in another thread, and what it returns under the lock."""
        with self._condition:
            heapq.heappush(self._jobs, (urgency, next(self._count), job))
            self._condition.notify_all()

    def _work(self) -> None:
        while True:
            with self._condition:
                while not self._jobs and not self._stopping:
                    self._condition.wait()
                if self._stopping:
                    return
                job = heapq.heappop(self._jobs)[2]
            then = self._done(job)
            with self._condition:
                if self._stopping:
                    return
                then()
                self._condition.notify_all()

    def _done(self, job: Callable[[], Then]) -> Then:
        try:
            return job()
        except Exception as error:  # a thread that dies in silence would keep everybody waiting
            reason = f"bringing files here broke ({type(error).__name__}: {redact(str(error))})"
            return lambda: self._fail_all(reason)

    def _probe(self, file: File) -> Then:
        try:
            outcome: int | Exception | None = self.remote.speaker(file.url).size(file.url)
        except (StorageError, UserError, OSError) as error:
            outcome = error
        return lambda: self._probed(file, outcome)

    def _probed(self, file: File, outcome: int | Exception | None) -> None:
        if not isinstance(outcome, Exception):
            file.state, file.size = "absent", outcome or 0
        else:
            self._went_wrong(file, outcome)
            if file.state == "resting":  # the transfer itself will tell
                file.size = file.size or 0

    def _fetch(self, file: File) -> Then:
        with self._condition:
            if file.state != "queued":
                return lambda: None
            file.state = "running"

        def came(have: int) -> bool:
            if have > file.most:
                file.most, file.tries = have, 0
            return not self._stopping

        try:
            outcome: About | Exception = fetch(self.remote.speaker(file.url), file.source, self.cache, came)
        except (StorageError, UserError, OSError) as error:
            outcome = error
        return lambda: self._fetched(file, outcome)

    def _fetched(self, file: File, outcome: About | Exception) -> None:
        if isinstance(outcome, About):
            file.state, file.about, file.size = "here", outcome, outcome.size
            self.tell(Event("staged", file.url, (outcome,)))
        else:
            self._went_wrong(file, outcome)
        admitted = [each for each in self._demands.values() if each.state != "waiting"]
        if not any(file.key in each.keys for each in admitted):
            self.cache.give_back(self.lease, [file.key])
            if file.state == "resting":
                file.state = "absent"

    def _went_wrong(self, file: File, error: Exception) -> None:
        if isinstance(error, OnTape):
            self._waiting.found(file, error)
            for demand in list(self._demands.values()):
                if demand.state == "admitted" and file.url in demand.urls:
                    self._leave(demand)
        else:
            file.mishap(error, self.settings, time.monotonic())
