"""Where the nodes do not see our folders: what HTCondor carries to a job, and what it carries back.

A job's inputs are links in ``in/<role>/`` of its folder; HTCondor follows links inside a folder that it is to carry.
The job leaves its ``done`` or ``failed`` in a folder ``result``, which is there from the start, empty: HTCondor holds
jobs that lack what is to be carried back. What comes back is not whole until HTCondor says that the job has ended; only
then it is put where others look for it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from automagic.errors import UserError
from automagic.executors.base import Request
from automagic.job.publish import move

RESULT = "result"
"""What comes back, in the folder of the job."""


def empty(folder: Path) -> Path:
    """Return the empty folder that becomes a job's `RESULT`."""
    return folder / "empty" / RESULT


def prepare(request: Request, folder: Path) -> None:
    """Put links to a job's inputs into its folder, and see that there is an empty folder to carry.

    Parameters
    ----------
    folder
        That of the batches.

    Raises
    ------
    UserError
        The job runs in the environment of this host, which the nodes do not see.
    """
    if request.image is None:
        raise UserError(
            f"{request.task} has no image, and with shared_files = false nodes do not see the programs of this machine",
            hint="Name an image for its engine in site.toml; automagic image build makes one.",
        )
    empty(folder).mkdir(parents=True, exist_ok=True)
    inside = request.folder / "in"
    inside.mkdir(exist_ok=True)
    for name, path in request.inputs:
        link = inside / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(path)


def bring_in(folder: Path) -> None:
    """Put what came back, if it is whole, where results are looked for."""
    for name in ("done", "failed"):
        if not (folder / name).exists() and _whole(folder / RESULT / name):
            move(folder / RESULT / name, folder / name)


def _whole(folder: Path) -> bool:
    """Tell whether all of a result has come."""
    try:
        receipt: dict[str, Any] = json.loads((folder / "receipt.json").read_text(encoding="utf-8"))
        return all((folder / each["name"]).stat().st_size == each["size"] for each in receipt.get("outputs", ()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
