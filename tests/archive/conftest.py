"""One small analysis that was run, its archive, and the judges' environment."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from automagic.archive.bag import archive
from tests.archive.toy import Toy

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """Return an analysis that was run."""
    made = Toy(tmp_path_factory.mktemp("archive"))
    assert made.run() == 0
    return made


@pytest.fixture(scope="session")
def bag(toy, tmp_path_factory):
    """Return its archive, a tar file."""
    output = tmp_path_factory.mktemp("bag") / "crab.tar"
    with toy.opened():
        archive(toy.root, output, "all")
    return output


@pytest.fixture(scope="session")
def judges():
    """Return the programs of those who made the formats, in an environment of their own."""
    place = Path(os.environ.get("AUTOMAGIC_JUDGES", HERE.parents[1] / ".venv.judges"))
    with open(f"{place}.lock", "w") as file:  # other workers want it at the same time
        fcntl.flock(file, fcntl.LOCK_EX)
        why = install(place)
    if why:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(why)
    return place / "bin"


def install(place):
    """Make the judges' environment where it is not there as it should be; return why it cannot be made."""
    lock, stamp = HERE / "judges.lock", place / "judges.lock"
    if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
        return ""
    pip = [place / "bin" / "python", "-m", "pip", "install", "-q", "--require-hashes", "-r", lock]
    for words in [sys.executable, "-m", "venv", "--clear", place], pip:
        made = subprocess.run(words, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            return f"the judges cannot be installed: {made.stderr[-400:]}"
    stamp.write_bytes(lock.read_bytes())
    return ""
