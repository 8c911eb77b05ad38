"""The spectrum of a pulsar in ranges of phase; the background is what the same region has at other phases.

Fluxes are averages over a whole turn, as in MAGIC's papers on the Crab pulsar: the exposure is that of all the time,
and the signal of a range that of its share of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from automagic.science import dl3, models, numbers, pulsar_plot, ranges, reduce, spectrum
from automagic.science.errors import DataError
from automagic.science.settings import Settings

LEAST = 3.0
"""Significance in sigma from which a range is fitted."""


def run(settings: Settings, ind: Path, out: Path) -> Iterator[str]:
    """Write ``pulsar-model.yaml``, ``pulsar-spectrum.ecsv``, ``pulsar-spectrum.json`` and ``pulsar-spectrum.png``."""
    threshold = settings.number("FluxPoints.MinSignificance", minimum=0, maximum=10)
    reference = settings.number("Spectrum.Reference", above=0)
    group = spectrum.group_of(settings)
    source = settings.text("Source.Name")
    on, off = ranges.on(settings), ranges.off(settings)
    files = dl3.find(ind)
    ranges.check_phases(files)

    fitted: dict[str, tuple[Any, Any, Any]] = {}
    results: list[dict[str, Any]] = []
    faint = {}
    for name, parts in on.items():
        data = stacked(settings, files, parts, off)
        seen = reduce.signal([data])
        results.append(numbers.result(f"pulsar_spectrum.{name}.significance", seen, unit="sigma"))
        if seen < LEAST:
            faint[name] = f"{seen:.1f} sigma in these energies, below {LEAST:g}: not fitted"
            yield f"{name}: {faint[name]}"
            continue
        model = power_law(f"{source}-{name}", reference)
        result = reduce.fit([data], model)
        points = spectrum.flux_points([data], model, group)
        points.sqrt_ts_threshold_ul = threshold
        fitted[name] = data, model, points
        results += _results(name, data, model, float(result.total_stat))
        yield f"{name}: " + ", ".join(
            f"{each.name} {each.value:.3g} ± {each.error:.2g}" for each in model.parameters.free_parameters
        )
    if not fitted:
        told = "; ".join(f"{name}: {words}" for name, words in faint.items())
        raise DataError(f"no range of phase has a spectrum: {told}", hint="Look at phaseogram.png; add runs.")
    _write(out, fitted, results, source=source, files=files, on=on, off=off, faint=faint)
    pulsar_plot.draw(fitted, source, out / "pulsar-spectrum.png", simulated=files[0].simulated)


def stacked(settings: Settings, files: list[dl3.File], on: ranges.Parts, off: ranges.Parts) -> Any:
    """Return all runs as one dataset: events of the on phases, with those of the off phases as background."""
    from gammapy.makers import PhaseBackgroundMaker

    return reduce.stack(reduce.datasets(settings, files, PhaseBackgroundMaker(on_phase=[*on], off_phase=[*off])))


def power_law(name: str, reference: float) -> Any:
    """Return a power law as steep as a pulsar's, from where a fit starts; `reference` in TeV."""
    from gammapy.modeling.models import SkyModel

    line = models.intrinsic("power-law", reference)
    line.index.value = 3.0
    line.amplitude.value *= 0.1
    return SkyModel(spectral_model=line, name=name)


def _results(name: str, data: Any, model: Any, stat: float) -> list[dict[str, Any]]:
    head, line = f"pulsar_spectrum.{name}", model.spectral_model
    used = data.mask.data
    energies = data.counts.geom.axes["energy"].edges[[*spectrum.used_bins(used)]].to_value("TeV")
    return [
        numbers.result(
            f"{head}.amplitude", line.amplitude.value, line.amplitude.error, line.amplitude.unit.to_string()
        ),
        numbers.result(f"{head}.index", line.index.value, line.index.error),
        numbers.result(f"{head}.reference", line.reference.value, unit=line.reference.unit.to_string()),
        numbers.result(f"{head}.wstat", stat),
        numbers.result(f"{head}.degrees_of_freedom", int(used.sum()) - 2),
        numbers.result(f"{head}.energy_min", energies[0], unit="TeV"),
        numbers.result(f"{head}.energy_max", energies[1], unit="TeV"),
        numbers.result(f"{head}.n_on", int(data.counts.data[used].sum())),
        numbers.result(f"{head}.excess", float(data.excess.data[used].sum())),
    ]


def _write(
    out: Path,
    fitted: dict[str, tuple[Any, Any, Any]],
    results: list[dict[str, Any]],
    *,
    source: str,
    files: list[dl3.File],
    on: dict[str, ranges.Parts],
    off: ranges.Parts,
    faint: dict[str, str],
) -> None:
    from astropy.table import vstack

    tables, covariance = [], {}
    for name, (_, model, points) in fitted.items():
        table = points.to_table(sed_type="dnde")
        table.add_column([name] * len(table), name="range", index=0)
        table.meta = {}
        tables.append(table)
        free = model.spectral_model.parameters.free_parameters
        matrix = model.spectral_model.covariance.get_subcovariance(free)
        covariance[name] = {"parameters": [each.name for each in free], "matrix": matrix.data.tolist()}
    table = vstack(tables, metadata_conflicts="silent")
    table.meta = {"SED_TYPE": "dnde", "SOURCE": source, "AVERAGE": "over a whole turn"}
    table.write(out / "pulsar-spectrum.ecsv", overwrite=True)
    spectrum.write_models(out / "pulsar-model.yaml", [model for _, model, _ in fitted.values()])
    numbers.write(
        out / "pulsar-spectrum.json",
        results,
        source=source,
        simulated=files[0].simulated,
        runs=[file.obs_id for file in files],
        on=on,
        off=off,
        not_fitted=faint,
        convention="fluxes are averages over a whole turn of the pulsar",
        covariance=covariance,
    )
