"""The job folder on the side of the driver: what ``launch.sh`` reads, and where in an image things are."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from automagic.errors import UserError

LAUNCHER = Path(__file__).resolve().parent / "launch.sh"
PROGRAMS = "/opt/programs"
"""MARSSYS in every image."""

CLOCK = "/opt/automagic/sleep.so:/opt/automagic/clock.so"
"""libfaketime in every image, and before it what it does not do right (``containers/sleep.c``)."""

MOUNTS_MAX = 1000
"""More inputs than this are copied: each mount is a word of a command line."""


@dataclass(frozen=True)
class Place:
    """Where a job works and leaves its results, as it sees it itself.

    Attributes
    ----------
    scratch
        Its working folder.
    result
        The folder that gets ``done`` or ``failed``.
    """

    scratch: str
    result: str


def place(folder: Path, in_image: bool, kind: str) -> Place:
    """Return the places of a job.

    Parameters
    ----------
    folder
        ``work/<attempt>``.
    in_image
        Whether it runs in an image.
    kind
        Of the executor: ``"local"``, ``"shared"`` (nodes see the folder) or ``"transfer"`` (files are brought).
    """
    if not in_image:
        return Place(f"{folder}/scratch", str(folder))
    return Place("/job/scratch", {"local": "/job", "shared": "/automagic/attempt", "transfer": "/job/result"}[kind])


def launch_lines(
    folder: Path, image: Path, pyz: Path, inputs: Iterable[tuple[str, Path]], kind: str, apptainer: str
) -> str:
    """Return the content of ``launch``.

    Parameters
    ----------
    inputs
        ``role/name`` in the job's folder, and the file.

    Raises
    ------
    UserError
        A path has a line break in it.
    """
    lines = [f"apptainer {apptainer}"]
    if kind == "transfer":
        lines += [f"image {image.name if carried(image) else image}", f"pyz {pyz.name}", "inputs in"]
    else:
        lines += [f"image {image}", f"pyz {pyz}"]
        lines += [mount(folder, "/job" if kind == "local" else "/automagic/attempt", write=True)]
        lines += [mount(pyz, "/automagic/job.pyz")]
        files = list(inputs)
        if len(files) <= MOUNTS_MAX:
            lines += [mount(path, f"/job/scratch/in/{name}") for name, path in files]
        else:
            for name, path in files:
                lines += [f"copy {path}", f"as {name}"]
    for line in lines:
        if "\n" in line or "\r" in line:
            raise UserError(f"a path has a line break in it: {line!r}", hint="Rename that file or folder.")
    return "\n".join(lines) + "\n"


def apptainer_of(kind: str, named: str) -> str:
    """Return the Apptainer that starts a job: on this machine the one on the path, else the one that the site names."""
    return (shutil.which("apptainer") if kind == "local" else None) or named


def carried(image: Path) -> bool:
    """Tell whether an image is carried to nodes that do not see our folders; under ``/cvmfs`` every node has it."""
    return not image.is_relative_to("/cvmfs")


def mount(source: Path, destination: str, write: bool = False) -> str:
    """Return a line that mounts a file or folder; the words are quoted as Apptainer reads them (CSV).

    >>> mount(Path("/data/a,b"), "/job/in/m1/x")
    'mount type=bind,"source=/data/a,b",destination=/job/in/m1/x,ro'
    """
    words = ["type=bind", f"source={source}", f"destination={destination}", *([] if write else ["ro"])]
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(words)
    return f"mount {text.getvalue()}"
