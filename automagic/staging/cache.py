"""Files that were brought here. Several processes and analyses may share one cache.

    files/ab/<key>/<name>          the file, read-only; not there before it is whole and checked
    files/ab/<key>/about.json      what it is: address, size, SHA-256; stays when the file is released
    files/ab/<key>/<name>.part     what came so far, with part.json: which state of the file in storage it is of
    leases/<id>.json               what a living process uses and still needs; it holds a lock on its lease
    lock                           held for a moment by who makes room

A key is made from the address. Locks go with their process, however that ends.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import platform
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from automagic.job.spec import sha256_file, signature
from automagic.staging.urls import safe_name

if TYPE_CHECKING:
    from automagic.graph.task import Source

SPARE = 100 << 20
"""So many bytes of the disk are left free."""


@dataclass(frozen=True)
class About:
    """What is known of a file: as storage had it, and its hash. `signature` is the file's own while it is here."""

    url: str
    name: str
    size: int
    sha256: str
    stamp: str | None = None
    checksums: dict[str, str] = field(default_factory=dict)
    when: str = ""
    signature: list[int] = field(default_factory=list)

    def fits(self, source: Source) -> bool:
        """Whether this is the file that storage lists today, as far as the listing tells."""
        if source.size not in (None, self.size):
            return False
        algorithm, _, digits = (source.checksum or "").partition(":")
        return algorithm not in self.checksums or self.checksums[algorithm] == digits


@dataclass(frozen=True)
class Place:
    """Where a file is, or would be, in the cache."""

    key: str
    folder: Path
    name: str

    @property
    def file(self) -> Path:
        """The whole file."""
        return self.folder / self.name

    @property
    def part(self) -> Path:
        """What came so far."""
        return self.folder / f"{self.name}.part"

    @property
    def about(self) -> Path:
        """What is known of it."""
        return self.folder / "about.json"

    @property
    def begun(self) -> Path:
        """Which state of the file the part is of."""
        return self.folder / "part.json"


@dataclass
class Lease:
    """What this process uses (key to bytes) and still needs, for others to see."""

    path: Path
    file: IO[str]
    held: dict[str, int] = field(default_factory=dict)
    needs: frozenset[str] = frozenset()

    def write(self) -> None:
        """Let others see it."""
        content = {"host": platform.node(), "process": os.getpid(), "held": self.held, "needs": sorted(self.needs)}
        self.file.seek(0)
        self.file.truncate()
        json.dump(content, self.file)
        self.file.flush()

    def close(self) -> None:
        """Give everything back."""
        self.path.unlink(missing_ok=True)
        self.file.close()


@dataclass(frozen=True)
class Admission:
    """Whether there is room now, what was released for it (address and bytes), and whether others use the cache."""

    granted: bool
    released: tuple[tuple[str, int], ...] = ()
    others: bool = False


@dataclass(frozen=True)
class Item:
    """A file or a part in the cache."""

    key: str
    size: int
    used: float
    paths: tuple[Path, ...]
    about: Path


class Cache:
    """The files that were brought here.

    Parameters
    ----------
    folder
        Is made when something is put into it.
    quota
        Bytes that it may hold; `None` for what the disk has.
    """

    def __init__(self, folder: Path, quota: int | None = None) -> None:
        self.folder = folder
        self.quota = quota

    def place(self, source: Source) -> Place:
        """Return where a file belongs."""
        key = hashlib.sha256(source.url.encode()).hexdigest()[:32]
        return Place(key, self.folder / "files" / key[:2] / key, safe_name(source.name))

    # --- what is known

    def known(self, source: Source) -> About | None:
        """Return what is known of a file that was here once, as storage has it today."""
        about = read_about(self.place(source).about)
        return about if about is not None and about.url == source.url and about.fits(source) else None

    def present(self, source: Source) -> Path | None:
        """Return the path of a file that is here and whole. One that was changed is taken away."""
        place, about = self.place(source), self.known(source)
        if about is None:
            return None
        try:
            now = signature(place.file)
            if now != about.signature:
                if now[0] != about.size or sha256_file(place.file) != about.sha256:
                    place.file.unlink()
                    return None
                write_json(place.about, dataclasses.asdict(dataclasses.replace(about, signature=now)))
        except OSError:
            return None
        return place.file

    def publish(self, source: Source, about: About) -> Path:
        """Make a part that is whole and checked the file.

        What is known of it is written first: from the moment the part is the file, another process may open a new
        part, and must find that there is nothing to bring. Until its signature is noted, the file is read again.
        """
        place = self.place(source)
        place.part.chmod(0o444)
        write_json(place.about, dataclasses.asdict(about))
        place.part.replace(place.file)
        seen = signature(place.file)
        write_json(place.about, dataclasses.asdict(dataclasses.replace(about, signature=seen)))
        place.begun.unlink(missing_ok=True)
        return place.file

    # --- room

    def lease(self) -> Lease:
        """Take a lease for this process."""
        folder = self.folder / "leases"
        folder.mkdir(parents=True, exist_ok=True)
        with self._locked():  # whoever looks for leases of the dead does not find this one without its lock
            path = folder / f"{uuid.uuid4().hex}.json"
            file = open(path, "w", encoding="utf-8")  # noqa: SIM115
            fcntl.flock(file, fcntl.LOCK_EX)
            lease = Lease(path, file)
            lease.write()
        return lease

    def admit(self, lease: Lease, wanted: Mapping[str, int], squeeze: bool = False) -> Admission:
        """Make room for files and hold them, all of them or none.

        Parameters
        ----------
        lease
            Of this process; holds the files afterwards.
        wanted
            Bytes of each, by key.
        squeeze
            Whether to release what this process itself still needs as well: to be brought here again later.
        """
        fresh = {key: size for key, size in wanted.items() if key not in lease.held}
        with self._locked():
            free = shutil.disk_usage(self.folder).free - SPARE
            released: list[tuple[str, int]] = []
            if fresh and (self.quota is not None or sum(fresh.values()) > free):
                held, needs = self._others(lease)
                items = {item.key: item for item in self.items()}
                lacking = {key: size - (items[key].size if key in items else 0)
                           for key, size in {**held, **lease.held, **fresh}.items()}  # fmt: skip
                coming = sum(max(0, size) for size in lacking.values())
                over = coming - free
                if self.quota is not None:
                    over = max(over, coming + sum(item.size for item in items.values()) - self.quota)
                if over > 0 and any(lacking[key] > 0 for key in fresh):
                    kept = {*held, *lease.held, *fresh, *needs, *(() if squeeze else lease.needs)}
                    spare = sorted((item for item in items.values() if item.key not in kept), key=_age(lease.needs))
                    if sum(item.size for item in spare) < over:
                        return Admission(False, others=bool(held or needs))
                    for item in spare:
                        if over <= 0:
                            break
                        released.append((self._release(item), item.size))
                        over -= item.size
            lease.held.update(fresh)
            lease.write()
        return Admission(True, tuple(released))

    def give_back(self, lease: Lease, keys: Iterable[str]) -> None:
        """Hold files no longer."""
        for key in keys:
            lease.held.pop(key, None)
            with contextlib.suppress(OSError):
                os.utime(self.folder / "files" / key[:2] / key / "about.json")  # used just now
        lease.write()

    def items(self) -> Iterator[Item]:
        """Yield what is in the cache, whole or begun."""
        for folder in (self.folder / "files").glob("??/*"):
            size, used, paths = 0, 0.0, []
            with contextlib.suppress(OSError):
                for each in os.scandir(folder):
                    if each.name not in ("about.json", "part.json"):
                        size += each.stat().st_size
                        paths.append(Path(each.path))
                        used = each.stat().st_mtime
                about = folder / "about.json"
                if about.exists():
                    used = about.stat().st_mtime
                if paths:
                    yield Item(folder.name, size, used, tuple(paths), about)

    def _release(self, item: Item) -> str:
        for path in item.paths:
            path.unlink(missing_ok=True)
        about = read_about(item.about)
        return about.url if about else item.paths[0].name

    def _others(self, own: Lease) -> tuple[dict[str, int], set[str]]:
        """Read what other living processes hold and need; leases of the dead are taken away."""
        held: dict[str, int] = {}
        needs: set[str] = set()
        for path in (self.folder / "leases").glob("*.json"):
            if path == own.path:
                continue
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError), open(path, encoding="utf-8") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    content = json.load(file)
                    held.update({str(key): int(size) for key, size in content["held"].items()})
                    needs.update(content["needs"])
                else:
                    path.unlink(missing_ok=True)
        return held, needs

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "lock", "a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _age(needs: frozenset[str]) -> Any:
    """Sort what nobody needs first, the longest unused of it first."""
    return lambda item: (item.key in needs, item.used)


def read_about(path: Path) -> About | None:
    """Read what is known of a file; `None` where that is nothing."""
    try:
        return About(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_json(path: Path, content: Any) -> None:
    """Write a small file in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex[:8]}")
    temporary.write_text(json.dumps(content, sort_keys=True), encoding="utf-8")
    temporary.replace(path)


def now() -> str:
    """Tell the time, UTC, as receipts do."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
