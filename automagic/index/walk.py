"""Walking storage trees, looking only at folders that changed.

A folder's entry changes its modification time; that of a file's content does not. A folder is therefore passed over
when it is the one it was (inode) and has the time it had, and everything in it was older than `RECENT_S` when it was
read: what is younger may still be written, or change again within one tick of the file system's clock.
"""

from __future__ import annotations

import os
import stat
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

RECENT_S = 60.0
"""Younger than this, a folder is read again next time."""

THREADS = 16
"""At a time where storage keeps each look at a file waiting, as a network does."""


@dataclass
class Scan:
    """What one folder has.

    Attributes
    ----------
    path, inode, mtime_ns
        Of the folder; the time is that before it was read.
    names, sizes, mtimes_ns, places
        Of its files; `places` is empty where all are online, as on this machine.
    folders
        Names of the folders in it.
    links
        Links to files: name, size, time, and the file that it leads to. They count where that is in no folder walked.
    odd
        Name, and why it is no file that can be read: a link to nothing, a socket …
    error
        Why the folder could not be read.
    """

    path: str
    inode: int = 0
    mtime_ns: int = 0
    device: int = 0
    names: list[str] = field(default_factory=list)
    sizes: list[int | None] = field(default_factory=list)
    mtimes_ns: list[int | None] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    links: list[tuple[str, int, int, str]] = field(default_factory=list)
    odd: list[tuple[str, str]] = field(default_factory=list)
    error: str | None = None

    def settled(self, now_ns: int) -> bool:
        """Whether nothing here is so young that it may have changed since without being seen."""
        newest = max(self.mtime_ns, max((time for time in self.mtimes_ns if time), default=0))
        return self.error is None and newest < now_ns - int(RECENT_S * 1e9)


@dataclass(frozen=True)
class Known:
    """A folder as an earlier pass saw it; `mtime_ns` is 0 where it must be read again."""

    inode: int
    mtime_ns: int


@dataclass
class Walk:
    """Folders that were read, and paths of those that are as they were."""

    scans: list[Scan] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    started_ns: int = 0


def walk(
    roots: Iterable[str],
    known: dict[str, Known],
    full: bool = False,
    without: str = "",
    heed: Callable[[Scan], None] | None = None,
) -> Walk:
    """Walk trees.

    Each folder is met once, also where links or nested roots lead to it twice: by the first path in the order of
    depth, then of names.

    Parameters
    ----------
    roots
        Absolute paths of folders that are there.
    known
        All folders of the last pass by path; what is not in it is read.
    full
        Read all folders.
    without
        A folder that is passed over: that of the index itself.
    heed
        Is given each folder that was read, as soon as that is sure to be all.
    """
    found = Walk(started_ns=time.time_ns())
    below: dict[str, list[str]] = defaultdict(list)
    for path in known:
        below[os.path.dirname(path)].append(path)
    seen: set[tuple[int, int]] = set()
    level = outermost(roots)
    while level:
        following: list[str] = []
        unread: list[str] = []
        for path in level:
            status = None if full else _unchanged(path, known.get(path))
            if status is None:
                unread.append(path)
            elif (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                found.same.append(path)
                following += below[path]
        for read in _scans(unread):
            if read is None or (read.device, read.inode) in seen:
                continue
            if read.error is None:
                seen.add((read.device, read.inode))
            found.scans.append(read)
            if heed is not None and not read.links:
                heed(read)
            base = read.path.rstrip("/")
            following += [f"{base}/{name}" for name in read.folders]
        level = sorted(path for path in following if path != without)
    for each in found.scans:
        if each.links:
            _add_links(each, seen)
            if heed is not None:
                heed(each)
    return found


def _add_links(scan: Scan, seen: set[tuple[int, int]]) -> None:
    for name, size, mtime_ns, target in scan.links:
        try:
            status = os.stat(os.path.dirname(target))
        except OSError:
            continue
        if (status.st_dev, status.st_ino) not in seen:
            scan.names.append(name)
            scan.sizes.append(size)
            scan.mtimes_ns.append(mtime_ns)


def outermost(roots: Iterable[str]) -> list[str]:
    """Return folders without those that are below another, and each once; in the order of their names.

    Examples
    --------
    >>> outermost(["/data/v2", "/data", "/data", "/database"])
    ['/data', '/database']
    """
    kept: list[str] = []
    for root in sorted(set(roots), key=lambda path: path.rstrip("/") + "/"):
        if not kept or not (root.rstrip("/") + "/").startswith(kept[-1].rstrip("/") + "/"):
            kept.append(root)
    return kept


def _unchanged(path: str, before: Known | None) -> os.stat_result | None:
    if before is None or before.mtime_ns == 0:
        return None
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status if (status.st_ino, status.st_mtime_ns) == (before.inode, before.mtime_ns) else None


def _scans(paths: list[str]) -> Iterator[Scan | None]:
    """Read folders, one by one, or many at a time where reading is waiting."""
    began, busy = time.perf_counter(), time.thread_time()
    for number, path in enumerate(paths):
        yield scan(path)
        wall = time.perf_counter() - began
        if wall > 0.5 and time.thread_time() - busy < 0.25 * wall:
            with ThreadPoolExecutor(THREADS) as pool:
                yield from pool.map(scan, paths[number + 1 :])
            return


def scan(path: str) -> Scan | None:
    """Read one folder; `None` where it has gone meanwhile."""
    found = Scan(path)
    try:
        path.encode()
    except UnicodeEncodeError:
        found.error = "its name has bytes that are not UTF-8"
        return found
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        found.error = error.strerror or str(error)
        return found
    try:
        status = os.fstat(descriptor)
        found.device, found.inode, found.mtime_ns = status.st_dev, status.st_ino, status.st_mtime_ns
        _entries(descriptor, found)
        found.links = [(*link[:3], os.path.realpath(f"{path}/{link[0]}")) for link in found.links]
    except OSError as error:
        found.error = error.strerror or str(error)
    finally:
        os.close(descriptor)
    return found


def _entries(descriptor: int, found: Scan) -> None:
    names, sizes, mtimes, regular = found.names, found.sizes, found.mtimes_ns, stat.S_ISREG
    with os.scandir(descriptor) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                found.folders.append(entry.name)
                continue
            try:
                status = entry.stat()
            except FileNotFoundError:
                if entry.is_symlink():
                    found.odd.append((entry.name, "it is a link to nothing"))
                continue
            except OSError as error:
                found.odd.append((entry.name, f"it cannot be looked at: {error.strerror}"))
                continue
            if entry.is_symlink() and regular(status.st_mode):
                found.links.append((entry.name, status.st_size, status.st_mtime_ns, ""))
            elif regular(status.st_mode):
                names.append(entry.name)
                sizes.append(status.st_size)
                mtimes.append(status.st_mtime_ns)
            elif stat.S_ISDIR(status.st_mode):
                found.folders.append(entry.name)
            else:
                found.odd.append((entry.name, "it is not a file"))
