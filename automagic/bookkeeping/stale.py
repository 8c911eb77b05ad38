"""Which tasks are not as they were when they were last done, in SQL over graph and catalog.

A task is up to date when its recipe, its engine and the hash of every input are those with which it was last done, when
it then made all that it promises today, and when its products are still what they were. That is the same as asking for
the action by its hash and finding it whole; only here nobody has to compute 100,000 hashes to learn that nothing
changed. All that hangs on a task that is not up to date is not up to date either.

`compare` needs: the graph attached as ``g``; ``made``, ``lineage`` and ``products`` of the catalog; and as temporary
tables ``sel`` (position: the tasks in question, with all that they need), ``digests`` (engine, digest), ``hashed``
(path, sha256: files in storage as they are now; none for those that are gone), ``brought`` (position, name, sha256:
files of staging tasks that are known), ``damaged`` (task, name: products that are not as they were).

A catalog tells how each task stood when it was written, found in the same way. Where it is of the graph of today, a
task stands as then unless something that it depends on has come since: these tasks are *suspect*, and with `narrow`
only they are compared. There are few of them, as a rule.
"""

from __future__ import annotations

from typing import Any

# Why a task is not up to date, as far as it is its own doing. The order is that in which causes are told.
CAUSES = ("problem", "never", "program", "engine", "inputs", "promise", "output")

_OWN = """
CREATE OR REPLACE TEMP TABLE own AS
WITH wanted AS (
    SELECT t.position, t.task, t.recipe, t.problem, d.digest
    FROM g.tasks t JOIN suspect USING (position) LEFT JOIN digests d USING (engine) WHERE t.engine <> 'stage'),
before AS (
    SELECT w.position, w.task, w.problem, m.action, w.recipe = m.recipe AS same_recipe,
           w.digest = m.engine_digest AS same_engine
    FROM wanted w LEFT JOIN made m USING (task)),
present AS (
    SELECT t.position, p.name, p.sha256 FROM products p JOIN g.tasks t USING (task)
    WHERE t.position IN (SELECT i.source FROM g.inputs i JOIN suspect USING (position))
    UNION ALL SELECT position, name, sha256 FROM brought),
needed AS (
    SELECT i.position, i.role, i.name, coalesce(h.sha256, p.sha256) AS sha256
    FROM g.inputs i JOIN suspect USING (position) LEFT JOIN hashed h ON h.path = i.path
    LEFT JOIN present p ON p.position = i.source AND p.name = i.product
    WHERE NOT (i.optional AND p.sha256 IS NULL)),
had AS (
    SELECT t.position, l.role, l.name, l.sha256
    FROM lineage l JOIN g.tasks t USING (task) JOIN suspect ON suspect.position = t.position),
differ AS (
    SELECT position FROM needed n FULL JOIN had h USING (position, role, name)
    WHERE n.sha256 IS DISTINCT FROM h.sha256 OR n.sha256 IS NULL),
lacking AS (
    SELECT o.position FROM g.outputs o JOIN before USING (position)
    LEFT JOIN products p ON p.task = before.task AND p.name = o.name
    WHERE NOT o.optional AND before.action IS NOT NULL AND p.name IS NULL),
causes AS (
    SELECT position, 0 AS cause FROM before WHERE problem IS NOT NULL
    UNION ALL SELECT position, 1 FROM before WHERE action IS NULL
    UNION ALL SELECT position, 2 FROM before WHERE action IS NOT NULL AND same_recipe IS NOT TRUE
    UNION ALL SELECT position, 3 FROM before WHERE action IS NOT NULL AND same_engine IS NOT TRUE
    UNION ALL SELECT position, 4 FROM differ JOIN before USING (position) WHERE action IS NOT NULL
    UNION ALL SELECT position, 5 FROM lacking
    UNION ALL SELECT t.position, 6 FROM damaged d JOIN before t USING (task))
SELECT position, min(cause) AS cause, list(DISTINCT cause ORDER BY cause) AS causes FROM causes GROUP BY position
"""

_AFFECTED = """
CREATE OR REPLACE TEMP TABLE affected AS
WITH RECURSIVE found(position) AS (
    SELECT position FROM own
    UNION SELECT t.position FROM g.tasks t JOIN sel USING (position) WHERE t.engine = 'stage'
          AND t.position IN (SELECT position FROM g.outputs ANTI JOIN brought USING (position, name))
    UNION SELECT i.position FROM g.inputs i JOIN found ON i.source = found.position
)
SELECT position, cause, causes FROM found JOIN sel USING (position) LEFT JOIN own USING (position)
"""

# The state that a catalog has for a task was found with the hashes of its `files` and the digests of its `meta`.
_SUSPECT = """
CREATE OR REPLACE TEMP TABLE suspect AS
SELECT position FROM sel JOIN (
    SELECT position FROM tasks WHERE state <> 'done'
    UNION SELECT position FROM g.tasks t JOIN digests d USING (engine) LEFT JOIN meta m ON m.key = 'digest.' || engine
          WHERE m.value IS DISTINCT FROM d.digest
    UNION SELECT position FROM g.inputs JOIN ({changed}) USING (path)
    UNION SELECT i.position FROM g.inputs i JOIN g.tasks u ON u.position = i.source WHERE u.engine = 'stage'
    UNION SELECT position FROM g.tasks JOIN damaged USING (task)) USING (position)
"""

_CHANGED = "SELECT path FROM looked"

_CHANGED_NEWER = """
SELECT path FROM looked UNION
SELECT n.path FROM newer n LEFT JOIN files f USING (path) WHERE n.sha256 IS DISTINCT FROM f.sha256
"""

_SAME_GRAPH = """
SELECT count(*) FROM meta JOIN g.about ON about.key = 'content' AND about.value = meta.value WHERE meta.key = 'graph'
"""

_SELECT = """
CREATE OR REPLACE TEMP TABLE sel AS
WITH RECURSIVE found(position) AS (
    SELECT position FROM g.tasks WHERE task IN (SELECT unnest(?))
    UNION SELECT i.source FROM g.inputs i JOIN found USING (position) WHERE i.source IS NOT NULL)
SELECT position FROM found
"""


def select(connection: Any, names: list[str] | None) -> None:
    """Make ``sel``: tasks by name with all that they need, or all tasks."""
    if names is None:
        connection.execute("CREATE OR REPLACE TEMP TABLE sel AS SELECT position FROM g.tasks")
    else:
        connection.execute(_SELECT, [names])


def narrow(connection: Any, newer: bool) -> None:
    """Make ``suspect``: of the selected tasks those that may stand otherwise than the catalog says.

    Parameters
    ----------
    connection
        Has the catalog's ``tasks``, ``files`` and ``meta`` as well, and ``looked`` (path: files in storage that are not
        as the catalog, or ``newer``, remembers them).
    newer
        Whether there is a table ``newer`` (path, sha256) of hashes that came after the catalog was written.
    """
    if connection.execute(_SAME_GRAPH).fetchone()[0]:
        connection.execute(_SUSPECT.format(changed=_CHANGED_NEWER if newer else _CHANGED))
    else:
        suspect_all(connection)


def suspect_all(connection: Any) -> None:
    """Make ``suspect``: all selected tasks."""
    connection.execute("CREATE OR REPLACE TEMP TABLE suspect AS SELECT position FROM sel")


def compare(connection: Any) -> None:
    """Make the tables ``own`` (position, cause, causes: see `CAUSES`) and ``affected``: own and what hangs on it.

    Only tasks of ``suspect`` are looked at; see `narrow` and `suspect_all`.
    """
    connection.execute(_OWN)
    connection.execute(_AFFECTED)
