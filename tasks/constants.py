"""calibration constants from pedestal and calibration runs."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_constants() -> Iterator[dict[str, Any]]:
    """calibration constants from pedestal and calibration runs"""
    yield from stage("constants")
