"""Is there a signal? Events against their squared distance from the source, and from places without one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automagic.errors import UserError
from automagic.science import dl3, numbers, style
from automagic.science.settings import Settings


@dataclass(frozen=True)
class Detection:
    """Counts in the signal region, and what they mean.

    Attributes
    ----------
    n_on, n_off
        Events in the signal region, and in all background regions together.
    alpha
        Of the signal region's exposure to that of the background regions.
    hours
        Effective time.
    """

    n_on: int
    n_off: int
    alpha: float
    hours: float

    @property
    def background(self) -> float:
        """Background events expected in the signal region."""
        return self.alpha * self.n_off

    @property
    def excess(self) -> float:
        """Signal events."""
        return self.n_on - self.background

    @property
    def excess_error(self) -> float:
        """Standard deviation of the excess: sqrt(n_on + alpha² n_off), Li & Ma 1983, eq. 5."""
        return (self.n_on + self.alpha**2 * self.n_off) ** 0.5

    @property
    def significance(self) -> float:
        """Significance in sigma, Li & Ma 1983 (ApJ 272, 317), eq. 17; negative for a deficit.

        Examples
        --------
        >>> round(Detection(n_on=140, n_off=500, alpha=0.2, hours=1.0).significance, 3)
        3.406
        """
        return li_ma(self.n_on, self.n_off, self.alpha)


def li_ma(n_on: int, n_off: int, alpha: float) -> float:
    """Return the significance of an excess in sigma; Li & Ma 1983, eq. 17, as Gammapy computes it."""
    from gammapy.stats import WStatCountsStatistic

    return float(WStatCountsStatistic(n_on, n_off, alpha).sqrt_ts)


def run(settings: Settings, ind: Path, out: Path) -> Iterator[str]:
    """Write ``theta2.ecsv``, ``theta2.json`` and ``theta2.png``."""
    ra, dec = settings.position()
    name = settings.text("Source.Name")
    low, high = settings.interval("Theta2.EnergyMin", "Theta2.EnergyMax")
    off_regions = settings.integer("Theta2.OffRegions", minimum=1, maximum=7)
    edges, bins_on = _edges(settings)
    files = dl3.find(ind)
    observations = dl3.observations(files, ra, dec)
    _check_space(observations, ra, dec, edges[-1], off_regions)

    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from gammapy.makers.utils import ThetaSquaredTable
    from gammapy.maps import MapAxis

    table = ThetaSquaredTable(
        observations,
        theta_squared_axis=MapAxis.from_edges(edges, interp="lin", unit="deg2", name="theta_squared"),
        position=SkyCoord(ra, dec, unit="deg"),
        energy_edges=[low, high] * u.TeV,
        off_regions_number=off_regions,
    ).run()
    hours = sum(run.observation_live_time_duration.to_value("h") for run in observations)
    found = Detection(
        n_on=int(table["counts"][:bins_on].sum()),
        n_off=int(table["counts_off"][:bins_on].sum()),
        alpha=1 / off_regions,
        hours=float(hours),
    )
    table.meta = {
        "SOURCE": name,
        "RA": ra,
        "DEC": dec,
        "ENERGY_MIN_TEV": low,
        "ENERGY_MAX_TEV": high,
        "CUT_DEG2": float(edges[bins_on]),
        "OFF_REGIONS": off_regions,
        "SIGNIFICANCE": found.significance,
    }
    table.write(out / "theta2.ecsv", overwrite=True)
    numbers.write(
        out / "theta2.json",
        _results(found, float(edges[bins_on]), (low, high)),
        source=name,
        simulated=files[0].simulated,
        runs=[file.obs_id for file in files],
    )
    _plot(table, found, float(edges[bins_on]), out / "theta2.png", _title(name, files), files[0].simulated)
    yield f"{found.significance:.1f} sigma: {found.excess:.1f} ± {found.excess_error:.1f} events in {hours:.2f} h"


def _title(name: str, files: list[dl3.File]) -> str:
    return f"{name}, {len(files)} run{'s' if len(files) > 1 else ''}"


def _edges(settings: Settings) -> tuple[Any, int]:
    """Return the edges of the histogram in deg² and the number of bins in the signal region."""
    import numpy as np

    cut = settings.number("Theta2.Cut", above=0, maximum=1)
    end = settings.number("Theta2.Max", above=cut, maximum=1)
    width = settings.number("Theta2.BinWidth", above=0, maximum=cut)
    bins_on = round(cut / width)
    if abs(bins_on * width - cut) > 1e-6 * width:
        raise UserError(
            f"Theta2.Cut, {cut:g} deg2, is not a whole number of bins of {width:g} deg2",
            hint="Change Theta2.BinWidth.",
        )
    return width * np.arange(round(end / width) + 1), bins_on


def _check_space(observations: Any, ra: float, dec: float, end: float, off_regions: int) -> None:
    """Regions must neither overlap with each other nor, with one off region, reach over the pointing."""
    from astropy.coordinates import SkyCoord
    from numpy import pi, sin

    source = SkyCoord(ra, dec, unit="deg")
    for one in observations:
        offset = float(one.get_pointing_icrs(one.tmid).separation(source).deg)
        largest = (offset * sin(pi / (off_regions + 1))) ** 2
        if end >= largest:
            raise UserError(
                f"run {one.obs_id}: at {offset:.2f} deg from the pointing, regions for Theta2.OffRegions {off_regions} "
                f"overlap beyond {largest:.4f} deg2, and Theta2.Max is {end:g}",
                hint="Lower Theta2.Max or Theta2.OffRegions.",
            )


def _results(found: Detection, cut: float, energies: tuple[float, float]) -> list[dict[str, Any]]:
    minutes = found.hours * 60
    return [
        numbers.result("theta2.significance", found.significance, unit="sigma"),
        numbers.result("theta2.n_on", found.n_on),
        numbers.result("theta2.n_off", found.n_off),
        numbers.result("theta2.alpha", found.alpha),
        numbers.result("theta2.background", found.background, found.alpha * found.n_off**0.5),
        numbers.result("theta2.excess", found.excess, found.excess_error),
        numbers.result("theta2.effective_time", found.hours, unit="h"),
        numbers.result("theta2.excess_rate", found.excess / minutes, found.excess_error / minutes, "1 / min"),
        numbers.result("theta2.background_rate", found.background / minutes, unit="1 / min"),
        numbers.result("theta2.cut", cut, unit="deg2"),
        numbers.result("theta2.energy_min", energies[0], unit="TeV"),
        numbers.result("theta2.energy_max", energies[1], unit="TeV"),
    ]


def _plot(table: Any, found: Detection, cut: float, path: Path, title: str, simulated: bool) -> None:
    import numpy as np

    fig, (panel,) = style.figure(6.6, (4.0,))
    edges = np.append(table["theta2_min"], table["theta2_max"][-1])
    centre = (edges[1:] + edges[:-1]) / 2
    on, off, alpha = (np.asarray(table[key], dtype=float) for key in ("counts", "counts_off", "alpha"))
    panel.stairs(off * alpha, edges, fill=True, color=style.OFF, alpha=0.35, label="Background (off)")
    panel.stairs(off * alpha, edges, color=style.OFF, lw=1)
    panel.errorbar(centre, off * alpha, alpha * np.sqrt(off), fmt="none", ecolor=style.OFF, elinewidth=1.2)
    panel.errorbar(centre, on, np.sqrt(on), (edges[1:] - edges[:-1]) / 2, **style.POINT, label="Source (on)", zorder=3)
    panel.axvline(cut, color=style.INK, ls=(0, (4, 3)), lw=1)
    panel.set_xlim(0, edges[-1])
    panel.set_ylim(0, 1.12 * (on + np.sqrt(on)).max())
    panel.set_xlabel(r"$\theta^2$  [deg$^2$]")
    panel.set_ylabel(f"Events per {edges[1] - edges[0]:g} deg$^2$")
    panel.set_title(title)
    if simulated:
        style.mark_simulated(panel)
    lines = [
        rf"$\mathbf{{{found.significance:.1f}\,\sigma}}$  (Li & Ma, eq. 17)",
        rf"$\theta^2 < {cut:g}$ deg$^2$,  {_range(table)}",
        rf"$N_\mathrm{{on}} = {found.n_on}$,  $N_\mathrm{{bkg}} = {found.background:.1f} \pm "
        rf"{found.alpha * found.n_off**0.5:.1f}$",
        rf"$N_\mathrm{{ex}} = {found.excess:.1f} \pm {found.excess_error:.1f}$",
        f"effective time {found.hours:.2f} h",
    ]
    panel.text(0.97, 0.96, "\n".join(lines), transform=panel.transAxes, ha="right", va="top", linespacing=1.6)
    panel.legend(loc="center right", bbox_to_anchor=(0.985, 0.47))
    style.save(fig, path)


def _range(table: Any) -> str:
    low, high = table.meta["ENERGY_MIN_TEV"], table.meta["ENERGY_MAX_TEV"]
    return rf"${low:g} < E/\mathrm{{TeV}} < {high:g}$"
