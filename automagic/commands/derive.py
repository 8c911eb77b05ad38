"""``automagic derive``: an analysis like another one, but for a key."""

from __future__ import annotations

import click

from automagic.cli import user_errors


@click.command()
@click.argument("analysis")
@click.argument("new")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="A key of analysis.toml, and its new value.")
@click.option("--unset", "unsets", multiple=True, metavar="KEY", help="Take a key out: its default counts again.")
@click.option("-n", "--dry-run", is_flag=True, help="Tell all, and make nothing.")
@click.option("--yes", is_flag=True, help="Make more than 100 analyses.")
@click.option("--all", "whole", is_flag=True, help="Name every task that would run.")
@user_errors
def derive(
    analysis: str, new: str, sets: tuple[str, ...], unsets: tuple[str, ...], dry_run: bool, yes: bool, whole: bool
) -> None:
    """Make the analysis NEW: as ANALYSIS, but for the keys that are given. What they do not concern is shared.

    \b
    automagic derive crab crab-clean7 --set cards.star.MJStar.MImgCleanStd.CleanLevel1=7
    automagic derive crab crab-clean --set cards.star.MJStar.MImgCleanStd.CleanLevel1=6.5,7,8

    Values are TOML, or plain text. Several with commas between them make one analysis each, NEW-VALUE; a list in
    brackets is one value. Nothing runs: it tells what ./doit would run, and at what cost.
    """
    import signal
    import sys

    from automagic.analysis import load
    from automagic.derive import text
    from automagic.derive.ask import plan_children, read_settings
    from automagic.derive.make import derive as make
    from automagic.derive.make import keep
    from automagic.runner.find import find_analysis, here

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what is half made is taken away
    parent = find_analysis(analysis)
    load(parent)
    children = plan_children(parent, new, read_settings(sets, unsets), here(), yes)
    with make(parent, children) as made:
        if not dry_run:
            keep(made)
        for each in made:
            click.echo("\n".join(text.lines(parent, each, dry_run, whole)))
