"""From an analysis to its tasks, joined by the files that they hand on. Nothing runs here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from automagic.analysis import Analysis
from automagic.graph.build import Build
from automagic.graph.catalogue import add_sources, with_mc
from automagic.graph.data import run_conditions, superstar_input
from automagic.graph.models import models
from automagic.graph.moon import by_level, mc_of, times_of
from automagic.graph.refine import refined
from automagic.graph.task import Input, Task
from automagic.index import McSet, Run, find_mc, find_runs
from automagic.kinds import KINDS
from automagic.naming import DataName
from automagic.programs import PROGRAMS, Setup, magic_dl3, melibea, pulsar, quate, science
from automagic.programs.base import check_overrides
from automagic.programs.inputs import made_inputs, source_input
from automagic.programs.unchecked import check_unchecked
from automagic.selection import select
from automagic.selection.levels import labels
from automagic.selection.matching import mc_remarks

DL3_CHECKS: dict[str, object] = {"fits": True, "hdus": ["EVENTS"]}
"""What must be true of a DL3 file that the science steps read."""


@dataclass(frozen=True)
class Graph:
    """All tasks of an analysis.

    Attributes
    ----------
    tasks
        By name, each after those whose outputs it reads.
    runs
        The runs taken, first those of the source, then the off runs.
    mc_sets
        The Monte Carlo sets used.
    notes
        What the selection left out and why, and what is unusual.
    selection
        A row for each run that was looked at: taken or not, the reason, its conditions.
    """

    tasks: dict[str, Task]
    runs: list[Run]
    mc_sets: list[McSet]
    notes: list[str]
    selection: list[dict[str, Any]] = field(default_factory=list)


def expand(analysis: Analysis) -> Graph:
    """Make all tasks of an analysis.

    Parameters
    ----------
    analysis
        As `automagic.analysis.load` gives it.

    Returns
    -------
    Graph

    Raises
    ------
    UserError
        Where a card override is wrong, no run remains, or storage is not there.
    """
    folders = analysis.marssys(analysis.engine), analysis.marssys("openmars")
    setup = Setup(analysis.engine, *folders, analysis.cards, image_cards(analysis), KINDS[analysis.kind].cards)
    setup = replace(setup, unchecked=analysis.unchecked, levels=labels() if analysis.kind == "moon" else ())
    check_overrides(setup, PROGRAMS, str(analysis.folder / "analysis.toml"))
    check_unchecked(setup, PROGRAMS, str(analysis.folder / "analysis.toml"))
    selection = select(analysis, find_runs(analysis, "observation"))
    if analysis.sources:
        selection = with_mc(analysis, selection)
    build = Build(analysis, setup, notes=list(selection.notes))
    if analysis.sources:
        add_sources(build, selection, dl3_inputs(build, selection.runs))
    else:
        add_science(build, dl3_inputs(build, selection.runs))
    return Graph(build.tasks, [*selection.runs, *build.off_used], build.mc_used, build.notes, selection.rows())


def image_cards(analysis: Analysis) -> dict[str, dict[str, str]]:
    """Return the default cards of the engines that have an image, from what is recorded of it."""
    found = {}
    for engine, each in analysis.site.engines.items():
        if each.image is not None:
            from automagic.images import read

            found[str(engine)] = dict(read(analysis.site.place(each.image)).cards)
    return found


def dl3_inputs(build: Build, runs: list[Run]) -> list[Input]:
    """Bring all runs to DL3; return inputs of the science steps."""
    if build.analysis.data.level == "dl3":
        files = [(run, source_input("dl3", file, DL3_CHECKS)) for run in runs for file in build.fetched(run).files]
        return [refined(build.alone(run), run, file, None) for run, file in files]
    sets = find_mc(build.analysis)
    return [each for of_level, several in by_level(build, runs) for each in _chain(of_level, several, sets)]


def _chain(build: Build, runs: list[Run], sets: list[McSet]) -> list[Input]:
    """Bring the runs of one level to DL3, with models of their own."""
    chosen = [(run, *mc_of(build, run, sets)) for run in runs]
    trained: dict[str, tuple[list[Input], list[Input]]] = {}
    inputs: list[Input] = []
    for run, mc, problem in chosen:
        if mc is not None and mc.name not in trained:
            if mc not in build.mc_used:
                build.mc_used.append(mc)
            users = [other for other, its, _ in chosen if its is not None and its.name == mc.name]
            trained[mc.name] = models(build, mc, users)
        made, test = trained[mc.name] if mc is not None else ([], [])
        for text in mc_remarks(run, mc) if mc is not None else ():
            build.note(text)
        if mc is not None and mc.level == "melibea" and run.level != "melibea":
            problem = f"{mc.name} is there at melibea level only, and without the forests that made it"
        inputs += dl3_of(build, run, made, test, problem)
    return inputs


def dl3_of(build: Build, run: Run, made: list[Input], test: list[Input], problem: str | None) -> list[Input]:
    """Bring a run to DL3; `problem` stops it at the first task that needs the Monte Carlo."""
    what, conditions = f"{run.run:08d}", run_conditions(run)
    name = run.files[0].name
    assert isinstance(name, DataName)
    checks = magic_dl3.melibea_checks(run.run)
    if run.level == "melibea":
        data = source_input("data", build.fetched(run).files[0], checks)
    else:
        name = name.at("superstar")
        source = superstar_input(build, run, "data", melibea.data_checks(name))
        times = times_of(build, run, what, quality_times(build, what, source, conditions), conditions)
        energy = build.analysis.reconstruction.energy
        applied = melibea.task(build.setup, what, name, source, made, energy, conditions, problem, times)
        data = made_inputs("data", build.add(applied), checks)[0]
    task = magic_dl3.task(build.setup, what, name, data, test, conditions, problem, magic_dl3.values(build.analysis))
    return [refined(build.alone(run), run, dl3, data) for dl3 in made_inputs("dl3", build.add(task), DL3_CHECKS)]


def quality_times(build: Build, what: str, data: Input, conditions: dict[str, object]) -> list[Input]:
    """Have quate judge a run's minutes, where the analysis wants that; return the times to leave out."""
    if not build.analysis.data.quality:
        return []
    task = build.add(quate.task(build.setup, what, data, quate.values(build.analysis), conditions))
    return made_inputs("times", task, {}, only=quate.TIMES)


def add_science(build: Build, files: list[Input]) -> None:
    """Add the science steps."""
    index = build.add(science.task(build.setup, "index", build.analysis, files))
    inputs = [*files, *made_inputs("dl3", index, {"fits": True})]
    for step in KINDS[build.analysis.kind].steps:
        build.add(science.task(build.setup, step, build.analysis, inputs))
    if build.analysis.pulsar is not None:
        for step in pulsar.RESULTS:
            build.add(pulsar.task(build.setup, step, build.analysis, files))
