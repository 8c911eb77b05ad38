"""The log of a program: to the terminal and, when asked, to a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

ERROR, WARNING, INFO, DEBUG = range(4)


class Log:
    """Lines with a level; errors go to standard error, the rest to standard output, all to the file.

    Nothing in it depends on the clock, so that the log of the same work is the same.
    """

    def __init__(self) -> None:
        self._verbosity = INFO
        self._file: IO[str] | None = None

    def start(self, verbosity: int, path: Path | None) -> None:
        """Set how much is shown and open the file."""
        self._verbosity = verbosity
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w", encoding="utf-8")

    def write(self, message: str, level: int = INFO, *, error: bool | None = None) -> None:
        """Write one line if its level is shown; ``error``: to standard error, by default those of ERROR."""
        if level > self._verbosity:
            return
        if level == WARNING:
            message = f"warning: {message}"
        to_stderr = level == ERROR if error is None else error
        if to_stderr:
            message = f"error: {message}"
        print(message, file=sys.stderr if to_stderr else sys.stdout, flush=to_stderr)
        if self._file is not None:
            self._file.write(message + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
