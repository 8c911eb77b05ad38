"""From an analysis to its tasks, joined by the files that they hand on. Nothing runs here."""

from __future__ import annotations

from dataclasses import dataclass, field

from automagic.analysis import Analysis
from automagic.graph.task import Input, Task
from automagic.index import DataFile, McSet, Run, Selection, find_mc, find_runs, select
from automagic.naming import DataName, McName
from automagic.programs import (
    PROGRAMS,
    Setup,
    coach,
    magic_dl3,
    melibea,
    science,
    selectmc,
    sim,
    star,
    superstar,
)
from automagic.programs.base import check_overrides
from automagic.programs.inputs import made_inputs, source_input

OFF_MARGIN = 5.0
"""Off runs may lie this many degrees outside the zenith range of the Monte Carlo (as in MarsUtil)."""


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
    """

    tasks: dict[str, Task]
    runs: list[Run]
    mc_sets: list[McSet]
    notes: list[str]


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
    setup = Setup(analysis.engine, *folders, analysis.cards)
    check_overrides(setup, PROGRAMS, str(analysis.folder / "analysis.toml"))
    selection = select(analysis, find_runs(analysis, "observation"))
    graph = _Builder(analysis, setup, selection)
    if analysis.data.level == "dl3":
        files = [
            source_input("dl3", file, {"fits": True, "hdus": ["EVENTS"]})
            for run in selection.runs
            for file in run.files
        ]
    else:
        files = graph.dl3()
    graph.science(files)
    return Graph(graph.tasks, [*selection.runs, *graph.off_used], graph.mc_used, graph.notes)


@dataclass
class _Builder:
    """Adds tasks stage by stage, upstream first."""

    analysis: Analysis
    setup: Setup
    selection: Selection
    tasks: dict[str, Task] = field(default_factory=dict)
    off_used: list[Run] = field(default_factory=list)
    mc_used: list[McSet] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.notes = list(self.selection.notes)

    def add(self, task: Task) -> Task:
        return self.tasks.setdefault(task.name, task)

    # --- from calibrated files to superstar

    def superstar(self, run: Run) -> Input | Task:
        """Bring a run to superstar level; what is there already is taken as it is."""
        what, conditions = f"{run.run:08d}", run_conditions(run)
        if run.level in ("superstar", "melibea"):
            return source_input("data", run.files[0], {})
        self.simulate(run)
        first = run.files[0].name
        assert isinstance(first, DataName)
        images = [
            self.star(what, t, run.of(t), run.level, superstar.star_checks(t, run.run), conditions) for t in (1, 2)
        ]
        return self.add(superstar.task(self.setup, what, first.at("superstar"), images[0], images[1], conditions))

    def star(
        self, what: str, telescope: int, files: tuple[DataFile, ...], level: str, checks: dict[str, object],
        conditions: dict[str, object],
    ) -> list[Input]:  # fmt: skip
        """Return the star files of one telescope as inputs of superstar."""
        role = f"m{telescope}"
        if level == "star":
            return [source_input(role, file, checks) for file in files]
        return made_inputs(role, self.add(star.task(self.setup, what, telescope, files, conditions)), checks)

    def simulate(self, run: Run) -> None:
        """Add the task that simulates a run, where it is not in storage."""
        plan = self.analysis.site.simulate
        if plan is not None and run.files[0].task is not None:
            each = next(each for each in plan.planned if each.run == run.run)
            self.add(sim.observation(self.setup, self.analysis, plan, each, run))

    # --- Monte Carlo and models

    def mc_superstar(self, mc: McSet) -> list[Input]:
        """Bring a Monte Carlo set to superstar level, file by file; return inputs of selectmc."""
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
                self.notes.append(f"{mc.name} run {run} left out: it has no file of M{2 if 1 in pair else 1}")
                continue
            inputs += made_inputs("mc", self.mc_pair(mc, run, pair), checks)
        return inputs

    def mc_pair(self, mc: McSet, run: int | None, pair: dict[int, DataFile]) -> Task:
        """Bring one file pair of Monte Carlo to superstar level."""
        what = f"{mc.name}_{run}"
        conditions: dict[str, object] = {
            "mc_set": mc.name,
            "zenith_min": mc.zenith[0],
            "zenith_max": mc.zenith[1],
        }
        self.simulate_mc(mc, run, pair)
        images = [self.star(what, t, (pair[t],), mc.level, superstar.star_checks(t, None), conditions) for t in (1, 2)]
        name = pair[1].name
        assert isinstance(name, McName)
        return self.add(superstar.task(self.setup, what, name.at("superstar"), images[0], images[1], conditions))

    def simulate_mc(self, mc: McSet, run: int | None, pair: dict[int, DataFile]) -> None:
        """Add the task that simulates a file pair, where it is not in storage."""
        simulate = self.analysis.site.simulate
        if simulate is None or run is None or pair[1].task is None:
            return
        plan = next(
            each
            for each in simulate.mc
            if each.zenith == mc.zenith and each.geometry == mc.geometry and 0 <= run - each.first_run < each.files
        )
        names = [file.name for _, file in sorted(pair.items()) if isinstance(file.name, McName)]
        self.add(sim.gamma(self.setup, simulate, plan, run, names))

    def mc_halves(self, mc: McSet) -> tuple[list[Input], list[Input]]:
        """Return training half (role ``"mc"``) and test half (role ``"data"``)."""
        test_checks = melibea.data_checks(selectmc.halves(mc)[1])
        if mc.level == "superstar" and any(_half(file) for file in mc.files):
            train = [source_input("mc", file, coach.train_checks()) for file in mc.files if _half(file) == 1]
            return train, [source_input("data", file, test_checks) for file in mc.files if _half(file) == 2]
        split = self.add(selectmc.task(self.setup, mc, self.mc_superstar(mc)))
        names = [str(half) for half in selectmc.halves(mc)]
        return (
            made_inputs("mc", split, coach.train_checks(), only=names[0]),
            made_inputs("data", split, test_checks, only=names[1]),
        )

    def off_inputs(self, mc: McSet) -> list[Input]:
        """Bring the off runs near a zenith range to superstar level; return inputs of coach."""
        inputs: list[Input] = []
        for run in find_runs(self.analysis, "off"):
            low, high = mc.zenith[0] - OFF_MARGIN, mc.zenith[1] + OFF_MARGIN
            if run.middle is not None and not low <= run.middle <= high:
                continue
            if run.run not in {used.run for used in self.off_used}:
                self.off_used.append(run)
            made = self.superstar(run)
            checks = coach.off_checks(run.run)
            inputs += made_inputs("off", made, checks) if isinstance(made, Task) else [
                Input("off", made.name, path=made.path, checks=checks)
            ]  # fmt: skip
        return inputs

    def models(self, mc: McSet) -> tuple[list[Input], list[Input]]:
        """Train the models of a set; return them (role ``"rf"``) and the applied test half (``"mc"``)."""
        train, test = self.mc_halves(mc)
        off = self.off_inputs(mc)
        problem = None if off else no_off_runs(mc)
        energy = self.analysis.reconstruction.energy
        models: list[Input] = []
        for model in ("RFgh", "RFdisp", melibea.ENERGY[energy][0]):
            gh = model == "RFgh"
            task = coach.task(self.setup, mc, model, train, off if gh else [], problem if gh else None)
            models += made_inputs("rf", self.add(task), {"root": True})
        conditions: dict[str, object] = {
            "mc_set": mc.name,
            "zenith_min": mc.zenith[0],
            "zenith_max": mc.zenith[1],
        }
        inputs: list[Input] = []
        for number, half in enumerate(test):
            what = mc.name if number == 0 else f"{mc.name}.{number + 1}"
            name = selectmc.halves(mc)[1] if half.task else _mc_name(half)
            task = melibea.task(self.setup, what, name, half, models, energy, conditions)
            inputs += made_inputs("mc", self.add(task), magic_dl3.melibea_checks(None))
        return models, inputs

    # --- from superstar to DL3

    def dl3(self) -> list[Input]:
        """Bring all runs to DL3; return inputs of the science steps."""
        geometry = self.analysis.reconstruction.geometry
        sets = [mc for mc in find_mc(self.analysis) if mc.geometry == geometry]
        trained: dict[str, tuple[list[Input], list[Input]]] = {}
        inputs: list[Input] = []
        for run in self.selection.runs:
            mc, problem = choose_mc(run, sets, geometry)
            if mc is not None and mc.name not in trained:
                self.mc_used.append(mc)
                trained[mc.name] = self.mc_models(mc)
            models, test = trained[mc.name] if mc is not None else ([], [])
            if mc is not None and mc.level == "melibea" and run.level != "melibea":
                problem = f"{mc.name} is there at melibea level only, and without the forests that made it"
            inputs += self.run_dl3(run, models, test, problem)
        return inputs

    def mc_models(self, mc: McSet) -> tuple[list[Input], list[Input]]:
        """Return models and test half of a set, which storage may have at melibea level already."""
        if mc.level != "melibea":
            return self.models(mc)
        checks = magic_dl3.melibea_checks(None)
        return [], [source_input("mc", file, checks) for file in mc.files if _half(file) != 1]

    def run_dl3(self, run: Run, models: list[Input], test: list[Input], problem: str | None) -> list[Input]:
        """Bring a run to DL3; `problem` stops it at the first task that needs the Monte Carlo."""
        what, conditions = f"{run.run:08d}", run_conditions(run)
        name = run.files[0].name
        assert isinstance(name, DataName)
        melibea_checks = magic_dl3.melibea_checks(run.run)
        if run.level == "melibea":
            data = source_input("data", run.files[0], melibea_checks)
        else:
            made, checks = self.superstar(run), melibea.data_checks(name)
            source = (
                made_inputs("data", made, checks)[0]
                if isinstance(made, Task)
                else Input("data", made.name, path=made.path, checks=checks)
            )
            energy = self.analysis.reconstruction.energy
            name = name.at("superstar")
            applied = melibea.task(self.setup, what, name, source, models, energy, conditions, problem)
            data = made_inputs("data", self.add(applied), melibea_checks)[0]
        task = magic_dl3.task(self.setup, what, name, data, test, conditions, problem)
        return made_inputs("dl3", self.add(task), {"fits": True, "hdus": ["EVENTS"]})

    def science(self, files: list[Input]) -> None:
        """Add the science steps."""
        index = self.add(science.task(self.setup, "index", self.analysis, files))
        inputs = [*files, *made_inputs("dl3", index, {"fits": True})]
        for step in ("theta2", "spectrum", "lightcurve"):
            self.add(science.task(self.setup, step, self.analysis, inputs))


def run_conditions(run: Run) -> dict[str, object]:
    """Return what the catalog should know of a run's tasks."""
    return {
        "run": run.run,
        "night": run.night,
        "period": run.period,
        "nsb": run.nsb,
        "source": run.source,
        "wobble": run.wobble,
        "kind": run.kind,
        "zenith_min": None if run.zenith is None else run.zenith[0],
        "zenith_max": None if run.zenith is None else run.zenith[1],
        "azimuth": run.azimuth,
    }


def no_off_runs(mc: McSet) -> str:
    """Say that the gamma/hadron separation cannot be trained."""
    low, high = mc.zenith
    return (
        f"there is no off run within {OFF_MARGIN:.0f}° of the zenith range {low}–{high}° to train the "
        "gamma/hadron separation with; add some to storage.off or simulate.off in site.toml"
    )


def choose_mc(run: Run, sets: list[McSet], geometry: str) -> tuple[McSet | None, str | None]:
    """Choose the Monte Carlo for a run; where there is none, say why."""
    if not sets:
        return None, (
            f"the site has no gamma Monte Carlo of geometry {geometry}; "
            "add it to storage.mc or simulate.mc in site.toml"
        )
    if run.middle is None:
        if len(sets) == 1:
            return sets[0], None
        return (
            None,
            f"the zenith distance of run {run.run:08d} is not known, so its Monte Carlo cannot be chosen",
        )
    for mc in sets:
        if mc.covers(run.middle):
            return mc, None
    ranges = ", ".join(f"{mc.zenith[0]}–{mc.zenith[1]}°" for mc in sets)
    return None, (
        f"no Monte Carlo covers the zenith distance of run {run.run:08d}, {run.middle:.1f}°; "
        f"there is {ranges}. "
        "Add Monte Carlo in site.toml, or narrow data.zenith in analysis.toml"
    )


def _half(file: DataFile) -> int | None:
    return file.name.half if isinstance(file.name, McName) else None


def _mc_name(half: Input) -> McName:
    from automagic.naming import parse

    name = parse(half.name)
    assert isinstance(name, McName)
    return name
