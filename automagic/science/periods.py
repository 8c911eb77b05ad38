"""The light curve by MAGIC's periods: one flux for all runs that one Monte Carlo production describes.

A period is not one stretch of time: ST.03.18 was interrupted by the months in which M1 was broken. So runs are taken
together by their period, not by an interval of time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automagic.errors import UserError
from automagic.science import style
from automagic.science.errors import DataError
from automagic.science.settings import Settings

UNIT = "cm-2 s-1"


@dataclass(frozen=True)
class Points:
    """Fluxes by period.

    Attributes
    ----------
    names
        Of the periods, in the order of their first runs.
    members
        Numbers of the runs of each, as places among all runs.
    table
        `astropy.table.QTable` with a row a period: first and last moment (MJD, UTC), hours, runs, flux and its error,
        upper limit, significance.
    without
        How many runs are in no known period.
    """

    names: list[str]
    members: list[list[int]]
    table: Any
    without: int

    def column(self, name: str) -> Any:
        """Return the numbers of a column of fluxes in cm-2 s-1."""
        return self.table[name].to_value(UNIT)


def intervals(settings: Settings) -> list[tuple[str, str, str]]:
    """Return name, first and last night (dates of the mornings) of the card's periods; none where it has none.

    Examples
    --------
    >>> intervals(Settings("lightcurve", {"LightCurve.Periods": "ST.03.06 2014-11-24 2016-04-28"}))
    [('ST.03.06', '2014-11-24', '2016-04-28')]
    """
    text = settings.text("LightCurve.Periods")
    found = []
    for part in () if text == "none" else text.split(";"):
        words = part.split()
        if len(words) != 3 or words[1] > words[2]:
            raise UserError(
                f"{settings.name}: LightCurve.Periods: {part.strip()!r} is not a name with its first and last night",
                hint="Write NAME YYYY-MM-DD YYYY-MM-DD, and ; between periods.",
            )
        found.append((words[0], words[1], words[2]))
    return found


def night(dataset: Any) -> str:
    """Return the night of a run as MAGIC names it: the date of its morning, from noon to noon UTC."""
    from astropy.time import Time

    return Time(int(dataset.gti.time_start[0].utc.mjd + 0.5), format="mjd", scale="utc").strftime("%Y-%m-%d")


def estimate(runs: Any, model: Any, known: list[tuple[str, str, str]], energies: Any) -> Points:
    """Fit the norm of a model to the runs of each period together.

    Parameters
    ----------
    runs
        Datasets of the runs; each has the response of its own Monte Carlo.
    model
        Its shape counts.
    known
        Of `intervals`.
    energies
        From and to.

    Raises
    ------
    DataError
        No run is in any of the periods.
    """
    from astropy import units as u
    from astropy.table import QTable
    from gammapy.datasets import Datasets
    from gammapy.estimators import FluxPointsEstimator

    members: dict[str, list[int]] = {}
    for place in sorted(range(len(runs)), key=lambda each: runs[each].gti.time_start[0].mjd):
        when = night(runs[place])
        name = next((name for name, first, last in known if first <= when <= last), None)
        if name is not None:
            members.setdefault(name, []).append(place)
    if not members:
        raise DataError("none of the runs is in a known period", hint="Leave lightcurve.periods out.")
    rows = []
    for name, places in members.items():
        group = Datasets([runs[place] for place in places])
        estimator = FluxPointsEstimator(
            energy_edges=energies, source=model.name, selection_optional=["errn-errp", "ul"]
        )
        point = estimator.run(group).to_table(sed_type="flux")
        starts, stops = ([getattr(each.gti, key) for each in group] for key in ("time_start", "time_stop"))
        rows.append(
            (
                name,
                min(each.utc.mjd.min() for each in starts) * u.d,
                max(each.utc.mjd.max() for each in stops) * u.d,
                sum(each.gti.time_sum for each in group).to("h"),
                len(places),
                *(point[key].quantity[0].to(UNIT) for key in ("flux", "flux_err", "flux_ul")),
                float(point["sqrt_ts"][0]),
            )
        )
    columns = ("period", "mjd_min", "mjd_max", "hours", "runs", "flux", "flux_err", "flux_ul", "sqrt_ts")
    table = QTable(rows=rows, names=columns)
    used = sum(len(places) for places in members.values())
    return Points(list(members), list(members.values()), table, len(runs) - used)


def draw(
    points: Points, runs: Any, fit: Any, crab: float, energies: Any, title: str, simulated: bool, path: Path
) -> None:
    """Draw the flux of each period, its runs behind it, and the constant that fits best.

    Parameters
    ----------
    points
        Of `estimate`.
    runs
        The curve run by run (`automagic.science.lightcurve.Curve`), in the order of time.
    fit
        `automagic.science.lightcurve.Constancy` of the periods.
    crab
        Flux of the Crab Nebula in cm-2 s-1.
    energies, title, simulated, path
        From and to, what to write above, whether to mark it, the PNG.
    """
    import numpy as np

    fig, (panel,) = style.figure(max(5.6, 1.5 * len(points.names) + 1.2), (3.8,))
    power = 10.0 ** np.floor(np.log10(max(fit.mean, 1e-14)))
    place = np.arange(len(points.names), dtype=float)
    panel.axhspan((fit.mean - fit.error) / power, (fit.mean + fit.error) / power, color=style.BAND, alpha=0.6, lw=0)
    said = (
        rf": $\chi^2/\mathrm{{dof}} = {fit.chi2:.1f}/{fit.freedom}$, $p$ = {fit.p_value:.2g}" if fit.freedom > 0 else ""
    )
    panel.axhline(fit.mean / power, color=style.MODEL, label=f"constant{said}")
    panel.axhline(crab / power, color=style.REFERENCE, ls=(0, (5, 3)), lw=1.2, label="Crab Nebula, MAGIC 2015")
    for number, members in enumerate(points.members):
        spread = number + np.linspace(-0.28, 0.28, len(members)) if len(members) > 1 else np.array([number + 0.2])
        label = "run" if number == 0 else None
        flux, error = runs.flux[members] / power, runs.error[members] / power
        panel.errorbar(spread, flux, error, fmt="o", ms=3.5, color=style.OFF, elinewidth=1, label=label, zorder=2)
    flux, error = points.column("flux") / power, points.column("flux_err") / power
    panel.errorbar(place, flux, error, **style.POINT | {"ms": 7.5, "elinewidth": 1.8}, label="period", zorder=3)
    top = max(np.nanmax((runs.flux + runs.error) / power), np.nanmax(flux + error), crab / power)
    panel.set_ylim(0, 1.55 * top)
    panel.set_xlim(-0.6, len(place) - 0.4)
    panel.set_xticks(place, [_words(points, number) for number in range(len(place))], fontsize=9.5)
    panel.tick_params(axis="x", which="both", length=0)
    low, high = energies.to_value("TeV")
    panel.set_ylabel(
        rf"$F\,({low:.2g} < E/\mathrm{{TeV}} < {high:.2g})$"
        rf"  [$10^{{{int(np.log10(power))}}}$ cm$^{{-2}}$ s$^{{-1}}$]"
    )
    panel.set_title(title)
    if simulated:
        style.mark_simulated(panel)
    panel.legend(loc="upper left", ncols=2, columnspacing=1.4)
    style.save(fig, path)


def _words(points: Points, number: int) -> str:
    """Name a period with its first and last month and its time."""
    from astropy.time import Time

    row = points.table[number]
    months = [Time(row[key].to_value("d"), format="mjd").strftime("%Y-%m") for key in ("mjd_min", "mjd_max")]
    when = months[0] if months[0] == months[1] else f"{months[0]} to {months[1]}"
    count = f"{row['runs']} run{'' if row['runs'] == 1 else 's'}"
    return f"{row['period']}\n{when}\n{count}, {row['hours'].to_value('h'):.1f} h"
