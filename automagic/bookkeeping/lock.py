"""One driver at a time in an analysis folder; a second one is told who holds it, and what to do."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import getpass
import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from automagic.bookkeeping.folder import Folder
from automagic.errors import UserError
from automagic.job.publish import look_again

WITHOUT_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
"""What file systems say that have no locks: NFS without its lock service, Lustre without ``-o flock``, …"""

TRIES = 10
"""So often the lock may be put aside by somebody else just when it is taken."""

Holder = dict[str, Any]


class Hold:
    """The lock of an analysis while this process holds it."""

    def __init__(self, folder: Folder, file: IO[bytes]) -> None:
        self.folder = folder
        self._own = os.fstat(file.fileno())

    def is_there(self) -> bool:
        """Tell whether the lock is still at its place; a server that gives no answer is no proof that it is not."""
        look_again(self.folder.lock.parent)
        try:
            return os.path.samestat(self._own, os.stat(self.folder.lock))
        except FileNotFoundError:
            return False
        except OSError:
            return True

    def check(self) -> None:
        """Stop where somebody has taken the lock away: another driver may run by now.

        Raises
        ------
        UserError
            It is not at its place any more.
        """
        if not self.is_there():
            raise UserError(
                f"{self.folder.name}: the lock of this driver was taken away, so another one may run; this one ends",
                hint=f"automagic status {self.folder.label} tells who runs it now. Only one driver can work in it.",
            )


@contextlib.contextmanager
def hold(folder: Folder) -> Iterator[Hold]:
    """Hold the lock of an analysis. It goes with the process, however that ends.

    Raises
    ------
    UserError
        Somebody else holds it; the message says who, where and since when. Or nobody can hold it in this folder.
    """
    with _open(folder) as file:
        try:
            file.truncate(0)
            file.write(json.dumps(_me()).encode())
            os.fsync(file.fileno())  # other hosts see it now, not when this one closes it
        except OSError as error:
            raise _unwritable(folder.lock, error) from None
        held = Hold(folder, file)
        try:
            yield held
        finally:
            if held.is_there():
                with contextlib.suppress(OSError):
                    file.truncate(0)


@contextlib.contextmanager
def _open(folder: Folder) -> Iterator[IO[bytes]]:
    """Open and lock the file of the lock: the one that is at its place, not one that was just put aside."""
    for _ in range(TRIES):
        try:
            folder.lock.parent.mkdir(parents=True, exist_ok=True)
            file = open(folder.lock, "ab+", buffering=0)  # noqa: SIM115 (closed below)
        except OSError as error:
            raise _unwritable(folder.lock, error) from None
        with file:
            if not _take(file, folder):
                raise UserError(f"the analysis {folder.name} is already being run {holder(folder)}", hint=hint(folder))
            if Hold(folder, file).is_there():
                yield file
                return
    raise UserError(
        f"{folder.lock} is another file whenever it is looked at", hint="Move the analysis to another disk."
    )


def _unwritable(path: Path, error: OSError) -> UserError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(f"the disk is full: {path} could not be written", hint="Make room there and run it again.")
    return UserError(
        f"{path} cannot be written: {error.strerror}",
        hint="Who runs an analysis writes into its folder: have that allowed, or run a copy of your own.",
    )


def _take(file: IO[bytes], folder: Folder) -> bool:
    for _ in range(3):  # somebody who only looks (`is_held`) has it for a moment
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.05)
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
            raise UserError(
                f"files cannot be locked in {folder.lock.parent}: {error.strerror}",
                hint="Move the analysis to another file system, or have this one mounted with locks "
                "(Lustre: -o flock; NFS: with lockd). Without locks two drivers could run at once.",
            ) from None
    return False


def user() -> str:
    """Return the name of the user of this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _me() -> Holder:
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    told: Holder = {"user": user(), "host": platform.node(), "process": os.getpid(), "since": since}
    return told | ({"detached": True} if "AUTOMAGIC_DETACHED" in os.environ else {})


def is_held(folder: Folder) -> bool:
    """Tell whether a driver is running here."""
    try:
        with open(folder.lock, encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
    return False


# --- who holds it


def read_holder(folder: Folder) -> Holder:
    """Return what the holder of the lock has written: user, host, process, since, detached; empty where nothing."""
    try:
        found = json.loads(folder.lock.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def holder(folder: Folder) -> str:
    """Say who holds the lock, in words."""
    who = read_holder(folder)
    if not {"user", "host", "since", "process"} <= who.keys():
        return "by another process"
    more = ", detached" if who.get("detached") else ""
    return f"by {who['user']} on {who['host']} since {who['since']} (process {who['process']}{more})"


def hint(folder: Folder) -> str:
    """Say what a person can do who wants to run an analysis that is being run already."""
    name, who = folder.label, read_holder(folder)
    if is_dead(who):
        return f"That process is not there any more: automagic unlock {name} takes its lock away."
    if who.get("detached"):
        words = f"Wait for it to end (automagic attach {name} shows it), or end it: automagic stop {name}."
    else:
        words = f"Wait for it to end, or end it: Ctrl-C there, or automagic stop {name} where its jobs are HTCondor's."
    if who.get("host") == platform.node():
        return words
    return f"{words}\nIf {who.get('host', 'its host')} is dead and the lock stays: automagic unlock {name}"


def is_dead(who: Holder) -> bool:
    """Tell whether a holder is known not to live: of this host, and no process that has a lock."""
    number = who.get("process")
    return who.get("host") == platform.node() and isinstance(number, int) and not _locks(number)


def _locks(number: int) -> bool:
    """Tell whether a process is there and, where the system tells which processes have locks, has one."""
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is somebody else's
        pass
    try:
        words = [line.split() for line in Path("/proc/locks").read_text(encoding="ascii").splitlines()]
    except (OSError, ValueError):
        return True
    return not words or any(line[4:5] == [str(number)] for line in words)


def put_aside(folder: Folder) -> Path:
    """Take the lock away from who holds it: whoever comes next makes a new one. Return where the old one is.

    Raises
    ------
    UserError
        The folder cannot be written.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = folder.lock.with_name(f"lock.broken-{stamp}")
    try:
        folder.lock.rename(aside)
    except OSError as error:
        raise UserError(f"{folder.lock} cannot be put aside: {error.strerror}") from None
    return aside
