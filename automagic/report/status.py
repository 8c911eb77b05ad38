"""How far an analysis is: states by stage, hours used and left, and what failed, as plain data.

It reads the graph, the journal and the catalog's exports, so that it works while a driver runs, and never opens the
catalog itself.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from automagic.bookkeeping import Folder
from automagic.bookkeeping.driver import Driver, find_driver
from automagic.bookkeeping.journal import journals
from automagic.bookkeeping.origin import read_origin
from automagic.executors.policy import POLICIES, policy

Row = dict[str, Any]

STATES = ("done", "running", "waiting", "held", "pending", "failed", "blocked", "cancelled")
OPEN = ("running", "waiting", "held")
"""States of a job that is under way."""

FEW = 3
"""So many tasks are named of those that have the same trouble."""

LAST = 50
"""The time that a task takes is the mean of so many."""

_COLUMNS = {
    **dict.fromkeys(("time", "event", "task", "attempt", "cause", "reason", "detail", "stage", "first"), "VARCHAR"),
    **dict.fromkeys(("cpu_s", "wall_s"), "DOUBLE"),
    "count": "BIGINT",
    "again": "BOOLEAN",
}

EVENTS = """
CREATE TABLE events AS
SELECT row_number() OVER () AS n, filename AS file, epoch(try_cast(time AS TIMESTAMP)) AS t, event, task, attempt,
       split_part(task, ':', 1) AS stage, cause, coalesce(reason, detail) AS reason, coalesce(again, false) AS again,
       wall_s, cpu_s, stage AS stopped, "count", "first"
FROM read_json(?, format = 'newline_delimited', ignore_errors = true, filename = true,
    hive_partitioning = false, columns = ?)
"""

# A job that HTCondor has lost touch with mostly runs on; one that it held for reasons of its own is released at once.
HEARD = """
SELECT task, arg_max(state, n), arg_max(attempt, n), arg_max(file, n)
FROM (SELECT task, attempt, file, n, CASE
          WHEN event = 'note' AND cause = 'held-user' AND reason NOT LIKE '%was released%' THEN 'held'
          WHEN event = 'note' AND cause <> 'shadow' OR event = 'submitted' OR event = 'failed' AND again THEN 'waiting'
          WHEN event = 'started' THEN 'running'
          WHEN event = 'problem' THEN 'failed' WHEN event = 'found' THEN 'done'
          WHEN event IN ('done', 'failed', 'blocked', 'cancelled') THEN event END AS state
      FROM events WHERE task IS NOT NULL)
WHERE state IS NOT NULL GROUP BY task
"""

# What a job has used is told at its end. Where nothing is told, the time from its start to what came next is lost.
USED = """
SELECT stage, sum(cpu_s) FILTER (event = 'done'), sum(cpu_s) FILTER (event <> 'done')
FROM events WHERE event IN ('done', 'failed', 'cancelled') GROUP BY stage
UNION ALL
SELECT stage, NULL, sum(until - t) FROM (
    SELECT stage, attempt, event, t, lead(event) OVER job AS next, lead(cpu_s) OVER job AS told,
           coalesce(lead(t) OVER job, last) AS until
    FROM events JOIN (SELECT file, max(t) AS last FROM events GROUP BY file) USING (file)
    WHERE attempt IS NOT NULL AND (event <> 'note' OR cause <> 'shadow')
    WINDOW job AS (PARTITION BY attempt ORDER BY n))
WHERE event = 'started' AND told IS NULL
  AND (next <> 'done' OR next IS NULL AND attempt NOT IN (SELECT unnest(?::VARCHAR[]))) GROUP BY stage
"""

TIMES = """
SELECT stage, avg(wall_s)
FROM (SELECT stage, wall_s FROM events WHERE event = 'done' AND wall_s IS NOT NULL
      QUALIFY row_number() OVER (PARTITION BY stage ORDER BY n DESC) <= ?)
GROUP BY stage
"""

STORED = """
SELECT attempt, split_part(task, ':', 1), coalesce(cpu_s, 0) FROM read_parquet(?, hive_partitioning = false)
WHERE state = 'done'
AND attempt NOT IN (SELECT attempt FROM events WHERE event = 'done' AND attempt IS NOT NULL)
"""

AT_ONCE = """
SELECT max(number) FROM (SELECT sum(CASE event WHEN 'started' THEN 1 ELSE -1 END) OVER (ORDER BY n) AS number FROM (
    SELECT n, event, lag(event) OVER (PARTITION BY attempt ORDER BY n) AS before
    FROM events WHERE file = ? AND attempt IS NOT NULL AND (event <> 'note' OR cause <> 'shadow'))
WHERE event = 'started' AND before IS DISTINCT FROM 'started' OR event <> 'started' AND before = 'started')
"""

ENDED = """
SELECT task, arg_max(cause, n), arg_max(reason, n) FROM (
    SELECT task, n, coalesce(cause, '') AS cause, coalesce(reason, '') AS reason
    FROM events WHERE event IN ('failed', 'problem') OR event = 'note' AND cause = 'held-user')
GROUP BY task
"""

NOTES = """
SELECT CASE WHEN event = 'failed' THEN 'again' ELSE cause END, count(*) FROM events
WHERE file = ? AND (event = 'note' AND reason NOT LIKE '%was released%' OR event = 'failed' AND again)
GROUP BY 1 ORDER BY 2 DESC, 1
"""

STOPPED = "SELECT stopped, cause, count, \"first\" FROM events WHERE file = ? AND event = 'stopped' ORDER BY n"


def collect(folder: Folder, analysis: str) -> Row:
    """Return how an analysis stands, or stood when it was last run.

    Parameters
    ----------
    analysis
        How the person names it, for the commands that are suggested.

    Returns
    -------
    dict
        ``driver``, ``stages`` (a row each), ``total``, ``failures``, ``held``, ``stopped``, ``notes``.
    """
    import duckdb

    driver = find_driver(folder)
    journal = sorted(str(path) for path in folder.journal.glob("*.jsonl"))
    current = str(driver.journal or "")
    with duckdb.connect() as connection:
        _read_events(connection, journal)
        tasks = _tasks(connection, folder)
        heard = _heard(connection, folder, driver)
        states = {name: heard.get(name, (row[1], ""))[0] for name, row in tasks.items()}
        open_now = [attempt for state, attempt in heard.values() if state in OPEN]
        used = _used(connection, folder, open_now)
        means = dict(connection.execute(TIMES, [LAST]).fetchall())
        ends = {task: (cause, reason) for task, cause, reason in connection.execute(ENDED).fetchall()}
        most = connection.execute(AT_ONCE, [journal[-1] if journal else ""]).fetchone()
        stopped = connection.execute(STOPPED, [current]).fetchall()
        notes = dict(connection.execute(NOTES, [current]).fetchall())
    running = sum(state == "running" for state in states.values())
    stages = _stages(tasks, states, used, means, running or int((most and most[0]) or 1))
    reasons = {name: ends.get(name, ("", row[2] or "no reason is known")) for name, row in tasks.items()}
    origin = read_origin(folder)
    about = asdict(driver)
    if origin is not None and len(journal) == 1 and not driver.running:
        about["last"] = None  # it has its first results from another analysis, and was never run
    about["journal"] = driver.journal.name if driver.journal else None
    return {
        "analysis": folder.name,
        "derived": origin.text if origin else None,
        "driver": about,
        "stages": stages,
        "total": _total(stages),
        "failures": groups((name for name in tasks if states[name] == "failed"), reasons, analysis),
        "held": groups((name for name in tasks if states[name] == "held"), reasons, analysis),
        "stopped": [_stop(row, analysis) for row in stopped],
        "notes": notes,
    }


# --- tasks and their states


def _read_events(connection: Any, journal: list[str]) -> None:
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in _COLUMNS.items())
    if not journal:
        journal = ["/dev/null"]
    connection.execute(EVENTS.replace("columns = ?", f"columns = {{{columns}}}"), [journal])


def _tasks(connection: Any, folder: Folder) -> dict[str, tuple[str, str, str | None]]:
    """Return stage, state and reason of each task in order: as the graph asks for it, and as the exports tell."""
    exports = folder.exports / "tasks.parquet"
    known, values = (_EXPORTED, [str(exports)]) if exports.exists() else (_NOTHING, [])
    if _attach(connection, folder):
        known = f"""
            SELECT g.task, g.position, g.stage, coalesce(t.state, 'pending') AS state, t.reason
            FROM graph.tasks g LEFT JOIN ({known}) t USING (task)
        """  # noqa: S608 (names of our own)
    found = connection.execute(f"SELECT * FROM ({known}) ORDER BY position", values).fetchall()  # noqa: S608
    return {name: (stage, state, reason) for name, _, stage, state, reason in found}


_EXPORTED = "SELECT task, position, stage, state, reason FROM read_parquet(?, hive_partitioning = false)"
_NOTHING = "SELECT '' AS task, 0 AS position, '' AS stage, '' AS state, '' AS reason LIMIT 0"


def _attach(connection: Any, folder: Folder) -> bool:
    """Attach the graph, where there is one."""
    import duckdb

    if not folder.graph.exists():
        return False
    quoted = str(folder.graph).replace("'", "''")
    try:
        connection.execute(f"ATTACH '{quoted}' AS graph (READ_ONLY)")
    except duckdb.Error:
        return False
    return True


def _heard(connection: Any, folder: Folder, driver: Driver) -> dict[str, tuple[str, str]]:
    """Return state and attempt of the tasks of which the journal knows more than the exports of the catalog."""
    current = str(driver.journal or "")
    news = _news(connection, folder)
    queue = {path.name for path in folder.work.glob("*")} if driver.executor == "condor" else set()
    result = {}
    for task, state, attempt, file in connection.execute(HEARD).fetchall():
        if state in OPEN and attempt in queue:  # jobs in the queue outlive the driver that has handed them out
            result[task] = (state, attempt)
        elif file == current and driver.running:
            result[task] = (state, attempt or "")
        elif file in news:
            result[task] = ("pending" if state in (*OPEN, "cancelled") else state, "")
    return result


def _news(connection: Any, folder: Folder) -> set[str]:
    """Return the files of the journal that have grown since the catalog was exported."""
    import duckdb

    name, size = "", 0
    with contextlib.suppress(duckdb.Error):
        sql = "SELECT value FROM read_parquet(?, hive_partitioning = false) WHERE key = 'journal'"
        row = connection.execute(sql, [str(folder.exports / "meta.parquet")]).fetchone()
        name, size = json.loads(row[0]) if row else (name, size)
    found = journals(folder.journal)
    grown = sum(path.stat().st_size for path in found if path.name <= name) > size
    return {str(path) for path in found if path.name > name or (path.name == name and grown)}


# --- in numbers


def _used(connection: Any, folder: Folder, open_now: list[str]) -> dict[str, tuple[float, float]]:
    """Return CPU seconds used and lost by stage."""
    found: dict[str, tuple[float, float]] = {}
    stored = _stored(connection, folder)
    rows = connection.execute(USED, [[*open_now, *(attempt for attempt, _, _ in stored)]]).fetchall()
    for stage, used, lost in [*rows, *((stage, cpu_s, 0.0) for _, stage, cpu_s in stored)]:
        before = found.get(stage, (0.0, 0.0))
        found[stage] = (before[0] + (used or 0.0), before[1] + (lost or 0.0))
    return found


def _stored(connection: Any, folder: Folder) -> list[tuple[str, str, float]]:
    """Return attempts that are done as their receipts say, while the journal was cut off before that."""
    jobs = folder.exports / "jobs.parquet"
    return connection.execute(STORED, [str(jobs)]).fetchall() if jobs.exists() else []


def _stages(tasks: dict, states: dict[str, str], used: dict, means: dict[str, float], at_once: int) -> list[Row]:
    counts: dict[str, Counter[str]] = {}
    for name, (stage, *_) in tasks.items():
        counts.setdefault(stage, Counter())[states[name]] += 1
    rows = []
    for stage, count in counts.items():
        to_come = sum(count[state] for state in (*OPEN, "pending", "cancelled"))
        left = means[stage] * to_come / min(at_once, to_come) if stage in means and to_come else None
        cpu_s, lost_s = used.get(stage, (0.0, 0.0))
        rows.append(
            {
                "stage": stage,
                **{state: count[state] for state in STATES},
                "cpu_s": round(cpu_s, 3),
                "lost_s": round(lost_s, 3),
                "to_come": to_come,
                "left_s": None if left is None else round(left, 1),
            }
        )
    return rows


def _total(stages: list[Row]) -> Row:
    total: Row = {key: sum(row[key] for row in stages) for key in (*STATES, "cpu_s", "lost_s", "to_come")}
    known = [row["left_s"] for row in stages if row["left_s"] is not None]
    total["left_s"] = round(sum(known), 1) if known else None
    total["left_at_least"] = any(row["to_come"] and row["left_s"] is None for row in stages)
    return total


# --- what went wrong


def groups(tasks: Iterable[str], reasons: dict[str, tuple[str, str]], analysis: str) -> list[Row]:
    """Put tasks with the same cause together, or with the same reason where no cause is known; the most first."""
    found: dict[tuple[str, str], list[str]] = {}
    for task in tasks:
        cause, reason = reasons[task]
        found.setdefault((cause, "") if cause in POLICIES else ("", reason), []).append(task)
    rows = []
    for (cause, _), names in found.items():
        said = Counter(reasons[name][1] for name in names)
        rows.append(
            {
                "cause": cause or None,
                "meaning": policy(cause).meaning if cause else None,
                "count": len(names),
                "tasks": names[:FEW],
                "reason": said.most_common(1)[0][0],
                "reasons": len(said),
                "command": command(cause, analysis, names[0]),
            }
        )
    return sorted(rows, key=lambda row: -row["count"])


def command(cause: str, analysis: str, task: str) -> str:
    """Return the one thing that a person can do about a cause."""
    text = POLICIES[cause].advice if cause in POLICIES else "automagic log {analysis} {task}"
    return text.format(analysis=analysis, task=task)


def _stop(row: tuple[str, str, int, str | None], analysis: str) -> Row:
    stage, cause, count, first = row
    told = {"stage": stage, "cause": cause, "meaning": policy(cause).meaning, "count": count}
    return {**told, "command": command(cause, analysis, first or f"{stage}:…")}
