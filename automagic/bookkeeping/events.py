"""The journal as a table, and what follows from it: attempts, and what was last done for each task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from automagic.bookkeeping import columns
from automagic.bookkeeping.folder import Folder
from automagic.bookkeeping.rows import insert
from automagic.bookkeeping.store import Receipt, read_receipt

_JOBS = """
INSERT INTO jobs BY NAME
WITH attempts AS (
    SELECT attempt, any_value(task) AS task, any_value(action) AS action, max(requested_mb) AS requested_mb,
           max(time) FILTER (event = 'submitted') AS submitted, max(time) FILTER (event = 'started') AS started,
           max(n) FILTER (event IN ('done', 'failed', 'cancelled')) AS last
    FROM events WHERE attempt IS NOT NULL GROUP BY attempt)
SELECT a.attempt, a.task, a.action, t.program, coalesce(e.event, 'lost') AS state, e.cause, e.reason, e.exit_code,
       CASE WHEN e.event = 'done' AND e.exit_code <> 0
            THEN json_extract_string(t.doc, '$.exit_codes."' || e.exit_code || '"') END AS remark,
       a.submitted, a.started, e.time AS ended, e.wall_s, e.cpu_s, t.cores, e.input_mb, a.requested_mb, e.max_rss_mb,
       e.scratch_mb AS disk_mb, e.host, e.environment
FROM attempts a LEFT JOIN events e ON e.n = a.last LEFT JOIN g.tasks t ON t.task = a.task ORDER BY a.attempt
"""

_LAST = """
CREATE TEMP TABLE last AS
SELECT e.n, t.position, t.task, e.action, e.recipe, e.form, e.engine_digest, e.attempt, e.time, e.host, e.cpu_s,
       from_json(e.inputs, '[["VARCHAR"]]') AS inputs, from_json(e.outputs, '[["VARCHAR"]]') AS outputs
FROM events e JOIN g.tasks t USING (task)
WHERE e.n IN (SELECT max(n) FROM events WHERE event IN ('done', 'found') AND task IS NOT NULL GROUP BY task)
"""

_MADE = """
INSERT INTO made
WITH origins AS (
    SELECT action, arg_max(coalesce(CASE WHEN event = 'found' THEN origin END, ''), n) AS origin
    FROM events WHERE event = 'done' OR origin IS NOT NULL GROUP BY action)
SELECT task, action, recipe, form, engine_digest, attempt, time, nullif(origin, ''), host, cpu_s
FROM last LEFT JOIN origins USING (action) ORDER BY position
"""

_PRODUCTS = """
INSERT INTO products BY NAME
WITH named AS (SELECT position, task, action, unnest(outputs) AS product FROM last)
SELECT task, product[1] AS name, o.level, o.link,
       'store/' || n.action[:2] || '/' || n.action || '/' || product[1] AS path,
       product[2]::BIGINT AS size, product[3] AS sha256, n.action, k.mtime_ns, k.inode, k.ctime_ns
FROM named n LEFT JOIN g.outputs o ON o.position = n.position AND o.name = product[1]
LEFT JOIN known k ON k.path = ? || 'store/' || n.action[:2] || '/' || n.action || '/' || product[1]
    AND k.size = product[2]::BIGINT AND k.sha256 = product[3]
ORDER BY n.position, product[1]
"""

# hashes as they were then, tasks and paths as they are today
_LINEAGE = """
INSERT INTO lineage BY NAME
WITH named AS (SELECT position, task, action, unnest(inputs) AS input FROM last)
SELECT n.task, input[1] AS role, input[2] AS name, input[3] AS sha256, u.task AS from_task, i.path, n.action
FROM named n LEFT JOIN g.inputs i ON i.position = n.position AND i.role = input[1] AND i.name = input[2]
LEFT JOIN g.tasks u ON u.position = i.source
ORDER BY n.position, role, input[2]
"""

_DIFFERS = """
INSERT INTO nondeterminism BY NAME
WITH named AS (SELECT n, time, task, action, reason, unnest(from_json(outputs, '[["VARCHAR"]]')) AS product
               FROM events WHERE event = 'differs')
SELECT time, task, action, product[1] AS product, product[2] AS sha256, product[3] AS again, reason AS report
FROM named ORDER BY n
"""

_TAKEN = """
INSERT INTO taken BY NAME
SELECT e.time, e.task, e.action, split_part(e.task, ':', 1) AS stage, t.program, e.origin, e.maker, e.ended AS made,
       e.host, e.cpu_s, e.how, coalesce(e.size, list_sum(list_transform(
           from_json(e.outputs, '[["VARCHAR"]]'), lambda product: product[2]::BIGINT))) AS size
FROM events e LEFT JOIN g.tasks t USING (task) WHERE e.event = 'found' AND e.origin IS NOT NULL ORDER BY e.n
"""

FACTS = ("recipe", "form", "engine_digest")
"""What a receipt, and the event that a job is done, tell of the action beside its inputs and outputs."""


def facts(receipt: Receipt) -> dict[str, Any]:
    """Pick from a receipt what the journal keeps of a done action, so that nobody has to read 100,000 receipts.

    Hashes of inputs are left out where there are so many that the receipt alone may hold them.
    """
    told = {key: receipt[key] for key in FACTS if receipt.get(key) is not None}
    inputs = [[i.get("role"), i.get("name"), i.get("sha256")] for i in receipt.get("inputs", ())]
    outputs = [[o["name"], o["size"], o["sha256"]] for o in receipt.get("outputs", ())]
    return {**told, "outputs": outputs, **({"inputs": inputs} if len(inputs) <= MANY else {})}


MANY = 50_000


def measured(end: Mapping[str, Any]) -> dict[str, Any]:
    """Pick what the journal keeps of a job's end."""
    keys = (
        "exit_code", "wall_s", "cpu_s", "max_rss_mb", "scratch_mb", "input_mb", "host", "environment",
        "started", "ended",
    )  # fmt: skip
    return {key: end[key] for key in keys if end.get(key) is not None}


def load(connection: Any, folder: Folder) -> None:
    """Make the tables ``events`` and ``last``, and fill ``jobs``, ``made``, ``products``, ``lineage``, ``taken``
    and ``nondeterminism``.

    The graph is attached as ``g``, and ``known`` has the hashes that are remembered (`automagic.bookkeeping.hashes`).
    """
    columns.load(connection, folder)
    connection.execute(_JOBS)
    connection.execute(_LAST)
    _fill_from_receipts(connection, folder)
    connection.execute(_MADE)
    connection.execute(_PRODUCTS, [f"{folder.root}/"])
    connection.execute(_LINEAGE)
    connection.execute(_DIFFERS)
    connection.execute(_TAKEN)


def _fill_from_receipts(connection: Any, folder: Folder) -> None:
    """Take from receipts what older journals do not tell, or what is too long for one."""
    rows = connection.execute("SELECT n, action FROM last WHERE inputs IS NULL OR outputs IS NULL").fetchall()
    for number, action in rows:
        receipt = read_receipt(folder.action(action)) or {}
        inputs = [[str(i.get("role")), str(i.get("name")), i.get("sha256")] for i in receipt.get("inputs", ())]
        outputs = [[str(o["name"]), str(o["size"]), str(o["sha256"])] for o in receipt.get("outputs", ())]
        connection.execute("UPDATE last SET inputs = ?, outputs = ? WHERE n = ?", [inputs, outputs, number])


def find_lost(connection: Any, folder: Folder, live: bool) -> None:
    """Fill in attempts whose end is not in the journal: their receipts may still say how they ended.

    Parameters
    ----------
    live
        Whether a driver is running: they are running then, where no receipt tells otherwise.
    """
    left = connection.execute("SELECT attempt, action FROM jobs WHERE state = 'lost'").fetchall()
    ends = []
    for attempt, action in left:
        found = next(_receipts(folder, action, attempt), None)
        if found is not None:
            told = {key: found.get(key) for key in _ENDS}
            ends.append({**told, "attempt": attempt, "disk_mb": found.get("scratch_mb")})
    if live:
        connection.execute("UPDATE jobs SET state = 'running' WHERE state = 'lost'")
    if ends:  # all at once: one by one takes a millisecond each, and there may be many
        connection.execute("CREATE TEMP TABLE ends AS SELECT * FROM jobs LIMIT 0")
        insert(connection, "ends", ends)
        names = ", ".join(f"{key} = ends.{key}" for key in (*_ENDS, "disk_mb"))
        connection.execute(f"UPDATE jobs SET {names} FROM ends WHERE ends.attempt = jobs.attempt")  # noqa: S608 (ours)


_ENDS = (
    "state", "ended", "reason", "cause", "exit_code", "wall_s", "cpu_s", "max_rss_mb", "input_mb", "host",
    "environment",
)  # fmt: skip


def _receipts(folder: Folder, action: str, attempt: str) -> Iterator[Receipt]:
    for place in (folder.action(action), folder.failure(action)):
        receipt = read_receipt(Path(place))
        if receipt is not None and receipt.get("attempt") == attempt:
            yield receipt
