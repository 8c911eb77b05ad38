"""Kinds of values in the TOML files: strict, with units, and safe where they become names or paths."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

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


def _rising(given: Any) -> Any:
    if isinstance(given, list) and len(given) == 2 and given[0] >= given[1]:
        raise ValueError("the first must be below the second")
    return given


Energy = Annotated[float, BeforeValidator(energy)]
Night = Annotated[date, BeforeValidator(_date)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
SourceName = Annotated[str, BeforeValidator(_source)]
Wobble = Annotated[str, BeforeValidator(_wobble)]
RunNumber = Annotated[int, Field(ge=1, lt=10**8)]
Degrees = Annotated[float, Field(ge=0, le=90)]
ZenithRange = Annotated[tuple[Degrees, Degrees], Field(strict=False), BeforeValidator(_rising)]
Azimuth = Annotated[float, Field(ge=0, le=360)]
RightAscension = Annotated[float, Field(ge=0, lt=360)]
Declination = Annotated[float, Field(ge=-90, le=90)]
