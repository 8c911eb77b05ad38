"""bring files from remote storage here."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_stage() -> Iterator[dict[str, Any]]:
    """bring files from remote storage here"""
    yield from stage("stage")
