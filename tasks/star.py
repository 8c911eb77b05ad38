"""clean images and parametrise them, per telescope."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_star() -> Iterator[dict[str, Any]]:
    """clean images and parametrise them, per telescope"""
    yield from stage("star")
