"""Measures processes as wholes: wall time from start to end, and the largest memory.

A process counts from its parent's memory on, which it shares until it is another program. So this file is run itself,
by a bare Python of 14 MB, and starts from there what is measured:

    python -I -S bench/scale_measure.py OUT WORD…    runs WORD…, its output into OUT; prints the figures as JSON
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
TOLD = "told.json"
"""Where a process can leave in its folder what only it knows."""


@dataclass
class Figure:
    """What was measured of a command that ran once or several times.

    Attributes
    ----------
    walls
        Wall time (s) of each time.
    cpu_s
        The shortest processor time, of all its processes: it tells more where others are on the machine.
    rss_mb
        The largest memory of any of its processes, of all times.
    out, told
        What it wrote the last time, and what it left in `TOLD`.
    """

    walls: list[float] = field(default_factory=list)
    cpu_s: float = math.inf
    rss_mb: float = 0.0
    out: str = ""
    told: dict[str, float] = field(default_factory=dict)

    @property
    def wall_s(self) -> float:
        """The shortest time: what others do on the machine only adds to it."""
        return min(self.walls)

    def __str__(self) -> str:
        middle = f" ({statistics.median(self.walls):.2f})" if len(self.walls) > 1 else ""
        return f"{self.wall_s:.2f}{middle} s, CPU {self.cpu_s:.2f} s, {self.rss_mb:.0f} MB"


def measure(words: list[str], folder: Path, figure: Figure | None = None, code: int = 0) -> Figure:
    """Run a command in a folder and measure it.

    Parameters
    ----------
    figure
        Where it is added to.
    code
        The exit code that it should have.

    Raises
    ------
    RuntimeError
        It ended with another one.
    """
    figure = Figure() if figure is None else figure
    out = folder / "measured.out"
    done = subprocess.run(
        [sys.executable, "-I", "-S", __file__, str(out), *words],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(PROJECT)}, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    figure.out = out.read_text(encoding="utf-8", errors="replace")
    if (folder / TOLD).exists():
        figure.told = json.loads((folder / TOLD).read_text())
    if told["code"] != code:
        raise RuntimeError(f"{' '.join(words)} ended with {told['code']}:\n{figure.out[-2000:]}")
    figure.walls.append(told["wall_s"])
    figure.cpu_s = min(figure.cpu_s, told["cpu_s"])
    figure.rss_mb = max(figure.rss_mb, told["rss_mb"])
    return figure


def alternate(repeats: int, *each: Callable[[], object]) -> None:
    """Call functions in turn, several times: what else the machine does hits all of them alike."""
    for _ in range(repeats):
        for call in each:
            call()


def main() -> None:
    """Run the words, and print how long it took and the memory."""
    out, *words = sys.argv[1:]
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    began = time.perf_counter()
    process = os.posix_spawnp(words[0], words, os.environ, file_actions=streams)
    _, status, used = os.wait4(process, 0)
    wall = time.perf_counter() - began
    code, cpu = os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
    print(json.dumps({"wall_s": wall, "cpu_s": cpu, "rss_mb": used.ru_maxrss / 1024, "code": code}))


if __name__ == "__main__":
    main()
