"""The catalog is derived: rebuilt at any time from graph, journal and receipts, and its exports are stable bytes."""

import json
import shutil

import duckdb
import pytest

from automagic.bookkeeping import HashCache, Journal, Store, catalog, hold, read_journal
from automagic.errors import UserError
from automagic.graph.task import Input, Output, Resources
from tests.bookkeeping.small import Small, sha256, task

RESULTS = [
    {"key": "spectrum.index", "value": 2.5, "error": 0.1, "unit": ""},
    {"key": "spectrum.model", "value": "power-law"},
    {"key": "spectrum.broken", "value": float("nan")},
]


@pytest.fixture
def small(tmp_path):
    """An analysis that has run one task well and one badly."""
    source = tmp_path / "x.fits"
    source.write_text("events")
    about = {
        "engine": "science", "arguments": ("--ind=in dl3",), "card": "A: 1\n", "conditions": {"run": 5, "source": "x"},
        "resources": Resources(1, 10, 1, 1.0), "exit_codes": {23: "broken lines in the report"},
        "outputs": (Output("spectrum.json", "result", "results/spectrum.json"),),
    }  # fmt: skip
    dl3 = Input("dl3", "x.fits", path=str(source), checks={"run": 5})
    run = {"run": 5, "night": "20130101", "zenith": [10.0, 20.0], "start": "2013"}
    mc = {"name": "GA", "zenith": [5, 35], "geometry": "w0"}
    selection = [
        {"run": 5, "taken": True, "night": "2013-01-01", "nsb": 1.0},
        {"run": 6, "taken": False, "cause": "nsb", "reason": "its sky is too bright"},
    ]
    tasks = [task("spectrum:all", dl3, **about), task("theta2:all", dl3, **about)]
    index = {"runs": [run], "mc_sets": [mc], "selection": selection}
    small = Small(tmp_path / "crab", tasks, engine="openmars", notes=["left out"], **index)
    done = small.done("spectrum:all", content={"spectrum.json": json.dumps({"results": RESULTS})})
    journal = Journal(small.folder.journal, small.start())
    for number, name in (("1", "spectrum:all"), ("2", "theta2:all"), ("3", "theta2:all")):
        journal.write({"event": "submitted", "task": name, "action": done["action"], "attempt": number})
    journal.write({"event": "failed", "task": "theta2:all", "action": "x", "attempt": "2", "reason": "it broke"})
    # the driver died before it could write that attempt 1 is done; the next one has found that in the store
    journal.write({key: value for key, value in done.items() if key != "attempt"} | {"event": "found"})
    journal.close()
    return small


@pytest.fixture
def folder(small):
    return small.folder


def ask(folder, sql):
    with catalog.connect(folder) as connection:
        return connection.execute(sql).fetchall()


def test_rows_come_from_graph_journal_and_receipts(folder, tmp_path):
    catalog.rebuild(folder)
    assert ask(folder, "SELECT task, state, arguments FROM tasks ORDER BY position") == [
        ("spectrum:all", "done", "'--ind=in dl3'"),
        ("theta2:all", "failed", "'--ind=in dl3'"),
    ]
    assert ask(folder, "SELECT reason FROM tasks ORDER BY position") == [(None,), ("it broke",)]
    assert ask(folder, "SELECT run, zenith FROM runs") == [(5, 15.0)]
    assert ask(folder, "SELECT mc_set, kind, zenith_max FROM mc_sets") == [("GA", "w0", 35.0)]
    assert ask(folder, "SELECT key, value, text FROM results ORDER BY key") == [
        ("spectrum.broken", None, "nan"),
        ("spectrum.index", 2.5, None),
        ("spectrum.model", None, "power-law"),
    ]
    ((action,),) = ask(folder, "SELECT action FROM made JOIN tasks USING (task, action, recipe, form)")
    path = f"store/{action[:2]}/{action}/spectrum.json"
    assert ask(folder, "SELECT link, path, level, action FROM products") == [
        ("results/spectrum.json", path, "result", action)
    ]
    source, digest = str(tmp_path / "x.fits"), sha256("events")
    assert ask(folder, "SELECT task, sha256, path, from_task FROM lineage") == [("spectrum:all", digest, source, None)]
    assert ask(folder, "SELECT path, level, run, size, sha256 FROM files") == [(source, "dl3", 5, 6, digest)]
    assert ask(folder, "SELECT number FROM conditions WHERE key = 'run' AND task = 'spectrum:all'") == [(5.0,)]
    assert ask(folder, "SELECT program, text FROM cards") == [("spectrum", "A: 1\n")]
    meta = dict(ask(folder, "SELECT key, value FROM meta"))
    assert (meta["note.1"], meta["engine"], meta["digest.science"]) == ("left out", "openmars", "digest of science")
    # attempt 1: its end is not in the journal, its receipt tells; 3: nobody knows
    assert ask(folder, "SELECT attempt, state FROM jobs ORDER BY attempt") == [
        ("1", "done"),
        ("2", "failed"),
        ("3", "lost"),
    ]


def test_attempts_without_an_end_run_as_long_as_a_driver_does(folder):
    catalog.rebuild(folder, live=True)
    assert ask(folder, "SELECT attempt, state FROM jobs ORDER BY attempt") == [
        ("1", "done"),
        ("2", "failed"),
        ("3", "running"),
    ]


def test_a_driver_that_is_gone_leaves_nothing_running(folder):
    """The journal has not grown since the catalog was written, and yet it does not hold any more."""
    with hold(folder):
        catalog.rebuild(folder, live=True)
    assert not catalog.is_current(folder)
    with duckdb.connect() as connection:
        catalog.attach_graph(connection, folder)
        catalog.attach(connection, folder)
        assert connection.execute("SELECT state FROM jobs WHERE attempt = '3'").fetchone() == ("lost",)
    assert catalog.is_current(folder)


def test_what_a_task_reads_from_another_is_known_by_that_ones_name(tmp_path):
    small = Small(tmp_path / "crab", [task("star:1"), task("superstar:1", "star:1")])
    small.write(small.start(), small.done("star:1"), small.done("superstar:1"))
    catalog.rebuild(small.folder)
    assert ask(small.folder, "SELECT role, name, sha256, from_task, path FROM lineage") == [
        ("in", "star-1.txt", sha256("of star:1\n"), "star:1", None)
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


# --- the files


def exported(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.exports.iterdir()}


def test_exports_are_the_same_bytes_when_the_content_is(folder):
    catalog.rebuild(folder)
    before = exported(folder)
    assert before.keys() == {f"{table}.parquet" for table in catalog.tables()}
    folder.database.unlink()
    catalog.rebuild(folder)
    assert exported(folder) == before


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


def older(folder, table="INSERT INTO runs (run) VALUES (77)"):
    """Put a catalog of an older version there."""
    folder.database.unlink(missing_ok=True)
    folder.root.mkdir(exist_ok=True)
    with duckdb.connect(str(folder.database)) as connection:
        connection.execute(catalog.SCHEMA.read_text())
        connection.execute(f"INSERT INTO meta VALUES ('schema', '3'); {table}")


@pytest.mark.parametrize("how", ["gone", "older"])
def test_a_catalog_that_is_gone_or_of_an_older_version_is_made_anew_by_who_reads_it(folder, how):
    catalog.rebuild(folder)
    folder.database.unlink()
    if how == "older":
        older(folder)
    assert ask(folder, "SELECT run FROM runs") == [(5,)]
    assert ask(folder, "SELECT value FROM meta WHERE key = 'schema'") == [(catalog.SCHEMA_VERSION,)]


@pytest.mark.parametrize("gone", ["journal", "graph", "both"])
@pytest.mark.parametrize("how", ["today's", "older", "exports alone"])
def test_who_reads_a_catalog_that_nothing_can_be_made_from_does_not_take_it_away(folder, gone, how):
    catalog.rebuild(folder)
    run = 5
    if how == "older":
        older(folder)
        run = 77
    if how == "exports alone":
        folder.database.unlink()
    if gone == "both":
        shutil.rmtree(folder.journal)
    for path in folder.journal.glob("*.jsonl" if gone == "journal" else "graph.duckdb"):
        path.unlink()
    before = exported(folder), folder.database.exists() and folder.database.read_bytes()
    assert ask(folder, "SELECT run FROM runs") == [(run,)]
    assert before == (exported(folder), folder.database.exists() and folder.database.read_bytes())


def test_a_plan_goes_by_the_journal_and_leaves_a_catalog_that_knows_more(folder):
    catalog.rebuild(folder)
    for path in folder.journal.glob("*.jsonl"):
        path.unlink()
    before = exported(folder), folder.database.read_bytes()
    with duckdb.connect() as connection:
        catalog.attach_graph(connection, folder)
        catalog.attach(connection, folder)
        # what is in the store is found there, and written to the journal again
        assert connection.execute("SELECT count(*) FROM made").fetchone() == (0,)
    assert before == (exported(folder), folder.database.read_bytes())


def test_an_analysis_that_never_ran_has_its_tasks_and_nothing_else(folder):
    for path in folder.journal.glob("*.jsonl"):
        path.unlink()
    assert ask(folder, "SELECT DISTINCT state FROM tasks") == [("pending",)]
    with pytest.raises(FileNotFoundError):
        catalog.connect(type(folder)(folder.root / "nowhere"))


def test_a_catalog_is_current_as_long_as_journal_and_graph_are_the_same(small):
    folder = small.folder
    assert not catalog.is_current(folder)
    catalog.rebuild(folder)
    ((content,),) = ask(folder, "SELECT value FROM meta WHERE key = 'graph'")
    assert catalog.is_current(folder, content)
    assert not catalog.is_current(folder, "another")
    small.write({"event": "end", "code": 0}, stamp="20990101T000000Z")
    assert not catalog.is_current(folder)


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


def test_store_tells_what_is_wrong_with_an_action(small):
    store = Store(small.folder, HashCache(None, small.folder.root))
    action = small.done("spectrum:all", content={"spectrum.json": "{}"})["action"]
    product = small.folder.action(action) / "spectrum.json"
    outputs = small.tasks["spectrum:all"].outputs
    assert store.intact(action, outputs)[1] == ""
    assert store.intact(action, [*outputs, Output("more.json", "result", "")])[1] == "it never made more.json"
    product.write_text("[]")
    assert store.intact(action)[1] == "its output spectrum.json was changed"
    product.unlink()
    assert store.intact(action)[1] == "its output spectrum.json is gone"
    (product.parent / "receipt.json").write_text("{")
    assert store.intact(action)[1] == "its receipt is damaged"
    assert store.intact("ffff")[1] == "it was never made"
