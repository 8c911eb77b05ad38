"""The analysis that the command line names, and its tasks as doit wants them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from doit import get_var

from automagic.runner.find import find_analysis
from automagic.runner.session import Session, Standing

_shown = True


def keep_out_of_doit() -> None:
    """Make no tasks of doit in this process: to run an analysis its names are enough, and 100,000 of them are heavy."""
    global _shown
    _shown = False


@cache
def current() -> Session | None:
    """Return the session of ``analysis=…``, or `None` where the command line names none.

    Raises
    ------
    UserError
        There is no such analysis, or something in it is wrong.
    """
    name = get_var("analysis")
    return open_session(find_analysis(name)) if name else None


def open_session(folder: Path) -> Session:
    """Read an analysis and expand it to its tasks."""
    from automagic.analysis import load
    from automagic.graph import expand

    analysis = load(folder)
    graph = expand(analysis)
    site = analysis.site
    marssys = {str(name): site.place(each.marssys) for name, each in site.engines.items() if each.marssys}
    return Session(
        analysis.folder,
        graph.tasks,
        marssys,
        analysis.cards,
        {
            "engine": analysis.engine,
            "runs": [plain(run) for run in graph.runs],
            "mc_sets": [plain(mc) for mc in graph.mc_sets],
            "notes": list(graph.notes),
            "selection": list(graph.selection),
        },
        site.storage.staging(site.place(site.storage.cache)),
        {str(name): site.place(each.image) for name, each in site.engines.items() if each.image},
        site,
    )


def plain(row: Any) -> dict[str, Any]:
    """Return a row of the index as plain data, without its files."""
    files = {"files", "reports", "pedestal", "calibration"}
    fields = {f.name: getattr(row, f.name) for f in dataclasses.fields(row) if f.name not in files}
    return {name: str(value) if isinstance(value, Path) else value for name, value in fields.items()}


class UpToDate:
    """What doit asks whether a task of the analysis is up to date; its words say why not."""

    def __init__(self, session: Session, name: str) -> None:
        self.session = session
        self.name = name
        self.standing: Standing | None = None

    def __call__(self) -> bool:
        """Tell whether there is nothing to do."""
        self.standing = self.session.standing(self.name)
        return self.standing.fresh

    def __repr__(self) -> str:
        standing = self.standing or Standing()
        return standing.problem or standing.reason or "not looked at"


def stage(name: str) -> Iterator[dict[str, Any]]:
    """Yield the tasks of a stage of the current analysis, as doit's task dictionaries."""
    session = current() if _shown else None
    if session is None:
        return
    for task in session.tasks.values():
        if task.stage != name:
            continue
        yield {
            "name": task.name.partition(":")[2],
            "doc": summary(task.conditions),
            "actions": None,
            "task_dep": list(task.upstream),
            "targets": [os.path.relpath(session.folder.root / output.link) for output in task.outputs if output.link],
            "uptodate": [UpToDate(session, task.name)],
            "meta": {"automagic": task.name},
        }


def summary(conditions: dict[str, Any]) -> str:
    """Return a line about a task from its conditions."""
    shown = ("source", "wobble", "mc_set", "telescope")
    return " ".join(f"M{conditions[key]}" if key == "telescope" else str(conditions[key])
                    for key in shown if key in conditions)  # fmt: skip
