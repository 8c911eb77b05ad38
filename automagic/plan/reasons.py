"""Why a task is not up to date, in a person's words: what has changed since it was last done, from what to what."""

from __future__ import annotations

import os
from typing import Any

from automagic.bookkeeping.stale import CAUSES
from automagic.bookkeeping.store import read_receipt
from automagic.cards import read_text
from automagic.graph.task import Task
from automagic.plan.plan import CANNOT, RUN, Plan

SHORT = 12
"""So many digits of a hash are shown."""

_INPUTS = """
SELECT position, role, name, h.sha256 AS before, n.sha256 AS now, h.position IS NULL AS new, n.position IS NULL AS gone
FROM (
    SELECT i.position, i.role, i.name, coalesce(x.sha256, p.sha256, b.sha256) AS sha256
    FROM g.inputs i JOIN asked USING (position) LEFT JOIN hashed x ON x.path = i.path
    LEFT JOIN g.tasks u ON u.position = i.source LEFT JOIN products p ON p.task = u.task AND p.name = i.product
    LEFT JOIN brought b ON b.position = i.source AND b.name = i.product
    WHERE NOT (i.optional AND p.sha256 IS NULL)) n
FULL JOIN (
    SELECT t.position, l.role, l.name, l.sha256 FROM lineage l JOIN g.tasks t USING (task)
    JOIN asked ON asked.position = t.position) h USING (position, role, name)
WHERE n.sha256 IS DISTINCT FROM h.sha256 OR n.sha256 IS NULL ORDER BY position, role, name
"""

_DONE = """
SELECT t.task, m.action, m.form, m.engine_digest, t.form, t.engine, d.digest
FROM g.tasks t JOIN asked USING (position) LEFT JOIN made m USING (task) LEFT JOIN digests d USING (engine)
"""

_ENDED = """
SELECT task, arg_max(reason, coalesce(ended, submitted)) FROM jobs WHERE state = 'failed' AND task IN (SELECT unnest(?))
GROUP BY task
"""


class Reasons:
    """The reasons of a plan.

    Parameters
    ----------
    plan
        The plan.
    names
        Tasks that are asked about; by default all that are not up to date.
    """

    def __init__(self, plan: Plan, names: list[str] | None = None) -> None:
        self.plan = plan
        self.session = plan.session
        self._cards: dict[tuple[str | None, str | None], str] = {}
        asked = list(plan.states) if names is None else names
        connection = plan.connection
        connection.execute("CREATE OR REPLACE TEMP TABLE asked AS SELECT position FROM g.tasks WHERE task IN "
                           "(SELECT unnest(?))", [asked])  # fmt: skip
        self._done = {row[0]: row[1:] for row in connection.execute(_DONE).fetchall()}
        names_of = dict(connection.execute("SELECT position, task FROM g.tasks JOIN asked USING (position)").fetchall())
        self._inputs: dict[str, list[tuple]] = {}
        for position, *row in connection.execute(_INPUTS).fetchall():
            self._inputs.setdefault(names_of[position], []).append(tuple(row))
        self._damaged: dict[str, list[tuple[str, str]]] = {}
        for task, name, how in connection.execute("SELECT task, name, how FROM damaged ORDER BY ALL").fetchall():
            self._damaged.setdefault(task, []).append((name, how))
        never = [name for name in asked if self._done.get(name, (None,))[0] is None]
        self._failed = dict(connection.execute(_ENDED, [never]).fetchall())

    def first(self, name: str) -> str:
        """Return the first reason for a task that is not up to date."""
        plan = self.plan
        if plan.states[name] == CANNOT:
            return plan.problems.get(name, "it cannot run")
        return next(iter(self.all(name)), "its inputs are others than those that it was made from")

    def all(self, name: str) -> list[str]:
        """Return all reasons for a task that is not up to date."""
        plan, found = self.plan, []
        for cause in plan.causes.get(name, ()):
            found += self._of(CAUSES[cause], name)
        waits = plan.waits.get(name)
        if waits is not None:
            found.append(f"upstream {waits} {'will' if plan.states[waits] == RUN else 'may'} run")
        return list(dict.fromkeys(found))

    def _of(self, cause: str, name: str) -> list[str]:
        if cause == "never":
            return [self._never(name)]
        if cause == "program":
            return self._program(name)
        if cause == "engine":
            return [self._engine(name)]
        if cause == "inputs":
            return [] if self._done[name][0] is None else [_input(row) for row in self._inputs.get(name, ())]
        if cause == "promise":
            return [f"it never made {', '.join(self._lacking(name)) or 'all that it promises today'}"]
        if cause == "output":
            return [f"output {output} {how}" for output, how in self._damaged.get(name, ())]
        return []

    def _never(self, name: str) -> str:
        why, basis = self._failed.get(name), self.plan.basis
        if why or basis is None:
            return f"it failed last time: {why}" if why else "it was never made"
        told = basis.reasons.get(name)
        if told:
            return "; ".join(told)
        return f"it reads other files than in {basis.name}" if name in self.plan.waits else "it was never made"

    def _lacking(self, name: str) -> list[str]:
        rows = self.plan.connection.execute("SELECT name FROM products WHERE task = ?", [name]).fetchall()
        made = {row[0] for row in rows}
        return [o.name for o in self._task(name).outputs if not o.optional and o.name not in made]

    def _task(self, name: str) -> Task:
        return self.session.load([name])[name]

    def _engine(self, name: str) -> str:
        _, _, before, _, engine, now = self._done[name]
        here = "image" if self.session.images.path(engine) is not None else "programs of"
        return f"{here} {engine}: sha256 {_short(before)} → {_short(now)}"

    def _program(self, name: str) -> list[str]:
        """Tell what of a task's own has changed: a key of its card, or its arguments."""
        action, before, _, now, _, _ = self._done[name]
        if before != now or before is None:
            if (before, now) not in self._cards or before is None:
                self._cards[before, now] = "\n".join(self._keys(name, action))
            found = self._cards[before, now].splitlines()
            if found:
                return found
        return [self._arguments(name, action)]

    def _keys(self, name: str, action: str) -> list[str]:
        now = read_text(self._task(name).card)
        try:
            before = read_text((self.session.folder.action(action) / "card.rc").read_text(encoding="utf-8"))
        except FileNotFoundError:
            before = {}
        except (OSError, ValueError):
            return ["the card is another one"]
        return [
            f"card key {key}: {before.get(key, 'not set')} → {now.get(key, 'not set')}"
            for key in sorted({*before, *now})
            if before.get(key) != now.get(key)
        ]

    def _arguments(self, name: str, action: str) -> str:
        receipt = read_receipt(self.session.folder.action(action)) or {}
        before = [str(word) for word in receipt.get("command", ())]
        now = self.session.command(self._task(name))
        words = [(a, b) for a, b in zip(before[1:], now[1:], strict=False) if a != b]
        if words:
            return f"argument {words[0][0]} → {words[0][1]}"
        if before and len(before) != len(now):
            more = now[len(before) :] or before[len(now) :]
            return f"argument {more[0]} {'is new' if len(now) > len(before) else 'is gone'}"
        if before and os.path.basename(before[0]) != os.path.basename(now[0]):
            return f"program {os.path.basename(before[0])} → {os.path.basename(now[0])}"
        return "its clock or its number of threads are others"


def _input(row: tuple[Any, ...]) -> str:
    _, name, _, now, new, gone = row
    if gone:
        return f"input {name}: not read any more"
    if new:
        return f"input {name}: new"
    if now is None:
        return f"input {name}: is gone"
    return f"input {name}: content changed"


def _short(digest: str | None) -> str:
    return "unknown" if digest is None else f"{digest[:SHORT]}…"
