"""``python live.py FOLDER``: the executor against a real pool, inside it, as a user that may submit (tests/pool).

FOLDER is seen by the nodes. Each check says what it has found; the first that is wrong ends the program.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from automagic.analysis.condor import Condor
from automagic.executors import Event, Request
from automagic.executors.condor import CondorExecutor

# stands in for job.pyz and launch.sh: does what spec.json says and leaves a result as a job does
JOB = """\
import json, os, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1]).parent
spec = json.loads((folder / "spec.json").read_text())
with open(spec["runs"], "a") as runs: runs.write(spec["attempt"] + "\\n")
memory = bytearray(spec.get("memory", 0) * 1000000)
time.sleep(spec.get("sleep", 0))
if "signal" in spec: os.kill(os.getpid(), spec["signal"])
if "exit" in spec: sys.exit(spec["exit"])
(folder / "publish").mkdir()
(folder / "publish" / "receipt.json").write_text(json.dumps({"state": "done", "outputs": []}))
(folder / "publish").rename(folder / "done")
"""

LAUNCH = """\
#!/bin/sh
set -e
test -f spec.json; test -f launch; test -f job.pyz; test -f "an image.sif"
mkdir result/done
cat "in/m1/a, b" "in/m2/a, b" > result/done/joined
printf '{"state": "done", "outputs": [{"name": "joined", "size": %d}]}' "$(stat -c %s result/done/joined)" \
    > result/done/receipt.json
"""


class Live:
    """A folder with jobs, and the executors for it."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.work = folder / "work"
        shutil.rmtree(folder, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.settings = settings
        self.runs = folder / "runs"
        self.runs.touch()
        (self.work / "job.pyz").write_text(JOB)
        (self.work / "launch.sh").write_text(LAUNCH)
        self.events: list[Event] = []
        self.executor = self.another()

    def another(self) -> CondorExecutor:
        """Return the executor of a new driver."""
        settings = Condor(**self.settings)
        executor = CondorExecutor(self.work, settings, "live $(x)", self.work / "job.pyz", self.work / "launch.sh")
        executor.release_s = 2.0
        self.executor = executor
        return executor

    def request(self, number: int, needs: dict[str, object] | None = None, **does: object) -> Request:
        attempt = f"{number:016x}-{0:08x}"
        (self.work / attempt).mkdir()
        spec = {"attempt": attempt, "runs": str(self.runs), **does}
        (self.work / attempt / "spec.json").write_text(json.dumps(spec))
        given = {"task": f'star:{number} "$(x)"', "stage": "star", "action": "a" * 64, "memory_mb": 100}
        return Request(attempt, self.work / attempt, **given, **(needs or {}))

    def until(self, what: Callable[[], bool], seconds: float = 180) -> None:
        """Drive until something is so."""
        limit = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < limit, f"nothing more after {self.events}"
            for event in self.executor.wait(5.0):
                print("   ", event)
                self.events.append(event)

    def ended(self) -> dict[int, str]:
        """Return the causes of the ends."""
        ends = [event for event in self.events if event.kind == "ended"]
        assert len({event.attempt for event in ends}) == len(ends), "an end was told twice"
        return {int(event.attempt[:16], 16): event.cause for event in ends}

    def done(self, number: int) -> bool:
        return (self.work / f"{number:016x}-{0:08x}" / "done" / "receipt.json").exists()

    def counted(self) -> list[int]:
        return sorted(int(line[:16], 16) for line in self.runs.read_text().splitlines())


def jobs_end_as_they_do(folder: Path) -> None:
    live = Live(folder / 'ends "of" $(jobs)', memory_max_mb=400)
    requests = [live.request(0), live.request(1, exit=1), live.request(2, signal=9), live.request(3, exit=126)]
    requests += [live.request(4, memory=150, sleep=40), live.request(5, memory=700, sleep=60)]
    shutil.rmtree(live.request(6).folder)
    live.executor.submit([*requests, Request(f"{6:016x}-{0:08x}", live.work / "x", "star:6", "star", memory_mb=100)])
    live.until(lambda: not live.executor.active)
    assert live.ended() == {0: "", 1: "", 2: "killed", 3: "node", 4: "", 5: "memory", 6: "held"}
    assert live.done(0)
    assert live.done(4)
    assert live.executor.queue.calls["submit"] == 1
    assert live.executor.queue.calls.total() < 15
    print("   ", dict(live.executor.queue.calls))


def a_new_driver_goes_on(folder: Path) -> None:
    live = Live(folder / "takeover", max_queued=2, max_running=2)
    requests = [live.request(number, sleep=3) for number in range(8)]
    child = os.fork()
    if child == 0:
        live.executor.submit(requests)
        live.until(lambda: bool(live.ended()))
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    found = live.another().adopt(lambda attempt: True)
    assert len(found) == 8, found
    live.until(lambda: not live.executor.active)
    live.until(lambda: len(live.ended()) == 8)
    assert set(live.ended().values()) == {""}
    assert live.counted() == list(range(8)), "each has run once"
    assert live.executor.queue.calls["submit"] == 0


def files_are_carried(folder: Path) -> None:
    live = Live(folder / "a $(x) folder", shared_files=False)
    (folder / "an image.sif").write_text("image")
    inputs = []
    for role in ("m1", "m2"):
        (folder / role).mkdir(exist_ok=True)
        (folder / role / "a, b").write_text(f"from {role}\n")
        inputs.append((f"{role}/a, b", folder / role / "a, b"))
    request = live.request(0, {"image": folder / "an image.sif", "inputs": tuple(inputs)})
    (request.folder / "launch").write_text("x\n")
    live.executor.submit([request])
    live.until(lambda: not live.executor.active)
    assert live.ended() == {0: ""}
    assert (request.folder / "done" / "joined").read_text() == "from m1\nfrom m2\n"


def jobs_are_taken_back(folder: Path) -> None:
    live = Live(folder / "back", max_queued=2, max_running=2)
    live.executor.submit([live.request(number, sleep=300) for number in range(50)])
    live.until(lambda: any(event.kind == "started" for event in live.events))
    live.executor.withdraw({f"{number:016x}-{0:08x}" for number in range(1, 50)})
    live.executor.submit([live.request(50, sleep=300)])
    time.sleep(2)
    live.events += live.executor.cancel()
    assert set(live.ended()) == set(range(51))
    assert set(live.ended().values()) <= {"withdrawn", "cancelled"}
    mine = f'AutomagicAnalysis == "{live.executor.site.mark}"'
    left = subprocess.run(
        ["condor_q", "-constraint", mine, "-af", "ProcId"], capture_output=True, text=True, check=True
    )
    assert left.stdout == ""


def main() -> None:
    """Run the checks that are named, or all."""
    folder, *names = sys.argv[1:]
    for check in (jobs_end_as_they_do, a_new_driver_goes_on, files_are_carried, jobs_are_taken_back):
        if not names or check.__name__ in names:
            print(check.__name__, flush=True)
            check(Path(folder))


if __name__ == "__main__":
    main()
