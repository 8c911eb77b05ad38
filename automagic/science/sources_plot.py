"""The plot of a catalogue: significance and flux, or its upper limit, a line a source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automagic.science import style

if TYPE_CHECKING:
    from automagic.science.sources import Row


def draw(rows: Sequence[Row], threshold: float, about: dict[str, Any], path: Path, *, simulated: bool) -> None:
    """Draw all sources of a catalogue, the first at the top.

    Parameters
    ----------
    rows, threshold, about
        See `automagic.science.sources`.
    path
        Of the PNG.
    simulated
        Whether to mark it.
    """
    fig, _ = style.figure(8.4, (0.9 + 0.36 * len(rows),))
    fig.clear()
    left, right = fig.subplots(1, 2, sharey=True, width_ratios=(1, 1.25))
    fig.get_layout_engine().set(wspace=0.03)
    _significances(left, rows, threshold)
    _fluxes(right, rows, threshold, about)
    left.set_yticks(range(len(rows)), [row.name for row in rows])
    left.set_ylim(len(rows) - 0.4, -0.6)
    for panel in (left, right):
        panel.tick_params(axis="y", which="both", length=0)
        for place in range(len(rows)):
            panel.axhline(place, color=style.OFF, lw=0.5, alpha=0.35, zorder=0)
    if simulated:
        style.mark_simulated(right)
    style.save(fig, path)


def _significances(panel: Any, rows: Sequence[Row], threshold: float) -> None:
    for place, row in enumerate(rows):
        seen = row.value("theta2.significance")
        if seen is None:
            panel.text(0.02, place, "no data", transform=panel.get_yaxis_transform(), va="center", color=style.OFF)
            continue
        filled = row.detected(threshold)
        panel.plot(seen, place, "o", ms=6.5, color=style.SIGNAL, mfc=style.SIGNAL if filled else "white", mew=1.3)
    panel.axvline(0, color=style.INK, lw=0.6)
    panel.axvline(threshold, color=style.INK, ls=(0, (4, 3)), lw=1)
    values = [row.value("theta2.significance") for row in rows if row.value("theta2.significance") is not None]
    panel.set_xlim(min(-2.0, 1.15 * min(values)), max(1.4 * threshold, 1.12 * max(values)))
    panel.set_xlabel(r"Significance  [$\sigma$]")
    panel.set_title(rf"detected from {threshold:g}$\,\sigma$ on")


def _fluxes(panel: Any, rows: Sequence[Row], threshold: float, about: dict[str, Any]) -> None:
    drawn = []
    for place, row in enumerate(rows):
        value, error, limit = row.value("flux.value"), row.error("flux.value"), row.value("flux.upper_limit")
        if limit is None:
            continue
        if row.detected(threshold):
            panel.errorbar(value, place, xerr=error, **style.POINT)
            drawn += [value - error, value + error]
        else:
            panel.plot([limit, limit], [place - 0.22, place + 0.22], color=style.SIGNAL, lw=1.5)
            arrow = {"arrowstyle": "<-", "color": style.SIGNAL, "lw": 1.3, "shrinkA": 0, "shrinkB": 0}
            panel.annotate("", (limit, place), (-26, 0), textcoords="offset points", arrowprops=arrow)
            drawn.append(limit)
    good = [each for each in drawn if each > 0]
    panel.set_xscale("log")
    if good:
        panel.set_xlim(min(good) / 3, max(good) * 2)
    if about["energy_min"] is not None:
        low, high = about["energy_min"], about["energy_max"]
        panel.set_xlabel(rf"$F\,({low:.2g} < E/\mathrm{{TeV}} < {high:.2g})$  [cm$^{{-2}}$ s$^{{-1}}$]")
        panel.set_title(f"flux, or {about['confidence']:.0%} upper limit")
