"""split Monte Carlo into training and test."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_selectmc() -> Iterator[dict[str, Any]]:
    """split Monte Carlo into training and test"""
    yield from stage("selectmc")
