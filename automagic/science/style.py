"""One look for all plots, and the same bytes for the same plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

INK = "#1f2933"
SIGNAL = "#b23a2e"
MODEL = "#1f5f8b"
BAND = "#8fb8d8"
OFF = "#9aa5b1"
REFERENCE = "#7b6d5d"

RC = {
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "mathtext.fontset": "dejavusans",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.9,
    "axes.labelsize": 11,
    "axes.titlesize": 11.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 9,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "lines.linewidth": 1.6,
    "errorbar.capsize": 0,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "savefig.facecolor": "white",
    "path.simplify": False,
}
POINT = {"fmt": "o", "color": SIGNAL, "ms": 5.5, "mec": "white", "mew": 0.7, "elinewidth": 1.3}


def figure(width: float, heights: tuple[float, ...]) -> tuple[Any, list[Any]]:
    """Return a figure of panels above each other with one common x axis.

    Parameters
    ----------
    width
        In inches.
    heights
        Of the panels, in inches.
    """
    import matplotlib as mpl

    mpl.rcdefaults()
    mpl.rcParams.update(RC)
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    fig = Figure(figsize=(width, sum(heights) + 0.9), layout=ConstrainedLayoutEngine(h_pad=0.02, hspace=0.0))
    panels = fig.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)
    return fig, list(panels[:, 0])


def energy_axis(panel: Any, low: float, high: float) -> None:
    """Make the x axis one of energy in TeV, logarithmic, with plain numbers."""
    from matplotlib.ticker import FuncFormatter

    panel.set_xscale("log")
    panel.set_xlim(low, high)
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.set_xlabel("Energy  [TeV]")


def upper_limits(panel: Any, x: Any, y: Any, x_low: Any, x_high: Any, *, color: str = SIGNAL) -> None:
    """Draw upper limits: a bar as wide as the bin, with an arrow down."""
    for one, limit, low, high in zip(x, y, x_low, x_high, strict=True):
        panel.plot([low, high], [limit, limit], color=color, lw=1.3)
        panel.annotate(
            "",
            xy=(one, limit),
            xytext=(0, -20),
            textcoords="offset points",
            arrowprops={"arrowstyle": "<-", "color": color, "lw": 1.3, "shrinkA": 0, "shrinkB": 0},
        )


def mark_simulated(panel: Any) -> None:
    """Say above a plot that its events did not come from the sky."""
    panel.set_title("SIMULATED", loc="right", color=SIGNAL, weight="bold", fontsize=9.5)


def save(fig: Any, path: Path) -> None:
    """Write a PNG that says neither when nor with what it was made."""
    fig.savefig(path, metadata={"Software": None})
