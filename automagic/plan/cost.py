"""What a plan is going to cost, from what such jobs have cost in this analysis before."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automagic.plan.plan import CANNOT, TAKE, Plan

_SEEN = """
SELECT coalesce(program, split_part(task, ':', 1)) AS name, median(cpu_s) FROM jobs
WHERE state = 'done' AND cpu_s IS NOT NULL AND name IN (SELECT unnest(?)) GROUP BY 1
"""

_MADE = """
SELECT program, median(size) FROM (
    SELECT t.program, sum(p.size) AS size FROM products p JOIN g.tasks t USING (task)
    WHERE t.program IN (SELECT unnest(?)) GROUP BY t.task, t.program)
GROUP BY 1
"""


# the same of another analysis, from the exports of its catalog
_SEEN_THERE = """
SELECT program, median(cpu_s) FROM read_parquet(?, hive_partitioning = false)
WHERE state = 'done' AND cpu_s IS NOT NULL AND program IN (SELECT unnest(?)) GROUP BY 1
"""

_MADE_THERE = """
SELECT program, median(size) FROM (
    SELECT t.program, sum(p.size) AS size FROM read_parquet(?, hive_partitioning = false) p
    JOIN read_parquet(?, hive_partitioning = false) t USING (task)
    WHERE t.program IN (SELECT unnest(?)) GROUP BY t.task, t.program)
GROUP BY 1
"""


@dataclass(frozen=True)
class Cost:
    """CPU time (h) and disk (bytes) of what is to run; how many of its tasks are of programs that never ran here."""

    cpu_h: float
    disk: float
    unknown: int


class History:
    """What jobs of each program have cost here: CPU time (s), and size of what they made (bytes), as medians."""

    def __init__(self, plan: Plan) -> None:
        self.count = programs(plan)
        wanted = [list({program for program, _ in self.count})]
        self.cpu = dict(plan.connection.execute(_SEEN, wanted).fetchall())
        self.size = dict(plan.connection.execute(_MADE, wanted).fetchall())
        if plan.basis is not None:
            self._learn(plan.connection, plan.basis.exports, wanted)

    def _learn(self, connection: Any, exports: Path, wanted: list[list[str]]) -> None:
        """Take what never ran here from another analysis, where its catalog tells."""
        import duckdb

        jobs, products, tasks = (str(exports / f"{name}.parquet") for name in ("jobs", "products", "tasks"))
        with contextlib.suppress(duckdb.Error):
            self.cpu = {**dict(connection.execute(_SEEN_THERE, [jobs, *wanted]).fetchall()), **self.cpu}
            self.size = {**dict(connection.execute(_MADE_THERE, [products, tasks, *wanted]).fetchall()), **self.size}

    def estimate(self, stage: str | None = None) -> Cost:
        """Estimate the cost of all that would run, or of one stage: each task as the median of its program's jobs."""
        count = [(program, number) for (program, where), number in self.count.items() if stage in (None, where)]
        return Cost(
            sum(number * self.cpu.get(program, 0.0) for program, number in count) / 3600,
            sum(number * self.size.get(program, 0.0) for program, number in count),
            sum(number for program, number in count if program not in self.cpu),
        )


def programs(plan: Plan) -> dict[tuple[str, str], int]:
    """Count by program and stage the tasks that would run."""
    names = [name for name, state in plan.states.items() if state not in (CANNOT, TAKE)]
    rows = plan.connection.execute(
        "SELECT program, stage, count(*) FROM g.tasks WHERE task IN (SELECT unnest(?)) AND engine <> 'stage' "
        "GROUP BY ALL ORDER BY ALL",
        [names],
    ).fetchall()
    return {(program, stage): number for program, stage, number in rows}
