"""In what a program runs: an image, or the environment of this host; always closed and the same."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from automagic.graph.identity import PROJECT
from automagic.graph.task import Task
from automagic.job.launch import CLOCK, PROGRAMS

if TYPE_CHECKING:
    from automagic.images.record import Record

CLOCK_STANDS = "2000-01-01 00:00:00"
"""What a fixed clock shows, UTC."""

THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "NUMEXPR")


class Images:
    """The images of an analysis: each is the one that the analysis is pinned to, or it is refused.

    Parameters
    ----------
    root
        The analysis folder.
    paths
        SIF file by engine.
    sha256
        Hashes a file, with a cache.
    """

    def __init__(self, root: Path, paths: Mapping[str, Path], sha256: Callable[[Path], str]) -> None:
        self.root = root
        self.paths = dict(paths)
        self.sha256 = sha256
        self._records: dict[str, Record] = {}

    def path(self, engine: str) -> Path | None:
        """Return the image of an engine; `None` where its programs run on the host."""
        return self.paths.get(engine)

    def record(self, engine: str) -> Record | None:
        """Return what is known of the image of an engine, once its content and the pin have been checked.

        Raises
        ------
        UserError
            The image is not there, is not what its record says, or is another than the analysis is pinned to.
        """
        if engine not in self.paths:
            return None
        if engine not in self._records:
            from automagic.images import check, find

            record = find(self.paths[engine], self.sha256)
            check(self.root, engine, record)
            self._records[engine] = record
        return self._records[engine]


def image_command(task: Task) -> list[str]:
    """Return the program of a task and its words, as they are in an image."""
    if task.engine == "science":
        return [f"{PROGRAMS}/science", task.executable, *task.arguments]
    return [f"{PROGRAMS}/{task.executable}", *task.arguments]


def image_variables(task: Task) -> dict[str, str]:
    """Return the environment of a task's program in an image."""
    variables = {"PATH": f"{PROGRAMS}:/usr/local/bin:/usr/bin:/bin", "MARSSYS": PROGRAMS, **common(task)}
    if task.clock == "fixed":
        # the monotonic clock goes on: programs measure with it, and wait for it
        variables |= {"LD_PRELOAD": CLOCK, "FAKETIME": CLOCK_STANDS, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return variables


def host_variables(task: Task, marssys: Path | None) -> dict[str, str]:
    """Return the environment of a task's program on this host; `marssys` is `None` for science steps."""
    here = str(Path(sys.executable).parent)
    variables = {"PATH": os.pathsep.join([here, "/usr/local/bin", "/usr/bin", "/bin"]), **common(task)}
    if marssys is None:
        variables["PYTHONPATH"] = str(PROJECT)
    else:
        variables["MARSSYS"] = str(marssys)
        variables["OPENMARS_PYTHON"] = sys.executable
    if task.engine == "mars":
        for name in ("ROOTSYS", "LD_LIBRARY_PATH"):
            if name in os.environ:
                variables[name] = os.environ[name]
        if "ROOTSYS" in variables:
            variables["PATH"] = f"{variables['ROOTSYS']}/bin{os.pathsep}{variables['PATH']}"
    return variables


def common(task: Task) -> dict[str, str]:
    """Return what is the same everywhere."""
    return {
        "TZ": "UTC",
        "LANG": "C",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUTF8": "1",
        "SOURCE_DATE_EPOCH": "0",
        "ROOTENV_NO_HOME": "1",
        "MPLBACKEND": "agg",
        "TERM": "dumb",
        **{f"{name}_NUM_THREADS": str(task.threads) for name in THREADS},
    }
