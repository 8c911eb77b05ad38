"""Storage that `fsspec` speaks to: folders (``file``), XRootD (``root``), S3.

Through `fsspec` none of these says that a file is on tape, but for S3's storage class; the site's own command
(``[storage.recall]``) has to ask for such files.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from automagic.errors import UserError
from automagic.staging.remote import Listing, RemoteEntry, Stream
from automagic.staging.trouble import OnTape, Permanent, Temporary
from automagic.staging.urls import check_step, safe_name

PACKAGES = {"s3": "s3fs", "root": "fsspec-xrootd"}
"""What has to be installed for a scheme."""

CHUNK = 1 << 20
_FROZEN = ("GLACIER", "DEEP_ARCHIVE")


class Files:
    """Speaks one of `fsspec`'s protocols.

    Raises
    ------
    UserError
        The package for it is not installed.
    """

    def __init__(self, scheme: str) -> None:
        import fsspec  # type: ignore[import-untyped]

        try:
            fsspec.get_filesystem_class(scheme)
        except (ImportError, ValueError):
            package = PACKAGES.get(scheme, scheme)
            raise UserError(
                f"addresses with {scheme}:// need the package {package}, which is not installed",
                hint=f"Install it: .venv/bin/python .bootstrap/pip-*.whl/pip install {package}",
            ) from None
        self.scheme = scheme

    def _open(self, url: str) -> tuple[Any, str]:
        import fsspec

        return fsspec.core.url_to_fs(url, use_listings_cache=False)

    def list(self, url: str) -> Listing:
        """List a folder."""
        with _words():
            system, path = self._open(url)
            rows = system.ls(path, detail=True)
        found = Listing(tells_place=self.scheme == "s3")
        for row in rows:
            name = str(row["name"]).rstrip("/").rpartition("/")[2]
            folder = row.get("type") == "directory"
            try:
                check_step(name)
                if not folder and not name.startswith("."):
                    safe_name(name)
            except ValueError as error:
                found.files.append(RemoteEntry(repr(name), problem=str(error)))
                continue
            if name.startswith("."):  # hidden
                continue
            if folder:
                found.folders.append(name)
            elif name:
                found.files.append(RemoteEntry(name, row.get("size"), changed(row), place(row)))
        return found

    def size(self, url: str) -> int | None:
        """Tell the size of a file."""
        with _words():
            system, path = self._open(url)
            about = system.info(path)
        if about.get("type") == "directory":
            raise Permanent("it is a folder")
        if place(about) == "tape":
            raise OnTape("it is in an archive and has to be restored")
        return about.get("size")

    @contextlib.contextmanager
    def read(self, url: str, start: int = 0, stamp: str | None = None) -> Iterator[Stream]:
        """Read a file from an offset on, if it still is the one with this stamp."""
        with _words():
            system, path = self._open(url)
            about = system.info(path)
            if place(about) == "tape":
                raise OnTape("it is in an archive and has to be restored")
            when = changed(about)
            now = about.get("ETag") or (None if when is None else f"{when:.9f}")
            if now != stamp:
                start = 0
            file = system.open(path, "rb", cache_type="none")
        # what goes wrong where the bytes are written is none of storage's errors
        with file:
            yield Stream(start, about.get("size"), now, {}, _chunks(file, start))

    def close(self) -> None:
        """Close all connections."""


def _chunks(file: Any, start: int) -> Iterator[bytes]:
    with _words():
        file.seek(start)
    while True:
        with _words():
            chunk = file.read(CHUNK)
        if not chunk:
            return
        yield chunk


def changed(about: dict[str, Any]) -> float | None:
    """Return the time of the last change from `fsspec`'s description of a file."""
    for key in ("mtime", "LastModified", "modified", "last_modified"):
        when = about.get(key)
        if isinstance(when, datetime):
            return when.timestamp()
        if isinstance(when, int | float):
            return float(when)
    return None


def place(about: dict[str, Any]) -> str:
    """Tell whether S3 has a file in its archive."""
    return "tape" if about.get("StorageClass") in _FROZEN else "online"


@contextlib.contextmanager
def _words() -> Iterator[None]:
    """Say what a protocol's own errors mean."""
    try:
        yield
    except FileNotFoundError:
        raise Permanent("it is not there") from None
    except PermissionError:
        raise Permanent("we are not allowed to read it") from None
    except (IsADirectoryError, NotADirectoryError):
        raise Permanent("it is not a file, or its folder is none") from None
    except OSError as error:
        raise Temporary(f"storage cannot give it now ({error.strerror or type(error).__name__})") from None
