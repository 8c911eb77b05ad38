"""The plan of a storage tree of small runs: nights of any weather, and files that have gone wrong.

The plan is a TOML file. Keys before the first table hold for all runs; a run may have its own.

=================  ====================================================================================
level              ``calibrated`` (default) or ``raw``
seed               of all random numbers; cameras, too (1)
source, ra, dec    name and position (deg) of the source (CrabNebula, 83.6333, 22.0145)
wobble             such as ``W0.40+035``
seconds, subruns   length of a run (30) and its number of files per telescope (2)
flux               factor on the true spectrum, which is that of the card (1)
background         share of the true rate of cosmic rays (0.02)
nsb                night-sky background in units of a dark night's (1): the moon
transmission       of the air (1): haze
cloudiness         percent (15): clouds
hv                 ``nominal`` (default) or ``reduced``
trigger            ``standard`` (default) or ``sumt``
version            of the processing, in the path of calibrated files (1)
=================  ====================================================================================

``[[runs]]`` is a table for each run, with its number ``run``, its ``start`` (UTC) and, besides the keys above but
``level`` and ``seed``:

=================  ====================================================================================
kind               ``observation`` (default) or ``off``: without a source
missing            ``"M1"`` or ``"M2"``: no file of this telescope
gap                numbers of subruns without files, such as ``[2]``
unequal            so many of the last subruns are missing for M2
doubled            ``true``: a second version of the processing has the run, too (calibrated)
report             ``"sound"``, ``"empty"``, ``"broken"`` (lines that cannot be understood) or ``"absent"``;
                   reports are beside raw files, where they are sound by default, and beside calibrated
                   ones only if this asks for them
=================  ====================================================================================

``[[calibration]]`` is a table for each pair of a pedestal and a calibration run (raw): the numbers ``pedestal`` and
``calibration``, ``start``, and ``events`` of each (150).

Calibrated files go where the data centre has them, ``Calibrated/v1/<Source>/<YYYY_MM_DD>/``; raw ones, for which no
such place is public, to ``Raw/<Source>/<YYYY_MM_DD>/``.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from openmars.core.env import Env
from openmars.core.errors import ProgramError
from openmars.io.times import day_of_sunrise
from openmars.sim.card import SimCard, read_card
from openmars.sim.track import Track

CARD_KEYS = {
    "source": "Source",
    "ra": "RA",
    "dec": "Dec",
    "seconds": "Duration",
    "subruns": "Subruns",
    "flux": "SourceFactor",
    "background": "BackgroundFraction",
    "nsb": "NSB",
    "transmission": "Transmission",
    "cloudiness": "Cloudiness",
    "hv": "HV",
    "trigger": "Trigger",
}
"""Keys of a plan, and those of the card that they become."""

DEFAULTS: dict[str, Any] = {"wobble": "W0.40+035", "seconds": 30, "subruns": 2, "background": 0.02, "version": 1}
QUIET_EVENTS = 150
_SHARED = {*CARD_KEYS, "wobble", "version"}
_KEYS = {
    "": {"level", "seed", "runs", "calibration", *_SHARED},
    "runs": {"run", "start", "kind", "missing", "gap", "unequal", "doubled", "report", *_SHARED},
    "calibration": {"pedestal", "calibration", "start", "events"},
}
_WORDS = {
    "level": ("calibrated", "raw"),
    "kind": ("observation", "off"),
    "missing": ("M1", "M2"),
    "report": ("sound", "empty", "broken", "absent"),
}
_WHOLE = ("run", "pedestal", "calibration", "events", "seed", "unequal", "version", "subruns")


@dataclass(frozen=True)
class Planned:
    """A run to simulate, and what becomes of its files.

    Attributes
    ----------
    card
        What to simulate.
    used
        The card's resources as they were looked up, for the files.
    folders
        Where its files go, below the root; more than one if there are more versions.
    left_out
        Telescope and subrun of the files that are not there.
    report
        ``sound``, ``empty``, ``broken`` or ``absent``.
    """

    card: SimCard
    used: dict[str, str]
    folders: tuple[str, ...]
    left_out: frozenset[tuple[int, int]] = frozenset()
    report: str = "absent"


class _Wrong(Exception):
    """What is wrong with a table of the plan."""


def read_plan(path: str | Path, env: Env) -> list[Planned]:
    """Read a plan.

    Parameters
    ----------
    path
        The TOML file.
    env
        The card, for all that the plan does not tell.

    Returns
    -------
    list of Planned
        Calibration runs first.

    Raises
    ------
    ProgramError
        Names the run and the key that is wrong, and what is allowed.
    """
    try:
        plan = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ProgramError(f"{path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProgramError(f"{path}: not TOML: {error}") from None
    where = "before the first table"
    try:
        _check(plan, "")
        runs, pairs = _tables(plan, "runs"), _tables(plan, "calibration")
        shared = DEFAULTS | {key: plan[key] for key in _SHARED & plan.keys()}
        level = plan.get("level", "calibrated")
        seed = plan.get("seed", 1)
        out: list[Planned] = []
        for number, pair in enumerate(pairs, 1):
            where = f"[[calibration]] number {number}"
            _check(pair, "calibration")
            if level != "raw":
                raise _Wrong('calibration runs are raw files; set level = "raw"')
            out += [_quiet(shared, pair, kind, seed, env) for kind in ("pedestal", "calibration")]
        for number, run in enumerate(runs, 1):
            where = f"run {run['run']}" if "run" in run else f"[[runs]] number {number}"
            _check(run, "runs")
            out.append(_run(shared, run, level, seed, env))
        where = "[[runs]]"
        if not runs:
            raise _Wrong("there is none")
        numbers = [each.card.run for each in out]
        if len(set(numbers)) < len(numbers):
            again = next(n for n in numbers if numbers.count(n) > 1)
            raise _Wrong(f"the number {again} is there twice")
    except (_Wrong, ProgramError) as error:
        raise ProgramError(f"{path}: {where}: {error}") from None
    return out


def _tables(plan: dict[str, Any], name: str) -> list[dict[str, Any]]:
    tables = plan.get(name, [])
    if not (isinstance(tables, list) and all(isinstance(each, dict) for each in tables)):
        raise _Wrong(f"{name} are tables: write [[{name}]]")
    return tables


def _check(table: dict[str, Any], name: str) -> None:
    """Look at the keys of a table, and at the values that the card does not check."""
    for key, value in table.items():
        if key not in _KEYS[name]:
            near = get_close_matches(key, _KEYS[name], n=1)
            raise _Wrong(f"there is no key {key!r}{f'; did you mean {near[0]}?' if near else ''}")
        if not name and key in _KEYS:
            continue
        if key in _WORDS and value not in _WORDS[key]:
            raise _Wrong(f"{key} is {value!r}; it can be {', '.join(_WORDS[key])}")
        if key in _WHOLE and (type(value) is not int or value < 0):
            raise _Wrong(f"{key} is {value!r}; it is to be a whole number")
        if key == "doubled" and type(value) is not bool:
            raise _Wrong(f"doubled is {value!r}; it is to be true or false")
        if key == "gap" and not (isinstance(value, list) and value and all(type(n) is int and n > 0 for n in value)):
            raise _Wrong(f"gap is {value!r}; it is to be a list of subruns, such as [2]")
    for key in {"runs": ("run", "start"), "calibration": ("pedestal", "calibration", "start")}.get(name, ()):
        if key not in table:
            raise _Wrong(f"the key {key} is missing")


def _moment(value: Any) -> str:
    """A TOML date and time, or text, as the card has it."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    return str(value)


def _card(env: Env, values: dict[str, Any], wobble: str) -> tuple[SimCard, dict[str, str]]:
    """The card of a run: that of the program with these resources."""
    match = re.fullmatch(r"W(\d\.\d\d)([+-]\d{3})", wobble) if isinstance(wobble, str) else None
    if match is None:
        raise _Wrong(f"wobble is {wobble!r}; it is to be like W0.40+035")
    new = Env()
    new.values = dict(env.values) | {f"Sim.{key}": str(value) for key, value in values.items()}
    new.values |= {"Sim.WobbleOffset": match[1], "Sim.WobbleAngle": str(int(match[2]))}
    card = read_card(new)
    if new.messages:
        raise _Wrong(new.messages[0])
    Track.of(card)
    return card, dict(new.looked_up)


def _common(shared: dict[str, Any], own: dict[str, Any], seed: int, run: int) -> dict[str, Any]:
    """Resources of any run."""
    values = {CARD_KEYS[key]: value for key, value in (shared | own).items() if key in CARD_KEYS}
    # runs of one seed and different numbers have nothing in common
    own_seed = (seed * 10**8 + run) % (2**31 - 1)
    return values | {"Run": run, "Seed": own_seed, "CameraSeed": seed, "Start": _moment(own["start"])}


def _night(card: SimCard) -> str:
    return f"{date(1858, 11, 17) + timedelta(days=day_of_sunrise(card.start_mjd)):%Y_%m_%d}"


def _quiet(shared: dict[str, Any], pair: dict[str, Any], kind: str, seed: int, env: Env) -> Planned:
    """A pedestal or calibration run."""
    values = _common(shared, {"start": pair["start"]}, seed, pair[kind])
    values |= {"Kind": kind, "Output": "raw", "Events": pair.get("events", QUIET_EVENTS)}
    card, used = _card(env, values, shared["wobble"])
    return Planned(card, used, (f"Raw/{card.source}/{_night(card)}",))


def _run(shared: dict[str, Any], run: dict[str, Any], level: str, seed: int, env: Env) -> Planned:
    """A run of the source, or one without."""
    values = _common(shared, run, seed, run["run"])
    values |= {"Kind": run.get("kind", "observation"), "Output": level}
    card, used = _card(env, values, (shared | run)["wobble"])
    last = card.subruns
    gap, fewer = run.get("gap", []), run.get("unequal", 0)
    if max(gap, default=0) > last or fewer >= last:
        raise _Wrong(f"gap and unequal must leave some of its {last} subruns")
    left_out = {(t, s) for t in (1, 2) for s in gap} | {(2, s) for s in range(last - fewer + 1, last + 1)}
    if "missing" in run:
        left_out |= {(int(run["missing"][1]), s) for s in range(1, last + 1)}
    report = run.get("report", "sound" if level == "raw" else "absent")
    place = f"{card.source}/{_night(card)}"
    if level == "raw":
        if run.get("doubled"):
            raise _Wrong("raw files have no versions: doubled is for calibrated ones")
        return Planned(card, used, (f"Raw/{place}",), frozenset(left_out), report)
    version = (shared | run)["version"]
    versions = (version, version + 1) if run.get("doubled") else (version,)
    return Planned(card, used, tuple(f"Calibrated/v{v}/{place}" for v in versions), frozenset(left_out), report)
