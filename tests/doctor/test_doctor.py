"""What the doctor says of a machine, of engines and of folders, on ones that are made up to be ill."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from automagic.analysis.site import Site
from automagic.bookkeeping import Folder, hold
from automagic.cli import main
from automagic.doctor import engines, machine, places
from automagic.doctor.check import Check, looked
from automagic.errors import UserError
from automagic.job.spec import sha256_file

ANALYSIS = '[source]\nname = "Crab"\nra = 83.6\ndec = 22.0\n'


def by_name(checks):
    return {check.name: check for check in checks}


def broken(error):
    def look():
        yield Check("first", True, "fine")
        raise error

    return list(looked("second", look))


def test_a_look_that_breaks_is_told_as_something_wrong():
    first, second = broken(UserError("it is gone", hint="bring it back"))
    assert (first.mark, second.mark) == ("✓", "✗")
    assert (second.name, second.found, second.mend) == ("second", "it is gone", "bring it back")
    assert "KeyError" not in broken(ValueError("no\nnumber"))[1].found
    assert "no number" in broken(ValueError("no\nnumber"))[1].found


# --- this machine


@pytest.fixture
def proc(tmp_path):
    """Switches of a kernel that lets users have name spaces."""
    switches = {"user/max_user_namespaces": 1000, "kernel/unprivileged_userns_clone": 1}
    for name, value in switches.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{value}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user/max_user_namespaces", "0"),
        ("kernel/unprivileged_userns_clone", "0"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1"),
    ],
)
def test_each_switch_that_forbids_name_spaces_is_found(proc, name, value):
    assert machine._namespaces(True, proc).good is True
    (proc / name).write_text(value)
    check = machine._namespaces(True, proc)
    assert check.good is False
    assert name.replace("/", ".") in check.found
    assert "sysctl" in check.mend
    assert machine._namespaces(False, proc).good is None  # images run all the same


def test_fuse_and_lines_for_building(tmp_path):
    assert machine._fuse(True, tmp_path / "fuse").good is False
    (tmp_path / "fuse").touch()
    assert machine._fuse(True, tmp_path / "fuse").good is True
    (tmp_path / "subuid").write_text("somebody:1:2\n")
    check = machine._subids(tmp_path, "magic")
    assert (check.good, "subuid and" in check.found, "--add-subgids" in check.mend) == (None, True, True)
    for name in ("subuid", "subgid"):
        (tmp_path / name).write_text("magic:100000:65536\n")
    assert machine._subids(tmp_path, "magic").good is True


APPTAINER = """#!/bin/sh
if [ "$1" = --version ]; then echo "apptainer version 1.4.5"; exit 0; fi
for word; do last=$word; [ "$word" = "{}" ] && {{ echo "FATAL: no fuse" >&2; exit 255; }}; done
[ "$last" = true ]
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """An Apptainer that can run all images but one."""
    good, bad = tmp_path / "good.sif", tmp_path / "bad.sif"
    good.touch()
    bad.touch()
    program = tmp_path / "bin" / "apptainer"
    program.parent.mkdir()
    program.write_text(APPTAINER.format(bad))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return good, bad


def test_a_program_is_run_in_each_image(fake):
    found = by_name(machine.apptainer(fake, True))
    assert found["Apptainer"].found.startswith("apptainer version 1.4.5")
    assert found["run in good.sif"].good is True
    assert (found["run in bad.sif"].good, found["run in bad.sif"].found) == (False, "FATAL: no fuse")


@pytest.mark.parametrize(("needed", "good"), [(True, False), (False, None)])
def test_apptainer_that_is_not_there_matters_where_it_is_needed(monkeypatch, tmp_path, needed, good):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [check.good for check in machine.apptainer([], needed)] == [good]


# --- engines


@pytest.fixture
def image(tmp_path):
    """An image with its record."""
    from automagic.images.record import Record, write

    sif = tmp_path / "mars.sif"
    sif.write_bytes(b"an image")
    write(Record(sif, "mars", "mars", sha256_file(sif), "a" * 64, sif.stat().st_size))
    return sif


def test_an_image_must_be_as_recorded_of_its_engine_and_the_pinned_one(image, tmp_path):
    root = tmp_path / "crab"
    root.mkdir()
    assert engines.image("mars", image, root, sha256_file).good is True
    assert not (root / "images.lock").exists()  # looking pins nothing
    (root / "images.lock").write_text(
        f'[mars]\nname = "mars"\npartition_sha256 = "{"b" * 64}"\nfile_sha256 = "{"c" * 64}"\n'
    )
    check = engines.image("mars", image, root, sha256_file)
    assert check.good is False
    assert "bbbb" in check.found
    assert "aaaa" in check.found
    assert "image pin" in check.mend
    assert engines.image("openmars", image, None, sha256_file).good is False
    image.write_bytes(b"another image")
    check = engines.image("mars", image, None, sha256_file)
    assert (check.good, "is not what its record says" in check.found) == (False, True)
    image.unlink()
    assert "there is no image" in engines.image("mars", image, None, sha256_file).found


def test_a_folder_of_programs(tmp_path):
    assert engines.programs("mars", tmp_path / "nix").good is False
    assert "none of the programs" in engines.programs("mars", tmp_path).found
    for name in ("star", "superstar"):
        (tmp_path / name).touch(0o755)
        (tmp_path / name).chmod(0o755)
    assert "mrcfiles" in engines.programs("mars", tmp_path).found
    (tmp_path / "mrcfiles").mkdir()
    check = engines.programs("mars", tmp_path)
    assert check.good is None
    assert "lacks sorcerer, merpp, quate" in check.found
    assert "host's environment" in check.found


def test_an_engine_that_the_site_does_not_name(tmp_path):
    found = by_name(engines.engines(Site(), None, {"mars", "openmars", "science"}, sha256_file))
    assert {name: check.good for name, check in found.items()} == {
        "engine mars": False,
        "engine openmars": None,
        "engine science": None,
    }


# --- folders


@pytest.mark.parametrize("folder", ["/tmp/crab", "/var/tmp/crab"])
def test_private_folders_of_jobs_are_no_place_for_an_analysis(folder):
    assert places.shared(Path(folder), "nfs4", Path("/"), True).good is False


def test_a_disk_of_this_machine_may_be_shared_or_not():
    assert places.shared(Path("/data/crab"), "ext4", Path("/"), True).good is None
    assert places.shared(Path("/data/crab"), "ext4", Path("/"), False).good is True
    assert places.shared(Path("/data/crab"), "nfs4", Path("/data"), True).good is True


def test_a_folder_is_written_to_and_left_as_it_was(tmp_path):
    found = by_name(places.folder_checks(tmp_path, Site()))
    assert {name: check.good for name, check in found.items()} == dict.fromkeys(found, True)
    assert {"write", "locks", "clock of the folder"} <= set(found)
    assert list(tmp_path.iterdir()) == []
    assert by_name(places.folder_checks(tmp_path / "nix", Site()))["write"].good is False


def test_a_clock_that_is_off():
    assert places.clock("c", 1.0).good is True
    check = places.clock("c", 100.0)
    assert (check.good, "100 s" in check.found) == (False, True)


class Disk:
    f_frsize = 4096

    def __init__(self, free, inodes):
        self.f_bavail, self.f_favail, self.f_files = free // 4096, inodes, inodes + 10


@pytest.mark.parametrize(
    ("free", "inodes", "good"),
    [(50e9, 1e6, [True]), (1e6, 1e6, [False]), (50e9, 5, [True, False]), (50e9, -10, [True])],
)
def test_room_for_bytes_and_files(tmp_path, monkeypatch, free, inodes, good):
    monkeypatch.setattr(places.os, "statvfs", lambda path: Disk(int(free), int(inodes)))
    monkeypatch.setattr(places, "quota", lambda path: None)
    assert [check.good for check in places.room("disk", tmp_path / "not" / "yet")] == good


def test_a_used_up_quota_is_a_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(places.os, "statvfs", lambda path: Disk(10**12, 10**6))
    monkeypatch.setattr(places, "quota", lambda path: 1e6)
    (check,) = places.room("disk", tmp_path)
    assert (check.good, "of your quota" in check.found) == (False, True)


def test_quota_is_that_of_the_right_disk():
    said = "Disk quotas\n Filesystem blocks quota limit grace\n a:/x 10 0 0 0\n b:/y 500* 400 450 none\n c:/z none\n"
    assert places.quota_left(said, "a:/x") is None  # no limit
    assert places.quota_left(said, "b:/y") == 0.0
    assert places.quota_left(said, "c:/z") is None
    assert places.quota_left("", "a:/x") is None


def test_mounts_with_odd_names(monkeypatch, tmp_path):
    lines = ["1 0 8:1 / / rw - ext4 /dev/a rw", "2 1 0:9 / /da\\040ta/Ä rw,x shared:1 - nfs4 srv:/d rw"]
    monkeypatch.setattr(places.Path, "read_text", lambda *args, **more: "\n".join(lines))
    assert places.file_system(Path("/da ta/Ä/x")) == ("nfs4", Path("/da ta/Ä"))
    assert places.device(Path("/da ta/Ä/x")) == "srv:/d"
    assert places.file_system(Path("/da ta/other")) == ("ext4", Path("/"))


def test_who_works_in_the_folder(tmp_path):
    folder = Folder(tmp_path)
    assert "nothing is left" in places.driver(folder).found
    (folder.work / "a-1").mkdir(parents=True)
    (folder.work / "a-1" / "spec.json").touch()
    assert "1 jobs are left" in places.driver(folder).found
    with hold(folder):
        assert f"process {os.getpid()}" in places.driver(folder).found
        assert places.driver(folder).good is True
        lock = json.loads(folder.lock.read_text())
        folder.lock.write_text(json.dumps(lock | {"process": 2**22 + 1}))
        assert places.driver(folder).good is False


def test_storage_that_is_not_mounted(tmp_path):
    (tmp_path / "data").mkdir()
    site = Site(storage={"roots": ["data", "https://example.org/x"], "off": ["nix"]}, folder=tmp_path)
    assert {check.name: check.good for check in places.storage(site)} == {"storage.roots": True, "storage.off": False}


# --- the command


@pytest.fixture
def analysis(tmp_path):
    """A folder with an analysis in it."""
    root = tmp_path / "crab"
    root.mkdir()
    (root / "analysis.toml").write_text(ANALYSIS)
    return root


def call(*words):
    result = CliRunner().invoke(main, ["doctor", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, result.output


def test_exit_code_and_lines(analysis):
    code, said = call(analysis)
    before = said.count("✗")  # of the machine that the tests run on
    assert code == (1 if before else 0)
    assert "HTCondor" not in said
    assert "schedd" not in said
    (analysis / "site.toml").write_text("[locl]\n")
    code, said = call(analysis)
    assert code == 1
    lines = said.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("✗ site.toml"))
    assert "'locl'" in lines[at]
    assert lines[-1] == f"{before + 1} thing{'s' if before else ''} to mend"


def test_submit_needs_an_analysis_and_htcondor(analysis):
    assert call("--submit") == (
        2,
        "error: --submit looks at the folder of an analysis from a node\nName the analysis.\n",
    )
    assert "– job on a node         jobs run on this machine" in call(analysis, "--submit")[1]


def test_without_htcondor_its_client_is_not_loaded(analysis):
    code = (
        "import sys; from pathlib import Path; from automagic.doctor import examine\n"
        f"names = [check.name for check in examine(Path({str(analysis)!r}), Path('.'))]\n"
        "print('htcondor2' in sys.modules, 'driver' in names)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "True"]
