"""``automagic lineage``: what a product was made from, down to the files in storage."""

from __future__ import annotations

import click

from automagic.cli import user_errors


@click.command()
@click.argument("analysis")
@click.argument("product")
@click.option("--files", is_flag=True, help="Name only the files in storage, one a line.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list with an object for each input file of each task.")
@user_errors
def lineage(analysis: str, product: str, files: bool, as_json: bool) -> None:
    """Tell from what PRODUCT (a file, or a task) of ANALYSIS was made: every task before it, and what these read."""
    import json

    from automagic.bookkeeping import Folder, catalog
    from automagic.bookkeeping.lineage import trace
    from automagic.errors import UserError
    from automagic.graph.asked import Asked
    from automagic.runner.find import find_analysis, find_tasks

    folder = Folder(find_analysis(analysis))
    try:
        connection = catalog.connect(folder)
        (task,) = find_tasks([product], Asked(folder.graph), folder.root, ())
    except FileNotFoundError:
        raise UserError(f"{folder.name} has no catalog yet", hint=f"Run it: ./doit analysis={analysis}") from None
    with connection:
        rows = trace(connection, task)
        origins = dict(connection.execute("SELECT task, origin FROM made WHERE origin IS NOT NULL").fetchall())
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    if files:
        click.echo("\n".join(dict.fromkeys(row["path"] for row in rows if row["path"])))
        return
    last = None
    for row in rows:
        if row["task"] != last:
            where = f"  taken from {origins[row['task']]}" if row["task"] in origins else ""
            click.echo(f"{row['task']}  action {row['action'][:16]}…{where}")
            last = row["task"]
        click.echo(f"    {row['role']}/{row['name']}  sha256 {row['sha256'][:12]}…  {row['from_task'] or row['path']}")
