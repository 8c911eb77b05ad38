"""The shared store of the site: whether its folders let everybody add, and nobody change what another has added."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from automagic.analysis.site import Site
from automagic.doctor.check import Check
from automagic.sharing.store import described, store_of, user_name

SET_UP = "See docs/users.md, 'For the administrator'."


def shared_checks(site: Site) -> Iterator[Check]:
    """Look at the shared store and the catalog of the site, where there is one."""
    about = described(site)
    store = store_of(about)
    if store is not None:
        yield folder("shared store", store.root)
        if store.root.is_dir():
            yield _shards(store.root)
    if about["catalog"]:
        yield folder("site catalog", Path(about["catalog"]))


def folder(name: str, path: Path) -> Check:
    """Look at a folder to which all users add."""
    if not path.is_dir():
        return Check(name, False, f"there is no folder {path}", SET_UP)
    mode = path.stat().st_mode
    if mode & 0o022 and not mode & stat.S_ISVTX:
        found = f"{path} has mode {stat.S_IMODE(mode):o}: who may add to it may remove what others have added"
        return Check(name, False, found, f"chmod +t {path}")
    if not os.access(path, os.W_OK | os.X_OK):
        return Check(name, None, f"you may take from {path}, and not add to it")
    return Check(name, True, f"{path} (mode {stat.S_IMODE(mode):o}, of {user_name(path.stat().st_uid)})")


def _shards(root: Path) -> Check:
    """Look at the folders in it: who owns one could put his entries in the place of others'."""
    owner = root.stat().st_uid
    there = [path for path in root.iterdir() if path.is_dir() and (len(path.name) == 2 or path.name == ".incoming")]
    others = [path for path in there if path.stat().st_uid != owner]
    loose = [path for path in there if path.stat().st_mode & 0o022 and not path.stat().st_mode & stat.S_ISVTX]
    if loose:
        return Check("shared store, folders", False, f"{len(loose)} folders, such as {loose[0]}, have no sticky bit",
                     f"chmod +t {root}/.incoming {root}/??")  # fmt: skip
    if others or len(there) < 257:
        said = f"{len(others)} of its folders belong to users, and {257 - len(there)} are not there yet"
        return Check("shared store, folders", None, f"{said}: who owns one may remove others' entries from it", SET_UP)
    return Check("shared store, folders", True, f"all belong to {user_name(owner)}")
