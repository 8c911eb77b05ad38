"""The flux against time, by run, by night, and where asked for by period, with the shape of the spectrum of all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automagic.science import dl3, models, numbers, periods, reduce, style
from automagic.science.settings import Settings

UNIT = "cm-2 s-1"


@dataclass(frozen=True)
class Curve:
    """A light curve as plain numbers.

    Attributes
    ----------
    mjd, half_width
        Middle and half length of each interval in days, UTC.
    flux, error, limit
        Integral flux, its standard deviation and its 95 % upper limit in cm-2 s-1.
    significance
        Of each point in sigma.
    """

    mjd: Any
    half_width: Any
    flux: Any
    error: Any
    limit: Any
    significance: Any


@dataclass(frozen=True)
class Constancy:
    """How well a constant flux describes a light curve: its mean weighted by 1/error², and chi-squared to it."""

    mean: float
    error: float
    chi2: float
    freedom: int

    @property
    def p_value(self) -> float | None:
        """Chance of a chi-squared as large as this from a constant source."""
        from scipy.stats import chi2

        return float(chi2.sf(self.chi2, self.freedom)) if self.freedom > 0 else None


def constancy(flux: Any, error: Any) -> Constancy:
    """Fit a constant to fluxes.

    Parameters
    ----------
    flux, error
        Equal units; points without a finite, positive error are left out.

    Examples
    --------
    >>> import numpy as np
    >>> fit = constancy(np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    >>> fit.mean, fit.chi2, fit.freedom
    (2.0, 2.0, 1)
    """
    import numpy as np

    good = np.isfinite(flux) & np.isfinite(error) & (error > 0)
    flux, error = flux[good], error[good]
    if len(flux) == 0:
        return Constancy(float("nan"), float("nan"), float("nan"), 0)
    weight = 1 / error**2
    mean = float(np.sum(weight * flux) / weight.sum())
    chi2 = float(np.sum(weight * (flux - mean) ** 2))
    return Constancy(mean, float(weight.sum() ** -0.5), chi2, len(flux) - 1)


def run(settings: Settings, ind: Path, out: Path) -> Iterator[str]:
    """Write the two light curves, ``lightcurve.json`` and ``lightcurve.png``."""
    threshold = settings.number("LightCurve.MinSignificance", minimum=0, maximum=10)
    model = models.sky_model(settings)
    axis, _ = reduce.axes(settings)
    energies = reduce.integrated(settings, axis, "LightCurve")
    files = dl3.find(ind)
    runs = reduce.datasets(settings, files)
    reduce.fit(list(reduce.by_level(runs, files).values()), model)  # only its shape counts from here on
    runs.models = [model]
    curves = {}
    for name, intervals in (("run", _runs(runs)), ("night", _nights(runs))):
        points = _estimate(runs, model, intervals, energies, threshold)
        table = points.to_table(format="lightcurve", sed_type="flux")
        table.write(out / f"lightcurve-{name}.ecsv", overwrite=True)
        curves[name] = _curve(points)
    (out / "lightcurve.ecsv").write_bytes((out / "lightcurve-run.ecsv").read_bytes())
    known = periods.intervals(settings)
    by_period = periods.estimate(runs, model, known, energies) if known else None
    if by_period is not None:
        by_period.table.write(out / "lightcurve-period.ecsv", overwrite=True)
        curves["period"] = _of_periods(by_period)
    fits = {name: constancy(curve.flux, curve.error) for name, curve in curves.items()}
    numbers.write(
        out / "lightcurve.json",
        _results(curves, fits, energies),
        source=model.name,
        simulated=files[0].simulated,
        runs=[int(name) for name in runs.names],
    )
    _plot(curves, fits, energies, threshold, model.name, files[0].simulated, out / "lightcurve.png")
    if by_period is not None:
        crab = models.crab().integral(*energies).to_value(UNIT)
        title = f"{model.name} by period"
        path = out / "lightcurve-period.png"
        periods.draw(by_period, curves["run"], fits["period"], crab, energies, title, files[0].simulated, path)
        if by_period.without:
            yield f"{by_period.without} runs are in no known period, and so not in the curve by period"
    for name, fit in fits.items():
        chance = "" if fit.p_value is None else f", chance of a constant flux {fit.p_value:.2g}"
        yield f"{len(curves[name].flux)} {name}s: mean {fit.mean:.3g} ± {fit.error:.2g} {UNIT}{chance}"


def _interval(datasets: list[Any]) -> Any:
    """Return start and stop of datasets as one `astropy.time.Time` of two."""
    from astropy.time import Time

    starts = [each.gti.time_start.min() for each in datasets]
    stops = [each.gti.time_stop.max() for each in datasets]
    return Time([min(starts), max(stops)])


def _runs(datasets: Any) -> list[Any]:
    """Return start and stop of each run; the parts of one (`automagic.science.mark`) are one point."""
    runs: dict[int, list[Any]] = {}
    for each in datasets:
        runs.setdefault(int(each.name) % 10**8, []).append(each)
    return [_interval(each) for each in runs.values()]


def _nights(datasets: Any) -> list[Any]:
    """Return start and stop of each night: from noon to noon UTC, an hour off from La Palma's."""
    nights: dict[int, list[Any]] = {}
    for each in datasets:
        nights.setdefault(int(each.gti.time_start[0].utc.mjd + 0.5), []).append(each)
    return [_interval(each) for _, each in sorted(nights.items())]


def _estimate(datasets: Any, model: Any, intervals: list[Any], energies: Any, threshold: float) -> Any:
    """Fit the norm of the model in each interval of time."""
    from gammapy.estimators import LightCurveEstimator

    points = LightCurveEstimator(
        time_intervals=sorted(intervals, key=lambda each: each[0].mjd),
        energy_edges=energies,
        source=model.name,
        selection_optional=["errn-errp", "ul"],
        atol="1 s",
    ).run(datasets)
    points.sqrt_ts_threshold_ul = threshold
    return points


def _curve(points: Any) -> Curve:
    table = points.to_table(format="lightcurve", sed_type="flux")

    def column(key: str) -> Any:
        return table[key].quantity.to_value(UNIT).ravel()

    time = points.geom.axes["time"]
    return Curve(
        mjd=time.time_mid.utc.mjd,
        half_width=time.time_delta.to_value("d") / 2,
        flux=column("flux"),
        error=column("flux_err"),
        limit=column("flux_ul"),
        significance=table["sqrt_ts"].data.ravel(),
    )


def _of_periods(points: periods.Points) -> Curve:
    first, last = (points.table[key].to_value("d") for key in ("mjd_min", "mjd_max"))
    flux, error, limit = (points.column(key) for key in ("flux", "flux_err", "flux_ul"))
    return Curve((first + last) / 2, (last - first) / 2, flux, error, limit, points.table["sqrt_ts"])


def _results(curves: dict[str, Curve], fits: dict[str, Constancy], energies: Any) -> list[dict[str, Any]]:
    low, high = energies.to_value("TeV")
    crab = models.crab().integral(*energies).to_value(UNIT)
    results = [
        numbers.result("lightcurve.energy_min", low, unit="TeV"),
        numbers.result("lightcurve.energy_max", high, unit="TeV"),
        numbers.result("lightcurve.crab_flux", crab, unit="1 / (cm2 s)"),
    ]
    for name, fit in fits.items():
        results += [
            numbers.result(f"lightcurve.{name}.points", len(curves[name].flux)),
            numbers.result(f"lightcurve.{name}.mean", fit.mean, fit.error, "1 / (cm2 s)"),
            numbers.result(f"lightcurve.{name}.chi2", fit.chi2),
            numbers.result(f"lightcurve.{name}.degrees_of_freedom", fit.freedom),
            numbers.result(f"lightcurve.{name}.p_value", fit.p_value),
        ]
    return results


def _plot(
    curves: dict[str, Curve],
    fits: dict[str, Constancy],
    energies: Any,
    threshold: float,
    name: str,
    simulated: bool,
    path: Path,
) -> None:
    """Draw the fluxes of runs and nights in order of time, one slot a run, so that gaps of days take no space."""
    import numpy as np

    fig, (panel,) = style.figure(7.2, (3.8,))
    runs, nights = curves["run"], curves["night"]
    low, high = energies.to_value("TeV")
    crab = models.crab().integral(*energies).to_value(UNIT)
    power = 10.0 ** np.floor(np.log10(max(fits["run"].mean, 1e-14)))
    slots = np.arange(len(runs.flux), dtype=float)
    first = _night_slots(runs, nights)
    limits = (runs.significance < threshold) & np.isfinite(runs.limit)
    for index, (start, stop) in enumerate(first):
        if index % 2:
            panel.axvspan(start - 0.5, stop + 0.5, color=style.OFF, alpha=0.10, lw=0)
        span = np.array([start - 0.42, stop + 0.42])
        flux, error = nights.flux[index] / power, nights.error[index] / power
        label = "night" if index == 0 else None
        panel.fill_between(span, flux - error, flux + error, color=style.BAND, alpha=0.6, lw=0)
        panel.plot(span, [flux, flux], color=style.MODEL, label=label)
    panel.errorbar(slots[~limits], runs.flux[~limits] / power, runs.error[~limits] / power, **style.POINT, label="run")
    style.upper_limits(panel, slots[limits], runs.limit[limits] / power, slots[limits] - 0.25, slots[limits] + 0.25)
    top = max(np.nanmax((runs.flux + runs.error) / power), np.max(runs.limit[limits] / power, initial=0))
    if crab / power < 3 * top:
        panel.axhline(crab / power, color=style.REFERENCE, ls=(0, (5, 3)), lw=1.2, label="Crab Nebula, MAGIC 2015")
        top = max(top, crab / power)
    panel.axhline(0, color=style.INK, lw=0.6)
    bottom = min(0.0, 1.2 * np.nanmin((runs.flux - runs.error) / power))
    panel.set_ylim(bottom, 1.5 * top)
    panel.set_xlim(-0.5, len(slots) - 0.5)
    panel.set_xticks([(start + stop) / 2 for start, stop in first], _dates(nights))
    panel.tick_params(axis="x", which="both", length=0)
    panel.tick_params(axis="x", rotation=0 if len(first) < 8 else 60)
    panel.set_xlabel("Night  (runs in order of time)")
    panel.set_ylabel(
        rf"$F\,({low:.2g} < E/\mathrm{{TeV}} < {high:.2g})$"
        rf"  [$10^{{{int(np.log10(power))}}}$ cm$^{{-2}}$ s$^{{-1}}$]"
    )
    panel.set_title(name)
    if simulated:
        style.mark_simulated(panel)
    panel.legend(loc="upper left", ncols=3, columnspacing=1.4)
    lines = [_constant(label, fits[label]) for label in ("run", "night") if fits[label].freedom > 0]
    if lines:
        panel.text(
            0.019, 0.865, "constant flux:  " + ";   ".join(lines), transform=panel.transAxes, va="top", fontsize=9.5
        )
    style.save(fig, path)


def _night_slots(runs: Curve, nights: Curve) -> list[tuple[int, int]]:
    """Return the first and last run of each night, as numbers of slots."""
    import numpy as np

    slots = []
    for middle, half in zip(nights.mjd, nights.half_width, strict=True):
        inside = np.flatnonzero(np.abs(runs.mjd - middle) <= half + 1e-6)
        slots.append((int(inside[0]), int(inside[-1])))
    return slots


def _dates(nights: Curve) -> list[str]:
    """Return the date of each night as MAGIC names it: that of its morning."""
    from astropy.time import Time

    return [Time(int(mjd + 0.5), format="mjd", scale="utc").strftime("%Y-%m-%d") for mjd in nights.mjd]


def _constant(name: str, fit: Constancy) -> str:
    return rf"{name}s $\chi^2/\mathrm{{dof}} = {fit.chi2:.1f}/{fit.freedom}$, $p$ = {fit.p_value:.2g}"
