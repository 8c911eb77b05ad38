"""Where the files of a selection are now: here, far away, on tape, gone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from automagic.errors import UserError
from automagic.staging.cache import Cache
from automagic.staging.remote import Remote, RemoteEntry, folders_of
from automagic.staging.trouble import Permanent, StorageError
from automagic.staging.urls import split

if TYPE_CHECKING:
    from automagic.graph.task import Source

PLACES = {
    "here": "here, in the cache",
    "online": "far away, online",
    "tape": "far away, on tape",
    "gone": "gone",
    "unknown": "storage did not say",
}
"""The places and their words, in the order in which they are told."""


@dataclass(frozen=True)
class Found:
    """Where a file is. `why` says it of a file that storage did not tell of."""

    source: Source
    place: str
    size: int | None
    why: str = ""


def survey(sources: Iterable[Source], cache: Cache, remote: Remote) -> list[Found]:
    """Find out where files are: in the cache, or in what storage lists today, a question a folder.

    Nothing is asked for from tape.

    Returns
    -------
    list of Found
        In the order of `sources`, each address once.
    """
    wanted = list({source.url: source for source in sources}.values())
    found: dict[str, Found] = {}
    for source in wanted:
        if cache.present(source) is not None:
            about = cache.known(source)
            found[source.url] = Found(source, "here", about.size if about else source.size)
    away = {source.url: source for source in wanted if source.url not in found}
    for folder, urls in folders_of(list(away)).items():
        entries: dict[str, RemoteEntry] = {}
        why = ""
        try:
            entries = {each.name: each for each in remote.speaker(folder).list(folder).files if each.problem is None}
        except Permanent as error:
            why = "" if "404" in error.reason or "not there" in error.reason else error.reason
        except (StorageError, UserError) as error:
            why = str(error)
        for url in urls:
            found[url] = _judge(away[url], entries.get(split(url)[1]), why)
    return [found[source.url] for source in wanted]


def _judge(source: Source, entry: RemoteEntry | None, why: str) -> Found:
    if entry is not None:
        return Found(source, entry.place, entry.size if entry.size is not None else source.size)
    return Found(source, "unknown" if why else "gone", source.size, why)
