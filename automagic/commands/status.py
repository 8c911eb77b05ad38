"""``automagic status``: how far an analysis is."""

from __future__ import annotations

import json
import sys

import click

from automagic.cli import user_errors


@click.command()
@click.argument("analysis")
@click.option("--json", "as_json", is_flag=True, help="The same as data.")
@user_errors
def status(analysis: str, as_json: bool) -> None:
    """Tell how far ANALYSIS is, also while it runs: tasks by stage and state, time used and left, and what failed."""
    from automagic.bookkeeping import Folder
    from automagic.errors import UserError
    from automagic.report.status import collect
    from automagic.runner.find import find_analysis

    folder = Folder(find_analysis(analysis))
    found = collect(folder, analysis)
    if not found["stages"] and not found["driver"]["running"]:
        raise UserError(f"{folder.name} has not been run yet", hint=f"Run it: ./doit analysis={analysis}")
    if as_json:
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
        return
    from rich.console import Console

    from automagic.report.status_text import show

    # a pipe gets lines as long as they are
    show(found, analysis, Console(width=None if sys.stdout.isatty() else 10_000))
