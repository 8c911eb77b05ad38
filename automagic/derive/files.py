"""The files of a derived analysis: what a person wrote, with relative paths that mean the same places as before."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from automagic.analysis.folder import load_site
from automagic.derive.edit import change
from automagic.errors import UserError
from automagic.images.pins import FILE as PINS
from automagic.staging.urls import is_remote

NAMED_MAX = 100_000_000
"""A file beside ``analysis.toml`` that it names is copied up to this size (bytes)."""


def settings_text(folder: Path) -> str:
    """Return the text of ``analysis.toml``.

    Raises
    ------
    UserError
        It cannot be read.
    """
    path = folder / "analysis.toml"
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None


def copy_files(parent: Path, part: Path, target: Path) -> list[str]:
    """Bring site.toml, images.lock, and the files that the settings name into a new folder.

    Parameters
    ----------
    parent
        The analysis that it comes from.
    part
        The new folder, where it is being made: beside `target`.
    target
        Where it will be.

    Returns
    -------
    list of str
        What a person should know.

    Raises
    ------
    UserError
        A path would mean another place there.
    """
    notes = copy_site(parent, part, target)
    if (parent / PINS).is_file():
        shutil.copyfile(parent / PINS, part / PINS)
    for name in sorted(_named(parent)):
        source = parent / name
        inside = source.resolve().is_relative_to(parent)
        if not inside:
            if Path(os.path.normpath(target / name)).resolve() != source.resolve():
                raise UserError(
                    f"analysis.toml of {parent.name} names the file {name}, which is elsewhere as seen from {target}",
                    hint="Write its absolute path there, or put the new analysis beside the old one.",
                )
            continue
        if source.stat().st_size > NAMED_MAX:
            raise UserError(f"{source} is too large to be copied", hint="Write its absolute path into analysis.toml.")
        (part / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, part / name)
    return notes


def _named(parent: Path) -> set[str]:
    """Return the relative paths of files that are values in ``analysis.toml``."""
    found = set()
    for text in _texts(tomllib.loads(settings_text(parent))):
        if text and len(text) < 1000 and "\0" not in text and not text.startswith(("/", "~")):
            path = parent / text
            if path.is_file() and path.name not in ("analysis.toml", "site.toml"):
                found.add(os.path.normpath(text))
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def copy_site(parent: Path, part: Path, target: Path) -> list[str]:
    """Write site.toml so that every path in it means the same place as in the parent."""
    source = parent / "site.toml"
    if not source.is_file():
        return []
    with open(source, encoding="utf-8", newline="") as file:
        text = file.read()
    site, notes = load_site(parent), []
    content = tomllib.loads(text)

    def moved(given: str) -> str:
        if is_remote(given) or given.startswith(("/", "~")):
            return given
        place = site.place(given)
        if (target / given).resolve() == place:
            return given
        return os.path.relpath(place, target) if parent.parent == target.parent else str(place)

    for path, given in _paths(content):
        if path[-1] == "index" and site.index_folder().is_relative_to(parent):
            continue  # each has its own
        new = [moved(each) for each in given] if isinstance(given, list) else moved(given)
        if new != given:
            text = change(text, path, new)
            notes.append(f"site.toml: {'.'.join(path)} is now {new!r}: the same place as for {parent.name}")
    cache = site.place(site.storage.cache)
    if cache.is_dir() and cache.is_relative_to(parent) and site.storage.cache == ".cache":
        shared = os.path.relpath(cache, target) if parent.parent == target.parent else str(cache)
        text = change(text, ("storage", "cache"), shared)
        notes.append(f"site.toml: storage.cache is now {shared!r}: files brought for {parent.name} count here as well")
    with open(part / "site.toml", "w", encoding="utf-8", newline="") as file:
        file.write(text)
    copy_index(site.index_folder(), parent, part, site.storage.index)
    return notes


def _paths(content: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the keys of site.toml that are paths, with their values."""
    storage = content.get("storage", {})
    for key in ("roots", "mc", "off"):
        if key in storage:
            yield ("storage", key), storage[key]
    if "index" in storage:
        yield ("storage", "index"), storage["index"]
    if storage.get("cache", ".cache") != ".cache":
        yield ("storage", "cache"), storage["cache"]
    for engine, each in content.get("engines", {}).items():
        for key in ("image", "marssys"):
            if key in each:
                yield ("engines", engine, key), each[key]


def copy_index(index: Path, parent: Path, part: Path, name: str) -> None:
    """Copy the run index where it is the analysis's own: what was read of headers need not be read again.

    Its files are replaced whole when they change. The table of folders is copied first: what changes meanwhile is newer
    than it tells, and is looked at again.
    """
    if not index.is_dir() or not index.is_relative_to(parent):
        return
    place = part / name
    place.mkdir(parents=True, exist_ok=True)
    for each in sorted(index.iterdir(), key=lambda path: path.stem not in ("index", "folders")):
        if each.is_file() and each.suffix in (".parquet", ".json"):
            shutil.copyfile(each, place / each.name)
