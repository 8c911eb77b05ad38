"""The executor that a site names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from automagic.executors.base import Executor
from automagic.executors.local import LocalExecutor
from automagic.job.launch import LAUNCHER

if TYPE_CHECKING:
    from automagic.analysis.site import Site


def executor_of(site: Site, work: Path, name: str, pyz: Path, cores: int = 0) -> Executor:
    """Return what runs jobs.

    Parameters
    ----------
    work
        The folder that has the jobs' folders.
    name
        What they are for.
    pyz
        Path of ``job.pyz``.
    cores
        So many at once on this machine; 0 for what the site says.
    """
    if site.executor == "local":
        return LocalExecutor(pyz, cores or site.local.cores, site.local.memory_mb)
    from automagic.executors.condor import CondorExecutor

    return CondorExecutor(work.resolve(), site.condor, name, pyz, LAUNCHER)
