"""events against phase, with H-test and significance."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_phaseogram() -> Iterator[dict[str, Any]]:
    """events against phase, with H-test and significance"""
    yield from stage("phaseogram")
