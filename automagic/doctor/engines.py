"""The engines: images with their records and pins, and folders of programs on this host."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from automagic.analysis.site import Site
from automagic.doctor.check import Check
from automagic.errors import UserError
from automagic.graph.identity import PROJECT

HOST = "programs run in the host's environment, which no archive can bring back bit for bit"


def images(site: Site) -> dict[str, Path]:
    """Return the images that a site names, by engine."""
    return {str(name): site.place(each.image) for name, each in site.engines.items() if each.image}


def folders(site: Site) -> dict[str, Path]:
    """Return the folders of programs that a site names for engines without an image, by engine."""
    return {
        str(name): site.place(each.marssys) for name, each in site.engines.items() if each.marssys and not each.image
    }


def engines(site: Site, root: Path | None, wanted: set[str], sha256: Callable[[Path], str]) -> Iterator[Check]:
    """Look at the engines of a site.

    Parameters
    ----------
    root
        The analysis, whose pins count.
    wanted
        Engines that the analysis uses.
    sha256
        Hashes a file.
    """
    with_image, on_host = images(site), folders(site)
    for engine, sif in with_image.items():
        yield image(engine, sif, root, sha256)
    for engine, folder in on_host.items():
        yield programs(engine, folder)
    for engine in sorted(wanted - set(with_image) - set(on_host)):
        if engine == "openmars":
            yield programs(engine, PROJECT / "openmars")
        elif engine == "science":
            yield Check("engine science", None, f"of this project: {HOST}", _advice(engine))
        else:
            yield Check(f"engine {engine}", False, "the site does not say where its programs are", _advice(engine))


def _advice(engine: str) -> str:
    return f"[engines.{engine}] image = '…' in site.toml; automagic image build {engine} makes one"


def image(engine: str, sif: Path, root: Path | None, sha256: Callable[[Path], str]) -> Check:
    """Look at an image: whether it is what its record says, and the one that the analysis is pinned to."""
    from automagic.images import find
    from automagic.images.pins import read_pins

    name = f"engine {engine}"
    try:
        record = find(sif, sha256)
        pin = read_pins(root).get(engine) if root is not None else None
    except UserError as error:
        return Check(name, False, error.message, error.hint or "")
    if record.engine != engine:
        return Check(name, False, f"{sif} is an image of engine {record.engine}", _advice(engine))
    if pin is not None and pin.partition_sha256 != record.partition_sha256:
        found = f"{sif} is {record.partition_sha256[:16]}…; the analysis is pinned to {pin.partition_sha256[:16]}…"
        return Check(name, False, found, f"Name that image, or accept this one: automagic image pin {root}")
    pinned = ", pinned" if pin is not None else ""
    return Check(name, True, f"{sif}, {record.size / 1e6:.0f} MB, {record.partition_sha256[:16]}…{pinned}")


def programs(engine: str, folder: Path) -> Check:
    """Look at a folder of programs."""
    from automagic.programs import PROGRAMS

    name = f"engine {engine}"
    if not folder.is_dir():
        return Check(
            name, False, f"there is no folder {folder}", f"Name another as engines.{engine}.marssys in site.toml"
        )
    chain = [each.program for each in PROGRAMS.values() if each.engine is None]
    missing = [each for each in chain if not os.access(folder / each, os.X_OK)]
    if len(missing) == len(chain):
        mend = f"engines.{engine}.marssys is the folder that has {', '.join(chain[:3])} … and mrcfiles/"
        return Check(name, False, f"{folder} has none of the programs", mend)
    if not (folder / "mrcfiles").is_dir():
        return Check(name, False, f"{folder} has no mrcfiles/ with the default cards", "Name the whole MARSSYS folder")
    lacks = f"; it lacks {', '.join(missing)}" if missing else ""
    return Check(name, None, f"{folder}{lacks}: {HOST}", _advice(engine))
