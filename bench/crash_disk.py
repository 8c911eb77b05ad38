"""The crash test on a disk that is full now and then.

    python -m bench.crash_disk --folder /dev/shm/crash --runs 100

A small disk of its own (tmpfs, which takes root) has the analysis; a process eats what is free there, to the last bytes
or nearly so, and gives it back after a while, again and again. Drivers are killed or end by themselves: then they say
that the disk is full, and never with a traceback. What is checked is the same as in `bench.crash`, and once there is
room for good, one more driver has to finish everything.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from bench.crash import Crasher, Production, leaving
from bench.crash_check import Tally
from bench.scale_measure import PROJECT

SIZE_MB = 24
KILLED = 0.3
"""So many of the drivers are killed; the others end as they can."""


@contextlib.contextmanager
def small_disk(place: Path, size_mb: int = SIZE_MB) -> Iterator[Path]:
    """Mount a disk of some MB.

    Raises
    ------
    PermissionError
        Nobody may mount one here.
    """
    place.mkdir(parents=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(place)]
    if os.getuid() or subprocess.run(words, check=False, capture_output=True).returncode:
        raise PermissionError("a small disk needs the right to mount one")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def eat(path: Path, random: Random) -> None:
    """Fill a disk with a file, but for some bytes, and make room again, for ever."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    block = bytes(1 << 20)
    while True:
        time.sleep(random.uniform(0.0, 0.5))
        size, step = 0, len(block)
        while step >= 4096:
            try:
                size += os.pwrite(file, block[:step], size)
            except OSError:
                step //= 2
        os.ftruncate(file, max(0, size - random.choice((0, 0, 1 << 12, 1 << 14, 1 << 16, 1 << 18))))
        time.sleep(random.uniform(0.05, 0.5))
        os.ftruncate(file, 0)


@contextlib.contextmanager
def eater(path: Path, random: Random) -> Iterator[None]:
    """Have a process that eats the disk."""
    number = os.fork()
    if not number:
        with leaving():
            eat(path, random)
    try:
        yield
    finally:
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
        path.unlink(missing_ok=True)


def crash(folder: Path, runs: int, nights: int, seed: int, say: bool = False) -> tuple[Tally, int]:
    """Run drivers on a full disk; return what was found, and how many said that the disk is full."""
    crasher = Crasher(seed, say)
    refused = number = 0
    while crasher.tally.drivers < runs:
        place = folder / str(number)
        place.mkdir(parents=True)
        with small_disk(place / "disk") as disk:
            production = Production(place, nights, number % 2 == 0, crasher.random, disk)
            try:
                with eater(disk / "hog", Random(crasher.random.random())):
                    for _ in range(min(30, runs - crasher.tally.drivers)):
                        code = crasher.cycle(production, [], full=True, spare=crasher.random.random() > KILLED)
                        refused += code not in (0, None)
                crasher.quietly(production)
                crasher.compare(production)
                production.ledger.close(production.wanted())
            finally:
                production.close()
                crasher.close(production)
        number += 1
    return crasher.tally, refused


def main() -> int:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--nights", type=int, default=4, help="of 100 tasks each, in a production")
    parser.add_argument("--seed", type=int, default=1)
    words = parser.parse_args()
    os.chdir(PROJECT)
    began = time.monotonic()
    tally, refused = crash(words.folder.resolve(), words.runs, words.nights, words.seed, say=True)
    print(tally.text(time.monotonic() - began))
    print(f"full        {refused} drivers said that the disk is full")
    return bool(tally.wrong)


if __name__ == "__main__":
    sys.exit(main())
