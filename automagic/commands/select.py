"""``automagic select``: which runs an analysis takes and leaves out, and what Monte Carlo belongs to them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from automagic.cli import user_errors

if TYPE_CHECKING:
    from automagic.analysis import Analysis
    from automagic.selection.choose import Selection
    from automagic.selection.matching import Match

FIGURES = (".png", ".pdf", ".svg")


@click.command()
@click.argument("analysis")
@click.option("--all", "every", is_flag=True, help="List each run and each remark, however many there are.")
@click.option("--csv", "form", flag_value="csv", help="Comma-separated values, a line for each run.")
@click.option("--json", "form", flag_value="json", help="A JSON object with runs, groups, hours and remarks.")
@click.option(
    "--plot", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="A figure: .png, .pdf, .svg."
)
@user_errors
def select(analysis: str, every: bool, form: str | None, plot: Path | None) -> None:
    """Tell which runs ANALYSIS takes, and the one reason why it leaves out each of the others.

    Nothing has to have run. Hours are added up by night, period and conditions; each group of runs under the same
    conditions is shown with its Monte Carlo and off runs, or with what is missing.
    """
    from automagic.analysis import load
    from automagic.errors import UserError
    from automagic.index import find_runs
    from automagic.runner.find import find_analysis
    from automagic.selection.choose import judge
    from automagic.selection.choose import select as choose

    if plot is not None and plot.suffix.lower() not in FIGURES:
        raise UserError(f"--plot {plot}: the name must end in {', '.join(FIGURES)}")
    asked = load(find_analysis(analysis))
    found = find_runs(asked, "observation")
    problem: UserError | None = None
    try:
        selection = choose(asked, found)
    except UserError as error:
        problem, selection = error, judge(asked, found)
    rows = _rows(asked, selection)
    if problem is not None and not rows:
        raise problem
    groups, of_off = _groups(asked, selection)
    if form == "csv":
        _csv(rows)
    elif form == "json":
        _json(asked, selection, groups)
    else:
        _show(asked, selection, groups, [*_notes(selection), *of_off], every)
    if plot is not None:
        from automagic.report.selection_plot import plot as draw

        draw(asked, rows, plot)
    if problem is not None:
        raise problem


def _groups(asked: Analysis, selection: Selection) -> tuple[list[Match], list[str]]:
    """Match Monte Carlo and off runs, where the analysis needs any; say which off runs cannot be used."""
    from automagic.index import find_mc, find_runs
    from automagic.selection.choose import select_off
    from automagic.selection.matching import match
    from automagic.selection.moonlight import match_levels

    if asked.data.level == "dl3" or not selection.runs:
        return [], []
    off = select_off(asked, find_runs(asked, "off"))
    if asked.kind == "moon":
        groups = match_levels(asked, selection.runs, find_mc(asked), off.runs)
    else:
        groups = match(selection.runs, find_mc(asked), off.runs, asked.geometry)
    return groups, [f"off data: {note}" for note in off.notes if " left out: " in note]


def _rows(asked: Analysis, selection: Selection) -> list[dict[str, Any]]:
    """Return a row a run; those of a catalogue source by source, in its order."""
    order = {source.name: place for place, source in enumerate(asked.sources)}
    return sorted(selection.rows(), key=lambda row: order.get(row["source"], len(order)))


def _named(asked: Analysis) -> str:
    from automagic.selection.choose import listed, named_sources

    return listed(named_sources(asked))


def _notes(selection: Selection) -> list[str]:
    """Return what the table of runs does not say by itself."""
    sources = {run.source for run, reason in selection.left_out if reason.key == "source"}
    runs = sum(reason.key == "source" for _, reason in selection.left_out)
    notes = [note for note in selection.notes if " not known, so " in note]
    if runs:
        several = f"{len(sources):,} other sources" if len(sources) > 3 else ", ".join(sorted(sources))
        notes.append(f"{runs:,} run{'' if runs == 1 else 's'} of {several} not shown")
    return notes


def _show(asked: Analysis, selection: Selection, groups: list[Match], notes: list[str], every: bool) -> None:
    from rich.console import Console

    from automagic.report.selection_table import show

    # a pipe gets lines as long as the rows are
    console = Console(width=None if sys.stdout.isatty() else 10_000, highlight=False)
    name = asked.name if not asked.site.simulate else f"{asked.name} (simulated)"
    show(console, name, _named(asked), _rows(asked, selection), groups, notes, every=every)


def _csv(rows: list[dict[str, Any]]) -> None:
    import csv

    writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _json(asked: Analysis, selection: Selection, groups: list[Match]) -> None:
    import json

    from automagic.report.selection import by_conditions, by_period, by_source, by_time, total

    rows = _rows(asked, selection)

    def added(parts: Any) -> list[dict[str, Any]]:
        keys = ("name", "taken", "left_out", "hours_taken", "hours_left_out")
        return [{key: getattr(part, key) for key in keys} for part in parts]

    document = {
        "analysis": asked.name,
        "source": _named(asked),
        "total": added([total(rows)])[0],
        "nights": added(by_time(rows, len(rows))[1]),
        "periods": added(by_period(rows)),
        "conditions": added(by_conditions(rows)),
        **({"sources": added(by_source(rows))} if asked.sources else {}),
        "groups": [
            {
                "conditions": str(group.conditions),
                "runs": [run.run for run in group.runs],
                "monte_carlo": None if group.mc is None else group.mc.name,
                "off": [run.run for run in group.off],
                "problem": group.problem,
                "remarks": group.remarks,
            }
            for group in groups
        ],
        "notes": selection.notes,
        "runs": rows,
    }
    click.echo(json.dumps(document, ensure_ascii=False, indent=1))
