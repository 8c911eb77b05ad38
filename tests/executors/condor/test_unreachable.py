"""A schedd that goes away, and answers that get lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from automagic.errors import UserError
from tests.executors.condor.test_executor import Pool, name, told


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    return Pool(tmp_path)


@pytest.fixture
def known(pool: Pool) -> Pool:
    """A pool whose schedd has answered."""
    pool.submit(0)
    pool.wait()
    pool.wait()
    return pool


def test_a_schedd_that_was_never_there_is_an_error_at_once(pool: Pool) -> None:
    pool.schedd.down = True
    pool.submit(0)
    with pytest.raises(UserError, match="schedd cannot be reached: connection refused") as error:
        pool.wait()
    assert "automagic doctor" in str(error.value)


def test_a_schedd_that_comes_again_is_waited_for(known: Pool) -> None:
    known.schedd.down = True
    known.submit(1)
    known.schedd.finish(name(0))
    assert told(known.wait()) == [(0, "ended", ""), (1, "note", "schedd")]
    for _ in range(20):
        assert known.wait(10) == []
    assert known.schedd.calls["query"] + known.schedd.calls["submit"] < 12, "the pauses grow"
    known.schedd.down = False
    known.wait(60)
    assert len(known.schedd.clusters) == 1
    known.schedd.finish(name(1))
    assert told(known.wait()) == [(1, "ended", "")]


def test_ends_are_heard_while_the_schedd_is_away(known: Pool) -> None:
    known.schedd.hold(name(0), 14, 2)
    known.schedd.down = True
    known.wait(31)
    assert ("note", "schedd") in {(event.kind, event.cause) for event in known.wait(31)}
    known.schedd.finish(name(0))
    assert told(known.wait(0.1)) == [(0, "ended", "")]


def test_a_schedd_that_stays_away_is_an_error(known: Pool) -> None:
    known.schedd.down = True
    known.submit(1)
    for _ in range(10):
        known.wait(60)
    known.clock.now += 60
    with pytest.raises(UserError, match="for 10 minutes: connection refused"):
        known.wait(60)


def test_a_lost_answer_submits_nothing_twice(pool: Pool) -> None:
    pool.schedd.forgetful = True
    pool.submit(0, 1)
    pool.wait()
    pool.wait(5)
    assert len(pool.schedd.clusters) == 1
    pool.schedd.finish(name(1))
    assert told(pool.wait()) == [(1, "ended", "")]


def test_a_lost_answer_is_found_where_the_log_is_silent_as_well(pool: Pool) -> None:
    pool.schedd.forgetful = pool.schedd.quiet = True
    pool.submit(0)
    pool.wait()
    pool.wait(5)
    assert pool.schedd.calls["submit"] == 1
    pool.schedd.quiet = False
    pool.schedd.finish(name(0))
    assert told(pool.wait()) == [(0, "ended", "")]
