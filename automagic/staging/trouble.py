"""What storage can answer instead of a file: later, not now, never. The words are for a person, without secrets."""

from __future__ import annotations

import email.utils
import time

from automagic.staging.urls import redact


class StorageError(Exception):
    """Storage did not give what was asked for.

    Parameters
    ----------
    reason
        Why, in words. Addresses in it lose user, password and query.
    after_s
        How long storage asks to wait before the next try.
    """

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        self.reason = redact(reason)
        self.after_s = after_s
        super().__init__(self.reason)


class OnTape(StorageError):
    """The file is on tape; storage brings it or has to be asked to."""


class Temporary(StorageError):
    """Trying again later may help."""


class Damaged(Temporary):
    """The file came, and is not what storage has."""


class Permanent(StorageError):
    """Trying again does not help; a person has to do something."""


class Elsewhere(StorageError):
    """Another process is bringing the file here."""


class Stopped(StorageError):
    """We were told to stop."""


_PERMANENT = {
    400: "storage does not understand the request",
    401: "storage wants a user and a password, or does not take ours",
    402: "storage wants to be paid",
    403: "we are not allowed to read it",
    404: "it is not there",
    405: "storage does not allow this kind of request",
    406: "storage does not have it in this form",
    407: "the proxy wants a user and a password",
    410: "it is gone for good",
    451: "it may not be shown",
    501: "storage cannot do this kind of request",
    505: "storage speaks another version of HTTP",
}
_TAPE = {202, 409, 423}


def classify(status: int, retry_after: str | None = None) -> StorageError:
    """Say what an HTTP status other than success means for a file.

    202, 409 and 423 are what storage systems answer while a file is being brought from tape, and 503 with
    ``Retry-After``; which of them a data centre uses is not public, so all count.

    Parameters
    ----------
    status
        Of the answer.
    retry_after
        Its ``Retry-After``: seconds or a date.

    Examples
    --------
    >>> type(classify(202)).__name__, type(classify(500)).__name__, type(classify(404)).__name__
    ('OnTape', 'Temporary', 'Permanent')
    """
    after = seconds(retry_after)
    if status in _TAPE or (status == 503 and after is not None):
        return OnTape(f"storage is bringing it from tape (HTTP {status})", after)
    if status in _PERMANENT:
        return Permanent(f"{_PERMANENT[status]} (HTTP {status})")
    if status in (408, 425, 429) or status >= 500:
        return Temporary(f"storage cannot give it now (HTTP {status})", after)
    return Permanent(f"storage answers with HTTP {status}, which means nothing here")


def seconds(retry_after: str | None) -> float | None:
    """Read a ``Retry-After`` header as seconds from now, at most a day.

    >>> seconds("120"), seconds("soon"), seconds(None)
    (120.0, None, None)
    """
    if not retry_after:
        return None
    try:
        wait = float(retry_after)
    except ValueError:
        try:
            wait = email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return min(max(wait, 0.0), 86400.0) if wait == wait else None
