"""A long record for ``bench/scale.py``: a journal of a million events, and a catalog with a million edges.

The events are those of tasks that were made several times, each time with another card: submitted, started and done of
each attempt. All hashes fit each other.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from bench.scale_shape import CONTENT, EDGES_A_NIGHT, FIRST_RUN, Step, nights

EVENTS_AN_ATTEMPT = 3
ENGINE = hashlib.sha256(b"engine").hexdigest()

Json = dict[str, Any]


def sha256(text: str) -> str:
    """Hash a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def product(task: str, turn: int) -> str:
    """Return the hash of what a task makes in a turn."""
    return sha256(f"{task} {turn}")


# --- the journal


def make_journal(folder: Path, number: int, events: int) -> int:
    """Write the journal of a number of nights whose tasks were made again and again; return how many events it has.

    Each turn is a driver run with a file of its own. The last one is cut short where there are enough events.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made, turn = 0, 0
    while made < events:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(1_767_225_600 + 86_400 * turn))
        with open(folder / f"{stamp}-{1000 + turn}.jsonl", "w", encoding="utf-8") as file:
            for event in islice(turn_events(number, turn), events - made):
                file.write(json.dumps(event, ensure_ascii=False) + "\n")
                made += 1
        turn += 1
    return made


def turn_events(number: int, turn: int) -> Iterator[Json]:
    """Yield the events of all tasks in a turn, one attempt after the other."""
    file: dict[str, str] = {}
    for step in nights(number):
        file[step.name] = step.output
        action = sha256(f"action {step.name} {turn}")
        about = {"task": step.name, "action": action, "attempt": f"{action[:16]}-{turn:08x}", "requested_mb": 100}
        yield {"time": "2026-01-01T12:00:00Z", **about, "event": "submitted"}
        yield {"time": "2026-01-01T12:00:01Z", **about, "event": "started", "host": "node1"}
        inputs = [["raw", name, sha256(CONTENT), len(CONTENT)] for name in step.raw]
        inputs += [["in", file[name], product(name, turn), len(CONTENT)] for name in step.tasks]
        outputs = [[step.output, len(CONTENT), product(step.name, turn)]]
        yield done_event(about, step, turn, inputs, outputs)


def done_event(about: Json, step: Step, turn: int, inputs: list[list[Any]], outputs: list[list[Any]]) -> Json:
    """Return how the journal says that an attempt is done.

    Parameters
    ----------
    about
        What all events of an attempt have: task, action, attempt, requested memory.
    inputs, outputs
        Rows of role, name, SHA-256, size; and of name, size, SHA-256.
    """
    return {
        "time": "2026-01-01T12:01:00Z", **about, "event": "done", "exit_code": 0, "wall_s": 59.0, "cpu_s": 58.0,
        "max_rss_mb": 80.0, "scratch_mb": 0.1, "input_mb": 0.1, "host": "node1",
        "environment": f"host environment sha256:{ENGINE}", "started": "2026-01-01T12:00:01Z",
        "ended": "2026-01-01T12:01:00Z", "recipe": sha256(f"recipe {step.name} {turn}"), "engine_digest": ENGINE,
        "form": sha256(f"card {step.stage} {turn}"), "inputs": inputs, "outputs": outputs,
    }  # fmt: skip


def make_record(folder: Path, number: int, events: int) -> None:
    """Make the folder of an analysis with what its catalog is rebuilt from: graph and journal."""
    from bench.scale_own import make_analysis

    make_analysis(folder, f"nights={number}")
    make_journal(folder / "journal", number, events)


# --- the lineage


def make_lineage(folder: Path, edges: int) -> None:
    """Write a catalog with so many edges, and nothing else."""
    import duckdb
    import pyarrow as pa

    from automagic.bookkeeping import Folder
    from automagic.bookkeeping.catalog import INDEX, SCHEMA

    folder.mkdir(parents=True)
    steps = nights(-(-edges // EDGES_A_NIGHT))
    columns = ("task", "role", "name", "sha256", "from_task", "path", "action")
    lists = zip(*islice(edge_rows(steps), edges), strict=True)
    table = pa.table(dict(zip(columns, (pa.array(each, pa.string()) for each in lists), strict=True)))
    with duckdb.connect(str(Folder(folder).database)) as connection:
        connection.execute(SCHEMA.read_text(encoding="utf-8"))
        connection.register("edges", table)
        connection.execute("INSERT INTO lineage BY NAME SELECT * FROM edges")
        connection.execute(INDEX.format(database="catalog"))


def edge_rows(steps: Iterable[Step]) -> Iterator[tuple[str | None, ...]]:
    """Yield the rows of the catalog's `lineage`."""
    file: dict[str, str] = {}
    for step in steps:
        file[step.name] = step.output
        action = sha256(f"action {step.name} 0")
        for name in step.raw:
            yield step.name, "raw", name, sha256(CONTENT), None, f"/raw/{name}", action
        for name in step.tasks:
            yield step.name, "in", file[name], product(name, 0), name, None, action


def lineage(folder: Path, task: str, repeats: int) -> Json:
    """Ask for the raw files that a task's product comes from; return the shortest time (s) and how many there are."""
    import duckdb

    from automagic.bookkeeping import Folder
    from automagic.bookkeeping.lineage import trace

    walls = []
    with duckdb.connect(str(Folder(folder).database), read_only=True) as connection:
        for _ in range(repeats):
            began = time.perf_counter()
            found = {row["path"] for row in trace(connection, task) if row["path"]}
            walls.append(time.perf_counter() - began)
        count = connection.execute("SELECT count(*) FROM lineage").fetchone()
    return {"wall_s": min(walls), "files": len(found), "edges": count[0] if count else 0}


if __name__ == "__main__":  # python -m bench.scale_events FOLDER REPEATS: the lineage of one DL3 file, as JSON
    print(json.dumps(lineage(Path(sys.argv[1]), f"dl3:{FIRST_RUN + 5:08d}", int(sys.argv[2]))))
