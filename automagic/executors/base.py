"""What an executor is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Request:
    """One job to run.

    Attributes
    ----------
    attempt
        Its name, unique for ever.
    folder
        ``work/<attempt>``: has ``spec.json``, and ``launch`` where the job runs in an image; the job leaves ``done`` or
        ``failed`` there, with a receipt.
    task, stage, action
        What it is for.
    image
        The image that it runs in; `None` for the host's environment.
    cores, memory_mb, disk_mb, minutes
        What it needs.
    priority
        The higher, the earlier.
    inputs
        Files that it reads, as ``(role/name, path)``.
    """

    attempt: str
    folder: Path
    task: str = ""
    stage: str = ""
    action: str = ""
    image: Path | None = None
    cores: int = 1
    memory_mb: int = 0
    disk_mb: int = 0
    minutes: float = 60.0
    priority: float = 0.0
    inputs: tuple[tuple[str, Path], ...] = ()


@dataclass(frozen=True)
class Event:
    """What happened to a job.

    Attributes
    ----------
    kind
        ``"started"``, ``"ended"``, or ``"note"`` for what happened on the way (held, evicted, given more memory).
    cause
        Key of `automagic.executors.policy.POLICIES`: of a note what it is about; of an end why the job cannot have left
        a receipt, or ``"cancelled"``, ``"withdrawn"``. Empty where the receipt tells.
    detail
        The same in words.
    host
        Where it runs, as far as known.
    memory_mb
        The largest memory that the batch system saw, where it tells.
    """

    attempt: str
    kind: str
    cause: str = ""
    detail: str = ""
    host: str = ""
    memory_mb: float | None = None
    usage: dict[str, float] = field(default_factory=dict)


class Executor(Protocol):
    """Runs jobs somewhere. `kind` is that of `automagic.job.launch.place`."""

    kind: str

    @property
    def cores(self) -> int:
        """How many cores it has, or may use at once."""

    @property
    def memory_mb(self) -> int:
        """How much memory a job can have at most."""

    def submit(self, requests: Sequence[Request]) -> None:
        """Take jobs. They start when there is room."""

    def wait(self, timeout: float | None = None, wake: int | None = None) -> list[Event]:
        """Sleep until something happens, or for some seconds, and tell what it was.

        Parameters
        ----------
        timeout
            In seconds; `None` for ever.
        wake
            A descriptor that ends the sleep when it can be read.
        """

    def adopt(self, known: Callable[[str], bool]) -> Mapping[str, Any]:
        """Take over the jobs of earlier drivers; return those attempts, of which `wait` tells from now on.

        Parameters
        ----------
        known
            Tells whether an attempt is still wanted; the others are removed.
        """

    def withdraw(self, attempts: Collection[str]) -> None:
        """Take back those of some jobs that have not started; `wait` tells their end, with cause ``"withdrawn"``."""

    def leave(self) -> list[Event]:
        """Prepare for this process to end: end the jobs that cannot go on without it, and tell how they ended."""

    def close(self) -> None:
        """Put everything away, once no job is left."""

    def cancel(self) -> list[Event]:
        """End all jobs, wait until they are gone, and tell how they ended."""

    @property
    def active(self) -> int:
        """How many jobs are waiting or running."""
