"""Reads an archive that may come from a stranger: nothing in it is trusted, and nothing is written while it is read.

An archive is a folder or a plain tar file with one folder in it. Only plain files and folders are allowed; a name that
leads out of the archive, a link, a device, a compressed or sparse file ends in an error that names it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from automagic.errors import UserError

FILES_MAX = 20_000_000
"""More files than this are no archive of an analysis."""

SMALL = 1 << 30
"""A file that is read whole may have so many bytes."""

_BLOCK = 1 << 20
_NOT_ALLOWED = re.compile(r"[\x00-\x1f\x7f\\]")


class Archive:
    """An archive that is open for reading.

    Parameters
    ----------
    path
        The tar file, or the folder that has ``bagit.txt``.

    Attributes
    ----------
    name
        Of the folder in it: the analysis.
    sizes
        Size of each file (bytes) by its name below that folder, in order.

    Raises
    ------
    UserError
        It is not there, or is no archive, or has in it what may not be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sizes: dict[str, int] = {}
        self._tar: tarfile.TarFile | None = None
        self._members: dict[str, tarfile.TarInfo] = {}
        if path.is_dir():
            self.name = path.resolve().name
            self._read_folder()
        elif path.is_file():
            self.name = self._read_tar()
        else:
            raise UserError(f"there is no archive {path}")
        self._check_names()
        if "bagit.txt" not in self.sizes:
            raise UserError(f"{path} is no archive: it has no bagit.txt")

    def __enter__(self) -> Archive:
        """Use it."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close it."""
        if self._tar is not None:
            self._tar.close()

    def _read_folder(self) -> None:
        for parent, folders, names in os.walk(self.path):
            folders.sort()
            for name in sorted([*names, *folders]):
                whole = Path(parent) / name
                inside = whole.relative_to(self.path).as_posix()
                kind = os.lstat(whole)
                if stat.S_ISDIR(kind.st_mode):
                    continue
                if not stat.S_ISREG(kind.st_mode):
                    raise self._refused(inside, "is no plain file")
                self._take(inside, kind.st_size)

    def _read_tar(self) -> str:
        try:
            self._tar = tarfile.open(self.path, "r:")  # noqa: SIM115 (closed at exit)
            return self._read_members(self._tar)
        except tarfile.ReadError as error:
            raise UserError(
                f"{self.path} is no plain tar file, or is cut short: {error}",
                hint="Unpack it first if it is compressed.",
            ) from None
        except (tarfile.TarError, ValueError, OverflowError, EOFError, UnicodeError, RecursionError) as error:
            raise UserError(f"{self.path} is damaged: {error}") from None

    def _read_members(self, tar: tarfile.TarFile) -> str:
        whole = self.path.stat().st_size
        tops = set()
        for member in tar:
            top, _, inside = member.name.partition("/")
            tops.add(top)
            if len(tops) > 1:
                raise self._refused(member.name, f"lies outside of the one folder {min(tops)!r}")
            if top in ("", ".", "..") or _NOT_ALLOWED.search(top):
                raise self._refused(member.name, "is no name inside of the archive")
            if member.isdir():
                if inside:
                    check_name(inside, self.path)
                continue
            if member.issparse() or member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
                raise self._refused(member.name, "is no plain file")
            if not inside:
                raise self._refused(member.name, "is a file where the one folder should be")
            if member.size < 0 or member.offset_data + member.size > whole:
                raise UserError(f"{self.path} is cut short: {member.name} is not whole")
            self._take(inside, member.size)
            self._members[inside] = member
        if not tops:
            raise UserError(f"{self.path} is empty")
        return tops.pop()

    def _take(self, name: str, size: int) -> None:
        check_name(name, self.path)
        if name in self.sizes:
            raise self._refused(name, "is there twice")
        self.sizes[name] = size
        if len(self.sizes) > FILES_MAX:
            raise UserError(f"{self.path} has more than {FILES_MAX} files")

    def _check_names(self) -> None:
        for name in self.sizes:
            parts = name.split("/")
            for end in range(1, len(parts)):
                if "/".join(parts[:end]) in self.sizes:
                    raise self._refused(name, "lies below a file")

    def _refused(self, name: str, why: str) -> UserError:
        return UserError(f"{self.path} is refused: {name!r} {why}", hint="Nothing was written.")

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file for reading; `KeyError` where there is none."""
        size = self.sizes[name]
        if self._tar is not None:
            file = self._tar.extractfile(self._members[name])
            assert file is not None
            with file:
                yield file
            return
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(self.path / name, flags), "rb") as file:
            if os.fstat(file.fileno()).st_size != size:
                raise UserError(f"{self.path / name} was changed while it was read")
            yield file

    def read(self, name: str) -> bytes:
        """Read a small file whole.

        Raises
        ------
        UserError
            It is not there, or is not small.
        """
        if name not in self.sizes:
            raise UserError(f"{self.path} has no {name}")
        if self.sizes[name] > SMALL:
            raise UserError(f"{self.path} is refused: {name} has {self.sizes[name]} bytes")
        with self.open(name) as file:
            return file.read()

    def text(self, name: str) -> str:
        """Read a small text (UTF-8) whole.

        Raises
        ------
        UserError
            It is not there, or is no text.
        """
        try:
            return self.read(name).decode("utf-8")
        except UnicodeDecodeError as error:
            raise UserError(f"{self.path}: {name} is no text in UTF-8: {error}") from None

    def sha256(self, name: str) -> str:
        """Hash a file."""
        digest = hashlib.sha256()
        with self.open(name) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()

    def copy(self, name: str, target: Path) -> str:
        """Write a file to a new place, with no rights but to read and write; return its SHA-256."""
        digest = hashlib.sha256()
        target.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with self.open(name) as source, open(os.open(target, flags, 0o644), "wb") as file:
            while block := source.read(_BLOCK):
                digest.update(block)
                file.write(block)
        return digest.hexdigest()

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a file."""
        with self.open(name) as file:
            buffered: Any = file if isinstance(file, io.BufferedReader) else io.BufferedReader(file)
            yield from buffered


def check_name(name: str, archive: Path) -> None:
    """Refuse a name that is none inside of an archive.

    Raises
    ------
    UserError
        It leads elsewhere, or has in it what no name of ours has.
    """
    parts = name.split("/")
    wrong = not name or name.startswith("/") or any(part in ("", ".", "..") for part in parts)
    if wrong or _NOT_ALLOWED.search(name) or len(name.encode("utf-8", "replace")) > 4000 or not _is_text(name):
        raise UserError(f"{archive} is refused: {name!r} is no name inside of the archive", hint="Nothing was written.")


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:  # bytes that are no UTF-8
        return False
    return True
