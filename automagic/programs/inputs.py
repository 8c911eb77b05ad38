"""Inputs of tasks, from storage or from other tasks."""

from __future__ import annotations

from collections.abc import Mapping

from automagic.graph.task import Input, Task
from automagic.index import DataFile


def source_input(role: str, file: DataFile, checks: Mapping[str, object]) -> Input:
    """Make an input of a run's file, wherever that comes from."""
    path = None if file.path is None else str(file.path)
    return Input(role, str(file.name), task=file.task, path=path, checks=dict(checks))


def made_inputs(role: str, task: Task, checks: Mapping[str, object], *, only: str | None = None) -> list[Input]:
    """Make inputs of all outputs of a task, or of the `only` one of that name."""
    return [
        Input(role, output.name, task=task.name, checks=dict(checks))
        for output in task.outputs
        if only is None or output.name == only
    ]
