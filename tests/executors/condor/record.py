"""Record what a real pool writes into its event log for each way in which a job can go.

Run as root on the machine of a one-machine pool (see README.md beside this file)::

    python record.py --user NAME --folder SHARED [SCENARIO ...]

Jobs are submitted as that user, with the project's own submit description; root is for killing daemons alone. Names of
hosts and users, addresses and paths are replaced by neutral ones before the logs are kept, in ``logs/``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from automagic.analysis.condor import Condor
from automagic.executors.condor.batches import Batch, Kind, Member
from automagic.executors.condor.describe import Site, describe
from automagic.executors.condor.queue import Queue

LOGS = Path(__file__).resolve().parent / "logs"

PROGRAM = """\
import os, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1]).parent
words = (folder / "spec.json").read_text().split()
(folder / "pids").write_text(f"{os.getpid()} {os.getppid()}")
for word, value in zip(words[::2], words[1::2]):
    if word == "sleep": time.sleep(float(value))
    if word == "exit": sys.exit(int(value))
    if word == "signal": os.kill(os.getpid(), int(value))
    if word == "memory": memory = bytearray(int(value) * 1000000)
    if word == "say": print(value, file=sys.stderr)
"""

ENDS = ("005 (", "009 (")


class Scenario:
    """One cluster whose log is recorded.

    Parameters
    ----------
    jobs
        What each job does: words and values of `PROGRAM`.
    extra
        Lines of the submit description that are other than usual; an empty one is left out.
    """

    def __init__(self, name: str, jobs: list[str], tools: Tools, memory_mb: int = 100, **extra: str) -> None:
        self.name, self.tools = name, tools
        self.work = tools.folder / name
        shutil.rmtree(self.work, ignore_errors=True)
        members = []
        for number, job in enumerate(jobs):
            attempt = f"{number:016x}-{0:08x}"
            (self.work / attempt).mkdir(parents=True)
            (self.work / attempt / "spec.json").write_text(job)
            members.append(Member(attempt, f"star:{number}", "a" * 64, 0))
        (self.work / "job.pyz").write_text(PROGRAM)
        self.log = self.work / "log"
        settings = Condor(memory_max_mb=400)
        site = Site(settings, self.work, "recorded", self.work / "job.pyz", self.work / "launch.sh")
        self.batch = Batch(name, "log", Kind("star", None, 1, memory_mb, 100, 30), members)
        text, items = describe(site, self.batch, self.log)
        lines = dict(line.split(" = ", 1) for line in text.splitlines())
        lines.update(extra)
        self.items = items
        self.text = "".join(f"{key} = {value}\n" for key, value in lines.items() if value)
        self.cluster = 0

    def submit(self) -> None:
        self.cluster = self.tools.queue.submit(self.text, self.items)

    def wait(self, what: str, times: int = 1, seconds: float = 120) -> None:
        """Wait until something stands in the log so often."""
        limit = time.time() + seconds
        while self.log.read_text().count(what) < times:
            if time.time() > limit:
                raise TimeoutError(f"{self.name}: {what} did not come")
            time.sleep(0.3)

    def ended(self) -> None:
        self.wait("036 (")

    def pids(self, number: int = 0) -> list[int]:
        return [int(word) for word in (self.work / self.items[number]["attempt"] / "pids").read_text().split()]

    def job(self, number: int = 0) -> str:
        return f"{self.cluster}.{number}"

    def keep(self) -> None:
        (LOGS / f"{self.name}.log").write_text(neutral(self.log.read_text(), self.tools))


class Tools:
    """What scenarios use: the queue as the user, and root for the rest."""

    def __init__(self, folder: Path, user: str, root: Callable[[str], None]) -> None:
        self.folder, self.user, self.root = folder, user, root
        self.queue = Queue()


def neutral(text: str, tools: Tools) -> str:
    """Take everything out of a log that tells where it was recorded."""
    text = text.replace(str(tools.folder), "/analyses/recorded/work")
    text = re.sub(r"<[^<>\s]*:\d+\?[^<>]*>", "<192.0.2.1:9618?alias=node1.example>", text)
    text = re.sub(r"\b(slot[\d_]+@)\S+?(?=[\s:,]|$)", r"\1node1.example", text, flags=re.M)
    text = re.sub(r"/\S*/dir_\d+", "/scratch/dir_1", text)
    text = re.sub(r"\[?[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*::[0-9a-f:]*\]?", "192.0.2.1", text)
    text = re.sub(r"\b127\.0\.0\.1\b", "192.0.2.1", text)
    names = {tools.user: "analyst", socket.gethostname(): "node1.example", str(sys.executable): "/usr/bin/python3"}
    for name, other in names.items():
        text = re.sub(rf"(?<![\w.]){re.escape(name)}(?![\w.])", other, text)
    return text


@contextlib.contextmanager
def as_user(name: str) -> Iterator[Callable[[str], None]]:
    """Become a user; yield what has a command done by root."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        while command := theirs.recv(4096):
            subprocess.run(command.decode(), shell=True, check=False)  # noqa: S602 (a developer's tool, our own words)
            theirs.send(b".")
        os._exit(0)
    theirs.close()
    entry = pwd.getpwnam(name)
    os.initgroups(name, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)

    def root(command: str) -> None:
        ours.send(command.encode())
        ours.recv(1)

    yield root
    ours.close()
    os.wait()


# --- the ways in which a job can go


def ends(tools: Tools) -> None:
    """Done, failed with a receipt, killed by a signal, told to stop, cannot be started, broken."""
    jobs = ["exit 0", "exit 1", "signal 9", "signal 11", "exit 130", "say no-such-image exit 255", "exit 3"]
    case = Scenario("ends", jobs, tools)
    case.submit()
    case.ended()
    case.keep()


def memory(tools: Tools) -> None:
    """Given more memory until it is enough."""
    case = Scenario("memory-more", ["memory 290 sleep 30 exit 0"], tools)
    case.submit()
    case.ended()
    case.keep()


def memory_limit(tools: Tools) -> None:
    """More than it may have."""
    case = Scenario("memory-limit", ["memory 900 sleep 60 exit 0"], tools)
    case.submit()
    with contextlib.suppress(TimeoutError):
        case.wait("012 (", seconds=150)
    tools.queue.remove(f"ClusterId == {case.cluster}", "autoMAGIC gave up on it")
    case.ended()
    case.keep()


def memory_held(tools: Tools) -> None:
    """A pool that does not give more by itself: held, edited, released."""
    case = Scenario(
        "memory-held",
        ["memory 150 sleep 30 exit 0"],
        tools,
        retry_request_memory_increase="",
        retry_request_memory_max="",
    )
    case.submit()
    case.wait("012 (")
    tools.queue.edit([case.job()], "RequestMemory", "400")
    tools.queue.release([case.job()], "autoMAGIC tries it again")
    case.ended()
    case.keep()


def held(tools: Tools) -> None:
    """Held by HTCondor, as a folder is missing; released and held again; removed."""
    case = Scenario("held", ["exit 0", "exit 0"], tools)
    shutil.rmtree(case.work / case.items[1]["attempt"])
    case.submit()
    for times in (1, 2, 3):
        case.wait("012 (", times)
        if times < 3:
            tools.queue.release([case.job(1)], "autoMAGIC tries it again")
    tools.queue.remove([case.job(1)], "autoMAGIC gave up on it")
    case.ended()
    case.keep()


def held_user(tools: Tools) -> None:
    """Held by a person while it runs, and released."""
    case = Scenario("held-user", ["sleep 12 exit 0"], tools)
    case.submit()
    case.wait("001 (")
    subprocess.run(["condor_hold", case.job()], check=True)
    case.wait("012 (")
    subprocess.run(["condor_release", case.job()], check=True)
    case.ended()
    case.keep()


def held_cluster(tools: Tools) -> None:
    """A whole cluster held by a person, with jobs that are not in the queue yet, and released."""
    case = Scenario("held-cluster", ["sleep 5 exit 0"] * 4, tools, max_materialize="2", max_idle="2")
    case.submit()
    case.wait("001 (")
    subprocess.run(["condor_hold", str(case.cluster)], check=True)
    case.wait("012 (")
    time.sleep(2)
    subprocess.run(["condor_release", str(case.cluster)], check=True)
    case.ended()
    case.keep()


def removed(tools: Tools) -> None:
    """Removed by a person: one job, then the cluster with jobs that are not in the queue yet."""
    case = Scenario("removed", ["sleep 60"] * 4, tools, max_materialize="2", max_idle="2")
    case.submit()
    case.wait("001 (", 2)
    subprocess.run(["condor_rm", case.job(0)], check=True)
    case.wait("001 (", 3)
    subprocess.run(["condor_rm", str(case.cluster)], check=True)
    case.ended()
    case.keep()


def vacated(tools: Tools) -> None:
    """Sent away from its node, and run again."""
    case = Scenario("evicted", ["sleep 8 exit 0"], tools)
    case.submit()
    case.wait("001 (")
    time.sleep(2)
    subprocess.run(["condor_vacate_job", "-fast", case.job()], check=True)
    case.ended()
    case.keep()


def starter(tools: Tools) -> None:
    """The starter, HTCondor's process beside the job on the node, is killed."""
    case = Scenario("starter-killed", ["sleep 15 exit 0"], tools)
    case.submit()
    case.wait("001 (")
    time.sleep(2)
    tools.root(f"kill -9 {case.pids()[1]} {case.pids()[0]}")
    case.ended()
    case.keep()


def shadow(tools: Tools) -> None:
    """The shadow, HTCondor's process for the job beside the schedd, is killed."""
    case = Scenario("shadow-killed", ["sleep 20 exit 0"], tools)
    case.submit()
    case.wait("001 (")
    time.sleep(2)
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().decode().split("\0")
            if "condor_shadow" in words[0] and case.job() in words:
                tools.root(f"kill -9 {path.parent.name}")
    case.ended()
    case.keep()


def duration(tools: Tools) -> None:
    """Hangs, and is held after its time."""
    case = Scenario("duration", ["sleep 300"], tools, allowed_execute_duration="8")
    case.submit()
    case.wait("012 (")
    tools.queue.remove([case.job()], "autoMAGIC gave up on it")
    case.ended()
    case.keep()


def transfer(tools: Tools) -> None:
    """A file cannot be brought to the node."""
    missing = {"should_transfer_files": "YES", "transfer_input_files": "/no/such/file", "skip_filechecks": "true"}
    case = Scenario("transfer", ["exit 0"], tools, **missing)
    case.submit()
    case.wait("012 (")
    tools.queue.remove([case.job()], "autoMAGIC gave up on it")
    case.ended()
    case.keep()


def schedd(tools: Tools) -> None:
    """The schedd goes and comes again while jobs run and wait; jobs go on."""
    case = Scenario("schedd-restarted", ["sleep 15 exit 0"] * 3, tools, max_materialize="2", max_idle="2")
    case.submit()
    case.wait("001 (", 2)
    tools.root("condor_restart -fast -schedd")
    case.ended()
    case.keep()


def startd(tools: Tools) -> None:
    """A node goes while a job runs, and comes again."""
    case = Scenario("startd-restarted", ["sleep 20 exit 0"], tools)
    case.submit()
    case.wait("001 (")
    time.sleep(2)
    tools.root("condor_restart -fast -startd")
    case.ended()
    case.keep()


SCENARIOS = [ends, memory, memory_limit, memory_held, held, held_user, held_cluster, removed, vacated, starter, shadow,
             duration, transfer, schedd, startd]  # fmt: skip


def main() -> None:
    """Record the scenarios that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--user", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    with as_user(given.user) as root:
        os.chdir("/")
        tools = Tools(given.folder, given.user, root)
        for scenario in SCENARIOS:
            if not given.names or scenario.__name__ in given.names:
                begin = time.time()
                try:
                    scenario(tools)
                except (TimeoutError, RuntimeError, OSError) as error:
                    print(f"{scenario.__name__}: {error}", flush=True)
                else:
                    print(f"{scenario.__name__}: {time.time() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
