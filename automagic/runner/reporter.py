"""What a person sees: a bar per stage on a terminal, plain lines elsewhere, and a summary that says what to
do."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from typing import Any, TextIO

from doit.reporter import ConsoleReporter

from automagic.executors.policy import policy
from automagic.runner.estimate import Estimate, in_words
from automagic.runner.find import here, label
from automagic.runner.session import Session
from automagic.staging.groups import human

SHOWN = 20
"""So many reasons of failures are told; the rest is counted."""


class Reporter(ConsoleReporter):
    """doit's reporter for the tasks of an analysis; other tasks are reported as doit does."""

    desc = "a bar per stage, or plain lines, and a summary"

    def __init__(self, outstream: TextIO, options: dict[str, Any]) -> None:
        super().__init__(outstream, options)
        self.session: Session | None = None
        self.total: Counter[str] = Counter()
        self.count: dict[str, Counter[str]] = {}
        self.failed: dict[str, str] = {}
        self.blocked: dict[str, str] = {}
        self.causes: dict[str, str] = {}
        self.running: dict[str, float] = {}
        self.estimate = Estimate(1)
        self.began = time.monotonic()
        self._bars: Any = None
        self._on_tape = 0
        self._came = 0
        self.stopped = ""
        self.go_on = 0
        self._all = self._ended = 0
        self._next_estimate, self._seconds = 0.0, None  # type: float, float | None

    # --- called by our runner

    def begin(self, session: Session, total: Counter[str], fresh: Counter[str], estimate: Estimate) -> None:
        """Take note of what this run is about: tasks by stage, and how many of them are up to date."""
        self.session = session
        self.estimate = estimate
        self.total = total
        for state in ("ran", "failed", "blocked"):
            self.count[state] = Counter()
        self.count["up to date"] = fresh
        self._all = sum(total.values())
        self._ended = sum(fresh.values())

    def task_started(self, name: str) -> None:
        """A job of this task has begun."""
        self._show_bars()
        self.running[name] = time.monotonic()
        self._refresh()

    def task_done(self, name: str, wall_s: float) -> None:
        """A task has made its products."""
        self._left(name, "ran")
        if self._stage(name) != "stage":  # how long storage takes says nothing about jobs
            self.estimate.add(self._stage(name), wall_s)
        self._line(f"{name} done in {in_words(wall_s)}")

    def task_up_to_date(self, name: str) -> None:
        """There was nothing to do for a task."""
        self._left(name, "up to date")

    def task_differs(self, name: str, files: list[str]) -> None:
        """A task that was made again has made other bytes."""
        self._say(f"{name} made other bytes than before: {', '.join(files)}; the first ones stay")

    def task_failed(self, name: str, reason: str, cause: str = "") -> None:
        """A task failed."""
        self._left(name, "failed")
        self.failed[name] = reason
        self.causes[name] = cause
        self._line(f"{name} FAILED: {reason}")

    def task_again(self, name: str, reason: str) -> None:
        """A task failed and is tried again."""
        self.running.pop(name, None)
        self._line(f"{name} is tried again: {reason}")

    def task_noted(self, name: str, cause: str, detail: str) -> None:
        """Something happened to a job on its way."""
        if cause in ("evicted", "shadow", "memory", "held"):
            self.running.pop(name, None)
        self._line(f"{name}: {detail}")

    def stage_stopped(self, stage: str, cause: str, count: int) -> None:
        """So many tasks of a stage failed in one way that no more of it are started."""
        self._say(f"{stage} stops: {count} tasks failed in the same way ({policy(cause).meaning}), more than were done")

    def task_blocked(self, name: str, cause: str) -> None:
        """A task was not started because one before it failed."""
        self._left(name, "blocked")
        self.blocked[name] = cause

    # --- remote files

    def files_asked(self) -> None:
        """Files were asked for from remote storage."""
        self._show_bars()
        self._refresh()

    def file_staged(self, name: str, size: int) -> None:
        """A file was brought from remote storage."""
        self._came += size
        self._refresh()
        self._line(f"{name} is here ({human(size)})")

    def tape_asked(self, number: int) -> None:
        """Storage was asked for files that may be on tape."""
        self._say(f"asked storage for {some_files(number)}")

    def tape_waits(self, number: int, next_s: float) -> None:
        """So many files are waited for on tape, or none any more."""
        if number and (self._bars is None or number != self._on_tape):
            self._say(f"waiting for tape: {some_files(number)}, next look in {next_s:.0f} s")
        self._on_tape = number

    def note(self, text: str) -> None:
        """Something that a person should know."""
        self._say(text)

    def end(self) -> None:
        """Take the bars away."""
        if self._bars is not None:
            self._refresh()
            self._bars.stop()
            self._bars = None

    # --- in numbers

    def number(self, state: str) -> int:
        """How many tasks ended in a state."""
        return sum(self.count[state].values())

    @property
    def left(self) -> Counter[str]:
        """How many tasks of each stage are still to come, running ones included."""
        return self.total - sum(self.count.values(), Counter())

    def seconds_left(self) -> float | None:
        """Estimate the time to the end. In a pool as many jobs run at once as do now."""
        if self.session is not None and self.session.site.executor != "local":
            self.estimate.cores = max(1, len(self.running))
        return self.estimate.remaining({stage: number for stage, number in self.left.items() if stage != "stage"})

    # --- on the screen

    def _stage(self, name: str) -> str:
        return name.partition(":")[0]

    def _left(self, name: str, state: str) -> None:
        self.running.pop(name, None)
        self.count[state][self._stage(name)] += 1
        self._ended += 1
        self._refresh()

    def _line(self, text: str) -> None:
        """Write a line: progress on no terminal, only what went wrong above the bars."""
        if self._bars is not None:
            if "FAILED" in text:
                self._say(text)
            return
        now = time.monotonic()
        if now >= self._next_estimate:  # not for each of very many lines
            self._next_estimate = now + 0.5
            self._seconds = self.seconds_left()
        left = self._all - self._ended
        more = f", about {in_words(self._seconds)} left" if self._seconds is not None and left else ""
        self.write(f"[{self._ended}/{self._all}] {text}{more}\n")
        self.outstream.flush()

    def _say(self, text: str) -> None:
        if self._bars is not None:
            self._bars.console.print(text, markup=False, highlight=False)
        else:
            self.write(f"{text}\n")

    def _show_bars(self) -> None:
        if self._bars is not None or self.outstream is not sys.stdout or not sys.stdout.isatty():
            return
        from automagic.runner.bars import Bars

        self._bars = Bars(self.total)
        self._bars.start()

    def _refresh(self) -> None:
        if self._bars is not None:
            running = Counter(self._stage(name) for name in self.running)
            words = [f"{human(self._came)} came"] if self._came else []
            words += [f"{some_files(self._on_tape)} on tape"] if self._on_tape else []
            self._bars.update(self.count, running, self.seconds_left(), {"stage": words})

    # --- at the end

    def complete_run(self) -> None:
        """Tell at the end what ran, what failed and why, and what to do."""
        self.end()
        if self.session is None:
            super().complete_run()
            return
        self.write("".join(f"{line}\n" for line in self.summary()))
        self.outstream.flush()

    def summary(self) -> list[str]:
        """Return the lines of the summary."""
        assert self.session is not None
        root = self.session.folder.root
        name, total = root.name, sum(self.total.values())
        if self.number("up to date") == total:
            plural = "the task is" if total == 1 else f"all {total} tasks are"
            return [f"{name}: nothing to do, {plural} up to date", *self._where()]
        numbers = [f"{self.number('ran')} ran", f"{self.number('up to date')} were up to date"]
        if self.failed:
            numbers.append(f"{len(self.failed)} failed")
        if self.blocked:
            numbers.append(f"{len(self.blocked)} were not run because of that")
        if sum(self.left.values()):
            numbers.append(f"{sum(self.left.values())} remain")
        took = in_words(time.monotonic() - self.began)
        lines = [f"{name}: {total} tasks: {', '.join(numbers)} (in {took})"]
        lines += self._failures(label(root))
        if self.stopped:
            lines.append(f"{self.stopped}; what is done is kept, the same command goes on from here")
            if self.go_on:
                plural = "job goes" if self.go_on == 1 else "jobs go"
                lines.append(
                    f"{self.go_on} {plural} on without this process; automagic stop {label(root)} removes them"
                )
        return [*lines, *self._where()]

    def _failures(self, analysis: str) -> list[str]:
        """Return what failed and why, those of one reason together, what to do, and what did not run because of it."""
        assert self.session is not None
        position = {task: number for number, task in enumerate(self.session.tasks)}.__getitem__
        reasons: dict[str, list[str]] = {}
        for task in sorted(self.failed, key=position):
            reasons.setdefault(self.failed[task], []).append(task)
        lines = []
        for reason, failed in list(reasons.items())[:SHOWN]:
            lines += [f"  {some(failed)} failed: {reason}", f"    {advice(failed[0], reason, analysis)}"]
            after = sorted((task for task, cause in self.blocked.items() if cause in failed), key=position)
            if after:
                lines.append(f"    not run because of it: {some(after)}")
        if len(reasons) > SHOWN:
            lines.append(f"  and for {len(reasons) - SHOWN} more reasons; see  automagic status {analysis}")
        return lines

    def _where(self) -> list[str]:
        assert self.session is not None
        report = self.session.folder.root / "results" / "report.html"
        return [f"results: {os.path.relpath(report, here())}"] if report.exists() else []


def some_files(number: int) -> str:
    """Say how many files.

    >>> some_files(1), some_files(12)
    ('1 file', '12 files')
    """
    return f"{number} file{'' if number == 1 else 's'}"


def some(names: list[str]) -> str:
    """Name the first few.

    >>> some(["a", "b"]), some(["a", "b", "c", "d", "e"])
    ('a, b', 'a, b, c and 2 more')
    """
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def advice(task: str, reason: str, analysis: str) -> str:
    """Say what to do about a failure."""
    said = reason.partition("; its last words")[0].lower()
    if "cannot be brought here" in said or "storage.quota" in said:
        return storage_advice(said)
    if "disk is full" in said:
        return "make room on that disk, then run the same command again"
    if "card key" in said:
        return f"correct the key under [cards.{task.partition(':')[0]}] in analysis.toml"
    if any(words in said for words in ("whole root file", "whole fits file", "cannot be read", "is missing")):
        return "bring the file back, or leave its run out (data.exclude in analysis.toml), and run again"
    if "memory" in said:
        return "give it more memory (local.memory_mb in site.toml), or run fewer at once (-n 1)"
    if "monte carlo" in said or "site.toml" in said or "analysis.toml" in said:
        return "change that, and run again"
    return f"see  automagic log {analysis} {task}"


def storage_advice(said: str) -> str:
    """Say what to do where a file in remote storage could not be brought here."""
    if "disk is full" in said:
        return "make room on the disk of storage.cache, or set storage.quota in site.toml; then run again"
    if "storage.quota" in said:
        return "give storage.quota in site.toml a larger value, and run again"
    if "password" in said or "allowed" in said:
        return "write user and password of that host into ~/.netrc, or set the token in BEARER_TOKEN, and run again"
    if "certificate" in said:
        return "name the authority that signed it in SSL_CERT_FILE or X509_CERT_DIR, and run again"
    if "not there" in said or "gone" in said or "lost" in said:
        return "bring the file back, or leave its run out (data.exclude in analysis.toml), and run again"
    return "run the same command again later; it goes on from what came"
