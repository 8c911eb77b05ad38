"""merge the reports of central control into calibrated files."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_merpp() -> Iterator[dict[str, Any]]:
    """merge the reports of central control into calibrated files"""
    yield from stage("merpp")
