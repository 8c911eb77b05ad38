"""The driver as a job of the pool: it goes on when everybody has gone, and can be looked at."""

from pool_analyses import tasks  # loaded by conftest


def test_detached_driver_does_all_the_work_and_attach_shows_it(toy, pool):
    analysis = toy(tasks(seconds=3))
    said = pool.user([*analysis.command("--detach")]).stdout
    assert "logging out is safe" in said
    again = pool.user([*analysis.command("--detach")], check=False)
    assert again.returncode == 2
    assert "already" in again.stdout
    shown = pool.automagic("attach", analysis.folder, timeout=180).stdout
    assert "7 ran" in shown
    analysis.check_consistent(analysis.tasks)
    assert analysis.ran() == dict.fromkeys(analysis.tasks, 1)


def test_status_tells_of_a_detached_driver_and_stop_ends_it(toy, pool):
    analysis = toy(tasks(seconds=120))
    pool.user([*analysis.command("--detach")])
    pool.wait_for(lambda: len(analysis.events("started")) >= 6, 90, "six started jobs")
    said = pool.automagic("status", analysis.folder).stdout
    assert "HTCondor" in said
    assert "running" in said
    said = pool.automagic("stop", analysis.folder).stdout
    assert "removed 1 driver and 4 jobs" in said
    pool.wait_for(lambda: not pool.jobs("true", "ClusterId"), 60, "an empty queue")
    analysis.tasks = tasks(seconds=0)
    analysis.write()
    analysis.run()
    assert analysis.count("done") == dict.fromkeys(analysis.tasks, 1)


def test_a_detached_driver_that_is_killed_comes_back_by_itself(toy, pool):
    analysis = toy(tasks(seconds=8))
    pool.user([*analysis.command("--detach")])
    pool.wait_for(lambda: len(analysis.events("started")) >= 6, 90, "six started jobs")
    pool.restart("schedd")
    pool.wait_for(lambda: analysis.count("done") == dict.fromkeys(analysis.tasks, 1), 180, "the end of all tasks")
    pool.wait_for(lambda: not pool.jobs("true", "ClusterId"), 60, "an empty queue")
    analysis.check_consistent(analysis.tasks)
