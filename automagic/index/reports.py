"""What the central control's report of a subrun (``_D_….rep``) tells of the conditions, without other libraries.

A line is ``DRIVE-REPORT M1 04 2013 10 05 04 00 00 000 04 2013 10 05 04 00 00 000 …``: subsystem, telescope, state,
time (UTC), state and time of the subsystem's own clock, then its values. The begin and the bodies of DRIVE and PYRO
are those of the public fork of MARS; the others are as openmars writes them, for MAGIC's own are not public.
"""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

from automagic.index.inside import conditions
from automagic.index.light import track_text
from automagic.mjd import mjd

_HEAD = ("[CC Run ", "Arehucas Version ", "Telescope M", "Subrun ")


def read_report(path: str) -> dict[str, Any]:
    """Read a report; see `automagic.index.inside.read_inside`.

    ``lines`` counts reports, ``broken`` those that cannot be understood.
    """
    found: dict[str, list[Any]] = defaultdict(list)
    lines = broken = 0
    with open(path, encoding="ascii", errors="replace", newline="\n") as file:
        for line in file:
            words = line.split()
            if not words or line.startswith(_HEAD):
                continue
            lines += 1
            try:
                _read_line(words, found)
            except (ValueError, IndexError):
                broken += 1
    if lines == broken:
        return {"error": "none of its lines is a report" if lines else "it has no reports", "lines": lines}
    row: dict[str, Any] = {"lines": lines, "broken": broken}
    times = found["time"]
    if times:
        row |= {"start": _text(min(times)), "stop": _text(max(times))}
        row["seconds"] = round((max(times) - min(times)).total_seconds(), 3)
    row["dc_track"] = track_text(found["dc_time"], found["dc_na"])
    return row | conditions(
        found["zenith"],
        found["azimuth"],
        found["dc_na"],
        found["transmission"],
        found["cloudiness"],
        found["rate"],
        found["table"],
        found["hv_file"],
    )


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _read_line(words: list[str], found: dict[str, list[Any]]) -> None:
    name = words[0]
    if not name.endswith("-REPORT"):
        raise ValueError(f"{name} is no report")
    moment = _moment(words[3:10])
    if words[1] not in ("M1", "M2"):
        raise ValueError("a report is of M1 or M2")
    # CC and WEATHER have no clock of their own
    body = words[10:] if name in ("CC-REPORT", "WEATHER-REPORT") else words[18:]
    values: dict[str, Any] = {}
    match name:
        case "DRIVE-REPORT":
            # ra, dec and hour angle (4 words each), MJD, nominal and current zenith and azimuth
            values = {"zenith": _angle(body[21:25]), "azimuth": _angle(body[25:29])}
        case "CAMERA-REPORT":
            values = {"dc_na": _number(_after(body, "MEDDC")), "hv_file": _after(body, "HVFIL")}
        case "TRIGGER-REPORT":
            values = {"rate": _number(_after(body, "L3"))}
        case "L3T-REPORT":
            values = {"table": _after(body, "OVER", -1)}
        case "PYRO-REPORT":
            values = {"cloudiness": _number(body[1])}
        case "LIDAR-REPORT":
            values = {"transmission": _number(body[body.index("T") + 3])}
    found["time"].append(moment)
    if "dc_na" in values:
        found["dc_time"].append(mjd(moment))
    for key, value in values.items():
        found[key].append(value)


def _after(body: list[str], tag: str, step: int = 1) -> str:
    place = body.index(tag) + step
    if place < 0:
        raise IndexError(tag)
    return body[place]


def _number(word: str) -> float:
    value = float(word)
    if not math.isfinite(value):
        raise ValueError(f"{word} is not finite")
    return value


def _angle(words: list[str]) -> float:
    sign, whole, minutes, seconds = words
    if sign not in ("+", "-"):
        raise ValueError(f"{sign} is no sign")
    value = int(whole) + int(minutes) / 60 + _number(seconds) / 3600
    return -value if sign == "-" else value


def _moment(words: list[str]) -> datetime:
    year, month, day, hour, minute, second = (int(word) for word in words[:6])
    microseconds = round(_number(words[6]) * 1000)
    return datetime(year, month, day, hour, minute, second, min(microseconds, 999_999), tzinfo=UTC)
