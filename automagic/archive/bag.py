"""The archive of an analysis: one BagIt bag (RFC 8493), as a folder or as a plain tar file.

The same state of an analysis gives the same bytes: all dates are that of the last event in its journal, entries of the
tar are sorted and belong to nobody.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import tarfile
from collections.abc import Iterator
from importlib.metadata import version as version_of
from pathlib import Path

from automagic.analysis.pulsar import PAR_NAME
from automagic.archive import crate, ivoa, words
from automagic.archive.gather import KEPT, TEXTS, Gathered, gather
from automagic.bookkeeping import archived, catalog
from automagic.bookkeeping.journal import journals, read_journal
from automagic.errors import UserError
from automagic.images.record import place
from automagic.job.bundle import content as job_pyz
from automagic.job.launch import LAUNCHER
from automagic.job.spec import sha256_file

RERUN = Path(__file__).with_name("rerun_alone.py")
"""What becomes ``rerun.py`` of an archive."""

COPIED = ("card.rc", "log.txt", "receipt.json")
"""What an archive holds of each action, besides products."""


def archive(root: Path, output: Path, products: str = "dl3", with_image: bool = False) -> Gathered:
    """Put an analysis away.

    Parameters
    ----------
    root
        Its folder.
    output
        A new file that ends in ``.tar``, or a new folder.
    products
        Which products to keep: ``"all"``, ``"dl3"`` (with results) or ``"none"`` (results alone).
    with_image
        Whether to keep the images themselves, and not their digests and definitions alone.

    Raises
    ------
    UserError
        The analysis is not complete, a file is not what the records say, or the archive cannot be written.
    """
    if products not in KEPT:
        raise UserError(f"--products {products}: expected all, dl3 or none")
    if output.exists():
        raise UserError(f"{output} is there already", hint="Name a new file or folder.")
    if not output.parent.is_dir():
        raise UserError(f"there is no folder {output.parent}")
    found = gather(root, products)
    one_file = output.suffix == ".tar"
    stage = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        bag = stage / found.folder.name
        bag.mkdir(parents=True)
        fill(bag, found, with_image, link=one_file)
        seal(bag, found)
        check(bag, found)
        with contextlib.suppress(PermissionError):  # it is somebody else's analysis: they do not know of this archive
            digest = sha256_file(bag / "manifest-sha256.txt")
            archived.note(found.folder, str(output.absolute()), digest, (step["action"] for step in found.steps))
        if one_file:
            write_tar(bag, stage / "tar", found.stamp)
            os.replace(stage / "tar", output)
        else:
            os.replace(bag, output)
    except OSError as error:
        raise UserError(f"{error.filename or output} could not be written: {error.strerror}",
                        hint="Make room there, or name another place.") from None  # fmt: skip
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return found


def fill(bag: Path, found: Gathered, with_image: bool, link: bool) -> None:
    """Put all files of the archive into a folder.

    Parameters
    ----------
    link
        Whether products and images may be links to the same file: the folder goes when the tar is written.
    """
    for source, name in files(found, with_image):
        target = bag / name
        target.parent.mkdir(parents=True, exist_ok=True)
        put(source, target, link)
    texts = {
        "steps.jsonl": "".join(json.dumps(s, sort_keys=True, ensure_ascii=False) + "\n" for s in found.steps),
        "inputs.tsv": "".join("\t".join(map(str, row)) + "\n" for row in found.inputs),
        "README.txt": words.readme(found),
        "rerun.py": RERUN.read_text(encoding="utf-8"),
        "provenance/ivoa.json": ivoa.export(found),
        **{f"images/{r.name}.def": r.definition for r in found.images},
    }
    for name, text in texts.items():
        (bag / name).parent.mkdir(parents=True, exist_ok=True)
        (bag / name).write_text(text, encoding="utf-8")
    (bag / "job.pyz").write_bytes(job_pyz())
    there = sorted(path.relative_to(bag).as_posix() for path in bag.rglob("*") if path.is_file())
    users = sorted({str(e["user"]) for e in read_journal(found.folder.journal) if e.get("user")})
    told = crate.metadata(found, there, version_of("automagic"), users)
    (bag / "ro-crate-metadata.json").write_text(told, encoding="utf-8")


def files(found: Gathered, with_image: bool) -> Iterator[tuple[Path, str]]:
    """Yield the files that are copied as they are, with their names in the archive."""
    folder = found.folder
    pars = sorted(path.name for path in folder.root.glob("*.par") if PAR_NAME.fullmatch(path.name))
    for name in (*TEXTS, *pars):
        if (folder.root / name).is_file():
            yield folder.root / name, name
    for path in journals(folder.journal):
        yield path, f"journal/{path.name}"
    for path in sorted(folder.exports.glob("*.parquet")):
        yield path, f"catalog/{path.name}"
    yield catalog.SCHEMA, "catalog/schema.sql"
    yield LAUNCHER, "launch.sh"
    report = folder.root / "results" / "report.html"
    if report.is_file():
        yield report, "results/report.html"
    for step in found.steps:
        place_of = folder.action(step["action"])
        for name in COPIED:
            if (place_of / name).is_file():
                yield place_of / name, f"store/{step['action'][:2]}/{step['action']}/{name}"
        for item in step["made"]:
            if item["file"] is not None:
                yield place_of / item["name"], item["file"]
    for record in found.images:
        yield place(record.path), f"images/{record.name}.json"
        if with_image:
            yield record.path, f"images/{record.name}.sif"


def put(source: Path, target: Path, link: bool) -> None:
    """Copy a file, or link to it where that is allowed and possible."""
    if link:
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copyfile(source, target)


def seal(bag: Path, found: Gathered) -> None:
    """Make a bag of a folder: hash all that is in it."""
    import bagit

    about = {
        "Bagging-Date": found.day,
        "Bag-Software-Agent": f"autoMAGIC {version_of('automagic')}; bagit.py {version_of('bagit')}",
        "External-Identifier": found.folder.name,
        "External-Description": f"Analysis {found.folder.name} of data of the MAGIC telescopes; see data/README.txt",
    }
    logging.getLogger("bagit").setLevel(logging.WARNING)  # it tells of every step otherwise
    bagit.make_bag(str(bag), about, checksums=["sha256"])
    tags = bag / "tagmanifest-sha256.txt"  # bagit.py puts one space between hash and name, sha256sum wants two
    lines = [line.split(maxsplit=1) for line in tags.read_text(encoding="utf-8").splitlines()]
    tags.write_text("".join(f"{digest}  {name}\n" for digest, name in sorted(lines, key=lambda x: x[1])), "utf-8")


def check(bag: Path, found: Gathered) -> None:
    """Compare what was hashed with what the receipts say.

    Raises
    ------
    UserError
        A product or an image is another file than it was.
    """
    import bagit

    entries = bagit.Bag(str(bag)).payload_entries()
    wanted = {i["file"]: i["sha256"] for step in found.steps for i in step["made"] if i["file"] is not None}
    wanted |= {f"images/{r.name}.sif": r.file_sha256 for r in found.images if f"data/images/{r.name}.sif" in entries}
    wrong = [name for name, digest in wanted.items() if entries[f"data/{name}"]["sha256"] != digest]
    if wrong:
        raise UserError(
            f"{len(wrong)} files are not what the records say, {wrong[0]} for one",
            hint=f"automagic audit {found.folder.label} finds them all;  ./doit makes them again.",
        )


def write_tar(bag: Path, output: Path, stamp: int) -> None:
    """Write a folder as a tar file: sorted, of nobody, of one date."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = stamp, 0, 0, "", ""
        entry.mode = 0o755 if entry.isdir() else 0o644
        return entry

    paths = sorted(bag.rglob("*"), key=lambda path: path.relative_to(bag).as_posix())
    with tarfile.open(output, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in [bag, *paths]:
            entry = tar.gettarinfo(path, path.relative_to(bag.parent).as_posix())
            if path.is_dir():
                tar.addfile(plain(entry))
                continue
            entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", path.stat().st_size  # no links among them
            with open(path, "rb") as file:
                tar.addfile(plain(entry), file)
