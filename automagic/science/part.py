"""The times that are to be left out of a part of a run: those that quate found, and those of the other parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from automagic.errors import UserError
from automagic.science.settings import Settings

NAME = "excluded.times"


def run(settings: Settings, ind: Path, out: Path) -> Iterator[str]:
    """Write ``excluded.times`` in the form of openmars' quate: begin and end (MJD, UTC) a line, ``#`` and why."""
    own = []
    for text in settings.text("Part.Exclude").split(";"):
        try:
            start, stop = (float(word) for word in text.split())
        except ValueError:
            raise UserError(f"{settings.name}: Part.Exclude has {text!r}; expected two MJDs, begin and end") from None
        if start > stop:
            raise UserError(f"{settings.name}: Part.Exclude ends at {stop}, before it begins at {start}")
        own.append(f"{start:.11f} {stop:.11f} # another level of brightness")
    lines = (ind / NAME).read_text(encoding="utf-8").splitlines() if (ind / NAME).is_file() else []
    (out / NAME).write_text("\n".join([*(lines or ["# first and last moment (MJD, UTC), and why"]), *own]) + "\n")
    yield f"{len(own)} intervals are of other levels, {sum(not each.startswith('#') for each in lines)} of quate"
