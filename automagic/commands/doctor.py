"""``automagic doctor``: what is wrong, and how to mend it."""

from __future__ import annotations

import sys

import click

from automagic.cli import user_errors


@click.command()
@click.argument("analysis", required=False)
@click.option("--submit", is_flag=True, help="Send one tiny job to a node of the pool and tell what it sees there.")
@click.option("--wait", "wait_s", type=click.FloatRange(1), default=300.0, show_default=True, metavar="SECONDS",
              help="How long to wait for that job.")  # fmt: skip
@user_errors
def doctor(analysis: str | None, submit: bool, wait_s: float) -> None:
    """Look at what ANALYSIS, or any analysis here, needs in order to run; say what is wrong and how to mend it."""
    from automagic.doctor import examine
    from automagic.errors import UserError
    from automagic.runner.find import find_analysis, here

    if submit and analysis is None:
        raise UserError("--submit looks at the folder of an analysis from a node", hint="Name the analysis.")
    root = find_analysis(analysis) if analysis is not None else None
    wrong = 0
    for check in examine(root, here(), submit, wait_s):
        wrong += check.good is False
        click.echo(f"{click.style(check.mark, fg={True: 'green', False: 'red', None: None}[check.good])} "
                   f"{check.name:21} {check.found}")  # fmt: skip
        if check.mend:
            click.echo(f"  {'':21} → {check.mend}")
    if wrong:
        click.echo(f"{wrong} thing{'' if wrong == 1 else 's'} to mend")
        sys.exit(1)
