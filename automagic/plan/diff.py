"""How what one analysis asks for differs from what another does, task by task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from automagic.cards import read_text

if TYPE_CHECKING:
    from automagic.graph.task import Task
    from automagic.runner.session import Session

_SQL = """
SELECT a.task, b.task, a.recipe = b.recipe, a.engine = b.engine
FROM a.tasks a FULL JOIN b.tasks b ON a.task = b.task ORDER BY a.position, b.position
"""

_READ = """
SELECT t.task AS task, list(i.role || '/' || i.name ORDER BY i.role, i.name) AS files
FROM {graph}.inputs i JOIN {graph}.tasks t USING (position) GROUP BY t.task
"""


def compare(first: Session, second: Session) -> dict[str, Any]:
    """Compare two analyses.

    Returns
    -------
    dict
        ``analyses`` (two names), ``same`` (number of tasks), ``only`` (names in the first and in the second alone), and
        ``differ``: ``task``, ``stage`` and ``reasons`` of each task that is another one. Tasks that differ only since
        one before them does are not named.
    """
    import duckdb

    pair = first.ask(), second.ask()
    only: tuple[list[str], list[str]] = ([], [])
    differ, same = [], 0
    with duckdb.connect() as connection:
        for name, asked in zip("ab", pair, strict=True):
            quoted = str(asked.path).replace("'", "''")
            connection.execute(f"ATTACH '{quoted}' AS {name} (READ_ONLY)")
        rows = connection.execute(_SQL).fetchall()
        reads = [dict(connection.execute(_READ.format(graph=name)).fetchall()) for name in "ab"]
    engines = _engines(first, second)
    for one, other, recipe, engine in rows:
        if one is None or other is None:
            only[one is None].append(one or other)
            continue
        reasons = [] if recipe and engine else changes(pair[0][one], pair[1][other])
        if reads[0].get(one) != reads[1].get(one):
            reasons += _inputs(reads[0].get(one) or [], reads[1].get(one) or [])
        reasons += engines.get(pair[0][one].engine, []) if engines else []
        if reasons:
            differ.append({"task": one, "stage": one.partition(":")[0], "reasons": reasons})
        else:
            same += 1
    return {
        "analyses": [first.folder.name, second.folder.name],
        "same": same,
        "only": [list(names) for names in only],
        "differ": differ,
    }


def _engines(first: Session, second: Session) -> dict[str, list[str]]:
    """Say of engines that both use where their programs differ."""
    found = {}
    used = [
        {row[0] for row in each.ask().connection.execute("SELECT DISTINCT engine FROM g.tasks").fetchall()} - {"stage"}
        for each in (first, second)
    ]
    for engine in sorted(used[0] & used[1]):
        digests = first.engine_digest(engine), second.engine_digest(engine)
        if digests[0] != digests[1]:
            found[engine] = [f"programs of {engine}: sha256 {digests[0][:12]}… → {digests[1][:12]}…"]
    return found


def changes(before: Task, now: Task) -> list[str]:
    """Say what of a task's own differs between two."""
    found = []
    if before.engine != now.engine:
        found.append(f"engine {before.engine} → {now.engine}")
    cards = read_text(before.card) if before.card else {}, read_text(now.card) if now.card else {}
    for key in sorted({*cards[0], *cards[1]}):
        if cards[0].get(key) != cards[1].get(key):
            found.append(f"card key {key}: {cards[0].get(key, 'not set')} → {cards[1].get(key, 'not set')}")
    if before.arguments != now.arguments:
        gone = [word for word in before.arguments if word not in now.arguments]
        new = [word for word in now.arguments if word not in before.arguments]
        found.append(f"arguments {' '.join(gone) or '(none)'} → {' '.join(new) or '(none)'}")
    for what in ("executable", "clock", "threads"):
        if getattr(before, what) != getattr(now, what):
            found.append(f"{what} {getattr(before, what)} → {getattr(now, what)}")
    return found


def _inputs(before: list[str], now: list[str]) -> list[str]:
    gone, new = sorted(set(before) - set(now)), sorted(set(now) - set(before))
    told = [f"{len(new)} inputs more ({new[0]} …)" if len(new) > 1 else f"input {new[0]} more"] if new else []
    return told + (
        [f"{len(gone)} inputs fewer ({gone[0]} …)" if len(gone) > 1 else f"input {gone[0]} fewer"] if gone else []
    )
