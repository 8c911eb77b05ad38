"""Reads and writes report files of the central control (``_D_….rep``); their lines are told of in `repformat`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from .repformat import HEAD, NAME, VERSION, WHOLE_NIGHT, Field, Kind, kinds, paired
from .rootwrite import Column

_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)
_DAY_NS = 86_400_000_000_000
_NOON_NS = 13 * _DAY_NS // 24
_ANGLE_STEPS = 10**8


_Rows = dict[str, dict[int, tuple[int, dict[str, object]]]]
"""By tree and time (ns of MJD), the number of the line and its values."""


class _Broken(Exception):
    """A line that cannot be understood."""


@dataclass
class Reports:
    """What a report file says.

    Attributes
    ----------
    trees
        Tree by name, with the branches that `openmars.io.headers` and `openmars.io.reports` give, in order of time.
    broken
        Number (from 1) of each line that cannot be understood, and why.
    run, subrun, telescope
        As the head has them; `None` where it does not.
    ignored
        How many lines are of subsystems that are not known here, by name.
    repeated
        How many lines say again what a subsystem said before at the same time.
    """

    trees: dict[str, dict[str, Column]] = field(default_factory=dict)
    broken: list[tuple[int, str]] = field(default_factory=list)
    run: int | None = None
    subrun: int | None = None
    telescope: int | None = None
    ignored: dict[str, int] = field(default_factory=dict)
    repeated: int = 0


def write_reports(
    path: str | Path, trees: Mapping[str, Mapping[str, Column]], telescope: int, run: int, subrun: int
) -> None:
    """Write a report file; the same trees give the same bytes.

    Parameters
    ----------
    path
        The file; it appears when it is complete.
    trees
        Trees of reports as `openmars.io.headers` and `openmars.io.reports` make them, and ``CC``.
    telescope, run, subrun
        For the head.

    Raises
    ------
    ValueError
        For a tree or a branch that has no place in such a file.
    """
    known = {kind.tree: kind for kind in kinds().values()}
    lines: list[tuple[int, str]] = []
    for tree, columns in trees.items():
        if tree not in known:
            raise ValueError(f"there are no reports of {tree}; there are {', '.join(known)}")
        lines += _lines(known[tree], columns, telescope)
    head = [f"[CC Run {run} Control File]", f"Arehucas Version Number {VERSION}", f"Telescope M{telescope}",
            f"Subrun {subrun}"]  # fmt: skip
    lines.sort(key=lambda line: line[0])
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_text("".join(f"{line}\n" for line in [*head, *(text for _, text in lines)]), encoding="ascii")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _lines(kind: Kind, columns: Mapping[str, Column], telescope: int) -> Iterator[tuple[int, str]]:
    """Time (ns of MJD) and text of each report of a tree."""
    time = f"MTime{kind.tree}"
    data = {name: np.asarray(column) for name, column in columns.items() if not name.startswith(f"{time}.")}
    if data.keys() != kind.template.keys():
        odd = sorted(data.keys() ^ kind.template.keys())
        raise ValueError(f"{kind.tree}: the branches {', '.join(odd)} are too many or missing")
    days, milliseconds, rest = (
        np.asarray(columns[f"{time}.{part}"]) for part in ("fMjd", "fTime.fMilliSec", "fNanoSec")
    )
    for i in range(len(days)):
        at = int(days[i]) * _DAY_NS + int(milliseconds[i]) * 1_000_000 + int(rest[i])
        body = " ".join(_write(f, data, i) for f in kind.fields)
        clock = _write_time(at // 1_000_000 * 1_000_000)
        own = f"{kind.state:02d} {clock} " if kind.own_clock else ""
        head = f"{kind.identifier} M{telescope} {kind.state:02d} {_write_time(at)} {own}"
        yield at, " ".join(f"{head}{body}".split())


def _write_time(at: int) -> str:
    """Date and time of nanoseconds of MJD: ``2013 10 05 04 00 00 000``, with decimals where they are needed."""
    moment = _EPOCH + timedelta(days=at // _DAY_NS, seconds=at % _DAY_NS // 10**9)
    whole, rest = divmod(at % 10**9, 10**6)
    return f"{moment:%Y %m %d %H %M %S} {whole:03d}{f'.{rest:06d}' if rest else ''}"


def _write(f: Field, data: dict[str, np.ndarray], i: int) -> str:
    if f.kind in ("tag", "skip"):
        return f.name.replace("_", " ")
    if f.kind == "pairs":
        return " ".join(f"{name.split('.', 1)[1]} {data[name][i]}" for name in paired() if data[name][i] != 0)
    value = data[f.name][i] if f.index is None else data[f.name][i][f.index]
    if f.kind == "angle":
        return _write_angle(float(value))
    text = str(int(value)) if f.kind == "flag" else str(value)
    if len(text.split()) != 1:
        raise ValueError(f"{f.name}: {text!r} is not one word")
    return text


def _write_angle(value: float) -> str:
    """Sign, degrees (or hours), minutes and seconds.

    >>> _write_angle(-0.5)
    '- 000 30 00.00000000'
    """
    seconds, rest = divmod(round(abs(value) * 3600 * _ANGLE_STEPS), _ANGLE_STEPS)
    minutes, seconds = divmod(seconds, 60)
    return f"{'-' if value < 0 else '+'} {minutes // 60:03d} {minutes % 60:02d} {seconds:02d}.{rest:08d}"


def read_reports(path: str | Path) -> Reports:
    """Read a report file, sound or not: a line that cannot be understood is noted and left out.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    lines = Path(path).read_bytes().decode("ascii", errors="replace").split("\n")
    out, rows = Reports(), _Rows()
    last = lines.pop()
    start = _read_head(lines, out)
    for number, line in enumerate(lines[start:], start + 1):
        _take(out, rows, number, line)
    if last.strip():
        out.broken.append((len(lines) + 1, "the file ends within a line"))
    _leave_out_far_times(out, rows)
    out.trees = {kind.tree: _tree(kind, rows[kind.tree]) for kind in kinds().values() if rows.get(kind.tree)}
    return out


def _read_head(lines: list[str], out: Reports) -> int:
    """Read the head; gives the number of its lines."""
    if not any(line.strip() for line in lines):
        return 0
    # the report of a whole night is of no run and no subrun
    whole = lines[0].strip() == WHOLE_NIGHT
    found: dict[int, str] = {}
    for n, (what, pattern) in enumerate(HEAD):
        if whole and n in (0, 3):
            continue
        match = pattern.fullmatch(lines[n].strip()) if n < len(lines) else None
        if match is None:
            out.broken.append((n + 1, f"expected {what} in the head"))
        else:
            found[n] = match[1]
    out.run, out.telescope, out.subrun = (int(found[n]) if n in found else None for n in (0, 2, 3))
    return max(found, default=0 if whole else -1) + 1


def _leave_out_far_times(out: Reports, rows: _Rows) -> None:
    """A report is of one night: what is a day off the others has a damaged time."""
    times = [at for known in rows.values() for at in known]
    middle = sorted(times)[len(times) // 2] if times else 0
    for known in rows.values():
        for at in [at for at in known if abs(at - middle) > _DAY_NS]:
            out.broken.append((known.pop(at)[0], "its time is more than a day off that of the others"))
    out.broken.sort()


def _take(out: Reports, rows: _Rows, number: int, line: str) -> None:
    words = line.split()
    if not words:
        return
    kind = kinds().get(words[0])
    if kind is None:
        if NAME.fullmatch(words[0]):
            out.ignored[words[0]] = out.ignored.get(words[0], 0) + 1
        else:
            out.broken.append((number, "it does not begin with the name of a report"))
        return
    try:
        at, row = _read_line(kind, words[1:], out.telescope)
    except _Broken as why:
        out.broken.append((number, f"{words[0]}: {why}"))
        return
    known = rows.setdefault(kind.tree, {})
    out.repeated += at in known
    known.setdefault(at, (number, row))


def _read_line(kind: Kind, words: list[str], telescope: int | None) -> tuple[int, dict[str, object]]:
    """Time (ns of MJD) and values of a line."""
    if words[:1] not in (["M1"], ["M2"]):
        raise _Broken("no telescope")
    if telescope is not None and words[0] != f"M{telescope}":
        raise _Broken(f"of {words[0]}, the file is of M{telescope}")
    body = 17 if kind.own_clock else 9
    if len(words) < body:
        raise _Broken("it ends before its values")
    rest = words[body:]
    at, row = _read_time(words[2:9]), dict[str, object]()
    for f in kind.fields:
        _read(f, rest, row, kind)
    if rest:
        raise _Broken(f"{len(rest)} words too many")
    return at, row


def _read_time(words: list[str]) -> int:
    try:
        year, month, day, hour, minute, second = (int(word) for word in words[:6])
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        nanoseconds = round(_number(words[6]) * 1e6)
    except (ValueError, OverflowError):
        raise _Broken("no date and time") from None
    if not 0 <= nanoseconds <= 10**9:
        raise _Broken("no date and time")
    since = moment - _EPOCH
    if since.days < 1:
        raise _Broken("no date and time")
    # the public fork has seen 1000 and takes it for the last millisecond
    return since.days * _DAY_NS + since.seconds * 10**9 + min(nanoseconds, 999_999_999)


def _number(word: str) -> float:
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", word, re.ASCII):
        raise _Broken(f"{word!r} is no number")
    return float(word)


def _read(f: Field, rest: list[str], row: dict[str, object], kind: Kind) -> None:
    """Take the words of a field from the begin of the rest."""
    if f.kind == "pairs":
        while len(rest) > 1:
            name = f"MReportLaser.{rest.pop(0)}"
            if name not in paired():
                raise _Broken(f"{name} is not known")
            row[name] = _fit(name, rest.pop(0), kind)
        return
    count = {"angle": 4, "skip": f.name.count("_") + 1}.get(f.kind, 1)
    words = rest[:count]
    del rest[:count]
    if len(words) < count:
        raise _Broken("it ends before its values")
    if f.kind == "tag":
        if words[0] != f.name:
            raise _Broken(f"expected {f.name}, found {words[0]!r}")
    elif f.kind == "angle":
        row[f.name] = _angle(words)
    elif f.kind == "word":
        row[f.name] = words[0]
    elif f.kind != "skip":
        key = f.name if f.index is None else f"{f.name} {f.index}"
        row[key] = _fit(f.name, words[0], kind)


def _fit(name: str, word: str, kind: Kind) -> float:
    """A number that the branch can hold."""
    value, dtype = _number(word), kind.template[name].dtype
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if value != int(value) or not limits.min <= value <= limits.max:
            raise _Broken(f"{word} does not fit into {name}")
    elif dtype.kind == "f" and abs(value) > np.finfo(dtype).max:
        raise _Broken(f"{word} does not fit into {name}")
    return value


def _angle(words: list[str]) -> float:
    sign, (degrees, minutes, seconds) = words[0], (_number(word) for word in words[1:])
    if sign not in ("+", "-") or min(degrees, minutes, seconds) < 0 or max(minutes, seconds) > 60:
        raise _Broken(f"{' '.join(words)!r} is no angle")
    value = (degrees * 3600 + minutes * 60 + seconds) / 3600
    return -value if sign == "-" else value


def _tree(kind: Kind, rows: dict[int, tuple[int, dict[str, object]]]) -> dict[str, Column]:
    """Columns of the reports of a subsystem, in order of time."""
    times = np.array(sorted(rows), np.int64)
    ordered = [rows[int(at)][1] for at in times]
    columns: dict[str, Column] = {}
    for name, like in kind.template.items():
        if like.ndim == 2:
            values = [[row[f"{name} {i}"] for i in range(like.shape[1])] for row in ordered]
        else:
            values = [row.get(name, 0) for row in ordered]  # type: ignore[misc]
        columns[name] = np.array(values) if like.dtype.kind == "U" else np.array(values).astype(like.dtype)
    days = (times - _NOON_NS) // _DAY_NS + 1
    since = times - days * _DAY_NS
    return columns | {
        f"MTime{kind.tree}.fMjd": days.astype(np.uint32),
        f"MTime{kind.tree}.fTime.fMilliSec": since // 1_000_000,
        f"MTime{kind.tree}.fNanoSec": (since % 1_000_000).astype(np.uint32),
    }


__all__ = ["Reports", "read_reports", "write_reports"]
