"""Where a source is, and how large: a Gaussian and a point, each with a spectrum, fitted to the maps.

Position, extension and spectrum are fitted together, folded with PSF, exposure and energy dispersion, beside a
background whose overall normalisation is free (three-dimensional analysis, Gammapy's ``MapDataset``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from automagic.science import curvature, numbers
from automagic.science.errors import DataError
from automagic.science.field import Setup

LEAST = 0.005
"""Smallest sigma (deg) that is fitted: far below the PSF, a point for all that can be told."""
DETECTED = 9.0
"""By how much -2 ln L of a Gaussian is below that of a point, where a source counts as extended: 3 sigma."""
LIMIT = 2.71
"""Rise of -2 ln L of a one-sided upper limit of 95 %."""
TRIES: tuple[dict[str, float], ...] = ({}, {"strategy": 2}, {"strategy": 2, "tol": 10.0})
"""Minuit's options, one after the other until it is content. With the last it is within 0.02 of the least -2 ln L: the
likelihood of a point has small steps where it crosses from pixel to pixel."""


@dataclass(frozen=True)
class Found:
    """What the fits gave.

    Attributes
    ----------
    model
        `gammapy.modeling.models.SkyModel` with a Gaussian, fitted.
    gain
        By how much -2 ln L of the Gaussian is below that of a point.
    limit
        Upper limit (95 %) of sigma, deg.
    psf
        Radius that holds 68 % of a point's events at twice the lowest energy, deg.
    norm, norm_error
        Of the background in the fitted square.
    """

    model: Any
    gain: float
    limit: float
    psf: float
    norm: float
    norm_error: float

    @property
    def place(self) -> tuple[float, float, float]:
        """Right ascension, declination and the error of either on the sky, deg."""
        spatial = self.model.spatial_model
        ra, dec = spatial.lon_0, spatial.lat_0
        east = ra.error * math.cos(math.radians(dec.value))
        return ra.value % 360.0, dec.value, math.hypot(east, dec.error) / 2**0.5

    def sentence(self) -> str:
        """Say it in a line."""
        ra, dec, error = self.place
        sigma = self.model.spatial_model.sigma
        return (
            f"at {ra:.3f} {dec:+.3f} ± {error:.3f} deg; Gaussian of {sigma.value:.3f} ± {sigma.error:.3f} deg "
            f"(below {self.limit:.3f}, 95 %), beats a point by {max(self.gain, 0) ** 0.5:.1f} sigma"
        )


def fit(stacked: Any, model: Any, setup: Setup, radius: float) -> Found:
    """Fit a Gaussian and a point to the maps in a square about the source.

    Parameters
    ----------
    stacked
        From `automagic.science.field.datasets`.
    model
        With the spectrum to start from; not changed.
    setup
        The position to start from, and other sources, which are left out.
    radius
        Half of the square, deg.

    Raises
    ------
    DataError
        Where the fit does not converge.
    """
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from gammapy.modeling.models import FoVBackgroundModel, GaussianSpatialModel, PointSpatialModel, SkyModel

    source = SkyCoord(setup.ra, setup.dec, unit="deg")
    data = stacked.cutout(source, 2 * radius * u.deg, name="fit")
    _leave_out_others(data, setup)
    background = FoVBackgroundModel(dataset_name="fit")
    place: dict[str, Any] = {"lon_0": setup.ra * u.deg, "lat_0": setup.dec * u.deg, "frame": "icrs"}
    point = SkyModel(spectral_model=model.spectral_model.copy(), spatial_model=PointSpatialModel(**place), name="point")
    _within(point.spatial_model, radius)
    point_stat = _run(data, [point, background])
    gauss = SkyModel(
        spectral_model=point.spectral_model.copy(),
        spatial_model=GaussianSpatialModel(**place, sigma=0.1 * u.deg),
        name=model.name,
    )
    _within(gauss.spatial_model, radius)
    gauss.spatial_model.sigma.min, gauss.spatial_model.sigma.max = LEAST, radius
    stat = _run(data, [gauss, background])
    # a sigma at its lower end has no curvature, only a limit
    curvature.improve(data, frozen=("sigma",) if point_stat - stat < DETECTED else ())
    return Found(
        model=gauss,
        gain=point_stat - stat,
        limit=_limit(data, model.name, stat, radius),
        psf=_psf(stacked, source, 2 * setup.energies[0]),
        norm=background.spectral_model.norm.value,
        norm_error=background.spectral_model.norm.error,
    )


def _within(spatial: Any, radius: float) -> None:
    """Keep the position in the middle half of the square."""
    for each in (spatial.lon_0, spatial.lat_0):
        wide = radius / 2 / (math.cos(math.radians(spatial.lat_0.value)) if each is spatial.lon_0 else 1.0)
        each.min, each.max = each.value - wide, each.value + wide


def _leave_out_others(data: Any, setup: Setup) -> None:
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from regions import CircleSkyRegion

    here = SkyCoord(setup.ra, setup.dec, unit="deg")
    others = [(SkyCoord(ra, dec, unit="deg"), radius) for ra, dec, radius in setup.excluded]
    regions = [CircleSkyRegion(place, r * u.deg) for place, r in others if place.separation(here).deg > 0.01]
    if regions:
        data.mask_fit = data.counts.geom.region_mask(regions, inside=False)


def _run(data: Any, models: list[Any]) -> float:
    from gammapy.modeling import Fit

    data.models = models
    for options in TRIES:  # each goes on where the one before has ended
        result = Fit(optimize_opts=dict(options)).run([data])
        if result.success:
            break
    else:
        raise DataError(
            f"the fit of the source's position and extension did not converge: {result.message}",
            hint="Look at skymap.png of an earlier run, at the position of the source, or use the power-law model.",
        )
    return float(result.total_stat)


def _limit(data: Any, name: str, best: float, radius: float) -> float:
    """Return the sigma above the best one at which -2 ln L has risen by `LIMIT`; the amplitude follows, no more."""
    from gammapy.modeling import Fit
    from scipy.optimize import brentq

    found = data.models
    data.models = found.copy()
    sigma = data.models[name].spatial_model.sigma
    start = sigma.value
    for each in data.models.parameters:
        each.frozen = each.frozen or each.name != "amplitude"

    def rise(value: float) -> float:
        sigma.value = value
        return float(Fit().optimize([data]).total_stat) - best - LIMIT

    high = start + 0.02
    while high < radius and rise(high) < 0:
        high = start + 1.6 * (high - start)
    limit = radius if high >= radius else float(brentq(rise, start, high, xtol=5e-4))
    data.models = found
    return limit


def _psf(stacked: Any, source: Any, energy: float) -> float:
    from astropy import units as u

    radius = stacked.psf.containment_radius(fraction=0.68, energy_true=energy * u.TeV, position=source)
    return float(u.Quantity(radius).to_value("deg").ravel()[0])


def results(found: Found, setup: Setup) -> list[dict[str, Any]]:
    """Return the numbers: position, extension, spectrum of the whole source."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    ra, dec, error = found.place
    spatial, spectral = found.model.spatial_model, found.model.spectral_model
    shift = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(setup.ra, setup.dec, unit="deg")).deg
    number = numbers.result
    made = [
        number("skymap.ra", ra, spatial.lon_0.error, "deg"),
        number("skymap.dec", dec, spatial.lat_0.error, "deg"),
        number("skymap.distance", float(shift), error, "deg"),
        number("skymap.extension", spatial.sigma.value, spatial.sigma.error, "deg"),
        number("skymap.extension_limit", found.limit, unit="deg"),
        number("skymap.extension_significance", max(found.gain, 0.0) ** 0.5, unit="sigma"),
        number("skymap.psf", found.psf, unit="deg"),
        number("skymap.background_norm", found.norm, found.norm_error),
    ]
    for each in spectral.parameters:
        if each.name not in ("redshift", "alpha_norm", "reference"):
            made.append(number(f"skymap.{each.name}", each.value, each.error, each.unit.to_string()))
    low, high = max(0.3, setup.energies[0]) * u.TeV, setup.energies[1] * u.TeV
    flux = spectral.integral(low, high).to_value("cm-2 s-1")
    _, down, up = spectral.integral_error(low, high)
    made.append(number("skymap.flux", flux, float(((down + up) / 2).to_value("cm-2 s-1")), "1 / (cm2 s)"))
    made.append(number("skymap.flux_energy_min", low.value, unit="TeV"))
    return made
