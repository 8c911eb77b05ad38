"""What makes a kind of analysis: plain data, read by selection, cards and graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Values = Mapping[str, Mapping[str, object]]
"""Card values by program and key."""


class Default(NamedTuple):
    """A usual limit: key of ``[data]``, value in its unit, and where it comes from."""

    key: str
    value: Any
    source: str


@dataclass(frozen=True)
class Kind:
    """A kind of analysis: in what it differs from the standard one.

    Attributes
    ----------
    name
        As in ``analysis.toml``.
    summary
        What it is for, in a line.
    limits
        Usual limits of ``[data]`` that it has otherwise.
    cards
        Card values by program and key; they stand over the default cards, and under what a person writes.
    geometry
        Of the Monte Carlo: ``"w0"``, ``"wr"`` or ``"wd"``.
    steps
        The science steps, in order.
    """

    name: str
    summary: str
    limits: tuple[Default, ...] = ()
    cards: Values = field(default_factory=dict)
    geometry: str = "w0"
    steps: tuple[str, ...] = ("theta2", "spectrum", "lightcurve")
