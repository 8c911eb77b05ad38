"""How much of an extended source's events fall into a circle about it, beside those of a point."""

from __future__ import annotations

from typing import Any

STEPS = 400
"""Rings of the PSF that are followed."""


def correct(dataset: Any, run: Any, radius: float, sigma: float) -> None:
    """Scale the exposure of a circular region from a point to a Gaussian.

    Gammapy's containment correction is that of a point: the part of the PSF in the circle. A Gaussian has less there.

    Parameters
    ----------
    dataset
        `gammapy.datasets.SpectrumDataset` made with containment correction; its exposure is changed.
    run
        `gammapy.data.Observation`, for its PSF at the offset of the region.
    radius, sigma
        Of the circle, and of the Gaussian in each coordinate, deg.
    """
    import numpy as np
    from astropy import units as u

    geom = dataset.exposure.geom
    energy = geom.axes["energy_true"].center
    offset = run.get_pointing_icrs(run.tmid).separation(geom.center_skydir)
    edges = np.linspace(0.0, float(run.psf.axes["rad"].edges[-1].to_value("deg")), STEPS + 1)
    away = (edges[1:] + edges[:-1]) / 2
    density = run.psf.evaluate(
        energy_true=energy[:, None], offset=np.full((1, 1), offset.deg) * u.deg, rad=away[None, :] * u.deg
    )
    share = np.clip(np.nan_to_num(density.to_value("sr-1")), 0, None) * away
    point = share @ (away < radius)
    gaussian = share @ of_gaussian(radius, sigma, away)
    factor = np.divide(gaussian, point, out=np.zeros_like(point), where=point > 0)
    dataset.exposure.data *= factor.reshape(-1, 1, 1)


def of_gaussian(radius: float, sigma: float, away: Any) -> Any:
    """Return the part of a Gaussian that is within a circle whose centre is some distance away (Rice distribution).

    Examples
    --------
    >>> round(float(of_gaussian(1.0, 1.0, 0.0)), 4)  # 1 - exp(-1/2)
    0.3935
    >>> bool(of_gaussian(1.0, 0.01, 0.9) > 0.999), bool(of_gaussian(1.0, 0.01, 1.1) < 0.001)
    (True, True)
    """
    from scipy.stats import ncx2

    return ncx2.cdf((radius / sigma) ** 2, 2, (away / sigma) ** 2)
