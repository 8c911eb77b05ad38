"""The executor against a simulated schedd: what it asks for, and what it makes of what comes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from automagic.analysis.condor import Condor
from automagic.executors import Event, Request
from automagic.executors.condor import CondorExecutor
from automagic.executors.condor import executor as module
from automagic.executors.policy import POLICIES
from bench.simulated_schedd import SimulatedSchedd


class Clock:
    """Time that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Pool:
    """A simulated schedd with the executors that use it, one after the other."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.work = folder / "work"
        self.schedd = SimulatedSchedd()
        self.clock = Clock()
        self.settings = Condor(**settings)
        self.executor = self.another()

    def another(self) -> CondorExecutor:
        """Return the executor of a new driver."""
        self.executor = CondorExecutor(
            self.work, self.settings, "crab", self.work / "job.pyz", self.work / "launch.sh",
            queue=self.schedd, clock=self.clock,
        )  # fmt: skip
        self.executor.step_s = 0.0  # never sleep
        self.executor.release_s = 30.0
        return self.executor

    def request(self, number: int, **needs: object) -> Request:
        attempt = name(number)
        folder = self.work / attempt
        folder.mkdir(parents=True, exist_ok=True)
        given = {"task": f"star:{number}", "stage": "star", "action": f"{number:064x}", "memory_mb": 500, **needs}
        return Request(attempt, folder, **given)

    def submit(self, *numbers: int, **needs: object) -> None:
        self.executor.submit([self.request(number, **needs) for number in numbers])

    def wait(self, seconds: float = 2.0) -> list[Event]:
        """Let time pass, then hear what happened."""
        self.clock.now += seconds
        return self.executor.wait(0)

    def files(self) -> list[str]:
        folder = self.work / "batches"
        return sorted(path.suffix for path in folder.iterdir()) if folder.exists() else []


def name(number: int) -> str:
    return f"{number:016x}-{number:08x}"


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    return Pool(tmp_path)


def told(events: list[Event]) -> list[tuple[int, str, str]]:
    """Return number, kind and cause of each."""
    return [(int(event.attempt[:16], 16), event.kind, event.cause) for event in events]


# --- submitting


def test_all_that_is_ready_goes_out_with_one_call(pool: Pool) -> None:
    pool.submit(*range(300))
    assert pool.schedd.calls == {}, "submit() only gathers"
    pool.wait()
    assert pool.schedd.calls == {"submit": 1}
    (cluster,) = pool.schedd.clusters.values()
    assert [item["attempt"] for item in cluster.items] == [name(number) for number in range(300)]


def test_jobs_of_other_needs_are_clusters_of_their_own(pool: Pool) -> None:
    pool.submit(0, 1)
    pool.submit(2, memory_mb=599)  # 600 MB, as is 501
    pool.submit(3, memory_mb=501)
    pool.submit(4, image=Path("/images/a.sif"))
    pool.submit(5, stage="coach")
    pool.wait()
    clusters = [[int(item["attempt"][:16], 16) for item in each.items] for each in pool.schedd.clusters.values()]
    assert clusters == [[0, 1], [2, 3], [4], [5]]
    memory = [each.lines["request_memory"] for each in pool.schedd.clusters.values()]
    assert memory == ["500", "600", "500", "500"]


def test_what_comes_later_is_gathered_while_jobs_wait(pool: Pool) -> None:
    pool.submit(0)
    pool.wait()
    pool.submit(1)
    pool.wait()
    pool.submit(2)
    pool.wait(5)
    assert pool.schedd.calls["submit"] == 1, "a job waits in the queue: there is no hurry"
    pool.wait(5)
    assert pool.schedd.calls["submit"] == 2
    assert len(pool.schedd.clusters[2].items) == 2


def test_nothing_is_gathered_for_long_while_none_waits(pool: Pool) -> None:
    pool.submit(0)
    pool.wait()
    pool.schedd.start(name(0))
    pool.wait()
    pool.submit(1)
    pool.wait()
    assert pool.schedd.calls["submit"] == 2


def test_the_highest_priority_comes_first(pool: Pool) -> None:
    pool.executor.submit([pool.request(number, priority=float(number % 3)) for number in range(6)])
    pool.wait()
    items = pool.schedd.clusters[1].items
    assert [int(item["attempt"][:16], 16) for item in items] == [2, 5, 1, 4, 0, 3]
    assert [item["priority"] for item in items] == ["2", "2", "1", "1", "0", "0"]


# --- hearing


def test_a_job_is_told_from_its_start_to_its_end(pool: Pool) -> None:
    pool.submit(0)
    pool.wait()
    pool.schedd.start(name(0))
    (event,) = pool.wait()
    assert (event.kind, event.host) == ("started", "node1.example")
    pool.schedd.finish(name(0), code=1, mb=321)
    (event,) = pool.wait()
    assert (event.kind, event.cause, event.memory_mb) == ("ended", "", 321)
    assert pool.executor.active == 0


def test_a_readable_descriptor_ends_the_sleep(pool: Pool) -> None:
    read, write = os.pipe()
    os.write(write, b"x")
    pool.executor.step_s = 3600.0
    assert pool.executor.wait(None, read) == []
    os.close(read)
    os.close(write)


def test_notes_and_logs_go_when_their_jobs_are_over(pool: Pool) -> None:
    pool.submit(0, 1)
    pool.wait()
    assert pool.files() == [".json", ".log"]
    pool.schedd.finish(name(0))
    pool.schedd.finish(name(1))
    assert len(pool.wait()) == 2
    assert pool.files() == [".json", ".log"], "the driver has not dealt with the ends yet"
    pool.wait()
    assert pool.files() == []
    pool.submit(2)
    pool.wait()
    pool.schedd.finish(name(2))
    assert told(pool.wait()) == [(2, "ended", "")]


def test_silence_is_ended_by_one_question(pool: Pool) -> None:
    pool.submit(0, 1, 2)
    pool.wait()
    pool.wait()
    pool.schedd.quiet = True
    pool.schedd.finish(name(0))
    (pool.work / name(0) / "done").mkdir()
    pool.schedd.abort(name(1))
    pool.wait(299)
    assert pool.schedd.calls["query"] == 0
    assert told(pool.wait()) == [(0, "ended", ""), (1, "ended", "lost")]
    assert pool.schedd.calls["query"] == 1
    pool.wait(200)
    assert pool.schedd.calls["query"] == 1
    assert pool.executor.active == 1


def test_silence_about_jobs_that_are_not_made_yet_is_no_loss(tmp_path: Path) -> None:
    pool = Pool(tmp_path, max_queued=1, max_running=1)
    pool.submit(*range(5))
    pool.wait()
    pool.wait()
    assert pool.wait(400) == []
    assert pool.schedd.calls["query"] == 1
    assert pool.executor.active == 5


def test_a_hold_that_was_not_heard_is_found(pool: Pool) -> None:
    pool.submit(0)
    pool.wait()
    pool.wait()
    pool.schedd.quiet = True
    pool.schedd.hold(name(0), 1)
    assert told(pool.wait(400)) == [(0, "note", "held-user")]


# --- acting


def test_held_jobs_are_released_together_and_given_up_together(pool: Pool) -> None:
    pool.submit(*range(50))
    pool.wait()
    tries = POLICIES["held"].retries
    for _ in range(tries):
        for number in range(50):
            pool.schedd.hold(name(number), 14, 2, "no such folder")
        assert {event.cause for event in pool.wait()} == {"held"}
        pool.wait(31)
        assert pool.schedd.state(name(0)) == 1
        pool.wait()
    assert pool.schedd.calls["release"] == tries
    for number in range(50):
        pool.schedd.hold(name(number), 14, 2, "no such folder")
    pool.wait()
    ends = [event for event in pool.wait() if event.kind == "ended"]
    assert len(ends) == 50
    assert {event.cause for event in ends} == {"held"}
    assert "no such folder" in ends[0].detail
    assert pool.schedd.calls["remove"] == 1
    assert pool.executor.active == 0


def test_a_pool_that_only_holds_is_asked_for_more_memory(tmp_path: Path) -> None:
    pool = Pool(tmp_path, memory_max_mb=1500)
    pool.submit(0, 1)
    pool.wait()
    for expected in (1000, 1500):
        for number in (0, 1):
            pool.schedd.hold(name(number), 34, 0, "memory usage exceeded")
        assert {event.cause for event in pool.wait()} == {"memory"}
        pool.wait(31)
        assert pool.schedd.asked[-2:] == [
            ("edit", (["1.0", "1.1"], "RequestMemory", str(expected))),
            ("release", ["1.0", "1.1"]),
        ]
        pool.wait()
    pool.schedd.hold(name(0), 34, 0, "memory usage exceeded")
    pool.wait()
    assert told(pool.wait()) == [(0, "ended", "memory")]


def test_a_job_held_by_a_person_waits(pool: Pool) -> None:
    pool.submit(0)
    pool.wait()
    pool.schedd.hold(name(0), 1)
    assert told(pool.wait()) == [(0, "note", "held-user")]
    for _ in range(5):
        assert pool.wait(100) == []
    pool.schedd.release([pool.schedd.attempts[name(0)].id], "via condor_release")
    assert told(pool.wait()) == [(0, "note", "held-user")]
    pool.schedd.finish(name(0))
    assert told(pool.wait()) == [(0, "ended", "")]


def test_a_job_that_is_sent_away_again_and_again_is_given_up(pool: Pool) -> None:
    pool.submit(0)
    pool.wait()
    causes = []
    for _ in range(POLICIES["evicted"].retries + 1):
        pool.schedd.start(name(0))
        pool.schedd.evict(name(0))
        causes += [event.cause for event in pool.wait() if event.kind == "note"]
    assert causes == ["evicted"] * (POLICIES["evicted"].retries + 1)
    assert told(pool.wait()) == [(0, "ended", "evicted")]


def test_jobs_that_htcondor_cannot_make_are_told(tmp_path: Path) -> None:
    pool = Pool(tmp_path, max_queued=1, max_running=1)
    pool.submit(*range(4))
    pool.wait()
    pool.schedd.pause(pool.schedd.clusters[1], -1, "the items are gone")
    assert told(pool.wait()) == [(2, "ended", "held"), (3, "ended", "held")]
    pool.schedd.finish(name(0))
    pool.schedd.finish(name(1))
    pool.wait()
    pool.wait()
    assert pool.schedd.asked == [("remove", "ClusterId == 1")], "what is left of the cluster would stay for ever"


# --- told to stop


def test_to_stop_removes_all_with_one_call(tmp_path: Path) -> None:
    pool = Pool(tmp_path, max_queued=2, max_running=2)
    pool.submit(*range(6))
    pool.wait()
    pool.schedd.start(name(0))
    pool.schedd.finish(name(0))
    pool.submit(6)
    events = told(pool.executor.cancel())
    assert (0, "ended", "") in events, "what is done is done"
    assert {number for number, kind, cause in events if cause == "cancelled"} == set(range(1, 7))
    assert pool.schedd.calls["remove"] == 1
    assert not pool.schedd.clusters
    assert pool.executor.active == 0
    assert pool.files() == []


def test_to_stop_without_a_schedd_keeps_the_notes(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    pool.submit(0)
    pool.wait()
    pool.schedd.down = True
    monkeypatch.setattr(module, "GONE_S", 0.0)
    assert told(pool.executor.cancel()) == [(0, "ended", "cancelled")]
    pool.wait()
    assert pool.files() == [".json", ".log"], "the job is in the queue: the next driver finds it there"
    pool.schedd.down = False
    pool.another().adopt(lambda attempt: False)
    pool.wait()
    assert pool.schedd.state(name(0)) is None


# --- the number of calls


def test_calls_do_not_grow_with_the_number_of_jobs(pool: Pool) -> None:
    calls = []
    for number in (100, 2000):
        before = pool.schedd.calls.total()
        pool.submit(*range(number))
        seen = 0
        while pool.executor.active:
            seen += sum(event.kind == "ended" for event in pool.wait())
            pool.schedd.tick(number // 5)
        assert seen == number
        calls.append(pool.schedd.calls.total() - before)
    assert calls[0] == calls[1] == 1


# --- what is written down


def test_a_batch_is_written_down_before_it_is_submitted(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    submit = pool.schedd.submit

    def look(*words: object) -> int:
        (path,) = (pool.work / "batches").glob("*.json")
        seen.append(json.loads(path.read_text()))
        return submit(*words)

    monkeypatch.setattr(pool.schedd, "submit", look)
    pool.submit(0, 1)
    pool.wait()
    assert [member["attempt"] for member in seen[0]["members"]] == [name(0), name(1)]
    assert [member["task"] for member in seen[0]["members"]] == ["star:0", "star:1"]
