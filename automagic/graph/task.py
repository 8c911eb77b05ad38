"""What a task is: one program on named inputs with one card. Plain data, known before anything runs.

The wrappers in `automagic.programs` make tasks, `automagic.graph.expand` joins them to a graph, and everything below
(identity, executors, job, catalog) only reads them. A task holds no absolute path but those of its source files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Input:
    """A file that a task reads. It comes either from another task or from storage.

    Attributes
    ----------
    role
        What the file is to the program, e.g. ``"m1"``, ``"mc-train"``. The job lays it out as ``in/<role>/<name>``.
    name
        File name as the program sees it.
    task
        Name of the task that makes it, or `None` for a file in storage.
    path
        Absolute path of the file in storage, or `None` where a task makes it.
    checks
        What must be true of the file before the program starts; see `automagic.job`.
    copy
        Whether the program changes the file in place: it is given a writable copy as ``out/<name>`` then.
    """

    role: str
    name: str
    task: str | None = None
    path: str | None = None
    checks: dict[str, Any] = field(default_factory=dict)
    copy: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A file in remote storage that a staging task brings here.

    Attributes
    ----------
    url
        Address, without user and password.
    name
        File name.
    size
        Bytes, or `None` where storage does not tell.
    checksum
        ``"<algorithm>:<hex>"`` where storage tells one.
    place
        ``"online"`` or ``"tape"``, as far as known.
    """

    url: str
    name: str
    size: int | None = None
    checksum: str | None = None
    place: str = "online"


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a task makes.

    Attributes
    ----------
    name
        File name below the job's ``out/`` folder.
    level
        Data level or kind of product, e.g. ``"star"``, ``"superstar"``, ``"dl3"``, ``"result"``.
    link
        Path relative to the analysis folder under which a person finds it, e.g. ``"products/star/…_I_….root"``;
        empty for none.
    checks
        What must be true of the file for the task to have succeeded; see `automagic.job`.
    optional
        Whether the program may leave it out.
    missing_with
        Exit codes with which alone an optional output may be missing; none for any.
    """

    name: str
    level: str
    link: str
    checks: dict[str, Any] = field(default_factory=dict)
    optional: bool = False
    missing_with: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Resources:
    """What one job needs: cores, memory and disk in MB, and the wall time in minutes after which it is ended."""

    cores: int = 1
    memory_mb: int = 1000
    disk_mb: int = 500
    minutes: float = 60.0


@dataclass(frozen=True, slots=True)
class Task:
    """One program on named inputs with one card; a node of the graph.

    Attributes
    ----------
    name
        ``"<stage>:<what>"``, e.g. ``"star:05029747.M1"``; unique in the analysis.
    stage
        The group that it is shown and selected under, e.g. ``"star"``.
    program
        Program name, e.g. ``"star"``; the key of `automagic.programs.PROGRAMS`.
    engine
        Where the program comes from: ``"openmars"``, ``"mars"`` or ``"science"``.
    executable
        Name of the executable in ``$MARSSYS``, or for science steps the step's name.
    arguments
        Words after the executable. Paths in them are relative to the job's folder: ``card.rc``, ``in/<role>/…``,
        ``out``.
    card
        The rendered card; the job writes it as ``card.rc``. Empty where the program takes none.
    inputs, outputs, resources
        See there.
    exit_codes
        Known non-zero exit codes and their meaning.
    tolerated
        Those of `exit_codes` that do not fail the task; they are recorded.
    clock, threads
        Whether the program's clock stands still in an image (``"fixed"``, ``"real"``); how many threads it may have.
    conditions
        What the catalog should know of it: run, telescope, zenith, period, cleaning levels … Not part of the identity.
    problem
        Where set, the task cannot run, and this says why in a person's words. It fails without being started.
    sources
        What a staging task (engine ``"stage"``) fetches; its outputs have the same names, in the same order.
    """

    name: str
    stage: str
    program: str
    engine: str
    executable: str
    arguments: tuple[str, ...] = ()
    card: str = ""
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    resources: Resources = Resources()
    exit_codes: dict[int, str] = field(default_factory=dict)
    tolerated: frozenset[int] = frozenset()
    clock: str = "fixed"
    threads: int = 1
    conditions: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None
    sources: tuple[Source, ...] = ()

    @property
    def upstream(self) -> tuple[str, ...]:
        """Names of the tasks whose outputs this one reads, each once, in the order of its inputs."""
        return tuple(dict.fromkeys(i.task for i in self.inputs if i.task is not None))
