"""Jobs are taken over from an earlier driver, wherever that one died; and taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from automagic.errors import UserError
from tests.executors.condor.test_executor import Pool, name, told


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    return Pool(tmp_path)


def test_nothing_to_take_over_asks_nobody(pool: Pool) -> None:
    pool.schedd.down = True
    assert pool.executor.adopt(lambda attempt: True) == {}
    assert pool.schedd.calls == {}


def test_jobs_are_taken_over_in_any_state(tmp_path: Path) -> None:
    pool = Pool(tmp_path, max_queued=2, max_running=2)
    pool.submit(*range(6))
    pool.wait()
    pool.schedd.start(name(1))
    pool.schedd.hold(name(2), 1)
    pool.schedd.finish(name(0))
    found = pool.another().adopt(lambda attempt: True)
    states = {int(attempt[:16], 16): info["state"] for attempt, info in found.items()}
    assert states == {0: "ended", 1: "running", 2: "held", 3: "waiting", 4: "waiting", 5: "waiting"}
    assert found[name(1)] == {"task": "star:1", "action": f"{1:064x}", "state": "running"}
    assert told(pool.wait()) == [(0, "ended", "")]
    assert pool.executor.active == 5
    for number in range(1, 6):
        pool.schedd.finish(name(number))
    assert {number for number, *_ in told(pool.wait())} == {1, 2, 3, 4, 5}
    assert pool.schedd.calls["submit"] == 1


def test_a_driver_that_died_before_it_submitted_has_left_nothing(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> int:
        raise Killed

    monkeypatch.setattr(pool.schedd, "submit", die)
    pool.submit(0)
    with pytest.raises(Killed):
        pool.wait()
    assert pool.files() == [".json", ".log"]
    assert pool.another().adopt(lambda attempt: True) == {}
    pool.wait()
    assert pool.executor.active == 0
    assert pool.files() == []


@pytest.mark.parametrize("over", [False, True])
def test_a_driver_that_died_while_it_submitted_has_left_jobs(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, over: bool
) -> None:
    class Killed(BaseException):
        pass

    submit = pool.schedd.submit

    def die(*words: object) -> int:
        submit(*words)
        raise Killed

    monkeypatch.setattr(pool.schedd, "submit", die)
    pool.submit(0)
    with pytest.raises(Killed):
        pool.wait()
    if over:
        pool.schedd.finish(name(0))
        assert not pool.schedd.clusters
    assert pool.another().adopt(lambda attempt: True)[name(0)]["state"] == ("ended" if over else "waiting")
    if not over:
        pool.schedd.finish(name(0))
    assert told(pool.wait()) == [(0, "ended", "")]


def test_a_note_that_was_cut_short_is_no_batch(pool: Pool) -> None:
    pool.submit(0)
    pool.wait()
    (pool.work / "batches" / "0123456789abcdef.tmp").write_text('{"batch": 1, "na')
    assert list(pool.another().adopt(lambda attempt: True)) == [name(0)]


def test_a_note_that_is_damaged_is_named(pool: Pool) -> None:
    (pool.work / "batches").mkdir(parents=True)
    (pool.work / "batches" / "0123456789abcdef.json").write_text("{}")
    with pytest.raises(UserError, match=r"0123456789abcdef\.json"):
        pool.executor.adopt(lambda attempt: True)


def test_jobs_that_nobody_wants_are_removed(tmp_path: Path) -> None:
    pool = Pool(tmp_path, max_queued=2, max_running=2)
    pool.submit(*range(8))
    pool.wait()
    pool.schedd.start(name(1))
    wanted = {name(0), name(7)}
    assert set(pool.another().adopt(wanted.__contains__)) == wanted
    events = [event for _ in range(6) for event in pool.wait()]
    removed = [job for what, jobs in pool.schedd.asked if what == "remove" for job in jobs]
    assert removed == [f"1.{number}" for number in range(1, 7)]
    assert pool.schedd.state(name(0)) == 1
    assert pool.schedd.state(name(7)) == 1
    assert not {event.attempt for event in events} & wanted


def test_batches_that_nobody_wants_are_removed_with_one_call_each(tmp_path: Path) -> None:
    pool = Pool(tmp_path, max_queued=2, max_running=2)
    pool.submit(*range(80))
    pool.wait()
    assert pool.another().adopt(lambda attempt: False) == {}
    for _ in range(3):
        pool.wait()
    assert pool.schedd.asked == [("remove", "ClusterId == 1")]
    assert pool.executor.active == 0
    assert pool.files() == []


def test_ends_that_were_dealt_with_are_not_told_again(pool: Pool) -> None:
    pool.submit(0, 1)
    pool.wait()
    pool.schedd.finish(name(0))
    pool.wait()
    assert set(pool.another().adopt(lambda attempt: attempt != name(0))) == {name(1)}
    assert pool.wait() == []
    assert pool.executor.active == 1


def test_a_driver_that_dies_before_it_heard_of_an_end_leaves_it_to_the_next(pool: Pool) -> None:
    pool.submit(0)
    pool.wait()
    pool.schedd.finish(name(0))
    for _ in range(3):
        assert pool.another().adopt(lambda attempt: True)[name(0)]["state"] == "ended"
    assert told(pool.wait()) == [(0, "ended", "")]


def test_a_job_that_vanished_while_no_driver_was_there_is_lost(pool: Pool) -> None:
    pool.submit(0, 1)
    pool.wait()
    pool.schedd.quiet = True
    pool.schedd.finish(name(0))
    pool.schedd.finish(name(1))
    (pool.work / name(1) / "failed").mkdir()
    pool.another().adopt(lambda attempt: True)
    assert told(pool.wait()) == [(0, "ended", "lost"), (1, "ended", "")]


def test_taking_over_needs_the_schedd(pool: Pool) -> None:
    pool.submit(0)
    pool.wait()
    pool.schedd.down = True
    with pytest.raises(UserError, match="cannot be reached") as error:
        pool.another().adopt(lambda attempt: True)
    assert "automagic doctor" in str(error.value)


def test_analyses_of_one_name_in_two_folders_do_not_meet(tmp_path: Path) -> None:
    one, other = Pool(tmp_path / "one"), Pool(tmp_path / "other")
    other.schedd = one.schedd
    other.another()
    one.submit(0)
    one.wait()
    other.submit(1)
    other.wait()
    one.executor.cancel()
    assert one.schedd.state(name(0)) is None
    assert one.schedd.state(name(1)) == 1


def test_jobs_that_have_not_started_are_taken_back(tmp_path: Path) -> None:
    pool = Pool(tmp_path, max_queued=3, max_running=3)
    pool.submit(*range(12))
    pool.wait()
    pool.schedd.start(name(0))
    pool.wait()
    pool.submit(12)
    pool.executor.withdraw({name(number) for number in range(13) if number != 5})
    events = [each for _ in range(6) for each in told(pool.wait())]
    assert sorted(events) == [(number, "ended", "withdrawn") for number in range(13) if number not in (0, 5)]
    assert (pool.schedd.state(name(0)), pool.schedd.state(name(5))) == (2, 1)
    assert set(pool.schedd.calls) == {"submit", "remove"}


def test_a_cluster_that_is_taken_back_whole_goes_with_one_call(tmp_path: Path) -> None:
    pool = Pool(tmp_path, max_queued=3, max_running=3)
    pool.submit(*range(100))
    pool.wait()
    pool.wait()
    pool.executor.withdraw({name(number) for number in range(100)})
    events = [each for _ in range(3) for each in told(pool.wait())]
    assert sorted(events) == [(number, "ended", "withdrawn") for number in range(100)]
    assert pool.schedd.calls == {"submit": 1, "remove": 1}
    assert len(pool.schedd.attempts) == 6, "no more were made"


def test_leaving_lets_jobs_go_on(pool: Pool) -> None:
    pool.submit(0)
    pool.wait()
    pool.submit(1)
    assert told(pool.executor.leave()) == [(1, "ended", "cancelled")]
    assert pool.executor.active == 1
    assert pool.schedd.state(name(0)) == 1


def test_what_a_forgetful_schedd_would_run_again_is_taken_out_at_the_end(pool: Pool) -> None:
    pool.submit(0, 1)
    pool.wait()
    for number in (0, 1):
        pool.schedd.start(name(number))
        pool.schedd.finish(name(number))
    pool.executor.close()
    assert pool.schedd.calls["remove"] == 0, "jobs may be under way"
    pool.wait()
    pool.executor.close()
    assert pool.schedd.asked[-1] == ("remove", f'AutomagicAnalysis == "{pool.executor.site.mark}"')


def test_an_executor_without_jobs_asks_nothing(pool: Pool) -> None:
    pool.executor.close()
    assert not pool.schedd.calls
