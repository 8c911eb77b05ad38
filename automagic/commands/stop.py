"""``automagic stop``: take an analysis out of HTCondor's queue."""

from __future__ import annotations

import click

from automagic.cli import user_errors


@click.command()
@click.argument("analysis")
@user_errors
def stop(analysis: str) -> None:
    """End the detached driver of ANALYSIS and remove its jobs from HTCondor's queue. What is done is kept."""
    from automagic.analysis import load_site
    from automagic.bookkeeping import Folder
    from automagic.errors import UserError
    from automagic.runner.detach import stop as remove
    from automagic.runner.find import find_analysis

    folder = Folder(find_analysis(analysis))
    site = load_site(folder.root)
    if site.executor != "condor":
        raise UserError(
            f"{folder.name} runs its jobs on this machine, not with HTCondor",
            hint="Ctrl-C in the terminal of its driver ends them.",
        )
    drivers, jobs = remove(site, folder)
    if not drivers + jobs:
        click.echo(f"{folder.name} has nothing in the queue")
        return
    words = [f"{drivers} driver"] if drivers else []
    words += [f"{jobs} job{'' if jobs == 1 else 's'}"] if jobs else []
    click.echo(f"{folder.name}: removed {' and '.join(words)}; ./doit analysis={analysis} goes on from what is done")
