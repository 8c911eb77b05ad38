"""The peers of ``bench/scale.py``, each on the same shape: GNU make, plain doit, Snakemake.

None of them starts a process for a task, as far as it can do without: make writes with its function ``$(file …)``, doit
with a function of Python; of Snakemake only the dry run is measured.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.scale_shape import CONTENT, FIRST_RUN, RUNS, SOURCE, last_task, make_raw, shape


@dataclass(frozen=True)
class System:
    """A system that is measured.

    Attributes
    ----------
    name
        What the table says.
    write
        Makes its files for a shape in a new folder.
    words
        The command for ``"first"``, ``"no-op"``, ``"changed"`` and ``"leaf"``, of a folder with a shape.
    ran
        How many tasks ran or would run, from what the command said; `None` where it does not say it.
    """

    name: str
    write: Callable[[Path, str], None]
    words: Callable[[str, Path, str], list[str]]
    ran: Callable[[str], int | None]


def made(folder: Path) -> int:
    """Count the files that the tasks of a shape have made."""
    return sum(len(names) for _, _, names in os.walk(folder / "products"))


def first_raw(folder: Path) -> Path:
    """Return the raw file that is changed."""
    return min((folder / "raw").iterdir())


def change(path: Path) -> os.stat_result:
    """Change a file; return what `put_back` needs."""
    before = path.stat()
    path.write_text(CONTENT.swapcase())
    return before


def put_back(path: Path, before: os.stat_result) -> None:
    """Give a file its content and its time again."""
    path.write_text(CONTENT)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


# --- GNU make

MAKEFILE = """\
write = $(if $(findstring n,$(firstword -$(MAKEFLAGS))),touch $@,$(file >$@,{content}))
all: {products}
"""
"""$(file …) writes in a dry run as well: there it is a line to show instead."""


def write_make(folder: Path, what: str) -> None:
    """Write a Makefile with a rule for each task."""
    make_raw(folder, shape(what))
    path = {step.name: step.path for step in shape(what)}
    with open(folder / "Makefile", "w") as file:
        file.write(MAKEFILE.format(content=CONTENT.rstrip("\n"), products=" ".join(path.values())))
        for step in shape(what):
            needs = [*(f"raw/{name}" for name in step.raw), *(path[name] for name in step.tasks)]
            file.write(f"{step.path}: {' '.join(needs)} ; $(write)\n")


def make_words(kind: str, folder: Path, what: str) -> list[str]:
    """Return make's command, without the rules for C and such that it would try on each file."""
    last = [path for step in shape(what) if step.name == last_task(what) for path in [step.path]]
    return ["make", "-rR", *{"changed": ["-n"], "leaf": last}.get(kind, [])]


def make_ran(text: str) -> int:
    """Count the tasks in what make's dry run said."""
    return sum(line.startswith("touch ") for line in text.splitlines())


def make_version() -> str:
    """Return make's version.

    Raises
    ------
    RuntimeError
        It is not there, or is none of GNU's of version 4.
    """
    there = shutil.which("make")
    text = subprocess.run([there, "--version"], capture_output=True, text=True).stdout if there else "none"
    found = re.match(r"GNU Make (4\.\S+)", text)
    if found is None:
        raise RuntimeError("GNU make 4 is needed (Debian: apt-get install make)")
    return found[1]


MAKE = System("GNU make", write_make, make_words, make_ran)


# --- plain doit

DODO = """\
from bench.scale_shape import CONTENT, shape


def write(targets):
    with open(targets[0], "w") as file:
        file.write(CONTENT)


def task_shape():
    path = {{}}
    for step in shape({what!r}):
        path[step.name] = step.path
        yield {{
            "basename": step.stage,
            "name": step.name.partition(":")[2],
            "actions": [(write,)],
            "file_dep": [*(f"raw/{{name}}" for name in step.raw), *(path[name] for name in step.tasks)],
            "targets": [step.path],
        }}
"""


def write_doit(folder: Path, what: str) -> None:
    """Write a dodo.py with the tasks."""
    make_raw(folder, shape(what))
    (folder / "dodo.py").write_text(DODO.format(what=what))


def doit_words(kind: str, folder: Path, what: str) -> list[str]:
    """Return plain doit's command."""
    words = [sys.executable, "-m", "doit", "run", "--backend", "sqlite3"]
    return [*words, last_task(what)] if kind == "leaf" else words


def doit_ran(text: str) -> int:
    """Count the tasks that doit says it ran."""
    return sum(line.startswith(".  ") for line in text.splitlines())


DOIT = System("plain doit", write_doit, doit_words, doit_ran)


# --- Snakemake

SNAKEFILE = """\
import json

RUNS_OF = json.loads({nights!r})
A, B = "{{night}}_M{{telescope}}_{{run}}.001", "{{night}}_{{run}}"
Z = "{source}"

wildcard_constraints:
    night="[0-9]{{8}}", run="[0-9]{{8}}", telescope="[12]"

rule all:
    input: [f"products/index/{{night}}_index.fits" for night in RUNS_OF]

rule sorcerer:
    input: f"raw/{{A}}_D_{{Z}}.raw"
    output: f"products/sorcerer/{{A}}_Y_{{Z}}.root"
    shell: "echo x > {{output}}"

rule merpp:
    input: f"products/sorcerer/{{A}}_Y_{{Z}}.root"
    output: f"products/merpp/{{A}}_Y_{{Z}}.root"
    shell: "echo x > {{output}}"

rule star:
    input: f"products/merpp/{{A}}_Y_{{Z}}.root"
    output: f"products/star/{{A}}_I_{{Z}}.root"
    shell: "echo x > {{output}}"

rule superstar:
    input: [f"products/star/{{{{night}}}}_M{{number}}_{{{{run}}}}.001_I_{{Z}}.root" for number in (1, 2)]
    output: f"products/superstar/{{B}}_S_{{Z}}.root"
    shell: "echo x > {{output}}"

rule melibea:
    input: f"products/superstar/{{B}}_S_{{Z}}.root"
    output: f"products/melibea/{{B}}_Q_{{Z}}.root"
    shell: "echo x > {{output}}"

rule dl3:
    input: f"products/melibea/{{B}}_Q_{{Z}}.root"
    output: f"products/dl3/{{B}}_DL3_{{Z}}.fits"
    shell: "echo x > {{output}}"

rule index:
    input: lambda w: [f"products/dl3/{{w.night}}_{{run:08d}}_DL3_{{Z}}.fits" for run in RUNS_OF[w.night]]
    output: "products/index/{{night}}_index.fits"
    shell: "echo x > {{output}}"
"""


def write_snakemake(folder: Path, what: str) -> None:
    """Write a Snakefile with a rule for each stage, and all files: they are up to date by their times."""
    make_raw(folder, shape(what))
    days = [step.name.partition(":")[2] for step in shape(what) if step.stage == "index"]
    runs = {
        day: list(range(FIRST_RUN + night * RUNS, FIRST_RUN + (night + 1) * RUNS)) for night, day in enumerate(days)
    }
    (folder / "Snakefile").write_text(SNAKEFILE.format(nights=json.dumps(runs), source=SOURCE))
    now = time.time()
    for number, step in enumerate(shape(what)):
        (folder / step.path).write_text(CONTENT)
        os.utime(folder / step.path, (now + number * 1e-3, now + number * 1e-3))


def snakemake_at(venv: Path) -> System:
    """Return the Snakemake of an environment; its dry run alone is measured."""

    def words(kind: str, folder: Path, what: str) -> list[str]:
        return [str(venv / "bin" / "snakemake"), "--dry-run", "--cores", "1", "--rerun-triggers", "mtime"]

    def ran(text: str) -> int | None:
        return 0 if "Nothing to be done" in text else None

    return System("Snakemake", write_snakemake, words, ran)
