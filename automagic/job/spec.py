"""The job spec: all that a job knows, as one JSON file.

Fields: ``task action attempt program engine engine_digest recipe form environment`` (words for the receipt);
``command`` (words; paths in it relative to the scratch folder, but for the program itself); ``card`` (text or empty)
and ``overrides`` (keys of it that a person set); ``inputs`` (role, name, path, sha256, signature, task, checks, copy,
and of a staged file its url); ``placed`` (whether the inputs lie in the scratch folder already, as they do in an
image); ``outputs`` (name, level, link, checks, optional, missing_with); ``resources``; ``exit_codes`` and
``tolerated``; ``variables`` (the program's whole environment); ``scratch``, ``store`` and ``failed`` (absolute
folders: where to work, and where to leave what was made, or what is left of a failure).
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

FIELDS = (
    "task", "action", "attempt", "program", "engine", "engine_digest", "environment", "command", "card",
    "overrides", "inputs", "outputs", "resources", "exit_codes", "tolerated", "variables", "scratch",
    "store", "failed",
)  # fmt: skip

RESERVED = frozenset({"card.rc", "log.txt", "receipt.json"})
"""Names beside the outputs in a store folder."""


class JobFailed(Exception):
    """The job failed for a reason that a person can read; ``cause`` is its kind (`automagic.executors.policy`)."""

    def __init__(self, reason: str, cause: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.cause = cause


class Cancelled(Exception):
    """The job was told to stop. It leaves nothing behind."""


def safe_name(name: str) -> str:
    """Return a relative file name as it is, or refuse one that leaves its folder.

    >>> safe_name("disp1/DispRF.root")
    'disp1/DispRF.root'
    >>> safe_name("../x")
    Traceback (most recent call last):
    automagic.job.spec.JobFailed: the file name '../x' is not allowed
    """
    parts = name.split("/")
    if not name or name.startswith("/") or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise JobFailed(f"the file name {name!r} is not allowed")
    return name


def check_spec(spec: dict[str, Any]) -> None:
    """Check that a spec is complete and that its names stay inside their folders."""
    missing = [field for field in FIELDS if field not in spec]
    if missing:
        raise JobFailed(f"the job spec lacks {', '.join(missing)}")
    for item in spec["inputs"]:
        safe_name(item["role"])
        safe_name(item["name"])
    for item in spec["outputs"]:
        if safe_name(item["name"]) in RESERVED:
            raise JobFailed(f"an output may not be called {item['name']!r}")


def sha256_file(path: str | Path) -> str:
    """Hash a file (SHA-256, hex)."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def signature(path: str | Path) -> list[int]:
    """What changes when a file is changed: size, mtime, inode, ctime. Nobody can set ctime back."""
    stat = os.stat(path)
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_ctime_ns]
