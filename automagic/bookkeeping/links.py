"""The names for people, ``products/…`` and ``results/…``: all there, all into the store, and none too many.

Each is set when its task is done. That nobody has changed them since is seen from the times of their folders, which are
compared with what they were, on one file system: with 100,000 links nobody looks at each.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from automagic.bookkeeping.folder import Folder
from automagic.bookkeeping.store import set_link

TOPS = ("products", "results")


def state(folder: Folder, content: str | None) -> dict[str, Any]:
    """Return what is to be compared: the folders' times, and the graph that they were made for."""
    found: dict[str, Any] = {"graph": content}
    for top in TOPS:
        for parent, folders, _ in os.walk(folder.root / top):
            folders.sort()
            found[os.path.relpath(parent, folder.root)] = os.stat(parent).st_mtime_ns
    return found


def intact(folder: Folder, content: str | None) -> bool:
    """Tell whether the links are as they were left."""
    try:
        return bool(json.loads(_place(folder).read_text(encoding="utf-8")) == state(folder, content))
    except (OSError, ValueError):
        return False


def none(folder: Folder) -> bool:
    """Tell whether there are no links yet."""
    return not any((folder.root / top).exists() for top in TOPS)


def note(folder: Folder, content: str | None) -> None:
    """Keep how the links are now."""
    with contextlib.suppress(OSError):
        new = _place(folder).with_suffix(".new")
        new.write_text(json.dumps(state(folder, content)), encoding="utf-8")
        new.replace(_place(folder))


def forget(folder: Folder) -> None:
    """Keep nothing: whoever looks next does not take them as intact."""
    _place(folder).unlink(missing_ok=True)


def _place(folder: Folder) -> Path:
    return folder.journal / "links.json"


def repair(folder: Folder, links: Iterable[tuple[str, str]], wanted: Iterable[str]) -> None:
    """Set links of tasks that are done, and take those away that belong to no task.

    Parameters
    ----------
    links
        Pairs of link and product, both relative to the analysis folder.
    wanted
        All links that tasks of the analysis may have.
    """
    for link, product in links:
        set_link(folder.root / link, folder.root / product)
    sweep(folder, wanted)


def sweep(folder: Folder, wanted: Iterable[str]) -> None:
    """Take away links into the store that belong to no task any more."""
    keep = {os.path.normpath(folder.root / link) for link in wanted}
    for top in TOPS:
        for parent, _, names in os.walk(folder.root / top):
            for name in names:
                path = os.path.join(parent, name)
                if os.path.islink(path) and path not in keep and "store/" in os.readlink(path):
                    os.unlink(path)
