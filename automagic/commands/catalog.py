"""``automagic catalog``: the catalog of an analysis, which can be made anew at any time."""

from __future__ import annotations

import click

from automagic.cli import user_errors


@click.group()
def catalog() -> None:
    """Look after the catalog of an analysis (catalog.duckdb and catalog/*.parquet)."""


@catalog.command()
@click.argument("analysis")
@user_errors
def rebuild(analysis: str) -> None:
    """Make the catalog of ANALYSIS anew from its graph, journal and receipts: all of it is derived from these."""
    import time

    from automagic.bookkeeping import Folder, columns
    from automagic.bookkeeping import catalog as made
    from automagic.bookkeeping.lock import hold
    from automagic.graph.asked import Asked
    from automagic.runner.current import expand_anew
    from automagic.runner.find import find_analysis

    folder = Folder(find_analysis(analysis))
    began = time.monotonic()
    with hold(folder):
        try:
            Asked(folder.graph).connection.close()
        except FileNotFoundError:
            expand_anew(folder, held=True)
        columns.settle(folder)
        made.rebuild(folder)
    with made.connect(folder) as connection:
        tasks, jobs, products = (
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 (names of our own)
            for table in ("tasks", "jobs", "products")
        )
    took = time.monotonic() - began
    click.echo(f"{folder.name}: {tasks} tasks, {jobs} attempts, {products} products (in {took:.1f} s)")
