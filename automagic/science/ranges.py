"""Ranges of phase and of energy, as the cards of a pulsar's steps have them."""

from __future__ import annotations

from typing import Any

from automagic.errors import UserError
from automagic.science import dl3
from automagic.science.errors import DataError
from automagic.science.settings import Settings

Parts = list[tuple[float, float]]
"""Ranges in order, none of which runs through 0."""


def on(settings: Settings) -> dict[str, Parts]:
    """Return the ranges of phase with a signal, by name.

    Examples
    --------
    >>> on(Settings("phaseogram", {"Pulsar.On": "P1 0.98:0.03; P2 0.38:0.42"}))
    {'P1': [(0.0, 0.03), (0.98, 1.0)], 'P2': [(0.38, 0.42)]}
    """
    found = {}
    for words in settings.text("Pulsar.On").split(";"):
        name, _, ranges = words.strip().partition(" ")
        found[name] = _parts(settings, "Pulsar.On", ranges)
    return found


def off(settings: Settings) -> Parts:
    """Return the ranges of phase without a signal."""
    return _parts(settings, "Pulsar.Off", settings.text("Pulsar.Off"))


def energies(settings: Settings) -> Parts:
    """Return ranges of energy in TeV."""
    found = _pairs(settings, "Phaseogram.Energies", settings.text("Phaseogram.Energies"))
    for low, high in found:
        if not 0 < low < high:
            raise UserError(f"{settings.name}: Phaseogram.Energies: {low:g}:{high:g} is no range of energy")
    return found


def _parts(settings: Settings, key: str, text: str) -> Parts:
    parts: Parts = []
    for low, high in _pairs(settings, key, text):
        if not (0 <= low <= 1 and 0 <= high <= 1) or low == high:
            raise UserError(f"{settings.name}: {key}: {low:g}:{high:g} is no range of phase; phases are from 0 to 1")
        parts += [(low, high)] if low < high else [(low, 1.0), (0.0, high)]
    return sorted(part for part in parts if part[0] < part[1])


def _pairs(settings: Settings, key: str, text: str) -> Parts:
    try:
        pairs = [tuple(float(each) for each in word.split(":")) for word in text.split()]
        return [(low, high) for low, high in pairs] or _refuse()
    except ValueError:
        raise UserError(f"{settings.name}: {key}: {text!r} is not of the form from:to from:to …") from None


def _refuse() -> Parts:
    raise ValueError


def width(parts: Parts) -> float:
    """Return the share of a turn that ranges cover."""
    return sum(high - low for low, high in parts)


def inside(phase: Any, parts: Parts) -> Any:
    """Tell which phases are in one of the ranges (the lower edge is, the upper is not)."""
    import numpy as np

    return np.any([(phase >= low) & (phase < high) for low, high in parts], axis=0)


def check_phases(files: list[dl3.File]) -> None:
    """Refuse files whose events have no phase, or phases of different pulsars.

    Raises
    ------
    DataError
        Naming a file.
    """
    for file in files:
        if not any(file.header.get(f"TTYPE{number}") == "PHASE" for number in range(1, file.header["TFIELDS"] + 1)):
            raise DataError(f"{file.path.name}: its events have no column PHASE", hint="The step phase writes it.")
        if file.header.get("PHSPSR") != files[0].header.get("PHSPSR"):
            raise DataError(f"{file.path.name} and {files[0].path.name} have phases of different pulsars")
