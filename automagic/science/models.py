"""Spectral models: what is fitted, and what it is compared with.

Gammapy's log-parabola has the natural logarithm, dN/dE = A (E/E0)^(-alpha - beta ln(E/E0)); MAGIC's papers mostly give
beta for the decimal one. beta_log10 = beta_ln * ln 10.
"""

from __future__ import annotations

import importlib
from typing import Any

from automagic.errors import UserError
from automagic.science.settings import MODELS, Settings

LN10 = 2.302585092994046

# Gammapy's names of EBL models, and those that the package ebltable has for the same tables
EBL = {
    "dominguez": "dominguez",  # Dominguez et al. 2011, MNRAS 410, 2556
    "franceschini": "franceschini",  # Franceschini et al. 2008, A&A 487, 837
    "finke": "finke",  # Finke et al. 2010, ApJ 712, 238, model C
    "saldana-lopez21": "saldana-lopez",  # Saldana-Lopez et al. 2021, MNRAS 507, 5144
}


def crab() -> Any:
    """Return the Crab Nebula's spectrum as MAGIC measured it.

    J. Aleksic et al. 2015, JHEAp 5, 30: log-parabola of (3.23 ± 0.03)e-11 /TeV/cm2/s at 1 TeV, alpha 2.47 ± 0.01,
    beta 0.24 ± 0.01 (decimal logarithm).
    """
    from gammapy.modeling.models import create_crab_spectral_model

    return create_crab_spectral_model("magic_lp")


def sky_model(settings: Settings) -> Any:
    """Return the model that the card asks for, as a `gammapy.modeling.models.SkyModel` named after the source.

    Raises
    ------
    UserError
        Where a key has a wrong value, or the tables of an EBL model are not there.
    """
    from gammapy.modeling.models import SkyModel

    kind = settings.text("Spectrum.Model", MODELS)
    reference = settings.number("Spectrum.Reference", above=0)
    absorption = ebl(settings)
    spectral = intrinsic(kind, reference)
    if absorption is not None:
        spectral = spectral * absorption
    return SkyModel(spectral_model=spectral, name=settings.text("Source.Name"))


def intrinsic(kind: str, reference: float) -> Any:
    """Return a power law or log-parabola near the Crab's flux, from where a fit starts.

    Parameters
    ----------
    kind
        ``"power-law"`` or ``"log-parabola"``.
    reference
        Energy of the amplitude in TeV.
    """
    from astropy import units as u
    from gammapy.modeling.models import LogParabolaSpectralModel, PowerLawSpectralModel

    energy = reference * u.TeV
    amplitude = crab()(energy).to("TeV-1 cm-2 s-1")
    if kind == "power-law":
        return PowerLawSpectralModel(amplitude=amplitude, index=2.5, reference=energy)
    return LogParabolaSpectralModel(amplitude=amplitude, alpha=2.4, beta=0.1, reference=energy)


def ebl(settings: Settings) -> Any | None:
    """Return the absorption by the EBL that the card asks for, a factor to multiply a spectrum with, or `None`."""
    name = settings.text("Spectrum.EBL", ("none", *EBL))
    redshift = settings.number("Source.Redshift", minimum=0, maximum=2)
    if name == "none":
        return None
    if redshift == 0:
        raise UserError(
            f"Spectrum.EBL is {name}, but Source.Redshift is 0",
            hint="Give the source's redshift, or the EBL model none.",
        )
    return absorption(name, redshift)


def absorption(name: str, redshift: float) -> Any:
    """Return Gammapy's EBL absorption, from the table that the model's authors published.

    Parameters
    ----------
    name
        One of `EBL`.
    redshift
        Of the source. The optical depth is tabulated at it and around it; it stays frozen in a fit.

    Returns
    -------
    gammapy.modeling.models.EBLAbsorptionNormSpectralModel
    """
    try:
        tables = importlib.import_module("ebltable.tau_from_model")
    except ImportError:
        raise UserError(
            f"Spectrum.EBL is {name}, but the package ebltable, which has the EBL tables, is not there",
            hint="Install ebltable, or choose the EBL model none.",
        ) from None
    import numpy as np
    from astropy import units as u
    from gammapy.modeling.models import EBLAbsorptionNormSpectralModel

    energies = np.geomspace(0.01, 100, 121)  # TeV
    redshifts = redshift * np.array([0.5, 1.0, 1.5])
    depth = tables.OptDepth.readmodel(EBL[name]).opt_depth(redshifts, energies)  # takes TeV
    transmission = np.exp(-np.clip(depth, 0, 100))
    return EBLAbsorptionNormSpectralModel(
        energy=energies * u.TeV,
        param=redshifts * u.one,
        data=transmission * u.one,
        redshift=redshift,
        alpha_norm=1,
    )


def unabsorbed(spectral: Any) -> Any:
    """Return the part of a spectral model that is the source's own."""
    return getattr(spectral, "model1", spectral)
