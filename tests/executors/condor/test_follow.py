"""What comes out of event logs that a real pool has written (``logs/``, see the README there)."""

from __future__ import annotations

from pathlib import Path

import htcondor2
import pytest

from automagic.executors import Event
from automagic.executors.condor.batches import Batch, Kind, Member
from automagic.executors.condor.follow import Follower
from automagic.executors.policy import POLICIES

LOGS = Path(__file__).resolve().parent / "logs"


class Replay:
    """A recorded log and what comes out of it.

    Parameters
    ----------
    step
        After so many events those that sent jobs away are told, as a loop that reads now and then does.
    """

    def __init__(self, name: str, jobs: int = 1, step: int = 10_000, memory_max_mb: int = 400) -> None:
        self.follower = Follower(memory_max_mb, lambda attempt: "no-such-image")
        members = [Member(attempt(number), f"star:{number}", "a" * 64, 0) for number in range(jobs)]
        self.batch = Batch(name, "log", Kind("star", None, 1, 100, 1000, 30), members)
        self.follower.add(self.batch)
        events = list(htcondor2.JobEventLog(str(LOGS / f"{name}.log")).events(stop_after=0))
        assert events, "no log was read"
        self.asked: list[str] = []
        before: dict[str, list[str]] = {}
        for begin in range(0, len(events), step):
            self.follower.take(events[begin : begin + step])
            self.follower.settle()
            for what in ("release", "remove"):
                names = [job.id for job in getattr(self.follower, what).values()]
                if names and names != before.get(what):
                    self.asked.append(what)
                before[what] = names

    @property
    def out(self) -> list[Event]:
        return self.follower.out

    def of(self, number: int) -> list[tuple[str, str]]:
        """Return kind and cause of what happened to a job."""
        return [(event.kind, event.cause) for event in self.out if event.attempt == attempt(number)]


def attempt(number: int) -> str:
    return f"{number:016x}-{0:08x}"


START, DONE = ("started", ""), ("ended", "")

END_CAUSES = {0: "", 1: "", 2: "killed", 3: "killed", 4: "killed", 5: "node", 6: "internal"}


@pytest.mark.parametrize("step", [1, 10_000])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("memory-more", [START, ("note", "memory"), START, ("note", "memory"), START, DONE]),
        (
            "memory-limit",
            [START, ("note", "memory"), START, ("note", "memory"), START, ("ended", "memory")],
        ),
        ("memory-held", [START, ("note", "memory"), START, DONE]),
        ("held-user", [START, ("note", "held-user"), ("note", "held-user"), START, DONE]),
        ("evicted", [START, ("note", "evicted"), START, DONE]),
        ("startd-restarted", [START, ("note", "evicted"), START, DONE]),
        ("starter-killed", [START, ("note", "shadow"), ("note", "shadow"), START, DONE]),
        ("shadow-killed", [START, ("note", "shadow"), START, DONE]),
        ("duration", [START, ("ended", "time")]),
        ("transfer", [("note", "transfer"), ("ended", "removed")]),
    ],
)
def test_one_job(name: str, expected: list[tuple[str, str]], step: int) -> None:
    replay = Replay(name, step=step)
    seen = replay.of(0)
    if step == 1:
        # read event by event, a job is told to be sent away before it is heard that it is held
        assert {each for each in expected if each[0] == "note"} <= set(seen)
        seen, expected = ([each for each in some if each[0] != "note"] for some in (seen, expected))
    assert seen == expected
    assert not replay.follower.jobs
    assert replay.batch.cluster in replay.follower.gone


def test_how_jobs_end() -> None:
    replay = Replay("ends", jobs=7)
    ends = {int(event.attempt[:16], 16): event for event in replay.out if event.kind == "ended"}
    assert {number: event.cause for number, event in ends.items()} == END_CAUSES
    assert "signal 9" in ends[2].detail
    assert "no-such-image" in ends[5].detail
    assert ends[0].usage["disk_mb"] > 0


def test_hosts_are_told_as_people_know_them() -> None:
    assert {event.host for event in Replay("ends", jobs=7).out if event.kind == "started"} == {"node1.example"}


def test_memory_that_was_seen_is_told() -> None:
    more = Replay("memory-more").out
    assert more[-1].memory_mb == pytest.approx(300, abs=30)
    limit = Replay("memory-limit").out[-1]
    assert limit.memory_mb is not None
    assert limit.memory_mb > 800
    assert "400 MB" in limit.detail


def test_the_last_of_memory_is_removed_by_us() -> None:
    assert Replay("memory-limit", step=1).asked == ["remove"]
    assert Replay("memory-held", step=1).asked == ["release"]
    assert Replay("memory-more", step=1).asked == []


def test_held_by_htcondor_is_tried_again_and_given_up() -> None:
    replay = Replay("held", jobs=2, step=1)
    assert replay.of(0) == [START, DONE]
    assert replay.of(1) == [("note", "held")] * 3 + [("ended", "held")]
    assert replay.asked == ["release", "release", "remove"]
    assert "Cannot access initial working directory" in replay.out[-1].detail
    assert "14.2" in replay.out[-1].detail


def test_a_cluster_that_a_person_holds_goes_on() -> None:
    replay = Replay("held-cluster", jobs=4)
    assert replay.of(0) == replay.of(1) == [START, ("note", "held-user"), ("note", "held-user"), START, DONE]
    assert replay.of(2) == [("note", "held-user"), START, DONE]
    assert replay.of(3) == [START, DONE]
    assert replay.asked == []


def test_a_cluster_that_a_person_removes_ends_with_all_its_jobs() -> None:
    replay = Replay("removed", jobs=4)
    for number in (0, 1, 2):
        assert replay.of(number) == [START, ("ended", "removed")]
    assert replay.of(3) == [("ended", "removed")], "it had not come into the queue"
    assert "by user analyst" in replay.out[-2].detail


def test_what_we_cancel_is_not_told_as_removed_by_a_person() -> None:
    follower = Follower(400)
    follower.cancelling = True
    replay = Replay("removed", jobs=4)
    follower.add(replay.batch)
    follower.take(htcondor2.JobEventLog(str(LOGS / "removed.log")).events(stop_after=0))
    assert {event.cause for event in follower.out if event.kind == "ended"} == {"cancelled"}


def test_a_schedd_that_was_restarted_ends_nothing() -> None:
    replay = Replay("schedd-restarted", jobs=3)
    assert replay.of(0) == replay.of(1) == [START, ("note", "shadow"), DONE]
    assert replay.of(2) == [START, DONE]


def test_all_causes_have_a_policy() -> None:
    for path in LOGS.glob("*.log"):
        for event in Replay(path.stem, jobs=7).out:
            assert event.cause == "" or event.cause in POLICIES


def test_what_others_write_into_the_log_is_passed_over(tmp_path: Path) -> None:
    text = (LOGS / "evicted.log").read_text()
    foreign = (LOGS / "ends.log").read_text().replace("00000000\n", "11111111\n")
    (tmp_path / "log").write_text(foreign + text)
    follower = Follower(400)
    follower.add(Replay("evicted").batch)
    follower.take(htcondor2.JobEventLog(str(tmp_path / "log")).events(stop_after=0))
    assert [event.kind for event in follower.out] == ["started", "note", "started", "ended"]


def test_the_logs_tell_nothing_of_where_they_were_recorded() -> None:
    for path in LOGS.glob("*.log"):
        text = path.read_text()
        assert "127.0.0.1" not in text
        assert "fd00" not in text
        assert "sock=" not in text
