"""The shape that all systems are measured with: nights of eleven runs, each of two telescopes.

A night has 100 tasks: 11 runs × [2 telescopes × (sorcerer → merpp → star) → superstar, of both → melibea → dl3] and an
index of the night's eleven event lists. It has 122 files: 22 raw ones and one that each task makes, of two bytes each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

RUNS, TELESCOPES = 11, 2
TASKS_A_NIGHT, RAW_A_NIGHT, EDGES_A_NIGHT = 100, 22, 121
STALE_WITH_ONE_RAW = 7
"""So many tasks depend on a raw file: sorcerer, merpp, star, superstar, melibea, dl3, index."""

FIRST_NIGHT, FIRST_RUN = date(2005, 1, 1), 5_000_000
SOURCE = "CrabNebula-W0.40+035"
CONTENT = "x\n"
"""What is in every file."""

STAGES = ("sorcerer", "merpp", "star", "superstar", "melibea", "dl3", "index")


class Step(NamedTuple):
    """A task of the shape, which makes one file.

    Attributes
    ----------
    name
        E.g. ``"star:05000017.M1"``.
    stage
        What stands before the colon.
    tasks
        Names of the tasks whose files it reads.
    raw
        Names of the raw files that it reads.
    output
        Name of the file that it makes.
    """

    name: str
    stage: str
    tasks: tuple[str, ...]
    raw: tuple[str, ...]
    output: str

    @property
    def path(self) -> str:
        """Where the file that it makes is, below the folder of an analysis."""
        return f"products/{self.stage}/{self.output}"


def nights(number: int) -> Iterator[Step]:
    """Yield the tasks of so many nights, each after those whose files it reads.

    >>> [step.name for step in nights(1)][:9][-1], len(list(nights(2)))
    ('dl3:05000000', 200)
    """
    for night in range(number):
        yield from one_night(night)


def one_night(night: int) -> Iterator[Step]:
    """Yield the tasks of a night."""
    day = f"{FIRST_NIGHT + timedelta(days=night):%Y%m%d}"
    first = FIRST_RUN + night * RUNS
    for run in range(first, first + RUNS):
        for telescope in range(1, TELESCOPES + 1):
            what = f"{run:08d}.M{telescope}"
            before, after = f"{day}_M{telescope}_{run:08d}.001", f"{SOURCE}.root"
            yield Step(f"sorcerer:{what}", "sorcerer", (), (raw_name(before),), f"{before}_Y_{after}")
            yield Step(f"merpp:{what}", "merpp", (f"sorcerer:{what}",), (), f"{before}_Y_{after}")
            yield Step(f"star:{what}", "star", (f"merpp:{what}",), (), f"{before}_I_{after}")
        both = f"{day}_{run:08d}"
        stars = tuple(f"star:{run:08d}.M{telescope}" for telescope in range(1, TELESCOPES + 1))
        yield Step(f"superstar:{run:08d}", "superstar", stars, (), f"{both}_S_{SOURCE}.root")
        yield Step(f"melibea:{run:08d}", "melibea", (f"superstar:{run:08d}",), (), f"{both}_Q_{SOURCE}.root")
        yield Step(f"dl3:{run:08d}", "dl3", (f"melibea:{run:08d}",), (), f"{both}_DL3_{SOURCE}.fits")
    lists = tuple(f"dl3:{run:08d}" for run in range(first, first + RUNS))
    yield Step(f"index:{day}", "index", lists, (), f"{day}_index.fits")


def raw_name(before: str) -> str:
    """Return the name of a raw file from night, telescope, run and subrun."""
    return f"{before}_D_{SOURCE}.raw"


def fan(files: int) -> Iterator[Step]:
    """Yield so many tasks of one file each, and one that reads what all of them make.

    >>> [(step.name, len(step.tasks), len(step.raw)) for step in fan(2)]
    [('sorcerer:00000000.M1', 0, 1), ('sorcerer:00000001.M1', 0, 1), ('index:all', 2, 0)]
    """
    day = f"{FIRST_NIGHT:%Y%m%d}"
    for run in range(files):
        before = f"{day}_M1_{run:08d}.001"
        yield Step(f"sorcerer:{run:08d}.M1", "sorcerer", (), (raw_name(before),), f"{before}_Y_{SOURCE}.root")
    yield Step("index:all", "index", tuple(f"sorcerer:{run:08d}.M1" for run in range(files)), (), "all_index.fits")


def shape(text: str) -> Iterator[Step]:
    """Yield the shape that a word names: ``"nights=1000"`` or ``"fan=30000"``.

    >>> len(list(shape("fan=3"))), next(shape("nights=1")).path
    (4, 'products/sorcerer/20050101_M1_05000000.001_Y_CrabNebula-W0.40+035.root')
    """
    kind, _, number = text.partition("=")
    return {"nights": nights, "fan": fan}[kind](int(number))


def last_task(text: str) -> str:
    """Return the name of a task at the end of a shape: the first night's index, or what all is fed to.

    >>> last_task("nights=1000"), last_task("fan=30000")
    ('index:20050101', 'index:all')
    """
    return "index:all" if text.startswith("fan") else f"index:{FIRST_NIGHT:%Y%m%d}"


def make_raw(folder: Path, steps: Iterable[Step]) -> None:
    """Write the raw files of a shape, and make the folders that its tasks write to."""
    (folder / "raw").mkdir(parents=True)
    made = set()
    for step in steps:
        if step.stage not in made:
            made.add(step.stage)
            (folder / "products" / step.stage).mkdir(parents=True)
        for name in step.raw:
            (folder / "raw" / name).write_text(CONTENT)
