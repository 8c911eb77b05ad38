"""Tasks as JSON and back, without what is as always: there may be very many."""

from __future__ import annotations

import json
from sys import intern
from typing import Any

from automagic.graph.task import Input, Output, Resources, Source, Task

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def pack(task: Task) -> str:
    """Return all of a task but its name and the text of its card as JSON.

    >>> print(pack(Task("star:1.M1", "star", "star", "mars", "star", ("--mc",), outputs=(Output("a", "star", ""),))))
    {"arguments":["--mc"],"executable":"star","outputs":[["a","star","",{},false,[]]]}
    """
    made: dict[str, Any] = {"executable": task.executable}
    if task.arguments:
        made["arguments"] = task.arguments
    if task.inputs:
        made["inputs"] = [[i.role, i.name, i.task, i.path, i.checks, i.copy] for i in task.inputs]
    if task.outputs:
        made["outputs"] = [[o.name, o.level, o.link, o.checks, o.optional, o.missing_with] for o in task.outputs]
    if task.resources != _RESOURCES:
        r = task.resources
        made["resources"] = [r.cores, r.memory_mb, r.disk_mb, r.minutes]
    if task.exit_codes:
        made["exit_codes"] = {str(code): text for code, text in task.exit_codes.items()}
    if task.tolerated:
        made["tolerated"] = sorted(task.tolerated)
    if task.clock != "fixed":
        made["clock"] = task.clock
    if task.threads != 1:
        made["threads"] = task.threads
    if task.conditions:
        made["conditions"] = task.conditions
    if task.sources:
        made["sources"] = [[s.url, s.name, s.size, s.checksum, s.place] for s in task.sources]
    return _encode(made)


_RESOURCES = Resources()
_NOTHING: dict[Any, Any] = {}
"""One for all: nobody changes what a task has."""


def unpack(name: str, stage: str, program: str, engine: str, problem: str | None, card: str, text: str) -> Task:
    """Return the task that `pack` has written.

    >>> task = Task("star:1.M1", "star", "star", "mars", "star", card="A: 1", tolerated=frozenset({2}))
    >>> unpack("star:1.M1", "star", "star", "mars", None, "A: 1", pack(task)) == task
    True
    """
    from pydantic_core import from_json

    told = from_json(text)  # which gives the same string as one object
    return Task(
        name,
        intern(stage),
        intern(program),
        intern(engine),
        told["executable"],
        tuple(told.get("arguments", ())),
        intern(card),
        tuple([_input(*each) for each in told.get("inputs", ())]),
        tuple([_output(*each) for each in told.get("outputs", ())]),
        Resources(*told["resources"]) if "resources" in told else _RESOURCES,
        {int(code): meaning for code, meaning in told["exit_codes"].items()} if "exit_codes" in told else _NOTHING,
        frozenset(told.get("tolerated", ())),
        told.get("clock", "fixed"),
        told.get("threads", 1),
        told.get("conditions", _NOTHING),
        problem,
        tuple([Source(*each) for each in told.get("sources", ())]),
    )


def _input(role: str, name: str, task: str | None, path: str | None, checks: dict[str, Any], copy: bool) -> Input:
    return Input(role, name, task, path, checks or _NOTHING, copy)


def _output(name: str, level: str, link: str, checks: dict[str, Any], optional: bool, codes: list[int]) -> Output:
    return Output(name, level, link, checks or _NOTHING, optional, tuple(codes))
