"""The store: one folder an action, checked whenever it is used, and the links under people's names."""

from __future__ import annotations

import contextlib
import errno
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
        place = self.folder.action_path(action)
        receipt = receipt or read_receipt(place)
        if receipt is None:
            return None, "it was never made" if not os.path.exists(place) else "its receipt is damaged"
        made = set()
        for product in receipt.get("outputs", ()):
            made.add(product["name"])
            path = f"{place}/{product['name']}"
            try:
                if self.hashes.sha256(path, product["size"]) != product["sha256"]:
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
        place = self.folder.action_path(action)
        for product in receipt.get("outputs", ()):
            with contextlib.suppress(OSError):
                self.hashes.remember(f"{place}/{product['name']}", product["sha256"])

    def discard(self, action: str) -> None:
        """Take a damaged action out of the store, so that it can be made again."""
        if os.path.lexists(self.folder.action_path(action)):
            place = self.folder.action(action)
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
                up = "../" * output.link.count("/")
                _link(f"{self.folder.root}/{output.link}", f"{up}store/{action[:2]}/{action}/{output.name}")
            else:
                self._unlink(output)

    def unlink(self, task: Task) -> None:
        """Take the names for people away from products that are no longer those of the analysis."""
        for output in task.outputs:
            self._unlink(output)

    def _unlink(self, output: Output) -> None:
        link = f"{self.folder.root}/{output.link}"
        if output.link and os.path.islink(link):
            Path(link).unlink(missing_ok=True)


def product_hashes(receipt: Receipt) -> dict[str, str]:
    """Return the SHA-256 of each product of a receipt, by its name.

    Examples
    --------
    >>> product_hashes({"outputs": [{"name": "a.root", "sha256": "ab12", "size": 3}]})
    {'a.root': 'ab12'}
    """
    return {str(product.get("name")): str(product.get("sha256")) for product in receipt.get("outputs", ())}


def read_receipt(place: str | Path) -> Receipt | None:
    """Read the receipt in a folder of the store, or of failures; `None` where there is none that can be read.

    Raises
    ------
    UserError
        The file system does not tell.
    """
    from pydantic_core import from_json

    path = f"{place}/receipt.json"
    for again in (True, False):
        try:
            with open(path, "rb", buffering=0) as file:
                receipt = from_json(file.read())
            break
        except OSError as error:
            if error.errno == errno.ESTALE and again:  # it was replaced just now
                continue
            refuse(error, path)
            return None
        except ValueError:
            return None
    return receipt if isinstance(receipt, dict) and "state" in receipt else None


def refuse(error: OSError, path: str) -> None:
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


def set_link(at: str | Path, target: str | Path) -> None:
    """Point a relative symbolic link to a file, replacing what was there in one step."""
    _link(at, os.path.relpath(target, os.path.dirname(at)))


def _link(at: str | Path, wanted: str) -> None:
    try:
        os.symlink(wanted, at)
        return
    except OSError as error:
        _replace_link(Path(at), wanted, error)


def _replace_link(link: Path, wanted: str, error: OSError) -> None:
    """Set a link where it could not be set at once: there is one, or no folder for it."""
    try:
        raise error
    except FileNotFoundError:
        link.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        if link.is_symlink() and os.readlink(link) == wanted:
            return
    temporary = link.parent / f".{link.name}.{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    try:
        temporary.symlink_to(wanted)
    except FileExistsError:  # the request was sent twice
        if os.readlink(temporary) != wanted:
            raise
    move(temporary, link, lambda: os.readlink(link) == wanted)
