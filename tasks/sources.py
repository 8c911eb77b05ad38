"""the table of a catalogue."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_sources() -> Iterator[dict[str, Any]]:
    """the table of a catalogue"""
    yield from stage("sources")
