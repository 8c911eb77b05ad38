"""The journal in columns changes nothing but the time: whatever happens to journals or table, the events are theirs."""

import json
import os
import shutil

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automagic.bookkeeping import Folder, columns, read_journal


def write(folder, number, *tasks):
    """Write the journal of a driver run."""
    folder.journal.mkdir(parents=True, exist_ok=True)
    path = folder.journal / f"2026010{number}T000000Z-{number}.jsonl"
    events = [{"event": "done", "task": task, "outputs": [[task, 3, "ab"]], "wall_s": 0.5} for task in tasks]
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


def events(folder):
    """Return the tasks of all events, in order, as the catalog is made from them."""
    with duckdb.connect() as connection:
        columns.load(connection, folder)
        rows = connection.execute("SELECT n, task, outputs ->> '$[0][0]' FROM events ORDER BY n").fetchall()
    assert [number for number, *_ in rows] == list(range(1, len(rows) + 1))
    assert all(task == name for _, task, name in rows)
    return [task for _, task, _ in rows]


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(columns, "MANY_BYTES", 1)


@pytest.fixture
def folder(tmp_path):
    """An analysis with two journals, in columns."""
    folder = Folder(tmp_path / "task=5" / "b=2")  # as others name the parts of a table
    write(folder, 1, "a", "b")
    write(folder, 2, "c")
    columns.settle(folder)
    assert folder.events.exists()
    return folder


def test_the_table_is_used_for_what_it_has_and_lines_for_the_rest(folder, monkeypatch):
    write(folder, 3, "d")
    read = []
    real = columns._READ
    monkeypatch.setattr(columns, "_READ", real.replace("INSERT", "/* read */ INSERT"))

    class Spy:
        def __init__(self, connection):
            self.connection = connection

        def execute(self, sql, values=None):
            if "/* read */" in sql:
                read.extend(values[0])
            return self.connection.execute(sql, values) if values is not None else self.connection.execute(sql)

    with duckdb.connect() as connection:
        columns.load(Spy(connection), folder)
        assert connection.execute("SELECT list(task ORDER BY n) FROM events").fetchone() == (["a", "b", "c", "d"],)
    assert [os.path.basename(path)[:8] for path in read] == ["20260103"]


def test_a_journal_that_was_changed_in_place_counts_as_it_is_now(folder):
    path = next(folder.journal.glob("20260101*.jsonl"))
    stat = path.stat()
    path.write_text(path.read_text().replace('"a"', '"x"'))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    assert events(folder) == ["x", "b", "c"]


@pytest.mark.parametrize("content", [b"", b"PAR1 no table", None])
def test_a_damaged_table_is_no_table(folder, content):
    whole = folder.events.read_bytes()
    folder.events.write_bytes(whole[:200] + bytes(100) + whole[300:] if content is None else content)
    assert events(folder) == ["a", "b", "c"]


def test_a_table_of_an_older_version_is_no_table(folder, monkeypatch):
    monkeypatch.setitem(columns.COLUMNS, "more", "VARCHAR")
    assert events(folder) == ["a", "b", "c"]


def test_little_is_left_in_lines(folder, monkeypatch):
    before = folder.events.read_bytes()
    monkeypatch.setattr(columns, "MANY_BYTES", 10_000)
    write(folder, 3, "d")
    columns.settle(folder)
    assert folder.events.read_bytes() == before
    assert events(folder) == ["a", "b", "c", "d"]


STEPS = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 3)),
    st.tuples(st.sampled_from(["settle", "settle", "cut", "gone", "table gone", "copied"]), st.integers(0, 3)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, max_size=9))
def test_the_events_are_those_of_the_journals(tmp_path_factory, steps):
    folder = Folder(tmp_path_factory.mktemp("columns") / "a")
    folder.journal.mkdir(parents=True)
    for number, (step, how) in enumerate(steps):
        paths = sorted(folder.journal.glob("*.jsonl"))
        if step == "write":
            write(folder, number % 10, *(f"t{number}.{each}" for each in range(how)))
        elif step == "settle":
            columns.settle(folder)
        elif step == "table gone":
            folder.events.unlink(missing_ok=True)
        elif step == "copied":
            shutil.move(shutil.copytree(folder.root, folder.root.with_name(f"b{number}")), folder.root.with_name("c"))
            shutil.rmtree(folder.root)
            folder.root.with_name("c").rename(folder.root)
        elif paths and step == "cut":
            path = paths[how % len(paths)]
            os.truncate(path, max(0, path.stat().st_size - 7 * how))
        elif paths:
            paths[how % len(paths)].unlink()
        assert events(folder) == [event["task"] for event in read_journal(folder.journal)]
