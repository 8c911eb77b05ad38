"""The graph's file gives back each task as it was, and whoever cannot read it makes it anew."""

from dataclasses import astuple, replace

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automagic.graph import asked
from automagic.graph.asked import Asked, find_output, save
from automagic.graph.identity import card_form, recipe
from automagic.graph.task import Input, Output, Resources, Source, Task
from tests.bookkeeping.small import task

words = st.text(max_size=8)
numbers = st.integers(-(2**31), 2**31) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | words, lambda some: st.lists(some, max_size=2), max_leaves=3
)
checks = st.fixed_dictionaries(
    {}, optional={"run": st.integers(0, 10**8), "telescope": st.sampled_from([1, 2]), "level": words, "trees": values}
)
cards = st.lists(st.tuples(st.sampled_from(["A.B", "C"]), st.sampled_from(["1", "two", "# no"])), max_size=3).map(
    lambda lines: "".join(f"{key}: {value}\n" for key, value in lines)
)
codes = st.dictionaries(st.integers(1, 255), words, max_size=2)
outputs = st.lists(
    st.builds(Output, words, words, words, checks, st.booleans(), st.lists(st.integers(1, 255), max_size=2).map(tuple)),
    max_size=3,
    unique_by=lambda each: each.name,
)
sources = st.builds(Source, words, words, st.none() | st.integers(0, 2**60), st.none() | words, words)
resources = st.builds(Resources, st.integers(1, 64), st.integers(1, 2**20), st.integers(1, 2**20), st.floats(1, 1e5))


@st.composite
def graphs(draw):
    """Tasks by name, each reading from some before it and from storage."""
    tasks = {}
    for number in range(draw(st.integers(1, 4))):
        inputs = [Input(draw(words), draw(words), None, f"/data/{draw(words)}", draw(checks), draw(st.booleans()))]
        for before in draw(st.lists(st.sampled_from(list(tasks)), max_size=2)) if tasks else []:
            names = [each.name for each in tasks[before].outputs]
            name = draw(st.sampled_from(names) if names else words)
            inputs.append(Input(draw(words), name, before, None, draw(checks)))
        name = f"{draw(words)}:{number}"
        tasks[name] = Task(
            name, draw(words), draw(words), draw(words), draw(words), tuple(draw(st.lists(words, max_size=3))),
            draw(cards), tuple(inputs), tuple(draw(outputs)), draw(resources), draw(codes),
            frozenset(draw(st.sets(st.integers(1, 255), max_size=2))), draw(st.sampled_from(["fixed", "real"])),
            draw(st.integers(1, 8)), draw(st.dictionaries(words, values, max_size=3)), draw(st.none() | words),
            tuple(draw(st.lists(sources, max_size=2))),
        )  # fmt: skip
    return tasks


@settings(max_examples=60, deadline=None)
@given(tasks=graphs(), notes=st.lists(words, max_size=2), data=st.data())
def test_every_field_comes_back(tmp_path_factory, tasks, notes, data):
    path = tmp_path_factory.mktemp("graph") / "graph.duckdb"
    assert save(path, tasks, {"notes": notes, "key": "k"})
    assert not save(path, tasks, {"notes": notes, "key": "k"})
    found = Asked(path)
    assert dict(found.items()) == tasks
    assert (list(found), len(found), list(found.values())) == (list(tasks), len(tasks), list(tasks.values()))
    wanted = data.draw(st.lists(st.sampled_from(list(tasks))))
    some = Asked(path)
    assert list(some.load(wanted).items()) == [(name, tasks[name]) for name in dict.fromkeys(wanted)]
    assert all(name in some and some[name] == tasks[name] for name in wanted)
    assert some.get("none of these") is None
    assert "none of these" not in some
    rows = found.connection.execute("""
        SELECT task, recipe, form, cores, memory_mb, disk_mb, minutes FROM g.tasks ORDER BY position
    """).fetchall()
    assert rows == [(t.name, recipe(t), card_form(t.card), *astuple(t.resources)) for t in tasks.values()]
    joined = found.connection.execute("""
        SELECT t.task, i.role, i.name, s.task, o.name, i.path, i.optional
        FROM g.inputs i JOIN g.tasks t USING (position)
        LEFT JOIN g.tasks s ON s.position = i.source
        LEFT JOIN g.outputs o ON o.position = i.source AND o.name = i.product
        ORDER BY t.position, i.rowid
    """).fetchall()
    assert joined == [(t.name, *_joined(tasks, i)) for t in tasks.values() for i in t.inputs]


def _joined(tasks, each):
    product = find_output(tasks[each.task], each) if each.task else None
    told = (product.name, None, product.optional) if product else (None, each.path, False)
    return each.role, each.name, each.task, *told


CHANGES = {
    "stage": "other", "program": "other", "engine": "science", "executable": "other", "arguments": ("--x",),
    "card": "A: 2\n", "inputs": (), "outputs": (), "resources": Resources(cores=2), "exit_codes": {3: "x"},
    "tolerated": frozenset({3}), "clock": "real", "threads": 2, "conditions": {"run": 1}, "problem": "it cannot",
    "sources": (Source("https://x/y", "y"),),
}  # fmt: skip


@pytest.mark.parametrize("field", sorted(set(Task.__dataclass_fields__) - {"name"}))
def test_another_field_is_another_graph(tmp_path, field):
    path = tmp_path / "graph.duckdb"
    one = task("star:1", "/data/x.root", card="A: 1\n")
    save(path, {"star:1": one}, {"notes": []})
    before = Asked(path).about("content")
    other = replace(one, **{field: CHANGES[field]})
    assert save(path, {"star:1": other}, {"notes": []})
    assert Asked(path)["star:1"] == other
    assert Asked(path).about("content") != before


@pytest.mark.parametrize(("key", "derived"), [("notes", True), ("selection", True), ("engine", True), ("key", False)])
def test_what_the_catalog_is_to_know_is_part_of_the_content_and_where_it_comes_from_is_not(tmp_path, key, derived):
    path = tmp_path / "graph.duckdb"
    save(path, {}, {"notes": [], "key": "a"})
    before = Asked(path).about("content")
    assert save(path, {}, {"notes": [], "key": "a", key: ["other"]})
    assert (Asked(path).about("content") != before) == derived


def test_a_link_has_an_owner(tmp_path):
    path = tmp_path / "graph.duckdb"
    save(path, {name: task(name) for name in ("star:1", "star:2")}, {})
    assert Asked(path).owner("products/star-2.txt") == "star:2"
    assert Asked(path).owner("products/star-3.txt") is None
    assert Asked(path).owner("' OR true --") is None


def write(path, content):
    path.write_bytes(content)


def other_form(path, _):
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE about SET value = '0' WHERE key = 'form'")


def other_tables(path, _):
    path.unlink()
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE tasks (task VARCHAR)")


@pytest.mark.parametrize(
    ("damage", "content"),
    [
        (lambda path, _: path.unlink(), b""),
        (write, b""),
        (write, b"x" * 10_000),
        (other_form, b""),
        (other_tables, b""),
    ],
)
def test_a_file_that_is_gone_damaged_or_of_another_form_is_made_anew(tmp_path, damage, content):
    path = tmp_path / "graph.duckdb"
    tasks = {"star:1": task("star:1")}
    save(path, tasks, {})
    damage(path, content)
    with pytest.raises(FileNotFoundError):
        Asked(path)
    assert save(path, tasks, {})
    assert dict(Asked(path).items()) == tasks
    assert [each.name for each in tmp_path.iterdir()] == ["graph.duckdb"]


def test_a_file_cut_short_is_made_anew(tmp_path):
    path = tmp_path / "graph.duckdb"
    tasks = {f"star:{number}": task(f"star:{number}") for number in range(500)}
    save(path, tasks, {})
    path.write_bytes(path.read_bytes()[:30_000])
    assert save(path, tasks, {})
    assert dict(Asked(path).items()) == tasks


def test_many_tasks_and_a_few_of_them(tmp_path):
    path = tmp_path / "graph.duckdb"
    tasks = {f"star:{number}": task(f"star:{number}", card=f"A: {number % 3}\n") for number in range(7000)}
    save(path, tasks, {})
    found = Asked(path)
    assert list(found.load(["star:6999", "star:3"])) == ["star:6999", "star:3"]
    assert len(found._known) == 2
    assert dict(found.items()) == tasks
    assert found.connection.execute("SELECT count(*) FROM g.cards").fetchone() == (3,)


def test_a_full_disk_is_told_and_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "graph.duckdb"
    save(path, {"star:1": task("star:1")}, {})

    def fill(*_):
        raise duckdb.IOException("No space left on device")

    monkeypatch.setattr(asked, "_fill", fill)
    with pytest.raises(OSError, match="No space left") as caught:
        save(path, {}, {})
    assert caught.value.filename == str(path)
    assert list(Asked(path)) == ["star:1"]
    assert [each.name for each in tmp_path.iterdir()] == ["graph.duckdb"]
