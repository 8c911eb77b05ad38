"""How bright is a source of a catalogue, or how bright could it be at most? One number for all energies together.

The events above an energy are counted, and their excess is divided by what a spectrum of known flux would have given:
one bin, so that it works with a handful of events. The shape of the spectrum is fitted where the signal allows that,
and assumed where not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automagic.science import dl3, models, numbers, reduce
from automagic.science.errors import DataError
from automagic.science.settings import Settings
from automagic.science.theta2 import Detection

UNIT = "cm-2 s-1"


@dataclass(frozen=True)
class Flux:
    """An integral flux in cm-2 s-1: value, standard deviation, upper limit; that of one excess event is `per_event`."""

    value: float
    error: float
    limit: float
    per_event: float


def upper_limit(n_on: float, n_off: float, alpha: float, confidence: float = 0.95) -> float:
    """Return the upper limit on the excess of counts over a measured background.

    The profile likelihood of Rolke, Lopez & Conrad (2005, NIM A 551, 493) for a Poisson background from off regions:
    the excess at which minus twice its logarithm (W-stat) has risen by the quantile of chi-squared with one degree of
    freedom, 3.84 for 95 %, from its lowest value. As in their "bounded likelihood" that is sought among excesses that
    are not negative, so that a deficit gives no limit below what an empty region would.

    Parameters
    ----------
    n_on, n_off
        Events in the signal region, and in all background regions together.
    alpha
        Of the signal region's exposure to that of the background regions.
    confidence
        Of the interval whose upper end is the limit.

    Examples
    --------
    >>> round(upper_limit(10, 30, 1 / 3), 2), round(upper_limit(3, 30, 1 / 3), 2)
    (8.18, 2.81)
    """
    from gammapy.stats import wstat
    from scipy.optimize import brentq
    from scipy.stats import chi2

    def stat(excess: float) -> float:
        return float(wstat(n_on=n_on, n_off=n_off, alpha=alpha, mu_sig=excess))

    best = max(n_on - alpha * n_off, 0.0)
    level = stat(best) + float(chi2.ppf(confidence, 1))
    high = best + 10.0
    while stat(high) < level:
        high *= 2
    return float(brentq(lambda excess: stat(excess) - level, best, high))


def run(settings: Settings, ind: Path, out: Path) -> Iterator[str]:
    """Write ``flux.json``."""
    index = settings.number("Flux.Index", minimum=0, maximum=6)
    fit_from = settings.number("Flux.FitFrom", minimum=3, maximum=100)
    confidence = settings.number("Flux.Confidence", minimum=0.5, maximum=0.999)
    model = models.sky_model(settings)
    axis, _ = reduce.axes(settings)
    energies = reduce.integrated(settings, axis, "Flux")
    files = dl3.find(ind)
    runs = reduce.datasets(settings, files)
    stacked = reduce.stack(runs)
    model, shape = _shape(settings, stacked, model, index, fit_from)
    counts = _counts(stacked, energies)
    found = _flux(stacked, model, energies, counts, confidence)
    low, high = energies.to_value("TeV")
    crab = models.crab().integral(*energies).to_value(UNIT)
    per_area = "1 / (cm2 s)"
    results = [
        numbers.result("flux.value", found.value, found.error, per_area),
        numbers.result("flux.upper_limit", found.limit, unit=per_area),
        numbers.result("flux.value_crab", found.value / crab, found.error / crab, "Crab"),
        numbers.result("flux.upper_limit_crab", found.limit / crab, unit="Crab"),
        numbers.result("flux.energy_min", low, unit="TeV"),
        numbers.result("flux.energy_max", high, unit="TeV"),
        numbers.result("flux.n_on", counts.n_on),
        numbers.result("flux.n_off", counts.n_off),
        numbers.result("flux.excess", counts.excess, counts.excess_error),
        numbers.result("flux.significance", counts.significance, unit="sigma"),
        numbers.result("flux.confidence", confidence),
        numbers.result("flux.index", index),
        numbers.result("flux.shape", shape),
    ]
    numbers.write(
        out / "flux.json",
        results,
        source=model.name,
        simulated=files[0].simulated,
        runs=[int(name) for name in runs.names],
    )
    yield (
        f"F({low:.2g} to {high:.2g} TeV) = {found.value:.3g} ± {found.error:.2g} {UNIT}, "
        f"below {found.limit:.3g} at {confidence:.0%}; shape {shape}"
    )


def _shape(settings: Settings, stacked: Any, model: Any, index: float, fit_from: float) -> tuple[Any, str]:
    """Return the model whose shape counts, and whether that is fitted or assumed."""
    from gammapy.modeling.models import PowerLawSpectralModel, SkyModel

    if reduce.signal([stacked]) >= fit_from:
        try:
            reduce.fit([stacked], model)
            return model, "fitted"
        except DataError:  # too few events for this model
            pass
    absorption = models.ebl(settings)
    line = PowerLawSpectralModel(amplitude="1e-12 TeV-1 cm-2 s-1", index=index, reference="1 TeV")
    return SkyModel(spectral_model=line if absorption is None else line * absorption, name=model.name), "assumed"


def _used(stacked: Any, energies: Any) -> Any:
    """Return which bins of estimated energy count."""
    edges = stacked.counts.geom.axes["energy"].edges
    inside = (edges[:-1] >= energies[0] * 0.999) & (edges[1:] <= energies[1] * 1.001)
    used = stacked.mask_safe.data & inside.reshape(stacked.mask_safe.data.shape)
    if not used.any():
        low, high = energies.to_value("TeV")
        raise DataError(f"the effective area is too small everywhere from {low:.2g} to {high:.2g} TeV")
    return used


def _counts(stacked: Any, energies: Any) -> Detection:
    used = _used(stacked, energies)
    return Detection(
        n_on=int(stacked.counts.data[used].sum()),
        n_off=int(stacked.counts_off.data[used].sum()),
        alpha=float((stacked.acceptance.data[used] / stacked.acceptance_off.data[used]).mean()),
        hours=float(stacked.gti.time_sum.to_value("h")),
    )


def _flux(stacked: Any, model: Any, energies: Any, counts: Detection, confidence: float) -> Flux:
    """Turn counts into a flux: by the events that the model gives in the same bins, and its integral."""
    stacked.models = [model]
    expected = float(stacked.npred_signal().data[_used(stacked, energies)].sum())
    if not expected > 0:
        raise DataError("no events are expected at any flux", hint="Look at the effective area of the DL3 files.")
    per_event = float(model.spectral_model.integral(*energies).to_value(UNIT)) / expected
    limit = upper_limit(counts.n_on, counts.n_off, counts.alpha, confidence)
    return Flux(counts.excess * per_event, counts.excess_error * per_event, limit * per_event, per_event)
