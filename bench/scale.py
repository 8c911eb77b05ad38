"""How autoMAGIC stands beside GNU make, plain doit and Snakemake with 100,000 tasks and 122,000 files, as ratios.

All are given the same tasks (``bench/scale_shape.py``), and none starts a process for one: what is measured is the
system. Each run is measured as a whole process, from its start to its end, in turn with its peer's. The shortest time
counts; the median stands in brackets, processor time and largest memory beside it. Everything is made below a new
folder and removed at the end. It should be on a usual local file system: one that discards each block as it is freed
(mount option ``discard``) takes milliseconds for each folder that goes, which only those pay that take some away.

    python -m bench.scale --folder /tmp/scale
    python -m bench.scale --folder /tmp/scale --nights 10 --only first no-op
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.scale_events import make_lineage, make_record
from bench.scale_measure import Figure, alternate, measure
from bench.scale_own import OWN, rebuild_words
from bench.scale_peers import DOIT, MAKE, System, change, first_raw, made, make_version, put_back, snakemake_at
from bench.scale_shape import STALE_WITH_ONE_RAW, TASKS_A_NIGHT

PLAN_RATIO, PLAN_MB = 1.5, 300
NOOP_RATIO, LEAF_S = 1 / 3, 1.5
FIRST_RATIO, DRIVER_MB = 1.0, 500
CATALOG_S, LINEAGE_S = 2.0, 0.05
FAN_GROWTH = 4.0
"""To reach, with 1,000 nights: see the rows."""

EVENTS, EDGES = 1_000_000, 1_000_000


@dataclass(frozen=True)
class Row:
    """A line of the table; `reached` is `None` where nothing is to be reached, or it was not measured."""

    name: str
    own: str
    peer: str = ""
    ratio: str = ""
    reach: str = ""
    reached: bool | None = None

    def cells(self) -> list[str]:
        """Return it as words."""
        yes_or_no = {True: "yes", False: "no", None: ""}[self.reached]
        return [self.name, self.own, self.peer, self.ratio, self.reach, yes_or_no]


HEADS = ("", "autoMAGIC", "peer", "ratio", "to reach", "reached")


@dataclass
class Bench:
    """What is measured, where; folders that have had their first run are kept for the rows that need one."""

    folder: Path
    nights: int
    repeats: int = 5
    firsts: int = 1
    fans: Sequence[int] = (3_000, 10_000, 30_000)
    snakemake: Path | None = None
    snakemake_nights: int = 10
    events: int = EVENTS
    edges: int = EDGES
    _first: dict[tuple[str, str], tuple[Path, Figure]] = field(default_factory=dict)

    @property
    def shape(self) -> str:
        """The shape that most rows are about."""
        return f"nights={self.nights}"

    def first(self, what: str, *systems: System) -> list[Figure]:
        """Give systems their first run of a shape, where they have not had it; return what was measured."""
        missing = [each for each in systems if (each.name, what) not in self._first]
        figures = [Figure() for _ in missing]

        def one(system: System, figure: Figure) -> Callable[[], None]:
            return lambda: self._one_first(system, what, figure)

        alternate(self.firsts, *(one(*pair) for pair in zip(missing, figures, strict=True)))
        return [self._first[each.name, what][1] for each in systems]

    def _one_first(self, system: System, what: str, figure: Figure) -> None:
        folder = self.folder / f"{system.name.replace(' ', '-')}-{what}-{len(figure.walls)}"
        system.write(folder, what)
        measure(system.words("first", folder, what), folder, figure)
        kind, _, number = what.partition("=")
        expected = int(number) * TASKS_A_NIGHT if kind == "nights" else int(number) + 1
        check(system, "first run", made(folder), expected)
        self._first[system.name, what] = folder, figure

    def again(self, what: str, *pairs: tuple[System, str], stale: int = 0) -> list[Figure]:
        """Measure commands after the first run, in turn, and check that they found so many tasks to do."""
        self.first(what, *(system for system, _ in pairs))
        figures = [Figure() for _ in pairs]

        def one(system: System, kind: str, figure: Figure) -> Callable[[], None]:
            folder = self.at(system, what)

            def call() -> None:
                measure(system.words(kind, folder, what), folder, figure)
                check(system, kind, system.ran(figure.out), stale)

            return call

        calls = [one(*pair, figure) for pair, figure in zip(pairs, figures, strict=True)]
        alternate(self.repeats, *calls)
        return figures

    def at(self, system: System, what: str) -> Path:
        """Return the folder where a system has had its first run."""
        return self._first[system.name, what][0]


def check(system: System, kind: str, found: int | None, expected: int) -> None:
    """Refuse to measure something else than what is said.

    Raises
    ------
    RuntimeError
        A system made, or found to do, another number of tasks than it should.
    """
    if found not in (None, expected):
        raise RuntimeError(f"{system.name}, {kind}: {found} tasks instead of {expected}")


def times(name: str, own: Figure, peer: Figure, most: float, label: str, reach: str = "") -> Row:
    """Return the row of two times whose ratio is to be at most `most`."""
    ratio = own.wall_s / peer.wall_s
    return Row(name, str(own), f"{label}: {peer}", f"{ratio:.2f}", reach or f"≤ {most:g} ×", ratio <= most)


# --- the rows


def plan(bench: Bench) -> list[Row]:
    """Plan where all is up to date, beside make that has nothing to do."""
    name, label = "plan, up to date", f"GNU make {make_version()}, nothing to do"
    own, make = bench.again(bench.shape, (OWN, "plan"), (MAKE, "no-op"))
    memory = Row("its memory", f"{own.rss_mb:.0f} MB", f"{make.rss_mb:.0f} MB", "", f"≤ {PLAN_MB} MB")
    return [times(name, own, make, PLAN_RATIO, label), met(memory, own.rss_mb <= PLAN_MB)]


def plan_changed(bench: Bench) -> list[Row]:
    """Plan where a raw file changed, beside make's dry run."""
    name, label = "plan, one raw file changed", "make -n"
    pairs = [(OWN, "changed"), (MAKE, "changed")]
    bench.first(bench.shape, *(system for system, _ in pairs))
    files = [first_raw(bench.at(system, bench.shape)) for system, _ in pairs]
    before = [change(file) for file in files]
    own, make = bench.again(bench.shape, *pairs, stale=STALE_WITH_ONE_RAW)
    for file, stat in zip(files, before, strict=True):
        put_back(file, stat)
    return [times(name, own, make, PLAN_RATIO, label)]


def noop(bench: Bench) -> list[Row]:
    """The whole analysis, where all is up to date."""
    own, doit = bench.again(bench.shape, (OWN, "no-op"), (DOIT, "no-op"))
    return [times("doit analysis=, nothing to do", own, doit, NOOP_RATIO, DOIT.name, "≤ 1/3 ×")]


def leaf(bench: Bench) -> list[Row]:
    """One task with what it needs, up to date."""
    own, doit = bench.again(bench.shape, (OWN, "leaf"), (DOIT, "leaf"))
    row = times("doit analysis= TASK, one night's index", own, doit, LEAF_S, DOIT.name, f"≤ {LEAF_S} s")
    return [met(row, own.wall_s <= LEAF_S)]


def first(bench: Bench) -> list[Row]:
    """Everything is made, by tasks that do nothing."""
    own, doit = bench.first(bench.shape, OWN, DOIT)
    name = f"first run (of it {own.told['jobs_s']:.1f} s in the jobs)"
    return [times(name, own, doit, FIRST_RATIO, DOIT.name)]


def memory(bench: Bench) -> list[Row]:
    """The largest memory of the driver in the first run."""
    figure, doit = bench.first(bench.shape, OWN, DOIT)
    own = figure.told["driver_mb"]
    about = (f"{own:.0f} MB", f"{DOIT.name}: {doit.rss_mb:.0f} MB", f"{own / doit.rss_mb:.2f}")
    return [Row("memory of the driver, first run", *about, f"≤ {DRIVER_MB} MB", own <= DRIVER_MB)]


def catalog(bench: Bench) -> list[Row]:
    """The catalog is made from a long journal: for the first time, and when the journal is kept in columns as well."""
    folder = bench.folder / "record"
    make_record(folder, bench.nights, bench.events)
    lines, again = Figure(), Figure()
    measure(rebuild_words(folder), folder, lines)
    for _ in range(bench.repeats):
        measure(rebuild_words(folder), folder, again)
    reach = f"≤ {CATALOG_S:g} s"
    return [
        Row(f"catalog from {bench.events:,} events{which}", str(figure), "", "", reach, figure.wall_s <= CATALOG_S)
        for which, figure in ((", read as lines", lines), (", again", again))
    ]


def lineage(bench: Bench) -> list[Row]:
    """The raw files of a DL3 file, among many edges."""
    folder = bench.folder / "lineage"
    make_lineage(folder, bench.edges)
    words = [sys.executable, "-m", "bench.scale_events", str(folder), str(bench.repeats)]
    found = json.loads(measure(words, folder).out)
    check(OWN, "lineage", found["files"], 2)
    name = f"lineage of a DL3 file, {found['edges']:,} edges"
    own = f"{1000 * found['wall_s']:.0f} ms"
    return [Row(name, own, "", "", f"≤ {1000 * LINEAGE_S:.0f} ms", found["wall_s"] <= LINEAGE_S)]


def fan(bench: Bench) -> list[Row]:
    """One task that reads the files of very many others: does the time grow faster than their number?"""
    shapes = [f"fan={files}" for files in bench.fans]
    rows = []
    for name in ("first run", "nothing to do"):
        own, doit = [], []
        for what in shapes:
            kind = "no-op"
            pair = bench.first(what, OWN, DOIT) if name == "first run" else bench.again(what, (OWN, kind), (DOIT, kind))
            own.append(pair[0].wall_s)
            doit.append(pair[1].wall_s)
        growth, peer = own[-1] / own[-2], doit[-1] / doit[-2]
        cells = [" / ".join(f"{wall:.1f}" for wall in walls) for walls in (own, doit)]
        rows.append(
            Row(
                f"one task fed by {' / '.join(f'{files:,}' for files in bench.fans)} files, {name}",
                f"{cells[0]} s, the last {growth:.1f} × the one before",
                f"{DOIT.name}: {cells[1]} s, {peer:.1f} ×",
                f"{own[-1] / doit[-1]:.2f}",
                f"≤ {FAN_GROWTH:g} × the one before",
                growth <= FAN_GROWTH,
            )
        )
    return rows


def snakemake(bench: Bench) -> list[Row]:
    """Plan of few nights, beside Snakemake's dry run."""
    name = f"plan of {bench.snakemake_nights * TASKS_A_NIGHT:,} tasks, up to date"
    if bench.snakemake is None:
        return [Row(name, "", "Snakemake: not measured")]
    peer, what = snakemake_at(bench.snakemake), f"nights={bench.snakemake_nights}"
    folder = bench.folder / "Snakemake"
    peer.write(folder, what)
    figure = Figure()
    for _ in range(bench.repeats):
        measure(peer.words("no-op", folder, what), folder, figure)
        check(peer, "no-op", peer.ran(figure.out), 0)
    (own,) = bench.again(what, (OWN, "plan"))
    return [Row(name, str(own), f"{peer.name}: {figure}", f"{own.wall_s / figure.wall_s:.2f}")]


def met(row: Row, reached: bool) -> Row:
    """Return a row with its verdict."""
    return Row(row.name, row.own, row.peer, row.ratio, row.reach, reached)


ROWS: dict[str, Callable[[Bench], list[Row]]] = {
    "plan": plan,
    "plan-changed": plan_changed,
    "no-op": noop,
    "leaf": leaf,
    "first": first,
    "memory": memory,
    "catalog": catalog,
    "lineage": lineage,
    "fan": fan,
    "snakemake": snakemake,
}


# --- the table


def markdown(rows: Sequence[Row]) -> str:
    """Return the table for the documentation."""
    lines = [list(HEADS), ["---"] * len(HEADS), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def show(rows: Sequence[Row]) -> None:
    """Print the table for a person."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*HEADS, show_lines=True)
    for row in rows:
        table.add_row(*row.cells())
    Console().print(table)


def main() -> int:
    """Measure and tell; exit code 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="a new folder, on a local disk")
    parser.add_argument("--nights", type=int, default=1000, help="of 100 tasks; the targets are for 1,000")
    parser.add_argument("--repeats", type=int, default=5, help="how often each command is measured")
    parser.add_argument("--firsts", type=int, default=1, help="how often first runs are")
    parser.add_argument("--only", nargs="+", choices=ROWS, metavar="ROW", help=f"of {', '.join(ROWS)}")
    fans = [3_000, 10_000, 30_000]
    parser.add_argument("--fans", type=int, nargs="+", default=fans, help="files that one task reads")
    parser.add_argument("--events", type=int, default=EVENTS, help="of the journal that the catalog is made from")
    parser.add_argument("--edges", type=int, default=EDGES, help="of the lineage")
    parser.add_argument("--snakemake", type=Path, metavar="VENV", help="an environment with Snakemake")
    parser.add_argument("--snakemake-nights", type=int, default=10)
    parser.add_argument("--markdown", action="store_true", help="print the table for the documentation")
    parser.add_argument("--keep", action="store_true", help="leave the folder behind")
    given = parser.parse_args()
    given.folder.mkdir(parents=True)
    more = ("nights", "repeats", "firsts", "snakemake", "snakemake_nights", "events", "edges")
    bench = Bench(given.folder.resolve(), fans=given.fans, **{name: getattr(given, name) for name in more})
    rows: list[Row] = []
    try:
        for name in given.only or ROWS:
            for row in ROWS[name](bench):
                rows.append(row)
                print(" · ".join(filter(None, row.cells())), file=sys.stderr, flush=True)
    finally:
        if not given.keep:
            shutil.rmtree(given.folder)
    print(markdown(rows)) if given.markdown else show(rows)
    return int(any(row.reached is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
