"""calibrate raw data: charge and arrival time of each pixel."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_sorcerer() -> Iterator[dict[str, Any]]:
    """calibrate raw data: charge and arrival time of each pixel"""
    yield from stage("sorcerer")
