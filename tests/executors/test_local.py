"""The local executor: never more than fits, every end is told, and nothing outlives a cancel."""

import json
import os
import time

import pytest

from automagic.executors import LocalExecutor, Request
from automagic.job.bundle import bundle


@pytest.fixture
def make(tmp_path):
    """Make requests for jobs that run a shell script."""

    def request(name, script, **more):
        spec = {
            "task": name, "action": name, "attempt": name, "program": "p", "engine": "e", "engine_digest": "d",
            "environment": "host", "command": ["/bin/sh", "-c", script], "card": "", "overrides": [],
            "inputs": [], "outputs": [{"name": "x", "level": "s"}], "resources": {"disk_mb": 1, "minutes": 1},
            "exit_codes": {}, "tolerated": [], "variables": {"PATH": os.environ["PATH"]},
            "scratch": str(tmp_path / "work" / name / "scratch"), "store": str(tmp_path / "work" / name / "done"),
            "failed": str(tmp_path / "work" / name / "failed"),
        }  # fmt: skip
        folder = tmp_path / "work" / name
        folder.mkdir(parents=True)
        (folder / "spec.json").write_text(json.dumps(spec))
        return Request(name, folder, **more)

    return request


def receipt(tmp_path, name):
    """Read what a job left."""
    found = list((tmp_path / "work" / name).glob("*/receipt.json"))
    return json.loads(found[0].read_text()) if found else None


def run(executor):
    """Collect events to the end, and the largest number of jobs that ran at once."""
    ends, running, most = {}, 0, 0
    while executor.active:
        for event in executor.wait(20):
            running += 1 if event.kind == "started" else -1
            most = max(most, running)
            if event.kind == "ended":
                ends[event.attempt] = event
    return ends, most


def test_as_many_at_once_as_cores_and_memory_allow(tmp_path, make):
    pyz = bundle(tmp_path)
    for cores, memory, expected in [(3, 1000, 3), (8, 250, 2), (1, 1000, 1)]:
        executor = LocalExecutor(pyz, cores, memory)
        name = f"j{cores}-"
        executor.submit([make(f"{name}{i}", "sleep 0.2; echo 1 > out/x", memory_mb=100) for i in range(5)])
        ends, most = run(executor)
        assert most == expected
        assert [receipt(tmp_path, e)["state"] for e in ends] == ["done"] * 5
        assert {event.cause for event in ends.values()} == {""}


def test_priority_and_failure(tmp_path, make):
    executor = LocalExecutor(bundle(tmp_path), 1, 1000)
    executor.submit([make("low", "echo 1 > out/x"), make("high", "exit 3", priority=2.0)])
    ends, _ = run(executor)
    assert list(ends) == ["high", "low"]
    told = receipt(tmp_path, "high")
    assert (told["state"], told["cause"]) == ("failed", "exit")
    assert "code 3" in told["reason"]


def test_a_killed_job_is_told(tmp_path, make):
    executor = LocalExecutor(bundle(tmp_path), 1, 1000)
    executor.submit([make("a", "kill -9 $PPID; sleep 5")])
    ends, _ = run(executor)
    assert ends["a"].cause == "killed"
    assert "killed" in ends["a"].detail
    assert receipt(tmp_path, "a") is None


def test_cancel_ends_everything(tmp_path, make):
    executor = LocalExecutor(bundle(tmp_path), 2, 1000)
    executor.submit([make(f"j{i}", f"echo $$ > {tmp_path}/pid{i}; sleep 60") for i in range(4)])
    executor.wait(0)
    while len([p for p in tmp_path.glob("pid*") if p.read_text().strip()]) < 2:
        time.sleep(0.01)
    events = executor.cancel()
    assert sorted(e.attempt for e in events) == ["j0", "j1", "j2", "j3"]
    assert {e.cause for e in events} == {"cancelled"}
    assert executor.active == 0
    for path in tmp_path.glob("pid*"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.read_text()), 0)
    assert not list((tmp_path / "work").glob("*/scratch"))
    assert not list((tmp_path / "work").glob("*/*/receipt.json"))


def test_a_wait_ends_when_the_descriptor_can_be_read_with_jobs_and_without(tmp_path, make):
    executor = LocalExecutor(bundle(tmp_path), 1, 1000)
    read, write = os.pipe()
    began = time.monotonic()
    assert executor.wait(0.01, read) == []
    os.write(write, b"!")
    assert executor.wait(60, read) == []
    executor.submit([make("long", "sleep 60")])
    assert [event.kind for event in executor.wait(60, read)] == ["started"]
    assert executor.wait(60, read) == []
    os.read(read, 1)
    assert executor.wait(0.01, read) == []
    assert time.monotonic() - began < 20
    assert [event.attempt for event in executor.cancel()] == ["long"]
    os.close(read)
    os.close(write)
