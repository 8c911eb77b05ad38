"""The driver as a job of the pool itself, so that logging out is safe, and looking at it again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from automagic.analysis.site import Site
from automagic.bookkeeping.folder import Folder
from automagic.bookkeeping.lock import hint, holder, is_held
from automagic.errors import UserError
from automagic.executors.condor.describe import arguments, mark
from automagic.executors.condor.queue import Queue, QueueError
from automagic.graph.identity import PROJECT
from automagic.runner.find import label
from automagic.runner.session import Session

T = TypeVar("T")

HANDED_ON = (
    "AUTOMAGIC_SITE", "AUTOMAGIC_VENV", "AUTOMAGIC_PYTHON", "AUTOMAGIC_CALLED_FROM", "CONDOR_CONFIG", "HOME", "PATH",
)  # fmt: skip
"""Variables of this shell that the driver gets; it gets no others."""

COMMAND = [str(PROJECT / "doit")]
"""What the job runs."""

LOOK_S = 0.5


def output(folder: Folder) -> Path:
    """Return the file that has what a detached driver says."""
    return folder.journal / "driver.out"


def queue_of(site: Site) -> Queue:
    """Return the queue of a site."""
    return Queue(site.condor.collector, site.condor.schedd)


def detach(session: Session, words: Sequence[str]) -> int:
    """Leave the driver running as a job of the pool's local universe; return the number of its cluster.

    Parameters
    ----------
    words
        Of the command line after ``./doit``, without ``--detach``.

    Raises
    ------
    UserError
        The site has no HTCondor, a driver runs or waits already, or the schedd cannot be reached.
    """
    folder = session.folder
    if session.site.executor != "condor":
        raise UserError(
            "--detach leaves the driver with HTCondor, and this site runs its jobs on this machine",
            hint='Set executor = "condor" in site.toml, or leave --detach away.',
        )
    if is_held(folder):
        raise UserError(
            f"the analysis {folder.name} is already being run {holder(folder)}",
            hint=hint(folder),
        )
    queue = queue_of(session.site)
    there = drivers(queue, folder)
    if there:
        raise UserError(
            f"a driver of {folder.name} is in the queue already, as job {there[0]}",
            hint=f"automagic attach {label(folder.root)} shows it; automagic stop {label(folder.root)} ends it.",
        )
    folder.journal.mkdir(parents=True, exist_ok=True)
    output(folder).write_text("", encoding="utf-8")
    return ask(lambda: queue.submit(describe(session, words), [{}]))


def describe(session: Session, words: Sequence[str]) -> str:
    """Return the submit description of a detached driver."""
    folder, condor = session.folder, session.site.condor
    variables = {name: os.environ[name] for name in HANDED_ON if name in os.environ} | {"AUTOMAGIC_DETACHED": "1"}
    lines = {
        "universe": "local",
        "executable": COMMAND[0],
        "transfer_executable": "false",
        "arguments": arguments([*COMMAND[1:], *words]),
        "environment": arguments([f"{name}={value}" for name, value in variables.items()]),
        "initialdir": str(folder.root),
        "output": str(output(folder)),
        "error": str(output(folder)),
        "log": str(folder.journal / "driver.log"),
        "stream_output": "true",
        "batch_name": f"{folder.name}:driver",
        "My.AutomagicDriver": classad(str(folder.root)),
    }
    for name in ("accounting_group", "accounting_group_user"):
        value = getattr(condor, name)
        if value is not None:
            lines[name] = value
    for name, value in lines.items():
        if "\n" in value or "$(" in value:
            raise UserError(f"{name} of the driver's job cannot be handed to HTCondor: {value!r}")
    return "".join(f"{name} = {value}\n" for name, value in lines.items())


def classad(text: str) -> str:
    """Return a text as ClassAds write it.

    >>> print(classad('a"b'))
    "a\\"b"
    """
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def drivers(queue: Queue, folder: Folder) -> list[str]:
    """Return the jobs in the queue that are detached drivers of an analysis."""
    constraint = f"AutomagicDriver =?= {classad(str(folder.root))} && JobStatus < 3"
    found = ask(lambda: queue.query(constraint, ["ClusterId", "ProcId"]))
    return [f"{ad['ClusterId']}.{ad['ProcId']}" for ad in found if "ProcId" in ad]


def stop(site: Site, folder: Folder) -> tuple[int, int]:
    """Remove the detached driver of an analysis and all its jobs from the queue.

    Returns
    -------
    drivers, jobs
        How many of each there were.
    """
    queue = queue_of(site)
    driver = f"AutomagicDriver =?= {classad(str(folder.root))}"
    jobs = f"AutomagicAnalysis =?= {classad(mark(folder.name, folder.work.resolve()))}"
    found = ask(lambda: queue.query(f"({driver}) || ({jobs})", ["ClusterId", "ProcId", "AutomagicDriver"]))
    single = [ad for ad in found if "ProcId" in ad]
    number = sum("AutomagicDriver" in ad for ad in single)
    for constraint in (driver, jobs):  # first the driver, or it would hand them out again
        ask(partial(queue.remove, constraint, "automagic stop"))
    return number, len(single) - number


def ask(call: Callable[[], T]) -> T:
    """Make a call to the schedd, and say what a person can do where that fails."""
    try:
        return call()
    except QueueError as error:
        raise UserError(f"HTCondor's schedd does not answer: {error}", hint="automagic doctor tells more.") from None


def follow(folder: Folder, alive: Callable[[], bool]) -> Iterator[str]:
    """Yield what a detached driver says, from its beginning and as it comes, until it has ended.

    Parameters
    ----------
    alive
        Tells whether the driver is running or waiting.
    """
    with open(output(folder), encoding="utf-8", errors="replace") as file:
        while True:
            running = alive()
            text = file.read()
            if text:
                yield text
            elif not running:
                return
            else:
                time.sleep(LOOK_S)
