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
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automagic.bookkeeping import Folder, Journal, catalog, links, strays
from automagic.bookkeeping.lock import user
from automagic.bookkeeping.usage import Usage
from automagic.errors import UserError
from automagic.executors import Executor
from automagic.executors.choose import executor_of
from automagic.graph.asked import Asked
from automagic.graph.task import Task
from automagic.job.bundle import bundle
from automagic.plan import Plan, make_plan
from automagic.runner.driver import Driver
from automagic.runner.estimate import Estimate
from automagic.runner.jobs import Jobs
from automagic.runner.reporter import Reporter
from automagic.runner.session import Session

HISTORY = """
SELECT split_part(task, ':', 1), wall_s FROM read_parquet(?, hive_partitioning = false)
WHERE state = 'done' AND wall_s IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY split_part(task, ':', 1) ORDER BY ended DESC) <= 200
"""

CHECK_EVERY_S = 2.0
"""So often the driver looks whether it still holds the analysis."""

CATALOG_EVERY_S = 30.0
"""So often the catalog is brought up to date while jobs run."""


def drive(
    session: Session,
    names: Iterable[str] | None,
    reporter: Reporter,
    always: bool,
    cores: int,
    check: Callable[[], None] = lambda: None,
) -> int:
    """Run tasks with all that they need, and bring the record of the analysis up to date.

    Parameters
    ----------
    names
        Tasks that are asked for; `None` for all.
    check
        Raises where this process may not go on: somebody has taken its lock away.

    Returns
    -------
    int
        0 where all is done, 1 where something failed, 130 and 143 after SIGINT and SIGTERM.
    """
    try:
        return _drive(session, None if names is None else list(names), reporter, always, cores, check)
    except OSError as error:
        raise broken(error, session.folder) from None


def _drive(
    session: Session, names: list[str] | None, reporter: Reporter, always: bool, cores: int, check: Callable[[], None]
) -> int:
    """Plan, and run what is not up to date."""
    folder = session.folder
    strays.sweep(folder)
    asked = session.ask()
    if not catalog.is_current(folder) and folder.journal.exists():
        Keeper._try("catalog", lambda: catalog.rebuild_apart(folder))  # a driver was killed before it could
    plan = make_plan(session, names, always)
    content = asked.about("content")
    if not folder.work.exists() and not plan.states and not plan.found and not plan.staging:
        reporter.begin(session, plan.stages(), plan.stages(), Estimate(1))
        plan.close()
        session.save_hashes()
        keeper = Keeper(session)
        current = keeper.renew(content)
        keeper.tell_site(again=False)
        if not links.intact(folder, content):  # the catalog tells which there are to be
            mended = keeper.mend_links(asked)
            links.note(folder, content if current and mended else None)
        reporter.complete_run()
        return 0
    work = Work.of(plan, asked)
    del plan  # with all that it found: there may be much of it, and the run may take days
    return _run(session, asked, work, names is None, reporter, always, cores, check)


@dataclass(frozen=True)
class Work:
    """What a driver needs of a plan.

    Attributes
    ----------
    selected
        Names of the tasks to look at, upstream first.
    total, fresh
        By stage, how many tasks there are, and how many of them nobody has to look at.
    made
        See `Plan.made`.
    read
        See `Plan.read`.
    """

    selected: list[str]
    total: Counter[str]
    fresh: Counter[str]
    made: dict[str, str]
    read: set[str]

    @classmethod
    def of(cls, plan: Plan, asked: Asked) -> Work:
        """Take it from a plan, and close that."""
        selected = sorted({*plan.states, *plan.found, *plan.staging}, key=asked.names.__getitem__)
        work = cls(selected, plan.stages(), plan.fresh_stages(), plan.made(), plan.read)
        plan.close()
        return work


def _run(
    session: Session,
    asked: Asked,
    work: Work,
    whole: bool,
    reporter: Reporter,
    always: bool,
    cores: int,
    check: Callable[[], None],
) -> int:
    """Run what a plan says that is not up to date."""
    folder, content = session.folder, asked.about("content")
    session.tasks = load(asked, work.selected)
    asked.forget()
    engines = {task.engine for task in session.tasks.values()} - {"stage"}
    was_intact = links.intact(folder, content) or links.none(folder)
    links.forget(folder)  # until the end: a driver that dies may have noted a task as done without setting its link
    pyz = bundle(folder.work)
    executor = make_executor(session, pyz, cores)
    journal = Journal(folder.journal, {"event": "start", **about_driver(session, engines)})
    keeper = Keeper(session, check)
    usage = Usage()
    usage.read(folder)
    jobs = Jobs(session, pyz, executor.kind, usage)
    driver = Driver(
        reporter, jobs, executor, journal, always, keeper.checkpoint, work.selected, whole, work.read, work.made
    )
    estimate = Estimate(executor.cores)
    estimate.learn(history(folder.exports))
    reporter.begin(session, work.total, work.fresh, estimate)
    code, stopped = 0, ""
    try:
        with stop_signals():
            try:
                code = driver.drive()
            except Stopped as stop:
                code, stopped = 128 + stop.number, f"stopped by {stop.name}"
                reporter.go_on = driver.stop()
    except BaseException:
        executor.leave()
        reporter.end()
        raise
    finally:
        session.save_hashes()
    if not driver.active:  # where the driver broke, what jobs have left stays for the next one
        executor.close()
        shutil.rmtree(folder.work, ignore_errors=True)
    del driver, jobs, executor, usage  # what follows needs the memory that they and all receipts have
    session.forget_all()
    reporter.end()
    reporter.stopped = stopped
    current = keeper.close(journal, code, content)
    for remark in unread(folder, asked):
        reporter.note(remark)
    keeper.tell_site()
    mended = was_intact or (not stopped and keeper.mend_links(asked) and current)
    # what failed has lost its links, and may be up to date again without a run: by an input that is put back
    links.note(folder, content if mended and code == 0 else None)
    reporter.complete_run()
    return code


def unread(folder: Folder, asked: Asked) -> list[str]:
    """Return what is to be said of keys that were passed on unchecked; nothing where that cannot be found out."""
    from automagic.report.unchecked import remarks

    if asked.about("unchecked") in (None, "{}"):
        return []
    try:
        return remarks(folder)
    except Exception:
        return []


def links_of(folder: Folder, asked: Asked) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the links of tasks that are done, with their products, and all links that tasks may have."""
    wanted = asked.connection.execute("SELECT link FROM g.outputs WHERE link <> ''").fetchall()
    with catalog.connect(folder) as connection:
        rows = connection.execute("""
            SELECT link, path FROM products JOIN tasks USING (task, action) WHERE state = 'done' AND link <> ''
        """).fetchall()
    return rows, [row[0] for row in wanted]


def undecided(folder: Folder) -> bool:
    """Tell whether there are tasks that were done once, and may be so still."""
    with catalog.connect(folder) as connection:
        sql = "SELECT count(*) FROM tasks WHERE state = 'pending' AND action IS NOT NULL"
        return bool(connection.execute(sql).fetchone()[0])


def load(asked: Asked, selected: list[str]) -> dict[str, Task]:
    """Return tasks and those that they read from, upstream first."""
    found = asked.load(selected)
    before = {name for task in found.values() for name in task.upstream if name not in found}
    if before:
        found |= asked.load(before)
        found = {name: found[name] for name in sorted(found, key=asked.names.__getitem__)}
    return found


def make_executor(session: Session, pyz: Path, cores: int) -> Executor:
    """Return the executor that ``site.toml`` names."""
    return executor_of(session.site, session.folder.work, session.folder.name, pyz, cores)


def about_driver(session: Session, engines: Iterable[str]) -> dict[str, Any]:
    """Return what the journal keeps of this process."""
    names = sorted(engines)
    return {
        "digests": {engine: session.engine_digest(engine) for engine in names},
        "environments": {engine: session.environment(engine) for engine in names},
        "executor": session.site.executor,
        "host": platform.node(),
        "user": user(),
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

    def __init__(self, session: Session, check: Callable[[], None] = lambda: None) -> None:
        self.session = session
        self._check = check
        self._next_check = 0.0
        self._next = time.monotonic() + CATALOG_EVERY_S
        self._child: Any = None
        self._began = 0.0

    def checkpoint(self) -> None:
        """Have the catalog written every half a minute, or less often where that takes long; jobs go on meanwhile."""
        now = time.monotonic()
        if now >= self._next_check:
            self._check()
            self._next_check = now + CHECK_EVERY_S
        if self._child is not None and self._child.poll() is not None:
            self._finish()
        elif self._child is None and now >= self._next:
            self._began = now
            self._try("catalog", self._start)

    def _start(self) -> None:
        self._next = time.monotonic() + CATALOG_EVERY_S
        self._child = catalog.start(self.session.folder, live=True)

    def _finish(self) -> None:
        """Wait for the catalog that is being written, if there is one."""
        if self._child is not None:
            child, self._child = self._child, None
            self._try("catalog", lambda: catalog.finish(child))
            now = time.monotonic()
            self._next = now + max(CATALOG_EVERY_S, 20 * (now - self._began))

    def close(self, journal: Journal, code: int, content: str | None) -> bool:
        """Bring everything up to date, where anything changed; tell whether the catalog is."""
        if journal.used:
            self._try("journal", lambda: journal.write({"event": "end", "code": code}))
            journal.close()
        return self.renew(content)

    def renew(self, content: str | None) -> bool:
        """Make catalog and report anew where they are not of this graph and journal; tell whether the catalog is."""
        folder = self.session.folder
        self._finish()
        if not catalog.is_current(folder, content):
            self._try("catalog", lambda: catalog.rebuild_apart(folder))
            self._try("report", lambda: write_report(folder))
            return catalog.is_current(folder, content)
        return True

    def tell_site(self, again: bool = True) -> None:
        """Add the catalog to that of the site; without `again` only where nothing of the analysis is there yet."""
        place = self.session.sharing.get("catalog")
        if place:
            from automagic.sharing import site

            folder = self.session.folder
            if again or not site.is_told(folder, Path(place)):
                self._try("site's catalog", lambda: site.tell(folder, Path(place)))

    def mend_links(self, asked: Asked) -> bool:
        """Set all links anew; tell whether that is so now.

        It is not while there are tasks of which the catalog does not know whether they are still done: a driver may
        have died before it kept the hashes of their files, and this run was not about them.
        """
        folder = self.session.folder
        mended = self._try("products", lambda: links.repair(folder, *links_of(folder, asked)))
        return mended and not undecided(folder)

    @staticmethod
    def _try(what: str, write: Callable[[], None]) -> bool:
        try:
            write()
            return True
        except (Exception, KeyboardInterrupt) as error:
            said = " ".join(str(error).split()) or type(error).__name__
            print(f"warning: the {what} could not be written: {said}", file=sys.stderr)
            return False


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


def history(exports: Path) -> list[tuple[str, float]]:
    """Return stage and mean wall time (s) of the tasks that earlier runs have done, each so often as it was done."""
    import duckdb

    path = exports / "jobs.parquet"
    if not path.exists():
        return []
    with duckdb.connect() as connection, contextlib.suppress(duckdb.Error):
        return connection.execute(HISTORY, [str(path)]).fetchall()
    return []
