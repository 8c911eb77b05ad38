"""Spectra, light curves and θ² of several analyses over each other."""

from __future__ import annotations

from typing import Any

from automagic.compare.read import Side
from automagic.compare.table import Comparison
from automagic.science import style

COLORS = ("#1f5f8b", "#b23a2e", "#4a7c59", "#b7791f", "#6b4c9a", "#3a8f9c", "#8a5a44", "#5b6774")
MARKS = ("o", "s", "D", "^", "v", "P", "X", "p")
FEW_RUNS = 40
"""With more points than this, the light curve is that of nights."""

UNITS = {"1 / (TeV s cm2)": "TeV$^{-1}$ cm$^{-2}$ s$^{-1}$", "1 / (cm2 s)": "cm$^{-2}$ s$^{-1}$"}

MAIN = (
    ("spectrum.amplitude", r"$\phi$"),
    ("spectrum.alpha", r"$\alpha$"),
    ("spectrum.index", r"$\Gamma$"),
    ("spectrum.flux_above_300GeV", r"$F_{>300\,\mathrm{GeV}}$"),
    ("theta2.significance", r"significance  [$\sigma$]"),
    ("theta2.excess", "excess events"),
    ("theta2.background", "background"),
)
"""What is drawn against the value that is scanned."""


def draw(found: Comparison) -> Any:
    """Draw the spectra with their ratios to the first one, θ², and the light curves; return the figure."""
    fig = _figure((11.5, 7.2))
    grid = fig.add_gridspec(2, 2, width_ratios=(1.25, 1), height_ratios=(2.1, 1))
    sed = fig.add_subplot(grid[0, 0])
    ratio = fig.add_subplot(grid[1, 0], sharex=sed)
    theta2, curve = fig.add_subplot(grid[0, 1]), fig.add_subplot(grid[1, 1])
    _spectra(sed, ratio, found)
    _theta2(theta2, found)
    _curves(curve, found)
    title = "; ".join(key for key, _ in found.settings[:2]) or "the same settings"
    sed.set_title(_short(title, 60))
    if any(side.simulated for side in found.sides):
        style.mark_simulated(theta2)
    return fig


def draw_scan(found: Comparison) -> Any:
    """Draw the main numbers against the value that is scanned; return the figure."""
    import numpy as np

    rows = {row.key: row for row in found.rows}
    shown = [(rows[key], label) for key, label in MAIN if key in rows]
    lines = (len(shown) + 1) // 2 or 1
    fig = _figure((9.5, 2.3 * lines + 0.7))
    panels = fig.subplots(lines, 2, sharex=True, squeeze=False).ravel()
    x = np.array(found.scan_values())
    for panel, (row, label) in zip(panels, shown, strict=False):
        good = [n is not None and n.value is not None for n in row.numbers]
        y = np.array([n.value if n is not None and n.value is not None else np.nan for n in row.numbers])
        error = np.array([(n.error or 0.0) if n is not None else 0.0 for n in row.numbers])
        most = np.nanmax(np.abs(y)) if any(good) else 0.0
        power = int(np.floor(np.log10(most))) if 0 < most < 1e-3 else 0
        y, error = y / 10.0**power, error / 10.0**power
        panel.errorbar(x[good], y[good], error[good], **{**style.POINT, "color": COLORS[0]})
        panel.plot(x[good], y[good], color=COLORS[0], lw=0.8, alpha=0.5)
        panel.set_ylabel(
            label if not power else rf"{label}  [$10^{{{power}}}$ {UNITS.get(row.unit, row.unit)}]", fontsize=9.5
        )
        panel.margins(x=0.08, y=0.2)
    for panel in panels[len(shown) :]:
        panel.set_axis_off()
    fig.supxlabel(found.scan or "", fontsize=11)
    panels[0].set_title(f"{len(found.sides)} analyses, errors largely in common")
    if any(side.simulated for side in found.sides):
        style.mark_simulated(panels[1])
    return fig


def _figure(size: tuple[float, float]) -> Any:
    import matplotlib as mpl

    mpl.rcdefaults()
    mpl.rcParams.update(style.RC)
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(figsize=size, layout=ConstrainedLayoutEngine())


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"…{text[-most + 1 :]}"


def _look(index: int) -> dict[str, Any]:
    return {**style.POINT, "fmt": MARKS[index % len(MARKS)], "color": COLORS[index % len(COLORS)], "ms": 5}


def _absent(panel: Any, what: str) -> None:
    panel.text(0.5, 0.5, f"no {what}", transform=panel.transAxes, ha="center", va="center", color=style.OFF)
    panel.set_xticks([])
    panel.set_yticks([])


# --- spectra


def _spectra(sed: Any, ratio: Any, found: Comparison) -> None:
    import numpy as np

    models = [side.model for side in found.sides]
    tables = [side.table("spectrum") for side in found.sides]
    known = [model for model in models if model is not None]
    if not known and all(table is None for table in tables):
        _absent(sed, "spectra")
        _absent(ratio, "spectra")
        return
    reference: Any = models[0] or (known[0] if known else None)
    drawn = [np.array([])]
    for index, (side, model, table) in enumerate(zip(found.sides, models, tables, strict=True)):
        color = COLORS[index % len(COLORS)]
        if model is not None:
            energy = np.geomspace(model.low, model.high, 150)
            best, spread = model.flux(energy), model.relative_error(energy)
            for panel, scale in ((sed, energy**2), (ratio, 1 / reference.flux(energy))):
                panel.fill_between(energy, scale * best * (1 - spread), scale * best * (1 + spread), color=color,
                                   alpha=0.16, lw=0)  # fmt: skip
                panel.plot(energy, scale * best, color=color, lw=1.5)
            drawn.append(energy**2 * best)
        shift = 1 + 0.035 * (index - (len(found.sides) - 1) / 2)
        drawn.append(_points(sed, ratio, table, reference, index, side.label, shift))
    values = np.concatenate(drawn)
    values = values[np.isfinite(values) & (values > 0)]
    if len(values):
        sed.set_ylim(max(values.min(), 1e-3 * values.max()) / 4, 3 * values.max())
    sed.set_yscale("log")
    sed.set_ylabel(r"$E^2\,\mathrm{d}N/\mathrm{d}E$  [TeV cm$^{-2}$ s$^{-1}$]")
    sed.tick_params(labelbottom=False)
    sed.legend(loc="lower left")
    ratio.axhline(1, color=style.INK, lw=0.7)
    ratio.set_ylim(0, 2.2)
    ratio.set_ylabel(f"ratio to {_short(found.labels[0], 18)}")
    if known:
        style.energy_axis(ratio, min(m.low for m in known) / 1.2, max(m.high for m in known) * 1.2)


def _points(sed: Any, ratio: Any, table: Any, reference: Any, index: int, label: str, shift: float) -> Any:
    """Draw the flux points of an analysis, shifted a little so that they can be told apart; return where they are."""
    import numpy as np

    look = _look(index)
    if table is None:
        sed.errorbar([], [], [], label=f"{label} (no flux points)", **look)
        return np.array([])
    energy, flux, low, high, limit = (
        table[name].quantity.to_value(unit)
        for name, unit in (("e_ref", "TeV"), *((n, "TeV-1 cm-2 s-1") for n in
                           ("dnde", "dnde_errn", "dnde_errp", "dnde_ul")))
    )  # fmt: skip
    upper = np.asarray(table["is_ul"], dtype=bool) | ~(flux > low)
    good = ~upper & np.isfinite(flux) & (flux > 0)
    scale = energy**2
    low = np.minimum(low, 0.95 * np.abs(flux))
    x = energy * shift
    sed.errorbar(x[good], (scale * flux)[good], [(scale * low)[good], (scale * high)[good]], label=label, **look)
    bad = upper & np.isfinite(limit) & (limit > 0)
    sed.errorbar(x[bad], (scale * limit)[bad], [0.4 * (scale * limit)[bad], 0 * x[bad]], fmt="_", ms=7, mew=1.3,
                 color=look["color"], elinewidth=1.1)  # fmt: skip
    sed.plot(x[bad], 0.6 * (scale * limit)[bad], "v", color=look["color"], ms=3.5)
    if reference is not None:
        expected = reference.flux(energy)
        ratio.errorbar(x[good], (flux / expected)[good], [(low / expected)[good], (high / expected)[good]], **look)
    return (scale * flux)[good]


# --- θ²


def _theta2(panel: Any, found: Comparison) -> None:
    import numpy as np

    tables = [side.table("theta2") for side in found.sides]
    widths = {round(float(t["theta2_max"][0] - t["theta2_min"][0]), 9) for t in tables if t is not None}
    per = 1.0 if len(widths) > 1 else next(iter(widths), 1.0)
    top, cuts = 0.0, set()
    for index, (side, table) in enumerate(zip(found.sides, tables, strict=True)):
        if table is None:
            continue
        edges = np.append(table["theta2_min"], table["theta2_max"][-1])
        width = float(edges[1] - edges[0])
        share = per / width
        on, off = (np.asarray(table[key], dtype=float) for key in ("counts", "counts_off"))
        off = off * np.asarray(table["alpha"], dtype=float)
        color = COLORS[index % len(COLORS)]
        panel.stairs(off * share, edges, color=color, ls=(0, (3, 2)), lw=1.2)
        centre = (edges[1:] + edges[:-1]) / 2 + width * 0.14 * (index - (len(found.sides) - 1) / 2)
        panel.errorbar(centre, on * share, np.sqrt(on) * share, label=_detection(side), **_look(index))
        top = max(top, float((on + np.sqrt(on)).max() * share))
        cuts.add(table.meta.get("CUT_DEG2"))
        panel.set_xlim(0, edges[-1])
    if not cuts:
        _absent(panel, "θ²")
        return
    for cut in cuts - {None}:
        panel.axvline(cut, color=style.INK, ls=(0, (4, 3)), lw=0.9)
    panel.set_ylim(0, 1.1 * top)
    panel.set_xlabel(r"$\theta^2$  [deg$^2$]")
    unit = "deg$^2$" if per == 1.0 else f"{per:g} deg$^2$"
    panel.set_ylabel(f"Events per {unit}  (dashed: background)")
    panel.legend(loc="upper right")


def _detection(side: Side) -> str:
    excess, sigma = side.results.get("theta2.excess"), side.results.get("theta2.significance")
    if excess is None or excess.value is None or sigma is None or sigma.value is None:
        return side.label
    return f"{side.label}: {excess.value:.0f} excess, {sigma.value:.1f} σ"


# --- light curves


def _curves(panel: Any, found: Comparison) -> None:
    """Draw the flux of each run, or of each night where there are many runs."""
    import numpy as np

    tables = [side.table("lightcurve-run") for side in found.sides]
    kind = "run"
    if max((len(table) for table in tables if table is not None), default=0) > FEW_RUNS:
        tables, kind = [side.table("lightcurve-night") for side in found.sides], "night"
    there = [table for table in tables if table is not None and len(table)]
    if not there:
        _absent(panel, "light curves")
        return
    begin = int(min(float(np.min(table["time_min"])) for table in there))
    span = max(float(np.max(table["time_max"])) for table in there) - min(
        float(np.min(table["time_min"])) for table in there
    )
    bounds = set()
    for index, table in enumerate(tables):
        if table is None or not len(table):
            continue
        time = (np.asarray(table["time_min"]) + np.asarray(table["time_max"])) / 2 - begin
        flux, error = (
            np.asarray(table[key].quantity.to_value("cm-2 s-1"), dtype=float).reshape(len(table), -1)[:, 0]
            for key in ("flux", "flux_err")
        )
        shift = 0.012 * span * (index - (len(tables) - 1) / 2)
        panel.errorbar(time + shift, 1e11 * flux, 1e11 * error, **_look(index))
        bounds.add(round(float(np.asarray(table["e_min"]).reshape(-1)[0]), 4))
    panel.set_ylim(bottom=min(0.0, panel.get_ylim()[0]))
    panel.margins(x=0.06)
    panel.set_xlabel(f"MJD − {begin} ({_scale(there[0])}), {kind} by {kind}")
    energy = f"{1000 * bounds.pop():.0f} GeV" if len(bounds) == 1 else "E_{min}"
    panel.set_ylabel(
        rf"$F(>\mathrm{{{energy.replace(' ', '~')}}})$  [$10^{{-11}}$ cm$^{{-2}}$ s$^{{-1}}$]", fontsize=10
    )


def _scale(table: Any) -> str:
    return str(table.meta.get("TIMESYS", "")).upper() or "days"
