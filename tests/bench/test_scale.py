"""The bench at one night: that what it compares is the same work, and is done. No time is asserted."""

import json
import shutil
from collections import Counter

import pytest

from automagic.bookkeeping import read_journal
from automagic.naming import parse
from bench.scale import Bench, first, markdown
from bench.scale_events import edge_rows, lineage, make_journal, make_lineage
from bench.scale_measure import measure
from bench.scale_own import OWN, tasks
from bench.scale_peers import DOIT, MAKE, change, first_raw, made, put_back
from bench.scale_shape import EDGES_A_NIGHT, RAW_A_NIGHT, STALE_WITH_ONE_RAW, TASKS_A_NIGHT, fan, last_task, nights

NIGHT = "nights=1"


def test_shape_has_the_counts_that_it_promises():
    steps = list(nights(3))
    raw = [name for step in steps for name in step.raw]
    assert len(steps) == len({step.name for step in steps}) == len({step.path for step in steps}) == 3 * TASKS_A_NIGHT
    assert len(set(raw)) == len(raw) == 3 * RAW_A_NIGHT
    assert sum(len(step.tasks) + len(step.raw) for step in steps) == 3 * EDGES_A_NIGHT
    assert Counter(step.stage for step in steps[:TASKS_A_NIGHT]) == {
        "sorcerer": 22, "merpp": 22, "star": 22, "superstar": 11, "melibea": 11, "dl3": 11, "index": 1,
    }  # fmt: skip


def test_each_task_of_the_shape_comes_after_those_that_it_reads():
    seen = set()
    for step in [*nights(2), *fan(5)]:
        assert seen.issuperset(step.tasks)
        seen.add(step.name)
    assert last_task("nights=2") in seen
    assert last_task("fan=5") in seen


def test_file_names_are_those_of_magic():
    for step in nights(1):
        for name in (*step.raw, *([] if step.stage == "index" else [step.output])):
            assert str(parse(name)) == name


def test_so_many_tasks_depend_on_one_raw_file():
    changed = set()
    raw = next(nights(2)).raw
    for step in nights(2):
        if changed.intersection(step.tasks) or set(raw) & set(step.raw):
            changed.add(step.name)
    assert len(changed) == STALE_WITH_ONE_RAW


@pytest.mark.parametrize(
    "system",
    [pytest.param(MAKE, marks=pytest.mark.skipif(not shutil.which("make"), reason="there is no make")), DOIT, OWN],
    ids=lambda system: system.name,
)
def test_a_system_makes_everything_and_then_nothing(system, tmp_path):
    folder = tmp_path / "x"
    system.write(folder, NIGHT)
    assert made(folder) == 0
    assert measure(system.words("first", folder, NIGHT), folder).rss_mb > 0
    assert made(folder) == TASKS_A_NIGHT
    assert {path.read_text() for path in folder.glob("products/*/*")} == {"x\n"}
    for kind in ("no-op", "leaf"):
        assert system.ran(measure(system.words(kind, folder, NIGHT), folder).out) == 0


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make")
def test_dry_run_of_make_tells_what_is_stale_and_writes_nothing(tmp_path):
    folder = tmp_path / "x"
    MAKE.write(folder, NIGHT)
    measure(MAKE.words("first", folder, NIGHT), folder)
    before = change(first_raw(folder))
    for _ in range(2):  # it finds the same again
        assert MAKE.ran(measure(MAKE.words("changed", folder, NIGHT), folder).out) == STALE_WITH_ONE_RAW
    put_back(first_raw(folder), before)
    assert MAKE.ran(measure(MAKE.words("changed", folder, NIGHT), folder).out) == 0


def test_a_command_that_fails_is_not_measured(tmp_path):
    with pytest.raises(RuntimeError, match="ended with 3"):
        measure(["sh", "-c", "exit 3"], tmp_path)


def test_table_tells_both_and_the_verdict(tmp_path):
    rows = first(Bench(tmp_path, nights=1))
    table = markdown(rows)
    assert "plain doit: " in table
    assert table.splitlines()[-1].endswith(("| yes |", "| no |"))


def test_tasks_of_our_own_are_those_of_the_shape(tmp_path):
    own = tasks(tmp_path, nights(1))
    for step in nights(1):
        task = own[step.name]
        assert task.upstream == step.tasks
        assert [each.name for each in task.inputs if each.task is None] == list(step.raw)
        assert task.outputs[0].link == step.path


def test_journal_has_as_many_events_whose_hashes_fit(tmp_path):
    assert make_journal(tmp_path, 1, 1000) == 1000
    events = list(read_journal(tmp_path))
    assert len(events) == 1000
    assert len({event["attempt"] for event in events}) == 334
    made = set()
    for event in events:
        if event["event"] == "done":
            made.update((name, digest) for name, _, digest in event["outputs"])
            assert all((name, digest) in made for role, name, digest, _ in event["inputs"] if role == "in")
    assert json.dumps(events[2]["outputs"])


def test_lineage_leads_to_the_two_raw_files_of_a_run(tmp_path):
    assert len(list(edge_rows(nights(1)))) == EDGES_A_NIGHT
    folder = tmp_path / "x"
    make_lineage(folder, 3 * EDGES_A_NIGHT)
    assert lineage(folder, "dl3:05000005", 1).items() >= {"files": 2, "edges": 3 * EDGES_A_NIGHT}.items()
