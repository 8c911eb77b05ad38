"""What the queue itself says of our jobs: asked where the log is silent, and when a new driver begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from automagic.executors.condor.batches import Batch
from automagic.executors.condor.follow import ON_HOLD, Follower

ATTRIBUTES = (
    "ClusterId", "ProcId", "AutomagicBatch", "JobStatus", "JobMaterializeNextProcId",
    "HoldReasonCode", "HoldReasonSubCode", "HoldReason",
)  # fmt: skip

_HELD = 5  # JobStatus


class Census:
    """Jobs and clusters of the queue.

    Attributes
    ----------
    jobs
        By cluster and number.
    made
        Cluster by cluster, how many jobs HTCondor has put into the queue so far.
    clusters
        By name of the batch.
    """

    def __init__(self, ads: Iterable[Mapping[str, Any]]) -> None:
        self.jobs: dict[tuple[int, int], Mapping[str, Any]] = {}
        self.made: dict[int, int] = {}
        self.clusters: dict[str, int] = {}
        for ad in ads:
            cluster = int(ad["ClusterId"])
            self.clusters[str(ad.get("AutomagicBatch"))] = cluster
            if "ProcId" in ad:
                self.jobs[cluster, int(ad["ProcId"])] = ad
            else:
                self.made[cluster] = int(ad.get("JobMaterializeNextProcId", 0))

    def compare(self, batches: Iterable[Batch], follower: Follower, has_result: Callable[[str], bool]) -> None:
        """Tell the follower of what it has missed: jobs that are held, and those that are in the queue no more."""
        for batch in batches:
            cluster = batch.cluster
            if cluster is None:
                continue
            for proc, member in enumerate(batch.members):
                job = follower.jobs.get(member.attempt)
                if job is None:
                    continue
                ad = self.jobs.get((cluster, proc))
                if ad is not None:
                    job.number = (cluster, proc)
                    if ad.get("JobStatus") == _HELD and job.state != ON_HOLD:
                        follower.hold(job, ad.get("HoldReasonCode"), ad.get("HoldReasonSubCode"), ad.get("HoldReason"))
                elif cluster in self.made and proc >= self.made[cluster]:
                    continue  # HTCondor will make it later
                elif has_result(job.attempt):
                    follower.end(job, "", "")
                else:
                    lost = ("lost", "the job is gone from the queue, and its log does not say why")
                    follower.end(job, *(job.ending or lost))
