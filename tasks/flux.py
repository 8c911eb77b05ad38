"""integral flux of each source of a catalogue, or its upper limit."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_flux() -> Iterator[dict[str, Any]]:
    """integral flux of each source of a catalogue, or its upper limit"""
    yield from stage("flux")
