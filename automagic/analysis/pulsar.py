"""``[pulsar]`` of ``analysis.toml``: the ephemeris, and the ranges of phase with and without a signal."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from automagic.analysis.fields import Energy, Section
from automagic.errors import UserError
from automagic.mjd import EPOCH

Range = tuple[float, float]

PAR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}\.par", re.ASCII)
LARGEST = 65536
"""Bytes: a par file has tens of lines."""
EPHEMERIS = "DE421"
"""The one ephemeris of the Solar System that is here (package skyfield-data)."""


def _range(given: Any) -> Range:
    numbers = isinstance(given, list | tuple) and all(
        isinstance(each, int | float) and not isinstance(each, bool) and 0 <= each <= 1 for each in given
    )
    if not numbers or len(given) != 2 or given[0] % 1 == given[1] % 1:
        raise ValueError("give phases from 0 to 1, [from, to]; [0.98, 0.03] runs through 0")
    return float(given[0]), float(given[1])


def _ranges(given: Any) -> tuple[Range, ...]:
    """Take one range as a list of one."""
    if isinstance(given, list | tuple) and given and isinstance(given[0], list | tuple):
        found = tuple(_range(each) for each in given)
    else:
        found = (_range(given),)
    if _overlap(split(found)):
        raise ValueError("the ranges overlap with each other")
    return found


def split(ranges: tuple[Range, ...]) -> list[Range]:
    """Return ranges of phase in order, those that run through 0 as two.

    Examples
    --------
    >>> split(((0.983, 0.026), (0.377, 0.422)))
    [(0.0, 0.026), (0.377, 0.422), (0.983, 1.0)]
    """
    parts: list[Range] = []
    for low, high in ranges:
        parts += [(low, high)] if low < high else [(low, 1.0), (0.0, high)]
    return sorted(part for part in parts if part[0] < part[1])


def _overlap(parts: list[Range]) -> bool:
    return any(before[1] > after[0] for before, after in pairwise(parts))


def _pars(given: Any) -> tuple[str, ...]:
    """Take one name as a list of one."""
    several = given if isinstance(given, list) and given else [given]
    return tuple(dict.fromkeys(_par(each) for each in several))


def _par(given: Any) -> str:
    if not isinstance(given, str) or not PAR_NAME.fullmatch(given):
        raise ValueError('give the name of a file beside analysis.toml, like "crab.par"; letters, digits and . _ + -')
    return given


def _named(given: Any) -> Any:
    if not isinstance(given, dict) or not given:
        raise ValueError("name at least one range, like P2 = [0.377, 0.422]")
    for name in given:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,30}", name, re.ASCII):
            raise ValueError(f"{name!r} cannot name a range; it can have letters, digits and _ + -")
    return given


def _energies(given: Any) -> Any:
    if not isinstance(given, list) or not given or not all(isinstance(each, list) and len(each) == 2 for each in given):
        raise ValueError('give a list of ranges of energy, like [["50 GeV", "400 GeV"], ["400 GeV", "2 TeV"]]')
    return given


EnergyRange = Annotated[tuple[Energy, Energy], Field(strict=False)]


class Pulsar(Section):
    """``[pulsar]``: events get a phase, and phaseogram and spectra of ranges of phase are made.

    Attributes
    ----------
    par
        Name of a file beside ``analysis.toml`` with the pulsar's ephemeris, as TEMPO2 and PINT take it; or a list of
        them, of which each run takes the first that its night is in (START and FINISH of the file).
    on
        Ranges of phase with a signal by name: one, or a list of them that belong together.
    off
        Range of phase, or list of them, with none: the background.
    energies
        Ranges of estimated energy, a phaseogram each; all energies by default.
    bins
        Of a phaseogram, in one turn.
    reference, energy_min, energy_max
        Of the power laws that are fitted.
    any_ephemeris
        Take a par file that was made with another ephemeris of the Solar System than DE421, the one that is here.
    """

    par: Annotated[tuple[str, ...], BeforeValidator(_pars)]
    on: Annotated[dict[str, Annotated[tuple[Range, ...], BeforeValidator(_ranges)]], BeforeValidator(_named)]
    off: Annotated[tuple[Range, ...], BeforeValidator(_ranges)]
    energies: Annotated[tuple[EnergyRange, ...] | None, Field(strict=False), BeforeValidator(_energies)] = None
    bins: Annotated[int | None, Field(ge=5, le=1000)] = None
    reference: Energy | None = None
    energy_min: Energy | None = None
    energy_max: Energy | None = None
    any_ephemeris: bool = False

    @model_validator(mode="after")
    def _make_sense(self) -> Pulsar:
        for name, ranges in self.on.items():
            if _overlap(sorted(split(ranges) + split(self.off))):
                raise ValueError(f"on.{name} overlaps with off")
        if self.energies and any(low >= high for low, high in self.energies):
            raise ValueError("energies: the first of each range must be below the second")
        if self.energy_min and self.energy_max and self.energy_min >= self.energy_max:
            raise ValueError("energy_min must be below energy_max")
        return self


@dataclass(frozen=True)
class Par:
    """A par file as it was read: its SHA-256, its lines without comments, and the time that it is for (MJD)."""

    name: str
    sha256: str
    lines: tuple[str, ...]
    start: float = -math.inf
    finish: float = math.inf


HINT = "pulsar.par in analysis.toml names files beside it with the pulsar's ephemeris, as TEMPO2 and PINT take them."


def par_of(folder: Path, pulsar: Pulsar, night: str, run: int) -> Par:
    """Return the par file that a run takes: the only one, or the first that its night is in.

    Parameters
    ----------
    folder
        Of the analysis.
    pulsar
        Its section.
    night
        Date of the run's morning, ``YYYY-MM-DD``.
    run
        For errors.

    Raises
    ------
    UserError
        A file is not there, cannot be read, or is no ephemeris that can be used here; or none is for the night.
    """
    found = [read_par(folder / name, pulsar.any_ephemeris) for name in pulsar.par]
    if len(found) == 1:
        return found[0]
    mjd = (date.fromisoformat(night) - EPOCH.date()).days
    for each in found:
        if each.start - 0.5 <= mjd <= each.finish + 0.5:
            return each
    raise UserError(
        f"no file of pulsar.par is for the night {night} of run {run:08d} (by START and FINISH in them)",
        hint=f"Add one, or leave the run out with data.exclude. There are: {', '.join(pulsar.par)}.",
    )


def read_par(path: Path, any_ephemeris: bool = False) -> Par:
    """Read a par file; what PINT would refuse only after hours is refused here."""
    try:
        if not path.is_file():
            raise UserError(f"pulsar.par: there is no file {path}", hint=HINT)
        if path.stat().st_size > LARGEST:
            raise UserError(f"{path}: larger than {LARGEST} bytes; this is no par file", hint=HINT)
        content = path.read_bytes()
        text = content.decode("ascii")
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text in ASCII; this is no par file", hint=HINT) from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}", hint=HINT) from None
    lines = tuple(" ".join(line.split()) for line in text.splitlines() if line.strip() and not _comment(line))
    for line in lines:
        if not line.isprintable() or "$(" in line:
            raise UserError(f"{path}: {line!r} is no line of a par file", hint=HINT)
    keys = {line.split()[0].upper(): line.split()[1:] for line in lines}
    _check(path, keys, any_ephemeris)
    start, finish = _number(path, keys, "START", -math.inf), _number(path, keys, "FINISH", math.inf)
    return Par(path.name, hashlib.sha256(content).hexdigest(), lines, start, finish)


def _comment(line: str) -> bool:
    return line.lstrip().startswith("#") or line.startswith(("C ", "c "))


def _number(path: Path, keys: dict[str, list[str]], key: str, default: float) -> float:
    if not keys.get(key):
        return default
    try:
        return float(keys[key][0].upper().replace("D", "E"))
    except ValueError:
        raise UserError(f"{path}: {key} is {keys[key][0]!r}, not a number") from None


def _check(path: Path, keys: dict[str, list[str]], any_ephemeris: bool) -> None:
    """Ask for what a phase cannot do without."""
    places = (("RAJ", "RA", "ELONG", "LAMBDA"), ("DECJ", "DEC", "ELAT", "BETA"))
    for names in (("F0", "F", "P0", "P"), ("PEPOCH",), *places):
        found = next((name for name in names if keys.get(name)), None)
        if found is None:
            raise UserError(
                f"{path}: no {names[0]}", hint="Is it the ephemeris of a pulsar? It needs F0, PEPOCH, RAJ and DECJ."
            )
        if names not in places:
            _number(path, keys, found, 0.0)
    units = (keys.get("UNITS") or ["TDB"])[0]
    if units != "TDB":
        raise UserError(f"{path}: UNITS is {units}; expected TDB", hint="PINT's tcb2tdb converts a par file.")
    ephemeris = (keys.get("EPHEM") or [EPHEMERIS])[0].upper()
    if ephemeris != EPHEMERIS and not any_ephemeris:
        raise UserError(
            f"{path}: made with the Solar System's ephemeris {ephemeris}; only {EPHEMERIS} is here",
            hint="With any_ephemeris = true under [pulsar] it is taken with DE421 nevertheless: docs/kinds/pulsar.md.",
        )
