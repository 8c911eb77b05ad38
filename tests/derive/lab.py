"""Small analyses with an analysis.toml of their own, run in this process by the real driver; the program is none."""

import io
import json
from pathlib import Path
from unittest import mock

from automagic import cards
from automagic.analysis import load
from automagic.analysis.site import Site
from automagic.bookkeeping import Folder, hold
from automagic.errors import UserError
from automagic.graph.asked import Asked, save
from automagic.graph.task import Input, Output, Resources, Task
from automagic.runner import drive as drive_module
from automagic.runner.reporter import Reporter
from automagic.runner.session import Session
from tests.plan.world import Hashing, in_process

SETTINGS = """# The Crab, as a test

[source]
name = "CrabNebula"
ra = 83.6333          # deg
dec = 22.0145

[spectrum]
model = "log-parabola"

# [cards.star] may have Level and Aside
"""

DEFAULTS = {"star": {"Level": "6"}, "melibea": {"Cut": "1"}}


class Lab:
    """Analyses beside each other, with two files in storage and a program that makes hashes of what it reads."""

    def __init__(self, base: Path) -> None:
        self.base = base
        (base / "storage").mkdir()
        for number in (1, 2):
            (base / "storage" / f"raw{number}").write_text(f"raw {number}\n")
        (base / "mars").mkdir()
        (base / "mars" / "program").write_text("#!/bin/sh\n# version 00\n")
        self.crab = base / "crab"
        self.crab.mkdir()
        (self.crab / "analysis.toml").write_text(SETTINGS)

    def tasks(self, root: Path) -> dict[str, Task]:
        """Return the graph of an analysis: two runs, of which only the stars' cards are of [cards.star]."""
        analysis = load(root)
        for program, table in analysis.cards.items():
            problems = cards.check(table, {"Level", "Aside", "Cut"} if program in DEFAULTS else ())
            if problems:
                raise UserError(f"{root / 'analysis.toml'}: [cards.{program}]: {problems[0]}")
        told = {"Model": analysis.spectrum.model}
        made = []
        for number in (1, 2):
            raw = Input("in", f"raw{number}", path=str(self.base / "storage" / f"raw{number}"))
            made.append(self._task(f"merpp:{number}", "merpp", [raw]))
            made.append(self._task(f"star:{number}", "star", [Input("in", f"merpp-{number}", task=f"merpp:{number}")],
                                   {**DEFAULTS["star"], **analysis.cards.get("star", {})}))  # fmt: skip
        stars = [Input(f"m{n}", f"star-{n}", task=f"star:{n}") for n in (1, 2)]
        made.append(
            self._task("melibea:1", "melibea", stars, {**DEFAULTS["melibea"], **analysis.cards.get("melibea", {})})
        )
        made.append(self._task("spectrum:all", "spectrum", [Input("dl3", "melibea-1", task="melibea:1")], told))
        return {task.name: task for task in made}

    def _task(self, name: str, stage: str, inputs: list[Input], card: dict | None = None) -> Task:
        text = "".join(f"{key}: {value}\n" for key, value in (card or {}).items())
        out = name.replace(":", "-")
        return Task(
            name, stage, stage, "mars", "program", (out,), text, tuple(inputs),
            (Output(out, stage, f"products/{stage}/{out}"),), Resources(memory_mb=10, disk_mb=1, minutes=1),
        )  # fmt: skip

    def open(self, root: Path) -> Session:
        """Open an analysis, as `automagic.runner.current.open_session` does."""
        folder = Folder(Path(root))
        save(folder.graph, self.tasks(folder.root), {"notes": [], "engine": "mars"})
        return Session(folder.root, Asked(folder.graph), {"mars": self.base / "mars"}, site=Site())

    def run(self, root: Path) -> list[str]:
        """Run an analysis; return which tasks ran, in order."""
        executor = Hashing(self, set(), None)
        session = self.open(root)
        with in_process(executor), hold(session.folder) as held:
            code = drive_module.drive(
                session, None, Reporter(io.StringIO(), {"failure_verbosity": 0}), False, 2, held.check
            )
        assert code == 0
        return sorted(name for name, _ in executor.calls)

    def patched(self):
        """Have everybody open these analyses."""
        import contextlib

        stack = contextlib.ExitStack()
        for module in ("derive.make", "derive.basis", "derive.text", "runner.current"):
            stack.enter_context(mock.patch(f"automagic.{module}.open_session", side_effect=self.open))
        return stack


def settings_of(root: Path) -> str:
    """Return the text of analysis.toml."""
    return (root / "analysis.toml").read_text()


def events(root: Path) -> list[dict]:
    """Return all events of an analysis."""
    return [json.loads(line) for path in sorted((root / "journal").glob("*.jsonl")) for line in path.open()]
