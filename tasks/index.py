"""list the DL3 files."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_index() -> Iterator[dict[str, Any]]:
    """list the DL3 files"""
    yield from stage("index")
