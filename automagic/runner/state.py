"""doit's memory of its ordinary tasks (`test`, …): kept at once, and by the content of files.

The tasks of an analysis do not need it: their receipts are in the store.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from doit.dependency import FileChangedChecker, SqliteDB

from automagic.job.spec import sha256_file, signature


class Backend(SqliteDB):
    """doit's SQLite backend, with every change committed when it is made: a killed doit forgets nothing."""

    desc = "SQLite, every change kept at once"

    def set(self, task_id: str, dependency: str, value: Any) -> None:
        """Store a value and commit it."""
        self.get(task_id, dependency)  # takes what is known of the task from the file first
        super().set(task_id, dependency, value)
        row = (task_id, self.codec.encode(self._cache[task_id]))
        self._conn.execute("insert or replace into doit values (?,?)", row)
        self._conn.commit()

    def remove(self, task_id: str) -> None:
        """Forget a task, at once."""
        super().remove(task_id)
        self._conn.commit()


class Sha256Checker(FileChangedChecker):
    """Whether a file changed: by SHA-256, looked at again when size, mtime, inode or ctime differ."""

    def check_modified(self, file_path: str, file_stat: os.stat_result, state: list) -> bool:
        """Tell whether a file has another content than when the state was taken."""
        seen, digest = state
        now = [file_stat.st_size, file_stat.st_mtime_ns, file_stat.st_ino, file_stat.st_ctime_ns]
        return now != seen and (now[0] != seen[0] or sha256_file(file_path) != digest)

    def get_state(self, dep: str, current_state: list | None) -> list | None:
        """Return the state of a file, or `None` where it is as it was."""
        seen = signature(dep)
        if current_state and current_state[0] == seen:
            return None
        return [seen, sha256_file(Path(dep))]
