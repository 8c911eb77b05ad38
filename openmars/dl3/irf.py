"""Instrument responses of a run from weighted Monte Carlo: area, energy dispersion, PSF."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from openmars.dl3.cuts import HADRONNESS_EDGES, THETA2_EDGES, BinnedCut, efficiency_cut
from openmars.dl3.events import GammaRays
from openmars.dl3.weights import PointingWeights


@dataclass(frozen=True)
class Settings:
    """What the card says: cuts and bins.

    Attributes
    ----------
    full_enclosure : bool
        No θ² cut; PSF and background instead.
    min_size : float
        Both images must be larger, phe.
    hadronness_efficiency, theta2_efficiency : float
        Fraction of gamma rays that each cut keeps.
    hadronness_range, theta2_range : tuple of float
        Allowed range of the cuts; θ² in deg².
    reco, true : ndarray
        Edges of the bins of estimated and of true energy, TeV.
    migra : ndarray
        Edges of the bins of estimated over true energy.
    offset : ndarray
        Edges of the bins of the source's distance from the centre of the camera, deg.
    rad : ndarray
        Edges of the bins of the PSF, deg.
    index : float
        Spectral index of the gamma rays for the energy threshold.
    """

    full_enclosure: bool
    min_size: float
    hadronness_efficiency: float
    theta2_efficiency: float
    hadronness_range: tuple[float, float]
    theta2_range: tuple[float, float]
    reco: np.ndarray
    true: np.ndarray
    migra: np.ndarray
    offset: np.ndarray
    rad: np.ndarray
    index: float


@dataclass
class Responses:
    """Cuts and responses of one run; the arrays' last axes are (migra or rad,) offset, energy as in DL3.

    Attributes
    ----------
    hadronness, theta2 : BinnedCut
        Cuts; θ² in deg².
    effective_area : ndarray, shape (offset, true energy)
        m².
    dispersion : ndarray, shape (offset, migra, true energy)
        Probability density in estimated over true energy.
    psf : ndarray, shape (rad, offset, true energy)
        Per steradian; empty for point-like responses.
    background : ndarray, shape (offset, estimated energy)
        Per MeV, second and steradian; empty for point-like responses.
    """

    hadronness: BinnedCut
    theta2: BinnedCut
    effective_area: np.ndarray
    dispersion: np.ndarray
    psf: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 0)))
    background: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))


def responses(gammas: GammaRays, weights: PointingWeights, settings: Settings) -> Responses:
    """Find the cuts and make the responses that the Monte Carlo gives for a run.

    Parameters
    ----------
    gammas : GammaRays
        The test half of the Monte Carlo.
    weights : PointingWeights
        Where the run pointed.
    settings : Settings
        Cuts and bins.
    """
    where = weights.index(gammas.zenith, gammas.azimuth)
    simulated = np.bincount(weights.index(gammas.sim_zenith, gammas.sim_azimuth), minlength=len(weights.share))
    per_shower = np.where(simulated > 0, weights.share / np.maximum(simulated, 1), 0.0)
    weight = per_shower[where]
    keep = gammas.usable(settings.min_size) & (weight > 0)

    def cut(values: np.ndarray, efficiency: float, grid: np.ndarray, allowed: tuple[float, float]) -> BinnedCut:
        return efficiency_cut(values[keep], gammas.energy[keep], weight[keep], settings.reco, efficiency, grid, allowed)

    hadronness = cut(gammas.hadronness, settings.hadronness_efficiency, HADRONNESS_EDGES, settings.hadronness_range)
    keep = keep & hadronness.passed(gammas.hadronness, gammas.energy)
    theta2 = cut(gammas.theta2, settings.theta2_efficiency, THETA2_EDGES, settings.theta2_range)
    if not settings.full_enclosure:
        keep = keep & theta2.passed(gammas.theta2, gammas.energy)
    made = Responses(
        hadronness,
        theta2,
        effective_area(gammas, keep, weights, settings),
        dispersion(gammas, keep, weight, settings),
    )
    if settings.full_enclosure:
        made.psf = psf(gammas, keep, weight, settings)
    return made


def effective_area(gammas: GammaRays, keep: np.ndarray, weights: PointingWeights, settings: Settings) -> np.ndarray:
    """Effective area (m²) in bins of offset and true energy: the mean over the run's time.

    Returns
    -------
    ndarray, shape (offset, true energy)
    """
    from astropy import units as u
    from pyirf.irf import effective_area as ratio

    area = np.pi * gammas.impact_max_m**2
    bins = (np.arange(len(weights.share) + 1) - 0.5, settings.offset, settings.true)
    selected, _ = np.histogramdd(
        (
            weights.index(gammas.zenith, gammas.azimuth)[keep],
            gammas.offset[keep],
            gammas.true_energy[keep],
        ),
        bins=bins,
    )
    simulated, _ = np.histogramdd(
        (weights.index(gammas.sim_zenith, gammas.sim_azimuth), gammas.sim_offset, gammas.sim_energy),
        bins=bins,
    )
    share = weights.share[:, None, None] * (simulated > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        per_bin = ratio(selected, simulated, area * u.m**2).to_value(u.m**2)
        mean = np.sum(share * np.nan_to_num(per_bin), axis=0) / share.sum(axis=0)
    return np.nan_to_num(mean)


def dispersion(gammas: GammaRays, keep: np.ndarray, weight: np.ndarray, settings: Settings) -> np.ndarray:
    """Probability density of estimated over true energy.

    Returns
    -------
    ndarray, shape (offset, migra, true energy)
    """
    counts, _ = np.histogramdd(
        (gammas.offset[keep], gammas.energy[keep] / gammas.true_energy[keep], gammas.true_energy[keep]),
        bins=(settings.offset, settings.migra, settings.true),
        weights=weight[keep],
    )
    total = counts.sum(axis=1, keepdims=True) * np.diff(settings.migra)[None, :, None]
    return np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)


def psf(gammas: GammaRays, keep: np.ndarray, weight: np.ndarray, settings: Settings) -> np.ndarray:
    """Probability density of the distance between reconstructed and true direction, per steradian.

    Returns
    -------
    ndarray, shape (rad, offset, true energy)
    """
    counts, _ = np.histogramdd(
        (np.sqrt(gammas.theta2[keep]), gammas.offset[keep], gammas.true_energy[keep]),
        bins=(settings.rad, settings.offset, settings.true),
        weights=weight[keep],
    )
    total = counts.sum(axis=0, keepdims=True) * solid_angle(settings.rad)[:, None, None]
    return np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)


def solid_angle(edges_deg: np.ndarray) -> np.ndarray:
    """Solid angle of rings, sr.

    Examples
    --------
    >>> import numpy as np
    >>> solid_angle(np.array([0.0, 180.0])).round(4)
    array([12.5664])
    """
    return 2 * np.pi * -np.diff(np.cos(np.radians(edges_deg)))


def energy_threshold(area: np.ndarray, edges: np.ndarray, index: float) -> float:
    """Give the energy at which the rate of gamma rays of a power law is highest, TeV (``LO_THRES``).

    Applied to the effective areas of MAGIC's own DL3 files it gives their ``LO_THRES`` within a tenth; the
    exact definition there is not public.

    Parameters
    ----------
    area : ndarray
        Effective area in bins of true energy.
    edges : ndarray
        Edges of the bins.
    index : float
        Spectral index.
    """
    centre = np.sqrt(edges[:-1] * edges[1:])
    rate = area * centre**-index
    top = int(np.argmax(rate))
    if not 0 < top < len(rate) - 1 or rate[top - 1] <= 0 or rate[top + 1] <= 0:
        return float(centre[top])
    left, mid, right = np.log(rate[top - 1 : top + 2])
    shift = 0.5 * (left - right) / (left - 2 * mid + right)
    return float(centre[top] * (edges[top + 1] / edges[top]) ** shift)
