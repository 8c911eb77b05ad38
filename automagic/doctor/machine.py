"""This machine: Python and its packages, Apptainer and what it needs of the system."""

from __future__ import annotations

import getpass
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from automagic.doctor.check import Check
from automagic.graph.identity import PROJECT

PACKAGES = ("astropy", "doit", "duckdb", "gammapy", "htcondor2", "numba", "pyarrow", "pydantic", "sklearn", "uproot")
CLOSED = ("--containall", "--cleanenv", "--no-home", "--net", "--network", "none", "--uts", "--hostname", "automagic")
"""How jobs are closed off (``automagic/job/launch.sh``)."""

WAIT_S = 120


def python() -> Iterator[Check]:
    """Look at Python and at the environment that it runs in."""
    version = ".".join(map(str, sys.version_info[:3]))
    right = (3, 11) <= sys.version_info[:2] < (3, 15)
    yield Check(
        "Python", right, f"{version}, {sys.executable}", "" if right else "Name one of 3.11 to 3.14: AUTOMAGIC_PYTHON"
    )
    missing = [name for name in PACKAGES if find_spec(name) is None]
    stamp = Path(sys.prefix) / "automagic.stamp"
    if missing:
        yield Check("environment", False, f"{sys.prefix} lacks {', '.join(missing)}", "./doit --version makes it anew")
    elif not stamp.exists():
        yield Check(
            "environment", None, f"{sys.prefix} was not made by ./doit; its versions are not those of the lock file"
        )
    elif stamp.read_text(encoding="utf-8").split(" ")[0] != _lock():
        yield Check(
            "environment", False, f"{sys.prefix} is older than requirements.lock", "./doit --version makes it anew"
        )
    else:
        yield Check("environment", True, f"{sys.prefix}, as in requirements.lock")


def _lock() -> str:
    return hashlib.sha256((PROJECT / "requirements.lock").read_bytes()).hexdigest()


def apptainer(images: Sequence[Path], needed: bool) -> Iterator[Check]:
    """Look at Apptainer, and run a program in each image as jobs do.

    Parameters
    ----------
    needed
        Whether jobs run in images on this machine.
    """
    program = shutil.which("apptainer") or shutil.which("singularity")
    if program is None:
        if needed:
            mend = "Install it: apt install apptainer, dnf install apptainer, or https://apptainer.org"
            yield Check("Apptainer", False, "is not installed on this machine", mend)
        else:
            yield Check("Apptainer", None, "is not installed on this machine, where no job needs it")
        return
    said = run([program, "--version"])
    yield Check("Apptainer", said.returncode == 0, f"{said.stdout.strip() or said.stderr.strip()}, {program}")
    worked = None
    for image in images:
        if image.is_file():
            said = run([program, "-q", "exec", *CLOSED, str(image), "true"])
            worked = said.returncode == 0 and worked is not False
            words = " ".join(said.stderr.split())[-300:] or f"exit code {said.returncode}"
            yield Check(
                f"run in {image.name}",
                said.returncode == 0,
                "a program runs in it" if said.returncode == 0 else words,
                "" if said.returncode == 0 else "The lines on name spaces and /dev/fuse may tell why.",
            )
    yield from system(worked, needed)


def system(worked: bool | None, needed: bool) -> Iterator[Check]:
    """Look at what Apptainer needs of the system.

    Parameters
    ----------
    worked
        Whether a program has run in an image; `None` where none was tried.
    """
    wrong = worked is not True and (needed or worked is False)
    yield _namespaces(wrong)
    yield _fuse(wrong)
    yield _subids()


def _namespaces(wrong: bool, proc: Path = Path("/proc/sys")) -> Check:
    """Look at the switches that let users have name spaces."""
    for path, off, mend in (
        ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"),
        ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for Apptainer",
        ),
    ):
        try:
            value = (proc / path).read_text(encoding="utf-8").strip()
        except OSError:
            continue
        if value == off:
            name = path.replace("/", ".")
            return Check("user name spaces", False if wrong else None, f"{name} is {value}", f"As root: {mend}")
    return Check("user name spaces", True, "users may have them")


def _fuse(wrong: bool, device: Path = Path("/dev/fuse")) -> Check:
    if not device.exists():
        return Check(
            "/dev/fuse",
            False if wrong else None,
            "is not there; images are mounted through it",
            "As root: modprobe fuse",
        )
    if not os.access(device, os.R_OK | os.W_OK):
        return Check("/dev/fuse", False if wrong else None, "may not be opened by you", "As root: chmod 666 /dev/fuse")
    return Check("/dev/fuse", True, "can be opened")


def _subids(folder: Path = Path("/etc"), user: str = "") -> Check:
    root = os.getuid() == 0 and not user
    user = user or getpass.getuser()
    names = {user, str(os.getuid())}
    lacking = []
    for name in ("subuid", "subgid"):
        try:
            lines = (folder / name).read_text(encoding="utf-8").splitlines()
        except OSError:
            lines = []
        if not names & {line.partition(":")[0] for line in lines}:
            lacking.append(name)
    if root or not lacking:
        return Check("building images", True, "you may (subuid, subgid)")
    mend = f"As root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}"
    return Check("building images", None, f"no line for {user} in {' and '.join(f'/etc/{n}' for n in lacking)}", mend)


def run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a program, not for ever; what it says is caught."""
    try:
        return subprocess.run(
            list(words),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=WAIT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 124, "", f"{Path(words[0]).name} did not end in {WAIT_S} s")
    except OSError as error:
        return subprocess.CompletedProcess(words, 127, "", f"{words[0]}: {error.strerror}")
