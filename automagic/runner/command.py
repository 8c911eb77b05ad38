"""``doit run``, ``doit list`` and ``doit info`` for an analysis."""

from __future__ import annotations

import os
import sys
from typing import Any

from doit import cmd_info, cmd_list, cmd_run
from doit.control import TaskControl
from doit.runner import Runner
from doit.task import Stream

from automagic.bookkeeping import hold
from automagic.errors import UserError
from automagic.runner.current import current
from automagic.runner.drive import drive
from automagic.runner.find import analyses, find_tasks, label
from automagic.runner.loader import complain
from automagic.runner.reporter import Reporter
from automagic.runner.session import Session


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
        {
            "name": "detach",
            "short": "",
            "long": "detach",
            "type": bool,
            "default": False,
            "help": "leave the driver running as a job of HTCondor, and come back at once (see: automagic attach)",
        },
    )

    def _execute(
        self,
        outfile: Any,
        verbosity: int | None = None,
        always: bool = False,
        num_process: int = 0,
        force_verbosity: bool = False,
        failure_verbosity: int = 0,
        detach: bool = False,
    ) -> int:
        words = list(self.sel_tasks or ())
        reporter = Reporter(sys.stdout if outfile is sys.stdout else outfile, {"failure_verbosity": failure_verbosity})
        try:
            session = current()
            if session is None and not words:
                print(usage())
                return 0
            if session is None:
                refuse_stages(words, [task.name for task in self.task_list])
                self.control = TaskControl(self.task_list)
                self.control.process(words)
                runner = Runner(self.dep_manager, reporter, True, always, Stream(verbosity, force_verbosity))
                return runner.run_all(self.control.task_dispatcher())
            self.dep_manager.close()
            names = select(session, words, {task.name for task in self.task_list} - {"test"}) if words else None
            if detach:
                return leave_behind(session)
            with hold(session.folder) as held:
                return drive(session, names, reporter, always, num_process, held.check)
        except UserError as error:
            complain(error)


def refuse_stages(words: list[str], known: list[str]) -> None:
    """Say so where tasks of an analysis are asked for, and none is named."""
    wrong = [word for word in words if word not in known or word != "test"]
    if wrong:
        raise UserError(
            f"there is no task {wrong[0]!r} without an analysis",
            hint=f"Name one: ./doit analysis={(analyses() or ['NAME'])[0]} {wrong[0]}",
        )


def select(session: Session, words: list[str], stages: set[str]) -> list[str]:
    """Turn the words of the command line into names of tasks."""
    names: dict[str, None] = {}
    for word in find_tasks(words, session.ask(), session.folder.root, stages):
        if word in session.tasks:
            names[word] = None
            continue
        found = session.ask().matching(word)
        if not found:
            there = dict.fromkeys(name.partition(":")[0] for name in session.tasks)
            what = f"{word} tasks" if word in stages else f"task that matches {word!r}"
            raise UserError(
                f"{session.folder.root.name} has no {what}; its stages are {', '.join(there)}",
                hint=f"./doit list --all analysis={label(session.folder.root)} lists all tasks.",
            )
        names.update(dict.fromkeys(found))
    return list(names)


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


def leave_behind(session: Session) -> int:
    """Leave the driver running as a job of the pool; say how to look at it."""
    from automagic.runner.detach import detach

    name = label(session.folder.root)
    cluster = detach(session, [word for word in sys.argv[1:] if word != "--detach"])
    print(f"{session.folder.name}: the driver runs as HTCondor's job {cluster}; logging out is safe")
    print(f"  automagic attach {name}    shows what it says")
    print(f"  automagic status {name}    tells how far it is")
    print(f"  automagic stop {name}      ends it and removes its jobs")
    return 0


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
            names = find_tasks(pos_args, session.ask(), session.folder.root, [t.name for t in self.task_list])
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
