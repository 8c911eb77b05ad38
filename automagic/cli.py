"""The ``automagic`` command: look at what an analysis has done."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from automagic.errors import UserError


def user_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Show a `UserError` as a message, with exit code 2."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except UserError as error:
            click.echo(f"error: {error.message}", err=True)
            if error.hint:
                click.echo(error.hint, err=True)
            sys.exit(2)

    return run


class Commands(click.Group):
    """The commands of this file and those of ``automagic/commands/``, each of which is loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List all names in order."""
        import pkgutil

        import automagic.commands

        found = {module.name for module in pkgutil.iter_modules(automagic.commands.__path__)}
        return sorted({*super().list_commands(ctx), *found})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name: the one of that name in the module of that name."""
        from importlib import import_module

        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in self.list_commands(ctx):
            return own
        command = getattr(import_module(f"automagic.commands.{cmd_name}"), cmd_name)
        return command if isinstance(command, click.Command) else None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="automagic")
def main() -> None:
    """Look at what an analysis has done. ANALYSIS is a name in analyses/ or a path; ./doit runs it."""


@main.command()
@click.argument("analysis", required=False)
@click.argument("sql")
@click.option("--site", is_flag=True, help="Ask the catalogs of all analyses of the site, side by side.")
@click.option("--csv", "form", flag_value="csv", help="Comma-separated values.")
@click.option("--json", "form", flag_value="json", help="A JSON list with an object for each row.")
@user_errors
def query(analysis: str | None, sql: str, site: bool, form: str | None) -> None:
    """Ask the catalog of ANALYSIS in SQL; catalog/schema.sql says what is in it.

    With --site: of all users' analyses, with the columns user, analysis and folder before the others, and the views
    analyses and dl3. The site is that of ANALYSIS, or else of this folder.
    """
    import duckdb

    if site:
        from automagic.runner.find import shared_of
        from automagic.sharing.site import ask

        place = shared_of(analysis)["catalog"]
        if place is None:
            raise UserError(
                "the site has no catalog", hint='Name its folder: [storage] catalog = "/path" in site.toml.'
            )
        columns, rows, passed_over = ask(Path(place), sql)
        for path, why in passed_over.items():
            click.echo(f"passed over: {path}: {why}", err=True)
        _show(columns, rows, form)
        return
    if analysis is None:
        raise UserError("name an analysis, or ask all of the site with --site")
    folder = _folder(analysis)
    from automagic.bookkeeping import catalog

    try:
        with catalog.connect(folder) as connection:
            result = connection.execute(sql)
            columns = [column[0] for column in result.description or ()]
            rows = result.fetchall()
    except FileNotFoundError:
        raise UserError(f"{folder.name} has no catalog yet", hint=f"Run it: ./doit analysis={analysis}") from None
    except duckdb.Error as error:
        raise UserError(f"the catalog does not understand this: {error}") from None
    _show(columns, rows, form)


def _show(columns: list[str], rows: list[tuple], form: str | None) -> None:
    if form == "json":
        click.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=str, ensure_ascii=False))
        return
    if form == "csv":
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    # a pipe gets lines as long as the rows are
    Console(width=None if sys.stdout.isatty() else 10_000).print(table)


@main.command()
@click.argument("analysis")
@click.argument("task")
@user_errors
def log(analysis: str, task: str) -> None:
    """Show what the program of TASK said in its last attempt in ANALYSIS, and how that ended."""
    from automagic.bookkeeping.journal import read_journal
    from automagic.bookkeeping.store import read_receipt

    folder = _folder(analysis)
    last: dict[str, Any] | None = None
    names, problem = set(), None
    for event in read_journal(folder.journal):
        names.add(event.get("task"))
        if event.get("task") != task:
            continue
        if event["event"] in ("done", "failed", "started", "submitted"):
            last, problem = event, None
        elif event["event"] in ("problem", "blocked"):
            problem = event.get("reason") or f"{event['cause']} failed"
    if problem is not None:
        click.echo(f"{task} was not started: {problem}")
        return
    if last is None:
        raise _unknown_task(task, {name for name in names if name}, analysis)
    for place in (folder.failure(last["action"]), folder.action(last["action"])):
        receipt = read_receipt(place)
        if receipt is not None:
            text = place / "log.txt"
            click.echo(text.read_text(errors="replace") if text.exists() else "", nl=False)
            click.echo("\n".join(_ended(task, place, receipt)))
            return
    scratch = folder.work / last["attempt"] / "log.txt"
    if scratch.exists():
        click.echo(scratch.read_text(errors="replace"), nl=False)
        click.echo(f"-- {task} is running")
        return
    click.echo(f"{task} left no log: {last.get('reason') or last['event']}")


def _ended(task: str, place: Path, receipt: dict[str, Any]) -> list[str]:
    lines = [f"-- {task} {receipt['state']}" + (f": {receipt['reason']}" if receipt.get("reason") else "")]
    if receipt.get("wall_s") is not None:
        lines.append(
            f"-- exit code {receipt['exit_code']}, {receipt['wall_s']:.1f} s, {receipt['cpu_s']:.1f} s of CPU, "
            f"{receipt['max_rss_mb']:.0f} MB, on {receipt['host']}, {receipt['ended']}"
        )
    return [*lines, f"-- {place}"]


def _unknown_task(task: str, known: set[str], analysis: str) -> UserError:
    from automagic.runner.find import closest

    near = closest(task, known)
    return UserError(
        f"{task!r} has not been run in {analysis}" + (f"; did you mean {near!r}?" if near else ""),
        hint=f"automagic query {analysis} 'SELECT task, state FROM tasks' lists all.",  # noqa: S608 (words for a person),
    )


def _folder(analysis: str) -> Any:
    from automagic.bookkeeping import Folder
    from automagic.runner.find import find_analysis

    return Folder(find_analysis(analysis))


if __name__ == "__main__":
    main()
