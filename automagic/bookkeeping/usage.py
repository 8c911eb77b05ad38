"""What earlier jobs of a program have used, and what the next one is given because of that."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from automagic.bookkeeping.folder import Folder
from automagic.graph.task import Resources

FEWEST = 5
"""With fewer jobs than this, the program's default counts."""

MARGIN = 1.25
"""Memory and disk: so many times the most that was seen."""

PATIENCE = 5
"""Wall time: so many times the longest, as nodes differ, and a job that hangs is found soon enough."""

STEP_MB, MEMORY_MIN_MB, DISK_MIN_MB = 100, 200, 100
STEP_MINUTES, MINUTES_MIN = 10, 10
"""Coarse, so that jobs with needs much alike go out together."""

CLASSES = 8
"""Classes of input sizes in a factor of two."""

SMALLEST_MB = 0.001

# A job that was ended as its time was up would have needed more; one that ran out of memory, more than it was given.
QUERY = f"""
SELECT program, CAST(floor({CLASSES} * log2(greatest(input_mb, {SMALLEST_MB}))) AS INTEGER) AS size, count(*),
       max(CASE cause WHEN 'memory' THEN greatest(max_rss_mb, requested_mb) ELSE max_rss_mb END),
       max(disk_mb), max(wall_s) / 60, max(wall_s) FILTER (state = 'done') / 60
FROM read_parquet(?, hive_partitioning = false)
WHERE program IS NOT NULL AND input_mb IS NOT NULL
  AND (state = 'done' AND max_rss_mb IS NOT NULL AND wall_s IS NOT NULL
       OR state = 'failed' AND cause IN ('time', 'memory'))
GROUP BY 1, 2
"""  # noqa: S608 (numbers of our own)


@dataclass(frozen=True)
class Seen:
    """The most that jobs have used: memory and disk in MB, minutes of all, and minutes of those that were done."""

    count: int = 0
    memory_mb: float = 0.0
    disk_mb: float = 0.0
    minutes: float = 0.0
    minutes_done: float = 0.0

    def __or__(self, other: Seen) -> Seen:
        """Return the most of both."""
        return Seen(
            self.count + other.count,
            max(self.memory_mb, other.memory_mb),
            max(self.disk_mb, other.disk_mb),
            max(self.minutes, other.minutes),
            max(self.minutes_done, other.minutes_done),
        )


class Usage:
    """What jobs have used, by program and size of their inputs.

    Examples
    --------
    >>> usage = Usage()
    >>> job = {"program": "star", "state": "done", "input_mb": 100, "max_rss_mb": 330, "disk_mb": 20, "wall_s": 240}
    >>> usage.learn([job] * 5)
    >>> usage.suggest("star", 120, Resources(memory_mb=700, disk_mb=500, minutes=60))
    Resources(cores=1, memory_mb=500, disk_mb=100, minutes=20)
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], Seen] = {}
        self._near: dict[tuple[str, int], Seen] = {}

    def learn(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take note of jobs, as the catalog's ``jobs`` has them; those that tell nothing are passed over."""
        for row in rows:
            if row.get("program") is not None and row.get("input_mb") is not None:
                seen = _seen(row)
                if seen is not None:
                    self._add(row["program"], size_class(row["input_mb"]), seen)

    def read(self, folder: Folder) -> None:
        """Take note of the jobs of an analysis, from the exports of its catalog."""
        import duckdb

        path = folder.exports / "jobs.parquet"
        if not path.exists():
            return
        with duckdb.connect() as connection:
            try:
                rows = connection.execute(QUERY, [str(path)]).fetchall()
            except duckdb.Error:  # of an older version, or damaged: it will be written anew
                return
        for program, size, count, *most in rows:
            self._add(program, size, Seen(count, *(value or 0.0 for value in most)))

    def _add(self, program: str, size: int, seen: Seen) -> None:
        self._seen[program, size] = self._seen.get((program, size), Seen()) | seen
        self._near.clear()

    def suggest(self, program: str, input_mb: float, default: Resources) -> Resources:
        """Return what a job is to be given.

        Parameters
        ----------
        input_mb
            Size of its inputs; jobs with inputs of half to twice that size count.
        default
            What the program asks for; it stays where fewer than five jobs are known.
        """
        seen = self._most(program, size_class(input_mb))
        if seen.count < FEWEST:
            return default
        minutes = round_up(max(MINUTES_MIN, PATIENCE * seen.minutes), STEP_MINUTES)
        needed = round_up(MARGIN * seen.minutes_done, STEP_MINUTES)
        return replace(
            default,
            memory_mb=max(MEMORY_MIN_MB, round_up(MARGIN * seen.memory_mb, STEP_MB)),
            disk_mb=max(DISK_MIN_MB, round_up(MARGIN * seen.disk_mb, STEP_MB)),
            minutes=min(minutes, max(default.minutes, needed)),
        )

    def _most(self, program: str, size: int) -> Seen:
        """Return the most that jobs with inputs about this size have used."""
        if (program, size) not in self._near:
            # one class more on each side: the factor of two ends within it
            around = range(size - CLASSES - 1, size + CLASSES + 2)
            found = (self._seen.get((program, each)) for each in around)
            self._near[program, size] = reduce(Seen.__or__, (each for each in found if each), Seen())
        return self._near[program, size]


def size_class(input_mb: float) -> int:
    """Return the class of a size of inputs.

    >>> size_class(200) - size_class(100)
    8
    """
    return math.floor(CLASSES * math.log2(max(input_mb, SMALLEST_MB)))


def round_up(value: float, step: int) -> int:
    """Return the next multiple of a step.

    >>> round_up(401, 100), round_up(400, 100)
    (500, 400)
    """
    return step * math.ceil(value / step)


def _seen(row: Mapping[str, Any]) -> Seen | None:
    memory, minutes = row.get("max_rss_mb"), (row.get("wall_s") or 0.0) / 60
    disk = row.get("disk_mb") or 0.0
    if row.get("state") == "done" and memory is not None and row.get("wall_s") is not None:
        return Seen(1, memory, disk, minutes, minutes)
    if row.get("state") == "failed" and row.get("cause") in ("time", "memory"):
        given = row.get("requested_mb") if row["cause"] == "memory" else None
        return Seen(1, max(memory or 0.0, given or 0.0), disk, minutes)
    return None
