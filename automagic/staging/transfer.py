"""Bringing one file: on from where it broke, checked, and put in place when it is whole."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from automagic.job.fits import hdus
from automagic.rootfile import RootError, check
from automagic.staging.cache import About, Cache, Place, now, write_json
from automagic.staging.remote import Storage, Stream
from automagic.staging.trouble import Damaged, Elsewhere, Stopped, Temporary

if TYPE_CHECKING:
    from automagic.graph.task import Source


def fetch(storage: Storage, source: Source, cache: Cache, came: Callable[[int], bool]) -> About:
    """Bring a file into the cache, in one try.

    Parameters
    ----------
    storage
        Speaks the protocol of its address.
    came
        Is told how many bytes of it are here, and answers whether to go on.

    Returns
    -------
    About
        Also where another process has brought it in the meantime.

    Raises
    ------
    StorageError
        What storage said, or what was wrong with what came. What came so far stays, unless it is damaged.
    OSError
        The cache cannot be written.
    """
    place = cache.place(source)
    place.folder.mkdir(parents=True, exist_ok=True)
    with _alone(place) as part:
        if cache.present(source) is not None:
            about = cache.known(source)
            assert about is not None
            place.part.unlink(missing_ok=True)
            return about
        start, stamp = _begun(place, part)
        with storage.read(source.url, start, stamp) as stream:
            _receive(stream, source, place, part, came)
            told, stamp, total = stream.checksums, stream.stamp, stream.total
        about = _verified(source, place, total, told, stamp)
        os.fsync(part.fileno())
        cache.publish(source, about)
        return about


@contextlib.contextmanager
def _alone(place: Place) -> Iterator[IO[bytes]]:
    """Open the part of a file for us alone."""
    while True:
        part = open(place.part, "ab")  # noqa: SIM115
        with part:
            try:
                fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Elsewhere("another process is bringing it") from None
            if _is_at(part, place.part):
                yield part
                return
            # it was put in place, or taken away, between opening and locking


def _is_at(file: IO[bytes], path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    return False


def _begun(place: Place, part: IO[bytes]) -> tuple[int, str | None]:
    """Tell how much is here already, and of which state of the file."""
    try:
        stamp = json.loads(place.begun.read_text(encoding="utf-8"))["stamp"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0, None
    return (part.seek(0, os.SEEK_END), stamp) if isinstance(stamp, str) else (0, None)


def _receive(stream: Stream, source: Source, place: Place, part: IO[bytes], came: Callable[[int], bool]) -> None:
    if stream.total is not None and source.size not in (None, stream.total):
        raise Temporary(f"storage lists it with {source.size} bytes and sends {stream.total}")
    if part.seek(0, os.SEEK_END) != stream.start:
        part.truncate(stream.start)
    have = stream.start
    write_json(place.begun, {"url": source.url, "stamp": stream.stamp, "total": stream.total})
    expected = stream.total if stream.total is not None else source.size
    for chunk in stream.chunks:
        have += len(chunk)
        if expected is not None and have > expected:
            part.truncate(0)
            raise Damaged(f"more than its {expected} bytes came")
        part.write(chunk)
        part.flush()  # what came is kept, however this process ends
        if not came(have):
            raise Stopped("stopped")
    if expected is not None and have < expected:
        raise Temporary(f"the connection broke after {have} of {expected} bytes")


def _verified(source: Source, place: Place, total: int | None, told: dict[str, str], stamp: str | None) -> About:
    """Check what came against what storage says of it; where it says nothing, whether it is a whole file at all."""
    told = dict(told)
    algorithm, _, digits = (source.checksum or "").partition(":")
    if digits:
        told[algorithm] = digits.lower()
    found = digests(place.part, [name for name in told if name in ALGORITHMS])
    wrong = [name for name in found if name in told and found[name] != told[name]]
    if wrong:
        _discard(place)
        name = wrong[0]
        raise Damaged(f"it came damaged: its {name} is {found[name]}, storage says {told[name]}")
    if not set(told) & set(ALGORITHMS):
        problem = broken(place.part, source.name)
        if problem is not None:
            _discard(place)
            raise Damaged(f"it came damaged, or is damaged in storage: {problem}")
    kept = {name: found[name] for name in told if name in found}
    return About(source.url, source.name, place.part.stat().st_size, found["sha256"], stamp, kept, now())


def _discard(place: Place) -> None:
    os.truncate(place.part, 0)
    place.begun.unlink(missing_ok=True)


class _Adler32:
    """zlib's Adler-32 with the face of `hashlib`; grid storage tells this one."""

    def __init__(self) -> None:
        self.value = 1

    def update(self, block: bytes) -> None:
        self.value = zlib.adler32(block, self.value)

    def hexdigest(self) -> str:
        return f"{self.value:08x}"


def _weak(name: str) -> Callable[[], Any]:
    return lambda: hashlib.new(name, usedforsecurity=False)


ALGORITHMS: dict[str, Callable[[], Any]] = {
    "sha256": hashlib.sha256,
    "sha512": hashlib.sha512,
    "sha1": _weak("sha1"),
    "md5": _weak("md5"),
    "adler32": _Adler32,
}


def digests(path: Path, names: list[str]) -> dict[str, str]:
    """Compute checksums of a file in one go: SHA-256, and those that are named."""
    made = {name: ALGORITHMS[name]() for name in {"sha256", *names}}
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            for each in made.values():
                each.update(block)
    return {name: each.hexdigest() for name, each in made.items()}


def broken(path: Path, name: str) -> str | None:
    """Say what is wrong with a file for which storage has no checksum, as far as its kind can tell.

    The size of a ROOT file is in its head, and its keys lead to records that must be there; a FITS file has whole
    blocks; a packed file has a checksum of its own. A wrong byte amid the data of a record is not found in this way.
    """
    try:
        if name.endswith(".root"):
            check(path)
        elif name.endswith((".fits", ".fit")):
            hdus(path)
        elif name.endswith(".gz"):
            with gzip.open(path) as file:
                while file.read(1 << 20):
                    pass
    except RootError as error:
        return f"no whole ROOT file: {error}"
    except (ValueError, EOFError, zlib.error, OSError) as error:
        return f"no whole file of its kind: {error}"
    return None
