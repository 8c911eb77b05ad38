"""Inputs of tasks, from storage or from other tasks."""

from __future__ import annotations

from collections.abc import Mapping

from automagic.graph.task import Input, Task
from automagic.index import DataFile, McSet
from automagic.naming import McName


def source_input(role: str, file: DataFile, checks: Mapping[str, object]) -> Input:
    """Make an input of a run's file, wherever that comes from."""
    path = None if file.path is None else str(file.path)
    return Input(role, str(file.name), task=file.task, path=path, checks=dict(checks))


def mc_folder(mc: McSet) -> str:
    """Return the folder for the products of a set, below ``products``.

    A set that stands beside one of the same zenith range, of another period or version of the simulation, has these
    behind its name, and a folder of its own.

    Examples
    --------
    >>> mc_folder(McSet("GA_za05to35_w0", (5, 35), "w0", "star", ()))
    'products/mc'
    >>> mc_folder(McSet("GA_za05to35_w0_ST.03.06", (5, 35), "w0", "star", ()))
    'products/mc/ST.03.06'
    """
    return f"products/mc{_behind(mc, '/')}"


def mc_zone(mc: McSet) -> str:
    """Return the name of a set as it stands in names of models, e.g. ``"za05to35"``."""
    return f"za{mc.zenith[0]:02d}to{mc.zenith[1]:02d}{_behind(mc, '_')}"


def _behind(mc: McSet, before: str) -> str:
    words = mc.name.removeprefix(str(McName(mc.zenith, "superstar", mc.geometry).set)).strip("_")
    return f"{before}{words}" if words else ""


def made_inputs(role: str, task: Task, checks: Mapping[str, object], *, only: str | None = None) -> list[Input]:
    """Make inputs of all outputs of a task, or of the `only` one of that name."""
    return [
        Input(role, output.name, task=task.name, checks=dict(checks))
        for output in task.outputs
        if only is None or output.name == only
    ]
