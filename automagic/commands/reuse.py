"""``automagic reuse``: what sharing has saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from automagic.cli import user_errors


@click.command()
@click.argument("analysis", required=False)
@click.option("--site", is_flag=True, help="Of all analyses of the site.")
@click.option("--by", type=click.Choice(["analysis", "user", "stage"]), help="How to sum; by stage where one is asked.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object, for programs.")
@user_errors
def reuse(analysis: str | None, site: bool, by: str | None, as_json: bool) -> None:
    """Tell what ANALYSIS, or all of the site, took from others: CPU hours not spent again, bytes not stored again.

    The hours are those that the jobs took when they ran, as their receipts say.
    """
    import json

    from automagic.bookkeeping import Folder, catalog
    from automagic.errors import UserError
    from automagic.runner.find import find_analysis
    from automagic.sharing.reuse import disk, saved

    if not site and analysis is None:
        raise UserError("name an analysis, or ask for all of the site with --site")
    if not site and by not in (None, "stage"):
        raise UserError(f"--by {by} is for --site")
    if site:
        connection, stores = _site(analysis)
    else:
        folder = Folder(find_analysis(str(analysis)))
        try:
            connection, stores = catalog.connect(folder), [folder.store]
        except FileNotFoundError:
            raise UserError(f"{folder.name} has no catalog yet", hint=f"Run it: ./doit analysis={analysis}") from None
    with connection:
        rows = saved(connection, site, by or ("analysis" if site else "stage"))
    named, stored = disk(stores)
    if as_json:
        told = {"rows": rows, "disk": {"named": named, "stored": stored}}
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return
    _show(rows, named, stored)


def _site(analysis: str | None) -> tuple[Any, list[Path]]:
    from automagic.errors import UserError
    from automagic.runner.find import shared_of
    from automagic.sharing.site import connect

    about = shared_of(analysis)
    if about["catalog"] is None or not Path(about["catalog"]).is_dir():
        raise UserError("the site has no catalog", hint='Name its folder: [storage] catalog = "/path" in site.toml.')
    connection, found = connect(Path(about["catalog"]))
    for path, why in found.passed_over.items():
        click.echo(f"passed over: {path}: {why}", err=True)
    stores = [Path(each.folder) / "store" for each in found.analyses]
    return connection, [*stores, *([Path(about["root"])] if about["root"] else [])]


def _show(rows: list[dict[str, Any]], named: int, stored: int) -> None:
    from automagic.plan.look import human
    from automagic.plan.text import spent

    for row in rows:
        who = " ".join(str(row[key]) for key in ("user", "analysis", "stage") if key in row)
        click.echo(f"{who:30} {row['tasks']:6} taken, {spent(row['cpu_s'])} saved, {spent(row['spent_s'])} spent; "
                   f"{human(row['linked'])} linked, {human(row['copied'])} copied")  # fmt: skip
    tasks, cpu_s = sum(row["tasks"] for row in rows), sum(row["cpu_s"] for row in rows)
    click.echo(f"{tasks} results were taken and not computed: {spent(cpu_s)} saved")
    click.echo(f"on the disk: {human(stored)}; {human(named - stored)} more if each name were a file of its own "
               "(in the stores that can be read)")  # fmt: skip
