"""How long the index of storage takes: walk, names, tables; cold, unchanged, and after a night came in.

A tree of empty files (of a size, without content) is made with the data centre's layout, and removed at the end.
Each pass is ``automagic index --names-only`` as a process of its own, from its start to its end; ``find`` with size
and time of each file stands beside it, for what the file system and the machine give. Wall and processor times are
those of the machine as it is: leave it alone meanwhile. "Cold" is without an index; the file system's own cache is
warm from making the tree, but with ``--drop`` (needs root) is emptied before.

    python bench/index.py --files 1000000 --work /tmp
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

COLD_S, UNCHANGED_S = 10.0, 2.0
"""Targets for a million names on a local disk."""

SUBRUNS, RUNS_A_NIGHT, SOURCES = 15, 7, 40
AUTOMAGIC = [sys.executable, "-m", "automagic.cli"]


def make_night(root: Path, number: int, limit: int) -> int:
    """Make the files of one source in one night, at most `limit`; return how many."""
    night = date(2013, 1, 1) + timedelta(days=number // SOURCES)
    source = f"Source{number % SOURCES:02d}"
    folder = root / "Calibrated" / "v1" / source / f"{night:%Y_%m_%d}"
    folder.mkdir(parents=True)
    made = 0
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    for run in range(5_000_000 + number * RUNS_A_NIGHT, 5_000_000 + (number + 1) * RUNS_A_NIGHT):
        for telescope in (1, 2):
            for subrun in range(1, SUBRUNS + 1):
                if made < limit:
                    name = (
                        f"{night:%Y%m%d}_M{telescope}_{run:08d}.{subrun:03d}_Y_{source}-W0.40+{run % 4 * 90:03d}.root"
                    )
                    file = os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=at)
                    os.ftruncate(file, 100_000_000 + made)
                    os.close(file)
                    made += 1
    os.close(at)
    return made


def make_tree(root: Path, files: int) -> int:
    """Make so many files, as if they had been there since yesterday; return the number of folders with files."""
    made = number = 0
    while made < files:
        made += make_night(root, number, files - made)
        number += 1
    age(root)
    return number


def age(root: Path) -> None:
    """Give what was just made a time that a pass trusts: what is younger than a minute it reads again."""
    yesterday = time.time() - 86400
    for folder, _, names in os.walk(root, topdown=False):
        if os.stat(folder).st_mtime < yesterday + 3600:
            continue
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        for name in names:
            os.utime(name, (yesterday, yesterday), dir_fd=at)
        os.close(at)
        os.utime(folder, (yesterday, yesterday))


def timed(words: list[str | Path]) -> tuple[float, float, bytes]:
    """Run a process; return wall and processor seconds, and what it wrote."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run([str(word) for word in words], check=True, stdout=subprocess.PIPE)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def passed(label: str, root: Path, index: Path, find: float, more: tuple[str, ...] = ()) -> dict[str, float]:
    """Time one pass, print it, and return its figures."""
    words = [*AUTOMAGIC, "index", root, "--into", index, "--names-only", "--json", *more]
    wall, cpu, out = timed(words)
    told = json.loads(out)
    print(
        f"{label:<28} {wall:7.2f} s wall {cpu:7.2f} s CPU {wall / find:7.2f} × find   "
        f"{told['files']:,} files, {told['new']:,} new, {told['read']:,} of {told['folders']:,} folders read",
        flush=True,
    )
    return {"wall_s": wall, "cpu_s": cpu, "ratio_to_find": wall / find, "files": told["files"]}


def main() -> None:
    """Make the tree, time the passes, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--work", type=Path, help="where the tree is made for the while; a local disk")
    parser.add_argument("--drop", action="store_true", help="empty the file system's cache before the cold pass")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-index-", dir=arguments.work) as name:
        root, index = Path(name) / "data", Path(name) / "index"
        began = time.perf_counter()
        folders = make_tree(root, arguments.files)
        print(
            f"made {arguments.files:,} files in {folders:,} folders in {time.perf_counter() - began:.0f} s", flush=True
        )
        if arguments.drop:
            os.sync()
            Path("/proc/sys/vm/drop_caches").write_text("2")
        find, cpu, _ = timed(["find", root, "-type", "f", "-fprintf", "/dev/null", "%s %T@ %p\n"])
        print(f"{'find with size and time':<28} {find:7.2f} s wall {cpu:7.2f} s CPU", flush=True)
        if arguments.drop:
            Path("/proc/sys/vm/drop_caches").write_text("2")
        figures = {"find": {"wall_s": find, "cpu_s": cpu}, "cold": passed("cold", root, index, find)}
        figures["unchanged"] = passed("unchanged", root, index, find)
        make_night(root, folders, 10**9)
        figures["one_night_more"] = passed("a night more", root, index, find)
        age(root)
        passed("after it has aged", root, index, find)
        figures["full"] = passed("every file again (--full)", root, index, find, ("--full",))
        size = sum(path.stat().st_size for path in index.iterdir())
        print(f"the tables take {size / 1e6:.1f} MB")
    for label, target in (("cold", COLD_S), ("unchanged", UNCHANGED_S)):
        wall = figures[label]["wall_s"]
        verdict = "met" if wall <= target else "MISSED"
        print(f"{label}: {wall:.2f} s, the target for a million is {target:.0f} s: {verdict}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
