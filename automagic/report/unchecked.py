"""Whether a program has read the keys that were passed on to it unchecked, as far as its log tells."""

from __future__ import annotations

import json
from typing import Any

from automagic.bookkeeping import Folder, catalog

UNTOUCHED = "Resource untouched: "
"""So openmars and the science steps begin the line on a key of the card that nobody looked up; what MARS writes is not
publicly known."""

READ, UNREAD, UNKNOWN = "read", "not read", "not known"

_DONE = "SELECT engine, action FROM tasks WHERE program = ? AND state = 'done' AND action IS NOT NULL ORDER BY position"


def unchecked(folder: Folder, connection: Any) -> list[dict[str, Any]]:
    """Return ``program key value read`` of each key under ``[unchecked.…]``, as the analysis was last expanded.

    `connection` has the catalog.

    ``read`` is "read", "not read" (in any of the program's jobs), or "not known": nothing has run, or it is a program
    of MARS.
    """
    from automagic.graph.asked import Asked

    try:
        asked = json.loads(Asked(folder.graph).about("unchecked") or "{}")
    except FileNotFoundError:
        return []
    if not asked:
        return []
    rows = []
    for program, table in asked.items():
        done = connection.execute(_DONE, [program]).fetchall()
        left = [_untouched(folder, action) for _, action in done]
        for key, value in table.items():
            how = UNKNOWN
            if done and all(engine != "mars" for engine, _ in done):
                names = {key, key.partition(".")[2]}  # with a variant before it, such as M1
                how = READ if any(not names & keys for keys in left) else UNREAD
            rows.append({"program": program, "key": key, "value": value, "read": how})
    return rows


def _untouched(folder: Folder, action: str) -> set[str]:
    try:
        text = (folder.action(action) / "log.txt").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    lines = [line.partition(UNTOUCHED)[2] for line in text.splitlines() if UNTOUCHED in line]
    return {line.partition(":")[0] for line in lines}


def remarks(folder: Folder) -> list[str]:
    """Return a sentence for each key that was passed on, and that no program read."""
    with catalog.connect(folder) as connection:
        rows = unchecked(folder, connection)
    return [
        f"{row['program']} did not read the key {row['key']}, which [unchecked.{row['program']}] passes on"
        for row in rows
        if row["read"] == UNREAD
    ]
