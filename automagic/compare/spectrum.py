"""A fitted spectrum with its error band, from the numbers that the step has written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Model:
    """dN/dE = amplitude (E/reference)^(-alpha - beta ln(E/reference)), absorbed where the source is far away.

    Attributes
    ----------
    amplitude
        TeV-1 cm-2 s-1 at `reference` (TeV).
    alpha, beta
        Index, and curvature for the natural logarithm (0 for a power law).
    low, high
        The range that was fitted, TeV.
    parameters, covariance
        Names of the free parameters, and their covariance.
    ebl, redshift
        Which absorption, and at which redshift.
    """

    amplitude: float
    reference: float
    alpha: float
    beta: float
    low: float
    high: float
    parameters: tuple[str, ...]
    covariance: Any
    ebl: str = "none"
    redshift: float = 0.0

    def flux(self, energy: Any) -> Any:
        """Return dN/dE in TeV-1 cm-2 s-1 at energies in TeV."""
        import numpy as np

        x = np.log(np.asarray(energy) / self.reference)
        return self.amplitude * np.exp(-(self.alpha + self.beta * x) * x) * self._transmission(energy)

    def relative_error(self, energy: Any) -> Any:
        """Return the standard deviation of dN/dE over dN/dE: the parameters' covariance, propagated linearly.

        Examples
        --------
        >>> import numpy as np
        >>> one = Model(1e-11, 1.0, 2.5, 0.0, 0.1, 10.0, ("amplitude", "index"), np.diag([1e-24, 0.01]))
        >>> one.relative_error(np.array([1.0, np.e])).round(4).tolist()
        [0.1, 0.1414]
        """
        import numpy as np

        x = np.log(np.asarray(energy) / self.reference)
        slopes = {"amplitude": np.full_like(x, 1 / self.amplitude), "index": -x, "alpha": -x, "beta": -(x**2)}
        slope = np.array([slopes[name] for name in self.parameters])
        return np.sqrt(np.maximum(np.einsum("ik,ij,jk->k", slope, np.asarray(self.covariance), slope), 0))

    def _transmission(self, energy: Any) -> Any:
        if self.ebl == "none" or not self.redshift:
            return 1.0
        from astropy import units as u

        from automagic.science.models import absorption

        return absorption(self.ebl, self.redshift)(energy * u.TeV).to_value("")


def read_model(told: dict[str, Any]) -> Model | None:
    """Read the model from what the step ``spectrum`` has written; `None` where that is not a model that we know."""
    results = {each["key"]: each.get("value") for each in told.get("results", ()) if "key" in each}
    covariance = told.get("covariance") or {}
    try:
        return Model(
            results["spectrum.amplitude"],
            results["spectrum.reference"],
            results["spectrum.alpha"] if "spectrum.alpha" in results else results["spectrum.index"],
            results.get("spectrum.beta", 0.0),
            results["spectrum.energy_min"],
            results["spectrum.energy_max"],
            tuple(covariance["parameters"]),
            covariance["matrix"],
            told.get("ebl", "none"),
            told.get("redshift", 0.0),
        )
    except KeyError:
        return None
