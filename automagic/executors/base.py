"""What an executor is."""

from __future__ import annotations

from collections.abc import Sequence
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
    spec
        File with the job spec (`automagic.job.spec`).
    cores, memory_mb
        What it needs.
    priority
        The higher, the earlier.
    """

    attempt: str
    spec: Path
    cores: int = 1
    memory_mb: int = 0
    priority: float = 0.0


@dataclass(frozen=True)
class Event:
    """What happened to a job.

    Attributes
    ----------
    kind
        ``"started"`` or ``"ended"``.
    end
        What the job said at its end (parts of its receipt; ``state`` is ``done``, ``failed`` or
        ``cancelled``). Empty where it was killed before it could say anything.
    detail
        Why there is nothing in ``end``.
    """

    attempt: str
    kind: str
    end: dict[str, Any] = field(default_factory=dict)
    detail: str = ""


class Executor(Protocol):
    """Runs jobs somewhere."""

    @property
    def cores(self) -> int:
        """How many cores it has."""

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

    def cancel(self) -> list[Event]:
        """End all jobs, wait until they are gone, and tell how they ended."""

    @property
    def active(self) -> int:
        """How many jobs are waiting or running."""
