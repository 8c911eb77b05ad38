"""The driver with files in remote storage: toy programs, a real server on loopback."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


toy = load("toy", HERE / "toy.py")
storage_server = load("storage_server", HERE.parent / "staging" / "server.py")

RUNS = ("1", "2", "3")
SIZE = 20_000


class Remote:
    """A toy analysis of runs in remote storage: for each, stage → star; all of them to melibea."""

    def __init__(self, folder, server, **settings):
        self.folder, self.server, self.settings = folder, server, settings
        self.about = {}
        self.tasks = {}
        for run in RUNS:
            self.tasks[f"stage:{run}"] = {"files": {f"{run}{part}.bin": "" for part in "ab"}}
            self.tasks[f"star:{run}"] = {"in": [f"stage:{run}/{run}{part}.bin" for part in "ab"]}
        self.tasks["melibea:all"] = {"in": [f"star:{run}" for run in RUNS]}
        self.write()

    def write(self):
        for name, about in self.tasks.items():
            if name.startswith("stage:"):
                about["files"] = {each: self.server.url(path=f"/{each}") for each in about["files"]}
                about["about"] = self.about
        toy.make(self.folder, self.tasks)
        (self.folder / "storage.json").write_text(json.dumps(self.settings))

    def start(self, *words, **more):
        command = [sys.executable, HERE / "toy.py", f"analysis={self.folder}", *words]
        return subprocess.Popen(
            command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more
        )

    def run(self, *words, code=0):
        driver = self.start(*words)
        said, _ = driver.communicate(timeout=60)
        assert driver.returncode == code, said
        return said

    def calls(self):
        path = self.folder / "calls"
        found = sorted(path.read_text().split()) if path.exists() else []
        path.unlink(missing_ok=True)
        return [name.removesuffix(".txt").replace("-", ":") for name in found]

    def events(self, kind):
        lines = [line for p in sorted(self.folder.glob("journal/*.jsonl")) for line in p.read_text().splitlines()]
        return [e for e in map(json.loads, lines) if e["event"] == kind]

    def cached(self):
        folder = Path(self.settings.get("cache", self.folder / ".cache"))
        return sorted(path.name for path in folder.glob("files/*/*/*.bin"))

    def product(self, task):
        stage, _, what = task.partition(":")
        return self.folder / "products" / stage / f"{stage}-{what}.txt"


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    folder = tmp_path / "storage"
    folder.mkdir()
    for run in RUNS:
        for part in "ab":
            (folder / f"{run}{part}.bin").write_bytes(f"{run}{part}\n".encode() * (SIZE // 3))
    with storage_server.Server(folder) as found:
        yield found


@pytest.fixture
def analysis(tmp_path, server):
    return Remote(tmp_path / "toy", server)


def gets(server):
    """List transfers; asking for the first byte, to learn a size, is none."""
    return [Path(p).name for method, p, about in server.requests
            if method == "GET" and about.get("HTTP_RANGE") != "bytes=0-0"]  # fmt: skip


def test_from_storage_to_products_and_nothing_the_second_time(analysis, server):
    said = analysis.run()
    assert "7 ran" in said
    assert analysis.calls() == ["melibea:all", "star:1", "star:2", "star:3"]
    assert analysis.product("star:1").read_text() == "1\n" + "".join(f"1{part}\n" * (SIZE // 3) for part in "ab")
    before = len(server.requests)
    assert "nothing to do, all 7 tasks are up to date" in analysis.run()
    assert analysis.calls() == []
    assert len(server.requests) == before


def test_tape_breaks_wrong_bytes_and_errors_are_all_overcome(analysis, server):
    server.later.update({"1a.bin": 3, "2a.bin": 2})
    server.breaks.update({"1b.bin": 2})
    server.errors.update({"2b.bin": 2})
    server.wrong.update({"3a.bin": 1})
    server.digest = "adler32"
    said = analysis.run()
    assert "7 ran" in said
    assert "waiting for tape: " in said
    assert analysis.product("star:3").read_text().count("3a\n") == SIZE // 3
    assert gets(server).count("3a.bin") == 2
    waiting = analysis.events("waiting")
    assert waiting
    assert all(event["files"] in (0, 1, 2) for event in waiting)  # 0 between two, where one comes before the other
    assert waiting[-1]["files"] == 0
    came = [each for event in analysis.events("staged") for each in event["files"]]
    assert len(came) == 6
    assert all(set(each) == {"url", "size", "sha256"} for each in came)


def test_files_of_a_listing_that_are_on_tape_are_asked_for_in_one_go(analysis, server, tmp_path):
    server.dcache = True
    server.locked = {f"{run}{part}.bin" for run in RUNS for part in "ab"}
    analysis.about = {name: [None, None, "tape"] for name in server.locked}
    seen = tmp_path / "list"
    program = tmp_path / "recall"
    program.write_text(f'#!/bin/sh\ncat "$2" >> {seen}\necho >> {seen}.calls\n')
    program.chmod(0o755)
    analysis.settings["command"] = [str(program), "--list", "{list}"]
    analysis.write()
    driver = analysis.start()
    try:
        for _ in range(2000):
            if server.asked("PROPFIND", "") >= 2:  # looked twice in vain, a folder at a time
                break
            time.sleep(0.01)
        assert not gets(server)
        server.locked = set()
        said, _ = driver.communicate(timeout=60)
    finally:
        driver.kill()
    assert driver.returncode == 0, said
    assert "asked storage for 6 files" in said
    assert "waiting for tape: 6 files, next look in" in said
    assert len(seen.read_text().split()) == 6
    assert len((tmp_path / "list.calls").read_text().split("\n")) == 2
    assert not list((analysis.folder / ".cache" / "lists").iterdir())
    assert [event["files"] for event in analysis.events("recalled")] == [6]


def test_a_file_that_is_gone_stops_only_what_depends_on_it_and_says_why(analysis, server):
    (server.folder / "2a.bin").unlink()
    said = analysis.run(code=1)
    assert "2a.bin cannot be brought here: it is not there (HTTP 404)" in said
    assert "leave its run out" in said
    assert "not run because of it: star:2, melibea:all" in said
    assert analysis.calls() == ["star:1", "star:3"]
    (server.folder / "2a.bin").write_bytes(b"back\n")
    assert "3 ran" in analysis.run()
    assert analysis.calls() == ["melibea:all", "star:2"]


def test_released_files_count_for_staleness_and_come_back_only_for_who_runs(analysis, server):
    analysis.run()
    for path in analysis.folder.glob(".cache/files/*/*/*.bin"):
        path.unlink()
    server.requests.clear()
    assert "nothing to do" in analysis.run()
    analysis.calls()
    analysis.tasks["star:2"]["card"] = "Value: 7\n"
    analysis.write()
    assert "2 ran, 5 were up to date" in analysis.run()
    assert analysis.calls() == ["melibea:all", "star:2"]
    assert sorted(gets(server)) == ["2a.bin", "2b.bin"]


def test_a_lost_cache_leaves_the_hashes_in_the_receipts(analysis, server):
    import shutil

    analysis.run()
    analysis.calls()
    shutil.rmtree(analysis.folder / ".cache")
    server.requests.clear()
    assert "nothing to do" in analysis.run()
    assert analysis.calls() == []
    assert not server.requests


def test_a_file_that_changed_in_storage_is_known_as_another_one(analysis, server):
    analysis.run()
    analysis.calls()
    for path in analysis.folder.glob(".cache/files/*/*/1a.bin"):
        path.unlink()
    (server.folder / "1a.bin").write_bytes(b"now another\n")
    analysis.tasks["star:1"]["card"] = "Value: 5\n"
    analysis.write()
    assert "2 ran" in analysis.run()
    assert "now another" in analysis.product("star:1").read_text()
    assert analysis.run().count("nothing to do") == 1


def test_quota_is_kept_and_what_no_task_needs_is_released(analysis, server):
    total = sum(path.stat().st_size for path in server.folder.iterdir())
    analysis.settings["quota"] = total // 3 + 100  # one run at a time
    analysis.write()
    largest = []
    driver = analysis.start()
    while driver.poll() is None:
        sizes = 0
        for path in analysis.folder.glob(".cache/files/*/*/*.bin*"):
            try:
                sizes += path.stat().st_size
            except FileNotFoundError:
                continue
        largest.append(sizes)
        time.sleep(0.01)
    said = driver.stdout.read()
    assert driver.returncode == 0, said
    assert max(largest) <= analysis.settings["quota"]
    assert len(gets(server)) == 6  # each once: nothing was released that was still needed
    assert len(analysis.events("released")) == 4
    assert len(analysis.cached()) == 2


def test_a_task_that_reads_many_groups_does_not_lock_itself_out(analysis, server):
    """Room for two runs only, and tasks that read two runs each: what was staged first has to give way."""
    analysis.tasks = {name: about for name, about in analysis.tasks.items() if name.startswith("stage:")}
    for name, pair in {"x": "13", "y": "21", "z": "32"}.items():
        analysis.tasks[f"star:{name}"] = {"in": [f"stage:{run}/{run}{part}.bin" for run in pair for part in "ab"]}
    total = sum(path.stat().st_size for path in server.folder.iterdir())
    analysis.settings["quota"] = 2 * total // 3 + 100
    analysis.write()
    assert "6 ran" in analysis.run()
    assert analysis.calls() == ["star:x", "star:y", "star:z"]


def test_more_than_the_quota_at_once_fails_in_words(analysis, server):
    analysis.settings["quota"] = SIZE
    analysis.write()
    said = analysis.run(code=1)
    assert "stage:1 needs 40.0 kB at once, and the cache may hold 20.0 kB (storage.quota in site.toml)" in said
    assert "give storage.quota in site.toml a larger value" in said
    assert not analysis.cached()


def test_a_killed_driver_leaves_what_came_and_the_next_one_goes_on(analysis, server):
    for run in RUNS:
        (server.folder / f"{run}a.bin").write_bytes(os.urandom(400_000))
    server.hold.clear()  # transfers stop after their first block
    driver = analysis.start()
    for _ in range(2000):
        if any(path.stat().st_size for path in analysis.folder.glob(".cache/files/*/*/*a.bin.part")):
            break
        time.sleep(0.01)
    driver.kill()
    driver.communicate(timeout=20)
    parts = {p.name: p.stat().st_size for p in analysis.folder.glob(".cache/files/*/*/*.bin.part") if p.stat().st_size}
    assert parts
    server.hold.set()
    server.requests.clear()
    assert "7 ran" in analysis.run()
    resumed = {Path(p).name for _, p, headers in server.requests if "HTTP_IF_RANGE" in headers}
    assert resumed == {name.removesuffix(".part") for name in parts}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_driver_at_once_while_files_come(analysis, server, number):
    server.hold.clear()
    driver = analysis.start()
    for _ in range(2000):
        if gets(server):
            break
        time.sleep(0.01)
    began = time.monotonic()
    driver.send_signal(number)
    said, _ = driver.communicate(timeout=20)
    assert time.monotonic() - began < 8
    assert driver.returncode == 128 + number
    assert "what is done is kept" in said
    assert "Traceback" not in said


def test_what_is_staged_is_in_the_receipts_of_who_reads_it_without_a_secret(tmp_path, monkeypatch, server):
    server.stop()
    with storage_server.Server(server.folder, user="magic", password="crab-s3cret") as closed:
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login magic password crab-s3cret\n")
        (tmp_path / "netrc").chmod(0o600)
        analysis = Remote(tmp_path / "toy", closed)
        said = analysis.run()
        receipts = [json.loads(p.read_text()) for p in analysis.folder.glob("store/*/*/receipt.json")]
        inputs = [i for r in receipts if r["task"] == "star:1" for i in r["inputs"]]
        assert sorted(i["url"] for i in inputs) == [closed.url(path="/1a.bin"), closed.url(path="/1b.bin")]
        assert all(len(i["sha256"]) == 64 and i["size"] for i in inputs)
        written = [p.read_bytes() for p in analysis.folder.rglob("*") if p.is_file()]
        assert not any(b"crab-s3cret" in content for content in [said.encode(), *written])
        (tmp_path / "netrc").unlink()
        other = Remote(tmp_path / "other", closed)
        said = other.run(code=1)
        assert "storage wants a user and a password, or does not take ours (HTTP 401)" in said
        assert "~/.netrc" in said


def test_two_drivers_with_one_cache_bring_each_file_once(tmp_path, server):
    for run in RUNS:
        (server.folder / f"{run}a.bin").write_bytes(os.urandom(300_000))
    both = [Remote(tmp_path / name, server, cache=str(tmp_path / "shared")) for name in ("one", "two")]
    drivers = [each.start() for each in both]
    for driver in drivers:
        said, _ = driver.communicate(timeout=60)
        assert driver.returncode == 0, said
    assert sorted(gets(server)) == sorted(f"{run}{part}.bin" for run in RUNS for part in "ab")
    assert both[0].product("melibea:all").read_bytes() == both[1].product("melibea:all").read_bytes()


def test_only_the_stage_brings_files_and_runs_nothing(analysis, server):
    analysis.run("stage:1", "stage:2")
    assert analysis.cached() == ["1a.bin", "1b.bin", "2a.bin", "2b.bin"]
    assert analysis.calls() == []
    next(analysis.folder.glob(".cache/files/*/*/1a.bin")).unlink()
    analysis.run("stage:1")
    assert len(analysis.cached()) == 4
