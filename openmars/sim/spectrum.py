"""The true spectrum of a simulated source."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from openmars.core.errors import ProgramError
from openmars.sim.card import Truth

EBL_TABLES = {
    "dominguez": "dominguez",
    "finke": "finke",
    "franceschini": "franceschini",
    "franceschini17": "franceschini2017",
    "saldana-lopez21": "saldana-lopez",
}
"""Names of EBL models in cards, and those that the package ebltable has for the same tables."""


def optical_depth(model: str, redshift: float, energy_tev: np.ndarray) -> np.ndarray:
    """Optical depth of the extragalactic background light.

    Parameters
    ----------
    model
        One of `EBL_TABLES`.
    redshift
        Of the source.
    energy_tev
        [n].

    Raises
    ------
    ProgramError
        If the model is unknown or the tables are not there.
    """
    if model not in EBL_TABLES:
        raise ProgramError(f"Sim.EBLModel is {model!r}; it can be none, {', '.join(EBL_TABLES)}")
    try:
        from ebltable.tau_from_model import OptDepth  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        raise ProgramError(
            f"Sim.EBLModel is {model}, but the package ebltable, which has the tables, is not installed"
        ) from None
    nodes = np.geomspace(0.005, 100, 200)
    depth = np.clip(np.ravel(OptDepth.readmodel(EBL_TABLES[model]).opt_depth(redshift, nodes)), 0, None)
    return np.interp(np.log(energy_tev), np.log(nodes), depth)


def dnde_per_gev(truth: Truth) -> Callable[[np.ndarray], np.ndarray]:
    """The spectrum at Earth: takes energies in GeV, gives cm-2 s-1 GeV-1.

    Examples
    --------
    >>> crab = dnde_per_gev(Truth(3.23e-11, 1.0, 2.47, 0.24, 0.0, "none"))
    >>> float(crab(np.array([1000.0]))[0])
    3.23e-14
    """
    if truth.ebl != "none" and truth.redshift > 0:
        optical_depth(truth.ebl, truth.redshift, np.array([1.0]))  # fail early

    def dnde(energy_gev: np.ndarray) -> np.ndarray:
        ratio = np.asarray(energy_gev, float) / 1000.0 / truth.reference
        flux = truth.amplitude / 1000.0 * ratio ** (-truth.alpha - truth.beta * np.log10(ratio))
        if truth.ebl != "none" and truth.redshift > 0:
            flux = flux * np.exp(-optical_depth(truth.ebl, truth.redshift, np.asarray(energy_gev) / 1000.0))
        return flux

    return dnde
