"""``python toy.py analysis=FOLDER [doit's words]``: the real ./doit on a toy analysis, whose tasks are in toy.json.

A task with ``files`` (name to address) brings them from remote storage, as storage.json says.

Run as a process of its own by the tests; FOLDER/mars/toy is the only program.
"""

import json
import sys
import tomllib
from pathlib import Path

PROGRAM = """#!/bin/sh
# toy OUT: joins the Value of its card and its inputs to out/OUT; Sleep, Fail and Half of the card make it misbehave
echo "$1" >> "$MARSSYS/../calls"
sleep "$(sed -n 's/^Sleep: //p' card.rc | grep . || echo 0)"
code=$(sed -n 's/^Fail: //p' card.rc)
if [ -n "$code" ]; then echo "it broke"; exit "$code"; fi
{ sed -n 's/^Value: //p' card.rc; cat in/*/* 2>/dev/null; } > "out/$1"
"""


def read(folder):
    """Make the session of a toy analysis."""
    from automagic.graph.task import Input, Output, Resources, Source, Task
    from automagic.runner.session import Session
    from automagic.sharing.store import described

    tasks = {}
    for name, about in json.loads((folder / "toy.json").read_text()).items():
        stage, _, what = name.partition(":")
        out = f"{stage}-{what}.txt"
        if "files" in about:
            told = about.get("about", {})
            sources = tuple(Source(url, each, *told.get(each, ())) for each, url in about["files"].items())
            tasks[name] = Task(
                name, stage, "stage", "stage", "stage", sources=sources,
                outputs=tuple(Output(each.name, "star", "") for each in sources),
            )  # fmt: skip
            continue
        inputs = [
            Input("in", each, path=str(folder / each), checks=about.get("checks", {}))
            if ":" not in each
            else Input("in", each.partition("/")[2] or each.replace(":", "-") + ".txt", task=each.partition("/")[0])
            for each in about.get("in", [])
        ]
        tasks[name] = Task(
            name, stage, "toy", "mars", "toy", (about.get("out", out),), about.get("card", "Value: 1\n"),
            tuple(inputs), (Output(out, stage, f"products/{stage}/{out}"),),
            Resources(memory_mb=about.get("memory", 10), disk_mb=1, minutes=1),
            exit_codes={7: "no stars"}, conditions={"run": 1}, problem=about.get("problem"),
        )  # fmt: skip
    from automagic.analysis.site import Site

    site = folder / "site.toml"
    content = tomllib.loads(site.read_text()) if site.exists() else {"local": {"cores": 2, "memory_mb": 1000}}
    engines = content.get("engines", {})
    images = {engine: Path(about["image"]) for engine, about in engines.items()}
    there = Site.model_validate({**content, "folder": folder})
    extras = {"engine": "mars", "source": "Toy", "kind": "standard"}
    return Session(
        folder, tasks, {"mars": folder / "mars"}, {}, extras, storage(folder), images, there, "signature",
        described(there),
    )  # fmt: skip


def storage(folder):
    """Read how remote files are brought."""
    from automagic.staging.settings import Pauses, Settings

    path = folder / "storage.json"
    given = json.loads(path.read_text()) if path.exists() else {}
    pauses = {key: Pauses(*given.pop(key, (0.01, 0.05))) for key in ("retry", "look")}
    return Settings(Path(given.pop("cache", folder / ".cache")), **given, **pauses)


def several(executor):
    """Call this machine's executor one with several nodes."""
    executor.kind = "shared"
    return executor


def make(folder, tasks):
    """Write a toy analysis."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "analysis.toml").touch()
    (folder / "toy.json").write_text(json.dumps(tasks))
    program = folder / "mars" / "toy"
    if not program.exists():
        program.parent.mkdir()
        program.write_text(PROGRAM)
        program.chmod(0o755)


if __name__ == "__main__":
    from doit.doit_cmd import DoitMain

    from automagic.runner import current, drive

    drive.write_report = lambda folder: None
    if (Path(sys.argv[1].partition("=")[2]) / "break-report").exists():
        drive.write_report = lambda folder: 1 / 0
    if (Path(sys.argv[1].partition("=")[2]) / "several-nodes").exists():
        # the driver believes that there are several: it tries again, and takes over
        local = drive.make_executor
        drive.make_executor = lambda *about: several(local(*about))
    current.open_session = read
    database = Path(sys.argv[1].partition("=")[2]) / "doit.db"
    main = DoitMain(config_filenames=("doit.cfg",), extra_config={"GLOBAL": {"dep_file": str(database)}})
    sys.exit(main.run(sys.argv[1:]))
