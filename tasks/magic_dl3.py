"""event lists and responses, one file a run."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_magic_dl3() -> Iterator[dict[str, Any]]:
    """event lists and responses, one file a run"""
    yield from stage("magic_dl3")
