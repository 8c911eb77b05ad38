"""Which minutes of a run pass the cuts of the card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from openmars.core import Env, ProgramError
from openmars.io.times import SECONDS_PER_DAY
from openmars.quality.conditions import Conditions

MARGIN_S = 1.0
"""An interval at the begin or end of a run goes on for so long, that no event is left at its edge."""


@dataclass(frozen=True)
class Cut:
    """A condition, which values are bad, and what to call them; `telescope` 0 where it is common to both."""

    condition: str
    bad: Callable[[np.ndarray], np.ndarray]
    why: str
    telescope: int = 0


@dataclass(frozen=True)
class Cuts:
    """All cuts of the card.

    Attributes
    ----------
    zenith, azimuth
        Where runs have to be.
    others
        The rest.
    slice_s, min_s
        Length of the slices in which a run is judged, and how much of it has to be good, s.
    """

    zenith: Cut
    azimuth: Cut
    others: tuple[Cut, ...]
    slice_s: float
    min_s: float

    @property
    def all(self) -> tuple[Cut, ...]:
        """In the order in which reasons are given."""
        return self.zenith, self.azimuth, *self.others


def read_cuts(env: Env) -> Cuts:
    """Take the cuts from the card."""
    number = env.get_float
    zd, az = (number("ZdMin", 0.0), number("ZdMax", 90.0)), (number("AzMin", 0.0), number("AzMax", 360.0))
    if zd[0] >= zd[1]:
        raise ProgramError(f"ZdMin {zd[0]:g} and ZdMax {zd[1]:g}: expected ZdMin below ZdMax")
    slice_s, min_s = number("Quate.SliceLength", 60.0), number("Quate.MinDuration", 0.0)
    if slice_s < 1:
        raise ProgramError(f"Quate.SliceLength: {slice_s:g}; expected at least 1 s")
    others: list[Cut] = []
    limits = (
        ("UseDCCuts", True, "DCMax", 2000.0, ("dc_1", "dc_2"), "current", "nA", True),
        ("UseAerosolTrans9km", True, "MinAerosolTrans9km", 0.85, ("transmission",), "transmission", "", False),
        ("UseCloudCuts", True, "CloudinessMax", 45.0, ("cloudiness",), "cloudiness", "%", True),
        ("UseNumberStarsCuts", False, "NumberStarsMin", 20.0, ("stars_1", "stars_2"), "stars", "", False),
    )
    for use, used, key, default, names, word, unit, is_maximum in limits:
        limit, used = number(key, default), env.get_bool(use, used)
        if not used:
            continue
        for name in names:
            telescope = int(name[-1]) if name[-1].isdigit() else 0
            of = f" of M{telescope}" if telescope else ""
            why = f"{word}{of} {'above' if is_maximum else 'below'} {limit:g} {unit}".strip()
            others.append(Cut(name, _above(limit) if is_maximum else _below(limit), why, telescope))
    return Cuts(
        Cut("zenith", lambda values: (values < zd[0]) | (values > zd[1]), f"zenith not {zd[0]:g} to {zd[1]:g} deg"),
        Cut("azimuth", _outside(*az), f"azimuth not {az[0]:g} to {az[1]:g} deg"),
        tuple(others),
        slice_s,
        min_s,
    )


def _above(limit: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda values: values > limit


def _below(limit: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda values: values < limit


def _outside(low: float, high: float) -> Callable[[np.ndarray], np.ndarray]:
    """Azimuths outside of a range, which goes through north where `low` is above `high`."""
    if low <= high:
        return lambda values: (values < low) | (values > high)
    return lambda values: (values < low) & (values > high)


@dataclass(frozen=True)
class Verdict:
    """What the cuts make of a run.

    Attributes
    ----------
    kind
        ``good``, ``bad``, ``out-of-zd`` or ``out-of-az``.
    good_s
        How much of it is good, s.
    excluded
        First and last MJD of each bad interval, and why, by telescope: 1 and 2 what its own reports tell, 0 all.
    unknown
        Conditions that are cut on, but not reported.
    """

    kind: str
    good_s: float
    excluded: dict[int, list[tuple[float, float, str]]]
    unknown: tuple[str, ...]


def judge(run: Conditions, cuts: Cuts, in_slices: bool) -> Verdict:
    """Judge a run: in slices, or as a whole by its means. What is not reported is not cut on.

    Parameters
    ----------
    run
        Its reports.
    cuts
        Of the card.
    in_slices
        Whether to find its bad minutes.
    """
    length = (run.stop - run.start) * SECONDS_PER_DAY
    n = max(1, round(length / cuts.slice_s)) if in_slices else 1
    edges = np.linspace(run.start, run.stop, n + 1)
    bad = {}
    for cut in cuts.all:
        if cut.condition in run.series:
            values = run.during(cut.condition, edges) if in_slices else np.array([run.mean(cut.condition)])
            bad[cut] = cut.bad(values)
    unknown = tuple(cut.condition for cut in cuts.all if cut not in bad)
    any_bad = np.any([*bad.values(), np.zeros(n, bool)], axis=0)
    good_s = run.duration * float(np.mean(~any_bad))
    kind = "good"
    if good_s <= 0 or (in_slices and good_s < cuts.min_s):
        kind = "bad"
    for cut, name in ((cuts.azimuth, "out-of-az"), (cuts.zenith, "out-of-zd")):
        if cut in bad and bad[cut].all():
            kind = name
    if in_slices and kind == "bad" and not any_bad.all():
        any_bad = np.ones(n, bool)
        bad[Cut("duration", _below(0), f"less than {cuts.min_s:g} s are good")] = any_bad
    excluded = {
        t: _intervals(edges, {c: b for c, b in bad.items() if t in (0, c.telescope)}, run.run) for t in (0, 1, 2)
    }
    return Verdict(kind, 0.0 if kind != "good" else good_s, excluded, unknown)


def _intervals(edges: np.ndarray, bad: dict[Cut, np.ndarray], run: int) -> list[tuple[float, float, str]]:
    """Slices that fail a cut, neighbours as one."""
    n = len(edges) - 1
    any_bad = np.any([*bad.values(), np.zeros(n, bool)], axis=0)
    steps = np.flatnonzero(np.diff(np.concatenate([[0], any_bad, [0]])))
    out = []
    for first, last in zip(steps[::2], steps[1::2], strict=True):
        why = ", ".join(cut.why for cut, values in bad.items() if values[first:last].any())
        start = edges[first] - (MARGIN_S / SECONDS_PER_DAY if first == 0 else 0.0)
        stop = edges[last] + (MARGIN_S / SECONDS_PER_DAY if last == n else 0.0)
        out.append((float(start), float(stop), f"run {run:08d}: {why}"))
    return out
