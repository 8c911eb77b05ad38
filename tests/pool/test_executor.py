"""The executor alone against the pool: how jobs end, taking over, carrying files, taking back (about a minute)."""

import pytest


@pytest.mark.parametrize(
    "check", ["jobs_end_as_they_do", "a_new_driver_goes_on", "files_are_carried", "jobs_are_taken_back"]
)
def test_live(pool, check):
    pool.user(
        [pool.python, "tests/executors/condor/live.py", pool.runs / "live", check], env={"PYTHONPATH": "."}, timeout=400
    )
