"""Monte Carlo and off data for a level of brightness: those of the level, or darker ones that are given its noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from automagic.index.runs import McSet, Run
from automagic.selection.conditions import Conditions, conditions
from automagic.selection.levels import Level, Part, darker, serves, split
from automagic.selection.matching import Match, choose_mc, choose_off, mc_remarks

if TYPE_CHECKING:
    from automagic.analysis import Analysis

NOISE = "MJStar.MAddNoise.NewNoiseRMS"


def all_parts(runs: Sequence[Run]) -> tuple[dict[Level, list[Part]], list[str]]:
    """Split runs, and group the parts by level, the darkest first; with what is to be said of it."""
    groups: dict[Level, list[Part]] = {}
    said: list[str] = []
    for run in runs:
        parts, about = split(run)
        said += about
        for part in parts:
            groups.setdefault(part.level, []).append(part)
    return dict(sorted(groups.items(), key=lambda item: (item[0].hv, item[0].nsb))), said


def noise_known(level: Level, engine: str, written: Mapping[str, object]) -> str | None:
    """Say that the noise of a level is not known, or return `None`.

    Parameters
    ----------
    level, engine
        Which one, of which programs.
    written
        ``[cards.star]`` of the analysis.
    """
    if engine in level.pedestal or NOISE in written or f"{level.label}.{NOISE}" in written:
        return None
    return (
        f"what noise makes dark Monte Carlo look like {level.label} is not known (catalog/nsb_levels.csv); measure the "
        f"pedestals of such data, and write {NOISE} and NewNoiseMean under [cards.star] in analysis.toml"
    )


def choose_mc_at(
    level: Level, run: Run, sets: list[McSet], geometry: str, unknown: str | None = None
) -> tuple[McSet | None, str | None]:
    """Choose the Monte Carlo for a run as `automagic.selection.matching.choose_mc` does, but for its light.

    Parameters
    ----------
    level
        Of the run. Monte Carlo of it is taken first, else darker Monte Carlo, to which noise is added.
    run, sets, geometry
        As there.
    unknown
        Why noise cannot be added; see `noise_known`.
    """
    if level.dark:
        return choose_mc(run, [mc for mc in sets if mc.hv in (None, "nominal")], geometry)
    blind = replace(run, nsb=None, dc_na=None)
    own, dark = [mc for mc in sets if level.has(mc.nsb, mc.hv)], [mc for mc in sets if serves(level, mc)]
    problem: str | None = None
    for several in (own, dark):
        if several:
            mc, problem = choose_mc(blind, several, geometry)
            if mc is not None:
                return (None, unknown) if unknown and darker(level, mc) else (mc, None)
    if problem is None and not any(mc.geometry == geometry for mc in sets):
        problem = choose_mc(blind, [], geometry)[1]
    return None, problem or (
        f"no Monte Carlo can be made to look like {level.label} for run {run.run:08d}: it must be of that level, or "
        "darker and calibrated, so that noise can be added (noise cannot be taken away)"
    )


def choose_off_at(
    level: Level, mc: McSet, off_runs: list[Run], runs: Sequence[Run], unknown: str | None = None
) -> tuple[list[Run], list[str]]:
    """Choose off runs as `automagic.selection.matching.choose_off` does: of the level, and darker ones."""
    if level.dark:
        return choose_off(mc, [run for run in off_runs if run.hv in (None, "nominal")], runs)
    usable = [run for run in off_runs if serves(level, run) and not (unknown and darker(level, run))]
    if not usable:
        return [], [unknown or f"there is no off run that is of {level.label}, or darker and raw or calibrated"]
    by_number = {run.run: run for run in usable}
    blind = [replace(run, nsb=None, dc_na=None) for run in usable]
    chosen, said = choose_off(replace(mc, nsb=None), blind, [replace(run, nsb=None, dc_na=None) for run in runs])
    return [by_number[run.run] for run in chosen], said


def noise_remarks(level: Level, mc: McSet | None, off: Sequence[Run]) -> list[str]:
    """Say to what noise is added, and which high voltage it stands for."""
    said = []
    lifted = [each for each in ([] if mc is None else [mc])] + list(off)
    lifted = [each for each in lifted if darker(level, each)]
    if lifted:
        said.append(f"{level.label}: noise is added to darker Monte Carlo and off data")
    if level.hv == "reduced" and any(each.hv != "reduced" for each in lifted):
        said.append(
            f"{level.label}: Monte Carlo or off data of nominal HV stand for reduced HV; only their noise is changed"
        )
    return said


def match_levels(analysis: Analysis, runs: Sequence[Run], sets: list[McSet], off_runs: list[Run]) -> list[Match]:
    """Group the parts of runs by level and Monte Carlo, as `automagic.selection.matching.match` groups runs."""
    matches: list[Match] = []
    groups, said = all_parts(runs)
    written = analysis.cards.get("star", {})
    for level, parts in groups.items():
        unknown = noise_known(level, analysis.engine, written)
        chosen = [(part, *choose_mc_at(level, part.run, sets, analysis.geometry, unknown)) for part in parts]
        for mc in {None if mc is None else mc.name: mc for _, mc, _ in chosen}.values():
            mine = [(part, why) for part, its, why in chosen if (its and its.name) == (mc and mc.name)]
            shown = [replace(part.run, minutes=part.minutes) for part, _ in mine]
            off, about = ([], []) if mc is None else choose_off_at(level, mc, off_runs, shown, unknown)
            problem = mine[0][1] if mc is None else None if off or mc.level == "melibea" else about[0]
            edge = [] if mc is None else [text for run in shown for text in mc_remarks(run, mc)]
            remarks = [*said, *edge, *noise_remarks(level, mc, off), *(about if off else [])]
            matches.append(Match(_under(shown[0], level, mc), shown, mc, off, problem, remarks))
            said = []
    return matches


def _under(run: Run, level: Level, mc: McSet | None) -> Conditions:
    zenith = None if mc is None else (float(mc.zenith[0]), float(mc.zenith[1]))
    found = conditions(run)
    return replace(found, zenith=zenith or found.zenith, nsb=level.label, hv=None)
