"""The usual limits of each kind of analysis, for the keys of ``[data]`` that an analysis does not give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from automagic.analysis import Analysis


class Default(NamedTuple):
    """A usual limit: key of ``[data]``, value in its unit, and where it comes from."""

    key: str
    value: Any
    source: str


STANDARD = (
    Default("zenith", (5.0, 50.0), "Monte Carlo za05to35 and za35to50, as named in MarsUtil and magic-cta-pipe"),
    Default("hv", ("nominal",), "reduced HV needs Monte Carlo tuned to it (MarsUtil)"),
    Default("trigger", ("standard",), "Sum-Trigger-II data need Monte Carlo and models of their own"),
    Default(
        "nsb",
        (0.0, 2.0),
        "levels 6/3.5 phe and Monte Carlo as it is: up to 2000 nA (MarsUtil), taken as twice dark",
    ),
    Default("transmission", 0.85, "magic-cta-pipe; DL3 files cannot have the LIDAR's correction, so not 0.55"),
    Default("cloudiness", 45.0, "CloudinessMax of MarsUtil's quate"),
)
"""Of the standard analysis, with their sources."""

OTHERS: dict[str, tuple[Default, ...]] = {
    "moon": (
        Default("hv", ("nominal", "reduced"), "moonlight is observed with either (arXiv:1704.00906)"),
        Default("nsb", (0.0, 18.0), "to the end of catalog/nsb_levels.csv without filters"),
    ),
    "mataju": (),
    "mataju-sumt": (Default("trigger", ("sumt",), "the kind of analysis says so"),),
    "diffuse": (),
}
"""What other kinds of analysis have differently."""


@dataclass(frozen=True)
class Limits:
    """What ``[data]`` and the usual limits together ask of a run; units as in `automagic.analysis.sections.Data`.

    `usual` has the keys whose limits are the usual ones.
    """

    zenith: tuple[float, float]
    hv: tuple[str, ...]
    trigger: tuple[str, ...]
    nsb: tuple[float, float]
    transmission: float
    cloudiness: float
    usual: frozenset[str]


def defaults(kind: str) -> dict[str, Default]:
    """Return the usual limits of a kind of analysis by key.

    Examples
    --------
    >>> defaults("standard")["cloudiness"].value, defaults("mataju-sumt")["trigger"].value
    (45.0, ('sumt',))
    """
    return {each.key: each for each in (*STANDARD, *OTHERS.get(kind, ()))}


def limits(analysis: Analysis) -> Limits:
    """Return the limits that an analysis puts on its runs."""
    usual = defaults(analysis.kind)
    given = {key: getattr(analysis.data, key) for key in usual}
    values = {key: usual[key].value if value is None else value for key, value in given.items()}
    return Limits(**values, usual=frozenset(key for key, value in given.items() if value is None))
