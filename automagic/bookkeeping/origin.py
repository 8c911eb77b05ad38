"""Where an analysis comes from: what the journal of a derived one begins with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from automagic.bookkeeping.folder import Folder
from automagic.bookkeeping.journal import journals


@dataclass(frozen=True)
class Change:
    """A key of ``analysis.toml``, and what it was and is; `None` where it is not set."""

    key: str
    before: Any
    now: Any

    def __str__(self) -> str:
        """Say it in a line.

        >>> str(Change("data.zenith", [5, 35], [5, 50]))
        'data.zenith: [5, 35] → [5, 50]'
        """
        return f"{self.key}: {_word(self.before)} → {_word(self.now)}"


def _word(value: Any) -> str:
    return "not set" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class Origin:
    """What an analysis was derived from.

    Attributes
    ----------
    folder
        Of the other analysis, as it was called then; it may be gone.
    changes
        In what the new one differed when it was made.
    taken
        How many tasks' results were taken from there then.
    """

    folder: Folder
    changes: tuple[Change, ...]
    taken: int

    @property
    def text(self) -> str:
        """Where it comes from and what differs, in a line."""
        return f"derived from {self.folder.name}: {'; '.join(map(str, self.changes))}"


def event(origin: Origin) -> dict[str, Any]:
    """Return the event for the journal."""
    changes = [[each.key, each.before, each.now] for each in origin.changes]
    return {"event": "derived", "origin": str(origin.folder.root), "changes": changes, "taken": origin.taken}


def read_origin(folder: Folder) -> Origin | None:
    """Return where an analysis comes from; `None` where it was not derived."""
    from pathlib import Path

    for path in journals(folder.journal)[:1]:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    found = json.loads(line)
                except ValueError:
                    continue
                if isinstance(found, dict) and found.get("event") == "derived":
                    changes = tuple(Change(*each) for each in found.get("changes", ()))
                    return Origin(Folder(Path(found["origin"])), changes, int(found.get("taken", 0)))
                if not isinstance(found, dict) or found.get("event") != "start":
                    return None
    return None
