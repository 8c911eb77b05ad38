"""Whatever happens to an analysis: the plan says what a computation of all hashes says, and just that is run.

``AUTOMAGIC_ORACLE=2000`` tries so many analyses.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automagic.bookkeeping import catalog
from automagic.plan import make_plan, text
from automagic.plan.reasons import Reasons
from tests.plan import edits
from tests.plan.oracle import entries, judge
from tests.plan.world import STAGES, Make, Spec, World

EXAMPLES = int(os.environ.get("AUTOMAGIC_ORACLE", "0"))
NUMBER = st.integers(0, 999)
RUNS = ("all", "all", "one", "fail", "kill", "always")


@st.composite
def graphs(draw):
    """Draw what `build` makes a graph of: of each task the numbers that choose its inputs, and outputs."""
    return draw(st.lists(st.tuples(st.lists(NUMBER, max_size=4), st.integers(1, 3), NUMBER), min_size=1, max_size=12))


def build(base: Path, graph, trust="signature") -> World:
    """Make the analysis of a drawn graph."""
    world = World(base, trust)
    for number in range(4):
        world.add_file(f"raw{number}")
    for number, (reads, outputs, more) in enumerate(graph):
        ident = f"t{number}"
        makes = [Make(f"{'sub/' if more % 4 == 3 else ''}{ident}.{n}", bool(more >> n + 2 & n)) for n in range(outputs)]
        card = {"A": more % 3, "Aside": 0} if more % 5 else {}
        name = f"{STAGES[min(number // 3, 3)]}:{ident}"
        world.specs[name] = Spec(ident, "openmars" if more % 3 == 2 else "mars", card, more % 6, makes=makes)
        for each in reads:
            edits.add_read(world, number, each)
    return world


def check_plan(world: World, names=None, told=False) -> set[str]:
    """Compare the plan with the oracle; return what is up to date."""
    session = world.session()
    plan = make_plan(session, names)
    try:
        selected = world.close_to(names)
        fresh = set(selected) - set(plan.states)
        expected = judge(world, fresh)
        assert fresh == expected.fresh & set(selected)
        assert plan.selected == len(selected)
        reasons = Reasons(plan)
        for name in plan.states:
            assert "others than those that it was made from" not in reasons.first(name)
        if told:
            json.dumps(text.data(plan))
            assert list(text.lines(plan, "toy"))
    finally:
        plan.close()
        session.save_hashes()
    return fresh


def check_run(world: World, names=None, **how) -> None:
    """Run, and compare what ran with the oracle: all that had to, and nothing else."""
    before, unsure = entries(world), judge(world, set(world.specs)).unsure
    run = world.run(names, **how)
    selected = world.close_to(names)
    said = check_plan(world)
    after = judge(world, said)
    assert max(run.ran.values(), default=1) == 1, "a task ran twice"
    if run.code is None:
        return
    tasks = world.tasks()
    for name in selected:
        if name in run.failed or name not in after.actions:
            continue
        action = after.actions[name]
        promised = {output.name for output in tasks[name].outputs if not output.optional}
        was_whole = action in before and promised <= before[action]
        if how.get("always"):
            assert name in run.ran
        elif name not in unsure:
            assert (name in run.ran) == (not was_whole), f"{name} ran: {name in run.ran}"
        assert name in after.fresh
    assert set(run.ran) <= set(selected)
    if run.code == 0:
        assert set(selected) <= after.fresh
        check_nothing_to_do(world, names)
    else:
        assert not set(selected) <= after.fresh or how.get("always")


def check_nothing_to_do(world: World, names) -> None:
    """After a run that went well, the next one does nothing, and everything is in its place."""
    journals = [path.name for path in world.folder.journal.glob("*.jsonl")]
    again = world.run(names)
    assert (again.code, dict(again.ran)) == (0, {})
    assert "nothing to do" in again.said
    assert [path.name for path in world.folder.journal.glob("*.jsonl")] == journals
    if names is None:
        check_links(world)
        with catalog.connect(world.folder) as connection:
            states = dict(connection.execute("SELECT task, state FROM tasks").fetchall())
        assert states == dict.fromkeys(world.specs, "done")


def check_links(world: World) -> None:
    """All names for people are there, each leads to what its task has made, and there is no other."""
    after, expected = judge(world, set(world.specs)), {}
    for name, task in world.tasks().items():
        for output in task.outputs:
            product = world.folder.action(after.actions[name]) / output.name
            if output.link and product.exists():
                expected[output.link] = product.resolve()
    links = (path for path in world.root.glob("products/**/*") if path.is_symlink())
    assert {str(path.relative_to(world.root)): path.resolve() for path in links} == expected


def happen(world: World, kind: str, a: int, b: int) -> None:
    """Do one thing to an analysis, and check; or look only after the next one."""
    if kind in RUNS:
        one = [edits.pick(world.specs, a)]
        how = {"one": {"names": one}, "fail": {"fail": one}, "kill": {"kill_after": 1 + b % 4}}
        check_run(world, **how.get(kind, {"always": kind == "always"}))
        return
    getattr(edits, kind)(world, a, b)
    if b % 3:
        check_plan(world, [edits.pick(world.specs, b)] if a % 4 == 0 else None, told=b % 5 == 0)


@pytest.fixture
def place():
    """A folder for analyses; the umask is as before when it is over."""
    mask = os.umask(0o022)
    folder = Path(tempfile.mkdtemp(prefix="oracle-"))
    yield folder
    os.umask(mask)
    shutil.rmtree(folder)


def live(place: Path, graph, steps, trust="signature") -> None:
    """Make an analysis, run it, do all these things to it, and run it again."""
    base = Path(tempfile.mkdtemp(dir=place))
    try:
        world = build(base, graph, trust)
        check_run(world)
        for kind, a, b in steps:
            happen(world, kind, a, b)
        for _ in world.files:
            edits.input_back(world, 0, 0)
        check_run(world)
    finally:
        shutil.rmtree(base)


what = st.one_of(
    st.sampled_from([each.__name__ for each in edits.EDITS]),
    st.sampled_from([each.__name__ for each in edits.EDITS]),
    st.sampled_from(RUNS),
)


@settings(
    max_examples=EXAMPLES or 15,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    graphs(),
    st.lists(st.tuples(what, NUMBER, NUMBER), min_size=1, max_size=12),
    st.sampled_from(["signature", "signature", "signature", "content"]),
)
def test_the_plan_is_what_all_hashes_say(place, graph, steps, trust):
    live(place, graph, steps, trust)
