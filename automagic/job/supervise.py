"""Run one program in a process group of its own, with a wall-time limit, and end it when told to.

Nothing polls: the loop sleeps until the program ends, a signal comes, the driver goes away or the time is up.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

GRACE_S = 5.0
"""How long a program has between SIGTERM and SIGKILL."""

_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Outcome(NamedTuple):
    """How a program ended. ``stopped`` says why it was ended by us: ``signal``, ``driver``, ``time``."""

    exit_code: int
    """Negative for a signal, as in `subprocess`."""
    stopped: Optional[str]  # noqa: UP045 (evaluated on Python 3.9)
    wall_s: float
    cpu_s: float
    max_rss_mb: float


@contextlib.contextmanager
def _wakeup() -> Iterator[int]:
    """Yield a descriptor that gets a byte, the signal's number, for each signal that matters."""
    read, write = os.pipe()
    for end in (read, write):
        os.set_blocking(end, False)
    signals = (signal.SIGCHLD, *_STOPPING)
    old_handlers = {number: signal.signal(number, lambda *_: None) for number in signals}
    old_fd = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    try:
        yield read
    finally:
        signal.set_wakeup_fd(old_fd)
        for number, handler in old_handlers.items():
            signal.signal(number, handler)
        os.close(read)
        os.close(write)


def _kill_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _stop_reason(ready: Sequence[int], wakeup: int, lifeline: int | None) -> str | None:
    """Say why the program should be ended, if so; `None` to go on."""
    reason = None
    if wakeup in ready and set(os.read(wakeup, 512)) & {int(number) for number in _STOPPING}:
        reason = "signal"
    if lifeline is not None and lifeline in ready:
        with contextlib.suppress(BlockingIOError):
            if not os.read(lifeline, 64):
                reason = reason or "driver"
    return reason


def supervise(
    command: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    log: Path,
    seconds: float,
    lifeline: int | None = None,
) -> Outcome:
    """Run a program and wait for it.

    Parameters
    ----------
    variables
        The whole environment of the program.
    log
        Takes its standard output and error.
    seconds
        Wall time after which it is ended.
    lifeline
        Descriptor that reads end-of-file when the driver is gone; the program is ended then.

    Raises
    ------
    OSError
        The program cannot be started.
    """
    begin = time.monotonic()
    with _wakeup() as wakeup, open(log, "ab") as sink:
        program = subprocess.Popen(
            command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
            start_new_session=True,
        )  # fmt: skip
        watched = [wakeup] + ([] if lifeline is None else [lifeline])
        limit, stopped, killed = begin + seconds, None, False
        while True:
            pid, status, usage = os.wait4(program.pid, os.WNOHANG)
            if pid:
                break
            ready, _, _ = select.select(watched, [], [], max(0.0, limit - time.monotonic()))
            reason = _stop_reason(ready, wakeup, lifeline)
            if stopped is None and (reason or time.monotonic() >= limit):
                stopped = reason or "time"
                _kill_group(program.pid, signal.SIGTERM)
                watched, limit = [wakeup], time.monotonic() + GRACE_S
            elif stopped and not killed and time.monotonic() >= limit:
                _kill_group(program.pid, signal.SIGKILL)
                killed, limit = True, time.monotonic() + 3600
        _kill_group(program.pid, signal.SIGKILL)  # what the program left running
        program.returncode = os.waitstatus_to_exitcode(status)
    return Outcome(
        program.returncode,
        stopped,
        time.monotonic() - begin,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
    )
