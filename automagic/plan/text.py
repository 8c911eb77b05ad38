"""A plan as lines for a person and as plain data for a program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from automagic.plan.cost import Cost, History
from automagic.plan.look import human
from automagic.plan.plan import CANNOT, RUN, TAKE, WAIT, Plan
from automagic.plan.reasons import Reasons
from automagic.programs.unchecked import notes

FEW = 3
"""So many tasks are named of those with the same reason, and so many reasons of a stage."""

WORDS = {RUN: "would run", WAIT: "may run", CANNOT: "cannot run", TAKE: "will be taken from the shared store"}


def lines(plan: Plan, analysis: str, whole: bool = False) -> Iterator[str]:
    """Yield a plan line by line.

    Parameters
    ----------
    analysis
        How the person names it.
    whole
        Whether every task is named.
    """
    name = plan.session.folder.name
    if not plan.states:
        yield f"{name}: nothing to do, {_all(plan.selected)} up to date"
        return
    count = {state: len(plan.names(state)) for state in WORDS}
    told = [f"{number} {WORDS[state]}" for state, number in count.items() if number]
    yield f"{name}: of {plan.selected} tasks {', '.join(told)}; {plan.up_to_date} up to date"
    yield from notes(json.loads(plan.session.ask().about("unchecked") or "{}"))
    reasons, history = Reasons(plan), History(plan)
    for stage, groups in _grouped(plan, reasons).items():
        names = [name for group in groups.values() for name in group]
        yield ""
        yield f"{stage}: {_counts(plan, names)}{_cost(history.estimate(stage))}"
        shown = list(groups.items()) if whole else list(groups.items())[:FEW]
        for (state, reason), members in shown:
            yield f"  {reason}"
            yield f"    {'' if state == RUN else WORDS[state] + ': '}{_some(members, whole)}"
        if len(groups) > len(shown):
            rest = sum(len(members) for members in list(groups.values())[FEW:])
            yield f"  and {rest} more, for {len(groups) - FEW} other reasons"
    yield ""
    if plan.taken:
        number, size, cpu_s = taken(plan)
        plural = "task" if number == 1 else "tasks"
        yield f"{number} {plural} will be taken from the shared store ({human(size)}, {spent(cpu_s)} saved)"
    cost = history.estimate()
    if cost.cpu_h or cost.disk:
        where = "here" if plan.basis is None else f"in {plan.basis.name} and here"
        yield f"in all{_cost(cost)}, judged by what such jobs took {where} before"
    elif cost.unknown:
        yield "how long that takes is not known: none of these programs has run in this analysis"
    if count[WAIT]:
        yield "may run: only where a task before it makes other bytes than before"
    yield f"automagic plan {analysis} --why TASK tells all about one;  ./doit analysis={analysis} runs it"


def taken(plan: Plan) -> tuple[int, int, float]:
    """Return how many tasks are to be taken from the shared store, their bytes, and the CPU time (s) that is saved."""
    sizes, times = [each[0] for each in plan.taken.values()], [each[1] for each in plan.taken.values()]
    return len(sizes), sum(sizes), sum(times)


def _all(number: int) -> str:
    return "the task is" if number == 1 else f"all {number} tasks are"


def _counts(plan: Plan, names: list[str]) -> str:
    states = [plan.states[name] for name in names]
    return ", ".join(f"{states.count(state)} {word}" for state, word in WORDS.items() if state in states)


def _cost(cost: Cost) -> str:
    if not (cost.cpu_h or cost.disk):
        return ""
    more = f", {cost.unknown} tasks of unknown cost" if cost.unknown else ""
    return f", about {spent(3600 * cost.cpu_h)} and {human(cost.disk)}{more}"


def spent(cpu_s: float) -> str:
    """Say a CPU time in words."""
    if cpu_s < 60:
        return f"{cpu_s:.1f} CPU seconds"
    return f"{cpu_s / 60:.1f} CPU minutes" if cpu_s < 3600 else f"{cpu_s / 3600:.1f} CPU hours"


def _some(names: list[str], whole: bool) -> str:
    if whole or len(names) <= FEW + 1:
        return ", ".join(names)
    return f"{', '.join(names[:FEW])} and {len(names) - FEW} more"


def _grouped(plan: Plan, reasons: Reasons) -> dict[str, dict[tuple[str, str], list[str]]]:
    """Return tasks by stage, and within it by state and reason; reasons that differ only in a run go together."""
    found: dict[str, dict[tuple[str, str], list[str]]] = {}
    for name, state in plan.states.items():
        stage, reason = name.partition(":")[0], reasons.first(name)
        if state == WAIT and reason.startswith("upstream "):
            before = reason.split()[1].partition(":")[0]
            if len([each for each in plan.states if each.startswith(f"{stage}:")]) > 1:
                reason = f"upstream {before} runs"
        found.setdefault(stage, {}).setdefault((state, reason), []).append(name)
    return found


def why(plan: Plan, name: str) -> Iterator[str]:
    """Yield all about one task: every reason, and the chain of tasks before it to what has changed."""
    if name not in plan.states:
        yield f"{name}: up to date"
        yield from _last(plan, name)
        return
    reasons = Reasons(plan)
    yield f"{name}: {WORDS[plan.states[name]]}"
    if plan.states[name] == CANNOT:
        yield f"  {reasons.first(name)}"
    for reason in reasons.all(name):
        yield f"  {reason}"
    before = plan.waits.get(name)
    while before is not None:
        yield f"  {before}: {WORDS[plan.states[before]]}: {reasons.first(before)}"
        before = plan.waits.get(before)
    yield from _last(plan, name)


def _last(plan: Plan, name: str) -> Iterator[str]:
    """Say when a task was last done, where."""
    row = plan.connection.execute(
        "SELECT m.time, m.action, coalesce(j.host, m.host), m.origin FROM made m "
        "LEFT JOIN jobs j ON j.attempt = m.attempt WHERE m.task = ?",
        [name],
    ).fetchone()
    if row is not None:
        where = f" on {row[2]}" if row[2] else ""
        folder = plan.session.folder
        told = (
            f"last done {row[0]}{where}" if row[3] is None else f"done{where} for {row[3]}, taken from there {row[0]}"
        )
        yield f"  {told}, in {folder.action(row[1]).relative_to(folder.root)}"


def data(plan: Plan, name: str | None = None) -> dict[str, Any]:
    """Return a plan as plain data.

    Returns
    -------
    dict
        ``analysis``, ``selected``, ``up_to_date``, ``cost`` (``cpu_h``, ``disk_bytes``, ``unknown``),
        ``shared`` (``tasks``, ``bytes``, ``cpu_s`` of what is to be taken from the shared store), and ``tasks``: for
        each that is not up to date ``task``, ``stage``, ``state`` (run, wait, cannot, take), ``reasons``, ``waits``.
    """
    reasons, cost = Reasons(plan), History(plan).estimate()
    tasks = [
        {
            "task": each,
            "stage": each.partition(":")[0],
            "state": state,
            "reasons": [reasons.first(each)] if state == CANNOT else reasons.all(each),
            "waits": plan.waits.get(each),
        }
        for each, state in plan.states.items()
        if name is None or each == name
    ]
    return {
        "analysis": plan.session.folder.name,
        "selected": plan.selected,
        "up_to_date": plan.up_to_date,
        "shared": dict(zip(("tasks", "bytes", "cpu_s"), taken(plan), strict=True)),
        "cost": {"cpu_h": round(cost.cpu_h, 4), "disk_bytes": round(cost.disk), "unknown": cost.unknown},
        "tasks": tasks,
    }


def diff(told: dict[str, Any], whole: bool) -> Iterator[str]:
    """Yield how two analyses differ; see `automagic.plan.diff.compare`."""
    first, second = told["analyses"]
    yield f"{first} and {second}: {told['same']} tasks are the same, {len(told['differ'])} differ"
    groups: dict[str, list[str]] = {}
    for each in told["differ"]:
        groups.setdefault(f"{each['stage']}: {'; '.join(each['reasons'])}", []).append(each["task"])
    for reason, names in groups.items():
        yield f"  {reason}"
        yield f"    {_some(names, whole)}"
    for analysis, names in zip(told["analyses"], told["only"], strict=True):
        if names:
            yield f"only in {analysis}: {_some(names, whole)}"
