"""The figure of a selection: when and how high the source was observed, what is taken and what is not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automagic.report.selection import Row, length, light, sentence, word
from automagic.science import style
from automagic.selection.choose import listed, named_sources
from automagic.selection.conditions import zenith_ranges
from automagic.selection.defaults import limits

if TYPE_CHECKING:
    from automagic.analysis import Analysis

FEW_NIGHTS = 8
STEPS = {1: 2, 2: 2, 5: 5, 10: 2, 15: 3, 30: 3, 60: 4, 120: 4, 240: 4}
"""Minutes that may be between the ticks of a clock, and into how many parts they are divided."""

LIGHTS = ("#1f4e79", "#c8811a", "#b23a2e", "#6a4c93", "#2d6a4f", "#7b6d5d", "#0f8b8d", "#9a3b6b")
"""Colours of the kinds of light: dark is dark blue, moonlight is warm."""

CLASSES = {
    "weather": ("haze, clouds, rate", "s", ("transmission", "cloudiness", "rate")),
    "light": ("light, HV, trigger", "D", ("nsb", "hv", "trigger")),
    "place": ("zenith, azimuth, wobble", "^", ("zenith", "azimuth", "wobbles")),
    "files": ("telescope, calibration or report missing", "X", ("telescope", "calibration", "reports")),
    "asked": (
        "not asked for",
        "o",
        ("runs", "exclude", "source", "dates", "nights", "periods", "minutes_min", "itself"),
    ),
}
"""Reasons by class: in words, marker, causes; the last class has all others."""


def plot(analysis: Analysis, rows: Sequence[Row], path: Path) -> None:
    """Draw zenith distance against time, one mark a run: filled where it is taken, hollow where it is left out.

    Parameters
    ----------
    analysis
        Names the source and the zenith range asked for.
    rows
        As `automagic.index.Selection.rows` makes them.
    path
        Of the figure; its ending says of which kind.

    Raises
    ------
    UserError
        Where no zenith distance is known, or the file cannot be written.
    """
    from automagic.errors import UserError

    shown = [row for row in rows if row["zenith_min"] is not None]
    if not shown:
        raise UserError(
            f"--plot: the zenith distance of none of the {len(rows)} runs is known, so there is nothing to draw"
        )
    title, zenith = sentence(listed(named_sources(analysis)), rows), limits(analysis).zenith
    fig = draw(shown, title, zenith, simulated=analysis.site.simulate is not None)
    # neither when nor with what it was made
    metadata = {".png": {"Software": None}, ".pdf": {"CreationDate": None, "Producer": None}, ".svg": {"Date": None}}
    try:
        fig.savefig(path, metadata=metadata[path.suffix.lower()])
    except OSError as error:
        raise UserError(f"--plot: {path} cannot be written: {error.strerror}") from None


def draw(rows: Sequence[Row], title: str, zenith: tuple[float, float] | None, *, simulated: bool) -> Any:
    """Return the figure; a few nights hour by hour, many by date."""
    colors = _colors(rows)
    nights = sorted({row["night"] for row in rows})
    timed = all(row["start"] and row["minutes"] for row in rows)
    if timed and len(nights) <= FEW_NIGHTS:
        fig, panels = _nights(rows, nights, colors)
    else:
        fig, panels = _dates(rows, colors)
    _zenith_axis(panels, rows, zenith)
    _legend(fig, rows, colors, title, by_marker=timed is False or len(nights) > FEW_NIGHTS)
    if simulated:
        fig.text(0.993, 0.985, "SIMULATED", ha="right", va="top", color=style.SIGNAL, weight="bold", fontsize=9.5)
    return fig


def _colors(rows: Sequence[Row]) -> dict[str, str]:
    """Give each kind of light its colour; dark comes first, the rest by hours."""
    minutes: Counter[str] = Counter()
    for row in rows:
        minutes[light(row)] += int(row["minutes"] or 1)
    names = sorted(minutes, key=lambda name: (not name.startswith("dark"), -minutes[name], name))
    return {name: LIGHTS[min(place, len(LIGHTS) - 1)] for place, name in enumerate(names)}


def _class(row: Row) -> str:
    return next((name for name, (_, _, causes) in CLASSES.items() if row["cause"] in causes), "asked")


def _time(row: Row) -> datetime:
    """Return the middle of a run in UTC; without its begin, the midnight of its night."""
    if not row["start"]:
        return datetime.fromisoformat(row["night"])
    start = datetime.fromisoformat(row["start"].replace("Z", "+00:00")).replace(tzinfo=None)
    return start + timedelta(minutes=(row["minutes"] or 0) / 2)


def _hour(row: Row) -> float:
    """Return the middle of a run in hours from the midnight (UTC) of its night."""
    return (_time(row) - datetime.fromisoformat(row["night"])).total_seconds() / 3600


# --- a few nights


def _nights(rows: Sequence[Row], nights: list[str], colors: dict[str, str]) -> tuple[Any, list[Any]]:
    """Draw a panel a night, all with the same scale in hours; each run as the way that the source went."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    by_night = {night: sorted((row for row in rows if row["night"] == night), key=_hour) for night in nights}
    spans = []
    for several in by_night.values():
        first = min(_hour(row) - row["minutes"] / 120 for row in several)
        last = max(_hour(row) + row["minutes"] / 120 for row in several)
        half = max(0.55 * (last - first), 0.1)
        spans.append(((first + last) / 2 - half, (first + last) / 2 + half))
    longest = max(high - low for low, high in spans)
    widths = [max(high - low, 0.4 * longest) for low, high in spans]
    inches = min(12.0, max(7.2, 1.6 * len(nights), 0.8 * sum(widths)))
    step = next((each for each in STEPS if each / 60 > 0.75 * sum(widths) / inches), max(STEPS))
    fig = _figure(inches + 1.0, 4.6)
    panels = list(fig.subplots(1, len(nights), sharey=True, width_ratios=widths, squeeze=False)[0])
    for panel, span, width, (night, several) in zip(panels, spans, widths, by_night.items(), strict=True):
        middle = (span[0] + span[1]) / 2
        panel.set_xlim(middle - width / 2, middle + width / 2)
        for row in several:
            _track(panel, row, colors[light(row)])
        _labels(panel, several, inches / sum(widths))
        taken = sum(row["minutes"] for row in several if row["taken"]) / 60
        every = sum(row["minutes"] for row in several) / 60
        panel.set_title(f"{night}\n{length(taken)} of {length(every)}", loc="center", fontsize=9.5)
        panel.xaxis.set_major_locator(MultipleLocator(step / 60))
        panel.xaxis.set_minor_locator(MultipleLocator(step / 60 / STEPS[step]))
        panel.xaxis.set_major_formatter(FuncFormatter(_clock))
        panel.tick_params(axis="x", labelsize=9)
    fig.supxlabel("UTC", fontsize=11)
    return fig, panels


def _clock(hour: float, _: Any) -> str:
    minutes = round(hour * 60) % 1440
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _track(panel: Any, row: Row, color: str) -> None:
    """Draw a run from begin to end, with a gap to the next; a source in the east rises."""
    part = 0.78
    half = part * row["minutes"] / 120
    middle, spread = (row["zenith_min"] + row["zenith_max"]) / 2, (row["zenith_max"] - row["zenith_min"]) / 2 * part
    x, y = (_hour(row) - half, _hour(row) + half), (middle + spread, middle - spread)
    y = y if _rises(row) else y[::-1]
    panel.plot(x, y, color=color, lw=6.5, solid_capstyle="round", zorder=3 if row["taken"] else 2)
    if not row["taken"]:
        panel.plot(x, y, color="white", lw=3.9, solid_capstyle="round", zorder=2.5)


def _rises(row: Row) -> bool:
    return row["azimuth"] is None or row["azimuth"] < 180


def _labels(panel: Any, several: list[Row], inches: float) -> None:
    """Write the reason beside runs that are left out, once for each row of them; left of what is near the edge."""
    left, right = panel.get_xlim()
    start = 0
    for end in range(1, len(several) + 1):
        if end < len(several) and several[end]["cause"] == several[start]["cause"]:
            continue
        row = several[(start + end - 1) // 2]
        start = end
        if row["taken"]:
            continue
        hour, text = _hour(row), word(row["cause"])
        if (right - left) * inches < 2.2:
            text = text.replace(" ", "\n")
        room = (0.16 + 0.075 * max(map(len, text.split("\n")))) / inches
        at_edge = hour + room > right and hour - room > left
        up = (1 if at_edge else -1) * (1 if _rises(row) else -1)
        panel.annotate(
            text,
            xy=(hour, (row["zenith_min"] + row["zenith_max"]) / 2),
            xytext=(-9 if at_edge else 9, 6 * up),
            textcoords="offset points",
            ha="right" if at_edge else "left",
            va="center",
            fontsize=8.5,
            color=style.INK,
            in_layout=False,
        )


# --- many nights


def _dates(rows: Sequence[Row], colors: dict[str, str]) -> tuple[Any, list[Any]]:
    """Draw all runs by date, and below them the hours of each night, week or month."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    fig = _figure(9.6, 5.6)
    upper, lower = fig.subplots(2, 1, sharex=True, height_ratios=(3.4, 1))
    size = min(34.0, max(5.0, 14000 / len(rows)))
    for row_class, (_, marker, _) in CLASSES.items():
        for name, color in colors.items():
            some = [row for row in rows if not row["taken"] and _class(row) == row_class and light(row) == name]
            upper.scatter(
                *_points(some), s=size, marker=marker, facecolor="white", edgecolor=color, lw=0.9, alpha=0.75, zorder=2
            )
    for name, color in colors.items():
        some = [row for row in rows if row["taken"] and light(row) == name]
        upper.scatter(*_points(some), s=1.25 * size, marker="o", color=color, lw=0, zorder=3)
    _bars(lower, rows, colors)
    locator = AutoDateLocator(minticks=3, maxticks=9)
    lower.xaxis.set_major_locator(locator)
    lower.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    lower.xaxis.get_offset_text().set_fontsize(9.5)
    upper.margins(x=0.02)
    _periods(upper, rows)
    return fig, [upper]


def _points(rows: Sequence[Row]) -> tuple[list[datetime], list[float]]:
    return [_time(row) for row in rows], [(row["zenith_min"] + row["zenith_max"]) / 2 for row in rows]


def _bars(panel: Any, rows: Sequence[Row], colors: dict[str, str]) -> None:
    """Stack the hours: taken in the colours of the light, left out hollow on top."""
    nights = sorted({row["night"] for row in rows})
    first, last = datetime.fromisoformat(nights[0]), datetime.fromisoformat(nights[-1])
    days, name = next(
        (d, n) for d, n in ((1, "night"), (7, "week"), (30, "30 days")) if (last - first).days / d < 150 or d == 30
    )
    below: dict[int, float] = defaultdict(float)

    def place(row: Row) -> int:
        return (datetime.fromisoformat(row["night"]) - first).days // days

    def stack(some: list[Row], **look: Any) -> None:
        hours: dict[int, float] = defaultdict(float)
        for row in some:
            hours[place(row)] += (row["minutes"] or 0) / 60
        at = sorted(hours)
        x = [first + timedelta(days=(each + 0.5) * days - 0.5) for each in at]
        panel.bar(x, [hours[each] for each in at], bottom=[below[each] for each in at], width=days * 0.86, **look)
        for each in at:
            below[each] += hours[each]

    for each, color in colors.items():
        stack([row for row in rows if row["taken"] and light(row) == each], color=color)
    stack([row for row in rows if not row["taken"]], facecolor="none", edgecolor=style.OFF, lw=0.7)
    panel.set_ylabel(f"h / {name}")
    panel.margins(x=0.02)


def _periods(panel: Any, rows: Sequence[Row]) -> None:
    """Write MAGIC's periods above, where there are not too many."""
    spans: list[tuple[str, datetime]] = []
    for row in sorted(rows, key=lambda row: row["night"]):
        if row["period"] and (not spans or spans[-1][0] != row["period"]):
            spans.append((row["period"], datetime.fromisoformat(row["night"])))
    if not 1 <= len(spans) <= 12:
        return
    for number, (name, start) in enumerate(spans):
        if number:
            panel.axvline(start, color=style.OFF, lw=0.8, zorder=1)
        panel.annotate(
            name,
            (start, 1),
            (1, 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize=8,
            color=style.REFERENCE,
            rotation=90 if len(spans) > 4 else 0,
        )


# --- what both have


def _figure(width: float, height: float) -> Any:
    import matplotlib as mpl

    mpl.rcdefaults()
    mpl.rcParams.update(style.RC)
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.05, wspace=0.03))


def _zenith_axis(panels: list[Any], rows: Sequence[Row], asked: tuple[float, float] | None) -> None:
    """Turn the axis so that the source is high above; grey is what was not asked for, dots part the Monte Carlo."""
    low = min(row["zenith_min"] for row in rows)
    high = max(row["zenith_max"] for row in rows)
    pad = max(3.0, 0.08 * (high - low))
    low, high = max(0.0, low - pad), min(90.0, high + pad)
    edges = {edge for each in zenith_ranges() for edge in each}
    for panel in panels:
        panel.set_ylim(high, low)
        for first, last in ((0.0, asked[0]), (asked[1], 90.0)) if asked is not None else ():
            panel.axhspan(first, last, color="#eceff2", zorder=0, lw=0)
        for edge in edges:
            if low < edge < high:
                panel.axhline(edge, color=style.OFF, lw=0.8, ls=(0, (1, 3)), zorder=0.5)
    panels[0].set_ylabel("Zenith distance  [deg]")


def _legend(fig: Any, rows: Sequence[Row], colors: dict[str, str], title: str, *, by_marker: bool) -> None:
    """Say what was taken, and what colours and marks mean."""
    from matplotlib.lines import Line2D

    def mark(label: str, **look: Any) -> Any:
        return Line2D([], [], ls="", label=label, **{"marker": "o", "ms": 7.5, "mew": 1.2, **look})

    handles = []
    for name, color in colors.items():
        taken = [row for row in rows if row["taken"] and light(row) == name]
        hours = sum(row["minutes"] or 0 for row in taken) / 60
        label = f"{name}, {length(hours)}" if hours else name if taken else f"{name}, none taken"
        handles.append(mark(label, mec=color, mfc=color if taken else "white"))
    classes = Counter(_class(row) for row in rows if not row["taken"])
    if by_marker:
        handles += [
            mark(f"{words} ({classes[name]:,})", marker=marker, mfc="white", mec=style.INK)
            for name, (words, marker, _) in CLASSES.items()
            if classes[name]
        ]
    elif classes:
        handles.append(mark(f"left out ({classes.total():,})", mfc="white", mec=style.INK))
    widest = max(len(handle.get_label()) for handle in handles)
    columns = int(fig.get_figwidth() / (0.45 + 0.085 * widest))
    legend = fig.legend(
        handles=handles, loc="outside upper left", ncols=min(max(columns, 1), 4), columnspacing=1.4, handletextpad=0.2,
        title=title or None, alignment="left", borderaxespad=0.2,
    )  # fmt: skip
    legend.get_title().set(fontsize=12.5, weight="bold")
