"""simulate what the telescopes write."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_sim() -> Iterator[dict[str, Any]]:
    """simulate what the telescopes write"""
    yield from stage("sim")
