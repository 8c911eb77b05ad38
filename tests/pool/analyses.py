"""Analyses that run inside the pool, and their images."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

harness = sys.modules["pool_harness"]
PROJECT, wait_for = harness.PROJECT, harness.wait_for

TOY_IMAGE = """Bootstrap: localimage
From: {base}

%files
    containers/base.sh /opt/automagic/base.sh
    containers/sleep.c /opt/automagic/sleep.c
    tests/pool/toy_program.py /opt/programs/toy

%post
    set -eu
    sh /opt/automagic/base.sh
    chmod 755 /opt/programs/toy
    mkdir -p /opt/programs/mrcfiles
"""


def toy_image(pool):
    """Return the image with the toy program, built where it is not there yet."""
    definition = TOY_IMAGE.format(base=pool.base)

    def build(path):
        path.with_suffix(".def").write_text(definition)
        tmp = {"APPTAINER_TMPDIR": str(pool.shared / "tmp")}
        pool.user(["apptainer", "build", "--force", "--fakeroot", path, path.with_suffix(".def")], env=tmp, timeout=300)
        pool.automagic("image", "add", path, "--engine", "mars")

    parts = ("tests/pool/toy_program.py", "containers/base.sh", "containers/sleep.c")
    return pool.image("toy", definition + harness.content_of(*(PROJECT / part for part in parts)), build)


def demo_images(pool):
    """Return the images of the stand-in programs and of the science steps."""
    made_of = {
        "openmars": ["openmars", "containers", "requirements.lock"],
        "science": ["automagic/science", "automagic/cards", "containers", "requirements.lock"],
    }
    tmp = {"APPTAINER_TMPDIR": str(pool.shared / "tmp")}
    found = {}
    for engine, parts in made_of.items():
        key = harness.content_of(*(PROJECT / part for part in parts))
        words = ["image", "build", engine, "--base", pool.base, "--output"]
        found[engine] = pool.image(
            engine, key, lambda path, words=words: pool.automagic(*words, path, env=tmp, timeout=1200)
        )
    return found


class Analysis:
    """An analysis folder in the pool, and the driver on it."""

    def __init__(self, pool, folder):
        self.pool = pool
        self.folder = folder
        self.drivers = []

    def own(self):
        """Give the folder to the user, and the folders on the way to it."""
        user = self.pool.shared.stat().st_uid
        for path in (*self.folder.parents, self.folder, *self.folder.rglob("*")):
            if self.pool.shared in path.parents:
                os.chown(path, user, user, follow_symlinks=False)

    def write_site(self, about):
        """Write site.toml."""
        (self.folder / "site.toml").write_text(toml(about))

    def command(self, *words):
        """Return the command line of the driver."""
        return ["./doit", f"analysis={self.folder}", *words]

    def start(self, *words):
        """Start the driver in the background."""
        self.drivers.append(self.pool.popen(self.command(*words)))
        return self.drivers[-1]

    def run(self, *words, code=0, timeout=300):
        """Run the driver to its end and return what it says."""
        return self.finish(self.start(*words), code, timeout)

    def finish(self, driver, code=0, timeout=300):
        """Wait for a driver, and return what it has said."""
        try:
            said, _ = driver.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.end()
            said, _ = driver.communicate()
            raise AssertionError(f"the driver did not end in {timeout} s:\n{said}\n{self.tail()}") from None
        assert driver.returncode == code, f"{said}\n{self.tail()}"
        return said

    def signal(self, number):
        """Send a signal to the running driver, which is in the pool's process namespace."""
        self.pool.root(["kill", f"-{int(number)}", str(self.holder())])

    def holder(self):
        """Return the process that holds the analysis."""
        return wait_for(self._holder, 60, "a driver")

    def _holder(self):
        with contextlib.suppress(OSError, ValueError, KeyError):
            return json.loads((self.folder / "journal" / "lock").read_text())["process"]
        return None

    def kill(self):
        """Kill the driver (SIGKILL)."""
        self.signal(signal.SIGKILL)
        self.drivers[-1].communicate(timeout=60)

    def end(self):
        """End drivers that are still there, at the end of a test."""
        for driver in self.drivers:
            if driver.poll() is None:
                with contextlib.suppress(AssertionError):
                    self.kill()
                driver.kill()
                driver.wait()

    # --- what is there

    @property
    def mark(self):
        """Return the constraint that its jobs fulfil."""
        return f'regexp("^{self.folder}/work/", Iwd)'

    def events(self, kind=None):
        """Return the events of the journal."""
        lines = [line for p in sorted(self.folder.glob("journal/*.jsonl")) for line in p.read_text().splitlines()]
        found = [json.loads(line) for line in lines if line.endswith("}")]
        return [event for event in found if kind in (None, event["event"])]

    def count(self, kind):
        """Count events of a kind by task."""
        return Counter(event["task"] for event in self.events(kind))

    def wait_for(self, kind, number, seconds=90):
        """Wait until there are so many events of a kind."""

        def look():
            found = self.events(kind)
            assert len(found) >= number or self.drivers[-1].poll() is None, self.drivers[-1].communicate()[0]
            return len(found) >= number and found

        return wait_for(look, seconds, f"{number} × {kind}")

    def causes(self):
        """Return the causes that the journal tells of, for notes and for failures."""
        return {(event["event"], event["cause"]) for event in self.events() if event.get("cause")}

    def tail(self):
        """Return the end of the journal, for a person who looks at a failed test."""
        return "\n".join(json.dumps(event) for event in self.events()[-25:])

    def ran(self):
        """Return how often HTCondor started the job of each task, from its queue and its history."""
        started = {}
        for history in (True, False):
            for ad in self.pool.jobs(
                self.mark, "AutomagicTask", "ClusterId", "ProcId", "NumJobStarts", history=history
            ):
                if "ProcId" in ad:
                    # one that was killed in between may have a job in both
                    started[ad["AutomagicTask"], ad["ClusterId"], ad["ProcId"]] = ad.get("NumJobStarts", 0)
        found = Counter()
        for (task, _, _), number in started.items():
            found[task] += number
        return found

    def products(self):
        """Return the hashes of all products, by task and name, from the receipts."""
        found = {}
        for path in self.folder.glob("store/*/*/receipt.json"):
            receipt = json.loads(path.read_text())
            for each in receipt["outputs"]:
                found[receipt["task"], each["name"]] = each["sha256"]
        return found

    def check_consistent(self, done):
        """Check what must hold after every fault: nothing is lost, nothing was done twice, the catalog knows it.

        Parameters
        ----------
        done
            The tasks that are to be done.
        """
        assert self.count("done") == dict.fromkeys(done, 1), self.tail()
        receipts = [json.loads(p.read_text()) for p in self.folder.glob("store/*/*/receipt.json")]
        assert sorted(receipt["task"] for receipt in receipts) == sorted(done)
        assert {receipt["state"] for receipt in receipts} == {"done"}
        for (task, name), digest in self.products().items():
            path = next(self.folder.glob(f"products/*/{name}"))
            assert harness.sha256(path) == digest, task
        query = "SELECT task FROM tasks WHERE state = 'done' ORDER BY task"
        said = self.pool.automagic("query", self.folder, "--csv", query).stdout.split()
        assert sorted(said[1:]) == sorted(done)
        assert not list(self.folder.glob("work/*/spec.json"))


class Toy(Analysis):
    """A toy analysis (toy.py); `condor` are keys of ``[condor]``."""

    def __init__(self, pool, folder, image, tasks, executor, condor):
        super().__init__(pool, folder)
        self.tasks = tasks
        folder.mkdir(parents=True)
        (folder / "analysis.toml").touch()
        for name in {each for about in tasks.values() for each in about.get("in", []) if ":" not in each}:
            (folder / name).write_text(f"{name}\n")
        site = {"executor": executor, "engines": {"mars": {"image": str(image)}}}
        site |= {"local": {"cores": 4, "memory_mb": 4000}, "condor": {"batch_s": 0.5, **condor}}
        self.write_site(site)
        self.write()

    def write(self):
        """Write the tasks."""
        (self.folder / "toy.json").write_text(json.dumps(self.tasks))
        self.own()

    def command(self, *words):
        return [self.pool.python, "tests/pool/toy.py", f"analysis={self.folder}", *words]

    def product(self, task):
        """Return the content of a task's product."""
        stage, _, what = task.partition(":")
        return (self.folder / "products" / stage / f"{stage}-{what}.txt").read_text()


class Demo(Analysis):
    """A copy of an analysis of the project, in images; `change` may change what its site.toml says."""

    def __init__(self, pool, folder, images, name, executor, change=lambda site: None, condor=None):
        super().__init__(pool, folder)
        folder.mkdir(parents=True)
        shutil.copy(PROJECT / "analyses" / name / "analysis.toml", folder)
        site = tomllib.loads((PROJECT / "analyses" / name / "site.toml").read_text())
        site["executor"] = executor
        site["engines"] = {engine: {"image": str(image)} for engine, image in images.items()}
        site["condor"] = {"batch_s": 0.5, **(condor or {})}
        change(site)
        self.write_site(site)
        self.own()


def tasks(quick=2, slow=4, seconds=5, **more):
    """Some quick tasks, some slow ones, one that joins them; `more` is told of the slow ones."""
    some = {f"star:{number}": {"in": ["a.txt"], "card": f"Value: {number}\n"} for number in range(quick)}
    for number in range(quick, quick + slow):
        some[f"star:{number}"] = {"in": ["a.txt"], "card": f"Value: {number}\nSleep: {seconds}\n", **more}
    return {**some, "superstar:all": {"in": list(some)}}


def toml(about):
    """Write plain data as TOML: values before tables."""
    lines = []

    def table(content, name):
        for key, value in content.items():
            if not _is_table(value):
                lines.append(f"{key} = {_value(value)}")
        for key, value in content.items():
            where = f"{name}.{key}" if name else key
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict):
                    lines.append(f"[[{where}]]" if isinstance(value, list) else f"[{where}]")
                    table(each, where)

    table(about, "")
    return "\n".join(lines) + "\n"


def _is_table(value):
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _value(value):
    if isinstance(value, list):
        return f"[{', '.join(_value(each) for each in value)}]"
    if isinstance(value, str):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


__all__ = ["Analysis", "Demo", "Path", "Toy", "demo_images", "tasks", "toy_image"]
