"""A schedd that goes away, and answers that get lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from automagic.errors import UserError
from tests.executors.condor.test_executor import Pool, name, told


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    return Pool(tmp_path)


def test_a_schedd_that_comes_again_is_waited_for(pool: Pool) -> None:
    pool.schedd.down = True
    pool.submit(0)
    assert told(pool.wait()) == [(0, "note", "schedd")]
    for _ in range(20):
        assert pool.wait(10) == []
    assert pool.schedd.calls["query"] + pool.schedd.calls["submit"] < 12, "the pauses grow"
    pool.schedd.down = False
    pool.wait(60)
    assert len(pool.schedd.clusters) == 1
    pool.schedd.finish(name(0))
    assert told(pool.wait()) == [(0, "ended", "")]


def test_a_schedd_that_stays_away_is_an_error(pool: Pool) -> None:
    pool.schedd.down = True
    pool.submit(0)
    for _ in range(11):
        pool.wait(60)
    with pytest.raises(UserError, match="has not answered for 10 minutes"):
        pool.wait(60)


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
    assert pool.schedd.calls == {"submit": 1, "query": 1}
    pool.schedd.quiet = False
    pool.schedd.finish(name(0))
    assert told(pool.wait()) == [(0, "ended", "")]
