"""From the scratch folder to where the driver finds it, by one rename: a folder there is whole or it is not there."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from automagic.job.spec import JobFailed, sha256_file

UNSURE = (errno.ENOENT, errno.ESTALE)
"""A rename over NFS may end with one of these though it worked: the request was sent twice, and answered twice."""

TRIES = 3


def move_outputs(folder: Path, spec: dict[str, Any], receipt: dict[str, Any]) -> list[tuple[dict, Path]]:
    """Move the declared outputs from ``out/`` to ``publish/``; name in the receipt what else the program
    wrote.

    Raises
    ------
    JobFailed
        An output that is not optional is missing, or is no plain file.
    """
    out, target = folder / "out", folder / "publish"
    written = sorted(str(p.relative_to(out)) for p in out.rglob("*") if not p.is_dir())
    made = []
    for item in spec["outputs"]:
        source = out / item["name"]
        if source.is_symlink() or (source.exists() and not source.is_file()):
            raise JobFailed(f"{spec['program']} made {item['name']} something else than a plain file", "output")
        if not source.exists():
            codes = item.get("missing_with")
            if item.get("optional") and (not codes or receipt.get("exit_code") in codes):
                continue
            found = ", ".join(written) or "nothing"
            told = f" ({receipt['tolerated']})" if "tolerated" in receipt else ""
            ending = f"; it ended with code {receipt['exit_code']}{told}" if told else ""
            raise JobFailed(f"{spec['program']} did not write {item['name']}; it wrote {found}{ending}", "output")
        destination = target / item["name"]
        destination.parent.mkdir(parents=True, exist_ok=True)
        move(source, destination)
        made.append((item, destination))
    declared = {item["name"] for item in spec["outputs"]}
    receipt["undeclared"] = [name for name in written if name not in declared]
    return made


def write_folder(folder: Path, receipt: dict[str, Any], spec: dict[str, Any]) -> Path:
    """Put card, log and receipt beside the outputs in ``publish/`` and bring all of it to the disk."""
    target = folder / "publish"
    target.mkdir(exist_ok=True)
    for name in ("card.rc", "log.txt"):
        if (folder / name).exists():
            shutil.copyfile(folder / name, target / name)
    receipt["card"] = sha256_file(target / "card.rc") if spec["card"] and (target / "card.rc").exists() else None
    text = json.dumps(receipt, indent=1, sort_keys=True, ensure_ascii=False)
    (target / "receipt.json").write_text(text + "\n", encoding="utf-8")
    for path in target.rglob("*"):
        if path.is_file():
            path.chmod(0o444)
            sync_folder(path)
    sync_folder(target)
    return target


def publish(source: Path, target: Path, attempt: str, replace: bool = False, sync: bool = True) -> bool:
    """Rename a whole folder to its place.

    Another attempt at the same action may have been faster: then its folder stays. With ``replace`` (for
    failures) the older one goes. Where the place is on another file system, a copy beside it is renamed.
    Without ``sync`` the caller brings the rename to the disk (`sync_folder`), of several at once. Returns whether the
    folder is there now, and not that of another attempt.

    Parameters
    ----------
    attempt
        Whose folder it is, as its receipt says.
    """
    if not os.path.isdir(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    if replace and target.exists():
        # over NFS a folder cannot be removed while somebody reads a file in it
        aside = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
        move(target, aside)
        shutil.rmtree(aside, ignore_errors=True)
    placed = True
    try:
        move(source, target, lambda: _is_of(target, attempt))
    except OSError as error:
        if error.errno == errno.EXDEV:
            placed = _copy(source, target, attempt)
        elif error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            placed = False
        else:
            raise
    if sync:
        sync_folder(target.parent)
    return placed


def _copy(source: Path, target: Path, attempt: str) -> bool:
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(source, part)
    for path in [*part.rglob("*"), part]:
        sync_folder(path)
    try:
        move(part, target, lambda: _is_of(target, attempt))
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
        return False
    return True


def _is_of(place: Path, attempt: str) -> bool:
    """Tell whether the receipt in a folder is that of an attempt."""
    try:
        receipt = json.loads((place / "receipt.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(receipt, dict) and receipt.get("attempt") == attempt


def move(source: Path, target: Path, ours: Callable[[], bool] = lambda: True) -> None:
    """Rename a file, a link or a folder, over NFS as well.

    Where the answer is one of `UNSURE`, both places are looked at: it worked, or it is tried again.

    Parameters
    ----------
    ours
        Tells whether what is at the target now is what was to go there. Asked where the source is gone.

    Raises
    ------
    OSError
        It is not there.
    """
    for left in reversed(range(TRIES)):
        try:
            os.rename(source, target)
        except OSError as error:
            if error.errno not in UNSURE:
                raise
            look_again(source.parent)
            look_again(target.parent)
            if os.path.lexists(source):
                if not left:
                    raise
                continue
            if not (os.path.lexists(target) and ours()):
                raise
        return


def look_again(folder: Path) -> None:
    """Have the file server asked what is in a folder: its client may remember for a minute what is so no more."""
    with contextlib.suppress(OSError):
        os.listdir(folder)


def sync_folder(path: Path) -> None:
    """Bring a folder's entries, or a file, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
