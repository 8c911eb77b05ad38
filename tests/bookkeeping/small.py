"""A tiny analysis for tests: graph, journal and store, as a driver leaves them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from automagic.bookkeeping import Folder, HashCache
from automagic.bookkeeping.events import facts
from automagic.graph.asked import save
from automagic.graph.identity import action, card_form, recipe
from automagic.graph.task import Input, Output, Task

Event = dict[str, Any]


def task(name: str, *reads: str | Input, **more: Any) -> Task:
    """Return a task that reads outputs of others (by their names) or files in storage (by their paths).

    Its one output is named after it.
    """
    stage = name.partition(":")[0]
    inputs = tuple(each if isinstance(each, Input) else _input(each) for each in reads)
    given = {"program": stage, "engine": "mars", "executable": stage, "inputs": inputs, "outputs": (output(name),)}
    return Task(name, stage, **(given | more))


def output(name: str, **more: Any) -> Output:
    """Return the one output that a task has."""
    file = name.replace(":", "-") + ".txt"
    return Output(file, name.partition(":")[0], f"products/{file}", **more)


def _input(what: str) -> Input:
    if "/" in what:
        return Input("in", Path(what).name, path=what)
    return Input("in", output(what).name, task=what)


def sha256(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


class Small:
    """An analysis folder.

    Attributes
    ----------
    tasks
        What the graph asks for, by name; `ask` writes it anew.
    digests
        Digest of each engine, as a driver tells it with `start`.
    products
        Hash of what was last made, by task and name.
    """

    def __init__(self, root: Path, tasks: Iterable[Task] = (), **about: Any) -> None:
        self.folder = Folder(root)
        self.folder.journal.mkdir(parents=True, exist_ok=True)
        self.digests = {"mars": "digest of mars", "science": "digest of science"}
        self.products: dict[tuple[str, str], str] = {}
        self.tasks: dict[str, Task] = {}
        self.ask(*tasks, **about)

    def ask(self, *tasks: Task, **about: Any) -> bool:
        """Write the graph: tasks take the place of those with the same name."""
        self.tasks |= {each.name: each for each in tasks}
        return save(self.folder.graph, self.tasks, {"notes": [], **about})

    def start(self, **more: Any) -> Event:
        """Return what a driver says when it begins."""
        environments = {engine: f"host environment sha256:{digest}" for engine, digest in self.digests.items()}
        return {"event": "start", "digests": self.digests, "environments": environments, **more}

    def write(self, *events: Event, stamp: str = "20260101T000000Z", process: int = 1) -> Path:
        """Append to the journal of a driver."""
        path = self.folder.journal / f"{stamp}-{process}.jsonl"
        with open(path, "a", encoding="utf-8") as file:
            file.writelines(json.dumps({"time": "2026-01-01T00:00:00Z", **event}) + "\n" for event in events)
        return path

    def done(
        self, name: str, attempt: str | None = "1", content: Mapping[str, str] | None = None, **more: Any
    ) -> Event:
        """Put what a task makes into the store, and return the event that it is done.

        Parameters
        ----------
        attempt
            `None` gives the event that the store had it from earlier.
        content
            Of its products by name; all that are not optional by default.
        """
        made = self.tasks[name]
        content = {o.name: f"of {name}\n" for o in made.outputs if not o.optional} if content is None else content
        inputs, identity = self._inputs(made), self.action(name)
        outputs = [{"name": key, "size": len(text), "sha256": sha256(text)} for key, text in content.items()]
        form = card_form(made.card)
        about = {"recipe": recipe(made), "engine_digest": self.digests[made.engine]} | ({"form": form} if form else {})
        receipt = {"state": "done", "task": name, "action": identity, "inputs": inputs, "outputs": outputs, **about}
        receipt |= {"attempt": attempt, **more}
        place = self.folder.action(identity)
        for key, text in {**content, "receipt.json": json.dumps(receipt)}.items():
            (place / key).parent.mkdir(parents=True, exist_ok=True)
            (place / key).write_text(text, encoding="utf-8")
        self.products = {key: digest for key, digest in self.products.items() if key[0] != name}
        self.products |= {(name, key): sha256(text) for key, text in content.items()}
        event = {"event": "found"} if attempt is None else {"event": "done", "attempt": attempt}
        return {**event, "task": name, "action": identity, **facts(receipt), **more}

    def action(self, name: str) -> str:
        """Return the action of a task on what those before it have made last."""
        made = self.tasks[name]
        hashed = [(row["role"], row["name"], row["sha256"]) for row in self._inputs(made)]
        return action(made, self.digests[made.engine], hashed)

    def _inputs(self, made: Task) -> list[dict[str, Any]]:
        return [row for row in map(self._read, made.inputs) if row["sha256"] is not None]

    def _read(self, each: Input) -> dict[str, Any]:
        """Return what the receipt says of an input, and remember the hash of a file in storage."""
        row: dict[str, Any] = {"role": each.role, "name": each.name, "task": each.task, "path": each.path}
        if each.path is None:
            return row | {"sha256": self.products.get((str(each.task), each.name))}
        path = Path(each.path)
        digest = sha256(path.read_text(encoding="utf-8"))
        self.know(path, digest)
        return row | {"sha256": digest}

    def know(self, path: Path, digest: str) -> None:
        """Remember the hash of a file."""
        hashes = HashCache(self.folder.hashes, self.folder.root)
        hashes.remember(path, digest)
        hashes.save()
