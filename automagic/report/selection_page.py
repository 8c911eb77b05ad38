"""What the page says of the selection: hours, reasons, a figure."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from automagic.report.selection import (
    Hours,
    Row,
    by_conditions,
    by_period,
    by_reason,
    by_time,
    sentence,
    word,
)

MOST_LISTED = 1000
"""So many runs that are left out are on the page; the catalog has all."""


def which_runs(folder: Path, rows: Sequence[Row], notes: Sequence[str], *, simulated: bool) -> dict[str, Any] | None:
    """Return what the section on the selection shows; `None` where the catalog has no selection.

    Parameters
    ----------
    folder
        The analysis folder.
    rows
        Table ``selection`` of the catalog.
    notes
        What the selection said; what the table says as well is left away.
    simulated
        Whether the runs are simulated.
    """
    if not rows:
        return None
    remarks = {f"{row['run']:08d}": row["remarks"] for row in rows if row["remarks"]}
    left_out = [row for row in rows if not row["taken"]]
    time, parts = by_time(list(rows))
    sources = {row["source"] for row in rows if row["taken"]} or {row["source"] for row in rows}
    return {
        "sentence": sentence(", ".join(sorted(sources)), rows),
        "tables": [
            (title, [_line(part, several) for part in several])
            for title, several in ((time, parts), ("period", by_period(rows)), ("conditions", by_conditions(rows)))
        ],
        "reasons": [(word(p.name), p.left_out, p.time_left_out) for p in by_reason(rows)],
        "left_out": [_left_out(row) for row in left_out[:MOST_LISTED]],
        "number_left_out": len(left_out),
        "remarks": [(row["run"], row["remarks"]) for row in rows if row["taken"] and row["remarks"]],
        "notes": [note for note in notes if not _in_table(note, remarks)],
        "figure": _figure(folder, rows, simulated),
    }


def _line(part: Hours, several: Sequence[Hours]) -> dict[str, Any]:
    longest = max(each.hours_taken + each.hours_left_out for each in several) or 1.0
    return {
        "name": part.name,
        "runs": part.taken,
        "hours": part.time_taken,
        "taken_percent": round(100 * part.hours_taken / longest, 2),
        "left_out_percent": round(100 * part.hours_left_out / longest, 2),
        "left_out": part.left_out,
        "hours_left_out": part.time_left_out,
        "why": part.why,
    }


def _left_out(row: Row) -> dict[str, Any]:
    zenith = None if row["zenith_min"] is None else (row["zenith_min"] + row["zenith_max"]) / 2
    return {key: row[key] for key in ("run", "night", "wobble", "minutes", "reason")} | {
        "zenith": zenith,
        "word": word(row["cause"]),
    }


def _in_table(note: str, remarks: dict[str, str]) -> bool:
    """Whether a sentence says what the table of runs does: who is left out, or a remark on one run."""
    if " left out: " in note or note.endswith("more remarks about runs that were taken"):
        return True
    run, _, said = note.removeprefix("run ").partition(": ")
    return run in remarks and said in remarks[run]


def _figure(folder: Path, rows: Sequence[Row], simulated: bool) -> str | None:
    """Return the figure as a data URL; none where no zenith distance is known."""
    shown = [row for row in rows if row["zenith_min"] is not None]
    if not shown:
        return None
    from automagic.report.selection_plot import draw

    buffer = io.BytesIO()
    figure = draw(shown, "", _zenith(folder), simulated=simulated)
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _zenith(folder: Path) -> tuple[float, float] | None:
    """Return the zenith range asked for, where ``analysis.toml`` can still be read."""
    from automagic.analysis import load
    from automagic.errors import UserError
    from automagic.selection.defaults import limits

    try:
        return limits(load(folder)).zenith
    except UserError:
        return None
