"""What the site says about remote storage, as plain data."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pauses:
    """Growing pauses in seconds: each `growth` times the last, up to the longest, and a tenth more or less.

    >>> 4.5 <= Pauses(first_s=5, longest_s=60).after(0) <= 5.5
    True
    """

    first_s: float
    longest_s: float
    growth: float = 2.0

    def after(self, number: int) -> float:
        """Return the pause after so many that there were already."""
        length = min(self.longest_s, self.first_s * self.growth ** min(number, 64))
        # many processes that were turned away together must not come back together
        return length * random.uniform(0.9, 1.1)


@dataclass(frozen=True)
class Settings:
    """How to bring files here.

    Attributes
    ----------
    cache
        Folder for them.
    quota
        Bytes that it may hold; `None` for what the disk has.
    command
        Words of the site's own program that asks for files on tape; ``{list}`` in one becomes the path of a file
        with an address a line.
    tape_api
        Whether to ask through the WLCG Tape REST API of the storage.
    parallel
        Transfers at once.
    tries
        How often a transfer may fail in a row without any byte coming through.
    retry, look
        Pauses between tries, and between looks at what is on tape.
    patience_h
        How long to wait for a file on tape.
    timeout_s
        How long storage may be silent.
    """

    cache: Path
    quota: int | None = None
    command: tuple[str, ...] = ()
    tape_api: bool = False
    parallel: int = 4
    tries: int = 10
    retry: Pauses = Pauses(2.0, 120.0)
    look: Pauses = Pauses(30.0, 600.0, 1.5)
    patience_h: float = 168.0
    timeout_s: float = 60.0
