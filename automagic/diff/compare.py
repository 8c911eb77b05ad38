"""Two files or two folders: the same bytes, the same content, or where they differ."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from automagic.diff.report import CONTENT, DAMAGE, DIFFERS, IDENTICAL, STRUCTURE, VERDICTS, Found, Report, Unreadable
from automagic.errors import UserError

CHUNK = 4 << 20

READERS = {
    "ROOT": "root",
    "FITS": "fits",
    "Parquet": "parquet",
    "ECSV": "ecsv",
    "PNG": "picture",
    "JSON": "text",
    "YAML": "text",
    "TOML": "text",
    "HTML": "text",
    "text": "text",
}
"""The module of this package that compares a kind."""

SUFFIXES = {
    ".root": "ROOT",
    ".fits": "FITS",
    ".fits.gz": "FITS",
    ".parquet": "Parquet",
    ".ecsv": "ECSV",
    ".png": "PNG",
    ".json": "JSON",
    ".yaml": "YAML",
    ".yml": "YAML",
    ".toml": "TOML",
    ".html": "HTML",
    **dict.fromkeys((".log", ".rc", ".txt", ".card", ".md"), "text"),
}
MAGIC = {b"root\0": "ROOT", b"SIMPLE  =": "FITS", b"PAR1": "Parquet", b"\x89PNG\r\n\x1a\n": "PNG", b"# %ECSV": "ECSV"}


def compare(a: Path, b: Path, limit: int = 20) -> Report:
    """Compare two files, or two folders with all that is below them.

    Parameters
    ----------
    limit
        How many findings become lines at most.

    Raises
    ------
    UserError
        One of them is not there or may not be read, or only one of them is a folder.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "card.rc"
    >>> _ = path.write_text("MJStar.Level: 6")
    >>> compare(path, path).verdict
    'identical'
    """
    a, b = Path(a), Path(b)
    for path in (a, b):
        if not path.exists():
            raise UserError(f"{path}: there is no such file or folder")
        if not path.is_file() and not path.is_dir():
            raise UserError(f"{path}: neither a file nor a folder", hint="A pipe can be read only once: save it first.")
    if a.is_dir() != b.is_dir():
        folder, file = (a, b) if a.is_dir() else (b, a)
        raise UserError(f"{folder} is a folder and {file} is a file", hint="Give two files or two folders.")
    try:
        return _folders(a, b, limit) if a.is_dir() else _files(a, b, limit)
    except OSError as error:
        raise UserError(f"{error.filename or a}: cannot be read: {error.strerror or error}") from None


def kind(path: Path) -> str:
    """Say what a file is, by its first bytes, or by its name where these tell nothing.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "x.root"
    >>> _ = path.write_bytes(b"root....")
    >>> kind(path)
    'ROOT'
    """
    with path.open("rb") as file:
        head = file.read(8192)
    for magic, name in MAGIC.items():
        if head.startswith(magic):
            return name
    for suffix, name in SUFFIXES.items():
        if path.name.lower().endswith(suffix):
            return name
    return "bytes" if b"\0" in head or not _is_text(path) else "text"


def _is_text(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return False
    return True


def same_bytes(a: Path, b: Path) -> bool:
    """Say whether two files have the same bytes; each is read once, and only as far as they are the same."""
    if os.path.samefile(a, b):
        with a.open("rb"):
            return True
    if a.stat().st_size != b.stat().st_size:
        return False
    one, other = memoryview(bytearray(CHUNK)), memoryview(bytearray(CHUNK))
    with a.open("rb", buffering=0) as file_a, b.open("rb", buffering=0) as file_b:
        while True:
            length = _fill(file_a.readinto, one)
            if length != _fill(file_b.readinto, other) or bytes(one[:length]) != bytes(other[:length]):
                return False
            if length == 0:
                return True


def _fill(read_into: Callable[[memoryview], int | None], buffer: memoryview) -> int:
    """Fill a buffer: one read may give less than there is."""
    length = 0
    while length < len(buffer):
        got = read_into(buffer[length:])
        if not got:
            break
        length += got
    return length


def _files(a: Path, b: Path, limit: int) -> Report:
    if same_bytes(a, b):
        return Report(a, b, kind(a), IDENTICAL, Found(), limit)
    found, kinds = Found(), (kind(a), kind(b))
    name = kinds[0] if kinds[0] == kinds[1] else "text" if set(kinds) <= _TEXTS else "bytes"
    if kinds[0] != kinds[1] and name == "bytes":
        found.add(f"A is {_article(kinds[0])}, B is {_article(kinds[1])}", STRUCTURE, a=kinds[0], b=kinds[1])
    if name == "bytes" or not _inside(name, a, b, found):
        from automagic.diff.raw import differences

        differences(a, b, found)
    return Report(a, b, name, DIFFERS if found.findings else CONTENT, found, limit)


def _inside(name: str, a: Path, b: Path, found: Found) -> bool:
    """Compare two files by what is in them; say whether that went to the end."""
    reader = import_module(f"automagic.diff.{READERS[name]}")
    try:
        reader.differences(a, b, found)
    except Unreadable as error:
        found.damaged.append(str(error))
        found.add(str(error), DAMAGE, damaged=str(error.path))
        return False
    except OSError:
        raise
    except Exception as error:  # no run may end because its products cannot be compared any closer
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        found.add(f"comparing them as {name} broke off ({why}), which is a fault of automagic", DAMAGE)
        return False
    return True


_TEXTS = {name for name, module in READERS.items() if module == "text"}


def _article(name: str) -> str:
    """Name a file of a kind.

    >>> _article("ROOT"), _article("ECSV"), _article("bytes")
    ('a ROOT file', 'an ECSV file', 'a file of unknown kind')
    """
    if name == "bytes":
        return "a file of unknown kind"
    return f"{'an' if name[0] in 'E' or name == 'HTML' else 'a'} {name} file"


def _below(folder: Path) -> dict[str, Path]:
    """Find all files below a folder, by their relative path; links are followed, in circles only once."""
    found: dict[str, Path] = {}
    seen: set[str] = set()
    for at, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(at)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        for name in files:
            path = Path(at) / name
            found[path.relative_to(folder).as_posix()] = path
    return found


def _folders(a: Path, b: Path, limit: int) -> Report:
    in_a, in_b = _below(a), _below(b)
    found, files = Found(), {}
    for side, mine, others in (("A", in_a, in_b), ("B", in_b, in_a)):
        for name in sorted(mine.keys() - others.keys()):
            found.only(side, name, path=name)
    for name in sorted(in_a.keys() & in_b.keys()):
        one, other = in_a[name], in_b[name]
        if one.is_file() and other.is_file():
            files[name] = report = _files(one, other, limit)
            _take(found, name, report)
        elif _other(one) != _other(other):
            found.two(name, _other(one), _other(other), STRUCTURE, path=name)
    verdict = max((report.verdict for report in files.values()), key=VERDICTS.index, default=IDENTICAL)
    return Report(a, b, "folder", DIFFERS if found.findings else verdict, found, limit, files)


def _take(found: Found, name: str, report: Report) -> None:
    """Tell the most telling of a file's findings; the file's own report has the others."""
    found.damaged += report.damaged
    if report.verdict == CONTENT:
        found.notes.append(f"{name}: {'; '.join(report.lines)}")
    if report.verdict != DIFFERS:
        return
    first = min(report.found.findings, key=lambda each: each.rank)
    more = len(report.found.findings) - 1
    rest = f" (and {more} more)" if more else ""
    found.add(f"{name}: {first.text}{rest}", first.rank, path=name, **first.where)


def _other(path: Path) -> str:
    """Say what is there where there is no regular file."""
    if path.is_symlink() and not path.exists():
        return f"a link to {os.readlink(path)}, which is not there"
    return "a file" if path.is_file() else "neither a file nor a folder"
