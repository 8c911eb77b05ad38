"""Drivers on hosts whose clocks differ: journals stay in their order, and the one that runs is found."""

import json
import os
import platform
import time

import pytest

from automagic.bookkeeping import Folder, Journal, hold, read_journal
from automagic.bookkeeping.driver import find_driver
from automagic.bookkeeping.journal import latest_journal
from automagic.bookkeeping.stamp import FORM, next_stamp

GMTIME = time.gmtime


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def earlier(folder, stamp, process, host="fast", code=0):
    """Write the journal of a driver on a host with another clock."""
    folder.journal.mkdir(exist_ok=True)
    events = [
        {"event": "start", "host": host, "process": process, "executor": "condor"},
        {"event": "failed", "task": "star:a"},
        {"event": "end", "code": code},
    ]
    path = folder.journal / f"{stamp}-{process}.jsonl"
    path.write_text("".join(json.dumps({"time": "2099-01-01T00:00:00Z", **event}) + "\n" for event in events))
    return path


def start(host=None):
    return {"event": "start", "host": host or platform.node(), "process": os.getpid(), "executor": "local"}


def test_events_stay_in_their_order_after_a_driver_whose_clock_was_ahead(folder):
    earlier(folder, "20990101T000000Z", 7)
    journal = Journal(folder.journal, start())
    journal.write({"event": "done", "task": "star:a"})
    journal.close()
    assert [event["event"] for event in read_journal(folder.journal)] == ["start", "failed", "end", "start", "done"]
    assert [event["event"] for event in latest_journal(folder.journal)] == ["start", "done"]
    assert find_driver(folder).process == os.getpid()


@pytest.mark.parametrize(
    ("names", "stamp"),
    [
        (["20991231T235959Z-9.jsonl", "20200101T000000Z-9.jsonl"], "21000101T000000Z"),
        (["nonsense-9.jsonl"], None),
        ([], None),
    ],
)
def test_a_journal_is_named_after_all_others(tmp_path, names, stamp):
    for name in names:
        (tmp_path / name).touch()
    now = time.strftime(FORM, time.gmtime())
    assert now <= next_stamp(tmp_path) if stamp is None else next_stamp(tmp_path) == stamp


def test_two_in_one_second_have_an_order(tmp_path, monkeypatch):
    monkeypatch.setattr("automagic.bookkeeping.stamp.time.gmtime", lambda *at: GMTIME(*(at or (1e9,))))
    (tmp_path / f"{next_stamp(tmp_path)}-9.jsonl").touch()
    (tmp_path / f"{next_stamp(tmp_path)}-10.jsonl").touch()
    names = [path.name for path in sorted(tmp_path.iterdir())]
    assert names == ["20010909T014640Z-9.jsonl", "20010909T014641Z-10.jsonl"]


def test_the_driver_that_runs_is_found_though_another_journal_looks_younger(folder):
    with hold(folder):
        journal = Journal(folder.journal, start())
        journal.write({"event": "submitted", "task": "star:b"})
        journal.close()
        earlier(folder, "20990101T000000Z", 7)
        found = find_driver(folder)
        assert (found.running, found.host, found.process) == (True, platform.node(), os.getpid())
        assert (found.executor, found.ended) == ("local", None)
        assert found.journal is not None
        assert found.journal.name.endswith(f"-{os.getpid()}.jsonl")


def test_a_process_of_the_same_number_on_another_host_is_another_one(folder):
    with hold(folder):
        earlier(folder, "20990101T000000Z", os.getpid(), code=1)
        found = find_driver(folder)
        assert (found.running, found.host, found.journal) == (True, platform.node(), None)
        assert found.executor == "condor", "most likely that of the one before"
