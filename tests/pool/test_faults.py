"""Faults on a real pool: whatever dies, nothing that is done is lost or done again, and the rest gets done."""

import re
import signal

import pytest
from pool_analyses import tasks  # loaded by conftest


def middle(analysis, quick=2, slow=4):
    """Start a driver and wait until the quick tasks are done and the slow ones run."""
    driver = analysis.start()
    analysis.wait_for("done", quick)
    analysis.wait_for("started", quick + slow)
    return driver


def test_jobs_run_in_the_pool_and_a_second_run_does_nothing(toy):
    analysis = toy(tasks(seconds=0))
    assert "7 ran" in analysis.run()
    analysis.check_consistent(analysis.tasks)
    assert analysis.ran() == dict.fromkeys(analysis.tasks, 1)
    assert sorted(set(analysis.product("superstar:all").split())) == ["", *"012345", "a.txt"][1:]
    assert "nothing to do" in analysis.run()
    assert analysis.ran() == dict.fromkeys(analysis.tasks, 1)


@pytest.mark.parametrize("back", ["while they run", "after they ended"])
def test_driver_killed_and_started_again(toy, pool, back):
    analysis = toy(tasks())
    middle(analysis)
    analysis.kill()
    if back == "after they ended":
        pool.wait_for(lambda: not pool.jobs(analysis.mark, "ClusterId"), 60, "an empty queue")
    analysis.run()
    analysis.check_consistent(analysis.tasks)
    assert analysis.ran() == dict.fromkeys(analysis.tasks, 1)


def test_driver_killed_before_anything_ran(toy, pool):
    analysis = toy(tasks())
    analysis.start()
    analysis.wait_for("submitted", 6)
    analysis.kill()
    analysis.run()
    analysis.check_consistent(analysis.tasks)
    assert analysis.ran() == dict.fromkeys(analysis.tasks, 1)


def test_startd_killed_under_running_jobs(toy, pool):
    analysis = toy(tasks())
    driver = middle(analysis)
    pool.restart("startd")
    analysis.finish(driver)
    analysis.check_consistent(analysis.tasks)
    ran = analysis.ran()
    assert [ran[task] for task in ("star:0", "star:1", "superstar:all")] == [1, 1, 1]


@pytest.mark.parametrize("how", ["killed", "restarted"])
def test_schedd_comes_back(toy, pool, how):
    analysis = toy(tasks())
    driver = middle(analysis)
    if how == "killed":
        pool.restart("schedd")
    else:
        pool.root(["condor_restart", "-schedd"])
    analysis.finish(driver)
    analysis.check_consistent(analysis.tasks)
    ran = analysis.ran()
    assert [ran[task] for task in ("star:0", "star:1", "superstar:all")] == [1, 1, 1]


def test_schedd_and_driver_killed_together(toy, pool):
    analysis = toy(tasks())
    middle(analysis)
    analysis.kill()
    pool.restart("schedd")
    analysis.run()
    analysis.check_consistent(analysis.tasks)


def test_too_little_memory_is_tried_with_more(toy, pool):
    analysis = toy({"star:a": {"memory": 100, "card": "Value: 1\nMemory: 250\nSleep: 8\n"}}, memory_max_mb=800)
    analysis.run()
    analysis.check_consistent(analysis.tasks)
    assert ("note", "memory") in analysis.causes()
    asked = [job["RequestMemory"] for job in pool.jobs(analysis.mark, "RequestMemory", history=True)]
    assert all(250 < memory <= 800 for memory in asked)


def test_memory_has_a_limit(toy):
    analysis = toy(
        {"star:a": {"memory": 100, "card": "Value: 1\nMemory: 700\nSleep: 30\n"}, "star:b": {}}, memory_max_mb=200
    )
    said = analysis.run(code=1)
    assert [event["cause"] for event in analysis.events("failed")] == ["memory"]
    assert "memory" in said
    analysis.check_consistent(["star:b"])


def test_job_that_hangs_is_ended(toy):
    analysis = toy({"star:a": {"minutes": 0.05, "card": "Value: 1\nSleep: 600\nDeaf: 1\n"}, "star:b": {}})
    said = analysis.run(code=1)
    assert {event["cause"] for event in analysis.events("failed")} == {"time"}
    assert "star:a failed" in said
    analysis.check_consistent(["star:b"])


@pytest.fixture
def small_scratch(pool):
    """A disk of its own for the jobs of the node, which can be made smaller while they run."""
    place = pool.root(["condor_config_val", "EXECUTE"]).stdout.strip()
    options = "size=8g,mode=755,uid=condor,gid=condor"
    pool.root(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place])
    yield lambda size: pool.root(["mount", "-o", f"remount,size={size}", place])
    pool.root(["umount", "-l", place])


def test_scratch_disk_of_the_node_is_full(toy, small_scratch):
    analysis = toy({"star:a": {"card": "Value: 1\nSleep: 4\nFill: 20\n"}, "star:b": {}})
    driver = analysis.start()
    analysis.wait_for("done", 1)
    analysis.wait_for("started", 2)
    small_scratch("4m")
    failed = analysis.wait_for("failed", 1)
    small_scratch("8g")
    analysis.finish(driver)
    assert failed[0]["cause"] == "disk"
    assert failed[0]["again"]
    analysis.check_consistent(analysis.tasks)


def test_held_job_released_by_hand(toy, pool):
    analysis = toy(tasks(slow=1))
    driver = middle(analysis, slow=1)
    job = f'{analysis.mark} && AutomagicTask == "star:2"'
    pool.user(["condor_hold", "-constraint", job])
    pool.wait_for(lambda: ("note", "held-user") in analysis.causes(), 60, "the note of a held job")
    pool.user(["condor_release", "-constraint", job])
    analysis.finish(driver)
    analysis.check_consistent(analysis.tasks)


def test_job_removed_by_hand(toy, pool):
    analysis = toy(tasks(slow=1))
    driver = middle(analysis, slow=1)
    pool.user(["condor_rm", "-constraint", f'{analysis.mark} && AutomagicTask == "star:2"'])
    said = analysis.finish(driver, code=1)
    assert [event["cause"] for event in analysis.events("failed")] == ["removed"]
    assert "star:2 failed" in said
    analysis.check_consistent(["star:0", "star:1"])
    analysis.run()
    analysis.check_consistent(analysis.tasks)


def test_two_analyses_at_once(toy):
    first, second = toy(tasks()), toy(tasks(seconds=3))
    drivers = [each.start() for each in (first, second)]
    for each, driver in zip((first, second), drivers, strict=True):
        each.finish(driver)
        each.check_consistent(each.tasks)
        assert each.ran() == dict.fromkeys(each.tasks, 1)


def test_ctrl_c_leaves_the_jobs_and_a_new_driver_takes_them_over(toy):
    analysis = toy(tasks(seconds=20))
    driver = middle(analysis)
    analysis.signal(signal.SIGINT)
    said = analysis.finish(driver, code=130)
    left = 6 - len(analysis.count("done"))  # on a slow machine some of the four may have ended by now
    assert left > 0
    assert re.search(rf"\b{left} jobs? (go|goes) on", said), said
    analysis.run()
    analysis.check_consistent(analysis.tasks)
    assert analysis.ran() == dict.fromkeys(analysis.tasks, 1)


def test_stop_removes_the_jobs_and_what_is_done_stays(toy, pool):
    analysis = toy(tasks(seconds=120))
    driver = middle(analysis)
    analysis.signal(signal.SIGINT)
    analysis.finish(driver, code=130)
    assert len(pool.jobs(analysis.mark, "ClusterId")) == 4
    pool.automagic("stop", analysis.folder)
    pool.wait_for(lambda: not pool.jobs(analysis.mark, "ClusterId"), 60, "an empty queue")
    analysis.tasks = tasks(seconds=0)
    analysis.write()
    analysis.run()
    assert analysis.count("done") == dict.fromkeys(analysis.tasks, 1)
    assert analysis.ran()["star:0"] == analysis.ran()["star:1"] == 1
