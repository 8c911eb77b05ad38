"""A small analysis with real jobs on this machine: its one program joins its card and its inputs."""

import contextlib
import io
from pathlib import Path
from unittest import mock

from automagic.analysis.site import Site
from automagic.archive import gather as gather_module
from automagic.bookkeeping import hold
from automagic.graph.asked import Asked, save
from automagic.graph.task import Input, Output, Resources, Task
from automagic.runner import drive as drive_module
from automagic.runner.reporter import Reporter
from automagic.runner.session import Session

PROGRAM = """\
#!/usr/bin/env python3
# join OUT …: writes the card and all inputs to each out/OUT; "Chance: 1" in the card adds what no two runs have
import os, sys
card = open("card.rc").read() if os.path.exists("card.rc") else ""
text = "".join(line for line in card.splitlines(True) if not line.startswith("#"))
for role in sorted(os.listdir("in")) if os.path.isdir("in") else ():
    for name in sorted(os.listdir(f"in/{role}")):
        text += f"{role} {name}\\n" + open(f"in/{role}/{name}").read()
if "Chance: 1" in card:
    text += os.urandom(8).hex() + "\\n"
if "Fail: 1" in card and os.path.exists(os.path.join(os.environ["MARSSYS"], "broken")):
    sys.exit(3)
for name in sys.argv[1:]:
    with open(f"out/{name}", "w") as file:
        file.write(f"{name}\\n{text}")
print("joined")
"""


class Toy:
    """An analysis below a new folder, with two files in storage."""

    def __init__(self, base: Path, name: str = "crab", **cards: str) -> None:
        self.root, self.storage, self.mars = base / name, base / "storage", base / "mars"
        for folder in (self.root, self.storage, self.mars):
            folder.mkdir(parents=True, exist_ok=True)
        (self.mars / "join").write_text(PROGRAM)
        (self.mars / "join").chmod(0o755)
        for number in (1, 2):
            (self.storage / f"raw{number}.root").write_text(f"raw {number}\n")
        (self.root / "analysis.toml").write_text('[source]\nname = "Crab"\n')
        self.cards = cards

    def tasks(self) -> dict[str, Task]:
        """Return the graph: two runs to star, superstar, dl3, and a result."""
        raw = [Input("raw", f"raw{n}.root", path=str(self.storage / f"raw{n}.root")) for n in (1, 2)]
        made = [
            self._task("star:1.M1", [raw[0]], Output("s1.txt", "star", "products/star/s1.txt")),
            self._task("star:1.M2", [raw[1]], Output("s2.txt", "star", "products/star/s2.txt")),
            self._task(
                "superstar:1",
                [Input("m1", "s1.txt", task="star:1.M1"), Input("m2", "s2.txt", task="star:1.M2")],
                Output("u.txt", "superstar", "products/superstar/u.txt"),
                Output("hidden.txt", "superstar", ""),
            ),
            self._task(
                "dl3:1", [Input("in", "u.txt", task="superstar:1")], Output("1.fits", "dl3", "products/dl3/1+0.fits")
            ),
            self._task(
                "spectrum:all", [Input("dl3", "1.fits", task="dl3:1")], Output("f.ecsv", "result", "results/f.ecsv")
            ),
        ]  # fmt: skip
        return {task.name: task for task in made}

    def _task(self, name: str, inputs: list[Input], *outputs: Output) -> Task:
        stage = name.partition(":")[0]
        return Task(
            name, stage, stage, "mars", "join", tuple(o.name for o in outputs),
            f"{stage}.Level: 6\n{self.cards.get(stage, '')}", tuple(inputs), outputs,
            Resources(memory_mb=50, disk_mb=1, minutes=1),
        )  # fmt: skip

    def session(self) -> Session:
        """Open the analysis."""
        place = self.root / "journal" / "graph.duckdb"
        save(place, self.tasks(), {"notes": [], "engine": "mars"})
        return Session(self.root, Asked(place), {"mars": self.mars}, site=self.site())

    def site(self) -> Site:
        """Return where jobs run: here."""
        return Site.model_validate({"folder": self.root, "engines": {"mars": {"marssys": str(self.mars)}}})

    def run(self) -> int:
        """Run it."""
        session = self.session()
        with mock.patch.object(drive_module, "write_report", return_value=None), hold(session.folder) as held:
            return drive_module.drive(
                session, None, Reporter(io.StringIO(), {"failure_verbosity": 0}), False, 2, held.check
            )

    @contextlib.contextmanager
    def opened(self):
        """Have the archive open this analysis."""
        with mock.patch.object(gather_module, "open_session", side_effect=lambda root: self.session()):
            yield
