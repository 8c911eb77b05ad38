"""``automagic gc``: what no analysis needs any more."""

from __future__ import annotations

from typing import Any

import click

from automagic.cli import user_errors

SHOWN = 20


@click.command()
@click.argument("analysis", required=False)
@click.option("--shared", is_flag=True, help="Your own entries in the shared store of the site.")
@click.option(
    "--older", default="30d", show_default=True, metavar="AGE", help="Only what is there for longer: 12h, 2w."
)
@click.option("--larger", metavar="SIZE", help="Only what is larger, such as '100 MB'.")
@click.option("--damaged", is_flag=True, help="With --shared: your entries that are damaged; all are read.")
@click.option("--delete", is_flag=True, help="Remove it, after a question.")
@click.option("--yes", is_flag=True, help="Remove it, without a question.")
@user_errors
def gc(
    analysis: str | None, shared: bool, older: str, larger: str | None, damaged: bool, delete: bool, yes: bool
) -> None:
    """Show what ANALYSIS has in its store and does not need any more: what was made with cards of another time.

    Nothing is removed without --delete or --yes; never what an archive of the analysis consists of, and never while a
    driver runs. With --shared: what no analysis in the catalog of the site needs. An entry there that is removed is
    missing to nobody: each analysis has its own.
    """
    from automagic.analysis.remote import size
    from automagic.errors import UserError
    from automagic.sharing import gc as library

    try:
        limits = library.days(older), size(larger) if larger else 0
    except ValueError as error:
        raise UserError(f"--larger {larger}: {error}") from None
    if shared:
        _gc_shared(analysis, limits, damaged, delete, yes)
        return
    if analysis is None or damaged:
        raise UserError("name an analysis, or --shared for the shared store of the site")
    from automagic.bookkeeping import Folder, hold
    from automagic.runner.find import find_analysis

    root = find_analysis(analysis)
    found = library.chosen(library.old_actions(root), *limits)
    if _agreed(root.name, found, older, delete, yes):
        with hold(Folder(root)):  # nobody changes what is needed meanwhile
            again = {entry.action for entry in library.old_actions(root)}
            count = library.remove_actions(root, [entry for entry in found if entry.action in again])
        click.echo(f"{count} removed")


def _gc_shared(analysis: str | None, limits: tuple[float, int], damaged: bool, delete: bool, yes: bool) -> None:
    from automagic.errors import UserError
    from automagic.runner.find import shared_of
    from automagic.sharing import gc as library
    from automagic.sharing.site import read_site
    from automagic.sharing.store import store_of

    store = store_of(shared_of(analysis))
    if store is None or not store.root.is_dir():
        raise UserError(
            "the site has no shared store" if store is None else f"there is no folder {store.root}",
            hint='Name it: [storage] shared = "/path" in site.toml.',
        )
    found = library.damaged(store) if damaged else library.chosen(library.unneeded(store), *limits)
    if _agreed("shared store", found, "0d" if damaged else f"{limits[0]:g}d", delete, yes):
        click.echo(f"{library.remove_shared(store, found)} removed")
        if store.catalog is not None:
            library.forget(store, library.forgotten(read_site(store.catalog).analyses))


def _agreed(name: str, found: list[Any], older: str, delete: bool, yes: bool) -> bool:
    """Show what could go, and ask; tell whether it is to go."""
    from automagic.plan.look import human
    from automagic.sharing.gc import freed

    if not found:
        click.echo(f"{name}: nothing that is not needed and older than {older}")
        return False
    for entry in found[:SHOWN]:
        click.echo(f"  {entry.action[:16]}…  {human(entry.size):>9}  {entry.age_days:5.0f} d  {entry.task}")
    if len(found) > SHOWN:
        click.echo(f"  and {len(found) - SHOWN} more")
    total = sum(entry.size for entry in found)
    free = f"{human(freed(found))} of disk would be free"
    click.echo(f"{name}: {len(found)} entries that nothing needs, {human(total)}; {free} without them")
    if not (delete or yes):
        click.echo("nothing was removed; --delete removes them")
        return False
    return yes or click.confirm("Remove them?", default=False)
