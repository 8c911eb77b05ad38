"""What is tried again, when a stage gives up, and what a new driver makes of what an earlier one left."""

import json
import shutil

import pytest

from automagic.bookkeeping import Journal, read_journal
from automagic.executors import Event
from automagic.executors.policy import POLICIES
from automagic.job.bundle import bundle
from automagic.runner.early import Early
from automagic.runner.jobs import Jobs
from automagic.runner.trouble import Trouble
from tests.runner.test_driver import Toy, toy


@pytest.fixture
def nodes(tmp_path):
    made = Toy(tmp_path / "toy", {"star:a": {"in": ["a.txt"]}, "superstar:a": {"in": ["star:a"]}})
    (made.folder / "several-nodes").touch()
    return made


def full_disk(folder, times):
    """Make a toy program that says so many times that the disk is full."""
    (folder / "mars" / "toy").write_text(
        f"""#!/bin/sh
echo "$1" >> "$MARSSYS/../calls"
if [ $(grep -c . "$MARSSYS/../calls") -le {times} ]; then echo "cp: No space left on device"; exit 1; fi
cat in/*/* > "out/$1"
"""
    )


def test_a_full_disk_is_tried_on_another_node(nodes):
    full_disk(nodes.folder, 2)
    said = nodes.run()
    assert said.count("star:a is tried again: the disk is full") == 2
    assert nodes.calls() == ["star:a", "star:a", "star:a", "superstar:a"]
    assert [(e["cause"], e.get("again")) for e in nodes.events("failed")] == [("disk", True), ("disk", True)]
    assert len({e["attempt"] for e in nodes.events("submitted")}) == 4


def test_but_not_for_ever_and_not_on_one_machine(nodes):
    full_disk(nodes.folder, 99)
    nodes.run(code=1)
    assert nodes.calls() == ["star:a"] * (1 + POLICIES["disk"].retries)
    (nodes.folder / "several-nodes").unlink()
    nodes.run(code=1)
    assert nodes.calls() == ["star:a"]


def test_a_code_that_means_failure_is_never_tried_again(nodes):
    nodes.card("star:a", "Fail: 3\n")
    nodes.run(code=1)
    assert nodes.calls() == ["star:a"]


def test_a_stage_stops_when_too_much_fails_in_the_same_way(tmp_path):
    tasks = {f"star:{number:02d}": {"card": "Fail: 3\n"} for number in range(30)}
    tasks |= {"merpp:x": {}, "superstar:y": {"in": ["star:00"]}}
    many = Toy(tmp_path / "toy", tasks)
    (many.folder / "site.toml").write_text("[local]\ncores = 2\n[condor]\nfailures_max = 4\n")
    said = many.run(code=1)
    assert "star stops: 4 tasks failed in the same way (the program ended with a code that means failure)" in said
    ran = many.calls()
    assert "merpp:x" in ran
    assert 4 <= len([name for name in ran if name.startswith("star")]) <= 5  # one more was running
    assert [(e["stage"], e["cause"], e["count"]) for e in many.events("stopped")] == [("star", "exit", 4)]
    assert len(many.events("blocked")) == 31 - len([name for name in ran if name.startswith("star")])


def test_a_stage_in_which_most_succeed_goes_on():
    trouble = Trouble(3, several=True)
    for number in range(10):
        trouble.done("star")
        assert not trouble.failed("star", f"star:{number}", "input")
    assert not trouble.failed("star", "star:x", "held-user")
    assert not trouble.stopped


class Queue:
    """An executor in which some attempts are still under way."""

    kind = "shared"
    active = 0

    def __init__(self, *alive):
        self.alive = set(alive)
        self.withdrawn = set()

    def adopt(self, known):
        return {attempt: {} for attempt in self.alive if known(attempt)}

    def withdraw(self, attempts):
        self.withdrawn |= set(attempts)


@pytest.fixture
def left(tmp_path):
    """A toy analysis whose driver died: `left(state)` returns jobs and the one attempt, as it was left."""

    def make(state):
        made = Toy(tmp_path / "toy", {"star:a": {"in": ["a.txt"]}})
        made.run()
        session = toy.read(made.folder)
        shutil.rmtree(made.folder / "journal")
        session.standing("star:a")
        task, action = session.tasks["star:a"], session.standing("star:a").action
        jobs = Jobs(session, bundle(made.folder / "work"), "shared")
        request = jobs.make(task, action, 0.0)
        stored = session.folder.action(action)
        if state in ("done", "failed"):
            receipt = json.loads((stored / "receipt.json").read_text()) | {"attempt": request.attempt, "state": state}
            shutil.copytree(stored, request.folder / state)
            (request.folder / state / "receipt.json").chmod(0o644)
            (request.folder / state / "receipt.json").write_text(json.dumps(receipt))
        shutil.rmtree(stored)
        return jobs, request

    return make


def early(jobs, *alive):
    executor, journal = Queue(*alive), Journal(jobs.session.folder.journal)
    return Early(jobs, executor, journal), executor


def events(jobs):
    return [(e["event"], e["task"]) for e in read_journal(jobs.session.folder.journal)]


def test_what_ended_while_nobody_looked_is_taken_in(left):
    jobs, request = left("done")
    early(jobs)[0].take_over()
    assert toy.read(jobs.session.folder.root).standing("star:a").fresh
    assert events(jobs) == [("done", "star:a")]
    assert not request.folder.exists()


def test_what_failed_meanwhile_is_kept_as_a_failure(left):
    jobs, request = left("failed")
    early(jobs)[0].take_over()
    assert not toy.read(jobs.session.folder.root).standing("star:a").fresh
    assert events(jobs) == [("failed", "star:a")]
    assert (jobs.session.folder.failure(request.action) / "receipt.json").exists()


def test_what_left_nothing_whole_counts_as_never_made(left):
    jobs, request = left("cut short")
    (request.folder / "done.part").mkdir()
    (request.folder / "done").mkdir()
    (request.folder / "done" / "receipt.json").write_text('{"state": "do')
    early(jobs)[0].take_over()
    assert not request.folder.exists()
    assert events(jobs) == []
    assert not jobs.session.folder.action(request.action).exists()


def test_what_is_under_way_is_claimed_once(left):
    jobs, request = left("running")
    before, executor = early(jobs, request.attempt)
    before.take_over()
    assert request.folder.exists()
    before.hear(Event(request.attempt, "started"))
    assert before.claim(request.action) == request.attempt
    assert before.runs(request.attempt)
    assert before.claim(request.action) is None
    before.withdraw()
    assert not executor.withdrawn


def test_what_ends_before_it_is_asked_for_is_taken_in(left):
    jobs, request = left("done")
    before, _ = early(jobs, request.attempt)
    before.take_over()
    assert request.folder.exists()
    before.hear(Event(request.attempt, "ended"))
    assert before.claim(request.action) is None
    assert jobs.session.standing("star:a").fresh


def test_what_nobody_asks_for_any_more_is_withdrawn(left):
    jobs, request = left("running")
    before, executor = early(jobs, request.attempt)
    before.take_over()
    before.withdraw()
    assert executor.withdrawn == {request.attempt}


def test_a_result_of_another_attempt_is_not_taken_for_this_one(left):
    jobs, request = left("done")
    path = request.folder / "done" / "receipt.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"attempt": "other"}))
    assert jobs.adopt(request.attempt) == (None, False)
