"""What was last done for each task follows from the journal, and from receipts where the journal does not tell."""

import json

import duckdb
import pytest

from automagic.bookkeeping import catalog, events
from automagic.graph.task import Input, Output
from tests.bookkeeping.small import Small, output, sha256, task


def tables(small, *names):
    """Return the rows of tables of the catalog."""
    with duckdb.connect() as connection:
        catalog.fill(connection, small.folder)
        return [connection.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall() for name in names]


def states(small):
    return dict(tables(small, "(SELECT task, state FROM tasks)")[0])


@pytest.fixture
def small(tmp_path):
    (tmp_path / "x").write_text("x")
    return Small(tmp_path / "crab", [task("star:1", f"{tmp_path}/x", card="A: 1\n"), task("superstar:1", "star:1")])


def test_an_event_tells_what_the_receipt_does(small):
    done = [small.done("star:1"), small.done("superstar:1")]
    small.write(small.start(), *done)
    told = tables(small, "made", "products", "lineage")
    assert states(small) == {"star:1": "done", "superstar:1": "done"}
    for event in done:  # without the receipts it is the same
        (small.folder.action(event["action"]) / "receipt.json").unlink()
    assert tables(small, "made", "products", "lineage") == told
    assert states(small) == {"star:1": "done", "superstar:1": "done"}


def test_a_task_with_very_many_inputs_is_told_by_its_receipt_alone(small, monkeypatch):
    monkeypatch.setattr(events, "MANY", 3)
    stars = [f"star:{number}" for number in range(4)]
    small.ask(*map(task, stars), task("coach:all", *stars), task("coach:few", *stars[:3]))
    made = {name: small.done(name) for name in (*stars, "coach:all", "coach:few")}
    assert "inputs" not in made["coach:all"]
    assert len(made["coach:few"]["inputs"]) == 3
    small.write(small.start(), *made.values())
    lineage = tables(small, "lineage")[0]
    assert [row for row in lineage if row[0] == "coach:all"] == [
        ("coach:all", "in", f"star-{number}.txt", sha256(f"of star:{number}\n"), f"star:{number}", None,
         made["coach:all"]["action"])
        for number in range(4)
    ]  # fmt: skip
    assert {name: states(small)[name] for name in made} == dict.fromkeys(made, "done")
    # where the receipt is gone nobody knows what it was made of
    (small.folder.action(made["coach:all"]["action"]) / "receipt.json").unlink()
    found = states(small)
    assert (found["coach:all"], found["coach:few"]) == ("pending", "done")


def old(event):
    """Return an event as older versions wrote it."""
    return {key: event[key] for key in ("event", "task", "action", "attempt")}


def test_older_journals_are_filled_in_from_receipts(small):
    done = [small.done("star:1"), small.done("superstar:1")]
    small.write(small.start(), *done)
    products, lineage = tables(small, "products", "lineage")
    (path,) = small.folder.journal.glob("*.jsonl")
    path.write_text("".join(json.dumps({"time": "t", **old(event)}) + "\n" for event in done))
    assert tables(small, "products", "lineage") == [products, lineage]
    made = tables(small, "made")[0]
    assert [(row[0], row[2], row[4]) for row in made] == [("star:1", None, None), ("superstar:1", None, None)]
    # nobody knows with which card it was done: it counts as up to date when somebody has found it in the store
    assert set(states(small).values()) == {"pending"}
    small.write(small.start(), small.done("star:1", None), small.done("superstar:1", None), stamp="20270101T000000Z")
    assert set(states(small).values()) == {"done"}


def test_an_older_journal_without_receipts_tells_of_attempts_alone(small):
    done = small.done("star:1")
    (small.folder.action(done["action"]) / "receipt.json").write_text("{")
    small.write(old(done))
    made, products, lineage, jobs = tables(small, "made", "products", "lineage", "jobs")
    assert (len(made), products, lineage) == (1, [], [])
    assert [(row[0], row[4]) for row in jobs] == [("1", "done")]


def test_what_was_done_last_counts(small):
    small.write(small.start(), small.done("star:1", content={"star-1.txt": "one"}))
    small.write(small.done("star:1", "2", content={"star-1.txt": "two"}))
    products = tables(small, "products")[0]
    assert [(row[1], row[5], row[6]) for row in products] == [("star-1.txt", 3, sha256("two"))]
    small.write({"event": "failed", "task": "star:1", "action": "x", "attempt": "3", "reason": "it broke"})
    assert tables(small, "products")[0] == products


def test_links_and_levels_are_those_of_today(small):
    small.write(small.start(), small.done("star:1"))
    small.ask(task("star:1", *small.tasks["star:1"].inputs, card="A: 1\n",
                   outputs=(Output("star-1.txt", "other", "results/other.txt"),)))  # fmt: skip
    ((_, name, level, link, *_),) = tables(small, "products")[0]
    assert (name, level, link) == ("star-1.txt", "other", "results/other.txt")


def test_tasks_that_are_gone_from_the_analysis_made_nothing_but_had_jobs(small):
    small.write(small.start(), small.done("star:1"), small.done("superstar:1"))
    del small.tasks["superstar:1"]
    small.ask()
    made, products, lineage, jobs = tables(small, "made", "products", "lineage", "jobs")
    assert [{row[0] for row in each} for each in (made, products, lineage)] == [{"star:1"}] * 3
    assert [(row[1], row[3]) for row in jobs] == [("star:1", "star")]  # both have attempt 1


def test_a_receipt_without_facts_gives_none():
    assert events.facts({}) == {"outputs": [], "inputs": []}


def test_what_a_driver_says_last_of_an_engine_counts(small):
    small.write(small.start(), small.done("star:1"))
    small.digests["mars"] = "another"
    small.write(small.start(), stamp="20270101T000000Z")
    meta = dict(tables(small, "meta")[0])
    assert (meta["digest.mars"], meta["environment.mars"]) == ("another", "host environment sha256:another")
    assert meta["digest.science"] == "digest of science"
    assert set(states(small).values()) == {"pending"}


def test_the_state_of_a_task_is_what_happened_last(small):
    about = {"task": "star:1", "attempt": "1", "action": "x"}
    small.write(small.start(), {**about, "event": "failed", "cause": "disk", "reason": "it is full", "again": True})
    assert states(small)["star:1"] == "pending"
    small.write({**about, "event": "failed", "cause": "exit", "reason": "it broke"})
    small.write({"event": "blocked", "task": "superstar:1", "cause": "star:1"})
    assert tables(small, "(SELECT task, state, reason FROM tasks)")[0] == [
        ("star:1", "failed", "it broke"),
        ("superstar:1", "blocked", "star:1 failed"),
    ]
    small.write({**about, "event": "cancelled"})
    assert states(small)["star:1"] == "pending"
    small.write(small.done("star:1"), small.done("superstar:1"))
    assert states(small) == {"star:1": "done", "superstar:1": "done"}


def test_an_optional_output_that_was_not_made_is_no_input(tmp_path):
    optional = output("star:1", optional=True)
    small = Small(tmp_path / "crab", [
        task("star:1", outputs=(optional, Output("more.txt", "star", ""))),
        task("superstar:1", "star:1", Input("in", "more.txt", task="star:1")),
    ])  # fmt: skip
    small.write(small.start(), small.done("star:1"), small.done("superstar:1"))
    assert [row[2] for row in tables(small, "lineage")[0]] == ["more.txt"]
    assert states(small) == {"star:1": "done", "superstar:1": "done"}


@pytest.mark.parametrize(
    "rubbish", ['{"event": "done", "task": "star:1", "act', "\0" * 5000, "[1]", "null", '"x"', "é{}"]
)
def test_a_line_that_a_crash_has_spoilt_is_passed_over(small, rubbish):
    small.write(small.start(), small.done("star:1"))
    (path,) = small.folder.journal.glob("*.jsonl")
    with open(path, "a", encoding="utf-8") as file:
        file.write(f"{rubbish}\n")
    small.write(small.done("superstar:1", "2"))
    assert states(small) == {"star:1": "done", "superstar:1": "done"}
    with open(path, "a", encoding="utf-8") as file:
        file.write(rubbish)
    assert states(small) == {"star:1": "done", "superstar:1": "done"}
