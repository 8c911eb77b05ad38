"""Finding runs and Monte Carlo: in storage by name, or in the plan of a simulated site."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, timedelta
from pathlib import Path

from automagic.analysis import Analysis
from automagic.analysis.site import Simulate, SimulatedOff, SimulatedRun, Site
from automagic.errors import UserError
from automagic.index.drive import zenith_range
from automagic.index.periods import period
from automagic.index.public import fetch
from automagic.index.runs import DataFile, McSet, Run
from automagic.index.zenith import horizontal
from automagic.naming import DataName, McName, parse

MC_GROUP = 8
"""The number between zenith range and run in the names of Monte Carlo, as in all public ones."""


def find_runs(analysis: Analysis, kind: str) -> list[Run]:
    """Find all runs of a kind, in the order of their numbers.

    Parameters
    ----------
    analysis
        Its site says where.
    kind
        ``"observation"`` or ``"off"``.

    Returns
    -------
    list of Run
        Also those with a telescope missing; `automagic.index.select` chooses.
    """
    site = analysis.site
    if kind == "observation":
        level = analysis.data.level
        paths = list(_walk(site, "storage.roots", site.storage.roots))
        if level == "dl3" and site.storage.public is not None:
            paths += fetch(site.storage.public)
        found = _grouped(paths, (level,), kind)
        if level == "calibrated" and site.simulate is not None:
            found += [planned_run(each, analysis, kind) for each in site.simulate.runs]
    else:
        paths = list(_walk(site, "storage.off", site.storage.off))
        found = _grouped(paths, ("calibrated", "star", "superstar"), kind)
        if site.simulate is not None:
            found += [planned_run(each, analysis, kind) for each in site.simulate.off]
    return sorted(found, key=lambda run: run.run)


def find_mc(analysis: Analysis) -> list[McSet]:
    """Find the Monte Carlo sets, each at the latest level that storage has it at, in the order of zenith."""
    site = analysis.site
    files: dict[tuple[str, str], list[DataFile]] = defaultdict(list)
    for path in _walk(site, "storage.mc", site.storage.mc):
        name = _name(path)
        if isinstance(name, McName):
            files[name.set, name.level].append(DataFile(name, path=path))
    for name in planned_mc(site.simulate) if site.simulate is not None else ():
        task = f"sim:{name.set}_{name.group}_{name.run}"
        files[name.set, name.level].append(DataFile(name, task=task))
    sets: dict[str, McSet] = {}
    for level in ("calibrated", "star", "superstar", "melibea"):
        for (key, at), members in files.items():
            first = members[0].name
            if at == level and isinstance(first, McName):
                members.sort(key=lambda file: str(file.name))
                sets[key] = McSet(key, first.zenith, first.geometry, level, tuple(members))
    return sorted(sets.values(), key=lambda each: (each.zenith, each.geometry))


def planned_mc(simulate: Simulate) -> list[McName]:
    """Return the names of the Monte Carlo files that a simulated site makes, of both telescopes."""
    return [
        McName(each.zenith, "calibrated", each.geometry, MC_GROUP, each.first_run + number, None, telescope)
        for each in simulate.mc
        for number in range(each.files)
        for telescope in (1, 2)
    ]


def planned_run(plan: SimulatedRun | SimulatedOff, analysis: Analysis, kind: str) -> Run:
    """Return a run of a simulated site as it will be found."""
    end = plan.start + timedelta(minutes=plan.minutes)
    # the night is named after the morning: noon to noon
    night = (plan.start + timedelta(hours=12)).strftime("%Y%m%d")
    source, ra, dec = analysis.source.name, analysis.source.ra, analysis.source.dec
    if isinstance(plan, SimulatedOff):
        source, ra, dec = plan.name, plan.ra, plan.dec
    places = [horizontal(ra, dec, plan.start + (end - plan.start) * part / 4) for part in range(5)]
    if max(zenith for zenith, _ in places) > 80:
        key = "simulate.off" if kind == "off" else "simulate.runs"
        raise UserError(
            f"{key}: run {plan.run:08d} at {plan.start:%Y-%m-%d %H:%M} UTC looks at {source} "
            f"at a zenith distance of {max(places)[0]:.0f}°",
            hint="Choose a time at which it stays below 80°.",
        )
    names = [
        DataName(night, plan.run, "calibrated", source, plan.wobble, telescope, subrun)
        for telescope in (1, 2)
        for subrun in range(1, plan.subruns + 1)
    ]
    simulate = analysis.site.simulate
    zeniths = [zenith for zenith, _ in places]
    return Run(
        run=plan.run,
        night=_iso(night),
        period=period(_iso(night)),
        nsb=None if simulate is None else simulate.nsb,
        source=source,
        wobble=plan.wobble,
        level="calibrated",
        files=tuple(DataFile(name, task=f"sim:{plan.run:08d}") for name in names),
        zenith=(round(min(zeniths), 1), round(max(zeniths), 1)),
        azimuth=round(places[2][1], 1),
        start=plan.start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        minutes=plan.minutes,
        kind=kind,
    )


def _grouped(paths: list[Path], levels: tuple[str, ...], kind: str) -> list[Run]:
    """Group files by run; of several levels the latest counts, of equal names the first folder's file."""
    runs: dict[int, dict[str, dict[str, DataFile]]] = defaultdict(lambda: defaultdict(dict))
    for path in paths:
        name = _name(path)
        if isinstance(name, DataName) and name.level in levels:
            runs[name.run][name.level].setdefault(str(name), DataFile(name, path=path))
    found = []
    for number, by_level in runs.items():
        level = max(by_level, key=levels.index)
        files = tuple(file for _, file in sorted(by_level[level].items()))
        found.append(_run(number, level, files, kind))
    return found


def _run(number: int, level: str, files: tuple[DataFile, ...], kind: str) -> Run:
    names = [file.name for file in files if isinstance(file.name, DataName)]
    differing = {(name.night, name.source, name.wobble) for name in names}
    if len(differing) > 1:
        raise UserError(
            f"run {number:08d}: its files do not belong together: {names[0]} and {names[-1]}",
            hint="The night, source and wobble position of a run are the same in all of its files' names.",
        )
    first = names[0]
    night = _iso(first.night)
    return Run(
        number,
        night,
        first.source,
        first.wobble,
        level,
        files,
        zenith=zenith_range(files),
        period=period(night),
        kind=kind,
    )


def _walk(site: Site, key: str, folders: list[str]) -> Iterable[Path]:
    for text in folders:
        folder = site.place(text)
        if not folder.is_dir():
            raise UserError(f"{key}: there is no folder {folder}", hint="Correct it in site.toml.")
        yield from sorted(path for path in folder.rglob("*") if path.is_file())


def _iso(night: str) -> str:
    return f"{night[:4]}-{night[4:6]}-{night[6:]}"


def _name(path: Path) -> DataName | McName | None:
    try:
        name = parse(path.name)
    except ValueError:
        return None
    return name if isinstance(name, DataName | McName) else None
