"""The analysis that the command line names, and its tasks as doit wants them."""

from __future__ import annotations

import atexit
import dataclasses
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automagic.bookkeeping import Folder
from automagic.bookkeeping.lock import is_held
from automagic.errors import UserError
from automagic.graph.asked import Asked
from automagic.runner.find import find_analysis
from automagic.runner.session import Session, Standing

if TYPE_CHECKING:
    from automagic.analysis.site import Site

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
    from doit import get_var

    name = get_var("analysis")
    return open_session(find_analysis(name)) if name else None


def open_session(folder: Path) -> Session:
    """Open an analysis with its tasks; it is expanded to them only where something has changed since the last time."""
    from automagic.graph.key import graph_key

    root = Folder(folder)
    try:
        asked = Asked(root.graph)
        sources = json.loads(asked.about("sources") or "null")
        if sources is not None and asked.about("key") == graph_key(folder, sources):
            return session_of(root, asked)
        asked.connection.close()
    except FileNotFoundError:
        pass
    return session_of(root, Asked(expand_anew(root)))


def expand_anew(folder: Folder, held: bool = False) -> Path:
    """Expand an analysis and write its graph; return where.

    While another driver runs, which goes by the graph of its own, this is a file of this process.

    Parameters
    ----------
    held
        Whether it is this process that holds the analysis.
    """
    from automagic.analysis import load
    from automagic.graph import expand
    from automagic.graph.asked import save
    from automagic.graph.key import graph_key, sources_of
    from automagic.sharing.store import described

    analysis = load(folder.root)
    graph = expand(analysis)
    sources = sources_of(analysis)
    site = analysis.site
    about = {
        "sources": sources,
        "key": graph_key(folder.root, sources),
        "engine": analysis.engine,
        "marssys": {str(name): str(site.place(each.marssys)) for name, each in site.engines.items() if each.marssys},
        "images": {str(name): str(site.place(each.image)) for name, each in site.engines.items() if each.image},
        "overrides": analysis.cards,
        "unchecked": analysis.unchecked,
        "trust": site.storage.trust,
        "shared": described(site),
        "source": analysis.source.name,
        "kind": analysis.kind,
        "runs": [plain(run) for run in graph.runs],
        "mc_sets": [plain(mc) for mc in graph.mc_sets],
        "notes": list(graph.notes),
        "selection": list(graph.selection),
    }
    path = folder.graph
    if not held and (is_held(folder) or not _writable(folder)):
        path = Path(tempfile.mkdtemp(prefix="automagic-")) / "graph.duckdb"
        atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    try:
        save(path, graph.tasks, about)
    except OSError as error:
        raise UserError(
            f"{path} could not be written: {os.strerror(error.errno or 0)}", hint="Make room there, and try again."
        ) from None
    return path


def _writable(folder: Folder) -> bool:
    return os.access(folder.journal if folder.journal.exists() else folder.root, os.W_OK)


def session_of(folder: Folder, asked: Asked) -> Session:
    """Return the session of an analysis whose graph is known."""

    def paths(key: str) -> dict[str, Path]:
        return {name: Path(path) for name, path in json.loads(asked.about(key) or "{}").items()}

    def site() -> Site:
        from automagic.analysis import load_site

        return load_site(folder.root)

    overrides = json.loads(asked.about("overrides") or "{}")
    trust = asked.about("trust") or "signature"
    shared = json.loads(asked.about("shared") or "{}")
    return Session(folder.root, asked, paths("marssys"), overrides, None, None, paths("images"), site, trust, shared)


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
