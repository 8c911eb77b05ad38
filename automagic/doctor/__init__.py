"""Looks at all that an analysis needs in order to run: each thing in a line, and for what is wrong how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from automagic.analysis.site import Site
from automagic.doctor.check import Check, looked
from automagic.errors import UserError

__all__ = ["Check", "examine"]


def examine(root: Path | None, here: Path, submit: bool = False, wait_s: float = 300.0) -> Iterator[Check]:
    """Look at everything, one thing after the other.

    Parameters
    ----------
    root
        An analysis; `None` for this machine and what the site file of all analyses says.
    here
        The folder whose ``site.toml`` counts where there is no analysis.
    submit
        Whether to send a tiny job to a node.
    wait_s
        How long to wait for that.
    """
    from automagic.bookkeeping import Folder, HashCache
    from automagic.doctor import engines, machine, places
    from automagic.doctor.sharing import shared_checks

    yield from looked("Python", machine.python)
    site, check = read_site(root or here)
    yield check
    yield from looked("storage", partial(places.storage, site))
    yield from looked("shared store", partial(shared_checks, site))
    hashes = HashCache(Folder(root).hashes if root else None, root or here)
    wanted = engines_of(root)
    yield from looked("engines", partial(engines.engines, site, root, wanted, hashes.sha256))
    images = list(engines.images(site).values())
    in_images = bool(images)
    yield from looked("Apptainer", partial(machine.apptainer, images, in_images and site.executor == "local"))
    if root is not None:
        yield from looked("folder", partial(places.folder_checks, root, site))
        yield from looked("driver", lambda: iter([places.driver(Folder(root))]))
    for name, path in rooms(root, site):
        yield from looked(name, partial(places.room, name, path))
    if site.executor != "condor":
        if submit:
            yield Check("job on a node", None, "jobs run on this machine", 'Set executor = "condor" in site.toml.')
    else:
        yield from condor(root, site, images, bool(wanted - set(engines.images(site))), submit, wait_s)


def condor(
    root: Path | None, site: Site, images: list[Path], on_host: bool, submit: bool, wait_s: float
) -> Iterator[Check]:
    """Look at HTCondor, and send a job to a node where that is asked for."""
    from automagic.doctor import pool

    yield from looked("HTCondor", partial(pool.pool_checks, site.condor))
    if submit and root is not None:
        from automagic.doctor.node import node

        yield from looked("job on a node", partial(node, root, site, images, on_host, wait_s))


def read_site(folder: Path) -> tuple[Site, Check]:
    """Read the site; where that fails, the rest is looked at as on a site without a file."""
    import os

    from automagic.analysis.folder import SITE_VARIABLE, load_site

    common = os.environ.get(SITE_VARIABLE)
    files = ([common] if common else []) + ([str(folder / "site.toml")] if (folder / "site.toml").exists() else [])
    try:
        site = load_site(folder)
    except UserError as error:
        return Site(folder=folder), Check("site.toml", False, error.message, error.hint or "")
    with_what = {"condor": "with HTCondor", "local": "on this machine"}[site.executor]
    if not files:
        return site, Check("site.toml", None, f"there is none; jobs run {with_what}")
    return site, Check("site.toml", True, f"{' and '.join(files)}; jobs run {with_what}")


def engines_of(root: Path | None) -> set[str]:
    """Return the engines that an analysis uses."""
    from automagic.analysis import load

    if root is None:
        return set()
    try:
        return {load(root).engine, "science"}
    except UserError:  # ./doit tells more about it
        return {"science"}


def rooms(root: Path | None, site: Site) -> list[tuple[str, Path]]:
    """Return the folders that get large, each disk's once."""
    found = [("disk", root)] if root is not None else []
    cache = site.place(site.storage.cache)
    if root is None or not cache.is_relative_to(root):
        found += [("disk of storage.cache", cache)]
    return found
