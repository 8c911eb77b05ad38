"""Runs from raw or calibrated files to superstar level."""

from __future__ import annotations

from automagic.graph.build import Build
from automagic.graph.task import Input
from automagic.index import DataFile, Run
from automagic.naming import DataName
from automagic.programs import merpp, sim, sorcerer, star, superstar
from automagic.programs.inputs import made_inputs, source_input


def superstar_input(build: Build, run: Run, role: str, checks: dict[str, object]) -> Input:
    """Bring a run to superstar level; what is there already is taken as it is."""
    run = build.fetched(run)
    if run.level == "superstar":
        return source_input(role, run.files[0], checks)
    what, conditions = f"{run.run:08d}", run_conditions(run)
    simulate(build.common, run)
    first = run.files[0].name
    assert isinstance(first, DataName)
    images = []
    for telescope in (1, 2):
        files, level = run.of(telescope), run.level
        if level == "raw":
            files, level = calibrated(build.common, run, telescope), "calibrated"
        images.append(
            star_inputs(build, what, telescope, files, level, superstar.star_checks(telescope, run.run), conditions)
        )
    joined = superstar.task(build.setup, what, first.at("superstar"), images[0], images[1], conditions)
    return made_inputs(role, build.add(joined), checks)[0]


def star_inputs(
    build: Build,
    what: str,
    telescope: int,
    files: tuple[DataFile, ...],
    level: str,
    checks: dict[str, object],
    conditions: dict[str, object],
    folder: str = "products/star",
) -> list[Input]:
    """Return the star files of one telescope as inputs of superstar."""
    role = f"m{telescope}"
    if level == "star":
        return [source_input(role, file, checks) for file in files]
    return made_inputs(role, build.add(star.task(build.setup, what, telescope, files, conditions, folder)), checks)


# --- from raw files


def calibrated(build: Build, run: Run, telescope: int) -> tuple[DataFile, ...]:
    """Calibrate one telescope's raw files and merge the reports into them, subrun by subrun."""
    conditions = run_conditions(run)
    constants, problem = constants_inputs(build, run, telescope)
    made = []
    for file in run.of(telescope):
        name = file.name
        assert isinstance(name, DataName)
        what = f"{run.run:08d}.{name.subrun:03d}.M{telescope}"
        signal = build.add(sorcerer.task(build.setup, what, file, constants, conditions, problem))
        output = signal.outputs[0]
        report = run.report(name)
        merged = merpp.task(
            build.setup,
            what,
            name,
            Input("calibrated", output.name, task=signal.name, checks=dict(output.checks), copy=True),
            None if report is None else source_input("report", report, {"min_bytes": 1}),
            conditions,
            report_problem(name, report),
        )
        made.append(DataFile(name.at("calibrated"), task=build.add(merged).name))
    return tuple(made)


def constants_inputs(build: Build, run: Run, telescope: int) -> tuple[list[Input], str | None]:
    """Return the calibration constants for a run as an input of sorcerer, or why there are none."""
    files = {kind: run.daq(kind, telescope) for kind in ("pedestal", "calibration")}
    for kind, group in files.items():
        if not group:
            return [], (
                f"run {run.run:08d} cannot be calibrated: M{telescope} has no {kind} run of its night, {run.night}; "
                f"add it to storage, or leave the run out with data.exclude in analysis.toml"
            )
    inputs = {
        kind: [
            source_input(kind, each, sorcerer.raw_checks(each.name))
            for each in group
            if isinstance(each.name, DataName)
        ]
        for kind, group in files.items()
    }
    pair = tuple(_number(files[kind]) for kind in ("pedestal", "calibration"))
    task = sorcerer.constants_task(
        build.setup,
        telescope,
        inputs["pedestal"],
        inputs["calibration"],
        (pair[0], pair[1]),
        {"night": run.night, "period": run.period},
    )
    return made_inputs("constants", build.add(task), {"root": True}), None


def _number(files: tuple[DataFile, ...]) -> int:
    name = files[0].name
    assert isinstance(name, DataName)
    return name.run


def report_problem(name: DataName, report: DataFile | None) -> str | None:
    """Say why the report of a subrun cannot be merged, or `None`."""
    if report is not None and report.size != 0:
        return None
    return (
        f"the report {name.at('report')} is {'missing' if report is None else 'empty'}: without it merpp cannot tell "
        f"where M{name.telescope} pointed; put it back into storage, or leave run {name.run:08d} out with data.exclude"
    )


# --- simulated runs


def simulate(build: Build, run: Run) -> None:
    """Add the tasks that simulate a run, and its calibration runs, where they are not in storage."""
    plan = build.analysis.site.simulate
    if plan is None:
        return
    if _simulated(run.files):
        each = next(each for each in plan.planned if each.run == run.run)
        build.add(sim.observation(build.setup, build.analysis, plan, each, run))
    for kind, files in (("pedestal", run.pedestal), ("calibration", run.calibration)):
        if _simulated(files):
            number = _number(files)
            pair = next(each for each in plan.calibration if number in (each.pedestal, each.calibration))
            build.add(sim.calibration(build.setup, build.analysis, plan, pair, kind, files))


def _simulated(files: tuple[DataFile, ...]) -> bool:
    return bool(files) and (files[0].task or "").startswith("sim:")


def run_conditions(run: Run) -> dict[str, object]:
    """Return what the catalog should know of a run's tasks."""
    return {
        "run": run.run,
        "night": run.night,
        "period": run.period,
        "nsb": run.nsb,
        "hv": run.hv,
        "trigger": run.trigger,
        "transmission": run.transmission,
        "cloudiness": run.cloudiness,
        "source": run.source,
        "wobble": run.wobble,
        "kind": run.kind,
        "zenith_min": None if run.zenith is None else run.zenith[0],
        "zenith_max": None if run.zenith is None else run.zenith[1],
        "azimuth": run.azimuth,
    }
