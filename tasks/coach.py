"""train gamma/hadron separation, direction and energy."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_coach() -> Iterator[dict[str, Any]]:
    """train gamma/hadron separation, direction and energy"""
    yield from stage("coach")
