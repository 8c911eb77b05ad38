"""The action: what a task is, by content. Two tasks with the same action make the same products.

It is a SHA-256 over the program, the digest of the engine, the card in its one form, the arguments, and the
hashes of the inputs by role and name. Paths, dates, hosts, Python source of wrappers, comments and order of
cards are not in it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

from automagic.cards import read_text, render
from automagic.graph.task import Task

PROJECT = Path(__file__).resolve().parents[2]
"""The project's folder: requirements.lock is there."""

_PROGRAM_SUFFIXES = frozenset({"", ".py", ".sh", ".so", ".rc", ".csv", ".json", ".npy", ".npz", ".ecsv"})
_NO_PROGRAMS = frozenset({"__pycache__", "tests", ".git", "docs"})


def canonical_card(text: str) -> str:
    """Return a card in its one form: no comments, keys sorted, each once.

    >>> canonical_card("# why\\nB:  2\\nA: 1\\nB: 3\\n")
    'A: 1\\nB: 2\\n'
    """
    return render(read_text(text)) if text else ""


def action(task: Task, engine_digest: str, inputs: Iterable[tuple[str, str, str]]) -> str:
    """Return the identity of a task.

    Parameters
    ----------
    engine_digest
        What `engine_digest` gives for the task's engine, or the digest of an image.
    inputs
        Role, name and SHA-256 of each input file, in any order.

    Returns
    -------
    str
        64 hex digits.
    """
    identity: dict[str, object] = {**_own(task), "engine": engine_digest, "inputs": sorted(inputs)}
    return _digest(identity)


def recipe(task: Task) -> str:
    """Return the digest of what a task itself brings into its action: all of it but the engine and the inputs."""
    return _digest(_own(task))


def card_form(text: str) -> str | None:
    """Return the digest of a card in its one form, or `None` without a card."""
    return _form(text)[1] if text else None


@lru_cache(maxsize=4096)
def _form(text: str) -> tuple[str, str]:
    form = canonical_card(text)
    return form, hashlib.sha256(form.encode()).hexdigest()


def _own(task: Task) -> dict[str, object]:
    own: dict[str, object] = {
        "program": task.program,
        "executable": task.executable,
        "arguments": list(task.arguments),
        "card": _form(task.card)[0] if task.card else "",
    }
    if task.clock != "fixed":
        own["clock"] = task.clock
    if task.threads != 1:
        own["threads"] = task.threads
    return own


def _digest(identity: dict[str, object]) -> str:
    return hashlib.sha256(_encode(identity).encode()).hexdigest()


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


def program_files(folder: Path) -> list[Path]:
    """List the files that an engine's programs are made of, sorted by their path below its folder."""
    found = []
    for path in folder.rglob("*"):
        inside = path.relative_to(folder)
        if path.suffix not in _PROGRAM_SUFFIXES or _NO_PROGRAMS & set(inside.parts):
            continue
        if any(part.startswith(".") for part in inside.parts) or not path.is_file():
            continue
        found.append(path)
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def engine_digest(folders: Iterable[Path], sha256: Callable[[Path], str], python: bool = True) -> str:
    """Return the digest of an engine that lives in folders of this host.

    Parameters
    ----------
    folders
        Where its programs and default cards are, e.g. ``openmars/``.
    sha256
        Hashes a file (with a cache, where it has one).
    python
        Whether it runs on this environment: then requirements.lock and the minor version of Python count as
        well.
    """
    digest = hashlib.sha256()
    for folder in folders:
        for path in program_files(folder):
            digest.update(f"{path.relative_to(folder).as_posix()}\0{sha256(path)}\n".encode())
    if python:
        lock = PROJECT / "requirements.lock"
        digest.update(f"lock\0{sha256(lock) if lock.exists() else 'none'}\n".encode())
        digest.update("python\0{}.{}\n".format(*sys.version_info[:2]).encode())
    return digest.hexdigest()
