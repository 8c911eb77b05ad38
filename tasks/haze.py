"""correct energies and responses for haze."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_haze() -> Iterator[dict[str, Any]]:
    """correct energies and responses for haze"""
    yield from stage("haze")
