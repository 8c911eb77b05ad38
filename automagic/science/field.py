"""Maps of the events, their background and their significance over the field of view, with Gammapy.

The background of a run is the mean of all runs' own ``BKG`` (rings about the pointing, without the regions of sources),
scaled to the run outside of the regions: one run alone has too few events in a ring. For the significance the events
in a ring about each place are the background, and the model only says how much of it place and ring should have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from automagic.errors import UserError
from automagic.science import dl3
from automagic.science.errors import DataError
from automagic.science.settings import Settings

LEAST_EVENTS = 300
"""Events from which the shape of the background over the offset is taken, with neighbours where one bin has fewer."""
LEAST_SPECTRUM = 10
"""From the first bin of energy with fewer events on, the background is a power law of the index of cosmic rays."""
COSMIC_RAYS = -2.7
FINER = 5
"""Parts of a bin of energy of the background, with as many events each."""
LEAST_BACKGROUND = 3.0
"""Places where the model has fewer background events in a circle do not count in the distribution of significances. It
is not the ring's background that must be so many: to choose places by what was counted beside them makes the mean
negative."""


@dataclass(frozen=True)
class Setup:
    """What the card says of the maps; angles in deg, energies in TeV."""

    ra: float
    dec: float
    excluded: tuple[tuple[float, float, float], ...]
    energies: tuple[float, float]
    bins_per_decade: int
    offset_max: float
    bin_size: float
    correlation: float
    ring: tuple[float, float]

    @classmethod
    def read(cls, settings: Settings) -> Setup:
        """Read the card."""
        ra, dec = settings.position()
        correlation = settings.number("SkyMap.Correlation", above=0, maximum=1)
        excluded = _regions(settings)
        return cls(
            ra=ra,
            dec=dec,
            excluded=excluded,
            energies=settings.interval("SkyMap.EnergyMin", "SkyMap.EnergyMax"),
            bins_per_decade=settings.integer("SkyMap.BinsPerDecade", minimum=2, maximum=50),
            offset_max=settings.number("SkyMap.OffsetMax", above=0.2, maximum=3),
            bin_size=settings.number("SkyMap.BinSize", minimum=0.005, maximum=correlation),
            correlation=correlation,
            ring=(
                # of a large source its own place would have no ring
                max(settings.number("SkyMap.RingRadius", minimum=2 * correlation, maximum=3), excluded[0][2]),
                settings.number("SkyMap.RingWidth", above=0, maximum=3),
            ),
        )


def _regions(settings: Settings) -> tuple[tuple[float, float, float], ...]:
    """Read the regions without background; that of the source is always among them."""
    text = settings.text("Source.Exclude")
    regions = []
    for part in text.split(","):
        try:
            ra, dec, radius = (float(word) for word in part.split())
        except ValueError:
            raise UserError(
                f"{settings.name}: Source.Exclude: {part.strip()!r} is not 'ra dec radius' in deg",
                hint="Write one after the other, with commas between them.",
            ) from None
        regions.append((ra, dec, radius))
    return tuple(regions)


def axes(setup: Setup) -> tuple[Any, Any]:
    """Return the axes of estimated energy, with an edge at 1 TeV, and of true energy."""
    import math

    from gammapy.maps import MapAxis

    low, high = setup.energies
    first = math.ceil(math.log10(low * 0.99) * setup.bins_per_decade)
    last = math.floor(math.log10(high * 1.01) * setup.bins_per_decade)
    if last - first < 2:
        raise UserError(f"SkyMap.EnergyMin to EnergyMax, {low:g} to {high:g} TeV, has fewer than 2 bins of energy")
    edges = [10 ** (k / setup.bins_per_decade) for k in range(first, last + 1)]
    true = MapAxis.from_energy_bounds(low / 4, high * 3, nbin=10, per_decade=True, unit="TeV", name="energy_true")
    return MapAxis.from_energy_edges(edges, unit="TeV", name="energy"), true


def datasets(setup: Setup, files: list[dl3.File], background: Any = None) -> Any:
    """Return the maps of all runs added up: counts, background, exposure, energy dispersion and PSF.

    Parameters
    ----------
    setup, files
        The card, and the files from `automagic.science.dl3.find`.
    background
        `gammapy.irf.Background2D`; by default the mean of the runs' own.

    Raises
    ------
    DataError
        Where the files have responses for a point-like source only, or no background.
    """
    if files[0].point_like:
        raise DataError(
            f"{files[0].path.name}: responses for a point-like source: a map needs those for the whole field of view",
            hint='Analyse the runs with kind = "diffuse" under [analysis].',
        )
    runs = dl3.observations(files, setup.ra, setup.dec)
    from astropy import units as u
    from gammapy.datasets import MapDataset
    from gammapy.makers import FoVBackgroundMaker, MapDatasetMaker, SafeMaskMaker

    background = background or mean_background(runs)
    axis, axis_true = axes(setup)
    geom = _geom(setup, runs, axis)
    empty = MapDataset.create(geom, energy_axis_true=axis_true, binsz_irf=0.2, name="stacked")
    maker = MapDatasetMaker(
        selection=["counts", "background", "exposure", "edisp", "psf"], background_oversampling=FINER
    )
    safe = SafeMaskMaker(methods=["offset-max"], offset_max=setup.offset_max * u.deg)
    scale = FoVBackgroundMaker(method="scale", exclusion_mask=exclusion(setup, geom.to_image()))
    for one in runs:
        one = one.copy(in_memory=True, bkg=background)
        part = empty.cutout(one.get_pointing_icrs(one.tmid), 2 * setup.offset_max * u.deg, name=str(one.obs_id))
        empty.stack(scale.run(safe.run(maker.run(part, one), one), one))
    return empty


def _geom(setup: Setup, runs: Any, axis: Any) -> Any:
    """Return the geometry that holds the fields of view of all runs, about the source."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from gammapy.maps import WcsGeom

    source = SkyCoord(setup.ra, setup.dec, unit="deg")
    pointings = [one.get_pointing_icrs(one.tmid) for one in runs]
    far = max(float(source.separation(each).to_value(u.deg)) for each in pointings)
    return WcsGeom.create(
        skydir=source, binsz=setup.bin_size, width=2 * (setup.offset_max + far), frame="icrs", proj="TAN", axes=[axis]
    )


def exclusion(setup: Setup, geom: Any) -> Any:
    """Return a mask that is true where no source is."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from regions import CircleSkyRegion

    regions = [CircleSkyRegion(SkyCoord(ra, dec, unit="deg"), r * u.deg) for ra, dec, r in setup.excluded]
    return geom.region_mask(regions, inside=False)


def mean_background(runs: Any) -> Any:
    """Return the mean of the runs' backgrounds, weighted with their effective times, without holes.

    Parameters
    ----------
    runs
        `gammapy.data.Observations`.

    Returns
    -------
    gammapy.irf.Background2D
        In bins of energy with too few events the shape over the offset is that of their neighbours, and the number that
        of a power law. Each bin of energy is divided into `FINER`: Gammapy draws lines between the middles of bins,
        and of wide ones would flatten the maximum of the spectrum, at the threshold.
    """
    import numpy as np
    from gammapy.irf import Background2D

    for one in runs:
        if one.bkg is None or tuple(one.bkg.axes.names) != ("energy", "offset"):
            raise DataError(f"run {one.obs_id}: the DL3 file has no background over the field of view (BKG_2D)")
    tables = [one.bkg for one in runs]
    axes = tables[0].axes
    if any(table.data.shape != tables[0].data.shape for table in tables):
        raise DataError("the runs' backgrounds have different bins", hint="Make all with one card of magic_dl3.")
    unit = tables[0].unit
    seconds = np.array([one.observation_live_time_duration.to_value("s") for one in runs])
    rate = sum(table.quantity.to_value(unit) * s for table, s in zip(tables, seconds, strict=True)) / seconds.sum()
    edges = np.radians(axes["offset"].edges.to_value("deg"))
    per_mev = 2 * np.pi * -np.diff(np.cos(edges)) * seconds.sum()
    counts = smoothed(rate * axes["energy"].bin_width.to_value("MeV")[:, None] * per_mev, axes["energy"].center.value)
    fine = axes["energy"].upsample(FINER)
    data = np.repeat(counts / FINER, FINER, axis=0) / (fine.bin_width.to_value("MeV")[:, None] * per_mev)
    return Background2D(axes=[fine, axes["offset"]], data=data, unit=unit, meta=dict(tables[0].meta or {}))


def smoothed(counts: Any, energy: Any) -> Any:
    """Give each bin of energy a shape over the offset that rests on enough events, and a number.

    Parameters
    ----------
    counts : ndarray, shape (energy, offset)
        Events.
    energy : ndarray
        Middle of the bins, rising.

    Examples
    --------
    >>> import numpy as np
    >>> even = np.array([[400.0, 800.0], [4.0, 16.0], [0.0, 2.0]])
    >>> smoothed(even, np.array([1.0, 2.0, 4.0])).round(1).tolist()
    [[400.0, 800.0], [6.6, 13.4], [0.7, 1.3]]
    """
    import numpy as np

    total = counts.sum(axis=1)
    shape = np.zeros_like(counts)
    for i in range(len(counts)):
        for reach in range(len(counts)):
            near = counts[max(i - reach, 0) : i + reach + 1].sum(axis=0)
            if near.sum() >= LEAST_EVENTS:
                break
        shape[i] = near / max(near.sum(), 1e-12)
    seen = np.flatnonzero(total >= LEAST_SPECTRUM)
    if len(seen) and seen[-1] + 1 < len(total):
        first = int(seen[-1]) + 1
        # bins have even widths in the logarithm of energy
        fall = energy[first:] ** (COSMIC_RAYS + 1)
        total = np.append(total[:first], total[first:].sum() * fall / fall.sum())
    return shape * total[:, None]


def significance(setup: Setup, stacked: Any) -> dict[str, Any]:
    """Return maps by name, each of a circle about each place: counts, background, excess, significance, expected.

    ``background`` is what the ring says, ``expected`` what the model of the background says.
    The significance is that of Li & Ma 1983, eq. 17, with the events in a ring as background.
    """
    import numpy as np
    from astropy import units as u
    from gammapy.estimators import ExcessMapEstimator
    from gammapy.makers import RingBackgroundMaker
    from gammapy.maps import Map

    image = stacked.to_image(name="image")
    ring = RingBackgroundMaker(
        r_in=setup.ring[0] * u.deg,
        width=setup.ring[1] * u.deg,
        exclusion_mask=exclusion(setup, image.counts.geom.to_image()),
    )
    estimator = ExcessMapEstimator(setup.correlation * u.deg, correlate_off=False)
    found = estimator.run(ring.run(image))
    circle = estimator.estimate_kernel(image).data
    inside = stacked.mask_safe.data.any(axis=0)
    made = {
        "counts": found.npred,
        "background": found.npred - found.npred_excess,
        "excess": found.npred_excess,
        "significance": found.sqrt_ts,
        "expected": image.npred_background().convolve(circle / circle.max()),
    }
    geom = image.counts.geom.to_image()
    return {
        name: Map.from_geom(geom, data=np.where(inside, each.data[0], np.nan).astype(float))
        for name, each in made.items()
    }


def away(setup: Setup, maps: dict[str, Any]) -> Any:
    """Return the places that count in the distribution of significances: no source near, and enough background."""
    import numpy as np
    from astropy.coordinates import SkyCoord

    geom = maps["significance"].geom
    free = np.ones(geom.data_shape, bool)
    place = geom.get_coord().skycoord
    for ra, dec, radius in setup.excluded:
        free &= place.separation(SkyCoord(ra, dec, unit="deg")).deg > radius + setup.correlation
    expected = np.nan_to_num(maps["expected"].data)
    return free & (expected >= LEAST_BACKGROUND) & np.isfinite(maps["significance"].data)


@dataclass(frozen=True)
class Spread:
    """Mean and width of significances away from sources, with the errors that `circles` without overlap give."""

    mean: float
    width: float
    circles: float

    @property
    def mean_error(self) -> float:
        """Standard deviation of the mean."""
        return self.width / max(self.circles, 1.0) ** 0.5

    @property
    def width_error(self) -> float:
        """Standard deviation of the width."""
        return self.width / max(2 * self.circles, 1.0) ** 0.5


def spread_of(maps: dict[str, Any], where: Any, setup: Setup) -> Spread:
    """Return mean and width of the significances of places; neighbours share events. Not finite without places."""
    import numpy as np

    values = maps["significance"].data[where]
    if len(values) < 2:
        return Spread(float("nan"), float("nan"), 0.0)
    circles = len(values) * setup.bin_size**2 / (np.pi * setup.correlation**2)
    return Spread(float(values.mean()), float(values.std()), float(circles))
