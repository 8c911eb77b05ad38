"""Moonlight: the same chain once for each level of brightness, and the parts of runs that cross from one to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from automagic.graph.task import Input
from automagic.index import McSet, Run
from automagic.programs import moon
from automagic.programs.inputs import made_inputs
from automagic.selection.levels import darker
from automagic.selection.matching import choose_mc, choose_off
from automagic.selection.moonlight import all_parts, choose_mc_at, choose_off_at, noise_known, noise_remarks

if TYPE_CHECKING:
    from automagic.graph.build import Build


def by_level(build: Build, runs: Sequence[Run]) -> list[tuple[Build, list[Run]]]:
    """Return the graph of each level with its runs, or parts of runs; of other kinds the graph itself with all runs."""
    if build.analysis.kind != "moon":
        return [(build, list(runs))]
    groups, said = all_parts(runs)
    for text in said:
        build.note(text)
    found = []
    for level, parts in groups.items():
        of_level = build.at(level.label, level.cards(build.analysis.engine))
        of_level = replace(of_level, level=level, parts={part.run.run: part for part in parts})
        if parts and parts[0].run.level in ("star", "superstar", "melibea") and not level.dark:
            build.note(
                f"{level.label}: images of {parts[0].run.level} files were cleaned already, with levels not known"
            )
        found.append((of_level, [part.run for part in parts]))
    return found


def mc_of(build: Build, run: Run, sets: list[McSet]) -> tuple[McSet | None, str | None]:
    """Choose the Monte Carlo of a run, for its level if there are levels."""
    geometry, level = build.analysis.geometry, build.level
    return choose_mc(run, sets, geometry) if level is None else choose_mc_at(level, run, sets, geometry, _noise(build))


def off_of(build: Build, mc: McSet, runs: list[Run]) -> tuple[list[Run], list[str]]:
    """Choose off runs, for the level if there are levels."""
    level, every = build.level, build.common.off_runs
    if level is None:
        return choose_off(mc, every, runs)
    chosen, said = choose_off_at(level, mc, every, runs, _noise(build))
    return chosen, [*said, *noise_remarks(level, mc, chosen)] if chosen else said


def _noise(build: Build) -> str | None:
    assert build.level is not None
    return noise_known(build.level, build.analysis.engine, build.analysis.cards.get("star", {}))


def as_bright(build: Build, sample: Run | McSet) -> Build:
    """Return the graph with the noise of its level added, for Monte Carlo and off runs that are darker."""
    if build.level is None or not darker(build.level, sample):
        return build
    return build.at(build.setup.label, build.level.noise(build.analysis.engine))


def times_of(build: Build, run: Run, what: str, times: list[Input], conditions: dict[str, object]) -> list[Input]:
    """Return the times that melibea leaves out: those of quate, and those of other parts of the run."""
    part = build.parts.get(run.run)
    if part is None or not part.excluded:
        return times
    return made_inputs("times", build.add(moon.times_task(build.setup, what, times, part, conditions)), {})


def marked(build: Build, run: Run, dl3: Input) -> Input:
    """Return the DL3 file that says of which level it is."""
    part = build.parts.get(run.run)
    if part is None:
        return dl3
    task = build.add(moon.mark_task(build.common.setup, dl3, part))
    return made_inputs("dl3", task, dl3.checks)[0]
