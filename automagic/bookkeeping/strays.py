"""Files that were to be renamed to their place when the process that wrote them was killed."""

from __future__ import annotations

import contextlib
import re
import time

from automagic.bookkeeping.folder import Folder

OLD_S = 600.0
"""Nobody works so long on such a file: catalog, graph, hashes and exports are written in seconds."""

_NAME = re.compile(r"\..+\.\d+(\.wal)?|(catalog|links)\.new")


def sweep(folder: Folder) -> None:
    """Take them away, so that crashes leave nothing in an analysis."""
    before = time.time() - OLD_S
    for place in (folder.root, folder.exports, folder.journal):
        with contextlib.suppress(OSError):
            for path in place.iterdir():
                if _NAME.fullmatch(path.name) and path.lstat().st_mtime < before:
                    path.unlink()
