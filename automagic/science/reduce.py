"""From DL3 observations to counts, background and responses of one region: `gammapy.datasets.SpectrumDatasetOnOff`."""

from __future__ import annotations

import math
from typing import Any

from automagic.errors import UserError
from automagic.science import containment, dl3
from automagic.science.errors import DataError
from automagic.science.settings import Settings


def datasets(settings: Settings, files: list[dl3.File], background: Any = None) -> Any:
    """Make one dataset a run, in the order of the runs, named after them.

    Parameters
    ----------
    settings
        The card.
    files
        From `automagic.science.dl3.find`.
    background
        Gammapy's maker of the background; by default reflected regions.

    Returns
    -------
    gammapy.datasets.Datasets

    Raises
    ------
    UserError
        Where the card or a file is wrong, or off regions find no place.
    """
    axis, axis_true = axes(settings)
    off_regions = settings.integer("Spectrum.OffRegions", minimum=1, maximum=7)
    percent = settings.number("Spectrum.AeffMin", minimum=0, maximum=50)
    radius = settings.number("Spectrum.OnRadius", above=0, maximum=1)
    sigma = settings.number("Source.Extension", minimum=0, maximum=1)
    ra, dec = settings.position()
    runs = dl3.observations(files, ra, dec)

    from gammapy.datasets import Datasets, SpectrumDataset
    from gammapy.makers import (
        ReflectedRegionsBackgroundMaker,
        SpectrumDatasetMaker,
        WobbleRegionsFinder,
    )
    from gammapy.maps import RegionGeom

    point_like = files[0].point_like
    geom = RegionGeom.create(_region(ra, dec, None if point_like else radius), axes=[axis])
    empty = SpectrumDataset.create(geom=geom, energy_axis_true=axis_true)
    spectrum = SpectrumDatasetMaker(containment_correction=not point_like, selection=["counts", "exposure", "edisp"])
    background = background or ReflectedRegionsBackgroundMaker(
        region_finder=WobbleRegionsFinder(n_off_regions=off_regions)
    )
    made = Datasets()
    for run in runs:
        dataset = background.run(spectrum.run(empty.copy(name=str(run.obs_id)), run), run)
        if dataset.counts_off is None:
            raise _crowded(run, off_regions, axis)
        if sigma and not point_like:
            containment.correct(dataset, run, radius, sigma)
        _mask(dataset, percent / 100)
        made.append(dataset)
    if not any(dataset.mask_safe.data.any() for dataset in made):
        raise DataError(
            "the effective area is zero in all energy bins",
            hint="Look at Spectrum.EnergyMin and Spectrum.EnergyMax.",
        )
    return made


def _mask(dataset: Any, fraction: float) -> None:
    """Leave out estimated energies below that at which the effective area first is a fraction of its largest.

    Gammapy's own maker looks for that energy with a root finder, which fails where the area is zero at low energies.
    """
    import numpy as np

    area = dataset.exposure.data.ravel()
    first = int(np.argmax((area >= fraction * area.max()) & (area > 0)))
    threshold = dataset.exposure.geom.axes["energy_true"].edges[first]
    axis = dataset.counts.geom.axes["energy"]
    safe = (axis.edges[:-1] >= 0.99 * threshold) & (area.max() > 0)
    dataset.mask_safe.data &= safe.reshape(dataset.mask_safe.data.shape)


def stack(runs: Any) -> Any:
    """Add up the datasets of runs.

    Gammapy's stacking weights the off regions' exposure with their counts, and so loses it where no run has any. All
    runs here have as many off regions, so that their exposure is that of the signal region times their number.

    Parameters
    ----------
    runs
        From `datasets`.

    Returns
    -------
    gammapy.datasets.SpectrumDatasetOnOff
    """
    stacked = runs.stack_reduce(name="stacked")
    # Gammapy has 0 where a bin has no events off, so that the largest counts
    ratio = max(float((each.acceptance_off.data / each.acceptance.data).max()) for each in runs)
    stacked.acceptance_off = stacked.acceptance * ratio
    return stacked


def by_level(runs: Any, files: list[dl3.File]) -> dict[str, Any]:
    """Add up the datasets of each level of moonlight; where no file has one, those of all runs, under an empty name.

    Runs of different levels have responses and thresholds of their own: they are fitted together, and not added up.

    Parameters
    ----------
    runs, files
        From `datasets`, and what it was given.

    Returns
    -------
    dict of str to gammapy.datasets.SpectrumDatasetOnOff
        In the order of the names of levels.
    """
    from gammapy.datasets import Datasets

    level = {str(file.obs_id): file.level for file in files}
    found = {}
    for name in sorted(set(level.values()), key=lambda text: (text != "dark", text)):
        found[name] = stack(Datasets([each for each in runs if level[each.name] == name]))
        if name:
            found[name] = found[name].copy(name=name)
    return found


def _region(ra: float, dec: float, radius: float | None) -> Any:
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from regions import CircleSkyRegion, PointSkyRegion

    position = SkyCoord(ra, dec, unit="deg")
    return PointSkyRegion(position) if radius is None else CircleSkyRegion(position, radius * u.deg)


def axes(settings: Settings) -> tuple[Any, Any]:
    """Return the axes of estimated and true energy.

    The edges of estimated energy lie on a grid with an edge at 1 TeV, as those of MAGIC's RAD_MAX do, so that each bin
    has one signal region. Of the grid, the bins count that are within the interval of the card (to 1 %).

    Examples
    --------
    >>> from automagic.science.settings import Settings
    >>> axis, _ = axes(Settings("spectrum", {"Spectrum.EnergyMin": "0.06", "Spectrum.EnergyMax": "20"}))
    >>> axis.nbin, [round(float(edge.value), 4) for edge in axis.edges[[0, -1]]]
    (12, [0.0631, 15.8489])
    """
    from gammapy.maps import MapAxis

    low, high = settings.interval("Spectrum.EnergyMin", "Spectrum.EnergyMax")
    per_decade = settings.integer("Spectrum.BinsPerDecade", minimum=2, maximum=50)
    first = math.ceil(math.log10(low * 0.99) * per_decade)
    last = math.floor(math.log10(high * 1.01) * per_decade)
    if last - first < 3:
        raise UserError(
            f"Spectrum.EnergyMin to EnergyMax, {low:g} to {high:g} TeV, has fewer than 3 bins of estimated energy",
            hint="Widen it, or have more Spectrum.BinsPerDecade.",
        )
    edges = [10 ** (k / per_decade) for k in range(first, last + 1)]
    axis = MapAxis.from_energy_edges(edges, unit="TeV", name="energy")
    true = MapAxis.from_energy_bounds(0.01, 100, nbin=20, per_decade=True, unit="TeV", name="energy_true")
    return axis, true


def _crowded(run: Any, off_regions: int, axis: Any) -> DataError:
    low = axis.edges[0].to_value("TeV")
    return DataError(
        f"run {run.obs_id}: {off_regions} off regions overlap with the signal region or each other at {low:.3g} TeV",
        hint="Ask for fewer Spectrum.OffRegions, or for a higher Spectrum.EnergyMin, where RAD_MAX is smaller.",
    )


def signal(data: Any) -> float:
    """Return the significance in sigma of the signal in the bins that count, Li & Ma 1983, eq. 17."""
    from gammapy.stats import WStatCountsStatistic

    def total(name: str) -> float:
        return float(sum(getattr(each, name).data[each.mask.data].sum() for each in data))

    on, off, background = total("counts"), total("counts_off"), total("background")
    ratio = background / off if off else float(data[0].alpha.data[data[0].mask.data][0])
    return float(WStatCountsStatistic(on, off, ratio).sqrt_ts)


def fit(data: Any, model: Any) -> Any:
    """Fit a model to datasets by forward folding, with Cash statistics of a measured background (W-stat).

    Parameters
    ----------
    data
        Datasets of `gammapy.datasets`; `model` is set as theirs.
    model
        `gammapy.modeling.models.SkyModel`; its parameters, errors and covariance are set.

    Returns
    -------
    gammapy.modeling.FitResult

    Raises
    ------
    DataError
        Where there is less than 3 sigma of a signal, or the fit does not converge.
    """
    from gammapy.datasets import Datasets
    from gammapy.modeling import Fit

    data = Datasets(data)
    seen = signal(data)
    if not seen >= 3:
        raise DataError(
            f"no spectrum of {model.name} can be fitted: its signal in these energies is {seen:.1f} sigma, below 3",
            hint="Look at theta2.png; add runs, or look at the position of the source.",
        )
    data.models = [model]
    result = Fit().run(data)
    errors = [parameter.error for parameter in model.parameters.free_parameters]
    if not result.success or not all(math.isfinite(error) and error > 0 for error in errors):
        raise DataError(
            f"the fit of {model.name}'s spectrum did not converge: {result.message}",
            hint="There may be too few events: look at theta2.png, use the power-law model, or add runs.",
        )
    return result


def integrated(settings: Settings, axis: Any, prefix: str) -> Any:
    """Return the energies that a flux is integrated over, moved to edges of the bins of estimated energy.

    Parameters
    ----------
    settings
        The card, with ``<prefix>.EnergyMin`` and ``<prefix>.EnergyMax``.
    axis
        Of estimated energy, from `axes`.
    prefix
        Of the two keys.

    Returns
    -------
    astropy.units.Quantity
        First and last.
    """
    import numpy as np

    low, high = settings.interval(f"{prefix}.EnergyMin", f"{prefix}.EnergyMax")
    edges = axis.edges.to_value("TeV")
    first, last = (int(np.argmin(np.abs(np.log(edges / each)))) for each in (low, high))
    if last <= first:
        raise UserError(
            f"{prefix}.EnergyMin to EnergyMax, {low:g} to {high:g} TeV, has no bin of estimated energy",
            hint=f"The spectrum has bins from {edges[0]:.3g} to {edges[-1]:.3g} TeV.",
        )
    return axis.edges[[first, last]]
