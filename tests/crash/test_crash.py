"""The crash test in short: `bench/crash.py` is the long form, with 1,000 kills."""

import os
import tempfile
from pathlib import Path

import pytest

from bench import crash, crash_disk
from bench.scale_measure import PROJECT

KILLS, RUNS = 60, 10


@pytest.fixture
def place(monkeypatch):
    """An empty folder, in memory where that can be: the driver brings every line to the disk."""
    monkeypatch.chdir(PROJECT)
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    memory = Path("/dev/shm")
    where = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=where) as folder:
        yield Path(folder)


def test_no_kill_loses_work_or_does_it_twice_and_the_catalog_is_what_journal_and_receipts_say(place):
    tally = crash.crash(place, KILLS, nights=3, seed=4)
    print(tally.text(0))
    assert not tally.wrong
    assert tally.killed == KILLS
    assert tally.finished >= 300
    assert tally.adopted
    assert tally.hows["call"] + tally.hows["write"] >= KILLS / 4
    assert all(tally.kills[phase] for phase in ("start", "plan", "catalog", "run"))


def test_a_full_disk_is_said_and_loses_nothing(place):
    try:
        tally, refused = crash_disk.crash(place, RUNS, nights=3, seed=2)
    except PermissionError as error:
        pytest.skip(str(error))
    print(tally.text(0))
    assert not tally.wrong
    assert refused
    assert tally.finished == 300


def test_what_is_wrong_is_seen(place):
    """The ledger itself: a task that runs again, one that is only said to be done, a product that is not whole."""
    log = place / "log"
    root = place / "a"
    (root / "journal").mkdir(parents=True)
    log.write_text("start aa a-1\ndone aa a-1\nstart aa a-2\n")
    (root / "journal" / "20260101T000000Z-1.jsonl").write_text(
        '{"event": "done", "task": "star:1", "action": "bb", "attempt": "b-1"}\n{"event": "do'
    )
    (root / "store" / "cc" / "cc").mkdir(parents=True)
    (root / "catalog").mkdir()
    (root / "catalog" / "tasks.parquet").write_bytes(b"PAR1, and then it ends")
    ledger = crash.Ledger(root, log)
    ledger.look()
    assert ledger.torn == 1
    for words in ("a-2: its task was finished before", "star:1 is done, and", "store/cc/cc: it is not whole", "tasks"):
        assert sum(words in each for each in ledger.wrong) == 1
    assert len(ledger.wrong) == 4
