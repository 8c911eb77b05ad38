"""Remote files for the driver: which to ask for, when a task may have them, and how long they are held."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from automagic.bookkeeping.journal import Journal
from automagic.graph.task import Source, Task
from automagic.runner.reporter import Reporter
from automagic.runner.session import Session
from automagic.runner.staged import describe

if TYPE_CHECKING:
    from automagic.staging.groups import Event
    from automagic.staging.stager import Stager


class StageIn:
    """Stands between the driver and the stager of one run; has no threads before there is something to bring.

    Parameters
    ----------
    selected
        Names of the tasks that this run looks at.
    read
        Staging tasks whose files are read by tasks that this run is about, whether these have to run or not.
    """

    def __init__(
        self,
        session: Session,
        journal: Journal,
        reporter: Reporter,
        selected: Collection[str],
        read: Collection[str] = (),
    ) -> None:
        self.session = session
        self.journal = journal
        self.reporter = reporter
        self.readers = {
            name: remote
            for name, task in session.tasks.items()
            if name in selected and (remote := self.remote_of(task))
        }
        self._read = {*read, *(before.name for remote in self.readers.values() for before in remote)}
        self._stager: Stager | None = None
        self._begun: dict[str, float] = {}

    def remote_of(self, task: Task) -> list[Task]:
        """Return the staging tasks whose files a task reads."""
        before = [self.session.tasks[name] for name in task.upstream if name in self.session.tasks]
        return [each for each in before if each.engine == "stage"]

    # --- asking

    def settled(self, task: Task) -> bool:
        """Tell whether nothing is to be done for a staging task whose hashes are known.

        Its files need not be here, unless nothing in this run reads them: then they themselves are what is asked for.
        """
        if task.name not in self._read and not self.session.staged.here(task):
            return False
        self.session.staged.record(task, self.session.staged.known(task) or ())
        return True

    def bring(self, task: Task) -> None:
        """Ask for the files of a staging task, or for those that a task reads."""
        reader = task.engine != "stage"
        sources = self._sources(task) if reader else list(task.sources)
        self._begun[task.name] = time.monotonic()
        self.reporter.files_asked()
        self.stager.demand(task.name, sources, first=reader)

    def over(self, name: str) -> None:
        """Take note that a task does not need its files any more."""
        if self._stager is not None and (name in self.readers or name in self._begun):
            self._begun.pop(name, None)
            self._stager.over(name)

    def took(self, name: str) -> float:
        """Tell how long it took (s) until the files of a task were here."""
        return time.monotonic() - self._begun.pop(name, time.monotonic())

    @property
    def stager(self) -> Stager:
        """The stager. The first time, all that this run is sure to need is asked for at once."""
        if self._stager is None:
            from automagic.staging.stager import Stager

            self._stager = Stager(self.session.staged.settings)
            needs = {name: self._sources(self.session.tasks[name]) for name in self.readers}
            self._stager.plan(needs)
            certain = [source for name in self.readers if self._will_run(name) for source in needs[name]]
            for name in self._read:
                if not self.session.standing(name).fresh:
                    certain += self.session.tasks[name].sources
            self._stager.announce(certain)
        return self._stager

    def _will_run(self, name: str) -> bool:
        standing = self.session.standing(name)
        return not standing.fresh and standing.problem is None

    def _sources(self, task: Task) -> list[Source]:
        """Return the files that a task reads from remote storage, no others of the staging tasks before it."""
        wanted = {(each.task, each.name) for each in task.inputs}
        found = [(before.name, source) for before in self.remote_of(task) for source in before.sources]
        return [source for name, source in found if (name, source.name) in wanted]

    # --- what came of it

    @property
    def descriptor(self) -> int | None:
        """Can be read when there is something to hear; `None` where nothing was asked for."""
        return None if self._stager is None else self._stager.descriptor

    def hear(self, idle: bool) -> list[Event]:
        """Return how demands ended, and tell journal and reporter of everything else.

        Parameters
        ----------
        idle
            Whether no job runs that could make room when it ends.
        """
        if self._stager is None:
            return []
        ended = []
        for event in self._stager.events():
            if event.kind in ("here", "failed"):
                ended.append(event)
            else:
                self._tell(event)
        if idle and not ended and self._stager.stuck:
            self._stager.squeeze()
        return ended

    def _tell(self, event: Event) -> None:
        if event.kind == "staged":
            self.journal.write({"event": "staged", "files": describe(event.files)})
            self.reporter.file_staged(event.files[0].name, event.files[0].size)
        elif event.kind == "released":
            self.journal.write({"event": "released", "url": event.name, "size": event.number})
        elif event.kind == "recalled":
            self.journal.write({"event": "recalled", "files": event.number})
            self.reporter.tape_asked(event.number)
        elif event.kind == "waiting":
            self.journal.write({"event": "waiting", "files": event.number, "next_s": round(event.next_s, 1)})
            self.reporter.tape_waits(event.number, event.next_s)
        elif event.kind == "note":
            self.reporter.note(event.reason)

    def note(self, task: Task, event: Event) -> bool:
        """Take note of the files that came for a task; tell whether one is another than it was known to be."""
        changed = self.session.staged.note(event.files)
        remote = [task] if task.engine == "stage" else self.remote_of(task)
        for each in remote:
            files = self.session.staged.known(each)
            if files is not None:
                self.session.staged.record(each, files)
            if changed:
                self.session.forget(each.name)
        return changed

    def free(self, task: Task) -> None:
        """Hold the files of a staging task no longer; those who read them have their turn."""
        if self._stager is not None:
            self._stager.give_back(task.name)

    def close(self) -> None:
        """Stop bringing files. What came of them stays."""
        if self._stager is not None:
            self._stager.close()
