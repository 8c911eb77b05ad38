"""The few calls to HTCondor's schedd that the executor makes, each counted."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from automagic.errors import UserError

HINT = "automagic doctor tells what is wrong; [condor] of site.toml names schedd and collector."


PATIENCE_S = 600.0
"""How long a schedd that does not answer is waited for."""

PAUSE_MAX_S = 60.0


class QueueError(Exception):
    """The schedd could not be reached, or did not do what it was asked for."""


class Patience:
    """How a schedd that does not answer is waited for: with growing pauses, and not for ever."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._next = self._pause = 0.0

    def waits(self, now: float) -> bool:
        """Tell whether it is too early to ask again."""
        return self._since is not None and now < self._next

    def again(self, now: float, error: QueueError) -> bool:
        """Take note of a failure; tell whether it is the first in a row.

        Raises
        ------
        UserError
            It has been waited long enough.
        """
        first = self._since is None
        if self._since is None:
            self._since, self._pause = now, 0.5
        elif now - self._since > PATIENCE_S:
            raise UserError(
                f"HTCondor has not done what it was asked for {PATIENCE_S / 60:.0f} minutes: {error}",
                hint="Jobs that it has go on; run again to take them over. " + HINT,
            )
        self._pause = min(2 * self._pause, PAUSE_MAX_S)
        self._next = now + self._pause
        return first

    def over(self) -> None:
        """Take note that it answers."""
        self._since = None


class Queue:
    """A schedd, found when it is first needed and again after each failure.

    Parameters
    ----------
    collector, schedd
        Address and name; `None` for those of this machine's HTCondor configuration.

    Attributes
    ----------
    calls
        How often it was asked what.
    """

    def __init__(self, collector: str | None = None, schedd: str | None = None) -> None:
        self.collector = collector
        self.name = schedd
        self.calls: Counter[str] = Counter()
        self._schedd: Any = None

    def submit(self, text: str, items: Iterable[Mapping[str, str]]) -> int:
        """Submit one cluster, with one job an item, and return its number."""
        with self._asked("submit") as (condor, schedd):
            return schedd.submit(condor.Submit(text), itemdata=iter([dict(item) for item in items])).cluster()

    def query(self, constraint: str, attributes: Sequence[str]) -> list[dict[str, Any]]:
        """Return attributes of the jobs, and of the clusters (those have no ``ProcId``), that a constraint names."""
        with self._asked("query") as (condor, schedd):
            found = schedd.query(constraint, list(attributes), opts=condor.QueryOpt.IncludeClusterAd)
            return [{key: ad[key] for key in attributes if key in ad} for ad in found]

    def release(self, jobs: Sequence[str], why: str) -> None:
        """Release held jobs, named as ``cluster.proc``."""
        with self._asked("release") as (condor, schedd):
            schedd.act(condor.JobAction.Release, list(jobs), (why, 0))

    def remove(self, jobs: Sequence[str] | str, why: str) -> None:
        """Remove jobs, named as ``cluster.proc`` or by a constraint."""
        with self._asked("remove") as (condor, schedd):
            schedd.act(condor.JobAction.Remove, jobs if isinstance(jobs, str) else list(jobs), (why, 0))

    def edit(self, jobs: Sequence[str], attribute: str, value: str) -> None:
        """Set an attribute of jobs, named as ``cluster.proc``; those that are gone are passed over."""
        clusters: dict[str, list[str]] = {}
        for job in jobs:
            cluster, _, proc = job.partition(".")
            clusters.setdefault(cluster, []).append(proc)
        # by a constraint, as by names one job that is gone undoes the edit of all
        these = (f"(ClusterId == {each} && member(ProcId, {{{', '.join(procs)}}}))" for each, procs in clusters.items())
        try:
            with self._asked("edit") as (_, schedd):
                schedd.edit(" || ".join(these), attribute, value)
        except QueueError as error:
            if "matching constraint" not in str(error):  # all are gone
                raise

    @contextmanager
    def _asked(self, what: str) -> Iterator[tuple[Any, Any]]:
        htcondor2: Any = importlib.import_module("htcondor2")  # late: runs on this machine alone never load it
        self.calls[what] += 1
        try:
            if self._schedd is None:
                self._schedd = self._find(htcondor2)
            yield htcondor2, self._schedd
        except (htcondor2.HTCondorException, RuntimeError, OSError, KeyError) as error:
            self._schedd = None  # it may come back under another address
            raise QueueError(" ".join(str(error).split()) or type(error).__name__) from error

    def _find(self, condor: Any) -> Any:
        self.calls["locate"] += 1
        if self.collector is None and self.name is None:
            return condor.Schedd()
        collector = condor.Collector(self.collector) if self.collector else condor.Collector()
        if self.name is not None:
            place = collector.locate(condor.DaemonType.Schedd, self.name)
            if place is None:
                raise QueueError(f"the collector knows no schedd {self.name!r}")
            return condor.Schedd(place)
        places = collector.locateAll(condor.DaemonType.Schedd)
        if len(places) != 1:
            names = ", ".join(sorted(str(place.get("Name")) for place in places)) or "none"
            raise UserError(
                f"the collector {self.collector} knows {len(places)} schedds: {names}",
                hint="Name the one to use as 'schedd' in [condor] of site.toml.",
            )
        return condor.Schedd(places[0])
