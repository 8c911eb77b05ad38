"""How long the rest will take, from how long such tasks took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping


class Estimate:
    """Mean wall times by stage; a stage that never ran counts as the mean of the others.

    Examples
    --------
    >>> estimate = Estimate(cores=2)
    >>> estimate.add("star", 4.0)
    >>> estimate.remaining({"star": 10})
    20.0
    """

    def __init__(self, cores: int) -> None:
        self.cores = cores
        self._seen: dict[str, list[float]] = defaultdict(list)

    def add(self, stage: str, seconds: float) -> None:
        """Take note of a task that took so long."""
        self._seen[stage].append(seconds)

    def learn(self, history: Iterable[tuple[str, float]]) -> None:
        """Take note of tasks of earlier runs."""
        for stage, seconds in history:
            self.add(stage, seconds)

    def remaining(self, left: Mapping[str, int]) -> float | None:
        """Return the wall time (s) that so many tasks of each stage need; `None` where nothing is known."""
        if not self._seen:
            return None
        mean = {stage: sum(times[-50:]) / len(times[-50:]) for stage, times in self._seen.items()}
        typical = sum(mean.values()) / len(mean)
        return sum(count * mean.get(stage, typical) for stage, count in left.items()) / max(1, self.cores)


def in_words(seconds: float) -> str:
    """Say a time.

    >>> in_words(3.21), in_words(75), in_words(7300)
    ('3.2 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
