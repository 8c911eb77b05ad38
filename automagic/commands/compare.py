"""``automagic compare``: analyses side by side."""

from __future__ import annotations

from pathlib import Path

import click

from automagic.cli import user_errors


@click.command()
@click.argument("analyses", nargs=-1, required=True)
@click.option("--plot", type=click.Path(path_type=Path), help="Write spectra, light curves and θ² into a PNG.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write all of it: FILE.html, or a table FILE.ecsv."
)
@click.option("--all", "whole", is_flag=True, help="Show numbers that are the same in all as well.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@user_errors
def compare(analyses: tuple[str, ...], plot: Path | None, output: Path | None, whole: bool, as_json: bool) -> None:
    """Put ANALYSES side by side: what was asked otherwise, the numbers that came out, and what they took.

    Differences are from the first one. Where one key alone differs and is a number, that is a scan: the analyses are
    put in its order.
    """
    import json
    import sys

    from automagic.compare.read import read_sides
    from automagic.compare.table import compare as put_together
    from automagic.compare.table import data
    from automagic.compare.write import write_output, write_plot
    from automagic.runner.find import find_analysis

    found = put_together(read_sides([find_analysis(name) for name in analyses]))
    if plot is not None:
        write_plot(found, plot)
    if output is not None:
        write_output(found, output, whole)
    if as_json:
        click.echo(json.dumps(data(found), ensure_ascii=False, indent=1))
        return
    from rich.console import Console

    from automagic.compare.show import show

    show(found, Console(width=None if sys.stdout.isatty() else 200), whole)
    for path in (plot, output):
        if path is not None:
            click.echo(f"written: {path}")
