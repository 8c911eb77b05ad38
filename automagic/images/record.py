"""The record of an image: what is known of ``NAME.sif``, in ``NAME.json`` beside it."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from automagic.errors import UserError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TEXTS = ("name", "engine", "file_sha256", "partition_sha256", "definition", "apptainer")
_TABLES = ("labels", "cards", "arguments")


@dataclass(frozen=True)
class Record:
    """What is known of an image.

    Attributes
    ----------
    path
        The SIF file.
    name, engine
        Its name, and whose programs it has: ``openmars``, ``mars`` or ``science``.
    file_sha256
        Of the whole file; a signature changes it.
    partition_sha256
        Of the file system in it: the identity of the image.
    size
        Of the file, bytes.
    labels, definition
        As Apptainer keeps them in the image.
    cards
        Default cards: text by name.
    apptainer
        Version of the Apptainer that built it, or found it when it was added.
    arguments
        Build arguments.
    """

    path: Path
    name: str
    engine: str
    file_sha256: str
    partition_sha256: str
    size: int
    labels: dict[str, str] = field(default_factory=dict)
    definition: str = ""
    cards: dict[str, str] = field(default_factory=dict)
    apptainer: str = ""
    arguments: dict[str, str] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """Return what a receipt keeps of it."""
        labels = {key: value for key, value in self.labels.items() if key.startswith("automagic.")}
        return {
            "name": self.name,
            "partition_sha256": self.partition_sha256,
            "file_sha256": self.file_sha256,
            "size": self.size,
            "labels": labels,
        }


def place(sif: Path) -> Path:
    """Return the file of an image's record."""
    return sif.with_suffix(".json")


def check_name(name: str) -> str:
    """Return the name of an image, or of its file without the ending, if it is one.

    Raises
    ------
    UserError
        It has more than letters, digits and ``. _ + -``.
    """
    if not _NAME.fullmatch(name):
        raise UserError(f"{name!r} is no name for an image", hint="Use letters, digits and . _ + - only.")
    return name


def read(sif: Path) -> Record:
    """Read the record of an image.

    Raises
    ------
    UserError
        The image or its record is not there, or the record is damaged.
    """
    if not sif.is_file():
        raise UserError(
            f"there is no image {sif}",
            hint="Build it: automagic image build openmars|science|mars --output FILE; or name another in site.toml.",
        )
    path = place(sif)
    try:
        return _parse(sif, json.loads(path.read_bytes()))
    except FileNotFoundError:
        raise UserError(
            f"the image {sif} has no record {path.name} beside it",
            hint=f"Make it: automagic image add {sif} --engine ENGINE",
        ) from None
    except OSError as error:
        raise UserError(f"the record {path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UserError(
            f"the record {path} is damaged: {error}", hint=f"Make it again: automagic image add {sif} --engine ENGINE"
        ) from None


def _parse(sif: Path, content: Any) -> Record:
    if not isinstance(content, dict) or content.get("image") != 1:
        raise ValueError("it is no record of an image that this version reads")
    for key in (*_TEXTS, *_TABLES, "size"):
        if key not in content and key not in ("arguments",):
            raise ValueError(f"it has no {key!r}")
    if not all(isinstance(content[key], str) for key in _TEXTS):
        raise ValueError(f"one of {', '.join(_TEXTS)} is no text")
    for key in ("file_sha256", "partition_sha256"):
        if not _DIGEST.fullmatch(content[key]):
            raise ValueError(f"{key!r} is no SHA-256")
    if not _NAME.fullmatch(content["name"]):
        raise ValueError("'name' is no name for an image")
    if not isinstance(content["size"], int) or isinstance(content["size"], bool) or content["size"] < 0:
        raise ValueError("'size' is no number of bytes")
    tables = {key: content.get(key, {}) for key in _TABLES}
    for key, table in tables.items():
        if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
            raise ValueError(f"{key!r} is no table of texts")
    return Record(path=sif, size=content["size"], **{key: content[key] for key in _TEXTS}, **tables)


def write(record: Record) -> None:
    """Write a record beside its image, by one rename."""
    content = {"image": 1, **{key: value for key, value in asdict(record).items() if key != "path"}}
    write_whole(place(record.path), json.dumps(content, indent=1, sort_keys=True) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody sees half of it.

    Raises
    ------
    UserError
        It cannot be written.
    """
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                os.chmod(file.name, 0o644)
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None


def find(sif: Path, sha256: Callable[[Path], str]) -> Record:
    """Return the record of an image whose file is what the record says.

    Parameters
    ----------
    sif
        The image.
    sha256
        Hashes a file; may remember.

    Raises
    ------
    UserError
        The image or its record is not there, or they do not fit each other.
    """
    record = read(sif)
    try:
        actual = sha256(sif)
    except OSError as error:
        raise UserError(f"the image {sif} cannot be read: {error.strerror}") from None
    if actual != record.file_sha256:
        raise UserError(
            f"the image {sif} is not what its record says: the file's SHA-256 is {actual[:16]}…, "
            f"{place(sif).name} has {record.file_sha256[:16]}…",
            hint=f"If it was signed or replaced on purpose: automagic image add {sif} --engine {record.engine}; "
            "else it is damaged: fetch or build it again.",
        )
    return record
