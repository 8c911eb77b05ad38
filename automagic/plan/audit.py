"""Reads files from end to end: is each what the records say, whatever its size and times say?"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automagic.bookkeeping import catalog
from automagic.bookkeeping.hashes import HashCache
from automagic.bookkeeping.store import read_receipt
from automagic.job.spec import sha256_file, signature

if TYPE_CHECKING:
    from automagic.bookkeeping.folder import Folder

# what was read for what was last done, and what was made by it; staged files may have been released
_FILES = """
SELECT 'product' AS kind, path, sha256, any_value(task) AS task FROM products GROUP BY path, sha256
UNION ALL
SELECT 'source', path, sha256, any_value(task) FROM lineage WHERE path IS NOT NULL AND NOT contains(path, '://')
GROUP BY path, sha256 ORDER BY ALL
"""


@dataclass
class Audit:
    """What an audit has found.

    Attributes
    ----------
    files, read_bytes
        How many files were read, and how much.
    of
        How many there are.
    wrong
        ``kind`` (product, source, receipt), ``path``, ``task`` and ``reason`` of each that is not what the records say.
    """

    files: int = 0
    read_bytes: int = 0
    of: int = 0
    wrong: list[dict[str, str]] = field(default_factory=list)


def audit(
    folder: Folder, hashes: HashCache, share: float = 1.0, seed: int = 0, tell: Callable[[Audit], None] = lambda _: None
) -> Audit:
    """Read the products of an analysis, the files that they were made from, and the receipts.

    What is found is remembered: a file whose content has changed although its size and times have not is not up to date
    for the next plan.

    Parameters
    ----------
    share
        Of the files, chosen by chance; 1 for all.
    seed
        For the choice.
    tell
        Called after each file.
    """
    import duckdb

    found = Audit()
    with duckdb.connect() as connection:
        catalog.attach_graph(connection, folder)
        catalog.attach(connection, folder)
        rows = connection.execute(_FILES).fetchall()
        actions = connection.execute("SELECT task, action FROM made WHERE action IS NOT NULL ORDER BY task").fetchall()
    found.of = len(rows)
    if share < 1.0:
        chosen = random.Random(seed)
        rows = chosen.sample(rows, max(1, round(share * len(rows)))) if rows else []
        actions = chosen.sample(actions, max(1, round(share * len(actions)))) if actions else []
    for kind, path, digest, task in rows:
        whole = Path(path) if path.startswith("/") else folder.root / path
        _read(found, hashes, kind, whole, digest, task)
        tell(found)
    for wrong in _receipts(folder, actions):
        found.wrong.append(wrong)
    return found


def _read(found: Audit, hashes: HashCache, kind: str, path: Path, digest: str, task: str) -> None:
    try:
        seen, now = signature(path), sha256_file(path)
    except FileNotFoundError:
        reason = "is gone"
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    else:
        found.files += 1
        found.read_bytes += seen[0]
        known = hashes.recall(path)
        if signature(path) == seen and known != (seen[0], now):
            hashes.remember(path, now, seen)
        if now == digest:
            return
        reason = f"has another content: sha256 {digest[:12]}… → {now[:12]}…"
        if known is not None and known == (seen[0], digest):
            reason += ", and its size says nothing of that"
    found.wrong.append({"kind": kind, "path": str(path), "task": task, "reason": reason})


def _receipts(folder: Folder, actions: list[tuple[str, str]]) -> Iterator[dict[str, str]]:
    """Yield receipts that are gone, damaged or of another action."""
    for task, action in actions:
        place = folder.action(action)
        receipt: dict[str, Any] | None = read_receipt(place)
        reason = None
        if receipt is None:
            reason = "is damaged" if (place / "receipt.json").exists() else "is gone"
        elif receipt.get("action") != action:
            reason = "is that of another action"
        if reason:
            yield {"kind": "receipt", "path": str(place / "receipt.json"), "task": task, "reason": reason}
