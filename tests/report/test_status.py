"""How far an analysis is, from graph, journal and exports, whoever wrote them and however that ended."""

import io
import os

import pytest
from rich.console import Console

from automagic.bookkeeping import Journal, catalog, hold
from automagic.executors.condor.batches import Batch, Kind, Member
from automagic.executors.condor.follow import Follower
from automagic.executors.policy import POLICIES
from automagic.report.status import collect, command
from automagic.report.status_text import show
from tests.bookkeeping.small import Small, task

START = {"event": "start", "executor": "condor", "host": "ui", "process": 1, "detached": True}


class Made(Small):
    """An analysis folder with a graph; `journal` appends to the journal of a driver."""

    def journal(self, stamp, *events, process=1):
        told = (self.start() | each if each["event"] == "start" else each for each in events)
        return self.write(*told, stamp=stamp, process=process)

    def attempt(self, name, *events, number=1):
        """Return events of an attempt, and make its folder."""
        attempt = f"{name}-{number}".replace(":", "-")
        (self.folder.work / attempt).mkdir(parents=True, exist_ok=True)
        about = {"task": name, "action": self.action(name), "attempt": attempt}
        told = [{**about, **(event if isinstance(event, dict) else {"event": event})} for event in events]
        return [self.done(name, attempt) | each if each["event"] == "done" else each for each in told]

    def states(self):
        found = self.collect()
        return {row["stage"]: {k: row[k] for k in row if k in STATES and row[k]} for row in found["stages"]}

    def collect(self):
        return collect(self.folder, "crab")

    def text(self, width):
        out = io.StringIO()
        show(self.collect(), "crab", Console(file=out, width=width))
        return out.getvalue()


STATES = ("done", "running", "waiting", "held", "pending", "failed", "blocked", "cancelled")


def at(second, event, **more):
    return {"time": f"2026-01-01T00:{second // 60:02d}:{second % 60:02d}Z", "event": event, **more}


NOTE = {"event": "note", "cause": "evicted", "detail": "preempted"}


@pytest.fixture
def made(tmp_path):
    stars = [f"star:{number}" for number in range(7)]
    return Made(tmp_path / "crab", [*map(task, stars), task("super:0", *stars)])


def everything(made):
    again = {"event": "failed", "again": True, "cause": "disk", "reason": "the disk is full"}
    return [
        *made.attempt("star:0", "submitted", "started", "done"),
        *made.attempt("star:1", "submitted", "started"),
        *made.attempt("star:2", "submitted", "started", NOTE),
        *made.attempt("star:3", "submitted", "started", {**NOTE, "cause": "shadow"}),
        *made.attempt("star:4", "submitted", "started", again),
        *made.attempt("star:5", "submitted"),
        *made.attempt("star:6", "submitted", {"event": "failed", "cause": "exit", "reason": "code 3"}),
        {"event": "blocked", "task": "super:0", "cause": "star:6"},
    ]


def test_a_running_driver_is_followed_through_its_journal(made):
    with hold(made.folder):
        journal = Journal(made.folder.journal, START)
        journal.write(*everything(made))
        assert made.states() == {
            "star": {"done": 1, "running": 2, "waiting": 3, "failed": 1},
            "super": {"blocked": 1},
        }
        assert made.collect()["notes"] == {"again": 1, "evicted": 1, "shadow": 1}
        about = made.collect()["driver"]
        assert (about["running"], about["executor"], about["detached"]) == (True, "condor", True)
        journal.close()
    assert about["process"] == os.getpid()


def test_of_an_earlier_driver_only_what_ended_counts_for_one_that_has_not_begun(made):
    made.journal("20250101T000000Z", START | {"executor": "local"}, *everything(made))
    for known in (False, True):
        with hold(made.folder):
            assert made.states() == {"star": {"done": 1, "pending": 5, "failed": 1}, "super": {"blocked": 1}}
            assert made.collect()["notes"] == {}
        if not known:
            catalog.rebuild(made.folder)


def test_jobs_taken_over_from_an_earlier_driver_count_as_they_were_seen_last(made):
    made.journal("20250101T000000Z", START, *made.attempt("star:1", "submitted", "started"))
    with hold(made.folder):
        journal = Journal(made.folder.journal, START)
        journal.write(*made.attempt("star:5", "submitted"))
        journal.close()
        assert made.states()["star"] == {"running": 1, "waiting": 1, "pending": 5}


@pytest.mark.parametrize(
    ("executor", "star"),
    [
        ("condor", {"done": 1, "running": 2, "waiting": 3, "failed": 1}),
        ("local", {"done": 1, "pending": 5, "failed": 1}),
    ],
)
def test_a_driver_that_died_leaves_its_jobs_only_where_somebody_else_has_them(made, executor, star):
    path = made.journal("20260101T000000Z", {**START, "executor": executor}, *everything(made))
    with open(path, "a") as file:
        file.write('{"time": "2026-01-01T00:00:00Z", "event": "do')  # cut short
    assert made.states()["star"] == star
    assert "its driver died on ui after 2026-01-01" in made.text(100)
    assert ("5 jobs are with HTCondor without a driver" in made.text(100)) == (executor == "condor")


def test_the_exports_count_for_what_they_know_and_the_journal_for_what_came_since(made):
    local = START | {"executor": "local"}
    made.journal("20260101T000000Z", local, *everything(made), {"event": "end", "code": 130})
    catalog.rebuild(made.folder)
    assert made.states()["star"] == {"done": 1, "pending": 5, "failed": 1}
    assert "stopped by Ctrl-C" in made.text(100)
    made.ask(task("star:0", card="Cleaning: 6\n"))  # it was done with another card
    catalog.rebuild(made.folder)
    assert made.states()["star"] == {"pending": 6, "failed": 1}
    # a driver that died before it could write the catalog: what it has told counts, and nothing from before
    made.journal("20260102T000000Z", local, *made.attempt("star:5", "submitted", "done"))
    assert made.states()["star"] == {"done": 1, "pending": 5, "failed": 1}
    catalog.rebuild(made.folder, live=True)
    made.journal("20260102T000000Z", made.done("star:6", attempt=None))
    assert made.states()["star"] == {"done": 2, "pending": 5}


def test_tasks_are_those_of_the_graph_and_new_ones_are_pending(made):
    made.journal("20260101T000000Z", START, *made.attempt("star:0", "done"), {"event": "end", "code": 0})
    catalog.rebuild(made.folder)
    del made.tasks["super:0"]
    made.ask(task("melibea:0", "star:0"))
    assert made.states() == {"star": {"done": 1, "pending": 6}, "melibea": {"pending": 1}}


@pytest.mark.parametrize("seconds", [-4000, 4000])
def test_the_clock_of_another_host_does_not_matter(made, seconds):
    path = made.journal("20260101T000000Z", START | {"executor": "local"}, *everything(made))
    catalog.rebuild(made.folder)
    path = made.journal("20260101T000000Z", *made.attempt("star:5", "done"))
    then = path.stat().st_mtime + seconds
    os.utime(path, (then, then))
    assert made.states()["star"] == {"done": 2, "pending": 4, "failed": 1}


def test_jobs_without_a_driver_that_are_gone_from_work_do_not_count(made):
    made.journal("20260101T000000Z", START, *everything(made), {"event": "end", "code": 130})
    for known in (False, True):
        assert made.states()["star"] == {"done": 1, "running": 2, "waiting": 3, "failed": 1}
        if not known:
            catalog.rebuild(made.folder)
    (made.folder.work / "star-1-1").rmdir()
    assert made.states()["star"] == {"done": 1, "running": 1, "waiting": 3, "pending": 1, "failed": 1}


def test_a_job_held_by_a_person_is_held_until_they_release_it(made):
    follower = Follower(1000)
    follower.add(Batch("b", "log", Kind("star", None, 1, 100, 1000, 30), [Member("star-0-1", "star:0", "a", 0)], 7))
    follower.found(next(iter(follower.jobs.values())).batch, 7)
    hold_it = {"EventTypeNumber": 12, "HoldReasonCode": 1, "HoldReason": "via condor_hold"}
    follower.take([{"Cluster": 7, "Proc": 0, **each} for each in ({"EventTypeNumber": 0}, hold_it)])
    first = [{"event": "note", "cause": e.cause, "detail": e.detail} for e in follower.out]
    made.journal("20260101T000000Z", START, *made.attempt("star:0", "submitted", *first))
    assert made.states()["star"] == {"held": 1, "pending": 6}
    held = made.collect()["held"]
    assert [(group["cause"], group["count"], group["tasks"]) for group in held] == [("held-user", 1, ["star:0"])]
    assert "1 held: a person held the job" in made.text(80)
    follower.out.clear()
    follower.take([{"Cluster": 7, "Proc": 0, "EventTypeNumber": 13}])
    then = [{"event": "note", "cause": e.cause, "detail": e.detail} for e in follower.out]
    made.journal("20260101T000000Z", *made.attempt("star:0", *then))
    assert made.states()["star"] == {"waiting": 1, "pending": 6}


# --- hours and time left


def test_time_is_used_by_what_is_done_and_lost_by_everything_else(made):
    made.journal(
        "20260101T000000Z",
        START,
        *made.attempt("star:0", at(0, "started"), at(30, "note", cause="evicted"), at(40, "started")),
        *made.attempt("star:0", at(90, "done", cpu_s=45.0, wall_s=50.0)),  # and 30 s before that
        *made.attempt("star:1", at(0, "started"), at(90, "failed", cause="exit", cpu_s=80.0)),
        *made.attempt("star:2", at(10, "started"), at(17, "failed", cause="node")),  # nobody has measured it
        *made.attempt("super:0", at(0, "started"), at(60, "note", cause="shadow", detail="lost touch")),
        *made.attempt("super:0", at(100, "done", cpu_s=90.0, wall_s=99.0)),
        *made.attempt("star:4", at(95, "started")),  # under way
    )
    rows = {row["stage"]: (row["cpu_s"], row["lost_s"]) for row in made.collect()["stages"]}
    assert rows == {"star": (45.0, 30.0 + 80.0 + 7.0), "super": (90.0, 0.0)}
    total = made.collect()["total"]
    assert (total["cpu_s"], total["lost_s"]) == (135.0, 117.0)
    (made.folder.work / "star-4-1").rmdir()  # a job that is gone: until the last that was heard of its driver
    made.journal("20260101T000000Z", at(105, "note", cause="x"))
    assert made.collect()["total"]["lost_s"] == 127.0


def test_an_attempt_that_is_done_by_its_receipt_is_not_lost(made):
    made.journal("20260101T000000Z", START, *made.attempt("star:0", at(0, "started")), at(50, "end"))
    (made.folder.work / "star-0-1").rmdir()
    assert made.collect()["total"]["lost_s"] == 50.0
    made.done("star:0", "star-0-1", cpu_s=33.0)  # nobody has told that in the journal
    catalog.rebuild(made.folder)
    total = made.collect()["total"]
    assert (total["cpu_s"], total["lost_s"]) == (33.0, 0.0)


def test_time_left_is_what_tasks_take_by_how_many_run_at_once(made):
    with hold(made.folder):
        journal = Journal(made.folder.journal, START)
        done = {"event": "done", "wall_s": 60.0, "cpu_s": 1.0}
        for name in ("star:0", "star:1"):
            journal.write(*made.attempt(name, "submitted", "started", done))
        for name in ("star:2", "star:3"):
            journal.write(*made.attempt(name, "submitted", "started"))
        journal.close()
        found = made.collect()
    star, rest = found["stages"]
    assert (star["to_come"], star["left_s"]) == (5, 60.0 * 5 / 2)
    assert (rest["to_come"], rest["left_s"]) == (1, None)  # no task of that stage has been done yet
    assert (found["total"]["left_s"], found["total"]["left_at_least"]) == (150.0, True)


# --- failures


def test_failures_of_one_cause_are_together_and_older_ones_by_their_reason(tmp_path):
    names = ["old:0", "old:1", "super:0", *(f"star:{number}" for number in range(5))]
    made = Made(tmp_path / "crab", [task(name) for name in names])
    events = [
        each
        for number in range(5)
        for each in made.attempt(f"star:{number}", {"event": "failed", "cause": "exit", "reason": f"code {number % 2}"})
    ]
    early = [
        each for number in range(2) for each in made.attempt(f"old:{number}", {"event": "failed", "reason": "it broke"})
    ]
    problem = {"event": "problem", "task": "super:0", "reason": "/data/x.root cannot be read"}
    made.journal("20250101T000000Z", *early)
    made.journal("20260101T000000Z", START, *events, problem, {"event": "end", "code": 1})
    found = made.collect()["failures"]
    catalog.rebuild(made.folder)
    assert made.collect()["failures"] == found
    assert [(group["cause"], group["count"], group["reason"], group["reasons"]) for group in found] == [
        ("exit", 5, "code 0", 2),
        (None, 2, "it broke", 1),
        (None, 1, "/data/x.root cannot be read", 1),
    ]
    assert found[0]["tasks"] == ["star:0", "star:1", "star:2"]
    assert found[0]["command"] == "automagic log crab star:0"
    text = made.text(100)
    assert "star:0, star:1, star:2 and 2 more" in text
    assert "code 0 (and 1 other reason)" in text


def test_a_task_that_is_done_after_a_failure_is_no_failure(made):
    failure = {"event": "failed", "cause": "exit", "reason": "x"}
    made.journal("20260101T000000Z", START, *made.attempt("star:0", failure))
    assert made.states()["star"] == {"failed": 1, "pending": 6}
    made.journal("20260102T000000Z", START, *made.attempt("star:0", "done", number=2))
    assert made.states()["star"] == {"done": 1, "pending": 6}
    assert made.collect()["failures"] == []


@pytest.mark.parametrize("cause", POLICIES)
def test_each_cause_has_one_command_with_nothing_left_to_fill_in(cause):
    assert "{" not in command(cause, "crab", "star:0")


def test_a_stage_that_stopped_is_told(made):
    made.journal(
        "20260101T000000Z",
        START,
        {"event": "stopped", "stage": "star", "cause": "exit", "count": 20, "first": "star:3"},
    )
    (stop,) = made.collect()["stopped"]
    assert (stop["stage"], stop["count"], stop["command"]) == ("star", 20, "automagic log crab star:3")
    assert "star stopped: 20 tasks failed in the same way" in made.text(100)


# --- where it reads, and how it looks


def test_the_exports_tell_the_same_as_the_journal_and_the_catalog_is_never_opened(made):
    made.journal("20260101T000000Z", START, *everything(made), {"event": "end", "code": 1})
    before = made.collect()
    catalog.rebuild(made.folder)
    made.folder.database.write_bytes(b"somebody holds this")
    assert made.collect() == before
    made.folder.graph.write_bytes(b"damaged")
    assert made.collect() == before
    made.folder.graph.unlink()
    assert made.collect() == before


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_every_number_is_there_in_wide_and_narrow_terminals(made, width):
    with hold(made.folder):
        journal = Journal(made.folder.journal, START)
        journal.write(*everything(made))
        journal.close()
        text = made.text(width)
    assert max(map(len, text.splitlines())) <= width
    words = text.split()
    for state in ("done", "running", "waiting", "failed", "blocked"):
        assert any(word.startswith(state) for word in words)
    assert "…" not in text
