"""``python release.py FILE.tar``: openmars as a tarball that is laid out and built like a release of MARS.

It proves ``containers/mars.def`` for those who have no MARS: a folder with the programs, ``mrcfiles/`` and
a Makefile whose ``mrproper`` and default target build it, here by installing the packages that lie in it as wheels.
"""

import sys
import tarfile
import tempfile
from pathlib import Path

from automagic.images import wheels
from automagic.images.build import PACKAGES, PROJECT, machine

NAME = "Mars_V0-openmars"
PROGRAMS = ("sorcerer", "merpp", "star", "superstar", "selectmc", "coach", "melibea", "quate", "magic_dl3")
PROGRAM = """#!/bin/sh
export PYTHONPATH=$MARSSYS/lib:$MARSSYS/python NUMBA_CACHE_DIR=$MARSSYS/kernels
exec python3 -m openmars "${0##*/}" "$@"
"""
MAKEFILE = """all:
\ttest "$(OSTYPE)" && test "$(LDFLAGS)"
\tpython3 $$(ls wheels/pip-*.whl)/pip install -q --no-index --find-links wheels --require-hashes \\
\t    -r wheels/requirements.txt --target lib --no-compile --disable-pip-version-check --no-cache-dir
\trm -rf wheels
mrproper:
\trm -rf lib kernels
"""


def make(target):
    """Write the tarball."""
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch) / NAME
        pip = next((PROJECT / ".bootstrap").glob("pip-*.whl"))
        wheels.collect(PACKAGES["openmars"], PROJECT / "requirements.lock", top / "wheels", machine(), pip)
        for name in PROGRAMS:
            (top / name).write_text(PROGRAM)
            (top / name).chmod(0o755)
        (top / "Makefile").write_text(MAKEFILE)
        with tarfile.open(target, "w") as tar:
            tar.add(top, NAME)
            tar.add(PROJECT / "openmars", f"{NAME}/python/openmars", filter=source)
            tar.add(PROJECT / "openmars" / "mrcfiles", f"{NAME}/mrcfiles")


def source(member):
    """Leave out what is not source."""
    return None if "__pycache__" in member.name else member


if __name__ == "__main__":
    make(sys.argv[1])
