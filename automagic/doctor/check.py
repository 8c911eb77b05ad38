"""One thing that was looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from automagic.errors import UserError


@dataclass(frozen=True)
class Check:
    """What came of looking at one thing.

    Attributes
    ----------
    name
        What was looked at.
    good
        `None` where it is not needed, cannot be known, or is worth a word without being wrong.
    found
        What was found, or what is wrong.
    mend
        How to put it right.
    """

    name: str
    good: bool | None
    found: str
    mend: str = ""

    @property
    def mark(self) -> str:
        """Return ✓, ✗ or –."""
        return {True: "✓", False: "✗", None: "–"}[self.good]


Look = Callable[[], Iterator[Check]]


def looked(name: str, look: Look) -> Iterator[Check]:
    """Yield what a look at something finds; if that itself breaks, it is told as something wrong."""
    try:
        yield from look()
    except UserError as error:
        yield Check(name, False, error.message, error.hint or "")
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        yield Check(name, False, f"could not be looked at: {said}")
