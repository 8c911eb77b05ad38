"""What a derived analysis takes from the one that it comes from: every entry of its store that it asks for itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automagic.bookkeeping.adopt import LINK, adopt, taken
from automagic.bookkeeping.hashes import HashCache, read
from automagic.errors import UserError
from automagic.graph.task import Task
from automagic.job.publish import sync_folder
from automagic.runner.session import Session


@dataclass
class Shared:
    """What was taken.

    Attributes
    ----------
    tasks
        Their names, upstream first.
    size
        Bytes of their products; `linked` of them take no further place on the disk.
    cpu_s
        CPU time that they took when they were made.
    refused
        By task, why an entry that is there was not taken.
    events
        For the journal.
    actions
        Entries that were brought.
    """

    tasks: list[str] = field(default_factory=list)
    size: int = 0
    linked: int = 0
    cpu_s: float = 0.0
    refused: dict[str, str] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)


def share(child: Session, parent: Session, found: Shared) -> None:
    """Take all entries of a store that another analysis asks for: by their action, not by what differs.

    A task whose action is in the parent's store has been done, whichever settings it was done for. Products are checked
    and linked, or copied (`automagic.bookkeeping.adopt`).
    """
    fresh = set[str]()
    remember(child.hashes, parent.hashes, parent.folder.root)
    remember(child.programs_hashes, parent.programs_hashes, parent.folder.root)
    tasks, folders = child.ask(), set[Path]()
    for name, task in tasks.items():
        if any(before not in fresh for before in task.upstream) or not _known(child, task):
            continue
        standing = child.standing(name)
        action = standing.action
        if action is None or standing.problem is not None:
            continue
        if not standing.fresh:
            entry, target = parent.folder.action(action), child.folder.action(action)
            if not entry.exists():
                continue
            one = adopt(entry, action, target, parent.hashes, child.hashes, task.outputs)
            if one.receipt is None:
                found.refused[name] = one.reason
                continue
            folders.add(target.parent)
            found.actions.append(action)
            child.forget(name)
            if not child.standing(name).fresh:  # a staging task whose files are not known any more
                continue
            found.size += one.size
            found.linked += one.size if one.how == LINK else 0
            found.cpu_s += one.receipt.get("cpu_s") or 0.0
            receipt = one.receipt
        else:  # two tasks may have one action
            receipt = child.store.receipt(action) or {}
        fresh.add(name)
        if task.engine != "stage":
            found.tasks.append(name)
            told = taken(name, receipt, _made_at(parent, name, action))
            found.events.append({**told, **child.facts(task)})
            child.store.link(task, action, receipt)
    for folder in folders:
        sync_folder(folder)


def _made_at(parent: Session, name: str, action: str) -> str:
    """Say where an action was made: in the parent, or where that had it from itself."""
    return _origins(parent).get(action) or str(parent.folder.root)


def _origins(parent: Session) -> Mapping[str, str]:
    """Return where the parent had its entries from, by action."""
    import duckdb

    from automagic.bookkeeping import catalog

    if "origins" not in parent.extras:
        rows: list[tuple] = []
        try:
            with catalog.connect(parent.folder) as connection:
                rows = connection.execute("SELECT action, origin FROM made WHERE origin IS NOT NULL").fetchall()
        except (FileNotFoundError, duckdb.Error):
            pass
        parent.extras["origins"] = dict(rows)
    origins: Mapping[str, str] = parent.extras["origins"]
    return origins


def _known(child: Session, task: Task) -> bool:
    """Tell whether all files in storage that a task reads are known: the parent would have read them."""
    if task.engine == "stage":
        return True
    try:
        return all(each.path is None or child.hashes.recall(Path(each.path)) is not None for each in task.inputs)
    except (OSError, UserError):
        return False


def remember(own: HashCache, other: HashCache, root: Path) -> None:
    """Remember what another analysis knows of files that lie outside of its store: they are the same files."""
    if other.path is None:
        return
    for path, *seen, digest in read(other.path):
        if not path.startswith(("store/", "work/", "failed/")):
            own.remember(path if path.startswith("/") else root / path, digest, list(seen))
