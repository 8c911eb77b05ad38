"""Models: trained on Monte Carlo and on off runs, and applied to the test half."""

from __future__ import annotations

from automagic.graph.build import Build
from automagic.graph.data import superstar_input
from automagic.graph.montecarlo import half, halves, mc_conditions
from automagic.graph.moon import as_bright, off_of
from automagic.graph.task import Input
from automagic.index import McSet, Run
from automagic.naming import McName, parse
from automagic.programs import coach, magic_dl3, melibea, selectmc
from automagic.programs.inputs import made_inputs, mc_folder, source_input


def models(build: Build, mc: McSet, runs: list[Run]) -> tuple[list[Input], list[Input]]:
    """Return the models of a set (role ``"rf"``) and its test half with them applied (role ``"mc"``).

    Parameters
    ----------
    build
        The graph.
    mc
        The set.
    runs
        The runs that the models are for.
    """
    mc = build.fetched_mc(mc)
    if mc.level == "melibea":
        checks = magic_dl3.melibea_checks(None)
        return [], [source_input("mc", file, checks) for file in mc.files if half(file) != 1]
    train, test = halves(build, mc)
    off, problem = off_inputs(build, mc, runs)
    energy = build.analysis.reconstruction.energy
    made: list[Input] = []
    for model in ("RFgh", "RFdisp", melibea.ENERGY[energy][0]):
        gh = model == "RFgh"
        task = coach.task(build.setup, mc, model, train, off if gh else [], problem if gh else None)
        made += made_inputs("rf", build.add(task), {"root": True})
    applied: list[Input] = []
    for number, each in enumerate(test):
        what = mc.name if number == 0 else f"{mc.name}.{number + 1}"
        name = selectmc.halves(mc)[1] if each.task and each.task.startswith("selectmc:") else parse(each.name)
        assert isinstance(name, McName)
        task = melibea.task(build.setup, what, name, each, made, energy, mc_conditions(mc), folder=mc_folder(mc))
        applied += made_inputs("mc", build.add(task), magic_dl3.melibea_checks(None))
    return made, applied


def off_inputs(build: Build, mc: McSet, runs: list[Run]) -> tuple[list[Input], str | None]:
    """Bring the off runs that fit a set to superstar level; return inputs of coach, or why there are none."""
    chosen, said = off_of(build, mc, runs)
    if not chosen:
        return [], said[0]
    for text in said:
        build.note(text)
    for run in chosen:
        if run.run not in {used.run for used in build.off_used}:
            build.off_used.append(run)
    return [superstar_input(as_bright(build, run), run, "off", coach.off_checks(run.run)) for run in chosen], None
