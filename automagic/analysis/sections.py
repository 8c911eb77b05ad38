"""The sections of ``analysis.toml``. Defaults are what a MAGIC analyser would choose."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from automagic.analysis.fields import (
    Declination,
    Energy,
    Night,
    RightAscension,
    RunNumber,
    Section,
    SourceName,
    ZenithRange,
)

PLANNED_KINDS = ("moon", "mataju", "mataju-sumt", "diffuse")
"""Kinds of analysis that are planned and not there yet."""

PLANNED_LEVELS = ("raw",)
"""Entry levels that are planned and not there yet."""

Ebl = Literal["none", "dominguez", "finke", "franceschini", "franceschini17", "saldana-lopez21"]


def _kind(given: Any) -> Any:
    if given in PLANNED_KINDS:
        raise ValueError("this kind of analysis cannot be done yet; allowed: 'standard'")
    return given


def _level(given: Any) -> Any:
    if given in PLANNED_LEVELS:
        raise ValueError("starting from this level cannot be done yet; allowed: 'calibrated' or later")
    return given


class General(Section):
    """``[analysis]``: what kind of analysis, with which programs."""

    kind: Annotated[Literal["standard"], BeforeValidator(_kind)] = "standard"
    engine: Literal["openmars", "mars"] = "openmars"


class Source(Section):
    """``[source]``: name as in the data's file names, place in degrees (ICRS), redshift."""

    name: SourceName
    ra: RightAscension
    dec: Declination
    redshift: float = Field(default=0.0, ge=0, lt=10)


class Data(Section):
    """``[data]``: which runs. Dates are those of the mornings, both included; zenith in degrees."""

    level: Annotated[
        Literal["calibrated", "star", "superstar", "melibea", "dl3"],
        BeforeValidator(_level),
        Field(alias="from"),
    ] = "calibrated"
    dates: Annotated[tuple[Night, Night] | None, Field(strict=False)] = None
    zenith: ZenithRange = (5.0, 50.0)
    runs: list[RunNumber] = Field(default_factory=list)
    exclude: list[RunNumber] = Field(default_factory=list)

    @field_validator("dates")
    @classmethod
    def _in_order(cls, dates: Any) -> Any:
        if dates is not None and dates[0] > dates[1]:
            raise ValueError("the first date must not be after the second")
        return dates


class Reconstruction(Section):
    """``[reconstruction]``: energies from look-up tables or a random forest; which Monte Carlo geometry."""

    energy: Literal["lut", "forest"] = "lut"
    geometry: Literal["w0", "wr"] = "w0"


class Spectrum(Section):
    """``[spectrum]``: model and range of the forward-folded fit.

    ``ebl`` is ``"dominguez"`` (Dominguez et al. 2011, as in MARS) where the source has a redshift, else none.
    """

    model: Literal["power-law", "log-parabola"] = "log-parabola"
    reference: Energy = 1.0
    energy_min: Energy | None = None
    energy_max: Energy | None = None
    ebl: Ebl | None = None
    off_regions: int | None = Field(default=None, ge=1, le=20)
    points_per_decade: int | None = Field(default=None, ge=1, le=20)

    @model_validator(mode="after")
    def _in_order(self) -> Spectrum:
        if self.energy_min and self.energy_max and self.energy_min >= self.energy_max:
            raise ValueError("energy_min must be below energy_max")
        return self


class LightCurve(Section):
    """``[lightcurve]``: integral flux above ``energy_min``, per run and per night."""

    energy_min: Energy = 0.3
    energy_max: Energy | None = None


class Theta2(Section):
    """``[theta2]``: the θ² plot. ``cut`` in deg²; without it the files' own."""

    energy_min: Energy | None = None
    cut: float | None = Field(default=None, gt=0, lt=1)


def flat(table: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Join nested tables' keys with dots, as TOML makes them from unquoted keys.

    Examples
    --------
    >>> flat({"MJStar": {"MImgCleanStd": {"CleanLevel1": 6.5}}})
    {'MJStar.MImgCleanStd.CleanLevel1': 6.5}
    """
    result: dict[str, Any] = {}
    for key, given in table.items():
        if isinstance(given, dict):
            result.update(flat(given, f"{above}{key}."))
        else:
            result[f"{above}{key}"] = given
    return result


def _cards(given: Any) -> Any:
    if not isinstance(given, dict) or not all(isinstance(each, dict) for each in given.values()):
        raise ValueError("write one table a program, like [cards.star]")
    cards = {program: flat(table) for program, table in given.items()}
    for program, table in cards.items():
        for key, value in table.items():
            if not isinstance(value, str | int | float | bool):
                raise ValueError(f"[cards.{program}] {key} must be text, a number or true/false, not {value!r}")
    return cards


class Document(Section):
    """The whole of ``analysis.toml``."""

    analysis: General = General()
    source: Source
    data: Data = Data()
    cards: Annotated[dict[str, dict[str, str | int | float | bool]], BeforeValidator(_cards)] = Field(
        default_factory=dict
    )
    reconstruction: Reconstruction = Reconstruction()
    spectrum: Spectrum = Spectrum()
    lightcurve: LightCurve = LightCurve()
    theta2: Theta2 = Theta2()
