"""fit the spectrum by forward folding."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_spectrum() -> Iterator[dict[str, Any]]:
    """fit the spectrum by forward folding"""
    yield from stage("spectrum")
