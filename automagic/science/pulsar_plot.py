"""The plot of a pulsar's spectra in ranges of phase."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from automagic.science import style

COLORS = (style.SIGNAL, style.MODEL, "#4d7a3a", "#8a5a9e", "#b5832b")
UNIT = "TeV cm-2 s-1"


def draw(fitted: dict[str, tuple[Any, Any, Any]], source: str, path: Path, *, simulated: bool) -> None:
    """Draw E² dN/dE of each range: points, and the fit with its error band.

    Parameters
    ----------
    fitted
        Dataset, model and flux points by name of the range.
    source
        Its name.
    """
    fig, (panel,) = style.figure(6.6, (4.4,))
    edges = next(iter(fitted.values()))[0].counts.geom.axes["energy"].edges.to_value("TeV")
    low, high = edges[0], edges[-1]
    values: list[float] = []
    for number, (name, (_, model, points)) in enumerate(fitted.items()):
        values += _one(panel, name, model.spectral_model, points, COLORS[number % len(COLORS)])
    style.energy_axis(panel, low * 0.9, high * 1.1)
    panel.set_yscale("log")
    panel.set_ylim(min(values) / 4, max(values) * 4)
    panel.set_ylabel(r"$E^2\,\mathrm{d}N/\mathrm{d}E$, average over a turn  [TeV cm$^{-2}$ s$^{-1}$]")
    panel.set_title(source)
    if simulated:
        style.mark_simulated(panel)
    panel.legend(loc="upper right")
    style.save(fig, path)


def _one(panel: Any, name: str, line: Any, points: Any, color: str) -> list[float]:
    import numpy as np

    table = points.to_table(sed_type="e2dnde")
    energy, e_min, e_max = (table[key].quantity.to_value("TeV") for key in ("e_ref", "e_min", "e_max"))
    flux, error, limit = (table[key].quantity.to_value(UNIT) for key in ("e2dnde", "e2dnde_err", "e2dnde_ul"))
    faint = np.asarray(table["is_ul"], bool)
    seen = ~faint & np.isfinite(flux)
    panel.errorbar(
        energy[seen], flux[seen], error[seen], [(energy - e_min)[seen], (e_max - energy)[seen]],
        **{**style.POINT, "color": color}, zorder=3,
    )  # fmt: skip
    there = faint & np.isfinite(limit)
    style.upper_limits(panel, energy[there], limit[there], e_min[there], e_max[there], color=color)
    from astropy import units as u

    grid = np.geomspace(e_min[0], e_max[-1], 60) * u.TeV
    best = (grid**2 * line(grid)).to_value(UNIT)
    below, above = (each.to_value(UNIT) for each in (grid**2 * line.evaluate_error(grid)[k] for k in (1, 2)))
    text = rf"{name}: $\Gamma$ = {line.index.value:.2f} ± {line.index.error:.2f}"
    panel.plot(grid.value, best, color=color, lw=1.4, label=text)
    panel.fill_between(grid.value, np.clip(best - below, 1e-20, None), best + above, color=color, alpha=0.15, lw=0)
    return [*flux[seen], *limit[there], best[0]]
