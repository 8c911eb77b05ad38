"""``automagic attach``: what a detached driver says."""

from __future__ import annotations

import click

from automagic.cli import user_errors


@click.command()
@click.argument("analysis")
@user_errors
def attach(analysis: str) -> None:
    """Show what the detached driver of ANALYSIS says, until it ends; Ctrl-C leaves it running."""
    from automagic.analysis import load_site
    from automagic.bookkeeping import Folder
    from automagic.bookkeeping.lock import is_held
    from automagic.errors import UserError
    from automagic.runner.detach import drivers, follow, output, queue_of
    from automagic.runner.find import find_analysis

    folder = Folder(find_analysis(analysis))
    if not output(folder).exists():
        raise UserError(
            f"no driver of {folder.name} was ever detached", hint=f"Start one: ./doit analysis={analysis} --detach"
        )
    site = load_site(folder.root)
    waiting = site.executor == "condor" and not is_held(folder)
    queue = queue_of(site)

    def alive() -> bool:
        nonlocal waiting
        if is_held(folder):
            waiting = False
            return True
        if waiting:  # it has not begun yet, or it has ended already: the queue knows
            waiting = bool(drivers(queue, folder))
        return waiting

    try:
        for text in follow(folder, alive):
            click.echo(text, nl=False)
    except KeyboardInterrupt:
        click.echo(f"\nthe driver goes on; automagic attach {analysis} shows it again", err=True)
