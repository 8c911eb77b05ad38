"""Monte Carlo to superstar level, and its two halves."""

from __future__ import annotations

from automagic.graph.build import Build
from automagic.graph.data import star_inputs
from automagic.graph.moon import as_bright
from automagic.graph.task import Input, Task
from automagic.index import DataFile, McSet
from automagic.index.planned import sim_name
from automagic.naming import McName
from automagic.programs import coach, melibea, selectmc, sim, superstar
from automagic.programs.inputs import made_inputs, mc_folder, source_input


def halves(build: Build, mc: McSet) -> tuple[list[Input], list[Input]]:
    """Return training half (role ``"mc"``) and test half (role ``"data"``)."""
    test_checks = melibea.data_checks(selectmc.halves(mc)[1])
    if mc.level == "superstar" and any(half(file) for file in mc.files):
        train = [source_input("mc", file, coach.train_checks()) for file in mc.files if half(file) == 1]
        return train, [source_input("data", file, test_checks) for file in mc.files if half(file) == 2]
    split = build.add(selectmc.task(build.setup, mc, superstar_inputs(build, mc)))
    names = [str(each) for each in selectmc.halves(mc)]
    return (
        made_inputs("mc", split, coach.train_checks(), only=names[0]),
        made_inputs("data", split, test_checks, only=names[1]),
    )


def superstar_inputs(build: Build, mc: McSet) -> list[Input]:
    """Bring a set to superstar level, file by file; return inputs of selectmc."""
    checks = {"root": True, "level": "superstar", "min_events": 1}
    if mc.level == "superstar":
        return [source_input("mc", file, checks) for file in mc.files]
    by_run: dict[tuple[int | None, int | None, int | None], dict[int, DataFile]] = {}
    for file in mc.files:
        assert isinstance(file.name, McName)
        by_run.setdefault((file.name.group, file.name.run, file.name.last), {})[file.name.telescope or 0] = file
    inputs: list[Input] = []
    for (_, run, _), pair in sorted(by_run.items(), key=lambda item: item[0][1] or 0):
        if set(pair) != {1, 2}:
            build.note(f"{mc.name} run {run} left out: it has no file of M{2 if 1 in pair else 1}")
            continue
        inputs += made_inputs("mc", superstar_task(build, mc, run, pair), checks)
    return inputs


def superstar_task(build: Build, mc: McSet, run: int | None, pair: dict[int, DataFile]) -> Task:
    """Bring one file pair to superstar level."""
    what, conditions, folder = f"{mc.name}_{run}", mc_conditions(mc), mc_folder(mc)
    simulate(build.common, mc, run, pair)
    bright = as_bright(build, mc)
    images = [
        star_inputs(bright, what, t, (pair[t],), mc.level, superstar.star_checks(t, None), conditions, folder)
        for t in (1, 2)
    ]
    name = pair[1].name
    assert isinstance(name, McName)
    return build.add(superstar.task(build.setup, what, name.at("superstar"), images[0], images[1], conditions, folder))


def simulate(build: Build, mc: McSet, run: int | None, pair: dict[int, DataFile]) -> None:
    """Add the task that simulates a file pair, where it is not in storage."""
    site = build.analysis.site.simulate
    if site is None or run is None or not (pair[1].task or "").startswith("sim:"):
        return
    names = [file.name for _, file in sorted(pair.items()) if isinstance(file.name, McName)]
    plan = next(
        each
        for each in site.mc
        if each.zenith == mc.zenith
        and each.geometry == mc.geometry
        and sim_name(names[0], each.period) == pair[1].task
        and 0 <= run - each.first_run < each.files
    )
    build.add(sim.gamma(build.setup, site, plan, run, names))


def half(file: DataFile) -> int | None:
    """Tell which half a file is of: 1 for training, 2 for test, `None` for neither."""
    return file.name.half if isinstance(file.name, McName) else None


def mc_conditions(mc: McSet) -> dict[str, object]:
    """Return what the catalog should know of the tasks of a set."""
    return {"mc_set": mc.name, "zenith_min": mc.zenith[0], "zenith_max": mc.zenith[1]}
