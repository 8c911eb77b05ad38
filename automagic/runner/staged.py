"""What an analysis knows of the files that its staging tasks bring from remote storage."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automagic.bookkeeping.folder import Folder
from automagic.bookkeeping.store import Receipt, read_receipt
from automagic.graph.task import Task
from automagic.staging.settings import Settings

if TYPE_CHECKING:
    from automagic.staging.cache import About, Cache


def stage_action(task: Task) -> str:
    """Return the identity of a staging task: which files it brings, not what is in them."""
    sources = [[each.url, each.name, each.size, each.checksum] for each in task.sources]
    text = json.dumps({"program": "stage", "sources": sources}, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Staged:
    """Knows the staged files of one analysis.

    A file whose hash is known counts for what depends on it, also when the cache has released it: it is brought again
    only where a task that has to run reads it. Hashes are in the cache, which analyses share, and in the receipts of
    this analysis, which outlive the cache.
    """

    def __init__(self, folder: Folder, settings: Settings | None) -> None:
        from automagic.staging.cache import Cache

        self.folder = folder
        self.settings = settings or Settings(folder.root / ".cache")
        self.cache: Cache = Cache(self.settings.cache, self.settings.quota)
        self._known: dict[str, About] = {}

    def known(self, task: Task) -> list[About] | None:
        """Return what is known of a staging task's files, or `None` where one was never here as storage has it now."""
        found: dict[str, About] = {}
        for source in task.sources:
            about = self._known.get(source.url) or self.cache.known(source)
            if about is not None:
                found[source.url] = about
        if len(found) < len({source.url for source in task.sources}):
            found = {**self._recorded(task), **found}
        if any(source.url not in found for source in task.sources):
            return None
        self._known.update(found)
        return [found[source.url] for source in task.sources]

    def _recorded(self, task: Task) -> dict[str, About]:
        from automagic.staging.cache import About

        receipt = read_receipt(self.folder.action(stage_action(task))) or {}
        rows = [row for row in receipt.get("inputs", ()) if isinstance(row, dict)]
        return {
            row["url"]: About(row["url"], row["name"], row["size"], row["sha256"])
            for row in rows
            if {"url", "name", "size", "sha256"} <= row.keys()
        }

    def note(self, files: Sequence[About]) -> bool:
        """Take note of files that have just been brought; tell whether one is another than it was."""
        changed = any(file.url in self._known and self._known[file.url].sha256 != file.sha256 for file in files)
        self._known.update({file.url: file for file in files})
        return changed

    def receipt(self, task: Task, files: Sequence[About]) -> Receipt:
        """Return the receipt of a staging task. It has no products: the files are in the cache."""
        inputs = [
            {
                "role": "remote",
                "name": file.name,
                "path": file.url,
                "url": file.url,
                "size": file.size,
                "sha256": file.sha256,
                "task": None,
            }
            for file in files
        ]
        action = stage_action(task)
        return {
            "receipt": 1,
            "state": "done",
            "task": task.name,
            "action": action,
            "program": task.program,
            "engine": task.engine,
            "inputs": inputs,
            "outputs": [],
            "host": platform.node(),
        }

    def record(self, task: Task, files: Sequence[About]) -> None:
        """Write the receipt of a staging task into the store, where it says something new."""
        receipt = self.receipt(task, files)
        place = self.folder.action(receipt["action"])
        before = read_receipt(place)
        if before is not None and before.get("inputs") == receipt["inputs"]:
            return
        place.mkdir(parents=True, exist_ok=True)
        temporary = place / f".receipt.{os.getpid()}"
        temporary.write_text(json.dumps(receipt, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        temporary.replace(place / "receipt.json")

    def file(self, task: Task, name: str) -> tuple[Path, About] | None:
        """Return path and knowledge of a file of a staging task; whether it is there now is another question."""
        for source in task.sources:
            if source.name == name and source.url in self._known:
                return self.cache.place(source).file, self._known[source.url]
        return None

    def here(self, task: Task) -> bool:
        """Tell whether all files of a staging task are in the cache now."""
        return all(self.cache.present(source) is not None for source in task.sources)


def describe(files: Sequence[Any]) -> list[dict[str, Any]]:
    """Return what the journal keeps of files."""
    return [{"url": file.url, "size": file.size, "sha256": file.sha256} for file in files]
