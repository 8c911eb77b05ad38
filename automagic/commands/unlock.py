"""``automagic unlock``: take the lock of an analysis away from a driver whose host is dead."""

from __future__ import annotations

import click

from automagic.cli import user_errors


@click.command()
@click.argument("analysis")
@click.option("--yes", is_flag=True, help="Do not ask.")
@user_errors
def unlock(analysis: str, yes: bool) -> None:
    """Take the lock of ANALYSIS away from a driver that is dead. One that lives ends when it notices."""
    import platform

    from automagic.bookkeeping import Folder
    from automagic.bookkeeping.lock import holder, is_dead, is_held, put_aside, read_holder
    from automagic.errors import UserError
    from automagic.runner.find import find_analysis

    folder = Folder(find_analysis(analysis))
    if not is_held(folder):
        click.echo(f"{folder.name} is not locked; ./doit analysis={analysis} runs it")
        return
    who = read_holder(folder)
    click.echo(f"{folder.name} is being run {holder(folder)}")
    if who.get("host") == platform.node() and not is_dead(who):
        raise UserError(
            f"process {who.get('process')} lives here, on {who['host']}: its lock stays",
            hint=f"End it: Ctrl-C there, kill {who.get('process')}, or automagic stop {analysis}"
            " where its jobs are HTCondor's.",
        )
    if not yes:
        click.confirm("Is that driver dead? Two at once would disturb each other. Take its lock away?", abort=True)
    if not is_held(folder) or read_holder(folder) != who:
        raise UserError(
            f"{folder.name} has changed hands meanwhile: nothing was done", hint=f"See automagic status {analysis}"
        )
    aside = put_aside(folder)
    click.echo(
        f"its lock is {aside.relative_to(folder.root)} now; ./doit analysis={analysis} goes on from what is done"
    )
