"""What is done to a run's DL3 file before the science steps read it."""

from __future__ import annotations

from automagic.graph.build import Build
from automagic.graph.moon import marked
from automagic.graph.task import Input
from automagic.index import Run


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
    return marked(build, run, dl3)
