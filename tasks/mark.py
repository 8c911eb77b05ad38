"""write the level of brightness into each DL3 file."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_mark() -> Iterator[dict[str, Any]]:
    """write the level of brightness into each DL3 file"""
    yield from stage("mark")
