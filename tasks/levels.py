"""each level of brightness by itself."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_levels() -> Iterator[dict[str, Any]]:
    """each level of brightness by itself"""
    yield from stage("levels")
