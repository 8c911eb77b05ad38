"""The crash test: kills the driver at random moments of a production, and checks after each that nothing was lost.

    python -m bench.crash --folder /dev/shm/crash --kills 1000

Productions have the shape of `bench.scale_shape`; they are run one after the other until so many kills are done, each
twice: first whole, then with another card for the stage ``star``. The driver is the real one, from the command line
on. Jobs are done by a process that outlives it, or (every other production) by the driver itself: `bench.crash_node`.
It is killed by the clock (anywhere, or some time after a phase began), before or after one of its calls, or within a
write (`bench.crash_driver`); alone or with its children, or only its child that writes the catalog. After each kill
`bench.crash_check` looks at the disk. At the end of each production, and after some runs on the way, the catalog's
exports must be, byte for byte, those that ``automagic catalog rebuild`` makes when all of the catalog is deleted.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

from doit import cmd_run

from automagic.executors import Executor
from bench.crash_check import FULL, PHASES, Ledger, Tally
from bench.crash_driver import Board, die_at_call, die_in_write, note_phases, run
from bench.crash_node import Here, Log, There, content, node
from bench.scale_measure import PROJECT
from bench.scale_own import make_analysis
from bench.scale_own import tasks as tasks_of
from bench.scale_shape import CONTENT, shape

HOWS = ("clock", "clock", "phase", "phase", "phase", "call", "call", "call", "call", "call", "write", "write", "child")
"""Ways to die; the driver goes on where it is only its child."""

LATEST_S = 1.0
"""So long after its plan a driver is killed on the average, whatever else was to kill it: most do not come far."""

TRACEBACK = "Traceback (most recent call last)"


class Production:
    """One analysis folder with its node.

    Parameters
    ----------
    place
        An empty folder.
    outlive
        Whether jobs outlive the driver.
    disk
        Where the analysis folder is to be; by default in `place`.
    """

    def __init__(self, place: Path, nights: int, outlive: bool, random: Random, disk: Path | None = None) -> None:
        self.place, self.root = place, (disk or place) / "crash"
        self.outlive, self.random = outlive, random
        self.what = f"nights={nights}"
        make_analysis(self.root, self.what)
        self.log = place / "jobs.log"
        self.log.touch()
        self.ledger = Ledger(self.root, self.log)
        self.plain = tasks_of(self.root, shape(self.what))
        self.generation = 0
        self.tasks = self.plain
        self._node = 0
        if outlive:
            self._node = os.fork()
            if not self._node:
                with leaving():
                    node(place / "node", Log(self.log), random)
            while not (place / "node").exists():
                time.sleep(0.01)

    def change(self) -> None:
        """Have another card for one stage: all of it and what hangs on it is to be made anew, and nothing else."""
        self.generation += 1
        self.tasks = {
            name: replace(task, card=f"{task.card}Generation: {self.generation}\n") if task.stage == "star" else task
            for name, task in self.plain.items()
        }

    def wanted(self) -> dict[str, bytes]:
        """Return what each product must have in it, by link."""
        made: dict[str, bytes] = {}
        for task in self.tasks.values():
            reads = [made[each.task] if each.task else CONTENT.encode() for each in task.inputs]
            made[task.name] = content(task.card, reads)
        return {task.outputs[0].link: made[task.name] for task in self.tasks.values()}

    def executor(self, seed: int) -> Executor:
        """Return what hands jobs out in a driver."""
        return There(self.place / "node") if self.outlive else Here(Log(self.log), Random(seed))

    def close(self) -> None:
        """End the node."""
        if self._node:
            os.kill(self._node, signal.SIGKILL)
            os.waitpid(self._node, 0)


@contextlib.contextmanager
def leaving() -> Iterator[None]:
    """Leave a forked process at the end of a block, whatever happens."""
    code = 70
    try:
        yield
        code = 0
    except SystemExit as ending:
        code = int(ending.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(code)


class Crasher:
    """Starts drivers and kills them."""

    def __init__(self, seed: int, say: bool = False) -> None:
        self.random = Random(seed)
        self.board = Board()
        self.tally = Tally()
        self.say = say
        self.longest: dict[str, float] = defaultdict(lambda: 0.2)
        self.calls: dict[str, int] = defaultdict(lambda: 40)

    def start(self, production: Production, words: list[str], how: str, phase: str) -> tuple[int, Path]:
        """Fork a driver that may die by its own hand; return its number, and where its words go."""
        out = production.place / "driver.out"
        random, tasks = Random(self.random.random()), production.tasks
        self.board.clear()
        file = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        number = os.fork()
        if number:
            os.close(file)
            with contextlib.suppress(OSError):  # here as well as there, so that it is done whoever is first
                os.setpgid(number, number)
            self.tally.drivers += 1
            return number, out
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        os.dup2(file, 1)
        os.dup2(file, 2)
        sys.stdout = cmd_run.opt_outfile["default"] = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115 (a test may have others in their place)
        with leaving():
            note_phases(self.board)
            if how == "call":
                die_at_call(self.board, phase, int(self.calls[phase] ** random.random()))
            elif how == "write":
                die_in_write(self.board, int(400 ** random.random()), random)
            key = f"{production.what} {production.generation}"
            every = 0.05 if random.random() < 0.3 else 30.0
            code = run(
                self.board,
                production.root,
                tasks,
                key,
                words,
                lambda: production.executor(random.randrange(1 << 30)),
                every,
            )
            raise SystemExit(code)

    def cycle(self, production: Production, words: list[str], full: bool = False, spare: bool = False) -> int | None:
        """Start a driver, kill it and look at what it left; return its exit code, where it came to its end.

        Parameters
        ----------
        full
            Whether the disk is full now and then: the driver may end for that, and only for that.
        spare
            Not to kill it.
        """
        how = "" if spare else self.random.choice(HOWS)
        phase = self.random.choice((*PHASES, "run", "run", "end"))
        number, out = self.start(production, words, how, phase)
        group = self.random.random() < 0.5
        code = self.watch(number, how, phase, group)
        if code is None:
            self.tally.kills[self.board.phase] += 1
            self.tally.hows[how] += 1
            self.tally.places[self.board.place or f"{how} in {self.board.phase}"] += 1
        else:
            self.tally.ended += 1
        for each in PHASES:
            self.calls[each] = max(self.calls[each], self.board.count(each))
        ledger = production.ledger
        before = len(ledger.wrong)
        text = out.read_text(errors="replace")
        if TRACEBACK in text:
            ledger.wrong.append(f"a driver said: {text[text.index(TRACEBACK) :][-2000:]}")
        elif code not in (0, None) and not (full and (FULL in text or os.strerror(errno.ENOSPC) in text)):
            ledger.wrong.append(f"a driver ended with {code}: {text[-1000:]}")
        ledger.look()
        if self.say:
            print(
                f"{time.monotonic():.1f} {code} {how} {phase} {self.board.phase} {len(words)} {self.tally.killed} "
                f"{len(ledger.whole)} {self.board.place}",
                flush=True,
            )
        if len(ledger.wrong) > before:
            told = f"driver {self.tally.drivers}, {how} {phase} {self.board.place}, group {group}, code {code}"
            ledger.wrong[before:] = [f"{each}  [{told}]" for each in ledger.wrong[before:]]
            print("\n".join(ledger.wrong[before:]), flush=True)
        return code

    def watch(self, number: int, how: str, phase: str, group: bool) -> int | None:
        """Wait for a driver to end or to die; kill it where that is for us to do."""
        began = time.monotonic()
        wait = self.random.uniform(0, sum(self.longest.values()))
        latest = began + self.longest["start"] + self.longest["plan"] + self.random.expovariate(1 / LATEST_S)
        delay = self.random.uniform(0, 1.2 * self.longest[phase])
        file = os.pidfd_open(number)
        ready = select.poll()
        ready.register(file, select.POLLIN)
        seen: dict[str, float] = {}
        try:
            while True:
                over = ready.poll(3)
                now, here = time.monotonic(), self.board.phase
                seen.setdefault(here, now)
                if over:
                    break
                at = {"clock": began + wait, "phase": seen.get(phase, now) + delay}.get(how, now + 1)
                if how and now >= min(at, latest):
                    (os.killpg if group else os.kill)(number, signal.SIGKILL)
                if how == "child" and self.board.child and now >= seen.get("catalog", now) + delay:
                    how = ""
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(self.board.child, signal.SIGKILL)
                        self.tally.hows["the catalog's child"] += 1
                if now > began + 120:
                    os.killpg(number, signal.SIGKILL)
                    self.tally.wrong.append(f"a driver hung in {here}")
        finally:
            os.close(file)
        if group:  # its children as well; nobody else can have its number before it is waited for
            with contextlib.suppress(ProcessLookupError):
                os.killpg(number, signal.SIGKILL)
        _, status = os.waitpid(number, 0)
        if os.WIFSIGNALED(status):
            return None
        times = [*sorted(seen.values()), time.monotonic()]
        for each, at in seen.items():
            took = min(3.0, times[times.index(at) + 1] - at)
            self.longest[each] = 0.5 * self.longest[each] + 0.5 * took
        return os.WEXITSTATUS(status)

    # --- a production

    def produce(self, production: Production, kills: int) -> None:
        """Run a production to its end, or until so many drivers are killed in all."""
        stop = self.tally.killed + kills
        for _ in range(2):
            for _ in range(10_000):
                words = self.words(production) if self.tally.killed < stop else []
                code = self.cycle(production, words) if self.tally.killed < stop else self.quietly(production)
                warned = "could not be written" in (production.place / "driver.out").read_text(errors="replace")
                if code != 0 or warned:  # its child was killed, and it says so
                    continue
                if not words or self.random.random() < 0.3:
                    self.compare(production)
                if not words:
                    break
            production.ledger.close(production.wanted())
            if self.tally.killed >= stop:
                break
            production.change()
        self.close(production)

    def close(self, production: Production) -> None:
        """Take what a production has found into the tally."""
        ledger = production.ledger
        self.tally.productions += 1
        self.tally.finished += len(ledger.whole)
        self.tally.cut += ledger.begun.total() - ledger.done.total()
        self.tally.torn += ledger.torn
        self.tally.adopted += ledger.adopted
        self.tally.wrong += ledger.wrong

    def words(self, production: Production) -> list[str]:
        """Ask for all, or for some tasks only: such a driver comes to its end earlier."""
        if self.random.random() < 0.5:
            return []
        return self.random.sample(list(production.tasks), 3)

    def quietly(self, production: Production) -> int | None:
        """Run a driver to its end."""
        number, out = self.start(production, [], "", "")
        code = self.watch(number, "", "", False)
        self.tally.ended += 1
        if code:
            raise RuntimeError(f"a driver that nobody kills ended with {code}: {out.read_text()[-2000:]}")
        production.ledger.look()
        return code

    def compare(self, production: Production) -> None:
        """Compare the catalog that a driver left with the one that is made when all of it is deleted."""
        before = read_all(production.root)
        (production.root / "catalog.duckdb").unlink()
        (production.root / "journal" / "events.parquet").unlink(missing_ok=True)
        shutil.rmtree(production.root / "catalog")
        rebuild(production.root)
        after = read_all(production.root)
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name):
                production.ledger.wrong.append(f"catalog/{name} is not what is rebuilt from journal and receipts")
                for which, data in (("left", before.get(name)), ("rebuilt", after.get(name))):
                    (production.place / f"{which}-{name}").write_bytes(data or b"")
        self.tally.compared += 1


def rebuild(root: Path) -> None:
    """Be a person who makes the catalog anew."""
    words = [sys.executable, "-m", "automagic.cli", "catalog", "rebuild", str(root)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd=PROJECT)


def read_all(root: Path) -> dict[str, bytes]:
    """Return the exports of a catalog."""
    return {path.name: path.read_bytes() for path in (root / "catalog").iterdir() if path.suffix == ".parquet"}


def crash(folder: Path, kills: int, nights: int, seed: int, say: bool = False) -> Tally:
    """Run productions until so many drivers are killed."""
    crasher = Crasher(seed, say)
    number = 0
    while crasher.tally.killed < kills:
        place = folder / str(number)
        place.mkdir(parents=True)
        production = Production(place, nights, number % 2 == 0, crasher.random)
        try:
            crasher.produce(production, kills - crasher.tally.killed)
        except KeyboardInterrupt:  # enough: what was found so far is told
            crasher.close(production)
            break
        finally:
            production.close()
        if not production.ledger.wrong:
            shutil.rmtree(place)
        number += 1
    return crasher.tally


def main() -> int:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder, best in memory")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--nights", type=int, default=30, help="of 100 tasks each, in a production")
    parser.add_argument("--seed", type=int, default=1)
    words = parser.parse_args()
    os.chdir(PROJECT)
    began = time.monotonic()
    tally = crash(words.folder.resolve(), words.kills, words.nights, words.seed, say=True)
    print(tally.text(time.monotonic() - began))
    return bool(tally.wrong)


if __name__ == "__main__":
    sys.exit(main())
