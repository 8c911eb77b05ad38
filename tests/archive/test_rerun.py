"""A rerun from the archive alone says of every product whether it is the same, and is right."""

import json
import os
import shutil

import pytest
from click.testing import CliRunner

from automagic.archive.bag import archive
from automagic.archive.page import write_page
from automagic.archive.reader import Archive
from automagic.archive.rerun import Asked, _job, rerun
from automagic.cli import main
from automagic.errors import UserError
from tests.archive.toy import Toy


@pytest.fixture
def away(toy, bag, tmp_path):
    """Return what runs the archive again, in a folder of its own, with the raw files elsewhere."""
    shutil.copytree(toy.storage, tmp_path / "elsewhere" / "deep")

    def run(path=bag, **about):
        asked = Asked(tmp_path / "into", **{"inputs": [tmp_path / "elsewhere"], **about})
        with Archive(path) as opened:
            return rerun(opened, asked, toy.site())

    return run


def test_all_is_identical(away, tmp_path):
    told = away()
    assert told["verdict"] == "identical"
    assert told["steps"] == 5
    assert told["summary"] == {"identical": 6, "identical in content": 0, "differs": 0, "was not made": 0}
    assert {row["name"] for row in told["products"]} == {"s1.txt", "s2.txt", "u.txt", "hidden.txt", "1.fits", "f.ecsv"}
    assert json.loads((tmp_path / "into" / "certificate.json").read_text()) == told
    write_page(told, tmp_path / "page.html")
    assert "All 6 products came out identical, byte for byte" in (tmp_path / "page.html").read_text()


def test_one_task_and_what_it_needs(away, tmp_path):
    told = away(only=["superstar:1"])
    assert told["steps"] == 3
    assert {row["task"] for row in told["products"]} == {"star:1.M1", "star:1.M2", "superstar:1"}
    assert told["only"] == ["superstar:1"]


def test_a_task_that_is_not_there(away):
    with pytest.raises(UserError, match="no task 'dl3:9'"):
        away(only=["dl3:9"])


def test_it_goes_on_where_it_was_stopped(away, tmp_path):
    away(only=["superstar:1"])
    receipts = {path: path.stat().st_ino for path in tmp_path.glob("into/store/*/*/receipt.json")}
    assert len(receipts) == 3
    assert away()["summary"]["identical"] == 6
    assert {path: path.stat().st_ino for path in receipts} == receipts


def test_what_was_made_here_and_changed_is_made_again(away, tmp_path):
    away()
    [product] = tmp_path.glob("into/store/*/*/u.txt")
    product.chmod(0o644)
    product.write_text("x")
    assert away()["verdict"] == "identical"


def test_a_raw_file_that_is_not_there_or_is_another_one(away, tmp_path):
    raw = tmp_path / "elsewhere" / "deep" / "raw1.root"
    raw.write_text("raw 9\n")
    # the archive also knows where the file was then
    assert away()["verdict"] == "identical"
    raw.with_name("raw2.root").unlink()
    assert away()["verdict"] == "identical"


def test_without_the_raw_files_nothing_runs(toy, tmp_path):
    own = Toy(tmp_path / "own")
    assert own.run() == 0
    with own.opened():
        archive(own.root, tmp_path / "a.tar")
    (own.storage / "raw1.root").write_text("raw 9\n")
    (own.storage / "raw2.root").unlink()
    with Archive(tmp_path / "a.tar") as opened, pytest.raises(UserError) as caught:
        rerun(opened, Asked(tmp_path / "into", inputs=[own.storage]), own.site())
    assert "2 of 2 files in storage are not there" in str(caught.value)
    assert "raw1.root is another file: its sha256 is" in str(caught.value)
    assert "raw2.root was not found" in str(caught.value)
    assert not (tmp_path / "into").exists()


def test_other_programs_are_refused(toy, bag, tmp_path):
    program = toy.mars / "join"
    before = program.read_text()
    try:
        program.write_text(before + "# another\n")
        with Archive(bag) as opened, pytest.raises(UserError, match="this host has other programs of engine 'mars'"):
            rerun(opened, Asked(tmp_path / "into"), toy.site())
    finally:
        program.write_text(before)


def test_another_folder_is_not_taken(away, tmp_path):
    (tmp_path / "into").mkdir()
    (tmp_path / "into" / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        away()
    assert os.listdir(tmp_path / "into") == ["thesis.tex"]


def test_what_differs_is_told_line_by_line(tmp_path):
    own = Toy(tmp_path / "own", superstar="Chance: 1\n")
    assert own.run() == 0
    with own.opened():
        archive(own.root, tmp_path / "a.tar", "all")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "site.toml").write_text(f"[engines.mars]\nmarssys = '{own.mars}'\n")
    words = ["rerun", str(tmp_path / "a.tar"), "--into", str(tmp_path / "into"), "--site", str(tmp_path / "site")]
    said = CliRunner().invoke(main, words)
    assert said.exit_code == 1, said.output
    told = json.loads((tmp_path / "into" / "certificate.json").read_text())
    verdicts = {row["name"]: row["verdict"] for row in told["products"]}
    assert verdicts == {
        "s1.txt": "identical", "s2.txt": "identical", "u.txt": "differs", "hidden.txt": "differs", "1.fits": "differs",
        "f.ecsv": "differs",
    }  # fmt: skip
    [row] = [row for row in told["products"] if row["name"] == "u.txt"]
    assert row["differences"]
    page = (tmp_path / "into" / "certificate.html").read_text()
    assert "Of 6 products: 2 identical, 4 differs" in page


def test_a_step_that_fails_now_is_told_with_all_after_it(tmp_path):
    own = Toy(tmp_path / "own", dl3="Fail: 1\n")
    assert own.run() == 0
    with own.opened():
        archive(own.root, tmp_path / "a.tar", "all")
    (own.mars / "broken").mkdir()  # no program: the digest of the engine stays
    with Archive(tmp_path / "a.tar") as opened:
        told = rerun(opened, Asked(tmp_path / "into"), own.site())
    reasons = {row["name"]: row.get("reason") for row in told["products"] if row["verdict"] == "was not made"}
    assert "ended with code 3" in reasons["1.fits"]
    assert reasons["f.ecsv"] == "a step before it failed"
    assert told["summary"]["identical"] == 4


def test_no_code_of_an_archive_runs_on_the_host(bag, tmp_path):
    (tmp_path / "work").mkdir()
    inside, outside = {"image": {"name": "mars"}}, {"image": None}
    with Archive(bag) as opened:
        own = opened.read("data/job.pyz") + b"of a stranger"
        opened.copy = lambda name, target: target.write_bytes(own)
        assert _job(opened, [inside, outside], tmp_path).read_bytes() != own
        assert _job(opened, [outside], tmp_path).read_bytes() != own
        assert _job(opened, [inside], tmp_path).read_bytes() == own
