"""Each cause for which a task is not up to date, alone; and nothing else makes one."""

from dataclasses import replace

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automagic.bookkeeping import catalog, stale
from automagic.bookkeeping.stale import CAUSES
from automagic.graph.task import Input, Output, Resources, Task
from tests.bookkeeping.small import Small, output, sha256, task


class Made(Small):
    """star:1 reads x, superstar:1 that, melibea:1 that; star:2 is alone. All are done."""

    def __init__(self, folder):
        self.source = folder / "x"
        self.source.write_text("x")
        more = (output("superstar:1"), Output("maybe.txt", "superstar", "", optional=True))
        super().__init__(folder / "crab", [
            task("star:1", str(self.source), card="A: 1\n"),
            task("star:2", str(self.source)),
            task("superstar:1", "star:1", card="# why\nB: 2\nA: 1\n", engine="science", outputs=more),
            task("melibea:1", "superstar:1", Input("in", "maybe.txt", task="superstar:1")),
        ])  # fmt: skip
        self.write(self.start(), *map(self.done, self.tasks))

    def change(self, name, **changes):
        self.ask(replace(self.tasks[name], **changes))


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path)


def compare(small, *sql, names=None):
    """Return the causes of tasks on their own, and the tasks that are affected."""
    with duckdb.connect() as connection:
        catalog.fill(connection, small.folder)
        for each in sql:
            connection.execute(each)
        stale.select(connection, names)
        stale.suspect_all(connection)
        stale.compare(connection)
        own = connection.execute("SELECT task, cause, causes FROM own JOIN g.tasks USING (position)").fetchall()
        affected = connection.execute("SELECT task, cause FROM affected JOIN g.tasks USING (position)").fetchall()
    causes = {name: [CAUSES[number] for number in numbers] for name, _, numbers in own}
    assert all(first == numbers[0] for _, first, numbers in own)
    assert {name: CAUSES[first] for name, first in affected if first is not None} == {
        name: numbers[0] for name, numbers in causes.items()
    }
    return causes, {name for name, _ in affected}


NOTHING = ({}, set())
FROM_STAR = {"star:1", "superstar:1", "melibea:1"}
FROM_SUPERSTAR = {"superstar:1", "melibea:1"}


def test_nothing_has_changed(made):
    assert compare(made) == NOTHING


def test_a_problem(made):
    made.change("superstar:1", problem="it cannot run")
    assert compare(made) == ({"superstar:1": ["problem"]}, FROM_SUPERSTAR)


def test_never_done(made):
    made.ask(task("quate:1", "melibea:1"))
    assert compare(made) == ({"quate:1": ["never"]}, {"quate:1"})


@pytest.mark.parametrize(
    "changes",
    [{"card": "A: 1\n"}, {"arguments": ("-q",)}, {"executable": "x"}, {"program": "x"}, {"threads": 2},
     {"clock": "real"}],
)  # fmt: skip
def test_the_program(made, changes):
    made.change("superstar:1", **changes)
    assert compare(made) == ({"superstar:1": ["program"]}, FROM_SUPERSTAR)


def test_what_leaves_results_unchanged(made):
    made.change(
        "superstar:1", card="A: 1\nB: 2\n# because\n", resources=Resources(7), conditions={"run": 2},
        exit_codes={3: "x"}, outputs=(replace(output("superstar:1"), link="products/new.txt"),
                                      *made.tasks["superstar:1"].outputs[1:], Output("n", "l", "", optional=True)),
    )  # fmt: skip
    assert compare(made) == NOTHING


def test_the_engine(made):
    new = "UPDATE digests SET digest = 'another' WHERE engine = 'science'"
    assert compare(made, new) == ({"superstar:1": ["engine"]}, FROM_SUPERSTAR)
    gone = "DELETE FROM digests WHERE engine = 'science'"  # nobody knows what it is now
    assert compare(made, gone) == ({"superstar:1": ["engine"]}, FROM_SUPERSTAR)


@pytest.mark.parametrize("sql", ["UPDATE known SET sha256 = 'another'", "DELETE FROM known"])
def test_a_file_in_storage_that_has_changed_or_is_gone(made, sql):
    sql += f" WHERE path = '{made.source}'"
    assert compare(made, sql) == ({"star:1": ["inputs"], "star:2": ["inputs"]}, FROM_STAR | {"star:2"})


def test_an_input_that_was_made_anew(made):
    made.write(made.done("star:1", "2", content={"star-1.txt": "other bytes"}))
    assert compare(made) == ({"superstar:1": ["inputs"]}, FROM_SUPERSTAR)


def test_the_same_bytes_made_anew_stop_there(made):
    made.change("star:1", card="A: 2\n")
    made.write(made.done("star:1", "2"))
    assert compare(made) == NOTHING


def test_an_input_more_or_less_or_in_another_role(made):
    before = made.tasks["superstar:1"].inputs
    for inputs in ((*before, Input("in", "x", path=str(made.source))), (), (replace(before[0], role="m1"),)):
        made.change("superstar:1", inputs=inputs)
        assert compare(made) == ({"superstar:1": ["inputs"]}, FROM_SUPERSTAR)
    made.change("superstar:1", inputs=before)
    assert compare(made) == NOTHING


def test_an_optional_input_that_is_there_now_or_is_not_any_more(made):
    both = {"superstar-1.txt": "of superstar:1\n", "maybe.txt": "maybe"}
    made.write(made.done("superstar:1", "2", content=both))
    assert compare(made) == ({"melibea:1": ["inputs"]}, {"melibea:1"})
    made.write(made.done("melibea:1", "2"))
    assert compare(made) == NOTHING
    made.write(made.done("superstar:1", "3"))
    assert compare(made) == ({"melibea:1": ["inputs"]}, {"melibea:1"})


def test_an_output_that_is_promised_today(made):
    made.change("star:2", outputs=(*made.tasks["star:2"].outputs, Output("more.txt", "star", "")))
    assert compare(made) == ({"star:2": ["promise"]}, {"star:2"})


def test_an_output_that_is_not_as_it_was(made):
    damaged = "INSERT INTO damaged VALUES ('superstar:1', 'superstar-1.txt')"
    assert compare(made, damaged) == ({"superstar:1": ["output"]}, FROM_SUPERSTAR)


def test_several_causes_in_their_order(made):
    made.change("star:2", card="A: 3\n", inputs=(), outputs=(Output("more.txt", "star", ""),), problem="no")
    damaged = "INSERT INTO damaged VALUES ('star:2', 'star-2.txt')"
    other = "UPDATE digests SET digest = 'another' WHERE engine = 'mars'"
    causes, affected = compare(made, damaged, other, names=["star:2"])
    assert causes == {"star:2": ["problem", "program", "engine", "inputs", "promise", "output"]}
    assert affected == {"star:2"}


def test_only_what_is_asked_for_with_all_that_it_needs(made):
    made.change("star:1", card="A: 9\n")
    made.change("melibea:1", card="A: 9\n")
    assert compare(made, names=["star:2"]) == NOTHING
    assert compare(made, names=["superstar:1"]) == ({"star:1": ["program"]}, {"star:1", "superstar:1"})
    assert compare(made) == ({"star:1": ["program"], "melibea:1": ["program"]}, FROM_STAR)


def test_a_staging_task_counts_when_the_hashes_of_its_files_are_known(tmp_path):
    stage = task("stage:1", engine="stage", outputs=(Output("x.root", "raw", ""), Output("y.root", "raw", "")))
    small = Small(tmp_path / "crab", [stage, task("star:1", Input("in", "x.root", task="stage:1"))])
    outputs = [[f"{name}.root", 1, sha256(name)] for name in "xy"]
    small.products |= {("stage:1", name): digest for name, _, digest in outputs}
    small.write(small.start(), {"event": "done", "task": "stage:1", "action": "a", "outputs": outputs, "inputs": []})
    small.write(small.done("star:1"))
    assert compare(small) == NOTHING
    gone = "DELETE FROM brought WHERE name = 'y.root'"
    assert compare(small, gone) == ({}, {"stage:1", "star:1"})
    other = ("DELETE FROM products WHERE task = 'stage:1'", "UPDATE brought SET sha256 = 'z' WHERE name = 'x.root'")
    assert compare(small, *other) == ({"star:1": ["inputs"]}, {"star:1"})


@st.composite
def graphs(draw):
    tasks: dict[str, Task] = {}
    for number in range(draw(st.integers(1, 8))):
        before = draw(st.lists(st.sampled_from(list(tasks)), unique=True, max_size=3)) if tasks else []
        tasks[f"t:{number}"] = task(f"t:{number}", *before)
    return tasks


@settings(max_examples=20, deadline=None)
@given(tasks=graphs(), data=st.data())
def test_what_hangs_on_a_changed_task_is_affected_and_nothing_else(tmp_path_factory, tasks, data):
    some = st.sets(st.sampled_from(list(tasks)))
    changed, wanted = data.draw(some), data.draw(some)
    small = Small(tmp_path_factory.mktemp("graph") / "crab", tasks.values())
    small.write(small.start(), *map(small.done, tasks))
    small.ask(*(replace(tasks[name], card="A: 1\n") for name in changed))
    needed = set(wanted)
    for name in reversed(tasks):
        if name in needed:
            needed |= set(tasks[name].upstream)
    affected = set()
    for name, each in tasks.items():
        if name in needed and (name in changed or affected & set(each.upstream)):
            affected.add(name)
    own, found = compare(small, names=sorted(wanted))
    assert found == affected
    assert own == {name: ["program"] for name in changed & needed}
