"""A catalogue: Monte Carlo, off runs and forests are shared, the results are each source's own, and a table has all."""

from __future__ import annotations

from collections import Counter

from automagic.analysis import Analysis
from automagic.cards import closest
from automagic.graph.build import Build
from automagic.graph.task import Input
from automagic.index import find_mc
from automagic.kinds import KINDS
from automagic.naming import DataName, parse
from automagic.programs import science
from automagic.programs.inputs import made_inputs
from automagic.selection.checks import Reason, owner
from automagic.selection.choose import WORDS, Selection
from automagic.selection.matching import choose_mc

COLLECTED = ("theta2", "spectrum", "flux")
"""The steps whose numbers are in the table."""


def with_mc(analysis: Analysis, selection: Selection) -> Selection:
    """Leave out the runs that no Monte Carlo fits: with one source that is a failure, here the others go on."""
    # under moonlight Monte Carlo is chosen for parts of runs, see automagic.graph.moon
    if analysis.data.level == "dl3" or analysis.kind == "moon":
        return selection
    sets = find_mc(analysis)
    problems = {run.run: choose_mc(run, sets, analysis.geometry)[1] for run in selection.runs}
    lacking = [(run, Reason("mc", why)) for run in selection.runs if (why := problems[run.run]) is not None]
    taken = [run for run in selection.runs if problems[run.run] is None]
    if not taken:
        return selection  # all of them fail, and say why
    notes = [f"run {run.run:08d} of {run.source} left out: {reason.text}" for run, reason in lacking]
    remarks = {number: said for number, said in selection.remarks.items() if problems[number] is None}
    return Selection(taken, [*selection.notes, *notes], [*selection.left_out, *lacking], remarks)


def add_sources(build: Build, selection: Selection, files: list[Input]) -> None:
    """Add the science steps of each source, and the table.

    Parameters
    ----------
    build
        The graph.
    selection
        The runs of all sources.
    files
        Their DL3 files.
    """
    analysis = build.analysis
    build.add(science.task(build.setup, "index", analysis, files))
    owners = {run.run: source.name for run in selection.runs if (source := owner(analysis, run)) is not None}
    by_source: dict[str, list[Input]] = {each.name: [] for each in analysis.sources}
    for each in files:
        by_source[owners[run_number(build, each)]].append(each)
    made: list[Input] = []
    without: dict[str, str] = {}
    for source in analysis.sources:
        if not by_source[source.name]:
            without[source.name] = _why(analysis, source.name, selection)
            build.note(f"{source.name}: {without[source.name]}{_meant(source.name, selection)}")
            continue
        for step in (*KINDS[analysis.kind].steps, "flux"):
            task = science.source_task(build.setup, step, analysis.of(source), by_source[source.name])
            build.add(task)
            if step in COLLECTED:
                made += made_inputs(source.name, task, {"min_bytes": 1}, only=f"{step}.json")
    build.add(science.sources_task(build.setup, analysis, made, without))


def run_number(build: Build, each: Input) -> int:
    """Return the run that a DL3 file is of: the task that makes it knows, or its name tells."""
    if each.task is not None and "run" in build.tasks[each.task].conditions:
        return int(build.tasks[each.task].conditions["run"])
    name = parse(each.name)
    assert isinstance(name, DataName)
    return name.run


def _why(analysis: Analysis, name: str, selection: Selection) -> str:
    """Say why no run of a source is taken."""
    left = Counter(
        reason.key
        for run, reason in selection.left_out
        if reason.key not in ("source", "runs") and (source := owner(analysis, run)) and source.name == name
    )
    if not left:
        return "no data"
    words = ", ".join(f"{number} {WORDS[key]}" for key, number in sorted(left.items()))
    runs = sum(left.values())
    return f"no data: {runs} run{'' if runs == 1 else 's'} left out ({words})"


def _meant(name: str, selection: Selection) -> str:
    others = sorted({run.source for run, reason in selection.left_out if reason.key == "source"})
    near = closest(name, others)
    return f"; did you mean {near}, of which there are runs?" if near else ""
