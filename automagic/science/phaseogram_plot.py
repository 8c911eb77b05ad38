"""The plot of a phaseogram: two turns, ranges of phase shaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from automagic.science import ranges, style

SHADES = ("#e8b9b3", "#f1dcc0", "#cfe0ee", "#d7e6cf", "#e3d5ea")


def draw(
    folded: list[Any],
    bins: int,
    on: dict[str, ranges.Parts],
    off: ranges.Parts,
    title: str,
    path: Path,
    *,
    simulated: bool,
) -> None:
    """Draw a panel for each range of energy.

    Parameters
    ----------
    folded
        `automagic.science.phaseogram.Folded` of each range of energy.
    bins
        In a turn.
    on, off
        Ranges of phase. Of those with a signal that share phases, the first is shaded.
    """
    fig, panels = style.figure(8.6, (3.3,) * len(folded))
    for panel, one in zip(panels, folded, strict=True):
        _panel(panel, one, bins, on, off)
    panels[0].set_title(title)
    if simulated:
        style.mark_simulated(panels[0])
    panels[-1].set_xlabel("Phase")
    style.save(fig, path)


def _panel(panel: Any, one: Any, bins: int, on: dict[str, ranges.Parts], off: ranges.Parts) -> None:
    import numpy as np

    counts, edges = np.histogram(one.phases, np.linspace(0, 1, bins + 1))
    level = ranges.inside(one.phases, off).sum() / ranges.width(off) / bins
    twice, both = np.tile(counts, 2), np.append(edges, 1 + edges[1:])
    middle = (both[1:] + both[:-1]) / 2
    panel.stairs(twice, both, color=style.MODEL, lw=1.2, zorder=3)
    panel.errorbar(middle, twice, np.sqrt(twice), fmt="none", ecolor=style.MODEL, elinewidth=0.9, zorder=3)
    panel.axhline(level, color=style.INK, ls=(0, (4, 3)), lw=1, zorder=2)
    low, high = max(0.0, counts.min() - 2.5 * counts.min() ** 0.5), (counts + counts**0.5).max()
    top = high + 0.16 * (high - low)
    panel.set_xlim(0, 2)
    panel.set_ylim(low, top)
    _shade(panel, off, style.OFF, "off", top)
    taken: list[tuple[float, float]] = []
    for number, (name, parts) in enumerate(on.items()):
        if any(a < d and c < b for a, b in parts for c, d in taken):
            continue
        taken += parts
        _shade(panel, parts, SHADES[number % len(SHADES)], name, top)
    panel.set_ylabel(f"Events per 1/{bins} turn")
    words = [rf"${one.low:g} < E/\mathrm{{TeV}} < {one.high:g}$", f"{len(one.phases)} events, H = {one.h:.0f}"]
    words += [
        f"{name}: {each.excess:.0f} ± {each.excess_error:.0f},  {each.significance:.1f}σ"
        for name, each in one.found.items()
    ]
    panel.text(1.02, 0.5, "\n".join(words), transform=panel.transAxes, va="center", linespacing=1.7, fontsize=9.5)


def _shade(panel: Any, parts: ranges.Parts, color: str, name: str, top: float) -> None:
    """Shade ranges in both turns, and name each once a turn: in the wider part, or where it runs through 0."""
    for turn in (0, 1):
        for low, high in parts:
            panel.axvspan(turn + low, turn + high, color=color, alpha=0.35 if name == "off" else 0.6, lw=0, zorder=0)
    widest = max(parts, key=lambda part: part[1] - part[0])
    through = parts[0][0] == 0.0 and parts[-1][1] == 1.0 and len(parts) > 1
    for place in (1.0,) if through else ((widest[0] + widest[1]) / 2, 1 + (widest[0] + widest[1]) / 2):
        panel.annotate(name, (place, top), (0, -5), textcoords="offset points", ha="center", va="top", fontsize=9)
