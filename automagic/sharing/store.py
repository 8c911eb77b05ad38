"""The shared store of a site: an entry that anybody's analysis has made is taken from it, checked; each adds its own.

It has the layout of an analysis's store, ``ab/abcdef…/``. An entry belongs to who made it and nobody can write it; it
comes in by one rename, out of ``.incoming/``. Nothing in it is believed: every product is hashed when it is taken.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import shutil
import stat
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automagic.bookkeeping.adopt import Adopted, adopt
from automagic.bookkeeping.hashes import HashCache
from automagic.bookkeeping.store import Receipt, product_hashes, read_receipt
from automagic.errors import UserError
from automagic.graph.task import Output
from automagic.job.publish import look_again

INCOMING = ".incoming"
"""Where entries are put together, and where those that are removed go first."""

STRAY_S = 24 * 3600.0
"""What a killed process has left in ``.incoming/`` is taken away by its owner after that."""

FULL = (errno.ENOSPC, errno.EDQUOT)

DIR_MODE, FILE_MODE = 0o555, 0o444

ADDED, SAME, DIFFERS, DAMAGED, REFUSED = "added", "same", "differs", "damaged", "refused"


@dataclass(frozen=True)
class Offered:
    """What came of offering an entry.

    Attributes
    ----------
    state
        ``"added"``; ``"same"`` (somebody has made the same bytes before); ``"differs"`` (other bytes); ``"damaged"``
        (what is there is not what its receipt says, and belongs to somebody else); ``"refused"`` (it could not be
        written).
    reason
        Why, in words.
    maker
        Who made what is there.
    receipt
        Of what is there, where it differs.
    """

    state: str
    reason: str = ""
    maker: str = ""
    receipt: Receipt | None = None


@dataclass(frozen=True)
class SharedStore:
    """A shared store.

    Parameters
    ----------
    root
        Its folder.
    trust
        Users whose entries are taken; all where there are none. One's own always are.
    catalog
        Folder of the site's catalog (`automagic.sharing.site`).
    """

    root: Path
    trust: tuple[str, ...] = ()
    catalog: Path | None = None

    def entry(self, action: str) -> Path:
        """Return the folder of an action."""
        return self.root / action[:2] / action

    def look(self, action: str, outputs: Iterable[Output] = ()) -> Receipt | None:
        """Return the receipt of an entry that could be taken, as far as that is seen without reading its products."""
        entry = self.entry(action)
        if not entry.is_dir() or self._distrusted(entry):
            return None
        try:
            receipt = read_receipt(entry)
        except UserError:  # the file system does not tell now
            return None
        if receipt is None or receipt.get("state") != "done" or receipt.get("action") != action:
            return None
        made = {str(product.get("name")): product.get("size") for product in receipt.get("outputs", ())}
        if any(not output.optional and output.name not in made for output in outputs):
            return None
        for name, size in made.items():
            path = entry / name
            if not os.access(path, os.R_OK) or path.stat().st_size != size:
                return None
        return receipt

    def take(self, action: str, target: Path, own: HashCache, outputs: Iterable[Output] = ()) -> tuple[Adopted, str]:
        """Take an entry into the store of an analysis, where there is one that can be believed.

        Files of one's own are linked. Those of others are copied (as clones, where the file system can): who owns a
        file can change it, whatever its mode says.

        Returns
        -------
        adopted, maker
            `Adopted.receipt` is `None` where nothing was taken; `Adopted.reason` says why, and is empty where there was
            nothing to take. Who made the entry.

        Raises
        ------
        OSError
            The target cannot be written: the disk is full.
        """
        entry = self.entry(action)
        maker = ""
        try:
            about = os.lstat(entry)
            maker = user_name(about.st_uid)
            distrusted = self._distrusted(entry)
            if distrusted:
                return Adopted(reason=distrusted), maker
            if not os.access(entry / "receipt.json", os.R_OK) and (entry / "receipt.json").exists():
                return Adopted(reason="you may not read it"), maker
            known = HashCache(None, self.root)  # what others write is read each time
            return adopt(entry, action, target, known, own, tuple(outputs), link=about.st_uid == os.geteuid()), maker
        except FileNotFoundError:
            return Adopted(), maker
        except PermissionError:
            return Adopted(reason="you may not read it"), maker
        except UserError as error:
            return Adopted(reason=error.message), maker
        except OSError as error:
            if error.errno in FULL:
                raise
            return Adopted(reason=error.strerror or str(error)), maker

    def _distrusted(self, entry: Path) -> str:
        """Say why an entry is not taken because of whom it belongs to; empty where it may be."""
        about = os.lstat(entry)
        if not stat.S_ISDIR(about.st_mode):
            return "it is no folder"
        if about.st_uid == os.geteuid():
            return ""
        if about.st_mode & 0o022:
            return "others than its owner can change it"
        maker = user_name(about.st_uid)
        if self.trust and maker not in self.trust:
            return f"storage.shared_trust does not name {maker}"
        return ""

    def offer(self, source: Path, action: str, own: HashCache) -> Offered:
        """Add an entry of the store of an analysis, which has it intact.

        Where somebody was faster, that one stays; what differs is told. An entry of one's own that is damaged is
        replaced.
        """
        for _ in range(2):
            there = self._compare(source, action)
            if there is None:
                try:
                    found = self._add(source, action, own)
                except OSError as error:
                    return Offered(REFUSED, f"{error.filename or self.root}: {error.strerror or error}")
                if found is not None:
                    return found
                continue  # somebody was faster just now
            if there.state == DAMAGED and self._is_own(action) and self.remove(action):
                continue
            return there
        return there or Offered(REFUSED, "somebody else writes the same entry")

    def _add(self, source: Path, action: str, own: HashCache) -> Offered | None:
        incoming, target = self.root / INCOMING, self.entry(action)
        self._folder(incoming)
        self._folder(target.parent)
        part = incoming / _name("add", action)
        # what is hashed again here is read: the receipt is to be true of what others get
        adopted = adopt(source, action, part, own, HashCache(None, self.root))
        if adopted.receipt is None:
            return Offered(REFUSED, adopted.reason)
        try:
            _close(part)
            try:
                os.rename(part, target)
            except OSError as error:
                look_again(target.parent)
                if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.EPERM, errno.EACCES) and target.exists():
                    return None
                if not (target.exists() and not part.exists()):  # over NFS it may have worked all the same
                    raise
            os.chmod(target, DIR_MODE)  # not before: a folder that cannot be written cannot be moved
        finally:
            discard(part)
        return Offered(ADDED, maker=user_name(os.geteuid()))

    def _folder(self, path: Path) -> None:
        """Make a folder that has the mode and the group of the store."""
        if not path.is_dir():
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                about = self.root.stat()
                with contextlib.suppress(OSError):
                    os.chown(path, -1, about.st_gid)
                path.chmod(stat.S_IMODE(about.st_mode))

    def _compare(self, source: Path, action: str) -> Offered | None:
        """Compare an entry with what is there; `None` where nothing is."""
        target = self.entry(action)
        try:
            maker = user_name(os.lstat(target).st_uid)
        except FileNotFoundError:
            return None
        mine = read_receipt(source) or {}
        try:
            theirs = read_receipt(target)
        except UserError:
            return Offered(SAME, "you may not read it", maker)
        if theirs is None or theirs.get("action") != action or theirs.get("state") != "done":
            return Offered(DAMAGED, "its receipt is damaged", maker)
        if _sizes(target, theirs):
            return Offered(DAMAGED, _sizes(target, theirs), maker)
        if product_hashes(mine) == product_hashes(theirs):
            return Offered(SAME, "", maker, theirs)
        wrong = self._damage(target, theirs)  # only then is it worth the reading
        if wrong:
            return Offered(DAMAGED, wrong, maker)
        return Offered(DIFFERS, "", maker, theirs)

    def _damage(self, entry: Path, receipt: Receipt) -> str:
        """Read an entry; say what of it is not what its receipt says."""
        cache = HashCache(None, self.root)
        for name, digest in product_hashes(receipt).items():
            try:
                if cache.sha256(entry / name) != digest:
                    return f"its output {name} was changed"
            except PermissionError:
                return ""
            except OSError as error:
                return f"its output {name}: {error.strerror}"
        return ""

    def damage(self, action: str) -> str:
        """Read an entry to its end; say what of it is not as it was made, empty where nothing is."""
        receipt = read_receipt(self.entry(action))
        if receipt is None or receipt.get("action") != action or receipt.get("state") != "done":
            return "its receipt is damaged"
        return self._damage(self.entry(action), receipt)

    def _is_own(self, action: str) -> bool:
        with contextlib.suppress(OSError):
            return os.lstat(self.entry(action)).st_uid == os.geteuid()
        return False

    def remove(self, action: str) -> bool:
        """Take an entry of one's own away: it is gone by one rename; tell whether it is."""
        place = self.entry(action)
        aside = self.root / INCOMING / _name("gone", action)
        if not self._is_own(action):
            return False
        try:
            self._folder(aside.parent)
            os.chmod(place, 0o755)
            os.rename(place, aside)
        except OSError:
            return False
        discard(aside)
        return True

    def sweep(self, older_s: float = STRAY_S) -> int:
        """Take away what killed processes of this user have left; tell how much that was."""
        count, before = 0, time.time() - older_s
        for path in _listed(self.root / INCOMING):
            with contextlib.suppress(OSError):
                about = path.lstat()
                if about.st_uid == os.geteuid() and about.st_mtime < before:
                    discard(path)
                    count += 1
        return count

    def actions(self) -> list[str]:
        """List the actions of all entries that can be seen."""
        found = []
        for shard in _listed(self.root):
            if len(shard.name) == 2 and shard.is_dir():
                found += [path.name for path in _listed(shard) if path.name.startswith(shard.name)]
        return found


def store_of(about: dict[str, Any] | None) -> SharedStore | None:
    """Return the shared store from what `described` told of it; `None` where the site has none."""
    if not about or not about.get("root"):
        return None
    return SharedStore(Path(about["root"]), tuple(about.get("trust", ())), Path(about["catalog"]))


def described(site: Any) -> dict[str, Any]:
    """Return what a site says of its shared store and its catalog, as plain data; paths are absolute."""
    storage = site.storage
    root = site.place(storage.shared) if storage.shared else None
    catalog = site.place(storage.catalog) if storage.catalog else root / "catalog" if root else None
    return {
        "root": str(root) if root else None,
        "trust": list(storage.shared_trust),
        "catalog": str(catalog) if catalog else None,
    }


def user_name(uid: int) -> str:
    """Return the name of a user, or the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def discard(place: Path) -> None:
    """Take a folder of one's own away, whatever its modes are; nothing where it is gone."""
    if not os.path.lexists(place):
        return
    for folder, _, _ in os.walk(place):
        with contextlib.suppress(OSError):
            os.chmod(folder, 0o755)
    shutil.rmtree(place, ignore_errors=True)


def _name(what: str, action: str) -> str:
    return f"{os.geteuid()}-{os.getpid()}-{what}-{action[:16]}-{uuid.uuid4().hex[:8]}"


def _close(part: Path) -> None:
    """Let all read what is in a folder and nobody write it; the folder itself is closed when it is at its place."""
    for folder, folders, files in os.walk(part):
        for name in files:
            path = os.path.join(folder, name)
            if stat.S_IMODE(os.stat(path).st_mode) != FILE_MODE:
                os.chmod(path, FILE_MODE)
        for name in folders:
            os.chmod(os.path.join(folder, name), DIR_MODE)
    os.chmod(part, 0o755)


def _listed(folder: Path) -> Sequence[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return ()


def _sizes(entry: Path, receipt: Receipt) -> str:
    """Say which product does not have its size; empty where all have."""
    for product in receipt.get("outputs", ()):
        try:
            if os.stat(entry / str(product["name"])).st_size != product["size"]:
                return f"its output {product['name']} was changed"
        except PermissionError:
            return ""
        except (OSError, KeyError) as error:
            return f"its output {product.get('name')} is gone ({type(error).__name__})"
    return ""
