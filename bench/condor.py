"""What autoMAGIC costs beside bare HTCondor: many jobs that do nothing, in an image, through both, on the same pool.

Run it as an ordinary user on a machine that submits, with the folder where the nodes see it:

    python -m bench.condor --jobs 2000 --image /shared/images/openmars.sif --folder /shared/bench

- *autoMAGIC*: the whole driver as a process of its own, from start to end, with folders, store, journal and catalog.
- *bare, same jobs*: the same job folders as one cluster, submitted and followed by hand: what the scheduling costs.
- *bare, true*: one cluster of ``apptainer exec IMAGE true`` with the same options: what the job's own wrapper costs.
- *waiting*: what the driver takes of a core while some jobs sleep.
- *Snakemake*, with ``--snakemake VENV``: its HTCondor plug-in, the same image, as many jobs as ``--snakemake-jobs``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

RATIO, CALLS, WAITING = 1.1, 30, 0.05
"""To reach: wall time over that of the bare cluster of the same jobs, calls to the schedd, share of a core."""

COMMON = """universe = vanilla
transfer_executable = false
should_transfer_files = NO
notification = never
request_cpus = 1
request_memory = 100
request_disk = 1000M
"""
CLOSED = ("--containall", "--cleanenv", "--no-home", "--net", "--network", "none", "--uts", "--hostname", "automagic")


def session(folder: Path, image: Path, jobs: int, program: str, words: tuple[str, ...]) -> Any:
    """Make an analysis of so many tasks that run one of the image's ordinary programs."""
    from automagic.analysis.site import Site
    from automagic.graph.task import Resources, Task
    from automagic.images import read
    from automagic.runner.session import Session

    engine = read(image).engine
    tasks = {
        f"star:{number:06d}": Task(
            f"star:{number:06d}", "star", "nothing", engine, f"../../bin/{program}", words, f"Number: {number}\n",
            resources=Resources(memory_mb=100, disk_mb=1000, minutes=10),
        )
        for number in range(jobs)
    }  # fmt: skip
    site = Site.model_validate({"executor": "condor", "engines": {engine: {"image": str(image)}}})
    return Session(folder, tasks, {}, images={engine: image}, site=site)


def drive(folder: Path, image: Path, jobs: int, program: str, words: tuple[str, ...]) -> dict[str, float]:
    """Run the driver in a process of its own; return wall time, processor time, memory and calls to the schedd."""
    folder.mkdir()
    begin = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _driver(folder, image, jobs, program, words, writing)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"the driver ended with {os.waitstatus_to_exitcode(status)}; see {folder}")
    return {
        "wall_s": time.monotonic() - begin,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "memory_mb": usage.ru_maxrss / 1024,
        "calls": float(told),
    }


def _driver(folder: Path, image: Path, jobs: int, program: str, words: tuple[str, ...], told: int) -> None:
    from doit.doit_cmd import DoitMain

    from automagic.runner import current
    from automagic.runner import drive as module

    (folder / "analysis.toml").touch()
    executors = []
    make = module.make_executor

    def remember(*about: Any) -> Any:
        executors.append(make(*about))
        return executors[-1]

    module.make_executor = remember
    module.write_report = lambda _: None
    current.open_session = lambda _: session(folder, image, jobs, program, words)
    with open(folder / "said", "w") as said:
        os.dup2(said.fileno(), 1)
        main = DoitMain(config_filenames=("doit.cfg",), extra_config={"GLOBAL": {"dep_file": str(folder / "doit.db")}})
        code = main.run([f"analysis={folder}"])
        sys.stdout.flush()
    os.write(told, str(sum(executors[0].queue.calls.values())).encode())
    os._exit(code)


def bare(folder: Path, text: str, items: list[dict[str, str]]) -> float:
    """Submit one cluster and wait until all its jobs have ended; return the wall time."""
    import htcondor2

    log = folder / "bare.log"
    begin = time.monotonic()
    htcondor2.Schedd().submit(htcondor2.Submit(f"{COMMON}log = {log}\n{text}"), itemdata=iter(items))
    ended = 0
    events = htcondor2.JobEventLog(str(log))
    while ended < len(items):
        for event in events.events(stop_after=1):
            if event.type == htcondor2.JobEventType.JOB_TERMINATED:
                if event["ReturnValue"] != 0:
                    raise SystemExit(f"a job of the bare cluster ended with {event['ReturnValue']}; see {folder}")
                ended += 1
    return time.monotonic() - begin


def bare_same(folder: Path, image: Path, jobs: int) -> float:
    """Run the same jobs as one bare cluster; making their folders is not counted."""
    from automagic.job.bundle import bundle
    from automagic.job.launch import LAUNCHER
    from automagic.runner.jobs import Jobs

    folder.mkdir()
    made = session(folder, image, jobs, "true", ())
    maker = Jobs(made, bundle(folder / "work"), "shared")
    requests = [maker.make(task, made.standing(name).action, 0.0) for name, task in made.tasks.items()]
    text = f"executable = /bin/sh\narguments = \"'{LAUNCHER}' '{folder}/work/$(attempt)'\"\ninitialdir = {folder}\n"
    wall = bare(folder, text, [{"attempt": request.attempt} for request in requests])
    left = len(list(folder.glob("work/*/done/receipt.json")))
    if left != jobs:
        raise SystemExit(f"{jobs - left} jobs of the bare cluster left no result; see {folder}")
    return wall


def bare_true(folder: Path, image: Path, jobs: int) -> float:
    """Run ``true`` in the image as one bare cluster."""
    folder.mkdir()
    words = " ".join(f"'{word}'" for word in ("-q", "exec", *CLOSED, "--pwd", "/", str(image), "true"))
    text = f'executable = /usr/bin/apptainer\narguments = "{words}"\ninitialdir = {folder}\n'
    return bare(folder, text, [{"number": str(number)} for number in range(jobs)])


SNAKEFILE = """rule all:
    input: expand("out/{{n}}", n=range({jobs}))
rule nothing:
    output: "out/{{n}}"
    container: "{image}"
    resources: htcondor_request_mem_mb=500, getenv="True"
    shell: "touch {{output}}"
"""
"""Each of its jobs starts Snakemake once more: without a request some are held for memory, and it waits for hours."""


def snakemake(folder: Path, image: Path, jobs: int, venv: Path) -> float:
    """Run as many jobs through Snakemake and its HTCondor plug-in; return the wall time."""
    folder.mkdir()
    (folder / "Snakefile").write_text(SNAKEFILE.format(jobs=jobs, image=image))
    command = [venv / "bin" / "snakemake", "--executor", "htcondor", "--jobs", str(jobs), "--quiet"]
    command += ["--software-deployment-method", "apptainer", "--htcondor-jobdir", folder / "jobs"]
    begin = time.monotonic()
    with open(folder / "said", "w") as said:
        path = f"{venv / 'bin'}:{os.environ['PATH']}"
        subprocess.run(command, cwd=folder, check=True, stdout=said, stderr=said, env={**os.environ, "PATH": path})
    return time.monotonic() - begin


def main() -> int:
    """Measure and tell; exit code 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=1, help="of autoMAGIC and the same jobs bare")
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="a new folder that the nodes see")
    parser.add_argument(
        "--waiting-s", type=int, default=60, help="how long the jobs sleep beside which the driver waits"
    )
    parser.add_argument("--snakemake", type=Path, help="an environment with snakemake and its HTCondor plug-in")
    parser.add_argument("--snakemake-jobs", type=int, default=50)
    given = parser.parse_args()
    given.folder.mkdir(parents=True)
    folder, image = given.folder.resolve(), given.image.resolve()
    os.chdir(Path(__file__).resolve().parents[1])
    found: dict[str, float] = {"jobs": given.jobs}
    ours, same = [], []
    for turn in range(given.repeats):  # in turn; the shortest time of each counts
        ours.append(drive(folder / f"ours-{turn}", image, given.jobs, "true", ()))
        same.append(bare_same(folder / f"same-{turn}", image, given.jobs))
        for name in ("ours", "same"):
            shutil.rmtree(folder / f"{name}-{turn}")
    best = min(ours, key=lambda each: each["wall_s"])
    found |= {f"ours_{key}": value for key, value in best.items()}
    found["bare_same_s"] = min(same)
    found["bare_true_s"] = bare_true(folder / "true", image, given.jobs)
    found["ratio_same"] = best["wall_s"] / found["bare_same_s"]
    found["ratio_true"] = best["wall_s"] / found["bare_true_s"]
    few = drive(folder / "few", image, 8, "true", ())
    waiting = drive(folder / "waiting", image, 8, "sleep", (str(given.waiting_s),))
    found["waiting_share"] = (waiting["cpu_s"] - few["cpu_s"]) / (waiting["wall_s"] - few["wall_s"])
    if given.snakemake:
        theirs = snakemake(folder / "snakemake", image, given.snakemake_jobs, given.snakemake.resolve())
        as_many = drive(folder / "as-many", image, given.snakemake_jobs, "true", ())
        found |= {"snakemake_jobs": given.snakemake_jobs, "snakemake_s": theirs, "ours_as_many_s": as_many["wall_s"]}
    found["own_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for name, value in found.items():
        print(f"{name:16} {value:10.3f}")
    (folder / "found.json").write_text(json.dumps(found, indent=1))
    for part in ("true", "few", "waiting", "as-many", "snakemake"):
        shutil.rmtree(folder / part, ignore_errors=True)
    reached = found["ratio_same"] <= RATIO and found["ours_calls"] <= CALLS and found["waiting_share"] <= WAITING
    print(f"to reach: ratio {RATIO}, {CALLS} calls, {WAITING:.0%} of a core: {'reached' if reached else 'missed'}")
    return int(not reached)


if __name__ == "__main__":
    sys.exit(main())
