"""Takes an entry of another store over by its action: checked, linked or copied, and told in the journal.

The entry becomes the store's own: whichever of the two is removed later, the other stays whole. A hard link is another
name of the same read-only file. It changes the file's ctime, which is what tells that a file was touched; so the file
is looked at right before and right after, and where nothing but ctime has changed, both sides remember the new
signature and nobody has to read the file again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automagic.bookkeeping.events import facts, measured
from automagic.bookkeeping.hashes import HashCache
from automagic.bookkeeping.store import Receipt, read_receipt
from automagic.graph.task import Output
from automagic.job.publish import publish, sync_folder
from automagic.job.spec import RESERVED, JobFailed, safe_name, sha256_file, signature

LINK, COPY = "link", "copy"

FICLONE = 0x40049409
"""The call that clones a file (``man 2 ioctl_ficlone``)."""


@dataclass(frozen=True)
class Adopted:
    """An entry that was taken over, or why it was not.

    Attributes
    ----------
    receipt
        Of the entry; `None` where it was not taken.
    reason
        Why it was not.
    how
        ``"link"`` where no file had to be copied, else ``"copy"``; empty where the entry was there already.
    size
        Bytes of its products.
    """

    receipt: Receipt | None = None
    reason: str = ""
    how: str = ""
    size: int = 0


def adopt(
    entry: Path,
    action: str,
    target: Path,
    known: HashCache,
    own: HashCache,
    outputs: Iterable[Output] = (),
    *,
    link: bool = True,
) -> Adopted:
    """Take the entry of a done action from one store into another.

    Parameters
    ----------
    entry
        Folder of the action in the other store.
    action
        Which it must be, as its receipt says.
    target
        Folder of the action in the store that it goes to (`automagic.bookkeeping.Folder.action`). What is there
        stays; a damaged entry is to be discarded before (`automagic.bookkeeping.Store.discard`).
    known
        What is remembered of the files of the other store; files that are not as it remembers them are read.
    own
        Where the hashes of the files in their new place are remembered.
    outputs
        What the task promises today; an entry that lacks one of them is not taken.
    link
        Whether hard links may be made; files are copied where the file system does not allow them.

    Returns
    -------
    Adopted
        Nothing was taken, and `reason` says why, where the receipt or a product is not what it was when it was made.

    Notes
    -----
    Folders of the store are to be brought to the disk by who calls (`automagic.job.publish.sync_folder`), once for all.

    Raises
    ------
    OSError
        The target cannot be written.
    """
    receipt = read_receipt(entry)
    reason = _refused(receipt, action, outputs)
    if receipt is None or reason:
        return Adopted(reason=reason)
    size = sum(int(product["size"]) for product in receipt["outputs"])
    if target.exists():
        return Adopted(receipt, size=size)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{action[:16]}-{uuid.uuid4().hex[:8]}")
    try:
        part.mkdir()
        how, reason, seen = _fill(entry, receipt, part, known, link)
        if reason:
            return Adopted(reason=reason)
        if not publish(part, target, str(receipt.get("attempt")), sync=False):
            return Adopted(receipt, size=size)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    for name, (digest, its) in seen.items():
        own.remember(target / name, digest, its)
    return Adopted(receipt, "", how, size)


def taken(task: str, receipt: Receipt, origin: str) -> dict[str, Any]:
    """Return the event for the journal: the store has the task's action, and it was made elsewhere.

    Parameters
    ----------
    origin
        Where it was taken from: the path of an analysis, or of a store.
    """
    told = {**measured(receipt), **facts(receipt)}
    return {"event": "found", "task": task, "action": receipt["action"], "origin": origin, **told}


def give_back(target: Path, entry: Path, known: HashCache) -> None:
    """Remove an entry that was taken by hard links; the other side remembers its files as they are then.

    Parameters
    ----------
    target
        The entry that goes.
    entry, known
        The one that it was taken from, and what is remembered of that one's files.
    """
    receipt = read_receipt(target) or {}
    for product in receipt.get("outputs", ()):
        source, place = entry / product["name"], target / product["name"]
        with contextlib.suppress(OSError):
            before = signature(source)
            same = os.path.samefile(source, place) and known.remembers(source, before, product["sha256"])
            place.unlink()
            after = signature(source)
            if same and after[:3] == before[:3]:
                known.remember(source, product["sha256"], after)
    shutil.rmtree(target, ignore_errors=True)


def _refused(receipt: Receipt | None, action: str, outputs: Iterable[Output]) -> str:
    """Say why an entry cannot be taken, as far as its receipt tells; empty where it can."""
    if receipt is None:
        return "it has no receipt that can be read"
    if receipt.get("state") != "done" or receipt.get("action") != action:
        return "its receipt is that of another action"
    try:
        made = {safe_name(product["name"]) for product in receipt["outputs"]}
        whole = all(int(product["size"]) >= 0 and len(product["sha256"]) == 64 for product in receipt["outputs"])
    except (JobFailed, KeyError, TypeError, ValueError):
        whole, made = False, set()
    if not whole or made & RESERVED:
        return "its receipt is damaged"
    lacking = [output.name for output in outputs if not output.optional and output.name not in made]
    return f"it never made {', '.join(lacking)}" if lacking else ""


_Seen = dict[str, tuple[str, list[int]]]


def _fill(entry: Path, receipt: Receipt, part: Path, known: HashCache, link: bool) -> tuple[str, str, _Seen]:
    """Bring all files of an entry into a folder; return how, why not, and hash and signature of its products."""
    how, seen = LINK, {}
    for product in receipt["outputs"]:
        name, digest = product["name"], product["sha256"]
        source, place = entry / name, part / name
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            if source.is_symlink() or not source.is_file():
                return "", f"its output {name} is no plain file", {}
            before = signature(source)
            if link and known.sha256(source, product["size"]) != digest:
                return "", f"its output {name} was changed", {}
            linked = link and signature(source) == before and _link(source, place)
            if not linked:
                how = COPY
                if _copy(source, place) != digest:
                    return "", f"its output {name} was changed", {}
        except FileNotFoundError:
            return "", f"its output {name} is gone", {}
        after = signature(place)
        if linked and after[:3] != before[:3]:
            return "", f"its output {name} was changed", {}
        if linked:
            known.remember(source, digest, after)
        seen[name] = digest, after
    for name in sorted(RESERVED):
        if (entry / name).is_file() and not (link and _link(entry / name, part / name)):
            _copy(entry / name, part / name)
    card = receipt.get("card")
    if card and not ((part / "card.rc").is_file() and sha256_file(part / "card.rc") == card):
        return "", "its card was changed", {}
    return how, "", seen


def _link(source: Path, place: Path) -> bool:
    """Make a hard link, where both are on one file system and it may be.

    A file that can be written is not linked, nor one of another user: its owner could change it under either name.
    """
    about = os.stat(source)
    if about.st_mode & 0o222 or about.st_uid != os.geteuid():
        return False
    with contextlib.suppress(OSError):
        os.link(source, place, follow_symlinks=False)
        return True
    return False


def _clone(old: int, new: int) -> bool:
    """Make an open file a clone of another, where the file system can."""
    try:
        fcntl.ioctl(new, FICLONE, old)
    except OSError:
        return False
    return True


def _copy(source: Path, place: Path) -> str:
    """Copy a file to the disk, read-only, and return the hash of what was copied.

    On file systems that can (XFS, Btrfs), the copy is a clone, which takes no place until one of the two is changed.
    """
    digest = hashlib.sha256()
    with open(source, "rb") as old, open(place, "x+b") as new:
        cloned = _clone(old.fileno(), new.fileno())
        while block := (new if cloned else old).read(1 << 20):
            digest.update(block)
            if not cloned:
                new.write(block)
    place.chmod(0o444)
    sync_folder(place)
    return digest.hexdigest()
