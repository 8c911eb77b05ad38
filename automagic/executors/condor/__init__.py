"""Jobs on a cluster, through HTCondor.

| module | what it does |
|---|---|
| `executor` | the one loop's side: gathers, submits, waits, tells |
| `batches` | what goes out with one call, written down before it does |
| `describe` | the submit description of a batch |
| `queue` | the few calls to the schedd, counted |
| `follow` | from the event log to what happened |
"""

from __future__ import annotations

from automagic.executors.condor.executor import CondorExecutor
from automagic.executors.condor.queue import Queue, QueueError

__all__ = ["CondorExecutor", "Queue", "QueueError"]
