"""``automagic stage``: where the remote files of an analysis are, and bringing them here."""

from __future__ import annotations

import json
import select as waits
import sys
from typing import TYPE_CHECKING, Any

import click

from automagic.cli import user_errors

if TYPE_CHECKING:
    from automagic.graph.task import Task
    from automagic.runner.session import Session
    from automagic.staging.survey import Found

SHOWN = 10
"""So many files that are gone are told by name."""


@click.command()
@click.argument("analysis")
@click.option("--fetch", is_flag=True, help="Bring the files here, and run nothing else.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object with each file and its place.")
@user_errors
def stage(analysis: str, fetch: bool, as_json: bool) -> None:
    """Tell where the remote files of ANALYSIS are: here, far away, on tape, gone; how much that is, and the cache.

    With --fetch they are brought here, as far as the quota of the cache allows. What came is kept when that is
    stopped, and gone on with next time. ./doit does the same by itself for what its tasks read.
    """
    from automagic.runner.current import open_session
    from automagic.runner.find import find_analysis, label
    from automagic.staging.remote import Remote
    from automagic.staging.survey import survey

    folder = find_analysis(analysis)
    session = open_session(folder)
    tasks = [task for task in session.tasks.values() if task.engine == "stage"]
    code = bring(session, tasks) if fetch and tasks else 0
    sources = [source for task in tasks for source in task.sources]
    remote = Remote(session.staged.settings.timeout_s)
    try:
        found = survey(sources, session.staged.cache, remote)
    finally:
        remote.close()
    if as_json:
        click.echo(json.dumps(rows(session, found), ensure_ascii=False, indent=1))
    else:
        click.echo("\n".join(lines(label(folder), session, tasks, found)))
    if code:
        sys.exit(code)


def totals(found: list[Found]) -> dict[str, tuple[int, int, int]]:
    """Count files of each place, their bytes, and those of them whose size nobody tells."""
    from automagic.staging.survey import PLACES

    counted = {}
    for place in PLACES:
        members = [each for each in found if each.place == place]
        known = [each.size for each in members if each.size is not None]
        if members:
            counted[place] = (len(members), sum(known), len(members) - len(known))
    return counted


def lines(name: str, session: Session, tasks: list[Task], found: list[Found]) -> list[str]:
    """Return what a person is told."""
    from automagic.staging.groups import human
    from automagic.staging.survey import PLACES

    if not tasks:
        return [f"{name}: nothing that it reads is in remote storage"]
    text = [f"{name}: {len(found)} files in remote storage, for {len(tasks)} tasks"]
    for place, (number, size, unknown) in totals(found).items():
        more = f" and {unknown} of unknown size" if unknown else ""
        text.append(f"  {PLACES[place]:20} {number:7} files  {human(size):>9}{more}")
    cache = session.staged.cache
    quota = "no quota" if cache.quota is None else f"quota {human(cache.quota)}"
    used = sum(item.size for item in cache.items())
    text.append(f"cache: {cache.folder}, {human(used)} in it, {quota}")
    for place in ("gone", "unknown"):
        members = [each for each in found if each.place == place]
        reasons = {each.why for each in members if each.why}
        text += [f"{PLACES[place]}: {each.source.url}" for each in members[:SHOWN]]
        text += [f"  and {len(members) - SHOWN} more"] if len(members) > SHOWN else []
        text += [f"  {reason}" for reason in sorted(reasons)]
    return text


def rows(session: Session, found: list[Found]) -> dict[str, Any]:
    """Return the same as plain data."""
    cache = session.staged.cache
    files = [
        {"url": each.source.url, "name": each.source.name, "place": each.place, "size": each.size, "why": each.why}
        for each in found
    ]
    used = sum(item.size for item in cache.items())
    return {"files": files, "cache": str(cache.folder), "used": used, "quota": cache.quota}


def bring(session: Session, tasks: list[Task]) -> int:
    """Bring the files of staging tasks here; return 0, 1 where some could not be brought, or 130 after Ctrl-C."""
    from automagic.bookkeeping import Journal
    from automagic.runner.staged import describe
    from automagic.staging.stager import Stager

    open_ = {task.name: task for task in tasks}
    journal = Journal(session.folder.journal)
    stager = Stager(session.staged.settings)
    failed = 0
    try:
        stager.plan({name: task.sources for name, task in open_.items()})
        stager.announce(source for task in tasks for source in task.sources)
        for task in tasks:
            stager.demand(task.name, task.sources)
        while open_:
            waits.select([stager.descriptor], [], [], 60.0)
            for event in stager.events():
                if event.kind == "here":
                    task = open_.pop(event.name)
                    session.staged.note(event.files)
                    session.staged.record(task, event.files)
                    stager.give_back(task.name)
                elif event.kind == "staged":
                    journal.write({"event": "staged", "files": describe(event.files)})
                elif event.kind == "failed":
                    del open_[event.name]
                    failed += 1
                click.echo(words(event), nl=bool(words(event)))
            if open_ and stager.stuck:
                click.echo(f"the cache is full: {len(open_)} tasks' files are brought when their turn comes in ./doit")
                break
    except KeyboardInterrupt:
        click.echo("stopped by Ctrl-C; what came is kept, the same command goes on from here", err=True)
        return 130
    finally:
        stager.close()
        journal.close()
    return 1 if failed else 0


def words(event: Any) -> str:
    """Say what happened; nothing of what need not be told."""
    from automagic.staging.groups import human

    if event.kind == "staged":
        return f"{event.files[0].name} is here ({human(event.files[0].size)})"
    if event.kind == "waiting" and event.number:
        return f"waiting for tape: {event.number} files, next look in {event.next_s:.0f} s"
    if event.kind == "recalled":
        return f"asked storage for {event.number} files"
    return event.reason if event.kind in ("failed", "note") else ""
