"""The spectrum: a model fitted by forward folding, and flux points around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from automagic.errors import UserError
from automagic.science import dl3, models, numbers, reduce, spectrum_plot
from automagic.science.settings import Settings


def run(settings: Settings, ind: Path, out: Path) -> Iterator[str]:
    """Write ``model.yaml``, ``spectrum.ecsv``, ``spectrum.json`` and ``spectrum.png``."""
    threshold = settings.number("FluxPoints.MinSignificance", minimum=0, maximum=10)
    group = group_of(settings)
    model = models.sky_model(settings)
    files = dl3.find(ind)
    runs = reduce.datasets(settings, files)
    stacked = reduce.stack(runs)
    parts = list(reduce.by_level(runs, files).values())
    result = reduce.fit(parts, model)
    points = flux_points(parts, model, group)
    stacked.models = [model]
    points.sqrt_ts_threshold_ul = threshold

    write_models(out / "model.yaml", [model])
    points.write(out / "spectrum.ecsv", sed_type="dnde", overwrite=True)
    results = _results(settings, stacked, parts, model, result)
    parameters = model.spectral_model.parameters
    free = [each.name for each in parameters.free_parameters]
    covariance = model.spectral_model.covariance.get_subcovariance(parameters.free_parameters)
    numbers.write(
        out / "spectrum.json",
        results,
        source=model.name,
        simulated=files[0].simulated,
        model=settings.text("Spectrum.Model"),
        ebl=settings.text("Spectrum.EBL"),
        redshift=settings.number("Source.Redshift"),
        convention="beta: natural logarithm (Gammapy); beta_log10 = beta ln 10: decimal logarithm (MAGIC)",
        covariance={"parameters": free, "matrix": covariance.data.tolist()},
        runs=[int(name) for name in runs.names],
    )
    found = {each["key"]: each for each in results}
    spectrum_plot.draw(stacked, model, points, found, out / "spectrum.png", simulated=files[0].simulated)
    yield ", ".join(_sentence(each) for each in parameters.free_parameters)


def write_models(path: Path, made: list[Any]) -> None:
    """Write models as Gammapy's `Models.read` takes them, without the date that Gammapy would write."""
    import yaml  # type: ignore[import-untyped]
    from gammapy.modeling.models import Models

    text = yaml.safe_dump(Models(made).to_dict(), sort_keys=False, indent=4, default_flow_style=None, width=110)
    path.write_text(text, encoding="utf-8")


def _sentence(parameter: Any) -> str:
    unit = f" {parameter.unit}" if str(parameter.unit) else ""
    return f"{parameter.name} {parameter.value:.4g} ± {parameter.error:.2g}{unit}"


def group_of(settings: Settings) -> int:
    """Return how many bins of estimated energy make one flux point."""
    bins = settings.integer("Spectrum.BinsPerDecade", minimum=2, maximum=50)
    points = settings.integer("FluxPoints.PerDecade", minimum=1, maximum=bins)
    if bins % points:
        raise UserError(
            f"Spectrum.BinsPerDecade, {bins}, is not a multiple of FluxPoints.PerDecade, {points}",
            hint="Change one of them.",
        )
    return bins // points


def flux_points(datasets: list[Any], model: Any, group: int) -> Any:
    """Estimate the flux in groups of bins of estimated energy.

    In each group only the model's norm is fitted; its shape stays.

    Parameters
    ----------
    datasets
        Each a `gammapy.datasets.SpectrumDatasetOnOff`, with the same bins; `model` was fitted to all of them.
    model
        The fitted `gammapy.modeling.models.SkyModel`.
    group
        Bins in a group, from the lowest on; the last group may have fewer.

    Returns
    -------
    gammapy.estimators.FluxPoints
        With 1-sigma asymmetric errors and 2-sigma (95 %) upper limits.
    """
    import numpy as np
    from gammapy.estimators import FluxPointsEstimator

    edges = datasets[0].counts.geom.axes["energy"].edges
    safe = np.any([each.mask_safe.data.ravel() for each in datasets], axis=0)
    first = int(np.argmax(safe))  # bins below the safe energy have no flux point
    chosen = [*range(first, len(edges) - 1, group), len(edges) - 1]
    estimator = FluxPointsEstimator(
        energy_edges=edges[chosen],
        source=model.name,
        selection_optional=["errn-errp", "ul"],
    )
    return estimator.run(datasets)


def _results(settings: Settings, dataset: Any, parts: list[Any], model: Any, fit: Any) -> list[dict[str, Any]]:
    """Return the numbers: parameters, integral flux, quality of the fit of the `parts`, counts of all together."""
    from scipy.stats import chi2

    spectral = model.spectral_model
    results = []
    for each in spectral.parameters:
        if each.name in ("redshift", "alpha_norm"):
            continue
        error = None if each.frozen else each.error
        results.append(numbers.result(f"spectrum.{each.name}", each.value, error, each.unit.to_string()))
        if each.name == "beta":
            log10 = each.value * models.LN10, each.error * models.LN10
            results.append(numbers.result("spectrum.beta_log10", *log10))
    info = dataset.info_dict()
    used = dataset.mask.data
    free = len(model.parameters.free_parameters)
    freedom = sum(int(each.mask.data.sum()) for each in parts) - free
    stat = float(fit.total_stat)
    energies = dataset.counts.geom.axes["energy"].edges[[*used_bins(used)]].to("TeV")
    results += [
        *_fluxes(spectral, energies[1]),
        numbers.result("spectrum.wstat", stat),
        numbers.result("spectrum.degrees_of_freedom", freedom),
        # W-stat is twice the log of the likelihood ratio to a model that fits each bin: about chi-squared
        numbers.result("spectrum.p_value", float(chi2.sf(stat, freedom)) if freedom > 0 else None),
        numbers.result("spectrum.energy_min", energies[0].value, unit="TeV"),
        numbers.result("spectrum.energy_max", energies[1].value, unit="TeV"),
        numbers.result("spectrum.n_on", int(dataset.counts.data[used].sum())),
        numbers.result("spectrum.n_off", int(dataset.counts_off.data[used].sum())),
        numbers.result("spectrum.background", float(dataset.background.data[used].sum())),
        numbers.result("spectrum.excess", float(dataset.excess.data[used].sum())),
        numbers.result("spectrum.effective_time", info["livetime"].to_value("h"), unit="h"),
    ]
    if settings.text("Spectrum.Model") == "log-parabola":
        results.append(numbers.result("spectrum.curvature", _curvature(settings, parts, model, stat), unit="sigma"))
    return results


def used_bins(used: Any) -> tuple[int, int]:
    """Return the first of the bins that count, and the one after the last."""
    import numpy as np

    bins = np.flatnonzero(used.ravel())
    return int(bins[0]), int(bins[-1]) + 1


def _fluxes(spectral: Any, high: Any) -> list[dict[str, Any]]:
    """Return the integral flux above 300 GeV, in itself and in that of the Crab Nebula, and the pivot energy."""
    from astropy import units as u

    low = 0.3 * u.TeV
    if low >= high:
        return []
    flux = spectral.integral(low, high).to_value("cm-2 s-1")
    _, errn, errp = spectral.integral_error(low, high)
    error = float(((errn + errp) / 2).to_value("cm-2 s-1"))
    crab = models.crab().integral(low, high).to_value("cm-2 s-1")
    return [
        numbers.result("spectrum.flux_above_300GeV", flux, error, "1 / (cm2 s)"),
        numbers.result("spectrum.flux_above_300GeV_crab", flux / crab, error / crab, "Crab"),
    ]


def _curvature(settings: Settings, parts: list[Any], model: Any, stat: float) -> float:
    """Return by how many sigma the log-parabola beats a power law: the root of the gain in W-stat."""
    from gammapy.datasets import Datasets
    from gammapy.modeling import Fit
    from gammapy.modeling.models import SkyModel

    reference = settings.number("Spectrum.Reference", above=0)
    line = models.intrinsic("power-law", reference)
    absorption = getattr(model.spectral_model, "model2", None)
    other = SkyModel(spectral_model=line if absorption is None else line * absorption.copy(), name="power-law")
    others = Datasets([each.copy(name=f"power-law {number}") for number, each in enumerate(parts)])
    others.models = [other]
    gain = float(Fit().optimize(others).total_stat) - stat
    return max(gain, 0.0) ** 0.5
