"""The Crab from raw data, made smaller, in images: with HTCondor it gives byte for byte what it gives on this machine.

Then it is archived with its images and its folder is deleted: a rerun from the archive gives the same bytes again.
"""

import json
import shutil
import tarfile

import pytest


def smaller(site):
    """Simulate less: the way is the same."""
    for run in site["simulate"]["runs"]:
        run["minutes"], run["subruns"] = 3, 2
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
        made[way] = Demo(pool, pool.runs / f"crab-{way}", images, "crab-raw", executor, smaller, condor)
    drivers = {way: demo.start() for way, demo in made.items() if way != "carried"}
    for way, driver in drivers.items():
        made[way].finish(driver, timeout=900)
    made["carried"].run("superstar", timeout=600)
    return made


def test_all_products_are_the_same(demos):
    here, there = demos["local"].products(), demos["condor"].products()
    assert len(here) > 120
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


@pytest.fixture(scope="module")
def archived(pool, demos):
    """Archive the analysis that HTCondor ran, with its images, and delete its folder; return the archive."""
    demo, output = demos["condor"], pool.runs / "crab.tar"
    said = pool.automagic("archive", demo.folder, "-o", output, "--products", "all", "--with-image", timeout=300).stdout
    assert "image openmars is in it" in said
    wanted = demo.products()
    shutil.rmtree(demo.folder)
    return output, wanted


def test_a_rerun_from_the_archive_gives_the_same_bytes(pool, archived):
    output, wanted = archived
    assert "whole, and of one piece" in pool.automagic("verify", output, timeout=300).stdout
    into = pool.runs / "again"
    said = pool.automagic("rerun", output, "--into", into, timeout=1500).stdout
    told = json.loads((into / "certificate.json").read_text())
    assert told["verdict"] == "identical", said
    assert {(row["task"], row["name"]): row["now"] for row in told["products"]} == wanted
    assert {"raw", "calibrated", "star", "superstar", "melibea", "dl3", "result"} <= {
        row["level"] for row in told["products"]
    }
    assert len(told["images"]) == 2


def test_the_cluster_runs_an_archive_again(pool, archived):
    site, into = pool.runs / "site", pool.runs / "cluster"
    pool.user(["mkdir", site])
    (site / "site.toml").write_text('executor = "condor"\n[condor]\nbatch_s = 0.5\n')
    words = ["--into", into, "--site", site, "--only", "merpp:05029747.001.M1"]
    said = pool.automagic("rerun", archived[0], *words, timeout=600).stdout
    told = json.loads((into / "certificate.json").read_text())
    assert told["verdict"] == "identical", said
    assert told["steps"] > 2
    hosts = {json.loads(p.read_text())["host"] for p in into.glob("store/*/*/receipt.json")}
    assert hosts
    assert len(pool.jobs(f'regexp("^{into}/work/", Iwd)', history=True)) == told["steps"]


def test_the_archive_needs_nothing_but_python_and_apptainer(pool, archived):
    output, _ = archived
    alone = pool.runs / "alone"
    pool.user(["mkdir", alone])
    with tarfile.open(output) as tar:
        [task] = [name for name in steps(tar) if name.startswith("sorcerer:05029747") and name.endswith("M1")][:1]
    pool.user(["tar", "xf", output, "-C", alone])
    [bag] = [path for path in alone.iterdir()]
    words = ["/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "/usr/bin/python3", "-I", bag / "data" / "rerun.py"]
    said = pool.user([*words, "--into", alone / "made", "--only", task], timeout=600).stdout
    assert json.loads((alone / "made" / "certificate.json").read_text())["verdict"] == "identical", said


def steps(tar):
    """Return the names of the tasks of an archive."""
    [name] = [name for name in tar.getnames() if name.endswith("/data/steps.jsonl")]
    return [task for line in tar.extractfile(name) for task in json.loads(line)["tasks"]]
