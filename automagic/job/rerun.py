"""``python3 rerun.py``: run an archive again with nothing but Python (3.9 or later) and Apptainer."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from automagic.errors import UserError
from automagic.job.again import IDENTICAL, Bench, Row, find_inputs, in_order
from automagic.job.certificate import apptainer_version, certificate, summary, write
from automagic.job.spec import sha256_file
from automagic.job.steps import Step, StepError, read_steps, wanted

NEEDED = ("steps.jsonl", "inputs.tsv", "job.pyz", "launch.sh")
"""Files of an archive that a rerun uses, besides images."""


def main(argv: list[str], bag: Path) -> int:
    """Run an archive again.

    Parameters
    ----------
    bag
        The folder with ``rerun.py``: ``data/`` of the bag.

    Returns
    -------
    int
        0 where all products are identical, 1 where not, 2 where it could not be tried.
    """
    words = arguments(bag).parse_args(argv)
    try:
        return rerun(words, bag)
    except (UserError, StepError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130


def arguments(bag: Path) -> argparse.ArgumentParser:
    """Return what the command line may say."""
    parser = argparse.ArgumentParser(prog="rerun.py", description=f"Run the archive {bag.parent.name} again.")
    parser.add_argument("--into", type=Path, required=True, metavar="DIR", help="a folder for what is made")
    parser.add_argument(
        "--inputs",
        type=Path,
        action="append",
        default=[],
        metavar="ROOT",
        help="where the files in storage are (inputs.tsv lists them); may be said more than once",
    )
    parser.add_argument(
        "--image",
        type=Path,
        action="append",
        default=[],
        metavar="SIF",
        help="an image that is not in the archive; may be said more than once",
    )
    parser.add_argument("--only", action="append", default=[], metavar="TASK", help="only this task and what it needs")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="so many at once")
    parser.add_argument("--apptainer", default=shutil.which("apptainer") or "/usr/bin/apptainer", metavar="PROGRAM")
    return parser  # fmt: skip


def rerun(words: argparse.Namespace, bag: Path) -> int:
    """Do what the command line says."""
    identity = check_files(bag, NEEDED)
    with open(bag / "steps.jsonl", "rb") as file:
        steps = wanted(read_steps(file), words.only)
    alone(steps)
    version = apptainer_version(words.apptainer)
    if not version:
        raise UserError(f"there is no Apptainer at {words.apptainer}", hint="Name it: --apptainer PROGRAM")
    pictures = [*sorted((bag / "images").glob("*.sif")), *words.image]
    images = find_images(steps, pictures)
    found = require_inputs(steps, words.inputs, read_inputs(bag / "inputs.tsv"))
    into = claim(words.into, identity)
    bench = Bench(into, found, images, bag / "job.pyz", words.apptainer)
    print(f"{bag.parent.name}: {len(steps)} steps, {words.jobs} at once, in {into}", flush=True)

    def one(step: Step) -> str:
        if bench.is_there(step):
            return ""
        try:
            bench.prepare(step, step["command"], step["variables"])
        except FileNotFoundError as error:
            return str(error)
        with open(bench.work(step) / "launch.log", "wb") as log:
            subprocess.run(["sh", bag / "launch.sh", bench.work(step)], stdin=subprocess.DEVNULL, stdout=log,
                           stderr=subprocess.STDOUT, check=False)  # fmt: skip
        return bench.collect(step)

    rows: dict[str, list[Row]] = {}
    for step, reason in in_order(steps, one, max(1, words.jobs)):
        rows[step["action"]] = bench.compare(step, reason)
        show(rows[step["action"]])
    ordered = [row for step in steps for row in rows[step["action"]]]
    archive = {"name": bag.parent.name, "manifest_sha256": identity}
    told = certificate(archive, steps, ordered, words.only, version)
    write(told, into / "certificate.json")
    print("\n".join(summary(told)))
    print(f"certificate: {into / 'certificate.json'}")
    return 0 if told["verdict"] == IDENTICAL else 1


def show(rows: Iterable[Row]) -> None:
    """Print products as they are compared."""
    for row in rows:
        told = f": {row['reason']}" if row["reason"] else ""
        print(f"{row['verdict']:<20} {row['task']} {row['name']}{told}", flush=True)


def alone(steps: Iterable[Step]) -> None:
    """Refuse steps that were not run in an image.

    Raises
    ------
    UserError
        With their environment.
    """
    for step in steps:
        if step.get("image") is None:
            raise UserError(
                f"{step['tasks'][0]} was run in a {step['environment']}, which is not in the archive",
                hint="Where the same programs are there: automagic rerun",
            )


def check_files(bag: Path, names: Iterable[str]) -> str:
    """Compare files of the archive with its manifest; return the SHA-256 of the manifest.

    Raises
    ------
    UserError
        One is not what the manifest says.
    """
    manifest = (bag.parent / "manifest-sha256.txt").read_bytes()
    known = {}
    for line in manifest.decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        known[name] = digest
    for name in (*names, *(f"images/{path.name}" for path in sorted((bag / "images").glob("*.sif")))):
        if known.get(f"data/{name}") != sha256_file(bag / name):
            raise UserError(f"data/{name} is not what manifest-sha256.txt says", hint="Fetch the archive again.")
    return hashlib.sha256(manifest).hexdigest()


def find_images(
    steps: Iterable[Step], paths: Iterable[Path], partition: Callable[[Path], str] = lambda _: ""
) -> dict[str, Path]:
    """Return the images of steps by the SHA-256 of their file system, each checked by that of its file.

    Parameters
    ----------
    partition
        Returns the SHA-256 of the file system in an image: that of the file is another one where it was signed later.

    Raises
    ------
    UserError
        One is not there.
    """
    there = {sha256_file(path): path.resolve() for path in paths}
    found: dict[str, Path] = {}
    for step in steps:
        image = step["image"]
        digest = image["partition_sha256"]
        if digest in found:
            continue
        if image["file_sha256"] in there:
            found[digest] = there[image["file_sha256"]]
            continue
        same = [path for path in there.values() if partition(path) == digest]
        if not same:
            raise UserError(
                f"the image {image['name']} is not there (sha256 of its file {image['file_sha256']})",
                hint="Name its file: --image FILE",
            )
        found[digest] = same[0]
    return found


def read_inputs(path: Path) -> dict[str, str]:
    """Read where the files in storage were, by SHA-256."""
    found = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            digest, *_, where = line.rstrip("\n").split("\t")
            found[digest] = where
    return found


def require_inputs(steps: list[Step], roots: Iterable[Path], recorded: dict[str, str]) -> dict[str, Path]:
    """Return the files in storage that steps read, by SHA-256.

    Raises
    ------
    UserError
        Some are not there.
    """
    found, missing = find_inputs(steps, roots, recorded)
    if missing:
        shown = "\n".join(f"  {item['name']} {why}" for item, why in missing[:10])
        more = f"\n  and {len(missing) - 10} more" if len(missing) > 10 else ""
        raise UserError(
            f"{len(missing)} of {len(missing) + len(found)} files in storage are not there:\n{shown}{more}",
            hint="Name the folders that have them: --inputs ROOT (inputs.tsv has their hashes)",
        )
    return found


def claim(into: Path, identity: str) -> Path:
    """Make the folder for what is made, or go on in one of the same archive.

    Raises
    ------
    UserError
        There is something else in it.
    """
    mark = into / "archive.sha256"
    known = mark.read_text(encoding="utf-8").strip() if mark.is_file() else ""
    if known != identity and into.exists() and any(into.iterdir()):
        raise UserError(f"{into} is not empty, and not from an earlier rerun of this archive")
    into.mkdir(parents=True, exist_ok=True)
    mark.write_text(identity + "\n", encoding="utf-8")
    return into.resolve()
