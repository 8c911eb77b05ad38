"""What is done about each way in which a job can go wrong: one table.

The job itself tells its causes in its receipt (``cause``); the executor tells those of jobs that left none.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """What is done about one cause.

    Attributes
    ----------
    meaning
        In a person's words.
    retries
        How often a task is tried again, where there are several nodes.
    in_queue
        Whether that is done by the same job, in HTCondor's queue, and not by another attempt.
    counts
        Whether many failures of this kind stop the stage.
    advice
        What a person can do; ``{analysis}`` and ``{task}`` are filled in.
    """

    meaning: str
    retries: int = 0
    counts: bool = True
    in_queue: bool = False
    advice: str = "automagic log {analysis} {task}"


_LOG = "automagic log {analysis} {task}"
_DOCTOR = "automagic doctor {analysis}"

POLICIES: dict[str, Policy] = {
    # told by the job
    "exit": Policy("the program ended with a code that means failure", advice=_LOG),
    "signal": Policy("the program was killed by a signal", 1, advice=_LOG),
    "time": Policy("the program did not end in its time", 1, advice=_LOG),
    "disk": Policy("the disk was full where the job ran", 2, advice="./doit analysis={analysis}"),
    "input": Policy("an input is not what it should be", advice=_LOG),
    "changed": Policy("an input changed while the job waited", advice="./doit analysis={analysis}"),
    "output": Policy("an output is missing or not what it should be", advice=_LOG),
    "card": Policy("the program did not read a card key", advice=_LOG),
    "start": Policy("the program cannot be started", 1, advice=_DOCTOR),
    "internal": Policy("the job itself broke", advice=_LOG),
    # told by the executor
    "node": Policy("the job could not be started on its node", 2, advice=_DOCTOR),
    "killed": Policy("the job was killed before it could report", 1, advice=_LOG),
    "memory": Policy("the job needs more memory than it may have", advice="raise condor.memory_max_mb in site.toml"),
    "held": Policy("HTCondor held the job", 2, in_queue=True, advice=_DOCTOR),
    "held-user": Policy(
        "a person held the job; it waits until they release it",
        counts=False,
        advice="condor_release -constraint 'AutomagicTask == \"{task}\"'",
    ),
    "evicted": Policy("the job was sent away from its node; HTCondor starts it again", 10, counts=False, in_queue=True),
    "shadow": Policy("HTCondor lost touch with the job and starts it again", 10, counts=False, in_queue=True),
    "removed": Policy("a person removed the job", counts=False, advice="./doit analysis={analysis}"),
    "schedd": Policy("HTCondor does not do what it is asked; it is asked again", counts=False, advice=_DOCTOR),
    "lost": Policy("the job is gone from the queue without a word", 2, advice=_DOCTOR),
    "transfer": Policy("files could not be brought to or from the node", 2, in_queue=True, advice=_DOCTOR),
}
"""By cause. A harmless exit code is no cause: the job is done, and its receipt has a remark."""


def policy(cause: str) -> Policy:
    """Return what is done about a cause; an unknown one is not tried again."""
    return POLICIES.get(cause, POLICIES["internal"])
