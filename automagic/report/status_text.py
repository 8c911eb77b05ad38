"""The status of an analysis on a terminal: a table where it fits, else a line a stage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from automagic.executors.policy import policy
from automagic.report.status import OPEN, STATES

Row = dict[str, Any]

SHOWN = 20
"""So many groups of failures are shown."""

STYLES = {"done": "green", "running": "cyan", "held": "yellow", "failed": "red"}
UNKNOWN = "–"

NOTES = {
    "again": "tried again",
    "evicted": "sent away from a node",
    "held": "held by HTCondor",
    "held-user": "held by a person",
    "memory": "given more memory",
    "shadow": "lost touch with",
    "transfer": "held as files could not be brought",
}
"""What happened to jobs on their way, in words."""


def show(found: Row, analysis: str, console: Console) -> None:
    """Print a status (`automagic.report.status.collect`).

    Parameters
    ----------
    analysis
        How the person names it.
    """
    for each in lines(found, analysis, console):
        console.print(each, highlight=False, markup=False)


def lines(found: Row, analysis: str, console: Console) -> Iterator[RenderableType]:
    """Yield what is printed."""
    yield Text(f"{found['analysis']}: {driver(found['driver'])}")
    if found.get("derived"):
        yield Text(found["derived"])
    yield from _loose_jobs(found, analysis)
    table = stage_table(found)
    if table.__rich_measure__(console, console.options.update(width=10_000)).maximum <= console.width:
        yield table
    else:
        yield from _stage_lines(found)
    yield from _trouble(found)


def driver(about: Row) -> str:
    """Say who runs the analysis and how, or how that ended."""
    with_what = {"condor": ", with HTCondor", "local": ", on this machine"}.get(about["executor"] or "", "")
    with_what += ", detached" if about["detached"] else ""
    if about["running"]:
        who = f" by {about['user']} on {about['host']}" if about["user"] else ""
        since = f" since {moment(about['since'])} (process {about['process']})" if about["since"] else ""
        return f"being run{who}{since}{with_what}"
    if about["last"] is None:
        return "not running"
    if about["ended"] is None:
        return f"not running; its driver died on {about['host']} after {moment(about['last'])}{with_what}"
    how = {0: "", 1: " with failures", 130: ", stopped by Ctrl-C", 143: ", told to stop"}
    ending = how.get(about["code"], f" with code {about['code']}")
    return f"not running; its last run ended {moment(about['ended'])}{ending}{with_what}"


def _loose_jobs(found: Row, analysis: str) -> Iterator[Text]:
    number = sum(found["total"][state] for state in OPEN)
    if number and not found["driver"]["running"]:
        yield Text(f"{number} {_jobs(number)} with HTCondor without a driver, as they were last seen")
        yield Text(f"  → ./doit analysis={analysis}")


def _jobs(number: int) -> str:
    return "job is" if number == 1 else "jobs are"


# --- stages


def columns(found: Row) -> list[str]:
    """Return the states that any task is in."""
    return [state for state in STATES if found["total"][state]]


def stage_table(found: Row) -> Table:
    """Return the table of stages and states."""
    table = Table(box=SIMPLE_HEAD, show_footer=len(found["stages"]) > 1, collapse_padding=True, pad_edge=False)
    total = found["total"]
    table.add_column("stage", footer="total", no_wrap=True)
    for state in columns(found):
        table.add_column(state, footer=f"{total[state]}", justify="right", style=STYLES.get(state), no_wrap=True)
    for name, key in (("CPU time", "cpu_s"), ("lost", "lost_s")):
        table.add_column(name, footer=hours(total[key]), justify="right", no_wrap=True)
    table.add_column("left", footer=left(total), justify="right", no_wrap=True)
    for row in found["stages"]:
        numbers = [f"{row[state] or ''}" for state in columns(found)]
        table.add_row(row["stage"], *numbers, hours(row["cpu_s"]), hours(row["lost_s"]), left(row))
    return table


def _stage_lines(found: Row) -> Iterator[RenderableType]:
    """Yield a line a stage, for a narrow terminal."""
    stages = found["stages"]
    for row in [*stages, {"stage": "total", **found["total"]}] if len(stages) > 1 else stages:
        words = [f"{row[state]} {state}" for state in STATES if row[state]]
        words += [f"CPU time {hours(row['cpu_s'])}"] if row["cpu_s"] else []
        words += [f"lost {hours(row['lost_s'])}"] if row["lost_s"] else []
        words += [f"time left {left(row)}"] if row["to_come"] else []
        yield Text(row["stage"], style="bold")
        yield _below(", ".join(words))


def hours(seconds: float) -> str:
    """Say how much time jobs took.

    >>> hours(0), hours(42.3), hours(4000), hours(5e6)
    ('–', '42 s', '1 h 6 min', '1,389 h')
    """
    if not seconds:
        return UNKNOWN
    if seconds < 100:
        return f"{seconds:.2g} s"
    minutes = seconds / 60
    if minutes < 60:
        return f"{minutes:.0f} min"
    return f"{int(minutes // 60)} h {int(minutes % 60)} min" if minutes < 6000 else f"{minutes / 60:,.0f} h"


def left(row: Row) -> str:
    """Say how long the rest takes."""
    if row["left_s"] is None:
        return UNKNOWN if row["to_come"] else ""
    return (">" if row.get("left_at_least") else "") + hours(row["left_s"])


def moment(stamp: str) -> str:
    """Say when something was.

    >>> moment("2026-01-31T12:00:00Z")
    '2026-01-31 12:00:00 UTC'
    """
    return stamp.replace("T", " ").replace("Z", " UTC")


# --- trouble


def _trouble(found: Row) -> Iterator[RenderableType]:
    for stop in found["stopped"]:
        yield Text(f"{stop['stage']} stopped: {stop['count']} tasks failed in the same way: {stop['meaning']}")
        yield _below(f"→ {stop['command']}")
    for group in found["held"]:
        yield Text(f"{group['count']} held: {group['reason']}")
        yield from _group(group)
    for group in found["failures"][:SHOWN]:
        yield Text(f"{group['count']} failed: {group['meaning'] or group['reason']}", style="red")
        if group["meaning"]:
            others = group["reasons"] - 1
            more = f" (and {others} other reason{'' if others == 1 else 's'})" if others else ""
            yield _below(f"{group['reason']}{more}")
        yield from _group(group)
    if len(found["failures"]) > SHOWN:
        yield Text(f"and {len(found['failures']) - SHOWN} more groups of failures: --json has them all")
    if found["notes"]:
        words = (f"{count} {_note(cause)}" for cause, count in found["notes"].items())
        yield Text("jobs on the way: " + ", ".join(words))


def _group(group: Row) -> Iterator[RenderableType]:
    more = group["count"] - len(group["tasks"])
    yield _below(", ".join(group["tasks"]) + (f" and {more} more" if more else ""))
    yield _below(f"→ {group['command']}")


def _note(cause: str) -> str:
    return NOTES.get(cause) or policy(cause).meaning


def _below(text: str) -> RenderableType:
    return Padding(Text(text), (0, 0, 0, 2), expand=False)
