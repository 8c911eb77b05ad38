"""Each level of moonlight by itself: hours, counts, flux and flux points, beside the fit of all together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from automagic.science import dl3, models, numbers, reduce, style
from automagic.science.errors import DataError
from automagic.science.settings import Settings
from automagic.science.spectrum import flux_points, group_of

UNIT, SED = "cm-2 s-1", "TeV cm-2 s-1"
COLOURS = ("#1f3b5c", "#2f7fb5", "#59a14f", "#e0a030", "#d1603d", "#8e3b64", "#5b5b5b", "#a0765b")


def run(settings: Settings, ind: Path, out: Path) -> Iterator[str]:
    """Write ``levels.ecsv`` (a row a level), ``levels-points.ecsv``, ``levels.json`` and ``levels.png``."""
    threshold = settings.number("FluxPoints.MinSignificance", minimum=0, maximum=10)
    low = settings.number("Levels.EnergyMin", above=0)
    group = group_of(settings)
    model = models.sky_model(settings)
    files = dl3.find(ind)
    runs = reduce.datasets(settings, files)
    parts = reduce.by_level(runs, files)
    reduce.fit(list(parts.values()), model)
    rows, points = [], {}
    for name, dataset in parts.items():
        mine = [file for file in files if file.level == name]
        row, alone = _row(settings, name or "all", mine, dataset, model, low)
        rows.append(row)
        if alone is not None:
            points[row["level"]] = flux_points([dataset], alone, group)
            points[row["level"]].sqrt_ts_threshold_ul = threshold
    _table(rows, out / "levels.ecsv")
    _point_table(points, out / "levels-points.ecsv")
    numbers.write(
        out / "levels.json",
        _results(rows, model, low),
        source=model.name,
        simulated=files[0].simulated,
        levels=[row["level"] for row in rows],
    )
    _plot(rows, points, model, low, out / "levels.png", simulated=files[0].simulated)
    for row in rows:
        yield f"{row['level']}: {row['hours']:.2f} h, {row['excess']:.0f} excess events, flux {row['flux']:.3g} {UNIT}"


def _row(
    settings: Settings, name: str, files: list[dl3.File], dataset: Any, model: Any, low: float
) -> tuple[dict[str, Any], Any]:
    """Return the numbers of a level, and the joint model with the amplitude that fits it; `None` without a signal."""
    from astropy import units as u

    used = dataset.mask.data
    edges = dataset.counts.geom.axes["energy"].edges.to_value("TeV")
    row: dict[str, Any] = {
        "level": name,
        "parts": len(files),
        "hours": dataset.info_dict()["livetime"].to_value("h"),
        "n_on": int(dataset.counts.data[used].sum()),
        "n_off": int(dataset.counts_off.data[used].sum()),
        "background": float(dataset.background.data[used].sum()),
        "excess": float(dataset.excess.data[used].sum()),
        "significance": reduce.signal([dataset]),
        "energy_min": float(edges[:-1][used.ravel()].min()) if used.any() else float("nan"),
    }
    nothing = float("nan")
    alone = model.copy(name=model.name)
    alone.spectral_model = model.spectral_model.copy()
    for parameter in alone.parameters:
        parameter.frozen = parameter.name != "amplitude"
    try:
        reduce.fit([dataset], alone)
    except DataError:
        return {**row, "flux": nothing, "flux_err": nothing, "ratio": nothing, "ratio_err": nothing}, None
    amplitude = alone.spectral_model.parameters["amplitude"]
    flux = float(alone.spectral_model.integral(low * u.TeV, edges[-1] * u.TeV).to_value(UNIT))
    ratio = amplitude.value / model.spectral_model.parameters["amplitude"].value
    relative = amplitude.error / amplitude.value
    return {**row, "flux": flux, "flux_err": flux * relative, "ratio": ratio, "ratio_err": ratio * relative}, alone


def _table(rows: list[dict[str, Any]], path: Path) -> None:
    from astropy.table import QTable

    units = {"hours": "h", "flux": UNIT, "flux_err": UNIT, "energy_min": "TeV"}
    table = QTable({key: [row[key] for row in rows] for key in rows[0]})
    for key, unit in units.items():
        table[key].unit = unit
    table.meta = {"ratio": "of the flux to that of the joint fit, whose shape was kept"}
    table.write(path, format="ascii.ecsv", overwrite=True)


def _point_table(points: dict[str, Any], path: Path) -> None:
    from astropy.table import QTable, vstack

    tables = []
    for name, each in points.items():
        found = each.to_table(sed_type="dnde")
        kept = ("e_ref", "e_min", "e_max", "dnde", "dnde_errn", "dnde_errp", "dnde_ul", "sqrt_ts", "is_ul")
        table = QTable(found[[key for key in kept if key in found.colnames]])
        table.add_column([name] * len(table), name="level", index=0)
        table.meta = {}
        tables.append(table)
    (vstack(tables) if tables else QTable(names=["level"], dtype=[str])).write(
        path, format="ascii.ecsv", overwrite=True
    )


def _results(rows: list[dict[str, Any]], model: Any, low: float) -> list[dict[str, Any]]:
    results = [numbers.result("levels.flux_above", low, unit="TeV")]
    for row in rows:
        key = f"levels.{row['level']}"
        results += [
            numbers.result(f"{key}.effective_time", row["hours"], unit="h"),
            numbers.result(f"{key}.n_on", row["n_on"]),
            numbers.result(f"{key}.excess", row["excess"]),
            numbers.result(f"{key}.significance", row["significance"], unit="sigma"),
            numbers.result(f"{key}.energy_min", row["energy_min"], unit="TeV"),
            numbers.result(f"{key}.flux", row["flux"], row["flux_err"], "1 / (cm2 s)"),
            numbers.result(f"{key}.ratio_to_joint_fit", row["ratio"], row["ratio_err"]),
        ]
    return results


def _plot(
    rows: list[dict[str, Any]], points: dict[str, Any], model: Any, low: float, path: Path, *, simulated: bool
) -> None:
    """Draw the flux points of each level with the joint model, and their ratio to it."""
    import numpy as np
    from astropy import units as u

    fig, (sed, ratio) = style.figure(6.8, (3.9, 1.9))
    drawn = _drawn(points)
    every = np.concatenate([each["edges"] for each in drawn.values()]) if drawn else np.array([0.1, 10.0])
    first, last = every.min(), every.max()
    energy = np.geomspace(first, last, 120) * u.TeV
    best = (energy**2 * model.spectral_model(energy)).to_value(SED)
    _, errn, errp = ((energy**2 * each).to_value(SED) for each in model.spectral_model.evaluate_error(energy))
    sed.fill_between(energy.value, best - errn, best + errp, color=style.BAND, alpha=0.55, lw=0, label="joint fit")
    sed.plot(energy.value, best, color=style.MODEL)
    ratio.fill_between(energy.value, 1 - errn / best, 1 + errp / best, color=style.BAND, alpha=0.55, lw=0)
    ratio.axhline(1, color=style.MODEL, lw=1)
    for i, row in enumerate(rows):
        found = drawn.get(row["level"])
        if found is None:
            continue
        label = f"{row['level'].replace('_', ' ')}: {_length(row['hours'])}, {row['significance']:.0f} σ"
        look = {**style.POINT, "color": COLOURS[i % len(COLOURS)], "ms": 5}
        # levels have the same bins: beside each other, so that all are seen
        x = found["x"] * 10 ** (0.022 * (i - (len(rows) - 1) / 2))
        centre = found["x"] * u.TeV
        at = (centre**2 * model.spectral_model(centre)).to_value(SED)
        errors = np.array([np.minimum(found["errn"], 0.95 * found["y"]), found["errp"]])
        sed.errorbar(x, found["y"], yerr=errors, **look, label=label)
        ratio.errorbar(x, found["y"] / at, yerr=errors / at, **look)
    sed.set_yscale("log")
    sed.tick_params(labelbottom=False)
    sed.set_ylabel(r"$E^2\,\mathrm{d}N/\mathrm{d}E$  [TeV cm$^{-2}$ s$^{-1}$]")
    sed.legend(loc="lower left")
    sed.set_title(f"{model.name} by level of night-sky background")
    ratio.set_ylim(0, 2)
    ratio.set_ylabel("Ratio to the\njoint fit")
    style.energy_axis(ratio, first / 1.25, last * 1.25)
    if simulated:
        style.mark_simulated(sed)
    fig.align_ylabels([sed, ratio])
    style.save(fig, path)


def _length(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.0f} min"


def _drawn(points: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the flux points that are drawn: those that are no upper limits."""
    import numpy as np

    found = {}
    for name, each in points.items():
        table = each.to_table(sed_type="e2dnde")
        y, errn, errp = (table[key].quantity.to_value(SED) for key in ("e2dnde", "e2dnde_errn", "e2dnde_errp"))
        good = ~np.asarray(table["is_ul"], dtype=bool) & np.isfinite(y) & (y > 0)
        if not good.any():
            continue
        x = table["e_ref"].quantity.to_value("TeV")[good]
        edges = [table["e_min"].quantity.to_value("TeV")[good][0], table["e_max"].quantity.to_value("TeV")[good][-1]]
        found[name] = {"x": x, "y": y[good], "errn": errn[good], "errp": errp[good], "edges": edges}
    return found
