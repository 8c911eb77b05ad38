"""What the report says, asked of the catalog in SQL."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from automagic.bookkeeping import Folder
from automagic.bookkeeping.catalog import connect
from automagic.bookkeeping.origin import read_origin
from automagic.cards import read_text
from automagic.errors import UserError
from automagic.report.unchecked import unchecked

Row = dict[str, Any]

STAGES = """
SELECT t.stage,
       any_value(t.engine)                              AS engine,
       count(DISTINCT t.task)                           AS tasks,
       count(DISTINCT t.task) FILTER (t.state = 'done')    AS done,
       count(DISTINCT t.task) FILTER (t.state = 'failed')  AS failed,
       count(DISTINCT t.task) FILTER (t.state NOT IN ('done', 'failed')) AS remaining,
       sum(j.wall_s)                                    AS wall_s,
       sum(j.cpu_s)                                     AS cpu_s,
       max(j.max_rss_mb)                                AS max_rss_mb,
       sum(p.size)                                      AS size
FROM tasks t
LEFT JOIN (SELECT action, arg_max(wall_s, ended) AS wall_s, arg_max(cpu_s, ended) AS cpu_s,
                  arg_max(max_rss_mb, ended) AS max_rss_mb
           FROM jobs WHERE state = 'done' GROUP BY action) j ON j.action = t.action AND t.state = 'done'
LEFT JOIN (SELECT task, sum(size) AS size FROM products GROUP BY task) p
       ON p.task = t.task AND t.state = 'done'
GROUP BY t.stage
ORDER BY min(t.position)
"""

RUNS = """
SELECT r.run, r.night, r.source, r.wobble, r.zenith, r.azimuth, r.period,
       (SELECT t.state FROM conditions c JOIN tasks t USING (task)
        WHERE c.key = 'run' AND c.number = r.run AND t.stage = 'magic_dl3' LIMIT 1) AS state
FROM runs r ORDER BY r.night, r.run
"""

SELECTION = "SELECT * FROM selection ORDER BY night, run"

HAS_SELECTION = "SELECT 1 AS one FROM information_schema.tables WHERE table_name = 'selection'"
"""A catalog of an older version has no such table."""

CARDS = """
SELECT t.stage, c.text, count(*) AS tasks, min(t.task) AS first, min(t.position) AS position,
       min(t.arguments) AS arguments
FROM tasks t JOIN cards c ON c.card = t.card
GROUP BY t.stage, c.text
ORDER BY position, first
"""

TROUBLE = """
SELECT t.task, t.state, t.reason FROM tasks t WHERE t.state IN ('failed', 'blocked') ORDER BY t.state DESC, t.position
"""

ATTEMPTS = """
SELECT count(*) AS attempts, count(*) FILTER (state = 'failed') AS failed,
       count(*) FILTER (state IN ('lost', 'cancelled')) AS ended_early, min(started) AS first, max(ended) AS last
FROM jobs
"""

ENVIRONMENTS = """
SELECT DISTINCT j.environment FROM jobs j JOIN tasks t ON t.action = j.action
WHERE j.state = 'done' AND t.state = 'done' AND j.environment IS NOT NULL ORDER BY ALL
"""

TAKEN = """
SELECT m.origin, count(*) AS tasks, sum(m.cpu_s) AS cpu_s, string_agg(DISTINCT m.host, ', ' ORDER BY m.host) AS hosts
FROM made m JOIN tasks t USING (task, action)
WHERE m.origin IS NOT NULL AND t.state = 'done' GROUP BY m.origin ORDER BY m.origin
"""

TRUTH = """
SELECT DISTINCT c.text FROM tasks t JOIN cards c ON c.card = t.card WHERE t.stage = 'sim' ORDER BY c.text
"""


def collect(folder: Folder) -> dict[str, Any]:
    """Return all that the page shows, as plain rows.

    Raises
    ------
    UserError
        Where the analysis has no catalog yet, or it cannot be read.
    """
    import duckdb

    try:
        with connect(folder) as connection:
            return _collect(folder, connection)
    except FileNotFoundError:
        raise UserError(
            f"{folder.root}: there is no catalog yet", hint=f"Run the analysis first: ./doit analysis={folder.name}"
        ) from None
    except duckdb.Error as error:
        raise UserError(
            f"{folder.database}: cannot be read: {error}", hint="Delete it; the next run makes it anew."
        ) from None


def _collect(folder: Folder, connection: Any) -> dict[str, Any]:
    def ask(sql: str) -> list[Row]:
        cursor = connection.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    meta = {row["key"]: row["value"] for row in ask("SELECT key, value FROM meta ORDER BY key")}
    notes = sorted((key for key in meta if key.startswith("note.")), key=lambda key: int(key[5:]))
    return {
        "name": folder.name,
        "meta": meta,
        "notes": [meta[key] for key in notes],
        "digests": {key[7:]: text for key, text in meta.items() if key.startswith("digest.")},
        "asked": asked(folder),
        "runs": ask(RUNS),
        "selection": ask(SELECTION) if ask(HAS_SELECTION) else [],
        "stages": ask(STAGES),
        "cards": _by_stage(ask(CARDS)),
        "trouble": ask(TROUBLE),
        "attempts": ask(ATTEMPTS)[0],
        "environments": [row["environment"] for row in ask(ENVIRONMENTS)],
        "results": {row["key"]: row for row in ask("SELECT * FROM results ORDER BY task, key")},
        "mc_sets": ask("SELECT * FROM mc_sets ORDER BY mc_set"),
        "truth": _truth([row["text"] for row in ask(TRUTH)]),
        "simulated": bool(ask("SELECT 1 AS one FROM tasks WHERE stage = 'sim' LIMIT 1")),
        "versions": _versions(),
        "origin": read_origin(folder),
        "taken": ask(TAKEN),
        "unchecked": unchecked(folder, connection),
    }


def asked(folder: Folder) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return analysis.toml as sections of keys and values; none where it is not there."""
    try:
        document = tomllib.loads((folder.root / "analysis.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [(name, list(_flat(section))) for name, section in document.items()]


def _flat(section: Any, above: str = "") -> Any:
    if not above and isinstance(section, list):  # [[sources]]: a line each
        for each in section:
            rest = ", ".join(f"{key} {_word(value)}" for key, value in each.items() if key != "name")
            yield str(each.get("name", "")), rest
        return
    if not isinstance(section, dict):
        yield above, _word(section)
        return
    for key, value in section.items():
        name = f"{above}.{key}" if above else key
        if isinstance(value, dict):
            yield from _flat(value, name)
        else:
            yield name, _word(value)


def _word(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(_word(each) for each in value)
    return json.dumps(value, default=str)


def _by_stage(rows: list[Row]) -> dict[str, list[Row]]:
    stages: dict[str, list[Row]] = {}
    for row in rows:
        stages.setdefault(row["stage"], []).append(row)
    return stages


def _truth(texts: list[str]) -> dict[str, str]:
    """Return the simulated spectrum from the cards of the simulated runs, where all have the same."""
    keys = ("Spectrum", "Amplitude", "Reference", "Alpha", "Beta", "Redshift", "EBLModel")
    cards = [read_text(text) for text in texts]
    found = {
        tuple((key, card[f"Sim.{key}"]) for key in keys if f"Sim.{key}" in card)
        for card in cards
        if card.get("Sim.Kind", "observation") == "observation"
    }
    return dict(found.pop()) if len(found) == 1 else {}


def _versions() -> list[tuple[str, str]]:
    """Return the versions of the packages that the results rest on."""
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in ("automagic", "gammapy", "astropy", "numpy", "scipy", "iminuit", "scikit-learn", "uproot", "duckdb"):
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            continue
    return found
