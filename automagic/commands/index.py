"""``automagic index``: which files there are in storage, and what is wrong with them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from automagic.cli import user_errors

if TYPE_CHECKING:
    from automagic.index.update import Pass

SHOWN = 20
"""Names that are none and problems of a kind that are shown without ``--all``."""


@click.command()
@click.argument("roots", nargs=-1, metavar="[ROOT]...")
@click.option("--analysis", metavar="NAME", help="Index the storage of this analysis's site, where ./doit keeps it.")
@click.option("--into", metavar="DIR", help="The index's folder; by default .index here, or as the site says.")
@click.option("--problems", is_flag=True, help="Tell what is wrong, one sentence each.")
@click.option("--unknown", is_flag=True, help="List the names that are none of MAGIC's, and why.")
@click.option("--full", is_flag=True, help="Look at every file again, also in folders that did not change.")
@click.option("--names-only", is_flag=True, help="Do not look into files.")
@click.option("--all", "every", is_flag=True, help="List all problems and names, however many.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object.")
@user_errors
def index(
    roots: tuple[str, ...],
    analysis: str | None,
    into: str | None,
    problems: bool,
    unknown: bool,
    full: bool,
    names_only: bool,
    every: bool,
    as_json: bool,
) -> None:
    """Bring the index of storage up to date and sum it up.

    Each ROOT is a folder, or the address of remote storage, with all that is below it. Only folders that changed since
    the last time are read. The index is Parquet tables that any program can ask.
    """
    from automagic.index.update import Wanted, updated

    folder, places = _where(roots, analysis, into)
    with updated(folder, places, None if names_only else Wanted(), full, again_s=0.0) as (connection, done):
        if as_json:
            _json(connection, done, folder)
            return
        _summary(connection, done, folder)
        if problems:
            _problems(connection, every)
        if unknown:
            _unknown(connection, every)


def _where(roots: tuple[str, ...], analysis: str | None, into: str | None) -> tuple[Path, list[str]]:
    from automagic.analysis import load
    from automagic.analysis.site import Site
    from automagic.errors import UserError
    from automagic.index.find import all_roots, places
    from automagic.runner.find import find_analysis, here

    if roots and analysis:
        raise UserError(
            "give either folders or --analysis", hint="The roots of an analysis are those of its site.toml."
        )
    if analysis:
        site = load(find_analysis(analysis)).site
        found = all_roots(site)
        if not found:
            raise UserError(
                f"the site of {analysis} has no storage to index" + (": it is simulated" if site.simulate else ""),
                hint="Write [storage] roots into its site.toml, or name folders here.",
            )
        return (here() / into if into else site.index_folder()), found
    if not roots:
        raise UserError("nothing to index", hint="Name folders, or an analysis: automagic index --analysis crab")
    try:
        return here() / (into or ".index"), places(Site(folder=here()), list(roots))
    except ValueError as error:
        raise UserError(f"the address cannot be used: {error}") from None


def _rows(connection: Any, sql: str, *values: Any) -> list[dict[str, Any]]:
    cursor = connection.execute(sql, list(values))
    columns = [column[0] for column in cursor.description]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


LEVELS = """
SELECT kind, level, count(*) AS files, count(DISTINCT run) AS runs, count(DISTINCT night) AS nights,
    sum(size)::BIGINT AS bytes
FROM files GROUP BY kind, level
ORDER BY kind, list_position(['raw', 'report', 'pedestal', 'calibration', 'domino', 'linearity', 'calibrated', 'star',
    'superstar', 'melibea', 'dl3'], level)
"""

COUNTS = "SELECT kind, count(*) AS n FROM problems GROUP BY kind ORDER BY n DESC, kind"


def _json(connection: Any, done: Pass, folder: Path) -> None:
    import json
    from dataclasses import asdict

    document = {
        **asdict(done),
        "folder": str(folder),
        "levels": _rows(connection, LEVELS),
        "problem_rows": _rows(connection, "SELECT * FROM problems ORDER BY run NULLS LAST, kind, text"),
        "unknown_rows": _rows(connection, "SELECT folder, name, reason FROM unknown ORDER BY folder, name"),
    }
    click.echo(json.dumps(document, ensure_ascii=False, indent=1))


def _summary(connection: Any, done: Pass, folder: Path) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from automagic.index.problems import KINDS

    table = Table(box=SIMPLE_HEAD)
    for name in ("level", "files", "runs", "nights", "size"):
        table.add_column(name, justify="left" if name == "level" else "right")
    for row in _rows(connection, LEVELS):
        words = {"mc": " of Monte Carlo", "summary": " summaries"}.get(row["kind"], "")
        counts = [f"{row[key]:,}" if row[key] else "" for key in ("files", "runs", "nights")]
        table.add_row(f"{row['level']}{words}", *counts, _size(row["bytes"]))
    console = _console()
    console.print(table)
    console.print(
        f"{_count(done.files, 'file')} of {_count(done.runs, 'run')} in {_count(done.nights, 'night')}; "
        f"{done.new:,} new, {done.changed:,} changed, {done.gone:,} gone"
    )
    console.print(
        f"{done.read:,} of {_count(done.folders, 'folder')} and {_count(done.headers, 'file')} read, "
        f"{done.seconds:.1f} s"
    )
    for count in _rows(connection, COUNTS):
        console.print(f"{count['n']:>7,} × {KINDS.get(count['kind'], count['kind'])}")
    if done.problems:
        console.print("What they are: --problems")
    if done.unknown:
        console.print(f"{_count(done.unknown, 'name')} none of MAGIC's; which and why: --unknown")
    for note in done.notes:
        console.print(note)
    if done.unwritten:
        console.print(f"{folder} cannot be written to ({done.unwritten}): next time all is read again")
    else:
        console.print(f"The tables are in {folder}")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _size(size: int | None) -> str:
    if size is None:
        return "?"
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def _problems(connection: Any, every: bool) -> None:
    from automagic.index.problems import KINDS

    console = _console()
    for count in _rows(connection, COUNTS):
        console.print(f"\n{KINDS.get(count['kind'], count['kind'])}:")
        sql = (
            "SELECT text, path, first_seen FROM problems WHERE kind = ? ORDER BY run NULLS LAST, telescope, text, path"
        )
        rows = _rows(connection, sql if every else f"{sql} LIMIT {SHOWN}", count["kind"])
        for row in rows:
            console.print(f"  {row['text']} (since {row['first_seen'][:10]})")
            if row["path"]:
                console.print(f"    {row['path']}")
        if len(rows) < count["n"]:
            console.print(f"  … and {count['n'] - len(rows):,} more: --all")
    if not _rows(connection, COUNTS):
        console.print("nothing is wrong")


def _unknown(connection: Any, every: bool) -> None:
    console = _console()
    reasons = _rows(connection, "SELECT reason, count(*) AS n FROM unknown GROUP BY reason ORDER BY n DESC, reason")
    for each in reasons:
        console.print(f"\n{each['reason']}:")
        sql = "SELECT folder, name FROM unknown WHERE reason = ? ORDER BY folder, name"
        rows = _rows(connection, sql if every else f"{sql} LIMIT {SHOWN}", each["reason"])
        for row in rows:
            console.print(f"  {row['folder']}/{_shown(row['name'])}")
        if len(rows) < each["n"]:
            console.print(f"  … and {each['n'] - len(rows):,} more: --all")


def _shown(name: str) -> str:
    """Show a name as one line that does nothing to a terminal."""
    return name if name.isprintable() else repr(name)[1:-1]


def _console() -> Any:
    from rich.console import Console

    # a pipe gets lines as long as they are; names may have brackets, which are no mark-up
    return Console(width=None if sys.stdout.isatty() else 10_000, highlight=False, markup=False, soft_wrap=True)
