"""The folders: whether they can be written, how much room there is, what clock they have, and who works there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from automagic.analysis.site import Site
from automagic.bookkeeping import Folder
from automagic.bookkeeping.driver import find_driver
from automagic.bookkeeping.lock import is_dead
from automagic.doctor.check import Check
from automagic.doctor.machine import run
from automagic.staging.urls import is_remote

PRIVATE = (Path("/tmp"), Path("/var/tmp"))
"""HTCondor gives each job its own."""

LOCAL = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "ramfs", "f2fs"})
"""File systems that other machines do not see as they are."""

FREE_MIN = 1e9
INODES_MIN = 10_000
CLOCK_S = 5.0


def folder_checks(root: Path, site: Site) -> Iterator[Check]:
    """Look at the folder of an analysis: file system, writing, locks, clock."""
    kind, mounted = file_system(root)
    if site.executor == "condor":
        yield shared(root, kind, mounted, site.condor.shared_files)
    else:
        yield Check("folder", True, f"{root} on {kind} at {mounted}")
    probe = root / f".doctor-{uuid.uuid4().hex[:12]}"
    try:
        with open(probe, "xb") as file:
            before = time.time()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            after, written = time.time(), os.fstat(file.fileno()).st_mtime
            yield Check("write", True, "files can be written in it")
            yield _lock(file.fileno())
        # file servers stamp files by their own clock
        yield clock("clock of the folder", max(written - after, before - written, 0.0))
    except OSError as error:
        mend = "Give yourself the right to write there, make room, or take another folder."
        yield Check("write", False, f"{root} cannot be written: {error.strerror}", mend)
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def _lock(descriptor: int) -> Check:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        mend = "Have it mounted with locks (Lustre: -o flock; NFS: with lockd), or take another folder."
        return Check("locks", False, f"files cannot be locked there: {error.strerror}", mend)
    return Check("locks", True, "files can be locked in it")


def shared(root: Path, kind: str, mounted: Path, must: bool) -> Check:
    """Look at whether nodes can see a folder."""
    if any(root.is_relative_to(each) for each in PRIVATE):
        found = f"{root} lies where HTCondor gives each job a private folder, so that no job sees it"
        return Check(
            "folder", False, found, "Move the analysis, e.g. below your home folder or the site's shared disk."
        )
    if must and kind in LOCAL:
        found = f"{root} is on {kind} at {mounted}, which other machines may not see; --submit tells"
        return Check(
            "folder", None, found, "If they do not: another folder, or condor.shared_files = false in site.toml."
        )
    return Check("folder", True, f"{root} on {kind} at {mounted}")


def clock(name: str, off: float) -> Check:
    """Judge by how many seconds a clock is off."""
    if off > CLOCK_S:
        mend = "Set the clocks by NTP (systemctl status systemd-timesyncd, chronyc tracking)."
        return Check(name, False, f"differs by {off:.0f} s from this machine's", mend)
    return Check(name, True, "agrees with this machine's")


def room(name: str, path: Path) -> Iterator[Check]:
    """Look at how much room there is for bytes and for files, and at the quota where one is known."""
    there = next(each for each in (path, *path.parents) if each.exists())
    stat = os.statvfs(there)
    free = stat.f_bavail * stat.f_frsize
    left = quota(there)
    words = f"{free / 1e9:.0f} GB free" + ("" if left is None else f", {left / 1e9:.0f} GB of your quota")
    enough = min(free, free if left is None else left) >= FREE_MIN
    yield Check(name, enough, f"{words} at {there}", "" if enough else "Make room there.")
    if stat.f_files and stat.f_favail < INODES_MIN:
        yield Check(f"{name}, files", False, f"{stat.f_favail} more files fit at {there}", "Remove files there.")


def quota(path: Path) -> float | None:
    """Return how many bytes a person may still write, as far as ``quota`` tells."""
    if shutil.which("quota") is None:
        return None
    return quota_left(run(["quota", "-w", "-Q", "-p"]).stdout, device(path))


def quota_left(text: str, source: str) -> float | None:
    """Return the bytes left on a device from what ``quota -w`` says (in kB).

    >>> quota_left(" Filesystem blocks quota limit grace\\n srv:/home 900* 1000 0 0 5 0 0 0\\n", "srv:/home")
    100000.0
    """
    for line in text.splitlines():
        words = [word.rstrip("*") for word in line.split()]
        if len(words) >= 4 and words[0] == source and all(word.isdigit() for word in words[1:4]):
            used, soft, hard = (float(word) for word in words[1:4])
            limit = min((each for each in (soft, hard) if each), default=None)
            return None if limit is None else max(0.0, 1000 * (limit - used))
    return None


def mounts() -> list[tuple[Path, str, str]]:
    """Return where which file systems are mounted: place, kind, device."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        before, _, after = line.partition(" - ")
        words, more = before.split(), after.split()
        if len(words) > 4 and len(more) > 1:
            # blanks and the like are written as numbers, \\040
            place = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), words[4])
            found.append((Path(place), more[0], more[1]))
    return found


def _mount(path: Path) -> tuple[Path, str, str]:
    path = path.resolve()
    around = [each for each in mounts() if path.is_relative_to(each[0])]
    # of two at one place, the later one covers the earlier
    return max(
        enumerate(around), key=lambda pair: (len(pair[1][0].parts), pair[0]), default=(0, (Path("/"), "?", "?"))
    )[1]


def file_system(path: Path) -> tuple[str, Path]:
    """Return the kind of the file system that has a path, and where that is mounted."""
    place, kind, _ = _mount(path)
    return kind, place


def device(path: Path) -> str:
    """Return the device or server that has a path."""
    return _mount(path)[2]


def driver(folder: Folder) -> Check:
    """Look at who works in an analysis."""
    about = find_driver(folder)
    if about.running:
        who = f"{about.user} on {about.host} since {about.since} (process {about.process})"
        if is_dead({"host": about.host, "process": about.process}):
            mend = f"A file server can keep a lock longer than its process lives: automagic unlock {folder.label}"
            return Check("driver", False, f"the lock is held by {who}, which is not there", mend)
        return Check("driver", True, f"is run by {who}")
    left = sum(1 for _ in folder.work.glob("*/spec.json"))
    if left:
        return Check(
            "driver", None, f"none runs; {left} jobs are left of one that ended", "./doit takes them in or over"
        )
    return Check("driver", True, "none runs, and nothing is left of an earlier one")


def storage(site: Site) -> Iterator[Check]:
    """Look at the folders of ``[storage]``; addresses are for ``automagic index``."""
    for key in ("roots", "mc", "off"):
        for text in getattr(site.storage, key):
            if is_remote(text):
                continue
            path = site.place(text)
            try:
                number = len(os.listdir(path))
                yield Check(f"storage.{key}", True, f"{path} can be read ({number} entries)")
            except OSError as error:
                mend = f"Correct storage.{key} in site.toml, or have it mounted here."
                yield Check(f"storage.{key}", False, f"{path}: {error.strerror}", mend)
