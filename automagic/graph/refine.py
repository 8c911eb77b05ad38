"""What is done to a run's DL3 file before the science steps read it."""

from __future__ import annotations

from automagic.analysis.pulsar import par_of
from automagic.graph.build import Build
from automagic.graph.data import run_conditions
from automagic.graph.moon import marked
from automagic.graph.task import Input
from automagic.index import Run
from automagic.programs import pulsar
from automagic.programs.inputs import made_inputs


def refined(build: Build, run: Run, dl3: Input, melibea: Input | None) -> Input:
    """Return the DL3 file that the science steps read, after all steps that the analysis asks for.

    Parameters
    ----------
    build, run
        The graph, and the run.
    dl3
        Its file as magic_dl3 made it, or as it is in storage.
    melibea
        The file that it was made from; `None` for DL3 files in storage.
    """
    dl3 = marked(build, run, dl3)
    asked = build.analysis.pulsar
    if asked is not None:
        par = par_of(build.analysis.folder, asked, run.night, run.run)
        task = pulsar.phase_task(build.setup, f"{run.run:08d}", par, dl3, run_conditions(run))
        dl3 = made_inputs("dl3", build.add(task), dl3.checks)[0]
    return dl3
