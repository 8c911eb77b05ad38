"""A selection on the terminal: runs with their reasons, hours, Monte Carlo and off data. Narrow terminals get less."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from automagic.report.selection import (
    MANY_NIGHTS,
    Hours,
    Row,
    by_conditions,
    by_period,
    by_reason,
    by_source,
    by_time,
    length,
    of,
    sentence,
    word,
)
from automagic.selection.matching import Match

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

MANY_RUNS = 60
"""So many runs are listed one by one unless all are asked for; more by night."""

MANY_STYLED = 500
"""Of more runs than that, each is a plain line: ten thousand in a moment."""

MANY_REMARKS = 8
NARROW = 100
BAR = 24


@dataclass(frozen=True)
class _Column:
    """A column of the table of runs: heading, text of a row, reasons that it shows, how soon it gives way."""

    name: str
    text: Callable[[Row], str]
    causes: tuple[str, ...] = ()
    gives_way: int = 0


def _number(key: str, form: str) -> Callable[[Row], str]:
    return lambda row: "" if row[key] is None else format(row[key], form)


def _zenith(row: Row) -> str:
    low, high = row["zenith_min"], row["zenith_max"]
    if low is None:
        return ""
    return f"{low:.0f}" if round(low) == round(high) else f"{low:.0f}–{high:.0f}"


def _setting(row: Row) -> str:
    words = [row["hv"] if row["hv"] == "reduced" else None, "SumT" if row["trigger"] == "sumt" else None]
    return ", ".join(each for each in words if each)


_COLUMNS = (
    _Column("run", lambda row: f"{row['run']:08d}", ("runs", "exclude")),
    _Column("night", lambda row: row["night"], ("dates", "nights", "periods")),
    _Column("source", lambda row: row["source"], ("source",), 7),
    _Column("wobble", lambda row: row["wobble"] or "", ("wobbles",), 8),
    _Column("min", _number("minutes", ".3g"), ("minutes_min",), 5),
    _Column("zenith°", _zenith, ("zenith",), 2),
    _Column("NSB", _number("nsb", ".3g"), ("nsb",), 4),
    _Column("set", _setting, ("hv", "trigger"), 4),
    _Column("T 9 km", _number("transmission", ".2f"), ("transmission",), 3),
    _Column("clouds%", _number("cloudiness", ".0f"), ("cloudiness",), 3),
    _Column("rate Hz", _number("rate", ".0f"), ("rate",), 6),
)
_RIGHT = {"min", "zenith°", "NSB", "T 9 km", "clouds%", "rate Hz"}


def show(
    console: Console,
    name: str,
    source: str,
    rows: Sequence[Row],
    groups: list[Match],
    notes: list[str],
    *,
    every: bool = False,
) -> None:
    """Print a selection.

    Parameters
    ----------
    console
        Its width decides how much is shown of a run.
    name, source
        Of the analysis and what it looks at.
    rows
        As `automagic.index.Selection.rows` makes them.
    groups
        Of `automagic.selection.matching.match`; none where no Monte Carlo is needed.
    notes
        What else is to be said.
    every
        Each run, however many there are, and each note.
    """
    from rich.text import Text

    console.print(Text.assemble((name, "bold"), f": {sentence(source, rows)}"), soft_wrap=True)
    reasons = ", ".join(f"{part.left_out:,} {word(part.name)} ({part.time_left_out})" for part in by_reason(rows))
    if reasons:
        console.print(Text(f"left out: {reasons}"), soft_wrap=not console.is_terminal)
    if every or len(rows) <= MANY_RUNS:
        if len(rows) <= MANY_STYLED:
            console.print(_runs(console, rows))
        else:
            for line in _lines(rows):
                console.file.write(line)
    else:
        console.print(f"{len(rows):,} runs are added up here; --all lists each, --csv and --json have them all")
    console.print(_hours(console, rows))
    if groups:
        console.print(_groups(groups))
    for problem in dict.fromkeys(group.problem for group in groups if group.problem):
        console.print(Text(problem, style="red"), soft_wrap=not console.is_terminal)
    said = list(dict.fromkeys([*notes, *(remark for group in groups for remark in group.remarks)]))
    shown = said if every or len(said) <= MANY_REMARKS else said[: MANY_REMARKS - 1]
    for each in shown:
        console.print(Text(f"· {each}", style="dim"), soft_wrap=not console.is_terminal)
    if len(shown) < len(said):
        console.print(Text(f"· and {len(said) - len(shown)} more (--all)", style="dim"))


def _table(*headings: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading)
    return table


def _runs(console: Console, rows: Sequence[Row]) -> Table:
    from rich.text import Text

    columns = _fitting(_columns(rows), rows, console.width)
    narrow = console.width < NARROW
    table = _table()
    for column in columns:
        table.add_column(column.name, justify="right" if column.name in _RIGHT else "left", no_wrap=True)
    if not narrow:
        table.add_column("", no_wrap=True)
    table.add_column("", overflow="fold")
    for row in rows:
        cells: list[Text] = []
        for column in columns:
            at_fault = row["cause"] in column.causes
            cells.append(Text(column.text(row), style="red" if at_fault else "" if row["taken"] else "dim"))
        table.add_row(*cells, *_verdict(row, narrow))
    return table


def _columns(rows: Sequence[Row]) -> list[_Column]:
    """Return the columns that say something about these runs."""
    with_source = len({row["source"] for row in rows}) > 1
    return [
        column
        for column in _COLUMNS
        if any(column.text(row) for row in rows) and (column.name != "source" or with_source)
    ]


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    """Return the same as plain lines."""
    columns = _columns(rows)
    cells = [[column.text(row) for column in columns] for row in rows]
    widths = [max(len(c.name), *(len(row[n]) for row in cells)) for n, c in enumerate(columns)]
    forms = [f"{{:{'>' if c.name in _RIGHT else '<'}{width}}}" for c, width in zip(columns, widths, strict=True)]
    form = "  ".join(forms)
    yield "\n" + form.format(*(column.name for column in columns)).rstrip() + "\n"
    for row, texts in zip(rows, cells, strict=True):
        yield f"{form.format(*texts)}  {'  '.join(each.plain for each in _verdict(row, False))}".rstrip() + "\n"


def _verdict(row: Row, narrow: bool) -> list[Text]:
    """Return the verdict and why; in one cell where there is little room."""
    from rich.text import Text

    if row["taken"]:
        verdict, why = (
            Text("taken", style="green"),
            Text(shorten(row["remarks"] or "", 100, placeholder=" …"), style="yellow"),
        )
        return [Text(": ").join([verdict, why]) if why else verdict] if narrow else [verdict, why]
    sentence = row["reason"].removeprefix("its ")
    return [Text(sentence, style="red")] if narrow else [Text(word(row["cause"]), style="red"), Text(sentence)]


def _fitting(columns: list[_Column], rows: Sequence[Row], width: int) -> list[_Column]:
    """Drop columns until the rest fits beside the reasons; what shows a reason of these runs goes last."""
    causes = {row["cause"] for row in rows}
    widths = {c.name: 2 + max(len(c.name), *(len(c.text(row)) for row in rows)) for c in columns}
    left_out = [row for row in rows if not row["taken"]]
    verdict = max((len(word(row["cause"])) for row in left_out), default=5)
    why = max((len(row["reason"] or row["remarks"] or "") for row in rows), default=0)
    reason = min(40, why + 2) if width < NARROW else verdict + 2 + min(50, why + 2)
    kept = list(columns)
    while sum(widths[c.name] for c in kept) + reason > width:
        can_go = [c for c in kept if c.gives_way]
        if not can_go:
            break
        kept.remove(max(can_go, key=lambda c: c.gives_way - 5 * bool(causes & {*c.causes})))
    return kept


def _hours(console: Console, rows: Sequence[Row]) -> Table:
    """Return the hours by night, period, condition and reason, with bars."""
    time, parts = by_time(rows)
    sections = [(time, parts), ("period", by_period(rows)), ("conditions", by_conditions(rows))]
    if len({row["source"] for row in rows}) > 1:
        sections.insert(0, ("source", by_source(rows)))
    table = _table()
    table.add_column("", no_wrap=True)
    table.add_column("runs", justify="right", no_wrap=True)
    table.add_column("hours", justify="right", no_wrap=True)
    with_bars = console.width >= NARROW
    if with_bars:
        table.add_column("", no_wrap=True)
    table.add_column("left out", overflow="fold")
    for title, several in sections:
        longest = max((part.hours_taken + part.hours_left_out for part in several), default=0.0)
        table.add_row(f"[dim]by {title}[/dim]")
        few = several if len(several) <= MANY_NIGHTS else several[: MANY_NIGHTS - 1]
        for part in few:
            cells: list[Any] = [
                f"  {part.name}",
                f"{part.taken:,}" if part.taken else "–",
                part.time_taken if part.taken else "–",
            ]
            if with_bars:
                cells.append(_bar(part, longest, ascii_only=console.options.ascii_only))
            table.add_row(*cells, _left_out(part))
        if len(few) < len(several):
            table.add_row(f"[dim]  and {len(several) - len(few)} more[/dim]")
        table.add_section()
    return table


def _left_out(part: Hours) -> Text:
    from rich.text import Text

    if not part.left_out:
        return Text("")
    runs = f"{part.left_out:,} run{'' if part.left_out == 1 else 's'}"
    return Text(f"{runs}, {part.time_left_out}: {part.why}", style="dim")


def _bar(part: Hours, longest: float, *, ascii_only: bool) -> Text:
    from rich.text import Text

    if longest <= 0:
        return Text("")
    full, empty = ("#", ".") if ascii_only else ("█", "░")
    taken = round(BAR * part.hours_taken / longest)
    whole = round(BAR * (part.hours_taken + part.hours_left_out) / longest)
    return Text.assemble((full * taken, "green"), (empty * (whole - taken), "red"))


def _groups(groups: list[Match]) -> Table:
    from rich.text import Text

    table = _table("conditions", "runs", "hours", "Monte Carlo", "off runs")
    table.columns[1].justify = table.columns[2].justify = "right"
    for group in groups:
        known = [run.minutes for run in group.runs if run.minutes is not None]
        hours = length(sum(known) / 60) if known else "not known"
        cells: list[Any] = [str(group.conditions), f"{len(group.runs):,}", hours]
        if group.mc is None:
            table.add_row(*cells, Text("none fits", style="red"), "")
            continue
        level = "planned" if any(file.task for file in group.mc.files) else group.mc.level
        named = " ".join(word for word in (group.mc.name, group.mc.version, f"({level})") if word)
        off = Text("none fits", style="red") if group.problem else _off(group)
        table.add_row(*cells, named, off)
    return table


def _off(group: Match) -> Any:
    from rich.text import Text

    if not group.off:
        return Text("not needed, its models are there", style="dim")
    minutes = [run.minutes for run in group.off if run.minutes is not None]
    time = f", {length(sum(minutes) / 60)}" if minutes else ""
    return Text(f"{of(len(group.off), len(group.off))}{time}: {_few(f'{run.run:08d}' for run in group.off)}")


def _few(words: Iterable[str], most: int = 3) -> str:
    every = list(words)
    return ", ".join(every) if len(every) <= most else f"{', '.join(every[: most - 1])} … {every[-1]}"
