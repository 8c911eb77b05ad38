"""Kinds of values in the TOML files: strict, with units, and safe where they become names or paths."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from automagic.cards import closest
from automagic.naming import check_source, wobble

_TEV = {"eV": 1e-12, "keV": 1e-9, "MeV": 1e-6, "GeV": 1e-3, "TeV": 1.0, "PeV": 1e3}


class Section(BaseModel):
    """A table of a TOML file: no unknown keys, no silent conversion, unchangeable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def energy(given: Any) -> float:
    """Read an energy such as ``"300 GeV"``; the result is in TeV.

    Examples
    --------
    >>> energy("300 GeV")
    0.3
    """
    match = re.fullmatch(r"\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)\s*([A-Za-z]+)\s*", given if isinstance(given, str) else "")
    if match is None or match[2] not in _TEV:
        raise ValueError("give an energy with its unit, like '300 GeV' or '1 TeV'")
    try:
        number = float(match[1])
    except ValueError:
        raise ValueError("give an energy with its unit, like '300 GeV' or '1 TeV'") from None
    if number <= 0:
        raise ValueError("an energy is above zero")
    return float(f"{number * _TEV[match[2]]:.12g}")


def _date(given: Any) -> date:
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    try:
        return date.fromisoformat(given)
    except (TypeError, ValueError):
        raise ValueError("give a date like '2013-10-05'") from None


def _moment(given: Any) -> datetime:
    try:
        moment = given if isinstance(given, datetime) else datetime.fromisoformat(given)
    except (TypeError, ValueError):
        raise ValueError("give a time in UTC like '2013-10-05T03:30:00Z'") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _source(given: Any) -> str:
    if not isinstance(given, str):
        raise ValueError("give the source's name as text")
    return check_source(given)


def _wobble(given: Any) -> str:
    if not isinstance(given, str):
        raise ValueError("give a wobble position like 'W0.40+035'")
    wobble(given)
    return given


def _wobbles(given: Any) -> str:
    """Take a wobble position, or an offset such as ``"W0.40"`` for all angles."""
    if isinstance(given, str) and re.fullmatch(r"W[0-9]\.[0-9]{2}", given, re.ASCII):
        return given
    try:
        return _wobble(given)
    except ValueError:
        raise ValueError("give a wobble position like 'W0.40+035', or 'W0.40' for all angles") from None


def _period(given: Any) -> str:
    """Take a period as the table has it; ``ST0316A``, as others write it, is the same as ``ST.03.16``."""
    match = re.fullmatch(r"(ST|M[12])\.?([0-9]{2})\.?([0-9]{2})A?", given if isinstance(given, str) else "", re.ASCII)
    if match is None:
        raise ValueError("give a period like 'ST.03.16'")
    return ".".join(match.groups())


def _two(given: Any) -> Any:
    numbers = isinstance(given, list | tuple) and all(
        isinstance(each, int | float) and not isinstance(each, bool) for each in given
    )
    if not numbers or len(given) != 2:
        raise ValueError("give two numbers, [from, to]")
    return given


def _rising(given: Any) -> Any:
    if _two(given)[0] >= given[1]:
        raise ValueError("the first must be below the second")
    return given


def _several(given: Any) -> Any:
    """Take one as a list of one."""
    if isinstance(given, list) and not given:
        raise ValueError("the list is empty; without the key all are taken that the kind of analysis takes")
    return tuple(given) if isinstance(given, list) else (given,)


def one_or_more(*allowed: str) -> BeforeValidator:
    """Return a validator for one of some words, or a list of them.

    Examples
    --------
    >>> one_or_more("nominal", "reduced").func("nominal")
    ('nominal',)
    """

    def check(given: Any) -> tuple[str, ...]:
        several: tuple[str, ...] = _several(given)
        for each in several:
            if each not in allowed:
                near = closest(each, list(allowed)) if isinstance(each, str) else None
                meant = f"did you mean {near!r}? " if near else ""
                raise ValueError(f"{meant}allowed: {', '.join(map(repr, allowed))}, or a list of them")
        return tuple(dict.fromkeys(several))

    return BeforeValidator(check)


Energy = Annotated[float, BeforeValidator(energy)]
Night = Annotated[date, BeforeValidator(_date)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
SourceName = Annotated[str, BeforeValidator(_source)]
Wobble = Annotated[str, BeforeValidator(_wobble)]
RunNumber = Annotated[int, Field(ge=1, lt=10**8)]
Degrees = Annotated[float, Field(ge=0, le=90)]
ZenithRange = Annotated[tuple[Degrees, Degrees], Field(strict=False), BeforeValidator(_rising)]
Azimuth = Annotated[float, Field(ge=0, le=360)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
RightAscension = Annotated[float, Field(ge=0, lt=360)]
Declination = Annotated[float, Field(ge=-90, le=90)]
AzimuthRange = Annotated[tuple[Azimuth, Azimuth], Field(strict=False), BeforeValidator(_two)]
NsbRange = Annotated[tuple[NotNegative, NotNegative], Field(strict=False), BeforeValidator(_rising)]
RateRange = Annotated[tuple[NotNegative, NotNegative], Field(strict=False), BeforeValidator(_rising)]
Period = Annotated[str, BeforeValidator(_period)]
Sources = Annotated[tuple[SourceName, ...], BeforeValidator(_several)]
Periods = Annotated[tuple[Period, ...], BeforeValidator(_several)]
Nights = Annotated[tuple[Night, ...], BeforeValidator(_several)]
Wobbles = Annotated[tuple[Annotated[str, BeforeValidator(_wobbles)], ...], BeforeValidator(_several)]
Voltages = Annotated[tuple[str, ...], one_or_more("nominal", "reduced")]
Triggers = Annotated[tuple[str, ...], one_or_more("standard", "sumt")]
