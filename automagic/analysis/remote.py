"""``[storage]`` of ``site.toml`` as far as it is about remote storage: addresses, cache, quota, tape."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from automagic.analysis.fields import Section
from automagic.staging.settings import Pauses, Settings
from automagic.staging.urls import check_url, is_remote

_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15}


def size(given: Any) -> int:
    """Read an amount of data such as ``"500 GB"``; the result is in bytes.

    Examples
    --------
    >>> size("500 GB")
    500000000000
    """
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kMGTP]?B)\s*", given if isinstance(given, str) else "")
    if match is None or float(match[1]) <= 0:
        raise ValueError("give an amount of data with its unit, like '500 GB' or '2.5 TB'")
    return round(float(match[1]) * _BYTES[match[2]])


def _root(given: str) -> str:
    return check_url(given) if is_remote(given) else given


Root = Annotated[str, AfterValidator(_root)]
"""A folder, or the address of a folder in remote storage: https, WebDAV (davs), XRootD (root), s3, file."""

Size = Annotated[int, BeforeValidator(size)]


class Recall(Section):
    """``[storage.recall]``: how files on tape are asked for, all of an analysis in one go.

    `command` is the site's own program and its words; ``{list}`` in one of them becomes the path of a file with one
    address a line. `tape_api` asks through the WLCG Tape REST API of the storage instead. Without either, each file is
    asked for by reading its first byte, which is what makes a data centre's web page bring it. Looks at what is
    still on tape are `pause_s` apart, growing to `pause_max_s`; after `hours_max` a file counts as failed.
    """

    command: list[str] = Field(default_factory=list)
    tape_api: bool = False
    pause_s: float = Field(default=30.0, gt=0)
    pause_max_s: float = Field(default=600.0, gt=0)
    hours_max: float = Field(default=168.0, gt=0)

    @model_validator(mode="after")
    def _one_way(self) -> Recall:
        if self.command and self.tape_api:
            raise ValueError("give either 'command' or 'tape_api'")
        if self.command and not any("{list}" in word for word in self.command[1:]):
            raise ValueError("one of the words after the program must have '{list}' in it")
        return self


class Transfer(Section):
    """``[storage.transfer]``: how files are brought here.

    So many at once in `parallel`; one that fails `tries` times in a row without any byte coming through is given up.
    Pauses between tries begin at `pause_s` and grow to `pause_max_s`; storage that is silent for `timeout_s` has
    failed.
    """

    parallel: int = Field(default=4, ge=1, le=64)
    tries: int = Field(default=10, ge=1)
    pause_s: float = Field(default=2.0, gt=0)
    pause_max_s: float = Field(default=120.0, gt=0)
    timeout_s: float = Field(default=60.0, gt=0)


class RemoteStorage(Section):
    """The keys of ``[storage]`` about remote storage.

    `cache` is the folder for what is brought here, ``.cache`` beside ``site.toml`` by default; analyses and people may
    share one. `quota` is how much it may hold; what no open task needs is released to keep within it.
    """

    cache: str = ".cache"
    quota: Size | None = None
    recall: Recall = Recall()
    transfer: Transfer = Transfer()

    def staging(self, cache: Path) -> Settings:
        """Return this as plain data; `cache` is the folder as an absolute path."""
        transfer, recall = self.transfer, self.recall
        return Settings(
            cache=cache,
            quota=self.quota,
            command=tuple(recall.command),
            tape_api=recall.tape_api,
            parallel=transfer.parallel,
            tries=transfer.tries,
            retry=Pauses(transfer.pause_s, max(transfer.pause_s, transfer.pause_max_s)),
            look=Pauses(recall.pause_s, max(recall.pause_s, recall.pause_max_s), 1.5),
            patience_h=recall.hours_max,
            timeout_s=transfer.timeout_s,
        )
