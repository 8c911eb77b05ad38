"""flux per run and per night."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_lightcurve() -> Iterator[dict[str, Any]]:
    """flux per run and per night"""
    yield from stage("lightcurve")
