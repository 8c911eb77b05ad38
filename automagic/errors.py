"""The one error for what a person did: shown as a message, never as a traceback."""

from __future__ import annotations


class UserError(Exception):
    """Something that a person can put right.

    Parameters
    ----------
    message
        What is wrong: the file, key or run at fault, what was found and what was expected.
    hint
        What to do about it, as a sentence of its own.

    Examples
    --------
    >>> print(UserError("analysis.toml: no key 'ra'", hint="Add it to [source]."))
    analysis.toml: no key 'ra'
    Add it to [source].
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n{self.hint}"
