"""the θ² plot, with significance."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_theta2() -> Iterator[dict[str, Any]]:
    """the θ² plot, with significance"""
    yield from stage("theta2")
