"""The checks that a run has to pass, in their order. What is not known of a run is not held against it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from automagic.analysis import Analysis
from automagic.analysis.sections import Source
from automagic.index.runs import Run
from automagic.naming import DataName
from automagic.naming.names import PER_TELESCOPE
from automagic.selection.conditions import nsb_of, separation
from automagic.selection.defaults import limits

FIELD_DEG = 1.75
"""Half the field of view of MAGIC's cameras, 3.5° (Aleksic et al. 2016, Astropart. Phys. 72, 61)."""


class Reason(NamedTuple):
    """Why a run is left out, and a sentence about the run.

    The key is that of ``[data]``, or ``"telescope"``, ``"calibration"``, ``"reports"`` for what a run lacks.
    """

    key: str
    text: str


class Judge:
    """The limits of an analysis, made ready for many runs."""

    def __init__(self, analysis: Analysis, *, off: bool = False) -> None:
        self.analysis = analysis
        self.data = analysis.data
        self.limits = limits(analysis, off=off)
        self.runs = frozenset(self.data.runs)
        self.exclude = frozenset(self.data.exclude)
        self.sources = names(analysis)
        self.dates = None if self.data.dates is None else tuple(each.isoformat() for each in self.data.dates)
        self.nights = frozenset(each.isoformat() for each in self.data.nights or ())

    def limit(self, key: str, value: str) -> str:
        """Name a limit: ``"data.nsb, 2–3"``, or ``"the usual 0–2"`` where the analysis does not say."""
        return f"the usual {value}" if key in self.limits.usual else f"data.{key}, {value}"


def names(analysis: Analysis) -> tuple[str, ...]:
    """Return the names of sources that runs of an analysis may have."""
    return analysis.data.source or tuple(each.name for each in analysis.known)


def nearest(analysis: Analysis, ra: float, dec: float) -> tuple[float, Source]:
    """Return the source of an analysis that is nearest to a place, and the angle to it; all in degrees."""
    return min(
        ((separation(ra, dec, each.ra, each.dec), each) for each in analysis.known),
        key=lambda found: found[0],
    )


def owner(analysis: Analysis, run: Run) -> Source | None:
    """Return the source of a catalogue that a run is of; of those taken there always is one."""
    cone = analysis.data.cone
    if cone is not None and run.ra is not None and run.dec is not None:
        away, source = nearest(analysis, run.ra, run.dec)
        return source if away <= cone else None
    return next((each for each in analysis.known if each.name == run.source), None)


Check = Callable[[Judge, Run], str | None]


def _asked(judge: Judge, run: Run) -> str | None:
    return "not in data.runs" if judge.runs and run.run not in judge.runs else None


def _excluded(judge: Judge, run: Run) -> str | None:
    return "in data.exclude" if run.run in judge.exclude else None


def _source(judge: Judge, run: Run) -> str | None:
    cone = judge.data.cone
    if cone is not None and run.ra is not None and run.dec is not None:
        away, source = nearest(judge.analysis, run.ra, run.dec)
        if judge.analysis.sources and away > cone:
            return f"it looks {away:.2f}° past {source.name}, the nearest of [[sources]], beyond data.cone, {cone:g}°"
        return None if away <= cone else f"its source {run.source} is {away:.2f}° away, beyond data.cone, {cone:g}°"
    return None if run.source in judge.sources else f"its source is {run.source}"


def itself(judge: Judge, run: Run) -> str | None:
    if run.source in judge.sources:
        return f"it looks at {run.source} itself"
    if judge.analysis.sources and run.ra is not None and run.dec is not None:
        away, source = nearest(judge.analysis, run.ra, run.dec)
        if away < FIELD_DEG:
            return f"{source.name} of [[sources]] is in its field of view, {away:.2f}° from {run.source}"
    return None


def _dates(judge: Judge, run: Run) -> str | None:
    if judge.dates is None or judge.dates[0] <= run.night <= judge.dates[1]:
        return None
    return f"its night {run.night} is outside data.dates"


def _nights(judge: Judge, run: Run) -> str | None:
    return f"its night {run.night} is not in data.nights" if judge.nights and run.night not in judge.nights else None


def _periods(judge: Judge, run: Run) -> str | None:
    asked = judge.data.periods
    if asked is None or run.period is None or run.period in asked:
        return None
    return f"its period {run.period} is not in data.periods"


def _telescope(judge: Judge, run: Run) -> str | None:
    """Say which telescope a run lacks, or `None`."""
    if run.level not in PER_TELESCOPE:
        return None
    for telescope in (1, 2):
        if not run.of(telescope):
            return f"it has no {run.level} file of M{telescope}"
    return None


def _calibration(judge: Judge, run: Run) -> str | None:
    """Say which calibration run a raw run lacks, or `None`."""
    if run.level != "raw":
        return None
    for kind in ("pedestal", "calibration"):
        for telescope in (1, 2):
            if not run.daq(kind, telescope):
                return f"M{telescope} has no {kind} run of its night, {run.night}"
    return None


def _reports(judge: Judge, run: Run) -> str | None:
    """Say which subruns of a raw run have no report: without it nothing tells where the telescope pointed."""
    if run.level != "raw":
        return None
    lacking = [
        f"{name.subrun:03d} of M{name.telescope}"
        for name in (file.name for file in run.files)
        if isinstance(name, DataName) and ((report := run.report(name)) is None or report.size == 0)
    ]
    if not lacking:
        return None
    more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
    return f"the report of subrun {', '.join(lacking[:3])}{more} is missing or empty"


def _trigger(judge: Judge, run: Run) -> str | None:
    asked = judge.limits.trigger
    if run.trigger is None or run.trigger in asked:
        return None
    return f"its trigger is {run.trigger}, not {judge.limit('trigger', ' or '.join(asked))}"


def _hv(judge: Judge, run: Run) -> str | None:
    asked = judge.limits.hv
    if run.hv is None or run.hv in asked:
        return None
    return f"its HV is {run.hv}, not {judge.limit('hv', ' or '.join(asked))}"


def _wobbles(judge: Judge, run: Run) -> str | None:
    asked = judge.data.wobbles
    if asked is None:
        return None
    if run.wobble is None:
        return "it has no wobble position"
    if any(run.wobble == each or (len(each) == 5 and run.wobble.startswith(each)) for each in asked):
        return None
    return f"its wobble position {run.wobble} is not in data.wobbles"


def _zenith(judge: Judge, run: Run) -> str | None:
    low, high = judge.limits.zenith
    if run.middle is None or low <= run.middle <= high:
        return None
    return f"its zenith {run.middle:.1f}° is outside {judge.limit('zenith', f'{low:g}–{high:g}°')}"


def _azimuth(judge: Judge, run: Run) -> str | None:
    if judge.data.azimuth is None or run.azimuth is None:
        return None
    first, last = judge.data.azimuth
    inside = first <= run.azimuth <= last if first <= last else run.azimuth >= first or run.azimuth <= last
    return None if inside else f"its azimuth {run.azimuth:.0f}° is outside data.azimuth, {first:g}–{last:g}°"


def _nsb(judge: Judge, run: Run) -> str | None:
    low, high = judge.limits.nsb
    nsb = nsb_of(run)
    if nsb is None or low <= nsb <= high:
        return None
    return f"its NSB {nsb:.3g} is outside {judge.limit('nsb', f'{low:g}–{high:g}')}"


def _transmission(judge: Judge, run: Run) -> str | None:
    least = judge.limits.transmission
    if run.transmission is None or run.transmission >= least:
        return None
    return f"its transmission {run.transmission:.3g} is below {judge.limit('transmission', f'{least:g}')}"


def _cloudiness(judge: Judge, run: Run) -> str | None:
    most = judge.limits.cloudiness
    if run.cloudiness is None or run.cloudiness <= most:
        return None
    return f"its cloudiness {run.cloudiness:.3g} % is above {judge.limit('cloudiness', f'{most:g} %')}"


def _rate(judge: Judge, run: Run) -> str | None:
    if judge.data.rate is None or run.rate is None or judge.data.rate[0] <= run.rate <= judge.data.rate[1]:
        return None
    low, high = judge.data.rate
    return f"its rate {run.rate:.0f} Hz is outside data.rate, {low:g}–{high:g} Hz"


def _minutes(judge: Judge, run: Run) -> str | None:
    least = judge.data.minutes_min
    if least is None or run.minutes is None or run.minutes >= least:
        return None
    return f"its {run.minutes:.3g} min are below data.minutes_min, {least:g} min"


CHECKS: tuple[tuple[str, Check], ...] = (
    ("runs", _asked),
    ("exclude", _excluded),
    ("source", _source),
    ("dates", _dates),
    ("nights", _nights),
    ("periods", _periods),
    ("telescope", _telescope),
    ("calibration", _calibration),
    ("reports", _reports),
    ("trigger", _trigger),
    ("hv", _hv),
    ("wobbles", _wobbles),
    ("zenith", _zenith),
    ("azimuth", _azimuth),
    ("nsb", _nsb),
    ("transmission", _transmission),
    ("cloudiness", _cloudiness),
    ("rate", _rate),
    ("minutes_min", _minutes),
)
"""In the order in which a reason is looked for."""

SKY = ("trigger", "hv", "nsb", "transmission", "cloudiness")
"""The limits that off runs have to keep as well; there is always one."""

UNKNOWN: dict[str, tuple[str, Callable[[Run], Any]]] = {
    "cone": ("position", lambda run: run.ra),
    "periods": ("period", lambda run: run.period),
    "trigger": ("trigger", lambda run: run.trigger),
    "hv": ("HV", lambda run: run.hv),
    "zenith": ("zenith distance", lambda run: run.middle),
    "azimuth": ("azimuth", lambda run: run.azimuth),
    "nsb": ("NSB level", nsb_of),
    "transmission": ("transmission", lambda run: run.transmission),
    "cloudiness": ("cloudiness", lambda run: run.cloudiness),
    "rate": ("rate", lambda run: run.rate),
    "minutes_min": ("length", lambda run: run.minutes),
}
"""What a run may not tell, by key of ``[data]``: in words, and where it is."""
