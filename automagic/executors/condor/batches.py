"""Batches: what is submitted with one call. Each is written down before that, so that a new driver finds its jobs."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from automagic.executors.base import Request


class Kind(NamedTuple):
    """What jobs of one batch have in common."""

    stage: str
    image: str | None
    cores: int
    memory_mb: int
    disk_mb: int
    minutes: int


def kind_of(request: Request) -> Kind:
    """Return the batches that a job may go into.

    Needs are rounded up, so that jobs of one program share a batch even where each was given what it is known to use.
    """
    return Kind(
        request.stage,
        None if request.image is None else str(request.image),
        max(1, request.cores),
        _up(request.memory_mb, 100),
        _up(request.disk_mb, 1000),
        _up(request.minutes, 30),
    )


def _up(value: float, step: int) -> int:
    return max(1, math.ceil(value / step)) * step


@dataclass(frozen=True, slots=True)
class Member:
    """A job of a batch."""

    attempt: str
    task: str
    action: str
    priority: int


@dataclass
class Batch:
    """Jobs that are one cluster; the position of a job is its number (``ProcId``) in there.

    Attributes
    ----------
    log
        Name of the event log, in the folder of the batches; several batches share one.
    cluster
        As soon as it is known.
    """

    name: str
    log: str
    kind: Kind
    members: list[Member]
    cluster: int | None = None

    def write(self, folder: Path) -> None:
        """Bring the batch to the disk: after a crash its file is whole or not there."""
        text = json.dumps({"batch": 1, "name": self.name, "log": self.log, "kind": self.kind._asdict(),
                           "members": [asdict(member) for member in self.members]})  # fmt: skip
        path = folder / f"{self.name}.json"
        temporary = path.with_suffix(".tmp")
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read(path: Path) -> Batch:
    """Read the file of a batch.

    Raises
    ------
    ValueError, KeyError, TypeError
        It is not one of ours.
    """
    given = json.loads(path.read_text(encoding="utf-8"))
    if given["batch"] != 1 or given["name"] != path.stem or "/" in given["log"]:
        raise ValueError(f"{path} is no batch")
    members = [Member(**each) for each in given["members"]]
    return Batch(given["name"], given["log"], Kind(**given["kind"]), members)


def gather(requests: Iterable[Request]) -> dict[Kind, list[Request]]:
    """Sort jobs into kinds; within one, the highest priority first, in the order of submission among equals."""
    kinds: dict[Kind, list[Request]] = {}
    for request in sorted(requests, key=lambda each: -each.priority):
        kinds.setdefault(kind_of(request), []).append(request)
    return kinds
