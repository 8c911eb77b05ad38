"""What a program in an image can see and touch: its inputs and its own folder, and nothing else."""

import json
import os
import time
from pathlib import Path

import pytest

SECRET = "what another run has measured"


@pytest.fixture(scope="module", params=["local", "condor"])
def seen(request, pool, toy_image):
    """What a probing program found, and where it looked."""
    from pool_analyses import Toy  # loaded by conftest

    folder = pool.runs / f"isolation-{request.param}"
    about = {
        # both answer on the node itself: the pool, and the name that its own resolver has
        "servers": [["127.0.0.1", pool.port]],
        "names": [pool.root(["hostname"]).stdout.strip(), "localhost.localdomain"],
    }
    other = folder / "store" / "aa" / "aa01" / "other.txt"
    secret = pool.shared / "home" / "secret"
    outside = {
        "home": pool.shared / "home", "secret": secret, "other": other, "store": folder / "store",
        "images": toy_image.parent, "checkout": pool.checkout, "shared": pool.shared, "input": folder / "a.txt",
        "the node's own": "/etc/condor",
    }  # fmt: skip
    inside = ["in/in/a.txt", "/opt/programs", "/opt/programs/toy", "/usr/bin", "/automagic/job.pyz", "/etc", "/"]
    about |= {"read": [str(path) for path in outside.values()], "write": [*map(str, outside.values()), *inside]}
    tasks = {"star:a": {"in": ["a.txt"], "card": f"Probe: {json.dumps(about)}\n"}}
    toy = Toy(pool, folder, toy_image, tasks, request.param, {})
    other.parent.mkdir(parents=True)
    for path in (other, secret):
        path.write_text(SECRET)
    toy.own()
    toy.run()
    return toy, json.loads(toy.product("star:a")), outside, inside


def test_home_and_other_data_are_not_there(seen):
    toy, found, outside, _ = seen
    for name, path in outside.items():
        assert found["read"][str(path)] == "refused: FileNotFoundError", name
        assert found["write"][str(path)].startswith("refused"), name
    assert SECRET not in json.dumps(found)
    assert found["user"]["listed"] == []
    assert found["user"]["home"] == "/job/scratch/home"
    assert (toy.folder / "a.txt").read_text() == "a.txt\n"


def test_nothing_of_the_node_is_mounted(seen):
    toy, found, _, _ = seen
    named = [place for place in found["mounts"] if str(toy.pool.shared) in place]
    assert named == []


def test_inputs_and_image_cannot_be_written(seen):
    _, found, _, inside = seen
    assert {place: found["write"][place] for place in inside if not found["write"][place].startswith("refused")} == {}


def test_network_is_not_there(seen):
    _, found, _, _ = seen
    assert set(found["interfaces"]) <= {"lo"}
    assert all(answer.startswith("refused") for answer in found["connect"].values())
    assert all(answer == "refused: gaierror" for answer in found["resolve"].values())


def test_date_stands_still(seen):
    _, found, _, _ = seen
    assert found["date"]["command"] == "2000-01-01"
    assert time.strftime("%Y-%m-%d", time.gmtime(found["date"]["time"])) == "2000-01-01"


def test_host_and_user_are_not_named(seen):
    toy, found, _, _ = seen
    nodes = {os.uname().nodename, toy.pool.root(["hostname"]).stdout.strip()}
    names = [name.strip() for name in found["host"]]
    assert names[0] == names[1] == names[3] == "automagic"
    assert not nodes & set(names)
    text = json.dumps(found["variables"])
    assert not [name for name in nodes if name in text]
    assert str(Path(toy.pool.shared)) not in text
    assert "magic" not in found["variables"].get("USER", "")
    assert not [name for name in found["variables"] if "CONDOR" in name]


def test_other_processes_are_not_seen(seen):
    _, found, _, _ = seen
    assert len(found["processes"]) < 10
