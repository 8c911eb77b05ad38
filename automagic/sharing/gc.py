"""What no analysis needs any more: old actions in the store of an analysis, and one's own entries in the shared store.

Nothing is removed that an analysis consists of now, or that an archive of it consists of. What goes is renamed first,
so that an entry is whole or it is not there.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from automagic.bookkeeping import Folder, archived
from automagic.bookkeeping.store import read_receipt
from automagic.errors import UserError
from automagic.sharing.site import Told, connect, place_of
from automagic.sharing.store import SharedStore, discard, user_name

DAYS = {"h": 1 / 24, "d": 1.0, "w": 7.0, "y": 365.0}


@dataclass(frozen=True)
class Entry:
    """An entry that is not needed.

    Attributes
    ----------
    size
        Bytes of all its files.
    age_days
        Since it came into the store.
    files
        Device, inode, number of names and bytes on the disk of each file.
    task
        What it was made for first, as its receipt says.
    """

    action: str
    place: Path
    size: int
    age_days: float
    files: tuple[tuple[int, int, int, int], ...]
    task: str = ""


def old_actions(root: Path) -> list[Entry]:
    """Return the entries of an analysis's store that neither the analysis nor an archive of it consists of.

    Raises
    ------
    UserError
        It is not known what the analysis consists of.
    """
    from automagic.plan import make_plan
    from automagic.runner.current import open_session

    folder = Folder(root)
    session = open_session(root)
    plan = make_plan(session)
    try:
        # what was last done for a task counts until there is something newer, whether it is up to date or not
        needed = {row[0] for row in plan.connection.execute("SELECT action FROM made").fetchall()}
        needed |= {str(session.standing(name).action) for name in plan.found}
    finally:
        plan.close()
    there = [shard / name for shard in _shards(folder.store) for name in _names(shard)]
    if there and not needed:
        raise UserError(
            f"{folder.name}: the journal does not tell what was done here, so it is not known what is needed",
            hint=f"Run it once: ./doit analysis={folder.label}",
        )
    needed |= archived.actions(folder)
    return [_entry(path) for path in there if path.name not in needed]


def remove_actions(root: Path, entries: Iterable[Entry]) -> int:
    """Remove entries of an analysis's store; tell how many. To be called by who holds the analysis."""
    folder, count = Folder(root), 0
    for left in [*folder.store.glob(".gone-*"), *folder.store.glob("??/.*")]:  # of a process that was killed
        discard(left)
    for entry in entries:
        aside = folder.store / f".gone-{entry.action[:16]}-{uuid.uuid4().hex[:8]}"
        entry.place.rename(aside)
        discard(aside)
        count += 1
        with contextlib.suppress(OSError):
            entry.place.parent.rmdir()
    return count


def unneeded(shared: SharedStore) -> list[Entry]:
    """Return one's own entries of the shared store that no analysis of the site's catalog consists of, nor an archive.

    Raises
    ------
    UserError
        The catalog of the site does not tell all that is needed.
    """
    if shared.catalog is None or not shared.catalog.is_dir():
        raise UserError(f"there is no catalog of the site at {shared.catalog}: it is not known what is needed")
    connection, site = connect(shared.catalog, "SELECT * FROM made")
    with connection:
        rows = connection.execute("SELECT user, folder, action FROM made").fetchall()
    if site.passed_over:
        place, why = next(iter(site.passed_over.items()))
        raise UserError(
            f"{place} cannot be read ({why}), so it is not known what that analysis needs: nothing is removed",
            hint="Its user writes it anew with the next ./doit, or removes the folder where the analysis is no more.",
        )
    gone = {(each.user, each.folder) for each in forgotten(site.analyses)}
    needed = {action for user, folder, action in rows if (user, folder) not in gone}
    for each in site.analyses:
        if (each.user, each.folder) not in gone:
            needed.update(each.archived)
    mine = [shared.entry(action) for action in shared.actions() if action not in needed]
    return [_entry(path) for path in mine if os.lstat(path).st_uid == os.geteuid()]


def forgotten(analyses: Iterable[Told]) -> list[Told]:
    """Return one's own analyses whose folder is no more, though the folder that it lay in is there."""
    me = user_name(os.geteuid())
    return [
        each for each in analyses
        if each.user == me and not Path(each.folder).exists() and Path(each.folder).parent.is_dir()
    ]  # fmt: skip


def damaged(shared: SharedStore) -> list[Entry]:
    """Return one's own entries of the shared store that are not what their receipts say; all are read."""
    mine = [shared.entry(action) for action in shared.actions()]
    return [_entry(path) for path in mine if os.lstat(path).st_uid == os.geteuid() and shared.damage(path.name)]


def remove_shared(shared: SharedStore, entries: Iterable[Entry]) -> int:
    """Remove one's own entries; tell how many. Who is taking one at this moment has all of it, or computes it."""
    shared.sweep()
    return sum(shared.remove(entry.action) for entry in entries)


def forget(shared: SharedStore, analyses: Iterable[Told]) -> None:
    """Take one's own analyses that are no more out of the catalog of the site."""
    for each in analyses:
        if shared.catalog is not None:
            discard(place_of(Folder(Path(each.folder)), shared.catalog))


def chosen(entries: Iterable[Entry], older_days: float = 0.0, larger: int = 0) -> list[Entry]:
    """Return the entries that are older and larger than that, the largest first."""
    found = [each for each in entries if each.age_days >= older_days and each.size >= larger]
    return sorted(found, key=lambda each: (-each.size, each.action))


def freed(entries: Iterable[Entry]) -> int:
    """Return the bytes of disk that are free when entries are gone: a file goes with the last of its names."""
    names: Counter[tuple[int, int]] = Counter()
    about: dict[tuple[int, int], tuple[int, int]] = {}
    for entry in entries:
        for device, inode, links, size in entry.files:
            names[device, inode] += 1
            about[device, inode] = links, size
    return sum(size for key, (links, size) in about.items() if names[key] >= links)


def days(text: str) -> float:
    """Read an age.

    >>> days("30d"), days("2w"), days("12h")
    (30.0, 14.0, 0.5)
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([hdwy])", text.strip())
    if match is None:
        raise UserError(f"--older {text}: expected an age such as 12h, 30d, 2w or 1y")
    return float(match[1]) * DAYS[match[2]]


def _entry(place: Path) -> Entry:
    files = [path.lstat() for path in place.rglob("*") if not path.is_dir()]
    told = (read_receipt(place) or {}).get("task") if os.access(place / "receipt.json", os.R_OK) else ""
    return Entry(
        place.name,
        place,
        sum(each.st_size for each in files),
        max(0.0, time.time() - place.lstat().st_ctime) / 86400,
        tuple((each.st_dev, each.st_ino, each.st_nlink, 512 * each.st_blocks) for each in files),
        str(told or ""),
    )


def _shards(store: Path) -> list[Path]:
    return [path for path in sorted(store.glob("??")) if path.is_dir() and not path.is_symlink()]


def _names(shard: Path) -> list[str]:
    return [path.name for path in sorted(shard.iterdir()) if path.name.startswith(shard.name) and path.is_dir()]
