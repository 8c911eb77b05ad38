"""``doit run``, ``doit list`` and ``doit info`` for an analysis."""

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

from doit import cmd_info, cmd_list, cmd_run
from doit.control import TaskControl
from doit.runner import Runner
from doit.task import Stream

from automagic.bookkeeping import Folder, Journal, catalog, hold, read_journal
from automagic.errors import UserError
from automagic.executors import Executor, LocalExecutor
from automagic.executors.launch import LAUNCHER
from automagic.graph.task import Task
from automagic.job.bundle import bundle
from automagic.runner.current import current
from automagic.runner.driver import Driver
from automagic.runner.estimate import Estimate
from automagic.runner.find import analyses, find_tasks
from automagic.runner.jobs import Jobs
from automagic.runner.loader import complain
from automagic.runner.reporter import Reporter
from automagic.runner.session import Session

CATALOG_EVERY_S = 30.0
"""So often the catalog is brought up to date while jobs run."""


class Run(cmd_run.Run):
    """doit's `run`, with our runner for the tasks of an analysis."""

    name = "run"
    doc_usage = "analysis=NAME [TASK/PRODUCT...]"
    cmd_options = (
        cmd_run.opt_always,
        cmd_run.opt_verbosity,
        cmd_run.opt_reporter,
        cmd_run.opt_outfile,
        {**cmd_run.opt_num_process, "help": "number of cores for jobs [default: all, or local.cores in site.toml]"},
        cmd_run.opt_pdb,
        cmd_run.opt_report_failure_verbosity,
    )

    def _execute(
        self,
        outfile: Any,
        verbosity: int | None = None,
        always: bool = False,
        num_process: int = 0,
        force_verbosity: bool = False,
        failure_verbosity: int = 0,
    ) -> int:
        session = current()
        words = list(self.sel_tasks or ())
        if session is None and not words:
            print(usage())
            return 0
        try:
            selected = select(session, words, [task.name for task in self.task_list])
            self.control = TaskControl(self.task_list)
            self.control.process(selected)
            if session is not None:
                refuse_empty(session, [self.control.tasks[name] for name in selected if name in self.control.tasks])
            reporter = Reporter(
                sys.stdout if outfile is sys.stdout else outfile, {"failure_verbosity": failure_verbosity}
            )
            stream = Stream(verbosity, force_verbosity)
            if session is None:
                runner = Runner(self.dep_manager, reporter, True, always, stream)
                return runner.run_all(self.control.task_dispatcher())
            with hold(session.folder):
                return drive(session, self.control, self.dep_manager, reporter, stream, always, num_process)
        except UserError as error:
            complain(error)


def select(session: Session | None, words: list[str], known: list[str]) -> list[str]:
    """Turn the words of the command line into task names; none of them is everything in the analysis."""
    if session is None:
        stages = sorted({path for path in words if path in known})
        empty = [name for name in stages if name != "test"]
        if empty or any(word not in known for word in words):
            missing = (empty or [word for word in words if word not in known])[0]
            raise UserError(
                f"there is no task {missing!r} without an analysis",
                hint=f"Name one: ./doit analysis={(analyses() or ['NAME'])[0]} {missing}",
            )
        return words
    if not words:
        return list(session.tasks)
    return find_tasks(words, session.tasks, session.folder.root, known)


def refuse_empty(session: Session, selected: list[Any]) -> None:
    """Say so where a stage is asked for that this analysis does not have."""
    for task in selected:
        if task.has_subtask and not task.task_dep:
            stages = dict.fromkeys(each.stage for each in session.tasks.values())
            raise UserError(
                f"{session.folder.root.name} has no {task.name} tasks; its stages are {', '.join(stages)}",
                hint=f"./doit list --all analysis={session.folder.root.name} lists all tasks.",
            )


def usage() -> str:
    """Say what can be done here."""
    names = analyses()
    lines = ["Run an analysis:", *(f"    ./doit analysis={name}" for name in names)]
    lines += ["    ./doit analysis=PATH              any folder with an analysis.toml", ""] if names else [
        "    ./doit analysis=PATH              a folder with an analysis.toml", ""]  # fmt: skip
    name = names[0] if names else "PATH"
    return "\n".join(
        [
            *lines,
            f"    ./doit -n 2 analysis={name} star    two cores, and no further than one stage",
            f"    ./doit list analysis={name}         what there is to do (--all: every task, -s: with its state)",
            f"    ./doit info analysis={name} TASK    one task: what it reads, makes, and why it would run",
            "    ./doit test                       the tests",
        ]
    )


def drive(
    session: Session, control: TaskControl, dep_manager: Any, reporter: Reporter, stream: Any, always: bool, cores: int
) -> int:
    """Run what doit has selected, and bring the record of the analysis up to date.

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
    selected = closure(session.tasks, control.selected_tasks, control.tasks)
    jobs = Jobs(session, pyz, executor.kind)
    driver = Driver(dep_manager, reporter, jobs, executor, journal, always, stream, keeper.checkpoint, selected)
    estimate = Estimate(executor.cores)
    estimate.learn(history(folder.journal))
    reporter.begin(session, selected, estimate)
    code, stopped = 0, ""
    try:
        with stop_signals():
            try:
                code = driver.drive(control.task_dispatcher())
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
        if not executor.active:
            shutil.rmtree(folder.work, ignore_errors=True)
        dep_manager.close()
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
            self._try("catalog", lambda: catalog.rebuild(self.session.folder, live=True))
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
            self._try("catalog", lambda: catalog.rebuild(self.session.folder))
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


def closure(tasks: dict[str, Task], selected: Iterable[str], known: dict[str, Any]) -> set[str]:
    """Return the tasks of an analysis that a selection takes, with all that they need."""
    waiting, found = list(selected), set()
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if name in tasks:
            found.add(name)
            waiting += tasks[name].upstream
        elif name in known and known[name].has_subtask:
            waiting += known[name].task_dep
    return found


def history(folder: Any) -> Iterator[tuple[str, float]]:
    """Yield stage and wall time of the tasks that earlier runs have done."""
    for event in read_journal(folder):
        if event["event"] == "done" and "wall_s" in event:
            yield event["task"].partition(":")[0], float(event["wall_s"])


class List(cmd_list.List):
    """doit's `list`; without an analysis it says how to name one."""

    name = "list"

    def _execute(
        self,
        subtasks: bool = False,
        quiet: bool = True,
        status: bool = False,
        private: bool = False,
        list_deps: bool = False,
        template: str | None = None,
        sort: str = "name",
        pos_args: list[str] | None = None,
    ) -> int:
        session = current()
        if session is None:
            print(usage())
            return 0
        self.task_list: list[Any] = [task for task in self.task_list if not task.has_subtask or task.task_dep]
        try:
            return super()._execute(subtasks, quiet, status, private, list_deps, template, sort, pos_args)
        except BrokenPipeError:  # the reader of a pipe has had enough
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
            return 0


class Info(cmd_info.Info):
    """doit's `info`, for a task of the analysis: what it reads and makes, and why it would run."""

    name = "info"

    def _execute(self, pos_args: list[str], hide_status: bool = False) -> int:
        session = current()
        if session is None:
            return super()._execute(pos_args, hide_status)
        try:
            names = find_tasks(pos_args, session.tasks, session.folder.root, [t.name for t in self.task_list])
        except UserError as error:
            complain(error)
        if len(names) != 1 or names[0] not in session.tasks:
            return super()._execute(names, hide_status)
        print("\n".join(inform(session, names[0])))
        return 0


def inform(session: Session, name: str) -> list[str]:
    """Return the lines of ``doit info`` about a task."""
    task, standing = session.tasks[name], session.standing(name)
    state = "up to date" if standing.fresh else f"would run: {standing.reason}"
    if standing.problem:
        state = f"cannot run: {standing.problem}"
    lines = [
        task.name,
        f"  state      {state}",
        f"  action     {standing.action or 'not known before its inputs are there'}",
    ]
    if task.engine == "stage":
        here = session.staged.cache
        lines += [f"  brings     {each.url}" for each in task.sources]
        lines += [f"  here       {path}" for each in task.sources if (path := here.present(each)) is not None]
    else:
        lines.append(f"  program    {' '.join(session.command(task))}")
    if standing.action:
        lines.append(f"  store      {os.path.relpath(session.folder.action(standing.action))}")
    lines += [f"  reads      in/{each.role}/{each.name}  ({each.task or each.path})" for each in task.inputs]
    lines += [f"  makes      {os.path.relpath(session.folder.root / out.link)}" for out in task.outputs if out.link]
    lines += [f"  {key:10} {value}" for key, value in task.conditions.items()]
    return lines
