"""What a plan is going to cost, from what such jobs have cost in this analysis before."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from automagic.plan.plan import CANNOT, Plan

_SEEN = """
SELECT coalesce(program, split_part(task, ':', 1)), median(cpu_s), median(wall_s) FROM jobs
WHERE state = 'done' AND cpu_s IS NOT NULL GROUP BY 1
"""

_MADE = """
SELECT program, median(size) FROM (
    SELECT t.program, sum(p.size) AS size FROM products p JOIN g.tasks t USING (task) GROUP BY t.task, t.program)
GROUP BY 1
"""


@dataclass(frozen=True)
class Cost:
    """CPU time (h) and disk (bytes) of what is to run; how many of its tasks are of programs that never ran here."""

    cpu_h: float
    disk: float
    unknown: int


def estimate(plan: Plan, stage: str | None = None) -> Cost:
    """Estimate the cost of all that would run, or of one stage: each task as the median of its program's jobs."""
    cpu = {program: seconds for program, seconds, _ in plan.connection.execute(_SEEN).fetchall()}
    size = dict(plan.connection.execute(_MADE).fetchall())
    count = programs(plan, stage)
    return Cost(
        sum(number * cpu.get(program, 0.0) for program, number in count.items()) / 3600,
        sum(number * size.get(program, 0.0) for program, number in count.items()),
        sum(number for program, number in count.items() if program not in cpu),
    )


def programs(plan: Plan, stage: str | None = None) -> Counter[str]:
    """Count by program the tasks that would run."""
    names = [name for name, state in plan.states.items() if state != CANNOT]
    rows = plan.connection.execute(
        "SELECT program, count(*) FROM g.tasks WHERE task IN (SELECT unnest(?)) AND (? IS NULL OR stage = ?) "
        "AND engine <> 'stage' GROUP BY program",
        [names, stage, stage],
    ).fetchall()
    return Counter(dict(rows))
