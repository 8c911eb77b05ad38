"""``images.lock`` of an analysis: the images that it was made with, by digest."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automagic.errors import UserError
from automagic.images.record import Record, write_whole

FILE = "images.lock"
_HEAD = """\
# The images of this analysis, by the SHA-256 of the file system in them. Written at first use; another image is
# refused until it is accepted: automagic image pin ANALYSIS
"""


@dataclass(frozen=True)
class Pin:
    """An image as an analysis has pinned it."""

    name: str
    partition_sha256: str
    file_sha256: str


def read_pins(folder: Path) -> dict[str, Pin]:
    """Return the pins of an analysis, by engine.

    Raises
    ------
    UserError
        ``images.lock`` cannot be read.
    """
    path = folder / FILE
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return {engine: _pin(table) for engine, table in content.items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError) as error:  # damaged TOML and text that is no UTF-8 are ValueErrors
        raise UserError(
            f"{path} is damaged: {error}",
            hint=f"Take it from version control, or pin what site.toml names: automagic image pin {folder}",
        ) from None


def _pin(table: Any) -> Pin:
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise ValueError("each engine is to be a table of texts")
    return Pin(**table)


def write_pins(folder: Path, pins: Mapping[str, Pin]) -> None:
    """Write the pins of an analysis, by one rename."""
    lines = [_HEAD]
    for engine, pin in sorted(pins.items()):
        # names and digests are plain ASCII (`record.check_name`), so that JSON's quotes are TOML's
        values = "".join(f"{key} = {json.dumps(value)}\n" for key, value in vars(pin).items())
        lines.append(f"[{engine}]\n{values}")
    write_whole(folder / FILE, "\n".join(lines))


def check(folder: Path, engine: str, record: Record) -> None:
    """See that an image is the one that an analysis is pinned to; the first one that it uses is pinned.

    Parameters
    ----------
    folder
        The analysis.
    engine
        Whose programs are to run in the image.
    record
        Of the image.

    Raises
    ------
    UserError
        It is another image, or one of another engine.
    """
    _check_engine(engine, record)
    pins = read_pins(folder)
    known = pins.get(engine)
    if known is None:
        write_pins(folder, {**pins, engine: _pin_of(record)})
    elif known.partition_sha256 != record.partition_sha256:
        raise UserError(
            f"{folder.name} is pinned to another image of engine '{engine}': {folder / FILE} has "
            f"{known.name} {known.partition_sha256[:16]}…, site.toml names {record.path}, "
            f"{record.name} {record.partition_sha256[:16]}…",
            hint=f"Name the old image in site.toml, or accept the new one (its tasks run again): "
            f"automagic image pin {folder}",
        )


def pin(folder: Path, records: Mapping[str, Record] | Iterable[Record]) -> dict[str, Pin]:
    """Pin an analysis to images, whatever it was pinned to; return what changed, by engine.

    Parameters
    ----------
    records
        By engine; or records alone, each for its own engine.
    """
    given = records if isinstance(records, Mapping) else {record.engine: record for record in records}
    for engine, record in given.items():
        _check_engine(engine, record)
    try:
        before = read_pins(folder)
    except UserError:
        before = {}  # damaged: what is accepted now counts
    after = {**before, **{engine: _pin_of(record) for engine, record in given.items()}}
    if after != before:
        write_pins(folder, after)
    return {engine: after[engine] for engine in after if after[engine] != before.get(engine)}


def _check_engine(engine: str, record: Record) -> None:
    if record.engine != engine:
        raise UserError(
            f"the image {record.path} is of engine '{record.engine}', not '{engine}'",
            hint=f"Name an image of that engine in site.toml: [engines.{engine}] image = '…'.",
        )


def _pin_of(record: Record) -> Pin:
    return Pin(record.name, record.partition_sha256, record.file_sha256)
