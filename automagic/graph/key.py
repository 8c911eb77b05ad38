"""What a graph was made from: as long as that is the same, nothing has to be expanded again.

It is cheap to find out, also for 100,000 tasks: the text of the settings, the rows of the index, and size and time of
the files that autoMAGIC and the engines' default cards are made of. A file in storage that is replaced by one with the
same name and header leaves the graph as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from automagic.graph.identity import PROJECT

_INDEX = """
SELECT coalesce(sum(hash(r)), 0)::VARCHAR FROM (
    SELECT COLUMNS(* EXCLUDE (mtime_ns, size, largest)),
           CASE WHEN contains(folder, '://') THEN size ELSE least(size, 1) END AS size FROM files) r
UNION ALL SELECT coalesce(sum(hash(r)), 0)::VARCHAR FROM (
    SELECT * EXCLUDE (mtime_ns, size) FROM headers) r
"""


def graph_key(folder: Path, sources: Mapping[str, Any]) -> str:
    """Return the digest of what the graph of an analysis is made from.

    Parameters
    ----------
    folder
        Of the analysis.
    sources
        As `sources_of` gives it.

    Raises
    ------
    UserError
        Storage is not there.
    """
    parts = [
        sources,
        [
            _text(path)
            for path in (folder / "analysis.toml", folder / "site.toml", *map(Path, sources.get("texts", ())))
        ],
        [os.environ.get(name) for name in ("AUTOMAGIC_SITE", "AUTOMAGIC_DATA")],
        _text(Path(os.environ.get("AUTOMAGIC_SITE") or os.devnull).expanduser()),
        _looks(PROJECT / "automagic", "*.py"),
        _looks(PROJECT / "catalog", "*"),
        [_looks(Path(place), "*.rc") for place in sources["cards"]],
        [_look(Path(path)) for path in sources["images"]],
        _index(sources) if sources["roots"] else None,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def sources_of(analysis: Any) -> dict[str, Any]:
    """Return where the graph of an analysis comes from, as plain data."""
    from automagic.index.find import all_roots, passes

    site = analysis.site
    images = [str(site.place(each.image)) for each in site.engines.values() if each.image]
    named = {analysis.engine, "openmars"} - {str(name) for name, each in site.engines.items() if each.image}
    return {
        "roots": all_roots(site),
        "passes": passes(analysis),
        "index": str(site.index_folder()),
        "cards": sorted(str(analysis.marssys(engine)) for engine in named),
        "images": sorted(path for image in images for path in (image, str(Path(image).with_suffix(".json")))),
        "public": site.storage.public,
        "texts": [] if analysis.pulsar is None else [str(analysis.folder / name) for name in analysis.pulsar.par],
    }


def _text(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _look(path: Path) -> tuple[str, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return str(path), stat.st_size, stat.st_mtime_ns


def _looks(folder: Path, pattern: str) -> Iterable[Any]:
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        suffix = pattern.lstrip("*")
        found += [_look(Path(parent, name)) for name in names if name.endswith(suffix)]
    return sorted(found, key=str)


def _index(sources: Mapping[str, Any]) -> list[str]:
    """Bring the index up to date and return the digest of its rows, without times and sizes of files."""
    from automagic.index.update import Wanted, updated

    found: list[str] = []
    for wanted in sources["passes"]:
        with updated(Path(sources["index"]), sources["roots"], Wanted(**wanted)) as (connection, _):
            found = [row[0] for row in connection.execute(_INDEX).fetchall()]
    return found
