"""Images are built from ``containers/NAME.def`` by Apptainer, and recorded."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import version as version_of
from pathlib import Path

from automagic.errors import UserError
from automagic.graph.identity import PROJECT
from automagic.images import wheels
from automagic.images.apptainer import ask, follow, program, version
from automagic.images.digest import digests, layout
from automagic.images.record import Record, check_name, place, read, write

CONTAINERS = PROJECT / "containers"
ENGINES = ("openmars", "science", "mars")
PACKAGES = {
    "openmars": (
        "numpy", "scipy", "numba", "scikit-learn", "cramjam", "uproot", "awkward", "astropy", "pyirf", "ebltable",
    ),
    "science": ("gammapy", "regions", "astropy", "matplotlib", "numpy", "scipy", "ebltable", "pyyaml", "pint-pulsar",
                "skyfield-data"),
    "mars": (),
}  # fmt: skip
"""Packages that the programs of an image import; what these need comes along."""

SOURCES = {
    "openmars": ("openmars", "containers", "requirements.lock"),
    "science": ("automagic/science", "automagic/cards", "automagic/errors.py", "containers", "requirements.lock"),
    "mars": ("containers",),
}
"""What an image is made of, of this project: the last commit that changed it is in the labels."""

_TIME = "946684800"  # 2000-01-01, as the clock of the jobs
_SQUASH = "-comp zstd -Xcompression-level 6"
_CARDS = """
import json, pathlib
cards = sorted(pathlib.Path("/opt/programs/mrcfiles").glob("*.rc"))
print(json.dumps({path.name: path.read_text(encoding="utf-8", errors="replace") for path in cards}))
"""


def build(
    name: str,
    output: Path | None = None,
    *,
    base: str | None = None,
    arguments: Mapping[str, str] | None = None,
    say: Callable[[str], None] = print,
) -> Record:
    """Build an image and its record.

    Parameters
    ----------
    name
        Of its definition, which is that of its engine too.
    output
        The SIF file; ``containers/NAME.sif`` by default.
    base
        A folder with the root file system of a Debian, or an image of a registry.
    arguments
        Build arguments of the definition.
    say
        Gets each line that Apptainer says.

    Raises
    ------
    UserError
        There is no such definition, an argument is wrong, or the build failed.
    """
    definition = CONTAINERS / f"{name}.def"
    if name not in ENGINES or not definition.is_file():
        raise UserError(f"there is no image {name!r} to build", hint=f"Build one of {', '.join(ENGINES)}.")
    target = (output or CONTAINERS / f"{name}.sif").resolve()
    check_name(target.stem)
    if target.suffix != ".sif" or not target.parent.is_dir():
        raise UserError(f"{target} is no place for an image", hint="Give a file NAME.sif in a folder that is there.")
    program()  # before anything is fetched
    known = known_arguments(definition.read_text(encoding="utf-8"))
    given = {**labels(name), **base_arguments(base), **(arguments or {})}
    check_arguments(given, known, definition)
    if PACKAGES[name]:
        pip = next(iter(sorted((PROJECT / ".bootstrap").glob("pip-*.whl"))))
        say(f"fetching the packages of {name}")
        wheels.collect(PACKAGES[name], PROJECT / "requirements.lock", CONTAINERS / "wheels" / name, machine(), pip)
    new = target.with_name(f".{target.stem}.{os.getpid()}.sif")
    try:
        _apptainer_build(definition, new, given, say)
        record = describe(new, name, known | given)
        os.replace(new, target)
    finally:
        new.unlink(missing_ok=True)
    record = replace(record, path=target, name=target.stem)
    write(record)
    return record


def _apptainer_build(definition: Path, new: Path, given: Mapping[str, str], say: Callable[[str], None]) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".args", encoding="utf-8") as file, contextlib.chdir(PROJECT):
        # a file, as words of the command line would be split at commas
        file.write("".join(f"{key}={value}\n" for key, value in sorted(given.items())))
        file.flush()
        # --force lets the definition's own build-date stand, the only date that Apptainer writes into the image
        words = ["--force", *([] if os.getuid() == 0 else ["--fakeroot"]), "--mksquashfs-args", _SQUASH]
        words += ["--build-arg-file", file.name, str(new), str(definition)]
        # mksquashfs takes this for its own date and for all later ones of files
        follow("build", *words, say=say, environment={"SOURCE_DATE_EPOCH": _TIME})


def machine() -> str:
    """Return the processor's kind, as wheels call it."""
    return platform.machine()


def known_arguments(definition: str) -> dict[str, str]:
    """Return the build arguments of a definition and their defaults.

    >>> known_arguments("Bootstrap: {{ B }}\\n%arguments\\n    B=docker\\n%post\\n    X=1\\n")
    {'B': 'docker'}
    """
    section = re.search(r"^%arguments\s*\n(.*?)(?=^%|\Z)", definition, re.M | re.S)
    pairs = re.findall(r"^\s*([A-Z_]+)=(.*?)\s*$", section.group(1) if section else "", re.M)
    return dict(pairs)


def check_arguments(given: Mapping[str, str], known: Mapping[str, str], definition: Path) -> None:
    """Refuse build arguments that the definition has not, and values that would break its lines.

    Raises
    ------
    UserError
        With the argument's name.
    """
    for key, value in given.items():
        if key not in known:
            raise UserError(f"{definition.name} has no build argument {key!r}; it has {', '.join(known)}")
        if not value.isprintable() or '"' in value or "{{" in value:
            raise UserError(f"build argument {key}: {value!r} has a character that a definition cannot hold")


def base_arguments(base: str | None) -> dict[str, str]:
    """Return the build arguments that say what an image starts from.

    >>> base_arguments("docker://debian@sha256:00")
    {'BOOTSTRAP': 'docker', 'FROM': 'debian@sha256:00'}
    """
    if base is None:
        return {}
    if base.startswith("docker://"):
        return {"BOOTSTRAP": "docker", "FROM": base.removeprefix("docker://")}
    if Path(base).exists():
        return {"BOOTSTRAP": "localimage", "FROM": str(file_argument(Path(base)))}
    if base.startswith((".", "/", "~")):
        raise UserError(
            f"there is no base {base}", hint="Make it, e.g.: debootstrap --variant=minbase bookworm FOLDER."
        )
    return {"BOOTSTRAP": "docker", "FROM": base}


def file_argument(path: Path) -> Path:
    """Return a file as a build argument: absolute, and with a name that a definition can hold.

    Raises
    ------
    UserError
        It is not there, or its path has blanks or other characters that Apptainer would read as something else.
    """
    absolute = path.resolve()
    if not absolute.exists():
        raise UserError(f"there is no file {path}")
    if not re.fullmatch(r"[A-Za-z0-9_./+@=,:-]+", str(absolute)):
        raise UserError(f"the path {absolute} has a character that a definition cannot hold", hint="Rename or move it.")
    return absolute


def labels(name: str) -> dict[str, str]:
    """Return the build arguments that become labels: version, commit and lock file."""
    lock = hashlib.sha256((PROJECT / "requirements.lock").read_bytes()).hexdigest()
    return {"VERSION": version_of("automagic"), "COMMIT": commit(SOURCES[name]), "LOCK": lock}


def commit(sources: tuple[str, ...]) -> str:
    """Return the last commit that changed these files, with ``-changed`` where they differ from it."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(PROJECT), *words, "--", *sources]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        last = git("log", "-1", "--format=%H")
        return f"{last}-changed" if git("status", "--porcelain") else last or "unknown"
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def describe(sif: Path, engine: str, arguments: Mapping[str, str] | None = None) -> Record:
    """Look into an image and make its record, without writing it.

    Raises
    ------
    UserError
        It is no image, or has no programs.
    """
    whole, inner = digests(sif, layout(sif))
    about = json.loads(ask("inspect", "--json", "--labels", "--deffile", str(sif)))["data"]["attributes"]
    options = ["--containall", "--cleanenv", "--no-home", "--net", "--network", "none"]
    cards = json.loads(ask("exec", *options, str(sif), "python3", "-I", "-c", _CARDS))
    return Record(
        path=sif,
        name=sif.stem,
        engine=engine,
        file_sha256=whole,
        partition_sha256=inner,
        size=sif.stat().st_size,
        labels={key: str(value) for key, value in (about.get("labels") or {}).items()},
        definition=about.get("deffile") or "",
        cards=cards,
        apptainer=version(),
        arguments=dict(arguments or {}),
    )


def add(sif: Path, engine: str) -> Record:
    """Make the record of an image that is there already; what it was built with stays known.

    Raises
    ------
    UserError
        It is no image of programs.
    """
    check_name(sif.stem)
    record = describe(sif.resolve(), engine)
    with contextlib.suppress(UserError):
        before = read(sif)
        if before.partition_sha256 == record.partition_sha256:
            record = replace(record, arguments=before.arguments, apptainer=before.apptainer)
    write(replace(record, path=sif))
    return record


def recorded(folders: list[Path]) -> Iterator[Path]:
    """Yield the images in folders."""
    for folder in folders:
        yield from sorted(
            path for path in folder.glob("*.sif") if not path.name.startswith(".") and place(path).exists()
        )
