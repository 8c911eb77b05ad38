"""Errors that end a program with one line and an exit code, never with a traceback."""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILURE = 2
"""Wrong arguments, wrong or missing input, no room: the general failure."""
EXIT_BAD_RC = 0xFD
"""A ``--rc=`` that is not ``Name:value``."""
EXIT_BAD_CARD = 0xFE
"""A card that cannot be read."""


class ProgramError(Exception):
    """What a program cannot go on with.

    Parameters
    ----------
    message : str
        One line: the file, key or run at fault, what was expected, what to do.
    code : int
        Exit code of the program.
    """

    def __init__(self, message: str, code: int = EXIT_FAILURE) -> None:
        super().__init__(message)
        self.code = code


class InputError(ProgramError):
    """An input file that is missing, unreadable, truncated or of the wrong level."""
