"""What is done to a run's DL3 file before the science steps read it."""

from __future__ import annotations

from automagic.analysis.pulsar import par_of
from automagic.errors import UserError
from automagic.graph.build import Build
from automagic.graph.data import run_conditions
from automagic.graph.moon import marked
from automagic.graph.task import Input
from automagic.index import Run
from automagic.programs import haze, pulsar
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
    if build.analysis.atmosphere.correct == "lidar":
        dl3 = dehazed(build, run, dl3, melibea)
    dl3 = marked(build, run, dl3)
    asked = build.analysis.pulsar
    if asked is not None:
        par = par_of(build.analysis.folder, asked, run.night, run.run)
        task = pulsar.phase_task(build.setup, f"{run.run:08d}", par, dl3, run_conditions(run))
        dl3 = made_inputs("dl3", build.add(task), dl3.checks)[0]
    return dl3


def dehazed(build: Build, run: Run, dl3: Input, melibea: Input | None) -> Input:
    """Correct a run for haze; that is its first refinement, as it compares the file with the one it was made from."""
    if melibea is None:
        raise UserError(
            f"{build.analysis.folder / 'analysis.toml'}: atmosphere.correct is 'lidar', but data.from is 'dl3': DL3 "
            "files have neither the LIDAR's reports nor the heights of the showers",
            hint="Begin at melibea or an earlier level, or leave out [atmosphere].",
        )
    task = haze.task(build.setup, build.analysis, f"{run.run:08d}", dl3, melibea, run_conditions(run))
    return made_inputs("dl3", build.add(task), dl3.checks)[0]
