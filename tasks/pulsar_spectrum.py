"""spectra of ranges of phase."""

from collections.abc import Iterator
from typing import Any

from automagic.runner.current import stage


def task_pulsar_spectrum() -> Iterator[dict[str, Any]]:
    """spectra of ranges of phase"""
    yield from stage("pulsar_spectrum")
