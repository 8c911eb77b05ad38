"""Events against the pulsar's phase: is there a pulse, and in which ranges of phase?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automagic.science import dl3, numbers, phaseogram_plot, ranges
from automagic.science.errors import DataError
from automagic.science.settings import Settings
from automagic.science.theta2 import Detection

HARMONICS = 20
"""Of the H-test: de Jager, Raubenheimer & Swanepoel 1989, A&A 221, 180."""


@dataclass(frozen=True)
class Folded:
    """The phases of the events in a range of energy, and what they mean.

    Attributes
    ----------
    low, high
        Range of estimated energy in TeV.
    phases
        Of the events, [n].
    h, probability
        The H-test and its chance probability.
    z2
        The Z² test with 2 harmonics.
    found
        Counts by name of the range of phase.
    """

    low: float
    high: float
    phases: Any
    h: float
    probability: float
    z2: float
    found: dict[str, Detection]


def run(settings: Settings, ind: Path, out: Path) -> Iterator[str]:
    """Write ``phaseogram.ecsv``, ``phaseogram.json`` and ``phaseogram.png``."""
    ra, dec = settings.position()
    name = settings.text("Source.Name")
    radius = settings.number("Phaseogram.OnRadius", above=0, maximum=1)
    bins = settings.integer("Phaseogram.Bins", minimum=5, maximum=1000)
    on, off, energies = ranges.on(settings), ranges.off(settings), ranges.energies(settings)
    files = dl3.find(ind)
    ranges.check_phases(files)
    phase, energy, hours = select(files, ra, dec, radius)
    folded = [fold(phase[(energy >= low) & (energy < high)], low, high, on, off, hours) for low, high in energies]
    if not any(len(each.phases) for each in folded):
        raise DataError("no event is in the signal region", hint="Look at Phaseogram.Energies and the source's place.")
    _table(folded, bins, name, files).write(out / "phaseogram.ecsv", overwrite=True)
    numbers.write(
        out / "phaseogram.json",
        [each for one in folded for each in _results(one, len(folded) > 1)],
        source=name,
        simulated=files[0].simulated,
        runs=[file.obs_id for file in files],
        par=sorted({(str(f.header.get("PHSPAR")), str(f.header.get("PHSSHA"))) for f in files}),
        extrapolated=[file.obs_id for file in files if file.header.get("PHSVALID") is False],
        off=off,
        on=on,
        statistics="H: de Jager 1989, chance probability exp(-0.398 H) (Kerr 2011); significance: Li & Ma 1983, eq. 17",
    )
    title = f"{name}, {len(files)} run{'s' if len(files) > 1 else ''}, {hours:.1f} h"
    phaseogram_plot.draw(folded, bins, on, off, title, out / "phaseogram.png", simulated=files[0].simulated)
    for one in folded:
        told = ", ".join(f"{key} {each.significance:.1f} sigma" for key, each in one.found.items())
        yield f"{one.low:g} to {one.high:g} TeV: {len(one.phases)} events, H = {one.h:.1f}, {told}"


def select(files: list[dl3.File], ra: float, dec: float, radius: float) -> tuple[Any, Any, float]:
    """Return phase and energy (TeV) of the events in the signal region, and the effective time in hours.

    Parameters
    ----------
    files
        From `automagic.science.dl3.find`.
    ra, dec
        Of the source, deg.
    radius
        Of the region in deg, where the files do not bring their own.
    """
    import numpy as np
    from astropy.coordinates import SkyCoord

    source, phases, energies, hours = SkyCoord(ra, dec, unit="deg"), [], [], 0.0
    for one in dl3.observations(files, ra, dec):
        events, limit = one.events, radius
        energy = events.energy.to_value("TeV")
        if one.rad_max is not None:
            limit = _rad_max(one.rad_max, events.energy, one.get_pointing_icrs(one.tmid).separation(source))
        chosen = events.radec.separation(source).deg < limit
        phases.append(np.asarray(events.table["PHASE"], float)[chosen])
        energies.append(energy[chosen])
        hours += float(one.observation_live_time_duration.to_value("h"))
    return np.concatenate(phases), np.concatenate(energies), hours


def _rad_max(rad_max: Any, energy: Any, offset: Any) -> Any:
    """Return the radius of the signal region in deg at each energy: that of the energy's bin."""
    import numpy as np

    axis = rad_max.axes["energy"]
    values = rad_max.evaluate(energy=axis.center, offset=offset).to_value("deg").ravel()
    number = axis.coord_to_idx(energy)
    return np.where(number >= 0, values[np.clip(number, 0, axis.nbin - 1)], 0.0)


def fold(phase: Any, low: float, high: float, on: dict[str, ranges.Parts], off: ranges.Parts, hours: float) -> Folded:
    """Test phases against a flat distribution, and count those in the ranges."""
    from pint import eventstats

    n_off, found = int(ranges.inside(phase, off).sum()), {}
    for name, parts in on.items():
        alpha = ranges.width(parts) / ranges.width(off)
        found[name] = Detection(int(ranges.inside(phase, parts).sum()), n_off, alpha, hours)
    h = float(eventstats.hm(phase, m=HARMONICS)) if len(phase) else 0.0
    z2 = float(eventstats.z2m(phase, m=2)[-1]) if len(phase) else 0.0
    return Folded(low, high, phase, h, float(eventstats.sf_hm(h)), z2, found)


def _table(folded: list[Folded], bins: int, name: str, files: list[dl3.File]) -> Any:
    import numpy as np
    from astropy.table import Table

    edges = np.linspace(0, 1, bins + 1)
    table = Table(
        {
            "e_min": np.repeat([each.low for each in folded], bins),
            "e_max": np.repeat([each.high for each in folded], bins),
            "phase_min": np.tile(edges[:-1], len(folded)),
            "phase_max": np.tile(edges[1:], len(folded)),
            "counts": np.concatenate([np.histogram(each.phases, edges)[0] for each in folded]),
        },
        meta={"SOURCE": name, "RUNS": len(files), "PAR": sorted({str(file.header.get("PHSPAR")) for file in files})},
    )
    table["e_min"].unit = table["e_max"].unit = "TeV"
    return table


def _results(one: Folded, several: bool) -> list[dict[str, Any]]:
    head = f"phaseogram.{one.low:g}-{one.high:g}TeV" if several else "phaseogram"
    results = [
        numbers.result(f"{head}.events", len(one.phases)),
        numbers.result(f"{head}.h", one.h),
        numbers.result(f"{head}.h_probability", one.probability),
        numbers.result(f"{head}.z2_2", one.z2),
    ]
    for name, each in one.found.items():
        results += [
            numbers.result(f"{head}.{name}.significance", each.significance, unit="sigma"),
            numbers.result(f"{head}.{name}.excess", each.excess, each.excess_error),
            numbers.result(f"{head}.{name}.n_on", each.n_on),
            numbers.result(f"{head}.{name}.n_off", each.n_off),
            numbers.result(f"{head}.{name}.alpha", each.alpha),
        ]
    return results
