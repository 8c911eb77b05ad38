"""A tiny job in the pool that tells what a node sees."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from automagic.analysis.site import Site
from automagic.doctor.check import Check
from automagic.doctor.machine import CLOSED
from automagic.doctor.places import clock
from automagic.errors import UserError
from automagic.executors.condor.describe import arguments
from automagic.executors.condor.queue import Queue, QueueError

SCRIPT = """\
# what a node sees; each line begins with what it is about
folder=$1 apptainer=$2 python=$3; shift 3
echo "host $(uname -n)"
echo "user $(id -un 2>/dev/null || id -u)"
if [ -n "$folder" ]; then
    ls "$folder" >/dev/null 2>&1 && echo "sees yes" || echo "sees no"
    (echo x > "$folder/written") 2>/dev/null && echo "writes yes" || echo "writes no"
fi
echo "clock $(date +%s)"
if [ -n "$apptainer" ]; then echo "apptainer $("$apptainer" --version 2>&1 | head -n 1)"; fi
for image in "$@"; do
    said=$("$apptainer" -q exec CLOSED "$image" true 2>&1) && echo "image yes $image" \\
        || echo "image no $image: $(echo $said | tail -c 300)"
done
if [ -n "$python" ]; then
    said=$("$python" -I -c 'import numpy, uproot' 2>&1) && echo "python yes" \\
        || echo "python no $(echo $said | tail -c 200)"
fi
echo "end"
"""
EXECUTE, TERMINATED, ABORTED, HELD = 1, 5, 9, 12
LAG_S = 30.0
"""What a node has written may be seen here so much later (NFS)."""


def node(root: Path, site: Site, images: Sequence[Path], on_host: bool, wait_s: float) -> Iterator[Check]:
    """Submit one tiny job, wait for it and tell what it has seen.

    Parameters
    ----------
    root
        The analysis.
    images
        Those that jobs run in.
    on_host
        Whether jobs run in this environment as well.
    wait_s
        So long at most.
    """
    folder = root / f".doctor-{uuid.uuid4().hex[:12]}"
    queue = Queue(site.condor.collector, site.condor.schedd)
    cluster = None
    try:
        folder.mkdir()
        text = describe(folder, site, images, on_host)
        cluster = queue.submit(text, [{}])
        problem = wait(folder / "log", wait_s)
        if problem is not None:
            yield problem
            return
        cluster = None
        yield from report(folder, site, images, on_host)
    except QueueError as error:
        yield Check("job on a node", False, f"was not taken: {error}", "The lines above may tell why.")
    except OSError as error:
        yield Check("job on a node", False, f"{error.filename or root}: {error.strerror}", "Put that right first.")
    finally:
        if cluster is not None:
            with contextlib.suppress(QueueError):
                queue.remove(f"ClusterId == {cluster}", "automagic doctor has waited long enough")
                # HTCondor writes to the folder until then
                _last(logged(folder / "log", time.monotonic() + LAG_S))
        shutil.rmtree(folder, ignore_errors=True)


def describe(folder: Path, site: Site, images: Sequence[Path], on_host: bool) -> str:
    """Write the job's script and return its submit description."""
    settings, shared = site.condor, site.condor.shared_files
    script = folder / "look.sh"
    script.write_text(SCRIPT.replace("CLOSED", " ".join(CLOSED)), encoding="utf-8")
    # without shared files an image would be carried for this alone
    tried = [str(image) for image in images] if shared else []
    words = [
        str(folder) if shared else "",
        settings.apptainer if images else "",
        sys.executable if on_host else "",
        *tried,
    ]
    lines = {
        "universe": "vanilla",
        "executable": "/bin/sh",
        "transfer_executable": "false",
        "arguments": arguments([_text(script) if shared else script.name, *map(_text, words)]),
        "initialdir": _text(folder),
        "output": "said",
        "error": "complained",
        "log": _text(folder / "log"),
        "should_transfer_files": "NO" if shared else "YES",
        "request_cpus": "1",
        "request_memory": "200",
        "request_disk": "10M",
        "allowed_execute_duration": "600",
        "notification": "never",
        "batch_name": "automagic-doctor",
    }
    if not shared:
        lines |= {"transfer_input_files": _text(script), "when_to_transfer_output": "ON_EXIT"}
    for name in ("accounting_group", "accounting_group_user"):
        if getattr(settings, name) is not None:
            lines[name] = getattr(settings, name)
    lines |= settings.submit
    for name, value in lines.items():
        if not value.isprintable():
            raise UserError(f"{value!r} cannot be written in a submit description ({name})", hint="Rename it.")
    return "".join(f"{name} = {value}\n" for name, value in lines.items())


def _text(value: Path | str) -> str:
    return str(value).replace("$", "$(DOLLAR)")


def wait(log: Path, wait_s: float) -> Check | None:
    """Wait until the job has ended; return what is wrong, `None` where nothing is."""
    name = "job on a node"
    limit = time.monotonic() + wait_s
    started = False
    for event in logged(log, limit):
        kind = int(event["EventTypeNumber"])
        started = started or kind == EXECUTE
        if kind == TERMINATED:
            return None
        if kind == HELD:
            reason = " ".join(str(event.get("HoldReason", "no reason given")).split())
            return Check(name, False, f"HTCondor held it: {reason}", "A folder that nodes do not see is a usual cause.")
        if kind == ABORTED:
            return Check(name, False, "somebody removed it", "Try again.")
    if started:
        return Check(name, False, f"runs, but has not ended in {wait_s:.0f} s", "Give it longer: --wait SECONDS")
    mend = "The pool may be busy (--wait SECONDS), or no node fits: condor_q -better-analyze tells."
    return Check(name, None, f"did not start in {wait_s:.0f} s, and was removed", mend)


def _last(events: Iterator[Any]) -> None:
    """Wait until a job is out of the queue."""
    any(int(event["EventTypeNumber"]) in (ABORTED, TERMINATED) for event in events)


def logged(log: Path, limit: float) -> Iterator[Any]:
    """Yield the events of a log until a moment."""
    from automagic.executors.condor.logs import open_log

    log.touch()
    reader = open_log(str(log))
    try:
        while time.monotonic() < limit:
            yield from reader.events(stop_after=0)
            time.sleep(0.3)
    finally:
        reader.close()


def report(folder: Path, site: Site, images: Sequence[Path], on_host: bool) -> Iterator[Check]:
    """Tell what the job has said."""
    told = said(folder / "said")
    if "end" not in told:
        words = " ".join(_read(folder / "complained").split())[-300:] or "it left nothing in the folder"
        mend = "Nodes do not see the folder: take another one, or condor.shared_files = false in site.toml."
        yield Check("job on a node", False, f"ended, but {words}", mend)
        return
    host = told["host"][0]
    yield Check("job on a node", True, f"ran on {host} as {told['user'][0]}")
    if site.condor.shared_files:
        sees, writes = told["sees"] == ["yes"], told["writes"] == ["yes"] and (folder / "written").exists()
        found = "seen and written there" if sees and writes else f"{host} cannot {'write' if sees else 'see'} it"
        mend = "" if sees and writes else "Take a folder that all nodes share, and give that user the right to write."
        yield Check("folder on the node", sees and writes, found, mend)
    # it was written a moment ago, by the clock of the folder
    yield clock("clock of the node", abs(float(told["clock"][0]) - (folder / "said").stat().st_mtime))
    for line in told.get("apptainer", []):
        there = "version" in line
        yield Check("Apptainer on the node", there, line, "" if there else "Name its path there as condor.apptainer.")
    for line in told.get("image", []):
        answer, _, rest = line.partition(" ")
        works = answer == "yes"
        yield Check("image on the node", works, f"a program runs in {rest}" if works else rest)
    for line in told.get("python", []):
        answer, _, rest = line.partition(" ")
        mend = "" if answer == "yes" else "Put the environment where nodes see it (AUTOMAGIC_VENV), or use images."
        yield Check("Python on the node", answer == "yes", rest or f"{sys.executable} works there", mend)


def said(path: Path) -> dict[str, list[str]]:
    """Read what the job has said, once it is here: by first word."""
    limit = time.monotonic() + LAG_S
    while "\nend\n" not in (text := _read(path)) and time.monotonic() < limit and path.parent.exists():
        if text or _read(path.with_name("complained")):
            break  # it is all there, and not as it should be
        time.sleep(0.5)
    told: dict[str, list[str]] = {}
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        told.setdefault(word, []).append(rest)
    return told


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
