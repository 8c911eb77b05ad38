"""find the minutes of each run that are to be left out."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_quate() -> Iterator[dict[str, Any]]:
    """find the minutes of each run that are to be left out"""
    yield from stage("quate")
