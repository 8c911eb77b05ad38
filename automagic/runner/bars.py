"""A bar per stage, on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from automagic.runner.estimate import in_words


class Bars:
    """Bars with done, total, running and failed of each stage, and the estimate of the time left."""

    def __init__(self, total: Mapping[str, int]) -> None:
        self.console = Console()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[words]}"),
            console=self.console,
            transient=True,
            refresh_per_second=4,
        )
        self._stages: dict[str, TaskID] = {
            stage: self._progress.add_task(stage, total=count, words="") for stage, count in total.items()
        }
        everything = sum(total.values())
        self._all = self._progress.add_task("[bold]all", total=everything, words="")

    def start(self) -> None:
        """Show them."""
        self._progress.start()

    def stop(self) -> None:
        """Take them away."""
        self._progress.stop()

    def update(
        self,
        count: Mapping[str, Counter[str]],
        running: Counter[str],
        seconds: float | None,
        more: Mapping[str, list[str]] | None = None,
    ) -> None:
        """Show how far the stages are, with more words on some of them."""
        for stage, bar in self._stages.items():
            ended = sum(states[stage] for states in count.values())
            words = [f"{running[stage]} running"] if running[stage] else []
            words += (more or {}).get(stage, [])
            words += [f"[red]{count['failed'][stage]} failed[/]"] if count["failed"][stage] else []
            self._progress.update(bar, completed=ended, words=", ".join(words))
        ended = sum(sum(states.values()) for states in count.values())
        left = f"about {in_words(seconds)} left" if seconds is not None else ""
        self._progress.update(self._all, completed=ended, words=left)

    def refresh(self) -> None:
        """Draw now."""
        self._progress.refresh()
