"""Runs and Monte Carlo of an analysis: those in storage, by the index, and those that its site simulates."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from automagic.analysis import Analysis
from automagic.analysis.site import Site
from automagic.index.planned import planned_runs, planned_sets
from automagic.index.public import fetch
from automagic.index.runs import MC_LEVELS, McSet, Run

OFF_LEVELS = ("raw", "calibrated", "star", "superstar")
"""Levels of runs for training; of several the latest counts."""


def find_runs(analysis: Analysis, kind: str) -> list[Run]:
    """Find all runs of a kind, in the order of their numbers.

    Parameters
    ----------
    analysis
        Its site says where; the index of the site is brought up to date.
    kind
        ``"observation"`` or ``"off"``.

    Returns
    -------
    list of Run
        Also those with a telescope missing; `automagic.selection.select` chooses. Runs that it leaves out by the name
        of their source come without their files.
    """
    from automagic.index.stored import loose_runs, stored_runs

    site, data = analysis.site, analysis.data
    found = planned_runs(analysis, kind)
    roots = site.storage.roots if kind == "observation" else site.storage.off
    if kind == "observation" and data.level == "dl3" and site.storage.public is not None:
        found += loose_runs(fetch(site.storage.public), kind)
    if roots:
        levels, sources = asked_for(analysis, kind)
        with opened(site, levels, sources) as connection:
            found += stored_runs(connection, places(site, roots), levels, kind, sources)
    return sorted(found, key=lambda run: run.run)


def asked_for(analysis: Analysis, kind: str) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Return the levels and sources of the runs of a kind that an analysis asks for; `None` for all sources."""
    if kind != "observation":
        return OFF_LEVELS, None
    data = analysis.data
    # without a cone, runs of other sources are left out by their names: nobody looks into their files
    names = data.source or tuple(each.name for each in analysis.known)
    return (data.level,), None if data.cone is not None else tuple(names)


def passes(analysis: Analysis) -> list[dict[str, Any]]:
    """Return which headers an analysis wants to be in the index: arguments of `update.Wanted`, as plain data."""
    storage, found = analysis.site.storage, []
    for kind, roots in (("observation", storage.roots), ("off", storage.off)):
        if roots:
            levels, sources = asked_for(analysis, kind)
            found.append({"levels": _with_daq(levels), "sources": sources, "mc": False})
    return found + ([{"levels": MC_LEVELS, "sources": (), "data": False}] if storage.mc else [])


def _with_daq(levels: tuple[str, ...]) -> tuple[str, ...]:
    return (*levels, "report", "pedestal", "calibration") if "raw" in levels else levels


def find_mc(analysis: Analysis) -> list[McSet]:
    """Find the Monte Carlo sets, each at the latest level that storage has it at, in the order of zenith."""
    from automagic.index.stored import stored_sets

    site = analysis.site
    found = planned_sets(site.simulate)
    if site.storage.mc:
        with opened(site, MC_LEVELS, (), mc=True) as connection:
            found += stored_sets(connection, places(site, site.storage.mc))
    return sorted(found, key=lambda each: (each.zenith, each.geometry, each.name))


def places(site: Site, roots: list[str]) -> list[str]:
    """Return roots as the index has them: real paths of folders, and addresses in their one form."""
    import os

    from automagic.staging.urls import check_url, is_remote

    return [check_url(root) if is_remote(root) else os.path.realpath(site.place(root)) for root in roots]


def all_roots(site: Site) -> list[str]:
    """Return all roots of a site's storage, whatever is in them."""
    storage = site.storage
    return places(site, [*storage.roots, *storage.off, *storage.mc])


@contextmanager
def opened(
    site: Site, levels: tuple[str, ...], sources: tuple[str, ...] | None = None, mc: bool = False
) -> Iterator[Any]:
    """Bring a site's index up to date, with the headers of such files, and open it."""
    from automagic.index.update import Wanted, updated

    wanted = Wanted(_with_daq(levels), sources, data=not mc, mc=mc)
    folder = site.index_folder()
    with updated(folder, all_roots(site), wanted) as (connection, done):
        for note in done.notes:
            print(note, file=sys.stderr, flush=True)
        if done.unwritten:
            words = f"the index {folder} cannot be written to ({done.unwritten}): all of storage is read each time"
            print(words, file=sys.stderr, flush=True)
        yield connection
