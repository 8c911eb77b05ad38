"""Remote storage behind an address: what is there, and its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from automagic.errors import UserError
from automagic.staging.trouble import Permanent, StorageError
from automagic.staging.urls import check_url, join, split, web

DEEPEST = 20
"""Folders in folders, at most: a listing that leads on for ever ends here."""


@dataclass(frozen=True)
class RemoteEntry:
    """A file in a listing.

    Attributes
    ----------
    name
        Its name; where `problem` is set, in a form that can only be shown.
    size
        Bytes, or `None` where the listing does not tell.
    mtime
        Unix time of its last change, or `None`.
    place
        ``"online"`` or ``"tape"``, as far as the listing tells.
    problem
        Why the name cannot be used.
    """

    name: str
    size: int | None = None
    mtime: float | None = None
    place: str = "online"
    problem: str | None = None


@dataclass
class Listing:
    """What a folder has. `tells_place` says whether the listing would say so of a file on tape."""

    files: list[RemoteEntry] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    tells_place: bool = False


@dataclass
class Stream:
    """The bytes of a file from `start` on.

    Attributes
    ----------
    start
        Offset of the first byte that comes: what was asked for, or 0 where storage cannot go on in the middle, or
        where the file is another than the one that was begun.
    total
        Size of the whole file, or `None` where storage does not tell.
    stamp
        What changes when the file does (an ETag or a date), or `None`: such a file cannot be gone on with.
    checksums
        Of the whole file, as storage tells them: algorithm to hex digits.
    chunks
        The bytes.
    """

    start: int
    total: int | None
    stamp: str | None
    checksums: dict[str, str]
    chunks: Iterator[bytes]


class Storage(Protocol):
    """Speaks one protocol. Everything raises `StorageError` where storage does not do as asked."""

    def list(self, url: str) -> Listing:
        """List a folder."""

    def size(self, url: str) -> int | None:
        """Tell the size of a file by asking for its first byte, which also asks for it from tape."""

    def read(self, url: str, start: int = 0, stamp: str | None = None) -> AbstractContextManager[Stream]:
        """Read a file from an offset on, if it still is the one with this stamp."""


class Remote:
    """All storage: hands each address to what speaks its protocol.

    Parameters
    ----------
    timeout_s
        How long storage may be silent.
    """

    def __init__(self, timeout_s: float = 60.0) -> None:
        self.timeout_s = timeout_s
        self._speakers: dict[str, Any] = {}

    def speaker(self, url: str) -> Storage:
        """Return what speaks the protocol of an address.

        Raises
        ------
        UserError
            The package for it is not installed.
        """
        kind = "web" if web(url) else url.partition("://")[0]
        if kind not in self._speakers:
            if kind == "web":
                from automagic.staging.web import Web

                self._speakers[kind] = Web(self.timeout_s)
            else:
                from automagic.staging.files import Files

                self._speakers[kind] = Files(kind)
        return self._speakers[kind]

    def close(self) -> None:
        """Close all connections."""
        for speaker in self._speakers.values():
            speaker.close()


def walk(url: str, remote: Remote | None = None) -> Iterator[tuple[str, list[RemoteEntry]]]:
    """List a folder in remote storage and all folders below it, depth first, in the order of their names.

    Parameters
    ----------
    url
        Address of the folder.
    remote
        Storage with its connections, where there is one already.

    Yields
    ------
    folder_url, entries
        A file's own address is ``join(folder_url, entry.name)``, from `automagic.staging.urls`.

    Raises
    ------
    UserError
        The address is not allowed, or a folder cannot be listed.
    """
    try:
        top = check_url(url)
    except ValueError as error:
        raise UserError(f"the address cannot be used: {error}") from None
    own = remote is None
    remote = remote or Remote()
    try:
        speaker = remote.speaker(top)
        waiting, seen = [(top, 0)], {top}
        while waiting:
            folder, depth = waiting.pop()
            found = _list(speaker, folder)
            yield folder, sorted(found.files, key=lambda entry: entry.name)
            for name in sorted(found.folders, reverse=True):
                below = join(folder, name)
                if depth < DEEPEST and below not in seen:
                    seen.add(below)
                    waiting.append((below, depth + 1))
    finally:
        if own:
            remote.close()


def _list(speaker: Storage, folder: str) -> Listing:
    try:
        return speaker.list(folder)
    except Permanent as error:
        raise UserError(f"{folder} cannot be listed: {error.reason}", hint=advice(error.reason)) from None
    except StorageError as error:
        raise UserError(f"{folder} cannot be listed: {error.reason}", hint="Try again later.") from None


def advice(reason: str) -> str:
    """Say what a person can do about what storage answers."""
    if "password" in reason or "allowed" in reason or "401" in reason:
        return "Write user and password for this host into ~/.netrc, or set the token of your grid in BEARER_TOKEN."
    if "certificate" in reason:
        return "Name the authority that signed it in SSL_CERT_FILE, or the folder of the grid's in X509_CERT_DIR."
    return "Correct the address in site.toml, or look at it with a browser."


def folders_of(urls: Iterator[str] | list[str]) -> dict[str, list[str]]:
    """Group addresses of files by their folder."""
    found: dict[str, list[str]] = {}
    for url in urls:
        found.setdefault(split(url)[0], []).append(url)
    return found
