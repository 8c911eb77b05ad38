"""The digests of an image: of the file, and of the file system in it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from automagic.errors import UserError
from automagic.images.apptainer import ask

_BLOCK = 1 << 20
_OBJECT = re.compile(r"^\d+\s*\|[^|]*\|[^|]*\|\s*(\d+)-(\d+)\s*\|\s*(.+?)\s*$")


@dataclass(frozen=True)
class Layout:
    """Where in a SIF file the primary file system lies, and whether there is a signature."""

    start: int
    end: int
    signed: bool


def parse_layout(text: str) -> Layout:
    """Read what ``apptainer sif list`` says.

    >>> parse_layout("3    |1       |NONE    |36864-120590336   |FS (Squashfs/*System/amd64)")
    Layout(start=36864, end=120590336, signed=False)
    """
    objects = [match.groups() for line in text.splitlines() if (match := _OBJECT.match(line))]
    primary = [(int(start), int(end)) for start, end, kind in objects if kind.startswith("FS") and "*System" in kind]
    if len(primary) != 1:
        raise ValueError(f"{len(primary)} primary file systems, not one")
    return Layout(*primary[0], signed=any(kind.startswith("Signature") for _, _, kind in objects))


def layout(sif: Path) -> Layout:
    """Ask Apptainer for the layout of an image.

    Raises
    ------
    UserError
        It is no SIF file, or has not one primary file system.
    """
    if not sif.is_file():
        raise UserError(f"there is no image {sif}")
    try:
        return parse_layout(ask("sif", "list", str(sif)))
    except ValueError as error:
        raise UserError(f"{sif} is no image that programs could run in: it has {error}") from None


def digests(sif: Path, where: Layout) -> tuple[str, str]:
    """Return the SHA-256 of an image's file and of its primary file system, read once."""
    whole, inner = hashlib.sha256(), hashlib.sha256()
    position = 0
    with open(sif, "rb") as file:
        while block := file.read(_BLOCK):
            whole.update(block)
            inner.update(block[max(0, where.start - position) : max(0, where.end - position)])
            position += len(block)
    if position < where.end:
        raise UserError(f"the image {sif} is cut short: {position} bytes of at least {where.end}")
    return whole.hexdigest(), inner.hexdigest()
