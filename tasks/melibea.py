"""apply the models."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_melibea() -> Iterator[dict[str, Any]]:
    """apply the models"""
    yield from stage("melibea")
