"""A derived analysis runs what a change concerns and nothing else, and stands on its own."""

import errno
import os
import shutil

import pytest
from click.testing import CliRunner

from automagic.bookkeeping import Folder, HashCache, adopt, catalog
from automagic.bookkeeping.origin import read_origin
from automagic.cli import main
from automagic.derive import share as share_module
from automagic.job.spec import sha256_file as real
from automagic.plan import make_plan
from automagic.plan.audit import audit
from automagic.report.content import TAKEN
from tests.derive.lab import Lab, events, settings_of

AFFECTED = ["melibea:1", "spectrum:all", "star:1", "star:2"]
SHARED = ["merpp:1", "merpp:2"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A lab whose crab was run."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    assert lab.run(lab.crab) == sorted(AFFECTED + SHARED)
    return lab


@pytest.fixture
def lab(made, tmp_path):
    """The same for one test alone; hashes are remembered as after a later plan."""
    shutil.copytree(made.base, tmp_path / "base", symlinks=True)
    new = object.__new__(Lab)
    new.base, new.crab = tmp_path / "base", tmp_path / "base" / "crab"
    for path in (new.crab / "analysis.toml", *new.crab.glob("journal/graph.duckdb")):
        path.touch()
    lab_run = new.run(new.crab)  # the copies are other files: what is in storage is read, and nothing more
    assert lab_run in ([], sorted(AFFECTED + SHARED))
    with new.patched():
        session = new.open(new.crab)
        make_plan(session).close()
        session.save_hashes()
        yield new


def derive(lab, *words, code=0):
    result = CliRunner().invoke(main, ["derive", str(lab.crab), *words])
    assert result.exit_code == code, result.output
    return result.output


def product(root, task, action=None):
    with catalog.connect(Folder(root)) as connection:
        ((path,),) = connection.execute("SELECT path FROM products WHERE task = ?", [task]).fetchall()
    return root / path


def clean(root):
    folder = Folder(root)
    return audit(folder, HashCache(folder.hashes, root)).wrong == []


def hidden(lab):
    return [path.name for path in lab.base.iterdir() if path.name.startswith(".")]


def test_only_what_is_concerned_runs_and_the_rest_is_the_same_files(lab):
    said = derive(lab, "child", "--set", "cards.star.Level=7")
    child = lab.base / "child"
    assert "cards.star.Level: not set → 7" in said
    assert "2 finished tasks are taken from crab" in said
    assert "child: of 6 tasks 4 would run; 2 up to date" in said
    assert "card key Level: 6 → 7" in said
    assert "CPU seconds" in said  # known from the parent: nothing has run here
    assert lab.run(child) == AFFECTED
    for task in SHARED:
        assert os.path.samefile(product(lab.crab, task), product(child, task))
    assert product(child, "star:1").read_bytes() != product(lab.crab, "star:1").read_bytes()
    assert clean(child)
    assert clean(lab.crab)
    assert lab.run(lab.crab) == []
    assert lab.run(child) == []


def test_neither_side_reads_shared_files_again(lab, monkeypatch):
    derive(lab, "child", "--set", "cards.star.Level=7")

    def read(path):
        assert "/store/" not in str(path), f"{path} was read"
        return real(path)

    monkeypatch.setattr("automagic.bookkeeping.hashes.sha256_file", read)
    for root in (lab.crab, lab.base / "child"):
        make_plan(lab.open(root)).close()


@pytest.mark.parametrize("gone", ["crab", "child"])
def test_each_of_the_two_is_whole_without_the_other(lab, gone):
    derive(lab, "child", "--set", "cards.star.Level=7")
    lab.run(lab.base / "child")
    shutil.rmtree(lab.base / gone)
    left = lab.base / ("child" if gone == "crab" else "crab")
    assert clean(left)
    assert lab.run(left) == []
    plan = CliRunner().invoke(main, ["plan", str(left)])
    assert "nothing to do" in plan.output


def test_what_the_parent_did_under_other_settings_counts_as_well(lab):
    text = settings_of(lab.crab)
    (lab.crab / "analysis.toml").write_text(text + "[cards.star]\nLevel = 7\n")
    assert lab.run(lab.crab) == AFFECTED
    (lab.crab / "analysis.toml").write_text(text)
    lab.run(lab.crab)
    assert "nothing to do, all 6 tasks are up to date" in derive(lab, "child", "--set", "cards.star.Level=7")
    assert lab.run(lab.base / "child") == []


def test_the_record_says_where_things_were_made(lab):
    derive(lab, "child", "--set", "cards.star.Level=7")
    child = lab.base / "child"
    assert CliRunner().invoke(main, ["status", str(child)]).output.startswith("child: not running\nderived from crab")
    lab.run(child)
    result = CliRunner().invoke(main, ["derive", str(child), "grandchild", "--set", "cards.melibea.Cut=2"])
    assert result.exit_code == 0, result.output
    expected = {"child": {str(lab.crab): 2}, "grandchild": {str(lab.crab): 2, str(child): 2}}
    for name, origins in expected.items():
        with catalog.connect(Folder(lab.base / name)) as connection:
            rows = connection.execute(TAKEN).fetchall()
        assert {row[0]: row[1] for row in rows} == origins
        assert all(row[2] == pytest.approx(0.1 * row[1]) for row in rows)  # the CPU time that it took there
        told = [event for event in events(lab.base / name) if event["event"] == "found"]
        assert set(SHARED) <= {event["task"] for event in told}
        assert all("attempt" not in event and event["host"] == "node1" for event in told)
    origin = read_origin(Folder(lab.base / "grandchild"))
    assert origin.text == "derived from child: cards.melibea.Cut: not set → 2"
    status = CliRunner().invoke(main, ["status", str(lab.base / "grandchild")])
    assert "derived from child: cards.melibea.Cut: not set → 2" in status.output
    assert (
        settings_of(lab.base / "grandchild").splitlines()[0] == "# Derived from child: cards.melibea.Cut: not set → 2"
    )


def test_a_damaged_product_is_not_passed_on(lab):
    bad = product(lab.crab, "merpp:1")
    bad.chmod(0o644)
    bad.write_bytes(b"x" * bad.stat().st_size)
    bad.chmod(0o444)
    said = derive(lab, "child", "--set", "cards.star.Level=7")
    assert "merpp:1 is not taken from crab: its output merpp-1 was changed" in said
    assert lab.run(lab.base / "child") == sorted([*AFFECTED, "merpp:1"])
    assert clean(lab.base / "child")


def test_where_links_are_not_allowed_it_is_copies(lab, monkeypatch):
    monkeypatch.setattr(adopt.os, "link", lambda *_, **__: (_ for _ in ()).throw(PermissionError()))
    assert "of it copied" in derive(lab, "child", "--set", "cards.star.Level=7")
    monkeypatch.undo()
    with lab.patched():
        assert lab.run(lab.base / "child") == AFFECTED
    assert not os.path.samefile(product(lab.crab, "merpp:1"), product(lab.base / "child", "merpp:1"))


def signatures(lab):
    """Tell whether all products of the parent are as it remembers them."""
    folder = Folder(lab.crab)
    hashes = HashCache(folder.hashes, lab.crab)
    files = [path for path in folder.store.rglob("*-*") if path.is_file()]
    stats = [(path, path.stat()) for path in files]
    return [hashes._find(hashes.key(p))[0] == [s.st_size, s.st_mtime_ns, s.st_ino, s.st_ctime_ns] for p, s in stats]


@pytest.mark.parametrize("how", ["Ctrl-C", "dry run"])
def test_what_is_broken_off_or_only_tried_leaves_nothing(lab, monkeypatch, how):
    before = sorted(path.relative_to(lab.base) for path in lab.crab.rglob("*"))
    if how == "Ctrl-C":
        original, calls = share_module.adopt, []

        def second(*args, **more):
            calls.append(args)
            if len(calls) > 1:
                raise KeyboardInterrupt
            return original(*args, **more)

        monkeypatch.setattr(share_module, "adopt", second)
        derive(lab, "child", "--set", "cards.star.Level=7", code=1)
        assert len(calls) == 2
    else:
        said = derive(lab, "child", "-n", "--set", "cards.star.Level=7")
        assert "child: of 6 tasks 4 would run; 2 up to date" in said
        assert "child would differ from crab in" in said
    assert not (lab.base / "child").exists()
    assert hidden(lab) == []
    after = sorted(path.relative_to(lab.base) for path in lab.crab.rglob("*"))
    assert [path for path in before if path not in after] == []
    assert all(signatures(lab))  # the links that are gone again have not made the parent's files unknown


def test_a_full_disk_is_told_and_leaves_nothing(lab, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", str(lab.base / "child"))

    monkeypatch.setattr(share_module, "adopt", full)
    assert "No space left on device" in derive(lab, "child", "--set", "cards.star.Level=7", code=2)
    assert sorted(path.name for path in lab.base.iterdir()) == ["crab", "mars", "storage"]


def test_a_scan_makes_all_or_none(lab):
    said = derive(lab, "level", "--set", "cards.star.Level=6.5,7", "--set", "spectrum.model=power-law,nonsense", code=2)
    assert "allowed: 'power-law', 'log-parabola'" in said
    assert "level-6.5-nonsense/analysis.toml" in said
    assert sorted(path.name for path in lab.base.iterdir()) == ["crab", "mars", "storage"]
    derive(lab, "level", "--set", "cards.star.Level=6.5,7", "--set", "spectrum.model=power-law")
    for level in ("6.5", "7"):
        text = settings_of(lab.base / f"level-{level}")
        assert f"\nLevel = {level}\n" in text
        assert 'model = "power-law"' in text
        assert lab.run(lab.base / f"level-{level}") == AFFECTED


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "cards.star.Lvel=7"], "did you mean 'Level'?"),
        (["--set", "spectrum.modl=power-law"], "did you mean 'model'?"),
        (["--set", "spectrum.model=power"], "did you mean 'power-law'?"),
        (["--set", "simulate.seed=2"], "a key of site.toml"),
        (["--set", "spectrum.model=log-parabola"], "nothing would change"),
        (["--unset", "data.zenith"], "is not set"),
        ([], "nothing is to be changed"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(lab, words, said):
    out = derive(lab, "child", *words, code=2)
    assert said in out
    assert ".child." not in out  # the folder in which it is made is nobody's business
    assert sorted(path.name for path in lab.base.iterdir()) == ["crab", "mars", "storage"]


def test_a_parent_that_is_not_valid_is_refused(lab):
    (lab.crab / "analysis.toml").write_text("[source]\nname = 'Crab'\n")
    assert "the key 'source.ra' is missing" in derive(lab, "child", "--set", "spectrum.model=power-law", code=2)


def test_paths_in_site_toml_mean_the_same_places(lab):
    (lab.crab / "data").mkdir()
    (lab.base / "sim.sif").touch()
    (lab.crab / "site.toml").write_text(
        '# my site\n[storage]\nroots = ["../storage", "data", "/abs", "https://a.b/c"]  # where\n'
        'mc = ["../storage"]\nindex = "../common/.index"\n[engines.mars]\nmarssys = "../mars"\n'
    )
    derive(lab, "child", "--set", "cards.star.Level=7")
    text = (lab.base / "child" / "site.toml").read_text()
    assert 'roots = ["../storage", "../crab/data", "/abs", "https://a.b/c"]  # where\n' in text
    assert 'mc = ["../storage"]\n' in text
    assert 'marssys = "../mars"\n' in text
    (lab.base / "deep").mkdir()
    derive(lab, f"{lab.base}/deep/child", "--set", "cards.star.Level=7")
    text = (lab.base / "deep" / "child" / "site.toml").read_text()
    assert f'roots = ["{lab.base}/storage", "{lab.base}/crab/data", "/abs", "https://a.b/c"]  # where\n' in text
    assert f'index = "{lab.base}/common/.index"\n' in text


def test_files_that_the_settings_name_come_along(lab):
    (lab.crab / "crab.par").write_text("F0 29.9\n")
    (lab.crab / "notes.txt").write_text("mine\n")
    (lab.crab / "images.lock").write_text("# none\n")
    (lab.crab / "analysis.toml").write_text(settings_of(lab.crab) + '[unchecked.star]\nPar = "crab.par"\n')
    derive(lab, "child", "--set", "cards.star.Level=7")
    names = {path.name for path in (lab.base / "child").iterdir() if path.is_file()}
    assert {"analysis.toml", "crab.par", "images.lock"} <= names
    assert "notes.txt" not in names


def test_a_derived_analysis_does_not_depend_on_the_order_of_runs(lab):
    """One that is derived before the parent has run takes nothing, and runs all of it."""
    (lab.base / "fresh").mkdir()
    (lab.base / "fresh" / "analysis.toml").write_text(settings_of(lab.crab))
    result = CliRunner().invoke(main, ["derive", str(lab.base / "fresh"), "child", "--set", "cards.star.Level=7"])
    assert result.exit_code == 0, result.output
    assert "6 would run" in result.output
    assert lab.run(lab.base / "child") == sorted(AFFECTED + SHARED)
