"""Modified Julian dates (UTC) and moments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1858, 11, 17, tzinfo=UTC)
"""MJD 0."""


def moment(mjd: float) -> datetime:
    """Return the moment of a date.

    Examples
    --------
    >>> print(moment(56570.25))
    2013-10-05 06:00:00+00:00
    """
    return EPOCH + timedelta(days=mjd)


def mjd(moment: datetime) -> float:
    """Return the date of a moment.

    Examples
    --------
    >>> mjd(datetime(2013, 10, 5, 6, tzinfo=UTC))
    56570.25
    """
    return (moment - EPOCH) / timedelta(days=1)
