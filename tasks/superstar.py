"""join the images of both telescopes."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_superstar() -> Iterator[dict[str, Any]]:
    """join the images of both telescopes"""
    yield from stage("superstar")
