"""What must be true after each crash, read from the disk in plain Python: nothing here asks the code under test."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_FORBIDDEN = {
    "again": "its task was done, and is begun again",
    "twice": "its task was handed out twice at once",
    "gone": "its folder was taken away",
    "input": "an input of it was not whole",
}
"""What jobs may not tell."""

FULL = "the disk is full"
"""What is said where a disk is full."""

_KNOWN = re.compile(
    r"(analysis\.toml|catalog\.duckdb|doit\.db|(raw|mars|products|store)/.*|catalog/\w+\.parquet|"
    r"journal/(\d{8}T\d{6}Z-\d+\.jsonl|lock|graph\.duckdb|links\.json|events\.parquet|(hashes|programs)\.(parquet|lines)))"
)
"""What an analysis folder has when nothing runs."""


PHASES = ("start", "plan", "catalog", "run", "end")
"""Where a driver can be when it dies."""


@dataclass
class Tally:
    """What was done and found."""

    kills: Counter[str] = field(default_factory=Counter)
    hows: Counter[str] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)
    ended: int = 0
    drivers: int = 0
    finished: int = 0
    cut: int = 0
    productions: int = 0
    compared: int = 0
    torn: int = 0
    adopted: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def killed(self) -> int:
        """How many drivers were killed."""
        return self.kills.total()

    def text(self, seconds: float) -> str:
        """Say it in lines."""
        phases = ", ".join(f"{phase} {self.kills[phase]}" for phase in PHASES)
        hows = ", ".join(f"{how} {number}" for how, number in self.hows.items())
        lines = [
            f"kills       {self.killed} ({phases})",
            f"            {hows}; {len(self.places)} different places in the code; {self.torn} journals cut in a line",
            f"drivers     {self.drivers} started, {self.ended} came to their end, in {seconds:.0f} s",
            f"tasks       {self.finished} done in {self.productions} productions; {self.cut} attempts were cut short, "
            f"{self.adopted} results were taken over",
            f"catalogs    {self.compared} compared with those rebuilt from journal and receipts",
            f"violations  {len(self.wrong)}",
        ]
        return "\n".join([*lines, *(f"  {text}" for text in self.wrong[:40])])


class Ledger:
    """What is known of an analysis folder that crashes happen to, and each thing that was wrong in it (`wrong`).

    Parameters
    ----------
    root
        The analysis folder.
    log
        What jobs tell (`bench.crash_node`).
    """

    def __init__(self, root: Path, log: Path) -> None:
        self.root = root
        self.log = log
        self.wrong: list[str] = []
        self.finished: set[str] = set()
        self.whole: dict[str, str] = {}
        self.begun: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.drivers = 0
        self.torn = 0
        self.adopted = 0
        self._told = 0
        self._journals: set[str] = set()
        self._handed: dict[str, str] = {}

    def _say(self, text: str) -> None:
        self.wrong.append(text)

    def look(self) -> None:
        """Look at everything that has come since the last time. No driver may run now; nodes may."""
        self._look_at_store()
        new = {*self.whole, *self._look_at_work()}
        self._read_log()  # after that: what is finished now has told by now that it began
        self._read_journals()
        self._look_at_links()
        self._look_at_exports()
        self.finished |= new

    def _read_log(self) -> None:
        with open(self.log, "rb") as file:
            file.seek(self._told)
            data = file.read()
        data = data[: data.rfind(b"\n") + 1]
        self._told += len(data)
        for line in data.decode().splitlines():
            what, action, attempt = line.split()
            if what in _FORBIDDEN:
                self._say(f"{attempt}: {_FORBIDDEN[what]}")
            if what in ("start", "again"):
                if action in self.finished or self.done[action]:
                    self._say(f"{attempt}: its task was finished before, and runs again")
                self.begun[action] += 1
            elif what in ("done", "lost"):
                {"done": self.done, "lost": self.lost}[what][action] += 1

    def _look_at_store(self) -> None:
        found = set()
        for first in _entries(self.root / "store"):
            for place in _entries(Path(first.path)):
                action = place.name
                found.add(action)
                if action in self.whole:
                    continue
                wrong = self._damage(Path(place.path), action)
                if wrong:
                    self._say(f"store/{first.name}/{action}: {wrong}")
                else:
                    self.whole[action] = place.path
        self._say_lost(self.whole.keys() - found)

    def _say_lost(self, actions: set[str]) -> None:
        for action in actions:
            self._say(f"{action} was in the store, and is gone")
            del self.whole[action]

    @staticmethod
    def _damage(place: Path, action: str) -> str:
        """Say what is wrong with a folder that a job left; nothing where it is whole."""
        try:
            receipt = json.loads((place / "receipt.json").read_text())
            products = receipt["outputs"]
            if receipt["state"] != "done" or receipt["action"] != action:
                return "its receipt is of something else"
            for product in products:
                data = (place / product["name"]).read_bytes()
                if len(data) != product["size"] or hashlib.sha256(data).hexdigest() != product["sha256"]:
                    return f"{product['name']} is not what its receipt says"
        except (OSError, ValueError, KeyError) as error:
            return f"it is not whole: {error!r}"
        return "" if products else "its receipt names no product"

    def _look_at_work(self) -> set[str]:
        """Return actions with results that no driver has taken in yet."""
        found = set()
        for place in _entries(self.root / "work"):
            done = Path(place.path) / "done"
            if not done.exists() or place.name.startswith("damaged-"):
                continue
            action = json.loads((done / "receipt.json").read_text())["action"]
            wrong = self._damage(done, action)
            if wrong:
                self._say(f"work/{place.name}/done: {wrong}")
            elif action in self.whole:
                self._say(f"work/{place.name}: a second result of {action}")
            found.add(action)
        return found

    def _read_journals(self) -> None:
        names = sorted(path.name for path in (self.root / "journal").glob("*.jsonl"))
        new = [name for name in names if name not in self._journals]
        if new and self._journals and new[0] < max(self._journals):
            self._say(f"journal/{new[0]} is not the last one by its name")
        for name in new:
            self._journals.add(name)
            self.drivers += 1
            lines = (self.root / "journal" / name).read_bytes().split(b"\n")
            self.torn += bool(lines[-1])
            for line in lines[:-1]:
                self._read_event(name, json.loads(line))

    def _read_event(self, journal: str, event: dict[str, Any]) -> None:
        kind, action = event["event"], event.get("action")
        if kind == "submitted" and action in self.finished:
            self._say(f"{journal}: {event['task']} is handed out, and was finished before")
        attempt = event.get("attempt", "")
        if kind == "submitted":
            self._handed[attempt] = journal
        self.adopted += kind == "done" and self._handed.get(attempt) != journal
        if kind in ("done", "found") and action not in self.whole:
            self._say(f"{journal}: {event['task']} is {kind}, and its products are not in the store")
        expected = event.get("again") or event.get("cause") in ("node", "disk") or FULL in event.get("reason", "")
        if kind in ("failed", "problem") and not expected:
            self._say(f"{journal}: {event['task']} failed: {event.get('reason')}")

    def _look_at_links(self) -> None:
        for stage in _entries(self.root / "products"):
            for link in _entries(Path(stage.path)):
                if link.name.startswith("."):
                    continue
                target = os.path.normpath(os.path.join(stage.path, os.readlink(link.path)))
                action = target.rpartition("/")[0].rpartition("/")[2]
                if action not in self.whole or not os.path.exists(target):
                    self._say(f"{link.path} points to what is not whole: {target}")

    def _look_at_exports(self) -> None:
        for path in (self.root / "catalog").glob("*.parquet"):
            data = path.read_bytes()
            if data[:4] != b"PAR1" or data[-4:] != b"PAR1":
                self._say(f"{path} is not whole")

    # --- at the end

    def close(self, wanted: Mapping[str, bytes]) -> None:
        """Check that all is done, once, and that nothing lies about.

        Parameters
        ----------
        wanted
            What each product has to have in it, by its name for people.
        """
        for link, data in wanted.items():
            try:
                if (self.root / link).read_bytes() != data:
                    self._say(f"{link} has not the bytes that it should have")
            except OSError as error:
                self._say(f"{link} cannot be read: {error}")
        links = {os.path.relpath(p, self.root) for p in (self.root / "products").glob("*/*")}
        for link in sorted(links - wanted.keys()):
            self._say(f"{link} belongs to no task")
        for action, place in self.whole.items():
            if wrong := self._damage(Path(place), action):
                self._say(f"store/…/{action}: {wrong}")
        for action, number in self.done.items():
            if number != 1:
                self._say(f"{action} was done {number} times")
        for path in sorted(self.strays()):
            self._say(f"{path} was left behind")

    def strays(self) -> Iterator[str]:
        """Yield files that nobody needs."""
        for path in self.root.rglob("*"):
            name = str(path.relative_to(self.root))
            if not (path.is_dir() and name != "work") and not _KNOWN.fullmatch(name):
                yield name


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except FileNotFoundError:
        return []
