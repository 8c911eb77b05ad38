"""Folders of remote storage, as `automagic.index.walk` has those of this machine."""

from __future__ import annotations

import time
from typing import Any

from automagic.errors import UserError
from automagic.index.walk import Known, Scan, Walk

LIST_AGAIN_S = 600.0
"""An analysis that asks again within this time is answered from the last listing; ``automagic index`` always lists."""


def list_remote(
    urls: list[str], known: dict[str, Known], listed: dict[str, float], found: Walk, again_s: float
) -> tuple[dict[str, float], list[str]]:
    """Add the folders of remote roots to a walk: those listed now to `scans`, those of an earlier listing to `same`.

    Parameters
    ----------
    listed
        Unix time of the last listing of each root.
    again_s
        Seconds after which a listing is too old.

    Returns
    -------
    listed, notes
        The new times; sentences about storage that could not be listed, for which the last listing counts.

    Raises
    ------
    UserError
        Storage cannot be listed, and never was.
    """
    now = time.time()
    times: dict[str, float] = {}
    notes: list[str] = []
    for url in urls:
        before = [path for path in known if path == url or path.startswith(f"{url}/")]
        last = listed.get(url, 0.0) if before else 0.0
        if 0 <= now - last < again_s:
            found.same += before
            times[url] = last
            continue
        try:
            scans = list(_listing(url))
        except UserError as error:
            if not before:
                raise
            notes.append(f"{error.message}; what it had when it was last listed counts")
            found.same += before
            times[url] = last
        else:
            found.scans += scans
            times[url] = now
    return times, notes


def _listing(url: str) -> Any:
    from automagic.staging.remote import walk

    for folder, entries in walk(url):
        scan = Scan(folder)
        for entry in entries:
            if entry.problem is not None:
                scan.odd.append((entry.name, entry.problem))
                continue
            scan.names.append(entry.name)
            scan.sizes.append(entry.size)
            scan.mtimes_ns.append(None if entry.mtime is None else int(entry.mtime * 1e9))
            scan.places.append(entry.place)
        yield scan
