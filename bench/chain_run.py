"""How bench/chain.py runs and times whole processes of both sides."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MERGE = "from magicctapipe.scripts.lst1_magic.merge_hdf_files import merge_hdf_files as m; import sys; m(*sys.argv[1:])"
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")}


@dataclass
class Timing:
    """Of one process or the sum of several: s, and how many events went in."""

    name: str
    wall: float
    cpu: float
    events: int


def run(words: list[object], log: Path) -> tuple[float, float]:
    """Run a process on the last core we may use; gives wall and processor seconds. Its output goes to `log`."""
    core = max(os.sched_getaffinity(0))
    start = time.perf_counter()
    with log.open("a") as out:
        process = subprocess.Popen(
            [str(word) for word in words], stdout=out, stderr=out, env=os.environ | ONE_THREAD,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if process.returncode:
        tail = "\n".join(log.read_text().splitlines()[-15:])
        sys.exit(f"{words[0]} ended with code {process.returncode}; see {log}:\n{tail}")
    return wall, usage.ru_utime + usage.ru_stime


def best_of(times: int, words: list[object], log: Path) -> tuple[float, float]:
    """Run several times and take the quickest: for processes so short that the machine's moods matter."""
    return min((run(words, log) for _ in range(times)), key=lambda t: t[0])


def openmars(program: str) -> Path:
    """Path of one of our programs."""
    return ROOT / "openmars" / program


def mcp_card(work: Path, tools: Path, save_images: bool) -> Path:
    """Write a configuration of magic-cta-pipe from its own for observations with MAGIC only."""
    script = (
        "import sys, yaml, magicctapipe, pathlib\n"
        "path = pathlib.Path(magicctapipe.__file__).parent / 'resources' / 'test_config_monly.yaml'\n"
        "card = yaml.safe_load(path.read_text())\n"
        "card['save_images'] = sys.argv[2] == 'True'\n"
        "for part in ('energy_regressor', 'disp_regressor', 'event_classifier'):\n"
        "    card[part]['settings']['n_jobs'] = 1\n"
        "pathlib.Path(sys.argv[1]).write_text(yaml.safe_dump(card))\n"
    )
    path = work / f"mcp-{'images' if save_images else 'plain'}.yaml"
    subprocess.run([tools / "python", "-c", script, path, str(save_images)], check=True)
    return path
