"""The job that tells what a node sees: its script, its description, and what is made of what it said."""

import shutil
import subprocess
import time
from pathlib import Path

import htcondor2
import pytest

from automagic.analysis.site import Site
from automagic.doctor import node

LOGS = Path(__file__).resolve().parents[1] / "executors" / "condor" / "logs"


def site(**condor):
    return Site(executor="condor", condor=condor)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "a folder's $x" / ".doctor-1"
    made.mkdir(parents=True)
    return made


def words(folder, *about, **more):
    """Return the words of the job's program as HTCondor makes them of the description."""
    submit = htcondor2.Submit(node.describe(folder, site(**more), *about))
    text = submit.expand("arguments")
    assert text[0] == text[-1] == '"'
    return submit, [word.replace("''", "'").replace('""', '"') for word in text[2:-2].split("' '")]


def run(folder, command):
    """Run the job as a node would, and return what is told about it."""
    with open(folder / "said", "w") as out, open(folder / "complained", "w") as complaints:
        subprocess.run(["/bin/sh", *command], cwd=folder, stdout=out, stderr=complaints, check=False)


def told(folder, images=(), on_host=False, **condor):
    return {check.name: check for check in node.report(folder, site(**condor), images, on_host)}


APPTAINER = """#!/bin/sh
if [ "$1" = --version ]; then echo "apptainer version 1.4.5"; exit 0; fi
for word; do case $word in */bad.sif) echo "FATAL: no such image" >&2; exit 255;; esac; done
"""


def test_a_node_that_sees_everything(folder):
    program = folder.parent / "apptainer"
    program.write_text(APPTAINER)
    program.chmod(0o755)
    images = [folder / "good.sif", folder / "bad.sif"]
    submit, command = words(folder, images, True, apptainer=str(program))
    assert submit.expand("executable") == "/bin/sh"
    assert submit.expand("initialdir") == str(folder)
    run(folder, command)
    found = told(folder, images, True, apptainer=str(program))
    assert found["job on a node"].good is True
    assert found["folder on the node"].good is True
    assert found["clock of the node"].good is True
    assert found["Apptainer on the node"].found == "apptainer version 1.4.5"
    assert found["Python on the node"].good is True
    lines = (folder / "said").read_text().splitlines()
    assert f"image yes {images[0]}" in lines
    assert f"image no {images[1]}: FATAL: no such image" in lines
    assert found["image on the node"].good is False


def test_a_node_that_does_not_see_the_folder(folder):
    _, command = words(folder, [], False)
    elsewhere = folder.parent / "node"
    shutil.copytree(folder, elsewhere)
    command[1] = str(folder.parent / "nix")
    run(elsewhere, [str(elsewhere / "look.sh"), *command[1:]])
    shutil.move(elsewhere / "said", folder / "said")
    found = told(folder)
    assert found["job on a node"].good is True
    assert found["folder on the node"].good is False


def test_a_node_that_lacks_what_jobs_need(folder):
    _, command = words(folder, [Path("/x.sif")], True, apptainer="/nix/apptainer")
    command[-2] = "/nix/python"
    assert command[-1] == "/x.sif"
    run(folder, command)
    found = told(folder, [Path("/x.sif")], True, apptainer="/nix/apptainer")
    assert {name: check.good for name, check in found.items() if "Apptainer" in name or "Python" in name} == {
        "Apptainer on the node": False,
        "Python on the node": False,
    }


def test_a_clock_that_is_off_on_the_node(folder):
    (folder / "said").write_text(f"host a\nuser b\nsees yes\nwrites yes\nclock {time.time() - 500:.0f}\nend\n")
    assert told(folder)["clock of the node"].good is False


def test_a_script_that_was_not_there(folder):
    (folder / "said").write_text("")
    (folder / "complained").write_text("/bin/sh: cannot open look.sh\n")
    found = told(folder)
    assert [(check.good, "cannot open look.sh" in check.found) for check in found.values()] == [(False, True)]


def test_files_that_are_carried(folder):
    submit, command = words(folder, [Path("/x.sif")], False, shared_files=False)
    assert submit.expand("should_transfer_files") == "YES"
    assert command == ["look.sh", "", "/usr/bin/apptainer", ""]  # the image is not carried for this


def test_extra_lines_and_groups_count_here_as_well(folder):
    submit, _ = words(folder, [], False, accounting_group="magic", submit={"requirements": "HasSIF"})
    assert submit.expand("accounting_group") == "magic"
    assert submit.expand("requirements") == "HasSIF"


@pytest.mark.parametrize(
    ("log", "good", "word"),
    [("ends", "ended", ""), ("held", False, "held it"), ("removed", False, "removed"), ("submitted", None, "start")],
)
def test_what_became_of_the_job(tmp_path, monkeypatch, log, good, word):
    path = tmp_path / "log"
    if log == "submitted":
        text = (LOGS / "ends.log").read_text()
        path.write_text(text[: text.index("\n001 ") + 1])
    else:
        shutil.copy(LOGS / f"{log}.log", path)
    problem = node.wait(path, 0.5)
    assert ("ended" if problem is None else problem.good) == good
    assert problem is None or word in problem.found
