"""Hashes of files, remembered for as long as the file's size, mtime, inode and ctime stay."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path

from automagic.job.spec import sha256_file, signature

_SETTLED_NS = 50_000_000  # a file changed this short a time ago could change again within the clock's grain


class HashCache:
    """A cache of SHA-256 hashes in a file that only grows, and is made anew when half of it is stale.

    Parameters
    ----------
    path
        The cache's file; `None` keeps it in memory.
    root
        Paths below it are remembered relative to it, so that the folder can be moved.
    """

    def __init__(self, path: Path | None, root: Path) -> None:
        self.path = path
        self.root = root.resolve()
        self.known: dict[str, tuple[list[int], str]] = {}
        self._new: list[str] = []
        self._lines = 0
        if path is not None and path.exists():
            self._read(path)

    def _read(self, path: Path) -> None:
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            self._lines += 1
            with contextlib.suppress(ValueError, KeyError, TypeError):  # a line cut short by a crash
                entry = json.loads(line)
                self.known[entry["path"]] = (entry["signature"], entry["sha256"])

    def _key(self, path: Path) -> str:
        absolute = os.path.abspath(path)
        root = f"{self.root}{os.sep}"
        return absolute[len(root) :] if absolute.startswith(root) else absolute

    def sha256(self, path: Path) -> str:
        """Return the hash of a file, reading the file only if it changed.

        Raises
        ------
        OSError
            The file cannot be read.
        """
        before = signature(path)
        found = self.known.get(self._key(path))
        if found is not None and found[0] == before:
            return found[1]
        digest = sha256_file(path)
        settled = time.time_ns() - max(before[1], before[3]) > _SETTLED_NS
        if signature(path) == before and settled:
            self.remember(path, digest, before)
        return digest

    def remember(self, path: Path, digest: str, seen: list[int] | None = None) -> None:
        """Take a hash that somebody else has just computed."""
        entry = (seen or signature(path), digest)
        key = self._key(path)
        if self.known.get(key) != entry:
            self.known[key] = entry
            self._new.append(self._line(key))

    def recall(self, path: Path) -> tuple[int, str] | None:
        """Return size and hash of a file as last seen, without looking at it; `None` where it never was."""
        found = self.known.get(self._key(path))
        return None if found is None else (found[0][0], found[1])

    def _line(self, key: str) -> str:
        seen, digest = self.known[key]
        return json.dumps({"path": key, "signature": seen, "sha256": digest}) + "\n"

    def save(self) -> None:
        """Write what is new. Losing it costs time, never correctness."""
        if self.path is None or not self._new:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):
            if self._lines > 2 * len(self.known) + 100:
                temporary = self.path.with_suffix(".new")
                temporary.write_text("".join(self._line(key) for key in self.known), encoding="utf-8")
                temporary.replace(self.path)
                self._lines = len(self.known)
            else:
                with open(self.path, "a", encoding="utf-8") as file:
                    file.write("".join(self._new))
                self._lines += len(self._new)
        self._new.clear()
