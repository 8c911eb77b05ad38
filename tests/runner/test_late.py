"""Results that a shared file system shows late: none is lost, and no task runs twice because of it."""

import io
import json
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from automagic.bookkeeping import Journal, read_journal
from automagic.errors import UserError
from automagic.executors import Event
from automagic.executors.condor import carry
from automagic.job.bundle import bundle
from automagic.runner import drive as drive_module
from automagic.runner import jobs as jobs_module
from automagic.runner import late as late_module
from automagic.runner.driver import Driver
from automagic.runner.estimate import Estimate
from automagic.runner.jobs import Jobs
from automagic.runner.late import LONGEST_S, Late
from automagic.runner.reporter import Reporter
from tests.runner.test_driver import toy

TASKS = {"star:a": {"in": ["a.txt"]}, "star:b": {"in": ["b.txt"]}, "superstar:ab": {"in": ["star:a", "star:b"]}}
NEVER = float("inf")


class Nodes:
    """An executor whose jobs end at once; a result can be seen after so many seconds, and when it is looked for.

    Parameters
    ----------
    late
        By task: the seconds, `NEVER`, or the cause with which the job ends and leaves nothing.
    """

    cores, memory_mb = 4, 1000

    def __init__(self, late, kind="shared"):
        self.kind, self.late = kind, late
        self.now, self.waits, self.looks = 0.0, 0, 0
        self.handed_out, self.hidden = [], {}
        self.events = []

    @property
    def active(self):
        return len(self.events)

    def adopt(self, known):
        return {}

    def withdraw(self, attempts):
        pass

    def leave(self):
        return []

    def close(self):
        pass

    def submit(self, requests):
        for request in requests:
            late = self.late.get(request.task, 0.0)
            self.handed_out.append(request.task)
            self.events.append(Event(request.attempt, "started"))
            self.events.append(Event(request.attempt, "ended", late if isinstance(late, str) else ""))
            if not isinstance(late, str):
                self.leave_result(request.folder)
                self.hidden[request.folder] = self.now + late
                self.look(request.folder, asked=False)

    def leave_result(self, folder):
        """Make what a job leaves, where nobody looks."""
        spec = json.loads((folder / "spec.json").read_text())
        hidden = folder / "hidden"
        hidden.mkdir()
        outputs = []
        for output in spec["outputs"]:
            (hidden / output["name"]).write_text(spec["task"])
            digest = sha256(spec["task"].encode()).hexdigest()
            outputs.append({"name": output["name"], "size": len(spec["task"]), "sha256": digest, "level": "star"})
        about = {key: spec[key] for key in ("task", "action", "attempt")}
        (hidden / "receipt.json").write_text(json.dumps({**about, "state": "done", "outputs": outputs}))

    def look(self, folder, asked=True):
        """Show what can be seen by now, as a file server does whom a client asks."""
        self.looks += asked
        place = folder / carry.RESULT if self.kind == "transfer" else folder
        if folder in self.hidden and (self.now >= self.hidden[folder] if asked else not self.hidden[folder]):
            del self.hidden[folder]
            place.mkdir(exist_ok=True)
            (folder / "hidden").rename(place / "done")

    def wait(self, timeout=None, wake=None):
        self.waits += 1
        assert self.waits < 200, "it waits for nothing"
        if not self.events:
            return []
        if self.events[0].kind == "started":
            self.now += 1.0
        return [self.events.pop(0)]

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def analysis(tmp_path, monkeypatch):
    """A toy analysis: `analysis(late)` returns a driver on it and the nodes."""

    def make(late, kind="shared", tasks=TASKS, late_s=60):
        folder = tmp_path / "toy"
        toy.make(folder, tasks)
        (folder / "site.toml").write_text(f"[condor]\nlate_s = {late_s}\n")
        for name in "ab":
            (folder / f"{name}.txt").write_text(name)
        nodes, session = Nodes(late, kind), toy.read(folder)
        for module in (jobs_module, late_module):
            monkeypatch.setattr(module, "look_again", nodes.look)
        reporter = Reporter(io.StringIO(), {"failure_verbosity": 0})
        reporter.begin(session, Counter(t.stage for t in session.tasks.values()), Counter(), Estimate(4))
        jobs = Jobs(session, bundle(session.folder.work), kind)
        driver = Driver(reporter, jobs, nodes, Journal(session.folder.journal))
        driver._late.clock, driver._late.sleep = lambda: nodes.now, nodes.sleep
        return driver, nodes

    return make


def happened(driver, *kinds):
    found = read_journal(driver.session.folder.journal)
    return [(event["event"], event["task"]) for event in found if event["event"] in kinds]


@pytest.mark.parametrize("kind", ["shared", "transfer"])
@pytest.mark.parametrize("late_s", [0.3, 20.0, 59.0])
def test_a_result_that_shows_late_is_taken_in_and_nothing_runs_twice(analysis, late_s, kind):
    driver, nodes = analysis({"star:a": late_s}, kind)
    assert driver.drive() == 0
    assert sorted(nodes.handed_out) == sorted(TASKS)
    assert happened(driver, "failed") == []
    assert driver.session.folder.root.joinpath("products/superstar/superstar-ab.txt").exists()
    assert late_s <= nodes.now < late_s + LONGEST_S + 5
    assert driver.active == 0


def test_others_are_not_kept_waiting_by_it(analysis):
    driver, _ = analysis({"star:a": 30.0}, tasks=TASKS | {"merpp:b": {"in": ["star:b"]}})
    assert driver.drive() == 0
    assert [task for _, task in happened(driver, "done")] == ["star:b", "merpp:b", "star:a", "superstar:ab"]


def test_a_result_that_never_shows_is_lost_and_tried_again_as_the_table_says(analysis):
    driver, nodes = analysis({"star:a": NEVER})
    assert driver.drive() == 1
    assert nodes.handed_out.count("star:a") == 3
    assert 180 <= nodes.now < 190
    failed = [event for event in read_journal(driver.session.folder.journal) if event["event"] == "failed"]
    assert {event["cause"] for event in failed} == {"lost"}
    assert failed[0]["reason"] == "the job ended, and no result of it could be seen for 60 s"
    assert nodes.looks < 60, "the file server is not asked all the time"
    assert driver.active == 0


def test_a_job_that_vanished_may_have_ended_well(analysis):
    driver, nodes = analysis({})
    nodes.late["star:a"] = 20.0
    ended = nodes.submit

    def submit(requests):
        ended(requests)
        nodes.events = [Event(e.attempt, e.kind, "lost" * (e.kind == "ended"), "gone") for e in nodes.events]

    nodes.submit = submit
    assert driver.drive() == 0
    assert sorted(nodes.handed_out) == sorted(TASKS)


@pytest.mark.parametrize("cause", ["killed", "removed", "cancelled"])
def test_where_the_cause_is_known_nothing_is_waited_for(analysis, cause):
    driver, nodes = analysis({"star:a": cause})
    driver.drive()
    assert nodes.now < 10


def test_on_this_machine_alone_nothing_is_late(analysis):
    driver, nodes = analysis({"star:a": NEVER}, kind="local")
    assert driver.drive() == 1
    assert nodes.now < 10
    assert nodes.looks == 0


def test_it_can_be_turned_off(analysis):
    driver, nodes = analysis({"star:a": NEVER}, late_s=0)
    assert driver.drive() == 1
    assert nodes.now < 10


def test_a_driver_that_stops_leaves_late_results_to_the_next_one(analysis):
    driver, nodes = analysis({"star:a": 30.0, "star:b": 5.0})

    def stop(seconds):
        raise KeyboardInterrupt

    driver._late.sleep = stop
    with pytest.raises(KeyboardInterrupt):
        driver.drive()
    nodes.now = 5.0
    assert driver.stop() == driver.active == 1, "what lies in work/ must stay there"
    assert happened(driver, "done") == [("done", "star:b")]
    driver.journal.close()
    other, later = analysis({})
    later.hidden, later.now = nodes.hidden, 30.0
    assert other.drive() == 0
    assert later.handed_out == ["superstar:ab"]


@pytest.mark.parametrize("when", ["while it runs", "when it begins"])
def test_what_a_file_system_in_trouble_does_not_show_stays_for_the_next_driver(analysis, monkeypatch, when):
    driver, nodes = analysis({})
    session, reporter, read = driver.session, driver.reporter, jobs_module.read_receipt
    if when == "when it begins":
        task = session.tasks["star:a"]
        nodes.submit([driver.jobs.make(task, session.standing("star:a").action, 0.0)])
        nodes.events.clear()

    def trouble(place):
        if Path(place).parent.parent == session.folder.work.resolve():
            raise UserError("it cannot be looked at")
        return read(place)

    monkeypatch.setattr(drive_module, "make_executor", lambda *about: nodes)
    monkeypatch.setattr(drive_module.catalog, "rebuild_apart", lambda *about, **more: None)
    monkeypatch.setattr(drive_module, "write_report", lambda folder: None)
    with monkeypatch.context() as patch:
        patch.setattr(jobs_module, "read_receipt", trouble)
        with pytest.raises(UserError, match="cannot be looked at"):
            drive_module.drive(session, session.tasks, reporter, False, 1)
    nodes.events.clear()
    assert drive_module.drive(session, session.tasks, reporter, False, 1) == 0
    assert sorted(nodes.handed_out) == sorted(TASKS), "none ran twice"
    assert not session.folder.work.exists()


def test_what_nobody_has_a_folder_of_is_told_at_once(analysis):
    driver, nodes = analysis({})
    nodes.events = [Event("gone-1", "ended"), Event("gone-1", "note", "held")]
    late = Late(driver.jobs, nodes, 60.0)
    assert [late.wait(60.0), late.wait(60.0)] == [[Event("gone-1", "ended")], [Event("gone-1", "note", "held")]]


def test_an_early_attempt_that_shows_late_is_taken_in(analysis):
    """Of a driver before this one, and no task has asked for it yet."""
    driver, nodes = analysis({"star:a": 20.0})
    session = driver.session
    action = session.standing("star:a").action
    request = driver.jobs.make(session.tasks["star:a"], action, 0.0)
    driver.executor.adopt = lambda known: {request.attempt: {}}
    driver._early.take_over()
    nodes.submit([request])
    while not session.standing("star:a").fresh:
        driver._handle(driver._late.wait(60.0))
    assert nodes.now >= 20
    assert not Path(request.folder).exists()
