"""A pool for the tests, brought up once; without root or Debian they are skipped, and in CI that is a failure."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def load(name):
    """Import a file beside this one."""
    spec = importlib.util.spec_from_file_location(f"pool_{name}", HERE / f"{name}.py")
    module = sys.modules[f"pool_{name}"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


harness = load("harness")
analyses = load("analyses")
times = {}


def pytest_collection_modifyitems(items):
    """Mark what is in this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("pool")


def pytest_terminal_summary(terminalreporter):
    """Tell what bringing up took."""
    if times:
        line = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in times.items())
        terminalreporter.write_line(f"pool: {line}")


@pytest.fixture(scope="session")
def pool():
    """Return the pool, running, with the project and its environment inside."""
    why = harness.unavailable()
    if why:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)
    pool = harness.Pool()
    times.update(pool.times)
    pool.times = times
    try:
        pool.up()
        yield pool
    finally:
        if os.environ.get("AUTOMAGIC_POOL") != "keep":
            pool.down()


@pytest.fixture(scope="session")
def toy_image(pool):
    """Return a small image with the toy program."""
    return analyses.toy_image(pool)


@pytest.fixture(scope="session")
def images(pool):
    """Return the images of the demos, by engine."""
    return analyses.demo_images(pool)


@pytest.fixture
def toy(pool, toy_image, request):
    """Make a toy analysis: ``toy(tasks, executor="condor", **condor)``."""
    made = []

    def make(tasks, executor="condor", name="toy", **condor):
        folder = pool.runs / request.node.name.translate(str.maketrans("[]", "__")) / f"{name}{len(made)}"
        made.append(analyses.Toy(pool, folder, toy_image, tasks, executor, condor))
        return made[-1]

    yield make
    pool.root(["condor_rm", "-all"], check=False)
    for each in made:
        each.end()


@pytest.fixture
def demo(pool, images, request):
    """Copy an analysis of the project: ``demo("crab", executor="condor", cut=…)``."""
    made = []

    def make(name, executor="condor", **more):
        folder = pool.runs / request.node.name.translate(str.maketrans("[]", "__")) / f"{name}-{executor}-{len(made)}"
        made.append(analyses.Demo(pool, folder, images, name, executor, **more))
        return made[-1]

    yield make
    for each in made:
        each.end()
