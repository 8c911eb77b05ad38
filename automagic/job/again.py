"""Run a step of an archive again, and compare what it makes with what it made then. Standard library only."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from automagic.job.launch import launch_lines, place
from automagic.job.spec import sha256_file, signature
from automagic.job.steps import Step, sources

PATIENCE = 10.0
"""So many times the time that a step was given then: machines differ."""

Row = dict[str, Any]
"""A product, compared: ``task level name sha256 now verdict file again reason``."""

IDENTICAL, DIFFERS, MISSING = "identical", "differs", "was not made"

_COPIED = (
    "action", "program", "engine", "engine_digest", "recipe", "form", "environment", "image", "card", "overrides",
    "outputs", "exit_codes", "tolerated",
)  # fmt: skip


class Bench:
    """Where steps are run again.

    Parameters
    ----------
    folder
        Gets ``work/`` and ``store/``, as in an analysis.
    found
        Files in storage by SHA-256.
    images
        Image files by the SHA-256 of the file system in them.
    pyz
        The job that runs inside.
    apptainer
        The program.
    kind
        See `automagic.job.launch.place`.
    store
        Where steps find what those before them have made; by default what was made here.
    """

    def __init__(
        self,
        folder: Path,
        found: dict[str, Path],
        images: dict[str, Path],
        pyz: Path,
        apptainer: str = "apptainer",
        kind: str = "local",
        store: Path | None = None,
    ) -> None:
        self.folder = folder
        self.store = store or folder / "store"
        self.found = found
        self.images = images
        self.pyz = pyz
        self.apptainer = apptainer
        self.kind = kind

    def at(self, action: str) -> Path:
        """Return the folder of what an action has made here."""
        return self.folder / "store" / action[:2] / action

    def work(self, step: Step) -> Path:
        """Return the folder of the job of a step."""
        return self.folder / "work" / step["action"][:32]

    def image(self, step: Step) -> Path | None:
        """Return the image of a step; `None` where it was run in the environment of a host."""
        return None if step.get("image") is None else self.images[step["image"]["partition_sha256"]]

    def files(self, step: Step) -> list[tuple[dict[str, Any], Path]]:
        """Return the inputs of a step with the files that they are here.

        Raises
        ------
        FileNotFoundError
            A step before it has not made one of them.
        """
        found = []
        for item in step["inputs"]:
            if item.get("from") is None:
                found.append((item, self.found[item["sha256"]]))
                continue
            path = self.store / item["from"][:2] / item["from"] / item["product"]
            if not path.is_file():
                raise FileNotFoundError(f"{item['name']} was not made")
            found.append((item, path))
        return found

    def prepare(self, step: Step, command: list[str], variables: dict[str, str]) -> list[tuple[str, Path]]:
        """Write the folder of the job; return its inputs as ``role/name`` and file.

        Raises
        ------
        FileNotFoundError
            A step before it has not made one of them.
        """
        folder, image = self.work(step), self.image(step)
        files = self.files(step)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        where = place(folder, image is not None, self.kind)
        spec = {
            **{key: step.get(key) for key in _COPIED},
            "task": step["tasks"][0],
            "attempt": folder.name,
            "command": command,
            "variables": variables,
            "inputs": [self._input(item, path) for item, path in files],
            "placed": image is not None,
            "resources": {**step["resources"], "minutes": PATIENCE * step["resources"]["minutes"]},
            "scratch": where.scratch,
            "store": f"{where.result}/done",
            "failed": f"{where.result}/failed",
        }
        (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
        inputs = [(f"{item['role']}/{item['name']}", path) for item, path in files]
        if image is not None:
            lines = launch_lines(folder, image, self.pyz, inputs, self.kind, self.apptainer)
            (folder / "launch").write_text(lines, encoding="utf-8")
        return inputs

    def _input(self, item: dict[str, Any], path: Path) -> dict[str, Any]:
        own = item.get("from") is None
        return {
            **{key: item.get(key) for key in ("role", "name", "copy", "size")},
            "checks": item.get("checks", {}),
            "task": None if own else item["from"],
            "path": os.path.realpath(path),
            # what a step has made anew may be other than what it was then: that is told of its product, once
            "sha256": item["sha256"] if own else sha256_file(path),
            "signature": signature(path),
        }

    def collect(self, step: Step) -> str:
        """Take what the job of a step has left; return why there is nothing, or an empty text."""
        folder = self.work(step)
        receipt: dict[str, Any] = {}
        for name in ("done", "failed"):
            try:
                receipt = json.loads((folder / name / "receipt.json").read_text(encoding="utf-8"))
                break
            except (OSError, ValueError):
                continue
        else:
            return "the job left nothing behind; its folder is kept"
        if receipt.get("state") != "done":
            return str(receipt.get("reason") or "the program failed")
        target = self.at(step["action"])
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        os.rename(folder / "done", target)
        shutil.rmtree(folder, ignore_errors=True)
        return ""

    def is_there(self, step: Step) -> bool:
        """Tell whether this was run here already, on the same files, and what it made is still so."""
        try:
            receipt = json.loads((self.at(step["action"]) / "receipt.json").read_text(encoding="utf-8"))
            read = sorted((item["role"], item["name"], item["sha256"]) for item in receipt["inputs"])
            now = sorted((i["role"], i["name"], sha256_file(path)) for i, path in self.files(step))
            made = [self.at(step["action"]) / each["name"] for each in receipt["outputs"]]
            whole = all(sha256_file(p) == o["sha256"] for p, o in zip(made, receipt["outputs"]))  # noqa: B905 (Python 3.9)
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return receipt.get("state") == "done" and read == now and whole

    def compare(self, step: Step, reason: str = "") -> list[Row]:
        """Compare what a step has made with what it made then, file by file."""
        rows = []
        for item in step["made"]:
            path = self.at(step["action"]) / item["name"]
            now = None if reason or not path.is_file() else sha256_file(path)
            verdict = MISSING if now is None else IDENTICAL if now == item["sha256"] else DIFFERS
            rows.append(
                {
                    "task": step["tasks"][0],
                    "level": item["level"],
                    "name": item["name"],
                    "sha256": item["sha256"],
                    "now": now,
                    "verdict": verdict,
                    "file": item.get("file"),
                    "again": None if now is None else str(path),
                    "reason": reason if now is None else "",
                }
            )
        return rows


class Order:
    """Tells which steps can run: those before them have ended.

    Attributes
    ----------
    ready
        They are taken from here.
    failed
        Actions that failed; what comes after one of them is not to run.
    """

    def __init__(self, steps: Sequence[Step], before: Callable[[Step], Iterable[str]] = sources) -> None:
        self._sources = before
        self._before = {step["action"]: set(before(step)) for step in steps}
        self._after: dict[str, list[Step]] = {}
        for step in steps:
            for action in self._before[step["action"]]:
                self._after.setdefault(action, []).append(step)
        self.ready = [step for step in steps if not self._before[step["action"]]]
        self.failed: set[str] = set()

    def lost(self, step: Step) -> str:
        """Return why a step is not to run, or an empty text."""
        return "a step before it failed" if any(a in self.failed for a in self._sources(step)) else ""

    def end(self, step: Step, reason: str) -> None:
        """Take note that a step has ended, and why it failed."""
        if reason:
            self.failed.add(step["action"])
        for follower in self._after.get(step["action"], ()):
            self._before[follower["action"]].discard(step["action"])
            if not self._before[follower["action"]]:
                self.ready.append(follower)


def in_order(steps: Sequence[Step], run: Callable[[Step], str], jobs: int) -> Iterator[tuple[Step, str]]:
    """Run steps, so many at once, each when those before it have ended; yield each with why it failed, as it ends.

    Parameters
    ----------
    run
        Runs one, and returns why it failed, or an empty text. What comes after a step that failed is not run.
    """
    order = Order(steps)
    running: dict[Future[str], Step] = {}
    with ThreadPoolExecutor(jobs) as pool:
        try:
            while order.ready or running:
                while order.ready and len(running) < jobs:
                    step = order.ready.pop(0)
                    running[pool.submit(order.lost if order.lost(step) else run, step)] = step
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    step = running.pop(future)
                    reason = future.result()
                    order.end(step, reason)
                    yield step, reason
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def find_inputs(steps: Iterable[Step], roots: Iterable[Path], recorded: dict[str, str]) -> tuple[dict[str, Path], list]:
    """Find the files in storage that steps read, by name and size, and check each by its SHA-256.

    Parameters
    ----------
    roots
        Where to look: folders with all below them, or files.
    recorded
        Where each was then, by SHA-256; looked at after the roots.

    Returns
    -------
    found, missing
        Files by SHA-256; and of those that were not found the input and why.
    """
    needed = {i["sha256"]: i for step in steps for i in step["inputs"] if i.get("from") is None}
    sizes = {item["size"] for item in needed.values()}
    by_size: dict[int, list[Path]] = {}
    for path in _walk(roots):
        try:
            size = path.stat().st_size
        except OSError:
            continue
        if size in sizes:
            by_size.setdefault(size, []).append(path)
    found: dict[str, Path] = {}
    missing = []
    known: dict[Path, str] = {}
    for digest, item in needed.items():
        then = recorded.get(digest)
        candidates = by_size.get(item["size"], [])
        candidates = sorted(candidates, key=lambda path: path.name != item["name"])
        candidates += [Path(then)] if then and os.path.isabs(then) else []
        named = ""
        for path in candidates:
            try:
                if path not in known:
                    known[path] = sha256_file(path)
            except OSError:
                continue
            if known[path] == digest:
                found[digest] = path
                break
            if path.name == item["name"]:
                named = f"{path} is another file: its sha256 is {known[path][:16]}…, not {digest[:16]}…"
        else:
            missing.append((item, named or "was not found"))
    return found, missing


def _walk(roots: Iterable[Path]) -> Iterator[Path]:
    for root in roots:
        if root.is_file():
            yield root
        for parent, folders, names in os.walk(root):
            folders.sort()
            for name in sorted(names):
                yield Path(parent) / name
