"""Waiting for files on tape: asking for them in one go, and looking at them with growing pauses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Protocol

from automagic.errors import UserError
from automagic.staging import recall
from automagic.staging.groups import Event, File
from automagic.staging.remote import Remote
from automagic.staging.settings import Settings
from automagic.staging.trouble import Permanent, StorageError, Temporary

RECALLS = 3
"""So often the site's command, or the storage's API, may fail in a row."""

AGAIN_S = 6 * 3600.0
"""After so long a file is asked for once more, where reading it is how it is asked for: storage may have forgotten."""


class Desk(Protocol):
    """What waiting needs of the stager."""

    settings: Settings
    remote: Remote

    def later(self, urgency: int, job: Callable[[], Callable[[], None]]) -> None:
        """Do a job in another thread, and what it returns under the lock."""

    def tell(self, event: Event) -> None:
        """Tell what happened."""


class Waiting:
    """The files on tape of one stager."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.api = recall.TapeApi(desk.remote)
        self._looks = self._under_way = 0
        self._next = 0.0
        self._at_least_s = 0.0
        self._came = False

    # --- asking

    def ask(self, files: list[File]) -> None:
        """Ask for files that are not here: with a command or an API for all, since a listing may not tell."""
        settings = self.desk.settings
        everywhere = bool(settings.command) or settings.tape_api
        files = [file for file in files if not file.asked and (everywhere or file.listed)]
        for file in files:
            file.asked, file.state, file.reminded = True, "asking", time.monotonic()
            file.since = file.since or file.reminded
        if not files:
            return
        if everywhere:
            self.desk.later(0, lambda: self._recall(files))
            return
        self.desk.tell(Event("recalled", number=len(files)))
        for file in files:
            self.desk.later(0, lambda file=file: self._ask_one(file))  # type: ignore[misc]

    def _recall(self, files: list[File]) -> Callable[[], None]:
        settings, urls, problem = self.desk.settings, [file.url for file in files], None
        for number in range(RECALLS):
            try:
                if settings.command:
                    recall.run_command(settings.command, urls, settings.cache / "lists")
                else:
                    self.api.request(urls)
                return lambda: self._asked(files)
            except Temporary as error:
                problem = error.reason
                time.sleep(settings.retry.after(number))
            except (StorageError, UserError) as error:
                problem = str(error)
                break
            except OSError as error:
                problem = str(error.strerror)
                break
        return lambda: self._not_asked(files, str(problem))

    def _asked(self, files: list[File]) -> None:
        self.desk.tell(Event("recalled", number=len(files)))
        for file in files:
            file.state = "tape" if file.listed else "absent"
        self._start()

    def _not_asked(self, files: list[File], problem: str) -> None:
        """Give up what is on tape for certain; for the rest, asking may not have been needed."""
        self.desk.tell(Event("note", reason=f"asking for {len(files)} files on tape failed: {problem}"))
        for file in files:
            if file.listed:
                file.fail(f"asking for it on tape failed: {problem}")
            else:
                file.state = "absent"

    def _ask_one(self, file: File) -> Callable[[], None]:
        found = recall.ask(self.desk.remote, file.url)
        return lambda: self._answered(file, found)

    def _answered(self, file: File, found: StorageError | None) -> None:
        if file.state not in ("asking", "tape"):
            return
        if found is None:
            file.state, self._came = "absent", True
        elif isinstance(found, Permanent):
            file.fail(found.reason)
        else:  # also where storage is too busy to say, or was silent, as data centres' web pages are at first
            file.state = "tape"
            self._at_least_s = max(self._at_least_s, found.after_s or 0.0)
            self._start()

    # --- looking

    def found(self, file: File, error: StorageError) -> None:
        """Take a file that storage said of, when it was to be read, that it is on tape."""
        file.state, file.since = "tape", file.since or time.monotonic()
        file.listed = False  # what the listing says is not so
        self._at_least_s = max(self._at_least_s, error.after_s or 0.0)
        self._start()

    def step(self, files: list[File], now: float) -> float | None:
        """Look, if it is time to; return when it is."""
        if not files or self._under_way:
            return None
        if now < self._next:
            return self._next
        hours = self.desk.settings.patience_h
        for file in files:
            if now - file.since > 3600 * hours:
                file.fail(f"it is still on tape after {hours:g} h (storage.recall.hours_max)")
        self._at_least_s, self._came = 0.0, False
        for part in self._parts([file for file in files if file.state == "tape"]):
            self._under_way += 1
            self.desk.later(2, lambda part=part: self._look(part))  # type: ignore[misc]
        return None if self._under_way else now  # all of them were given up

    def _parts(self, files: list[File]) -> Iterable[list[File]]:
        """Split files into what one question answers: all for the API, a folder elsewhere."""
        if self.desk.settings.tape_api:
            return [files] if files else []
        groups: dict[str, list[File]] = {}
        for file in files:
            groups.setdefault(file.url.rpartition("/")[0], []).append(file)
        return groups.values()

    def _look(self, files: list[File]) -> Callable[[], None]:
        urls, now = [file.url for file in files], time.monotonic()
        listed = {
            file for file in files if file.listed and (self.desk.settings.command or now - file.reminded < AGAIN_S)
        }
        for file in files:
            file.reminded = file.reminded if file in listed else now
        try:
            if self.desk.settings.tape_api:
                found = self.api.places(urls)
            else:
                found = recall.look(self.desk.remote, urls, frozenset(file.url for file in listed))
        except (StorageError, UserError, OSError) as error:
            found = dict.fromkeys(urls, Temporary(str(error)))
        return lambda: self._looked(files, found)

    def _looked(self, files: list[File], found: dict[str, StorageError | None]) -> None:
        for file in files:
            self._answered(file, found.get(file.url, Temporary("storage did not say where it is")))
        self._under_way -= 1
        if not self._under_way:
            self._looks = 0 if self._came else self._looks + 1
            self._next = time.monotonic() + self._pause()

    def _start(self) -> None:
        """Wait before the first look at a file that has just been asked for."""
        now = time.monotonic()
        if not self._under_way and self._next <= now:
            self._next = now + self._pause()

    def _pause(self) -> float:
        return max(self.desk.settings.look.after(self._looks), self._at_least_s)

    def left(self, now: float) -> float:
        """Tell the seconds until the next look."""
        return max(0.0, self._next - now)
