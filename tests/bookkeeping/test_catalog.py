"""The catalog is derived: rebuilt at any time from graph, journal and receipts, and its exports are stable bytes."""

import json

import duckdb
import pytest

from automagic.bookkeeping import Folder, HashCache, Journal, Store, catalog, hold, read_journal
from automagic.errors import UserError


@pytest.fixture
def folder(tmp_path):
    """An analysis that has run one task well and one badly."""
    folder = Folder(tmp_path / "crab")
    place = folder.action("ab12")
    place.mkdir(parents=True)
    (place / "spectrum.json").write_text(
        json.dumps(
            {"results": [{"key": "spectrum.index", "value": 2.5, "error": 0.1, "unit": ""},
                         {"key": "spectrum.model", "value": "power-law"},
                         {"key": "spectrum.broken", "value": float("nan")}]}
        )
    )  # fmt: skip
    product = {"name": "spectrum.json", "level": "result", "size": 5, "sha256": "s"}
    inputs = [{"role": "dl3", "name": "x.fits", "sha256": "h", "task": None, "path": "/data/x.fits"}]
    receipt = {"state": "done", "outputs": [product], "inputs": inputs, "attempt": "1"}
    (place / "receipt.json").write_text(json.dumps(receipt))
    task = {
        "name": "spectrum:all", "stage": "spectrum", "program": "spectrum", "engine": "science",
        "executable": "spectrum", "arguments": ["--ind=in dl3"], "card": "A: 1\n", "action": "ab12", "state": "done",
        "reason": None, "resources": {"cores": 1, "memory_mb": 10, "disk_mb": 1, "minutes": 1.0},
        "conditions": {"run": 5, "source": "Crab"},
        "inputs": [{"role": "dl3", "name": "x.fits", "task": None, "path": "/data/x.fits", "checks": {"run": 5}}],
        "outputs": [{"name": "spectrum.json", "level": "result", "link": "results/spectrum.json"}],
        "exit_codes": {"23": "broken lines in the report"},
    }  # fmt: skip
    other = {**task, "name": "theta2:all", "state": "failed", "reason": "it broke", "action": None}
    run = {"run": 5, "night": "20130101", "zenith": [10.0, 20.0], "start": "2013"}
    mc = {"name": "GA", "zenith": [5, 35], "geometry": "w0"}
    selection = [
        {"run": 5, "taken": True, "night": "2013-01-01", "nsb": 1.0},
        {"run": 6, "taken": False, "cause": "nsb", "reason": "its sky is too bright"},
    ]
    graph = {"tasks": [task, other], "runs": [run], "mc_sets": [mc], "notes": ["left out"], "engine": "openmars"}
    catalog.save_graph(folder, {**graph, "selection": selection})
    journal = Journal(folder.journal)
    for number, task_name in (("1", "spectrum:all"), ("2", "theta2:all"), ("3", "theta2:all")):
        journal.write({"event": "submitted", "task": task_name, "action": "ab12", "attempt": number})
    journal.write({"event": "failed", "task": "theta2:all", "action": "x", "attempt": "2", "reason": "it broke"})
    journal.close()
    return folder


def ask(folder, sql):
    with catalog.connect(folder) as connection:
        return connection.execute(sql).fetchall()


def test_rows_come_from_graph_journal_and_receipts(folder):
    catalog.rebuild(folder)
    assert ask(folder, "SELECT task, state, arguments FROM tasks ORDER BY position") == [
        ("spectrum:all", "done", "'--ind=in dl3'"),
        ("theta2:all", "failed", "'--ind=in dl3'"),
    ]
    assert ask(folder, "SELECT run, zenith FROM runs") == [(5, 15.0)]
    assert ask(folder, "SELECT mc_set, kind, zenith_max FROM mc_sets") == [("GA", "w0", 35.0)]
    assert ask(folder, "SELECT key, value, text FROM results ORDER BY key") == [
        ("spectrum.broken", None, "nan"),
        ("spectrum.index", 2.5, None),
        ("spectrum.model", None, "power-law"),
    ]
    assert ask(folder, "SELECT link, path FROM products") == [("results/spectrum.json", "store/ab/ab12/spectrum.json")]
    assert ask(folder, "SELECT sha256, path FROM lineage") == [("h", "/data/x.fits")]
    assert ask(folder, "SELECT number FROM conditions WHERE key = 'run' AND task = 'spectrum:all'") == [(5.0,)]
    # attempt 1: its end is not in the journal, its receipt tells; 3: nobody knows
    assert ask(folder, "SELECT attempt, state FROM jobs ORDER BY attempt") == [
        ("1", "done"),
        ("2", "failed"),
        ("3", "lost"),
    ]


def test_selection_says_what_was_left_out_and_why(folder):
    catalog.rebuild(folder)
    assert ask(folder, "SELECT run, taken, cause, nsb FROM selection ORDER BY run") == [
        (5, True, None, 1.0),
        (6, False, "nsb", None),
    ]
    assert (folder.exports / "selection.parquet").exists()


def test_a_tolerated_exit_code_is_told_in_words(folder):
    journal = Journal(folder.journal)
    ended = {"task": "spectrum:all", "action": "ab12", "exit_code": 23}
    journal.write({**ended, "event": "done", "attempt": "4"}, {**ended, "event": "failed", "attempt": "5"})
    journal.close()
    catalog.rebuild(folder)
    assert ask(folder, "SELECT attempt, exit_code, remark FROM jobs WHERE exit_code = 23 ORDER BY attempt") == [
        ("4", 23, "broken lines in the report"),
        ("5", 23, None),
    ]


def test_exports_are_the_same_bytes_when_the_content_is(folder):
    catalog.rebuild(folder)
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.exports.iterdir()}
    assert len(before) == 12
    folder.database.unlink()
    catalog.rebuild(folder)
    assert {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.exports.iterdir()} == before


def test_reading_falls_back_to_the_exports_when_somebody_holds_the_file(folder):
    import subprocess
    import sys

    catalog.rebuild(folder)
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"
    other = subprocess.Popen(
        [sys.executable, "-c", code, folder.database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "held\n"
    assert ask(folder, "SELECT run FROM runs") == [(5,)]
    catalog.rebuild(folder)  # a driver does not mind either
    other.communicate("\n")


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM runs",
        "COPY runs TO '/tmp/stolen.csv'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SET enable_external_access = true",
        "ATTACH '/tmp/x.duckdb'",
    ],
)
def test_a_query_can_only_read_the_catalog(folder, sql):
    catalog.rebuild(folder)
    with pytest.raises(duckdb.Error):
        ask(folder, sql)


def test_journal_survives_a_line_cut_short(folder):
    path = next(folder.journal.glob("*.jsonl"))
    count = len(list(read_journal(folder.journal)))
    with open(path, "a") as file:
        file.write('{"event": "done", "ta')
    assert len(list(read_journal(folder.journal))) == count


def test_only_one_holds_the_lock(folder):
    with hold(folder), pytest.raises(UserError, match=r"already being run by .* \(process"), hold(folder):
        pass
    with hold(folder):
        pass


def test_hash_cache_is_never_wrong_and_reads_once(tmp_path, monkeypatch):
    import os
    import time

    from automagic.bookkeeping import hashes

    reads = []
    monkeypatch.setattr(hashes, "sha256_file", lambda p, f=hashes.sha256_file: reads.append(p) or f(p))
    path = tmp_path / "a"
    path.write_text("one")
    time.sleep(0.06)
    cache = HashCache(tmp_path / "cache", tmp_path)
    first = cache.sha256(path)
    assert cache.sha256(path) == first
    cache.save()
    again = HashCache(tmp_path / "cache", tmp_path)
    assert again.sha256(path) == first
    assert len(reads) == 1
    stat = path.stat()
    path.write_text("two")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert again.sha256(path) != first


def test_store_tells_what_is_wrong_with_an_action(folder):
    store = Store(folder, HashCache(None, folder.root))
    assert store.intact("ab12")[1] == "its output spectrum.json was changed"
    (folder.action("ab12") / "spectrum.json").unlink()
    assert store.intact("ab12")[1] == "its output spectrum.json is gone"
    assert store.intact("ffff")[1] == "it was never made"
