"""What the stages of a graph share while it is made: the analysis, the tasks so far, and files in remote storage."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from automagic.analysis import Analysis
from automagic.graph.task import Output, Source, Task
from automagic.index import DataFile, McSet, Run, find_runs
from automagic.kinds import Values
from automagic.naming import DataName, McName
from automagic.programs import Setup
from automagic.selection.checks import owner
from automagic.selection.choose import select_off
from automagic.selection.levels import Level, Part


@dataclass
class Build:
    """A graph that is being made, upstream first.

    Attributes
    ----------
    analysis, setup
        What is asked for; engine and cards.
    tasks
        So far, by name.
    notes
        What is unusual.
    off_used, mc_used
        The off runs and Monte Carlo sets that tasks read.
    base
        The graph of all levels, where this is that of one.
    level, parts
        The level of brightness, and what each run has of it, by its number; see `automagic.graph.moon`.
    """

    analysis: Analysis
    setup: Setup
    tasks: dict[str, Task] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    off_used: list[Run] = field(default_factory=list)
    mc_used: list[McSet] = field(default_factory=list)
    base: Build | None = None
    level: Level | None = None
    parts: dict[int, Part] = field(default_factory=dict)

    @property
    def common(self) -> Build:
        """The graph without its level: what is the same for all levels, such as files and their calibration."""
        return self.base or self

    def add(self, task: Task) -> Task:
        """Add a task, unless it is there; return the one that is there now."""
        return self.tasks.setdefault(task.name, task)

    def alone(self, run: Run) -> Build:
        """Return the same graph for a run of a catalogue: the analysis is that of its source alone."""
        if not self.analysis.sources:
            return self
        source = owner(self.analysis, run)
        assert source is not None  # or the run would not have been taken
        return replace(self, analysis=self.analysis.of(source))

    def note(self, text: str) -> None:
        """Add a note, once."""
        if text not in self.notes:
            self.notes.append(text)

    def at(self, label: str, values: Values) -> Build:
        """Return the same graph for one level of the analysis: with card values of its own, and a label for its tasks.

        Parameters
        ----------
        label
            Part of names of tasks and folders; letters, digits and ``_.-``.
        values
            By program and key; they stand over those of the kind.
        """
        programs = {*self.setup.values, *values}
        joined = {each: {**self.setup.values.get(each, {}), **values.get(each, {})} for each in programs}
        return replace(self, setup=replace(self.setup, values=joined, label=label), base=self.common)

    @cached_property
    def off_runs(self) -> list[Run]:
        """All off runs that models may be trained with."""
        selection = select_off(self.analysis, find_runs(self.analysis, "off"))
        for text in selection.notes:
            self.note(text)
        return selection.runs

    # --- remote storage

    def fetched(self, run: Run) -> Run:
        """Return a run whose files are all here, or made by tasks; those in remote storage are staged."""
        groups = (run.files, run.reports, run.pedestal, run.calibration)
        here = self._staged([file for group in groups for file in group])
        files, reports, pedestal, calibration = (tuple(here[str(file.name)] for file in group) for group in groups)
        return replace(run, files=files, reports=reports, pedestal=pedestal, calibration=calibration)

    def fetched_mc(self, mc: McSet) -> McSet:
        """Return a set of Monte Carlo whose files are all here, or made by tasks."""
        here = self._staged(mc.files)
        return replace(mc, files=tuple(here[str(file.name)] for file in mc.files))

    def _staged(self, files: list[DataFile] | tuple[DataFile, ...]) -> dict[str, DataFile]:
        """Add a staging task for each run and telescope with remote files; return all files by name."""
        far: dict[str, list[DataFile]] = {}
        for file in files:
            if file.url is not None and file.path is None and file.task is None:
                far.setdefault(_place(file.name), []).append(file)
        here = {str(file.name): file for file in files}
        for what, members in far.items():
            task = self.add(stage_task(what, members))
            here |= {str(file.name): replace(file, task=task.name) for file in members}
        return here


def _place(name: DataName | McName) -> str:
    """Name what is staged together: ``"05029747.M1"``, ``"05029747"``, ``"GA_za05to35_w0_1001.M1"``."""
    telescope = "" if name.telescope is None else f".M{name.telescope}"
    if isinstance(name, DataName):
        return f"{name.run:08d}{telescope}"
    last = "" if name.last is None else f"to{name.last}"
    return f"{name.set}{'' if name.run is None else f'_{name.run}{last}'}{telescope}"


def stage_task(what: str, files: list[DataFile]) -> Task:
    """Make the task that brings files from remote storage here. The driver runs it itself, not as a job."""
    first = files[0].name
    conditions: dict[str, object] = {"telescope": first.telescope}
    if isinstance(first, DataName):
        conditions |= {"run": first.run, "source": first.source}
    else:
        conditions["mc_set"] = first.set
    return Task(
        name=f"stage:{what}",
        stage="stage",
        program="stage",
        engine="stage",
        executable="stage",
        outputs=tuple(Output(str(file.name), file.name.level, "") for file in files),
        conditions={key: value for key, value in conditions.items() if value is not None},
        sources=tuple(Source(file.url or "", str(file.name), file.size, None, file.place) for file in files),
    )
