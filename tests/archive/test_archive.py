"""An archive is complete or refused, the same bytes each time, and good for those who made the formats."""

import json
import os
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from automagic.archive.bag import archive
from automagic.archive.reader import Archive
from automagic.archive.verify import verify
from automagic.errors import UserError
from tests.archive.toy import Toy

HERE = Path(__file__).parent


@pytest.fixture
def own(tmp_path):
    """Return an analysis for one test alone."""
    made = Toy(tmp_path / "own")
    assert made.run() == 0
    return made


@pytest.fixture(scope="module")
def unpacked(bag, tmp_path_factory):
    """Return the folder of the archive."""
    place = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(bag) as tar:
        tar.extractall(place, filter="data")
    return place / "crab"


def names(bag):
    """Return the files of an archive."""
    with Archive(bag) as opened:
        return set(opened.sizes)


def test_what_is_in_it(bag, unpacked):
    wanted = """analysis.toml steps.jsonl inputs.tsv README.txt rerun.py job.pyz launch.sh ro-crate-metadata.json
        provenance/ivoa.json products/star/s1.txt products/superstar/u.txt products/dl3/1+0.fits results/f.ecsv
        catalog/schema.sql catalog/tasks.parquet"""
    assert {f"data/{name}" for name in wanted.split()} <= names(bag)
    assert (unpacked / "data/products/dl3/1+0.fits").read_text().startswith("1.fits\ndl3.Level: 6\nin u.txt\nu.txt")
    rows = [line.split("\t") for line in (unpacked / "data/inputs.tsv").read_text().splitlines()]
    assert sorted((row[2], row[1]) for row in rows) == [("raw1.root", "6"), ("raw2.root", "6")]
    for path in unpacked.glob("data/store/*/*"):
        assert {"card.rc", "log.txt", "receipt.json"} <= set(os.listdir(path))
    hidden = [n for n in names(bag) if n.endswith("/hidden.txt")]
    assert len(hidden) == 1
    assert hidden[0].startswith("data/store/")  # it has no name for people


def test_the_same_state_gives_the_same_bytes(toy, bag, tmp_path):
    time.sleep(1.1)
    os.umask(os.umask(0o077))
    with toy.opened():
        archive(toy.root, tmp_path / "again.tar", "all")
    assert (tmp_path / "again.tar").read_bytes() == bag.read_bytes()


def test_a_folder_has_the_same_files(toy, bag, tmp_path):
    with toy.opened():
        archive(toy.root, tmp_path / "folder", "all")
    assert names(tmp_path / "folder") == names(bag)
    with Archive(tmp_path / "folder") as opened:
        assert verify(opened).problems == []
    (tmp_path / "folder" / "data" / "products" / "star" / "s1.txt").write_text("x")  # no link to the analysis's own
    assert (toy.root / "products" / "star" / "s1.txt").read_text() != "x"


@pytest.mark.parametrize(
    ("products", "there"),
    [("none", {"results/f.ecsv"}), ("dl3", {"results/f.ecsv", "products/dl3/1+0.fits"})],
)
def test_products_by_level(toy, tmp_path, products, there):
    with toy.opened():
        archive(toy.root, tmp_path / "a.tar", products)
    found = {n.removeprefix("data/") for n in names(tmp_path / "a.tar") if n.startswith(("data/pro", "data/res"))}
    assert found - {"provenance/ivoa.json"} == there
    with Archive(tmp_path / "a.tar") as opened:
        assert verify(opened).problems == []


def refused(made, tmp_path, match, **about):
    """See that an archive is refused and leaves nothing."""
    before = sorted(tmp_path.iterdir())
    with made.opened(), pytest.raises(UserError, match=match):
        archive(made.root, tmp_path / "a.tar", **about)
    assert sorted(tmp_path.iterdir()) == before


def test_what_is_not_up_to_date_is_refused(own, tmp_path):
    (own.storage / "raw1.root").write_text("raw 9\n")
    refused(own, tmp_path, r"not complete: 4 of its tasks are not up to date \(star:1.M1, ")


def test_what_was_never_run_is_refused(tmp_path):
    refused(Toy(tmp_path / "own"), tmp_path, "was never run")


def test_a_product_that_was_changed_behind_our_back_is_refused(own, tmp_path):
    product = (own.root / "products" / "dl3" / "1+0.fits").resolve()
    before = product.stat()
    product.chmod(0o644)
    content = product.read_bytes()
    product.write_bytes(content.replace(b"raw 1", b"raw 7"))
    os.utime(product, ns=(before.st_atime_ns, before.st_mtime_ns))
    refused(own, tmp_path, "not complete")


def test_a_driver_that_runs_is_waited_for(own, tmp_path):
    from automagic.bookkeeping import hold

    with hold(own.session().folder):
        refused(own, tmp_path, "a driver is running")


def test_what_is_there_is_not_overwritten(toy, tmp_path):
    (tmp_path / "a.tar").write_text("mine")
    with toy.opened(), pytest.raises(UserError, match="there already"):
        archive(toy.root, tmp_path / "a.tar")
    assert (tmp_path / "a.tar").read_text() == "mine"
    with toy.opened(), pytest.raises(UserError, match="no folder"):
        archive(toy.root, tmp_path / "none" / "a.tar")


def test_a_full_disk_leaves_nothing(toy, tmp_path, monkeypatch):
    def full(*words):
        raise OSError(28, "No space left on device", "x.tar")

    monkeypatch.setattr("automagic.archive.bag.write_tar", full)
    refused(toy, tmp_path, r"x.tar could not be written: No space left")


def test_a_host_environment_is_told(unpacked):
    text = (unpacked / "data" / "README.txt").read_text()
    assert "Not from this archive alone: programs ran in the environment of a host" in text
    assert "mars: host environment sha256:" in text


# --- those who made the formats


def test_sha256sum_says_the_same(unpacked):
    words = ["sha256sum", "--quiet", "--strict", "-c", "manifest-sha256.txt", "tagmanifest-sha256.txt"]
    assert subprocess.run(words, cwd=unpacked, check=False).returncode == 0


def test_bagit_says_the_same(unpacked, judges):
    said = subprocess.run([judges / "bagit.py", "--validate", unpacked], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


def test_rocrate_validator_finds_nothing(unpacked, judges, tmp_path):
    def judged(crate):
        words = [judges / "python", HERE / "judge_crate.py", crate]
        said = subprocess.run(words, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stderr
        return json.loads(said.stdout)

    found = judged(unpacked / "data")
    assert [issue for told in found.values() for issue in told["issues"]] == []
    assert found["provenance-run-crate-0.5"]["checked"] > 80

    shutil.copytree(unpacked / "data", tmp_path / "bad")  # and it does find something where something is wrong
    text = (tmp_path / "bad" / "ro-crate-metadata.json").read_text()
    (tmp_path / "bad" / "ro-crate-metadata.json").write_text(text.replace('"instrument"', '"other"'))
    assert judged(tmp_path / "bad")["provenance-run-crate-0.5"]["issues"]


def test_runcrate_tells_of_every_step(unpacked, judges):
    words = [judges / "runcrate", "report", unpacked / "data"]
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert said.stdout.count("action: #action-") == 5
    assert "products/dl3/1%2B0.fits" in said.stdout


def test_ivoa_provenance_leads_back_to_the_raw_files(unpacked):
    told = json.loads((unpacked / "data" / "provenance" / "ivoa.json").read_text())
    made = {each["prov:entity"]: each["prov:activity"] for each in told["wasGeneratedBy"].values()}
    used = {}
    for each in told["used"].values():
        used.setdefault(each["prov:activity"], []).append(each["prov:entity"])
    [dl3] = [name for name, about in told["entity"].items() if about.get("voprov:level") == "dl3"]
    waiting, raw = [dl3], set()
    while waiting:
        entity = waiting.pop()
        if entity in made:
            waiting += used[made[entity]]
        else:
            raw.add(told["entity"][entity]["voprov:name"])
    assert raw == {"raw1.root", "raw2.root"}
