"""What was found between two files, in a person's words and as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

IDENTICAL = "identical"
CONTENT = "identical in content"
DIFFERS = "differs"
VERDICTS = (IDENTICAL, CONTENT, DIFFERS)
"""From the best to the worst."""

DAMAGE, STRUCTURE, VALUES, WORDS = range(4)
"""Ranks of findings, the most telling first: what cannot be read, what is not there, other values, other titles."""


class Unreadable(Exception):
    """A file that cannot be read as what it seems to be."""

    def __init__(self, path: Path, kind: str, why: str) -> None:
        super().__init__(f"{path} cannot be read as {kind}: {why}")
        self.path = path


@contextmanager
def reading(path: Path, kind: str, what: str = "") -> Iterator[None]:
    """Turn whatever a reader makes of a damaged file into `Unreadable`, with the file's name.

    Readers of damaged files end in all kinds of errors, so all of them are meant here. What has no file behind it
    does not belong into this block.
    """
    try:
        yield
    except Unreadable:
        raise
    except Exception as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Unreadable(path, kind, f"{what}: {why}" if what else why) from error


@dataclass
class Finding:
    """One difference: a line for a person, and where it is as plain data."""

    text: str
    rank: int
    where: dict[str, Any]


@dataclass
class Found:
    """All that was found between two files.

    Attributes
    ----------
    findings
        Differences of content.
    notes
        What makes the bytes differ although the content is the same.
    damaged
        One line for each file that cannot be read as what it is.
    """

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    def add(self, text: str, rank: int = VALUES, **where: Any) -> None:
        """Add a difference."""
        self.findings.append(Finding(text, rank, {name: plain(value) for name, value in where.items()}))

    def only(self, side: str, what: str, **where: Any) -> None:
        """Add what is in one of them only.

        >>> found = Found()
        >>> found.only("B", "branch MHillas.fSize")
        >>> found.findings[0].text
        'only in B: branch MHillas.fSize'
        """
        self.add(f"only in {side}: {what}", STRUCTURE, only=side, **where)

    def two(self, where: str, a: object, b: object, rank: int = VALUES, **more: Any) -> None:
        """Add a value that differs.

        >>> found = Found()
        >>> found.two("title of hAlpha", "alpha", "theta")
        >>> found.findings[0].text
        "title of hAlpha: 'alpha' in A, 'theta' in B"
        """
        one, other = told(a, b)
        self.add(f"{where}: {one} in A, {other} in B", rank, a=a, b=b, **more)


@dataclass
class Report:
    """How two files or folders differ.

    Attributes
    ----------
    verdict
        ``"identical"`` (the same bytes), ``"identical in content"`` (other bytes, and every object and value is the
        same) or ``"differs"``.
    kind
        As what they were compared: ``"ROOT"``, ``"FITS"``, ``"Parquet"``, ``"ECSV"``, ``"text"``, ``"bytes"``, ...
    limit
        So many findings become lines.
    files
        Of two folders: the reports of the files that are in both, by their path below.
    """

    a: Path
    b: Path
    kind: str
    verdict: str
    found: Found
    limit: int = 20
    files: dict[str, Report] = field(default_factory=dict)

    @property
    def damaged(self) -> list[str]:
        """One line for each file that cannot be read as what it is, of the files of folders as well."""
        return self.found.damaged

    @property
    def lines(self) -> list[str]:
        """The findings, the most telling first; where nothing differs, what makes the bytes differ."""
        if self.verdict != DIFFERS:
            texts = self.found.notes
        else:
            texts = [each.text for each in sorted(self.found.findings, key=lambda each: each.rank)]
        more = len(texts) - self.limit
        return texts if more <= 0 else [*texts[: self.limit], f"and {more} more"]

    def data(self) -> dict[str, Any]:
        """Return everything as plain data: ``a``, ``b``, ``kind``, ``verdict``, ``lines``, ``findings``, ``damaged``.

        ``findings`` has at most ``limit`` objects with a ``text`` and what is known of the place: ``tree``,
        ``branch``, ``entry``, ``a``, ``b``, ...; ``found`` is how many there are. Of folders there are also ``files``.
        """
        ordered = sorted(self.found.findings, key=lambda each: each.rank)
        told_of = {
            "a": str(self.a),
            "b": str(self.b),
            "kind": self.kind,
            "verdict": self.verdict,
            "lines": self.lines,
            "found": len(ordered),
            "findings": [{"text": each.text, **each.where} for each in ordered[: self.limit]],
            "damaged": self.damaged,
        }
        if self.kind == "folder":
            told_of["files"] = {name: report.data() for name, report in self.files.items()}
        return told_of


LONG = 70
"""Longer texts are cut, to where they differ."""


def told(a: object, b: object) -> tuple[str, str]:
    """Write two values so that one sees where they differ.

    >>> told(1.5, 2.0)
    ('1.5', '2.0')
    >>> told("x" * 500 + "a", "x" * 500 + "b")[1]
    "…'xxxxxxxxxxxxxxxxxxxxb'"
    """
    if isinstance(a, str) and isinstance(b, str) and max(len(a), len(b)) > LONG:
        first = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
        begin = max(0, first - 20)
        return _cut(a, begin), _cut(b, begin)
    return _tell(a), _tell(b)


def _cut(text: str, begin: int) -> str:
    part = repr(text[begin : begin + LONG])
    return ("…" if begin else "") + part + ("…" if len(text) > begin + LONG else "")


def _tell(value: object) -> str:
    import numpy as np

    if isinstance(value, np.generic):
        value = value.item() if isinstance(value, (np.bool_, np.str_, np.bytes_, np.void)) else Exact(str(value))
    text = str(value) if isinstance(value, Exact) else repr(value)
    return text if len(text) <= LONG else f"{text[:LONG]}…"


class Exact(str):
    """Words to be shown without quotes: ``3 elements``."""


def plain(value: Any) -> Any:
    """Return a value as JSON can say it; what it cannot (NaN, bytes, dates) becomes text.

    >>> import numpy as np
    >>> plain(np.float32(1.5)), plain(float("nan")), plain(b"x"), plain([np.int64(1)])
    (1.5, 'nan', "b'x'", [1])
    """
    import numpy as np

    if isinstance(value, Exact):
        return str(value)
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return repr(value) if isinstance(value, bytes) else str(value)
