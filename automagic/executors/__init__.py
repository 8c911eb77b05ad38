"""Where jobs run. An executor takes batches of jobs and yields what happens to them; nothing polls per job."""

from __future__ import annotations

from automagic.executors.base import Event, Executor, Request
from automagic.executors.local import LocalExecutor

__all__ = ["Event", "Executor", "LocalExecutor", "Request"]
