"""Runs and Monte Carlo that a simulated site will have: known from its plan."""

from __future__ import annotations

from datetime import UTC, timedelta

from automagic.analysis import Analysis
from automagic.analysis.site import Conditions, Simulate, SimulatedOff, SimulatedRun
from automagic.errors import UserError
from automagic.index.inside import azimuth_middle, current
from automagic.index.periods import period
from automagic.index.runs import DataFile, McSet, Run
from automagic.index.zenith import horizontal
from automagic.mjd import mjd
from automagic.naming import DataName, McName

MC_GROUP = 8
"""The number between zenith range and run in the names of Monte Carlo, as in all public ones."""


def planned_runs(analysis: Analysis, kind: str) -> list[Run]:
    """Return the runs of a kind that the analysis's site simulates."""
    simulate = analysis.site.simulate
    if simulate is None:
        return []
    if kind == "off":
        return [planned_run(each, analysis, kind) for each in simulate.off]
    if analysis.data.level not in ("raw", "calibrated"):
        return []
    return [planned_run(each, analysis, kind) for each in simulate.runs]


def planned_run(plan: SimulatedRun | SimulatedOff, analysis: Analysis, kind: str) -> Run:
    """Return a run of a simulated site as it will be found. Raw files are simulated of the source only."""
    end = plan.start + timedelta(minutes=plan.minutes)
    # the night is named after the morning: noon to noon
    night = (plan.start + timedelta(hours=12)).strftime("%Y%m%d")
    source, ra, dec = placed(plan, analysis)
    places = [horizontal(ra, dec, plan.start + (end - plan.start) * part / 4) for part in range(5)]
    if max(zenith for zenith, _ in places) > 80:
        key = "simulate.off" if kind == "off" else "simulate.runs"
        raise UserError(
            f"{key}: run {plan.run:08d} at {plan.start:%Y-%m-%d %H:%M} UTC looks at {source} "
            f"at a zenith distance of {max(places)[0]:.0f}°",
            hint="Choose a time at which it stays below 80°.",
        )
    level = "raw" if kind == "observation" and analysis.data.level == "raw" else "calibrated"
    names = [
        DataName(night, plan.run, level, source, plan.wobble, telescope, subrun)
        for telescope in (1, 2)
        for subrun in range(1, plan.subruns + 1)
    ]
    zeniths = [zenith for zenith, _ in places]
    iso = names[0].date
    task = f"sim:{plan.run:08d}"
    pedestal, calibration = _calibration(plan, analysis, night) if level == "raw" else ((), ())
    simulate = analysis.site.simulate
    known = None if simulate is None else simulate.conditions(plan)
    light = _light(plan, known)
    nsb = sum(value for _, value in light) / len(light) if light else None if known is None else known.nsb
    haze = plan.haze_9km if isinstance(plan, SimulatedRun) else 1.0
    return Run(
        run=plan.run,
        night=iso,
        period=period(iso),
        source=source,
        wobble=plan.wobble,
        level=level,
        files=tuple(DataFile(name, task=task) for name in names),
        reports=tuple(DataFile(name.at("report"), task=task) for name in names) if level == "raw" else (),
        pedestal=pedestal,
        calibration=calibration,
        zenith=(round(min(zeniths), 1), round(max(zeniths), 1)),
        azimuth=round(azimuth_middle([azimuth for _, azimuth in places]) or 0.0, 1),
        start=plan.start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        minutes=plan.minutes,
        kind=kind,
        ra=ra,
        dec=dec,
        nsb=nsb,
        dc_na=None if known is None else current(nsb, known.hv),
        hv=None if known is None else known.hv,
        trigger=None if known is None else known.trigger,
        transmission=None if known is None else round((known.transmission or 1.0) * haze, 4),
        cloudiness=None if known is None else known.cloudiness,
        light=light,
    )


def placed(plan: SimulatedRun | SimulatedOff, analysis: Analysis) -> tuple[str, float, float]:
    """Return name and position (deg) of what a run of a simulated site looks at."""
    if isinstance(plan, SimulatedOff):
        return plan.name, plan.ra, plan.dec
    simulate = analysis.site.simulate
    own = None if simulate is None else simulate.source_of(plan)
    if own is None and analysis.sources:
        raise UserError(
            f"simulate.runs: run {plan.run:08d} names no source, and the analysis has {len(analysis.sources)}",
            hint='Write source = "NAME" there, and the source under [[simulate.sources]].',
        )
    target = None if simulate is None else simulate.target
    source = own or target or analysis.source
    return source.name, source.ra, source.dec


def _light(plan: SimulatedRun | SimulatedOff, known: Conditions | None) -> tuple[tuple[float, float], ...]:
    """Return the brightness at begin and end of a run in which it changes."""
    end = getattr(plan, "nsb_end", None)
    if end is None or known is None or known.nsb is None:
        return ()
    start = mjd(plan.start)
    return (start, known.nsb), (start + plan.minutes / 1440, end)


def _calibration(
    plan: SimulatedRun | SimulatedOff, analysis: Analysis, night: str
) -> tuple[tuple[DataFile, ...], tuple[DataFile, ...]]:
    """Return the pedestal and calibration files of a run; the simulation names them after the source's first run."""
    simulate = analysis.site.simulate
    pair = None if simulate is None else simulate.calibration_of(plan)
    if simulate is None or pair is None:
        return (), ()

    def files(run: int, level: str) -> tuple[DataFile, ...]:
        first = simulate.runs[0]
        source, _, _ = placed(first, analysis)
        names = (DataName(night, run, level, source, first.wobble, telescope, 1) for telescope in (1, 2))
        return tuple(DataFile(name, task=f"sim:{run:08d}") for name in names)

    return files(pair.pedestal, "pedestal"), files(pair.calibration, "calibration")


def planned_sets(simulate: Simulate | None) -> list[McSet]:
    """Return the Monte Carlo that a simulated site makes, by set."""
    if simulate is None:
        return []
    files: dict[tuple[str, str | None], list[DataFile]] = {}
    for name, when in planned_mc(simulate):
        task = sim_name(name, when)
        files.setdefault((name.set, when), []).append(DataFile(name, task=task))
    sets = []
    for (key, when), members in files.items():
        members.sort(key=lambda file: str(file.name))
        first = members[0].name
        assert isinstance(first, McName)  # planned_mc makes nothing else
        sets.append(
            McSet(
                key if when is None else f"{key}_{when}",
                first.zenith,
                first.geometry,
                first.level,
                tuple(members),
                period=when,
                nsb=simulate.nsb,
                trigger=simulate.trigger,
                hv=simulate.hv,
            )
        )
    return sets


def sim_name(name: McName, period: str | None) -> str:
    """Return the name of the task that simulates a pair of files of Monte Carlo."""
    return f"sim:{name.set}_{name.group}_{name.run}{'' if period is None else f'.{period}'}"


def planned_mc(simulate: Simulate) -> list[tuple[McName, str | None]]:
    """Return the Monte Carlo files that a simulated site makes, of both telescopes: their names and periods."""
    return [
        (
            McName(each.zenith, "calibrated", each.geometry, MC_GROUP, each.first_run + number, None, telescope),
            each.period,
        )
        for each in simulate.mc
        for number in range(each.files)
        for telescope in (1, 2)
    ]
