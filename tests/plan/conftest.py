"""A small analysis that was run, for each test of plans its own copy."""

import pytest

from automagic.plan import make_plan
from tests.plan.world import Make, Read, Spec, World

GRAPH = {
    "star:1": Spec("s1", card={"A": 6, "B": 1}, reads=[Read("in", "raw0")], makes=[Make("s1.0"), Make("s1.1", True)]),
    "star:2": Spec("s2", card={"A": 6}, reads=[Read("in", "raw1")], makes=[Make("s2.0")]),
    "superstar:1": Spec(
        "u1", "openmars", reads=[Read("in", "s1.0", "star:1"), Read("in", "s2.0", "star:2")], makes=[Make("u1.0")]
    ),
    "melibea:1": Spec("m1", card={"A": 0}, reads=[Read("in", "u1.0", "superstar:1")], makes=[Make("m1.0")]),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An analysis that was run."""
    world = World(tmp_path_factory.mktemp("reasons") / "made")
    for number in range(3):
        world.add_file(f"raw{number}")
    world.specs = GRAPH
    assert world.run().code == 0
    return world


@pytest.fixture
def world(made, tmp_path):
    """The same, for one test alone."""
    return made.copy(tmp_path / "world")


@pytest.fixture
def plan(world):
    """What makes plans of it, which are closed in the end."""
    plans = []

    def make(names=None):
        plans.append(make_plan(world.session(), names))
        return plans[-1]

    yield make
    for each in plans:
        each.close()
