"""the pulsar's phase of each event."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_phase() -> Iterator[dict[str, Any]]:
    """the pulsar's phase of each event"""
    yield from stage("phase")
