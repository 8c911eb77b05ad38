"""``automagic stage``: what it tells, and what --fetch does."""

import json
import os

import pytest
from click.testing import CliRunner

from automagic.commands.stage import stage
from automagic.graph.task import Output, Source, Task
from automagic.runner import current
from automagic.runner.session import Session
from automagic.staging.settings import Pauses, Settings


class Analysis:
    """An analysis whose tasks only bring files."""

    def __init__(self, folder, server):
        self.folder, self.server, self.quota = folder, server, None
        folder.mkdir()
        (folder / "analysis.toml").touch()

    def read(self, folder):
        pauses = {"retry": Pauses(0.01, 0.02), "look": Pauses(0.01, 0.02)}
        settings = Settings(folder / ".cache", quota=self.quota, timeout_s=5, **pauses)
        tasks = [self.task("1", "/Crab/a.raw", "/Crab/b.raw"), self.task("2", "/Mrk421/c+1.raw")]
        return Session(folder, {each.name: each for each in tasks}, {}, staging=settings)

    def task(self, name, *paths):
        sizes = {"/Crab/a.raw": 100_000, "/Crab/b.raw": 50_000, "/Mrk421/c+1.raw": 30_000}
        sources = tuple(Source(self.server.url(path=path), path.rpartition("/")[2], sizes[path]) for path in paths)
        outputs = tuple(Output(each.name, "raw", "") for each in sources)
        return Task(f"stage:{name}", "stage", "stage", "stage", "stage", sources=sources, outputs=outputs)

    def run(self, *words, code=0):
        done = CliRunner().invoke(stage, [str(self.folder), *words])
        assert done.exit_code == code, done.output
        return done.output

    def places(self):
        return {each["name"]: each["place"] for each in json.loads(self.run("--json"))["files"]}


@pytest.fixture
def analysis(tmp_path, server, monkeypatch):
    made = Analysis(tmp_path / "analysis", server)
    monkeypatch.setattr(current, "open_session", made.read)
    return made


def test_it_tells_where_files_are_and_how_much_that_is(analysis, server):
    server.dcache, server.locked = True, {"b.raw"}
    analysis.quota = 10**9
    said = analysis.run()
    assert "3 files in remote storage, for 2 tasks" in said
    assert "far away, online           2 files   130.0 kB" in said
    assert "far away, on tape          1 files    50.0 kB" in said
    assert "0 B in it, quota 1.0 GB" in said
    assert not [method for method, *_ in server.requests if method == "GET"]  # looking asks for nothing from tape


def test_fetch_brings_everything_and_runs_nothing(analysis, server):
    server.breaks["a.raw"] = 1
    said = analysis.run("--fetch")
    assert "a.raw is here (100.0 kB)" in said
    assert "here, in the cache         3 files   180.0 kB" in said
    assert set(analysis.places().values()) == {"here"}
    before = len(server.requests)
    analysis.run("--fetch")
    assert len(server.requests) == before
    session = analysis.read(analysis.folder)
    assert all(session.standing(name).fresh for name in session.tasks)


def test_what_is_gone_is_named_and_the_rest_comes(analysis, server):
    os.unlink(server.folder / "Crab/b.raw")
    said = analysis.run("--fetch", code=1)
    assert "b.raw cannot be brought here: it is not there (HTTP 404)" in said
    assert f"gone: {server.url(path='/Crab/b.raw')}" in said
    places = analysis.places()
    assert (places["b.raw"], places["c+1.raw"]) == ("gone", "here")


def test_fetch_stops_where_the_cache_is_full(analysis):
    analysis.quota = 170_000
    said = analysis.run("--fetch")
    assert "the cache is full: 1 tasks' files are brought when their turn comes" in said
    assert analysis.places() == {"a.raw": "here", "b.raw": "here", "c+1.raw": "online"}


def test_storage_that_does_not_answer_is_said(analysis, server):
    server.stop()
    said = analysis.run()
    assert "storage did not say" in said
    assert "storage cannot be reached" in said


def test_an_analysis_without_remote_files_says_so(analysis):
    analysis.task = lambda name, *paths: Task(f"star:{name}", "star", "star", "openmars", "star")
    assert "nothing that it reads is in remote storage" in analysis.run("--fetch")
