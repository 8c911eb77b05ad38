"""maps of the field of view, with position and extension of the source."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_skymap() -> Iterator[dict[str, Any]]:
    """maps of the field of view, with position and extension of the source"""
    yield from stage("skymap")
