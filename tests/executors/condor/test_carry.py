"""Nodes that do not see our folders: what goes out with a job, and what of it that comes back counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from automagic.errors import UserError
from automagic.executors.condor import carry
from tests.executors.condor.test_executor import Pool, name, told

IMAGE = Path("/images/a.sif")


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    return Pool(tmp_path, shared_files=False)


def leave(pool: Pool, number: int, state: str = "done", size: int = 4) -> None:
    """Put what HTCondor has carried back into the job's folder."""
    folder = pool.work / name(number) / carry.RESULT / state
    folder.mkdir(parents=True)
    (folder / "a.root").write_text("1234")
    outputs = [{"name": "a.root", "size": size}] if state == "done" else []
    (folder / "receipt.json").write_text(json.dumps({"state": state, "outputs": outputs}))


def test_inputs_of_one_name_stay_apart(pool: Pool, tmp_path: Path) -> None:
    inputs = []
    for role in ("m1", "m2"):
        path = tmp_path / role / "a, b.root"
        path.parent.mkdir()
        path.write_text(role)
        inputs.append((f"{role}/a, b.root", path))
    pool.submit(0, image=IMAGE, inputs=tuple(inputs))
    inside = pool.work / name(0) / "in"
    assert [(inside / role / "a, b.root").read_text() for role in ("m1", "m2")] == ["m1", "m2"]


def test_what_is_carried_is_in_the_description(pool: Pool) -> None:
    pool.submit(0, image=IMAGE)
    pool.submit(1, image=Path("/cvmfs/magic/a.sif"))
    pool.wait()
    one, other = (each.lines for each in pool.schedd.clusters.values())
    common = ["spec.json", "launch", "in", str(pool.work / "job.pyz"), str(pool.work / "batches" / "empty" / "result")]
    assert one["transfer_input_files"].split(",") == [*common, str(IMAGE)]
    assert other["transfer_input_files"].split(",") == common
    assert one["executable"] == str(pool.work / "launch.sh")
    assert one["arguments"] == "\"'.'\""
    assert list((pool.work / "batches" / "empty" / "result").iterdir()) == []


def test_a_result_counts_once_its_job_has_ended(pool: Pool) -> None:
    pool.submit(0, image=IMAGE)
    pool.wait()
    leave(pool, 0)
    pool.wait()
    assert not (pool.work / name(0) / "done").exists(), "HTCondor may still be carrying it"
    pool.schedd.finish(name(0))
    assert told(pool.wait()) == [(0, "ended", "")]
    assert (pool.work / name(0) / "done" / "a.root").exists()


def test_half_a_result_counts_nothing(pool: Pool) -> None:
    pool.submit(0, 1, image=IMAGE)
    pool.wait()
    leave(pool, 0, size=5)
    leave(pool, 1, size=5)
    leave(pool, 1, "failed")
    pool.schedd.abort(name(0))
    pool.schedd.finish(name(1), 1)
    pool.wait()
    assert not (pool.work / name(0) / "done").exists()
    assert not (pool.work / name(1) / "done").exists()
    assert (pool.work / name(1) / "failed" / "receipt.json").exists()


def test_a_job_without_an_image_cannot_go_there(pool: Pool) -> None:
    with pytest.raises(UserError, match="star:0 has no image"):
        pool.submit(0)


def test_a_comma_in_a_path_is_an_error_before_anything_is_submitted(tmp_path: Path) -> None:
    pool = Pool(tmp_path / "a,b", shared_files=False)
    pool.submit(0, image=IMAGE)
    with pytest.raises(UserError, match="comma"):
        pool.wait()
    assert pool.schedd.calls == {}
