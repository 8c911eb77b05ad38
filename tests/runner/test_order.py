"""The order of tasks, on random graphs: each once, after all that it needs, and nothing after a failure."""

from hypothesis import given
from hypothesis import strategies as st

from automagic.graph.task import Input, Task
from automagic.runner.order import Order


@st.composite
def graphs(draw):
    """Tasks by name, each reading from some before it."""
    tasks = {}
    for number in range(draw(st.integers(1, 12))):
        names = list(tasks)
        before = draw(st.lists(st.sampled_from(names), unique=True, max_size=3)) if names else []
        inputs = tuple(Input("in", f"{name}.txt", task=name) for name in before)
        tasks[f"t:{number}"] = Task(f"t:{number}", "t", "p", "mars", "p", inputs=inputs)
    return tasks


def closure(tasks, names):
    """Return tasks with all that they need."""
    found, new = set(), set(names)
    while new:
        found |= new
        new = {before for name in new for before in tasks[name].upstream} - found
    return found


def ancestors(tasks, name):
    return closure(tasks, [name]) - {name}


@given(tasks=graphs(), data=st.data())
def test_each_once_after_what_it_needs_and_failures_go_downwards_only(tasks, data):
    wanted = data.draw(st.lists(st.sampled_from(list(tasks)), min_size=1, unique=True))
    selected = closure(tasks, wanted)
    fails = data.draw(st.sets(st.sampled_from(sorted(selected))))
    order, given_out, under_way = Order(tasks, selected), [], []
    while order.open:
        while (node := order.next()) is not None:
            given_out.append(node.task.name)
            under_way.append(node)
        node = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        assert all(name in given_out for name in node.task.upstream)
        assert bool(node.bad) == bool(ancestors(tasks, node.task.name) & fails)
        node.status = "failed" if node.bad or node.task.name in fails else "done"
        order.over(node)
    assert sorted(given_out) == sorted(selected)
    assert not under_way
