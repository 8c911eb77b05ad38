"""How fast the driver takes in what HTCondor tells: many jobs against a simulated schedd, without a pool.

The driver is the real one: doit's graph, job folders, batches, event log, results moved into the store, journal. Only
the schedd is simulated (``bench/simulated_schedd.py``): it takes clusters, writes the event logs that a real one would
write, and puts a result into each job's folder. Its own time is measured apart and taken off.

    python bench/condor_replay.py --jobs 100000 --folder /tmp/replay
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from bench.simulated_schedd import SimulatedSchedd

EVENTS_PER_S, MEMORY_MB = 5000, 500
"""To reach: at least so many events a second, with at most so much memory."""

TICK = 5000
"""So many jobs end, and so many start, between two looks at the log."""


class Replay:
    """The simulated pool of one run, and how long it took itself."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.schedd = SimulatedSchedd()
        self.own_s = 0.0
        self.first = self.last = 0.0

    def step(self) -> None:
        """Let jobs end, with results, and others start."""
        began = time.monotonic()
        for job in list(self.schedd.running)[:TICK]:
            leave_result(self.work / job.attempt)
        if self.schedd.tick(TICK):
            self.first = self.first or began
        self.own_s += time.monotonic() - began


def leave_result(folder: Path) -> None:
    """Leave what a job that did nothing leaves."""
    spec = json.loads((folder / "spec.json").read_text())
    copied = ("task", "action", "attempt", "program", "engine", "engine_digest", "environment", "command", "overrides")
    receipt = {key: spec[key] for key in copied} | {
        "receipt": 1, "state": "done", "reason": None, "exit_code": 0, "inputs": [], "outputs": [], "wall_s": 0.1,
        "cpu_s": 0.1, "max_rss_mb": 20.0, "host": "node1", "started": "2026-01-01T12:00:00Z",
        "ended": "2026-01-01T12:00:01Z",
    }  # fmt: skip
    (folder / "done").mkdir()
    (folder / "done" / "receipt.json").write_text(json.dumps(receipt))


def make_graph(folder: Path, jobs: int) -> None:
    """Make the graph of an analysis of so many tasks that do nothing and make nothing."""
    from automagic.bookkeeping import Folder
    from automagic.graph.asked import save
    from automagic.graph.task import Resources, Task

    tasks = {
        f"star:{number:06d}": Task(
            f"star:{number:06d}", "star", "nothing", "mars", "true", card=f"Number: {number}\n",
            resources=Resources(memory_mb=100, disk_mb=1, minutes=10),
        )
        for number in range(jobs)
    }  # fmt: skip
    save(Folder(folder).graph, tasks, {"notes": [], "key": "replay"})


def session(folder: Path) -> Any:
    """Open the analysis."""
    from automagic.analysis.site import Site
    from automagic.bookkeeping import Folder
    from automagic.graph.asked import Asked
    from automagic.runner.session import Session

    site = Site.model_validate({"executor": "condor", "condor": {"max_running": TICK, "max_queued": TICK}})
    return Session(folder, Asked(Folder(folder).graph), {"mars": folder / "mars"}, site=site)


def run(folder: Path, jobs: int) -> dict[str, float]:
    """Run all tasks; return what was measured."""
    from doit.doit_cmd import DoitMain

    from automagic.executors.condor import CondorExecutor
    from automagic.job.launch import LAUNCHER
    from automagic.runner import current, drive

    replay = Replay(folder / "work")

    class Executor(CondorExecutor):
        def wait(self, timeout: float | None = None, wake: int | None = None) -> list[Any]:
            replay.step()
            return super().wait(timeout, wake)

    def make(session: Any, pyz: Path, cores: int) -> CondorExecutor:
        executor = Executor(folder / "work", session.site.condor, "replay", pyz, LAUNCHER, replay.schedd)  # type: ignore[arg-type]
        executor.step_s = 0.0
        return executor

    whole_drive = drive.Driver.drive

    def timed(driver: Any) -> int:
        code = whole_drive(driver)
        replay.last = time.monotonic()
        return code

    drive.Driver.drive = timed  # type: ignore[method-assign]
    current.open_session = lambda _: session(folder)
    drive.make_executor = make
    drive.write_report = lambda _: None
    began = time.monotonic()
    main = DoitMain(config_filenames=("doit.cfg",), extra_config={"GLOBAL": {"dep_file": str(folder / "doit.db")}})
    code = main.run([f"analysis={folder}"])
    whole = time.monotonic() - began
    assert code == 0, code
    events = 4 * jobs  # submitted, started, size, ended
    taken = replay.last - replay.first - replay.own_s
    return {
        "jobs": jobs,
        "events": events,
        "events_per_s": events / taken,
        "intake_s": taken,
        "whole_s": whole - replay.own_s,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        **{f"calls_{what}": number for what, number in sorted(replay.schedd.calls.items())},
    }


def main() -> int:
    """Measure and tell; exit code 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, required=True, help="a new folder for the analysis")
    given = parser.parse_args()
    given.folder.mkdir(parents=True)
    os.chdir(Path(__file__).resolve().parents[1])
    folder = given.folder.resolve()
    (folder / "mars").mkdir()
    (folder / "mars" / "true").write_text("#!/bin/sh\n")
    (folder / "analysis.toml").touch()
    try:
        # in a process of its own: the driver's memory is to be measured, and not what it takes to make the tasks
        with ProcessPoolExecutor(1) as pool:
            pool.submit(make_graph, folder, given.jobs).result()
        found = run(folder, given.jobs)
    finally:
        shutil.rmtree(given.folder)
    for name, value in found.items():
        print(f"{name:16} {value:12.1f}")
    missed = found["events_per_s"] < EVENTS_PER_S or found["memory_mb"] > MEMORY_MB
    print(f"to reach: {EVENTS_PER_S} events/s in {MEMORY_MB} MB: {'missed' if missed else 'reached'}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
