"""Many users on one shared store: how much work is shared, and how much is done twice.

``python -m bench.users`` lets eight users, processes under different user numbers (root is needed for that), run
analyses of overlapping Monte Carlo, forests and runs with a toy program, all at once and then one after the other, and
prints what was computed, taken and computed twice. Files are checked at the end: one entry an action, nobody can change
another's.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
TOY = PROJECT / "tests" / "runner" / "toy.py"
FIRST = 60001
"""The first user number; they need no names."""

SHARDS = [f"{number:02x}" for number in range(256)]


class Place:
    """A site for tests: a shared store as an administrator sets it up, and homes of users.

    Parameters
    ----------
    root
        A folder that all users can reach.
    users
        How many; they are this process's own user where it is not root.
    shared
        Folder of the shared store.
    """

    def __init__(self, root: Path, users: int, shared: Path | None = None, trust: Iterable[str] = ()) -> None:
        self.root = root
        root.chmod(0o755)
        self.several = os.getuid() == 0
        self.uids = [FIRST + number if self.several else os.getuid() for number in range(users)]
        self.shared = shared or root / "shared"
        self.trust = list(trust)
        set_up(self.shared)
        self.homes = [root / f"home{number}" for number in range(users)]
        for home, uid in zip(self.homes, self.uids, strict=True):
            home.mkdir()
            os.chown(home, uid, -1)
        self._mounted: Path | None = None
        self.python, self.variables = self._python()

    def _python(self) -> tuple[str, dict[str, str]]:
        """Return a Python that all users can start, and the variables that it needs."""
        plain = {"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"}
        home = Path(sys.base_prefix)
        program = f"python{sys.version_info.major}.{sys.version_info.minor}"
        if not self.several or self._reaches(home / "bin" / program):
            return sys.executable, plain
        self._mounted = self.root / "python"  # it lies in the home folder of root
        self._mounted.mkdir()
        subprocess.run(["mount", "--bind", home, self._mounted], check=True)
        packages = [path for path in sys.path if path.endswith("site-packages")]
        return str(self._mounted / "bin" / program), {**plain, "PYTHONPATH": ":".join([str(PROJECT), *packages])}

    def _reaches(self, path: Path) -> bool:
        words = ["test", "-x", str(path)]
        return subprocess.run(words, check=False, **self.as_user(0)).returncode == 0

    def close(self) -> None:
        """Take the Python away that was lent."""
        if self._mounted is not None:
            subprocess.run(["umount", "-l", self._mounted], check=True)
            self._mounted = None

    def as_user(self, number: int) -> dict[str, Any]:
        """Return what makes a process that of a user."""
        if not self.several:
            return {}
        return {"user": self.uids[number], "group": self.uids[number], "extra_groups": []}

    def make(self, number: int, name: str, tasks: dict[str, Any], files: dict[str, str], program: str = "") -> Path:
        """Write an analysis of a user."""
        import importlib.util

        spec = importlib.util.spec_from_file_location("toy", TOY)
        assert spec is not None
        assert spec.loader is not None
        toy = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(toy)
        folder = self.homes[number] / name
        toy.make(folder, tasks)
        if program:
            (folder / "mars" / "toy").write_text(program)
        for each, text in files.items():
            (folder / each).write_text(text)
        site = f'[local]\ncores = 1\nmemory_mb = 1000\n[storage]\nshared = "{self.shared}"\n'
        if self.trust:
            site += f"shared_trust = {json.dumps(self.trust)}\n"
        (folder / "site.toml").write_text(site)
        if self.several:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, self.uids[number], self.uids[number])
        return folder

    def start(self, number: int, folder: Path, *words: str) -> subprocess.Popen[str]:
        """Start a user's driver."""
        command = [self.python, str(TOY), f"analysis={folder}", *words]
        return subprocess.Popen(
            command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.variables,
            start_new_session=True, **self.as_user(number),
        )  # fmt: skip

    def run(self, number: int, folder: Path, *words: str) -> str:
        """Run a user's driver to its end, and return what it said."""
        driver = self.start(number, folder, *words)
        said, _ = driver.communicate(timeout=300)
        return said if driver.returncode == 0 else f"ended with {driver.returncode}: {said}"

    def python_of(self, number: int, text: str) -> str:
        """Run lines of Python as a user, and return what they print."""
        ran = subprocess.run(
            [self.python, "-c", text], cwd=PROJECT, capture_output=True, text=True, env=self.variables, check=False,
            **self.as_user(number),
        )  # fmt: skip
        return ran.stdout + ran.stderr


def set_up(shared: Path) -> None:
    """Make the folders of a shared store, as docs/users.md tells the administrator."""
    for path in (shared, shared / ".incoming", shared / "catalog", *(shared / shard for shard in SHARDS)):
        path.mkdir(exist_ok=True)
        path.chmod(0o1777)


@contextlib.contextmanager
def place(users: int, **more: Any) -> Iterator[Place]:
    """Make a site, and take it away."""
    root = Path(tempfile.mkdtemp(prefix="automagic-users-"))
    made = Place(root, users, **more)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(root, ignore_errors=True)


def events(folder: Path, *kinds: str) -> list[dict[str, Any]]:
    """Return events of a journal."""
    lines = [line for path in sorted(folder.glob("journal/*.jsonl")) for line in path.read_text().splitlines()]
    return [event for event in map(json.loads, lines) if event["event"] in kinds]


def wanted(chosen: Random, mc: int, forests: int, runs: int, of: int) -> tuple[dict[str, Any], dict[str, str]]:
    """Return tasks and files of an analysis: all the Monte Carlo, one of a few forests, some of the runs."""
    tasks: dict[str, Any] = {f"mc:{n}": {"card": f"Value: mc{n}\n", "in": ["mc.txt"]} for n in range(mc)}
    cut = chosen.randrange(forests)
    tasks["coach:f"] = {"card": f"Value: forest{cut}\n", "in": list(tasks)}
    files = {"mc.txt": "input card\n"}
    for run in sorted(chosen.sample(range(of), runs)):
        files[f"r{run}.txt"] = f"run {run}\n" * 200
        tasks[f"star:{run}"] = {"in": [f"r{run}.txt"]}
        tasks[f"melibea:{run}"] = {"in": [f"star:{run}", "coach:f"]}
    return tasks, files


def measure(users: int, analyses: int, at_once: bool, seed: int = 1) -> dict[str, Any]:
    """Let all users run all their analyses, and count."""
    with place(users) as site:
        chosen = Random(seed)
        folders = {}
        for number in range(users):
            for which in range(analyses):
                tasks, files = wanted(chosen, 6, 2, 4, 10)
                folders[number, which] = site.make(number, f"a{which}", tasks, files)
        began = time.monotonic()
        if at_once:
            for which in range(analyses):
                drivers = [site.start(number, folders[number, which]) for number in range(users)]
                for driver in drivers:
                    said, _ = driver.communicate(timeout=600)
                    assert driver.returncode == 0, said
        else:
            for (number, _), folder in sorted(folders.items()):
                said = site.run(number, folder)
                assert "ended with" not in said, said
        took = time.monotonic() - began
        return {"wall_s": took, **count(site, folders.values())}


def count(site: Place, folders: Iterable[Path]) -> dict[str, Any]:
    """Count what was computed, taken and computed twice, and look at the store."""
    from automagic.sharing.reuse import disk

    folders = list(folders)
    ran: Counter[str] = Counter()
    taken = differ = 0
    asked = cpu = saved = 0.0
    for folder in folders:
        asked += len(json.loads((folder / "toy.json").read_text()))
        for event in events(folder, "done"):
            ran[event["action"]] += 1
            cpu += event.get("cpu_s") or 0.0
        found = [event for event in events(folder, "found") if event.get("origin")]
        taken += len(found)
        saved += sum(event.get("cpu_s") or 0.0 for event in found)
        differ += len(events(folder, "differs"))
    entries = [path for shard in SHARDS for path in (site.shared / shard).iterdir()]
    loose = [path for entry in entries for path in (entry, *entry.rglob("*")) if path.stat().st_mode & 0o222]
    named, stored = disk([site.shared, *(folder / "store" for folder in folders)])
    return {
        "tasks": int(asked), "ran": ran.total(), "taken": taken, "actions": len(ran), "twice": ran.total() - len(ran),
        "differ": differ, "entries": len(entries), "writable": len(loose), "cpu_s": cpu, "saved_s": saved,
        "named": named, "stored": stored, "left": len(list((site.shared / ".incoming").iterdir())),
    }  # fmt: skip


def main() -> None:
    """Print what two ways of meeting give."""
    users, analyses = (int(word) for word in (*sys.argv[1:], "8", "2")[:2])
    who = "different user numbers" if os.getuid() == 0 else "one user number: run it as root for several"
    print(f"{users} users ({who}), {analyses} analyses each")
    for at_once in (True, False):
        found = measure(users, analyses, at_once)
        print(f"{'all at once' if at_once else 'one after the other'}, {found['wall_s']:.0f} s:")
        print(f"  {found['tasks']} tasks asked for, {found['actions']} different actions")
        print(
            f"  {found['ran']} computed, {found['taken']} taken; {found['twice']} computed although somebody did so too"
        )
        print(f"  {found['cpu_s']:.1f} s of CPU spent, {found['saved_s']:.1f} s saved")
        print(f"  {found['entries']} entries in the shared store, {found['writable']} files that can be written, "
              f"{found['differ']} differ, {found['left']} left in .incoming")  # fmt: skip
        print(f"  {found['stored'] / 1e6:.1f} MB on the disk, {found['named'] / 1e6:.1f} MB without links")


if __name__ == "__main__":
    main()
