"""One run of the driver: what it needs is put together, it runs, and what is derived from it is brought up to date."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from automagic.bookkeeping import Folder, Journal, catalog, read_journal
from automagic.bookkeeping.usage import Usage
from automagic.errors import UserError
from automagic.executors import Executor, LocalExecutor
from automagic.executors.launch import LAUNCHER
from automagic.graph.task import Task
from automagic.job.bundle import bundle
from automagic.runner.driver import Driver
from automagic.runner.estimate import Estimate
from automagic.runner.jobs import Jobs
from automagic.runner.reporter import Reporter
from automagic.runner.session import Session

CATALOG_EVERY_S = 30.0
"""So often the catalog is brought up to date while jobs run."""


def drive(session: Session, names: Iterable[str], reporter: Reporter, always: bool, cores: int) -> int:
    """Run tasks with all that they need, and bring the record of the analysis up to date.

    Returns
    -------
    int
        0 where all is done, 1 where something failed, 130 and 143 after SIGINT and SIGTERM.
    """
    folder = session.folder
    pyz = bundle(folder.work)
    executor = make_executor(session, pyz, cores)
    journal = Journal(folder.journal, {"event": "start", **about_driver(session)})
    keeper = Keeper(session, reporter)
    selected = closure(session.tasks, names)
    usage = Usage()
    usage.read(folder)
    jobs = Jobs(session, pyz, executor.kind, usage)
    driver = Driver(reporter, jobs, executor, journal, always, keeper.checkpoint, selected)
    estimate = Estimate(executor.cores)
    estimate.learn(history(folder.journal))
    reporter.begin(session, selected, estimate)
    code, stopped = 0, ""
    try:
        with stop_signals():
            try:
                code = driver.drive()
            except Stopped as stop:
                code, stopped = 128 + stop.number, f"stopped by {stop.name}"
                reporter.go_on = driver.stop()
    except BaseException as error:
        executor.leave()
        reporter.end()
        if isinstance(error, OSError):
            raise broken(error, folder) from None
        raise
    finally:
        session.hashes.save()
    if not driver.active:  # where the driver broke, what jobs have left stays for the next one
        executor.close()
        shutil.rmtree(folder.work, ignore_errors=True)
    if not stopped:
        session.store.sweep(session.tasks.values())
    reporter.end()
    reporter.stopped = stopped
    keeper.close(journal, code)
    reporter.complete_run()
    return code


def make_executor(session: Session, pyz: Path, cores: int) -> Executor:
    """Return the executor that ``site.toml`` names."""
    site = session.site
    if site.executor == "local":
        return LocalExecutor(pyz, cores or site.local.cores, site.local.memory_mb)
    from automagic.executors.condor import CondorExecutor

    return CondorExecutor(session.folder.work.resolve(), site.condor, session.folder.name, pyz, LAUNCHER)


def about_driver(session: Session) -> dict[str, Any]:
    """Return what the journal keeps of this process."""
    return {
        "executor": session.site.executor,
        "host": platform.node(),
        "process": os.getpid(),
        "detached": "AUTOMAGIC_DETACHED" in os.environ,
    }


def broken(error: OSError, folder: Folder) -> UserError:
    """Say that the driver itself could not go on; what is done is in the store."""
    what = error.filename or folder.root
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(
            f"the disk is full: {what} could not be written",
            hint="Make room there and run the same command again; it goes on from what is done.",
        )
    return UserError(f"{what}: {error.strerror or error}", hint="Put that right and run the same command again.")


class Keeper:
    """Brings what is derived from journal and receipts up to date: the catalog now and then, all of it at the end.

    Nothing that goes wrong here can lose a run: all of it can be made again.
    """

    def __init__(self, session: Session, reporter: Reporter) -> None:
        self.session = session
        self.reporter = reporter
        self.begun = False
        self._next = 0.0

    def checkpoint(self) -> None:
        """Write the graph before the first job, and the catalog every half a minute."""
        now = time.monotonic()
        if not self.begun:
            self.begun = True
            self._next = now + CATALOG_EVERY_S
            self._try("graph", self.save_graph)
        elif now >= self._next:
            self._try("graph", self.save_graph)
            self._try("catalog", lambda: catalog.rebuild_apart(self.session.folder, live=True))
            self._next = time.monotonic() + max(CATALOG_EVERY_S, 20 * (time.monotonic() - now))

    def save_graph(self) -> None:
        """Write what is asked for and how the tasks stand."""
        graph = self.session.describe(self.reporter.failed, self.reporter.blocked)
        self.changed = catalog.save_graph(self.session.folder, graph)

    def close(self, journal: Journal, code: int) -> None:
        """Bring everything up to date, where anything changed."""
        self.changed = False
        self._try("graph", self.save_graph)
        if journal.used:
            self._try("journal", lambda: journal.write({"event": "end", "code": code}))
            journal.close()
        if self.changed or journal.used or not self.session.folder.database.exists():
            self._try("catalog", lambda: catalog.rebuild_apart(self.session.folder))
            self._try("report", lambda: write_report(self.session.folder))

    @staticmethod
    def _try(what: str, write: Callable[[], None]) -> None:
        try:
            write()
        except (Exception, KeyboardInterrupt) as error:
            said = " ".join(str(error).split()) or type(error).__name__
            print(f"warning: the {what} could not be written: {said}", file=sys.stderr)


def write_report(folder: Folder) -> None:
    """Write results/report.html."""
    from automagic import report

    report.write(folder.root)


class Stopped(BaseException):
    """A signal has asked us to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


@contextlib.contextmanager
def stop_signals() -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into `Stopped`, once; after that they are ignored while jobs are ended."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(number: int, _: Any) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    old = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def closure(tasks: dict[str, Task], names: Iterable[str]) -> set[str]:
    """Return tasks with all that they need."""
    waiting, found = list(names), set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += tasks[name].upstream
    return found


def history(folder: Any) -> Iterator[tuple[str, float]]:
    """Yield stage and wall time of the tasks that earlier runs have done."""
    for event in read_journal(folder):
        if event["event"] == "done" and "wall_s" in event:
            yield event["task"].partition(":")[0], float(event["wall_s"])
