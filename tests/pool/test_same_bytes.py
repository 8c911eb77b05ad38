"""The Crab demo, made smaller, in images: with HTCondor it gives byte for byte what it gives on this machine."""

import pytest


def smaller(site):
    """Simulate less: the way is the same."""
    for run in site["simulate"]["runs"]:
        run["minutes"], run["subruns"] = 4, 2
    for run in site["simulate"]["off"]:
        run["minutes"] = 3
    for mc in site["simulate"]["mc"]:
        mc["showers"] = 30000


@pytest.fixture(scope="module")
def demos(pool, images):
    """The same analysis on this machine, with HTCondor, and with HTCondor on nodes that do not share our files."""
    from pool_analyses import Demo  # loaded by conftest

    ways = {"local": ("local", {}), "condor": ("condor", {}), "carried": ("condor", {"shared_files": False})}
    made = {}
    for way, (executor, condor) in ways.items():
        made[way] = Demo(pool, pool.runs / f"crab-{way}", images, "crab", executor, smaller, condor)
    drivers = {way: demo.start() for way, demo in made.items() if way != "carried"}
    for way, driver in drivers.items():
        made[way].finish(driver, timeout=900)
    made["carried"].run("superstar", timeout=600)
    return made


def test_all_products_are_the_same(demos):
    here, there = demos["local"].products(), demos["condor"].products()
    assert len(here) > 80
    assert {name for name in here if here[name] != there.get(name)} == set()
    assert set(there) == set(here)


def test_carried_files_give_the_same_as_well(demos):
    here, there = demos["local"].products(), demos["carried"].products()
    assert there
    assert {name for name in there if here[name] != there[name]} == set()


def test_the_report_does_not_call_it_a_host_environment(demos):
    page = (demos["condor"].folder / "results" / "report.html").read_text()
    assert "Host environment" not in page
    assert "image sha256:" in page
