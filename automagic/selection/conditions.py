"""Under which conditions a run was taken, as classes in which Monte Carlo and models are made."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from automagic.index.inside import night_sky
from automagic.index.runs import Run

CATALOG = Path(__file__).resolve().parents[2] / "catalog"

DC_PER_NSB = 1000.0
"""Anode current in nA that stands for a night-sky background of one dark night's in the table of cleaning levels.

The cleaning levels of Ahnen et al. (2017) change at 2, 3, 5, 8 and 12 times the dark background, those of MarsUtil at
2000, 3000, 5000, 8000 and 12000 nA, to the same values; so the two are taken for the same steps.
"""

Range = tuple[float, float]


@cache
def _steps() -> dict[str, tuple[float, ...]]:
    """Return, by HV, the NSB levels up to which one pair of cleaning levels is used."""
    steps: dict[str, list[float]] = {}
    with (CATALOG / "cleaning_levels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            steps.setdefault(row["hv"], []).append(float(row["dc_max_na"]) / DC_PER_NSB)
    return {hv: tuple(sorted(levels)) for hv, levels in steps.items()}


def nsb_class(nsb: float | None, hv: str | None = None) -> str | None:
    """Return the class of a night-sky background: that within which one pair of cleaning levels is used.

    Parameters
    ----------
    nsb
        In units of a dark night's; `None` where not known.
    hv
        ``"nominal"`` or ``"reduced"``; where not known, nominal.

    Examples
    --------
    >>> nsb_class(1.0), nsb_class(2.4), nsb_class(9.0), nsb_class(9.0, "reduced"), nsb_class(None)
    ('dark', 'NSB 2–3', 'NSB above 8', 'NSB 8–12', None)
    """
    if nsb is None:
        return None
    edges = (0.0, *_steps()[hv or "nominal"])
    for low, high in pairwise(edges):
        if nsb <= high:
            return "dark" if low == 0 and hv != "reduced" else f"NSB {low:g}–{high:g}"
    return f"NSB above {edges[-1]:g}"


def nsb_of(run: Run) -> float | None:
    """Return the night-sky background of a run, from the anode current where nothing else tells."""
    return night_sky(run.dc_na, run.hv) if run.nsb is None else run.nsb


@cache
def zenith_ranges() -> tuple[Range, ...]:
    """Return the zenith ranges in degrees that MAGIC makes Monte Carlo for."""
    with (CATALOG / "mc_productions.csv").open(encoding="utf-8", newline="") as file:
        found = {(float(row["zenith_min"]), float(row["zenith_max"])) for row in csv.DictReader(file)}
    return tuple(sorted(found))


@cache
def tabled_periods() -> frozenset[str]:
    """Return the names of the periods whose nights are known."""
    with (CATALOG / "periods.csv").open(encoding="utf-8", newline="") as file:
        return frozenset(row["name"] for row in csv.DictReader(file))


@dataclass(frozen=True)
class Conditions:
    """What one set of Monte Carlo and models is made for; `None` where not known.

    Attributes
    ----------
    period
        MAGIC's name of it.
    zenith
        Range in degrees.
    nsb
        Class, see `nsb_class`.
    hv, trigger
        As of a run.
    """

    period: str | None
    zenith: Range | None
    nsb: str | None
    hv: str | None
    trigger: str | None

    def __str__(self) -> str:
        words = (
            self.period,
            None if self.zenith is None else f"{self.zenith[0]:g}–{self.zenith[1]:g}°",
            self.nsb,
            None if self.hv in (None, "nominal") else f"{self.hv} HV",
            {"sumt": "Sum-Trigger"}.get(self.trigger or ""),
        )
        return ", ".join(word for word in words if word) or "conditions not known"


def conditions(run: Run, ranges: Sequence[Range] | None = None) -> Conditions:
    """Return the conditions of a run.

    Parameters
    ----------
    run
        Its middle decides on the zenith range.
    ranges
        Zenith ranges to choose from, degrees; by default MAGIC's.
    """
    zenith = None
    if run.middle is not None:
        middle = run.middle
        zenith = next((each for each in ranges or zenith_ranges() if each[0] <= middle < each[1]), None)
    return Conditions(run.period, zenith, nsb_class(nsb_of(run), run.hv), run.hv, run.trigger)


def grouped(runs: Iterable[Run], ranges: Sequence[Range] | None = None) -> dict[Conditions, list[Run]]:
    """Group runs by their conditions, in the order in which these occur."""
    groups: dict[Conditions, list[Run]] = {}
    for run in runs:
        groups.setdefault(conditions(run, ranges), []).append(run)
    return groups


def separation(ra_1: float, dec_1: float, ra_2: float, dec_2: float) -> float:
    """Return the angle between two directions; all in degrees.

    Examples
    --------
    >>> round(separation(83.6333, 22.0145, 83.6333, 22.5145), 6), round(separation(359.5, 0, 0.5, 0), 6)
    (0.5, 1.0)
    """
    a1, d1, a2, d2 = (math.radians(each) for each in (ra_1, dec_1, ra_2, dec_2))
    haversine = math.sin((d2 - d1) / 2) ** 2 + math.cos(d1) * math.cos(d2) * math.sin((a2 - a1) / 2) ** 2
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(haversine))))
