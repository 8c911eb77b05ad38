"""The wheelhouse of an image: what it needs of ``requirements.lock``, fetched by hash for the image's own Python."""

from __future__ import annotations

import email
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from automagic.errors import UserError

PYTHON = "3.11"
"""Of Debian bookworm, the base of the images."""

_GLIBC = range(36, 16, -1)
"""Wheels made for these versions 2.x of the C library run in bookworm."""


@dataclass(frozen=True)
class Locked:
    """A package of the lock file: its version, where it counts, and its lines as one without that.

    pip would judge the marker by the Python that it runs in itself.
    """

    requirement: Requirement
    text: str

    @property
    def marker(self) -> Marker | None:
        """Where it counts."""
        return self.requirement.marker


def parse_lock(text: str) -> dict[str, Locked]:
    """Return the packages of a lock file by name.

    >>> lock = parse_lock("numpy==2.4.6 ; python_version < '3.12' \\\\\\n    --hash=sha256:00\\n")
    >>> lock["numpy"].marker
    <Marker('python_version < "3.12"')>
    """
    joined = re.sub(r"\\\n\s*", " ", text)
    found = {}
    for line in joined.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        head = line.partition(" --hash=")[0]
        try:
            requirement = Requirement(head)
        except InvalidRequirement as error:
            raise UserError(f"requirements.lock: cannot read {head!r}: {error}") from None
        found[str(canonicalize_name(requirement.name))] = Locked(
            requirement, re.sub(r"\s*;.*?(?= --hash=|$)", "", line.strip(), count=1)
        )
    return found


def environment(machine: str) -> dict[str, str]:
    """Return what markers ask for, of the image's Python."""
    return {
        "python_version": PYTHON,
        "python_full_version": f"{PYTHON}.2",
        "implementation_name": "cpython",
        "implementation_version": f"{PYTHON}.2",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": machine,
        "platform_release": "",
        "platform_version": "",
    }


def needs(metadata: str, extras: Iterable[str], machine: str) -> list[Requirement]:
    """Return what a package needs, from its metadata.

    Parameters
    ----------
    metadata
        Of the wheel (``METADATA``).
    extras
        Those that are asked for.
    machine
        Such as ``x86_64``.
    """
    found = []
    for text in email.message_from_string(metadata).get_all("Requires-Dist") or ():
        requirement = Requirement(text)
        marker = requirement.marker
        values = environment(machine)
        if marker is None or any(marker.evaluate({**values, "extra": extra}) for extra in ("", *extras)):
            found.append(requirement)
    return found


def read_metadata(wheel: Path) -> str:
    """Return the metadata of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)]
        return archive.read(names[0]).decode()


def collect(packages: Iterable[str], lock: Path, folder: Path, machine: str, pip: Path) -> list[Path]:
    """Fill a folder with the wheels of packages and of all that they need, and ``requirements.txt`` with their hashes.

    What they need is read from the wheels themselves, so that nothing of this machine's Python counts.

    Raises
    ------
    UserError
        A package is not in the lock file, or cannot be fetched.
    """
    locked = parse_lock(lock.read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    wanted: dict[str, set[str]] = {}
    new = {str(canonicalize_name(r.name)): set(r.extras) for r in map(Requirement, packages)}
    while new:
        for name, extras in new.items():
            wanted[name] = wanted.get(name, set()) | extras
        _check_locked(new, locked, lock, machine)
        requirements = folder / "requirements.txt"
        requirements.write_text("".join(f"{locked[name].text}\n" for name in sorted(wanted)), encoding="utf-8")
        _download(requirements, folder, machine, pip)
        wheels = _keep(folder, {name: locked[name] for name in wanted})
        found: dict[str, set[str]] = {}
        for name in new:
            for requirement in needs(read_metadata(wheels[name]), wanted[name], machine):
                found.setdefault(str(canonicalize_name(requirement.name)), set()).update(requirement.extras)
        new = {name: extras for name, extras in found.items() if name not in wanted or extras - wanted[name]}
    shutil.copyfile(pip, folder / pip.name)
    return sorted(folder.glob("*.whl"))


def _keep(folder: Path, wanted: dict[str, Locked]) -> dict[str, Path]:
    """Return the wheels by name; those that an older lock file left go away."""
    found = {}
    for path in folder.glob("*.whl"):
        name, version, *_ = parse_wheel_filename(path.name)
        if name in wanted and version in wanted[name].requirement.specifier:
            found[str(name)] = path
        else:
            path.unlink()
    return found


def _check_locked(names: Iterable[str], locked: dict[str, Locked], lock: Path, machine: str) -> None:
    for name in names:
        each = locked.get(name)
        if each is None or (each.marker is not None and not each.marker.evaluate(environment(machine))):
            raise UserError(
                f"{lock} has no {name} for Python {PYTHON} on {machine}, which the image needs",
                hint="Add it to pyproject.toml and make the lock file anew; its first lines say how.",
            )


def _download(requirements: Path, folder: Path, machine: str, pip: Path) -> None:
    words = [
        sys.executable,
        f"{pip}/pip",
        "download",
        "-q",
        "--disable-pip-version-check",
        "--require-hashes",
        "--no-deps",
    ]
    words += ["--only-binary=:all:", "--python-version", PYTHON, "--implementation", "cp"]
    words += [word for minor in _GLIBC for word in ("--platform", f"manylinux_2_{minor}_{machine}")]
    words += ["--platform", f"manylinux2014_{machine}", "--platform", f"manylinux2010_{machine}"]
    words += ["--dest", str(folder), "-r", str(requirements)]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR")] or result.stderr.splitlines()
        raise UserError(
            f"the packages of the image cannot be fetched: {lines[-1] if lines else 'pip ended with an error'}",
            hint=f"By hand: pip download --require-hashes -r {requirements}; behind a proxy, pip's own settings count.",
        )
