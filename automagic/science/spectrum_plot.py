"""The plot of a spectrum: the fluxes, the counts that they come from, and how well the model fits them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from automagic.science import models, style


def draw(dataset: Any, model: Any, points: Any, results: dict[str, Any], path: Path, *, simulated: bool) -> None:
    """Draw the spectral energy distribution with model and Crab Nebula, excess counts, residuals.

    Parameters
    ----------
    dataset
        The `gammapy.datasets.SpectrumDatasetOnOff` of all runs.
    model
        The fitted `gammapy.modeling.models.SkyModel`.
    points
        `gammapy.estimators.FluxPoints`.
    results
        The numbers of the step by key.
    path
        Of the PNG.
    simulated
        Whether to say so in the plot.
    """
    fig, (sed, counts, residuals) = style.figure(6.6, (4.0, 1.55, 1.0))
    low, high = results["spectrum.energy_min"]["value"], results["spectrum.energy_max"]["value"]
    _sed(sed, model, points, low, high)
    _legend(sed, model, results)
    _counts(counts, dataset)
    _residuals(residuals, dataset)
    style.energy_axis(residuals, low / 1.35, high * 1.35)
    for panel in (sed, counts):
        panel.tick_params(labelbottom=False)
    hours = results["spectrum.effective_time"]["value"]
    sed.set_title(f"{model.name}, {hours:.1f} h" if hours >= 1 else f"{model.name}, {60 * hours:.0f} min")
    if simulated:
        style.mark_simulated(sed)
    fig.align_ylabels([sed, counts, residuals])
    style.save(fig, path)


def _sed(panel: Any, model: Any, points: Any, low: float, high: float) -> None:
    import numpy as np
    from astropy import units as u

    unit = "TeV cm-2 s-1"
    energy = np.geomspace(low, high, 120) * u.TeV
    best = (energy**2 * model.spectral_model(energy)).to_value(unit)
    _, errn, errp = (energy**2 * each for each in model.spectral_model.evaluate_error(energy))
    panel.fill_between(
        energy.value, best - errn.to_value(unit), best + errp.to_value(unit), color=style.BAND, alpha=0.55, lw=0
    )
    panel.plot(energy.value, best, color=style.MODEL, zorder=2)
    shown = [best]
    source = models.unabsorbed(model.spectral_model)
    if source is not model.spectral_model:
        intrinsic = (energy**2 * source(energy)).to_value(unit)
        panel.plot(energy.value, intrinsic, color=style.MODEL, ls=(0, (1, 1.2)), label="before absorption by the EBL")
        shown.append(intrinsic)
    wide = np.geomspace(low / 1.35, high * 1.35, 120) * u.TeV
    crab = (wide**2 * models.crab()(wide)).to_value(unit)
    panel.plot(
        wide.value, crab, color=style.REFERENCE, ls=(0, (5, 3)), lw=1.2, label="Crab Nebula, MAGIC 2015", zorder=1
    )
    drawn = _points(panel, points, unit)
    panel.set_yscale("log")
    if crab.max() < 30 * best.max():  # a faint source shall not be pressed down by the Crab's line
        shown.append(crab)
    values = np.concatenate([*shown, drawn])
    floor = max(values.min(), 1e-3 * values.max())  # nor the points by a model that falls off
    panel.set_ylim(floor / 6, values.max() * 4)
    panel.set_ylabel(r"$E^2\,\mathrm{d}N/\mathrm{d}E$  [TeV cm$^{-2}$ s$^{-1}$]")


def _points(panel: Any, points: Any, unit: str) -> Any:
    """Draw flux points and upper limits; return where they are, for the range of the axis."""
    import numpy as np

    table = points.to_table(sed_type="e2dnde")
    energy = table["e_ref"].quantity.to_value("TeV")
    low, high = (table[key].quantity.to_value("TeV") for key in ("e_min", "e_max"))
    flux, errn, errp, limit = (
        table[key].quantity.to_value(unit) for key in ("e2dnde", "e2dnde_errn", "e2dnde_errp", "e2dnde_ul")
    )
    is_limit = np.asarray(table["is_ul"], dtype=bool) & np.isfinite(limit)
    good = ~is_limit & np.isfinite(flux) & (flux > 0)
    panel.errorbar(
        energy[good],
        flux[good],
        yerr=[np.minimum(errn[good], 0.95 * flux[good]), errp[good]],
        xerr=[(energy - low)[good], (high - energy)[good]],
        **style.POINT,
        zorder=3,
    )
    style.upper_limits(panel, energy[is_limit], limit[is_limit], low[is_limit], high[is_limit])
    return np.concatenate([flux[good], 0.5 * limit[is_limit]])


def _legend(panel: Any, model: Any, results: dict[str, Any]) -> None:
    """Write the fitted parameters beside the lines."""
    lines = []
    for key, symbol in (("amplitude", r"\phi"), ("index", r"\Gamma"), ("alpha", r"\alpha"), ("beta", r"\beta")):
        found = results.get(f"spectrum.{key}")
        if found is None:
            continue
        if key == "amplitude":
            reference = results["spectrum.reference"]["value"]
            power = int(f"{found['value']:e}".split("e")[1])
            value, error = found["value"] / 10.0**power, found["error"] / 10.0**power
            lines.append(
                rf"$\phi({reference:g}\,\mathrm{{TeV}}) = ({value:.2f} \pm {error:.2f})\times 10^{{{power}}}$"
                r" TeV$^{-1}$ cm$^{-2}$ s$^{-1}$"
            )
        else:
            lines.append(rf"${symbol} = {found['value']:.2f} \pm {found['error']:.2f}$")
    if "spectrum.beta" in results:
        found = results["spectrum.beta_log10"]
        lines[-1] += rf"  ($\beta_{{\log_{{10}}}} = {found['value']:.2f} \pm {found['error']:.2f}$)"
    if models.unabsorbed(model.spectral_model) is not model.spectral_model:
        lines.append("of the source, before absorption")
    stat, freedom = results["spectrum.wstat"]["value"], results["spectrum.degrees_of_freedom"]["value"]
    p = results["spectrum.p_value"]["value"]
    lines.append(f"W-stat / dof = {stat:.1f} / {freedom}" + (f",  $p$ = {p:.2g}" if p is not None else ""))
    panel.text(0.03, 0.04, "\n".join(lines), transform=panel.transAxes, va="bottom", fontsize=9.5, linespacing=1.5)
    panel.legend(loc="upper right")


def _counts(panel: Any, dataset: Any) -> None:
    """Draw the excess in each bin, and what the model, folded with the responses, predicts."""
    import numpy as np

    edges = dataset.counts.geom.axes["energy"].edges.to_value("TeV")
    used = dataset.mask.data.ravel()
    excess, predicted = dataset.excess.data.ravel(), dataset.npred_signal().data.ravel()
    ratio = dataset.alpha.data.ravel()
    error = np.sqrt(dataset.counts.data.ravel() + ratio**2 * dataset.counts_off.data.ravel())
    centre = np.sqrt(edges[1:] * edges[:-1])
    panel.stairs(
        np.where(used, predicted, np.nan), edges, baseline=None, color=style.MODEL, lw=1.4, label="model, folded"
    )
    panel.errorbar(centre[used], excess[used], error[used], **style.POINT, label="measured")
    panel.axhline(0, color=style.INK, lw=0.6)
    panel.set_yscale("symlog", linthresh=10, linscale=0.6)
    top = max(predicted[used].max(), (excess + error)[used].max())
    panel.set_ylim(min(-2.0, 1.3 * (excess - error)[used].min()), 2.5 * max(top, 10))
    panel.yaxis.set_minor_locator(_nothing())
    panel.set_ylabel("Excess")
    panel.legend(loc="upper right", ncols=2)


def _nothing() -> Any:
    from matplotlib.ticker import NullLocator

    return NullLocator()


def _every(step: float) -> Any:
    from matplotlib.ticker import MultipleLocator

    return MultipleLocator(step)


def _residuals(panel: Any, dataset: Any) -> None:
    """Draw the signed root of each bin's W-stat, which is like sigma."""
    import numpy as np

    edges = dataset.counts.geom.axes["energy"].edges.to_value("TeV")
    used = dataset.mask.data.ravel()
    sign = np.sign(dataset.excess.data - dataset.npred_signal().data).ravel()
    pull = sign * np.sqrt(np.maximum(dataset.stat_array().ravel(), 0))
    panel.axhspan(-1, 1, color=style.BAND, alpha=0.35, lw=0)
    panel.axhline(0, color=style.MODEL, lw=1)
    panel.errorbar(np.sqrt(edges[1:] * edges[:-1])[used], pull[used], np.ones(used.sum()), **style.POINT)
    panel.set_ylim(*(np.array([-1, 1]) * max(3.4, 1.2 + np.abs(pull[used]).max())))
    panel.yaxis.set_major_locator(_every(2))
    panel.yaxis.set_minor_locator(_every(1))
    panel.set_ylabel(r"Residual  [$\sigma$]")
