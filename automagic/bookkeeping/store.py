"""The store: one folder an action, checked whenever it is used, and the links under people's names."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from automagic.bookkeeping.folder import Folder
from automagic.bookkeeping.hashes import HashCache
from automagic.errors import UserError
from automagic.graph.task import Output, Task
from automagic.job.publish import move

Receipt = dict[str, Any]

NO_ANSWER = (
    errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EREMOTEIO, errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH,
    errno.ENETUNREACH, errno.ESHUTDOWN,
)  # fmt: skip
"""What a file system says that does not know at the moment, rather than that something is not there."""


class Store:
    """The products of an analysis by action."""

    def __init__(self, folder: Folder, hashes: HashCache) -> None:
        self.folder = folder
        self.hashes = hashes

    def receipt(self, action: str) -> Receipt | None:
        """Return the receipt of a done action, or `None`."""
        return read_receipt(self.folder.action(action))

    def intact(
        self, action: str, outputs: Iterable[Output] = (), receipt: Receipt | None = None
    ) -> tuple[Receipt | None, str]:
        """Return the receipt of an action whose products are all as they were when they were made.

        Parameters
        ----------
        outputs
            What the task promises today; an action that lacks one of them does not count.
        receipt
            Its receipt, where that has just been read.

        Returns
        -------
        receipt, reason
            `None` and why, where it is not so.

        Raises
        ------
        UserError
            The file system does not tell.
        """
        place = self.folder.action(action)
        receipt = receipt or read_receipt(place)
        if receipt is None:
            return None, "it was never made" if not place.exists() else "its receipt is damaged"
        made = set()
        for product in receipt.get("outputs", ()):
            made.add(product["name"])
            path = place / product["name"]
            try:
                if path.stat().st_size != product["size"] or self.hashes.sha256(path) != product["sha256"]:
                    return None, f"its output {product['name']} was changed"
            except OSError as error:
                refuse(error, path)
                return None, f"its output {product['name']} is gone"
        lacking = [o.name for o in outputs if not o.optional and o.name not in made]
        if lacking:
            return None, f"it never made {', '.join(lacking)}"
        return receipt, ""

    def remember(self, action: str, receipt: Receipt) -> None:
        """Note the hashes that a job has just computed."""
        for product in receipt.get("outputs", ()):
            path = self.folder.action(action) / product["name"]
            with contextlib.suppress(OSError):
                self.hashes.remember(path, product["sha256"])

    def discard(self, action: str) -> None:
        """Take a damaged action out of the store, so that it can be made again."""
        place = self.folder.action(action)
        if place.exists():
            self.folder.work.mkdir(parents=True, exist_ok=True)
            aside = self.folder.work / f"damaged-{action[:16]}-{uuid.uuid4().hex[:8]}"
            try:
                move(place, aside)
            except OSError:
                if os.path.lexists(place):
                    raise
            shutil.rmtree(aside, ignore_errors=True)

    def link(self, task: Task, action: str, receipt: Receipt) -> None:
        """Give a done task's products their names for people: relative links into the store, each set at
        once."""
        made = {product["name"] for product in receipt.get("outputs", ())}
        for output in task.outputs:
            if output.link and output.name in made:
                set_link(self.folder.root / output.link, self.folder.action(action) / output.name)
            else:
                self._unlink(output)

    def unlink(self, task: Task) -> None:
        """Take the names for people away from products that are no longer those of the analysis."""
        for output in task.outputs:
            self._unlink(output)

    def _unlink(self, output: Output) -> None:
        link = self.folder.root / output.link
        if output.link and link.is_symlink():
            link.unlink(missing_ok=True)


def read_receipt(place: Path) -> Receipt | None:
    """Read the receipt in a folder of the store, or of failures; `None` where there is none that can be read.

    Raises
    ------
    UserError
        The file system does not tell.
    """
    path = place / "receipt.json"
    for again in (True, False):
        try:
            receipt = json.loads(path.read_text(encoding="utf-8"))
            break
        except OSError as error:
            if error.errno == errno.ESTALE and again:  # it was replaced just now
                continue
            refuse(error, path)
            return None
        except ValueError:
            return None
    return receipt if isinstance(receipt, dict) and "state" in receipt else None


def refuse(error: OSError, path: Path) -> None:
    """Do not go on where a file system is in trouble: what it does not show is not gone, and must not be made again.

    Raises
    ------
    UserError
        It is in trouble.
    """
    if error.errno in NO_ANSWER:
        raise UserError(
            f"{path} cannot be looked at: {error.strerror}",
            hint="The file system is in trouble. Run the same command again when it is well; nothing is lost.",
        ) from None


def set_link(link: Path, target: Path) -> None:
    """Point a relative symbolic link to a file, replacing what was there in one step."""
    wanted = os.path.relpath(target, link.parent)
    if link.is_symlink() and os.readlink(link) == wanted:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    temporary = link.parent / f".{link.name}.{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    try:
        temporary.symlink_to(wanted)
    except FileExistsError:  # the request was sent twice
        if os.readlink(temporary) != wanted:
            raise
    move(temporary, link, lambda: os.readlink(link) == wanted)
