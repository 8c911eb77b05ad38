"""How fast ROOT files get their canonical bytes and their content's hash, beside ``sha256sum`` of the same file.

Two files with one content but for one value are written with uproot, uncompressed, in baskets of about 32 kB. Each
question is asked several times and in turn with the others; the shortest time counts, and processor time rather than
wall time, as others may be on the machine. The canonicaliser is measured on a copy that has not been through it, and
once more on that. Files stay in the page cache, so disks do not count. ``sha256sum`` does not always use what the
processor has for it, so Python's own stands beside it. The differ compares both files, to name that one value. The
folder must be new; it is removed at the end.

    python -m bench.rootfile --folder /tmp/rootfile
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import uproot

from automagic.diff import compare
from automagic.rootfile import canonicalise, content_hash

MB_PER_S = 500
"""To reach by both; where ``sha256sum`` is slower, nine tenths of it are enough."""

BASKET_VALUES = 8192
"""Of 4 bytes each: 32 kB."""

BRANCHES = [f"MHillas.f{number}" for number in range(8)]
TIMES = 5


def write(path: Path, megabytes: int, changed: bool = False) -> None:
    """Write a file of about this size; if asked, with another value in the middle."""
    passes = max(1, megabytes * 1_000_000 // (4 * BASKET_VALUES * len(BRANCHES)))
    numbers = np.random.default_rng(1)
    with uproot.recreate(path, compression=None) as file:
        file.mktree("Events", dict.fromkeys(BRANCHES, "f4"))
        for number in range(passes):
            values = {name: numbers.random(BASKET_VALUES, dtype="f4") for name in BRANCHES}
            if changed and number == passes // 2:
                values[BRANCHES[0]][BASKET_VALUES // 2] += 1
            file["Events"].extend(values)


def sha256sum(path: Path) -> str:
    """Return what the usual program says."""
    return subprocess.run(["sha256sum", path], check=True, capture_output=True, text=True).stdout.split()[0]


def sha256(path: Path) -> str:
    """Return the same from Python's own library."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def timed(function: Callable[[], object]) -> tuple[float, float]:
    """Return wall and processor seconds of one call, children included."""
    before, began = os.times(), time.perf_counter()
    function()
    wall, after = time.perf_counter() - began, os.times()
    return wall, sum(after[:4]) - sum(before[:4])


def measure(first: Path, times: int) -> dict[str, list[tuple[float, float]]]:
    """Ask in turn; return the seconds of each question."""
    names = ("sha256sum", "SHA-256 in Python", "canonicalise", "canonicalise again", "content hash")
    told: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    fresh = first.with_name("fresh.root")
    for _ in range(times):
        told["sha256sum"].append(timed(lambda: sha256sum(first)))
        told["SHA-256 in Python"].append(timed(lambda: sha256(first)))
        told["content hash"].append(timed(lambda: content_hash(first)))
        shutil.copyfile(first, fresh)
        told["canonicalise"].append(timed(lambda: canonicalise(fresh)))
        told["canonicalise again"].append(timed(lambda: canonicalise(fresh)))
    if sha256sum(fresh) != content_hash(first):
        sys.exit("the content hash is not that of the canonical bytes")
    return told


def main() -> None:
    """Make the files, ask, print the table; exit code 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="a new folder on a local disk")
    parser.add_argument("--size-mb", type=int, default=500)
    parser.add_argument("--times", type=int, default=TIMES)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True)
    try:
        first, other = arguments.folder / "first.root", arguments.folder / "other.root"
        write(first, arguments.size_mb)
        write(other, arguments.size_mb, changed=True)
        told = measure(first, arguments.times)
        told["diff of two"] = [timed(lambda: compare(first, other)) for _ in range(min(arguments.times, 2))]
        size = first.stat().st_size / 1e6
    finally:
        shutil.rmtree(arguments.folder)
    print(f"{size:.0f} MB in baskets of 32 kB, shortest of {arguments.times}\n")
    print(f"| {'':<18} |  wall s |   CPU s | MB/s of CPU | × sha256sum |")
    print(f"|{'-' * 20}|--------:|--------:|------------:|------------:|")
    reference, missed = min(cpu for _, cpu in told["sha256sum"]), False
    for name, pairs in told.items():
        wall, cpu = (min(column) for column in zip(*pairs, strict=True))
        rate = size / max(cpu, 0.01)  # the system counts hundredths
        print(f"| {name:<18} | {wall:7.2f} | {cpu:7.2f} | {rate:11.0f} | {reference / max(cpu, 0.01):11.2f} |")
        if name in ("canonicalise", "content hash"):
            missed |= rate < min(MB_PER_S, 0.9 * size / reference)
    print(f"\nto reach: {MB_PER_S} MB/s, or what sha256sum does: {'MISSED' if missed else 'met'}")
    sys.exit(missed)


if __name__ == "__main__":
    main()
