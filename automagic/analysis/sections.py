"""The sections of ``analysis.toml``. Defaults are what a MAGIC analyser would choose."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from automagic.analysis.atmosphere import Atmosphere
from automagic.analysis.catalogue import no_doubles, one_or_several
from automagic.analysis.fields import (
    AzimuthRange,
    Declination,
    Energy,
    Night,
    Nights,
    NsbRange,
    Periods,
    RateRange,
    RightAscension,
    RunNumber,
    Section,
    SourceName,
    Sources,
    Triggers,
    Voltages,
    Wobbles,
    ZenithRange,
)
from automagic.analysis.pulsar import Pulsar

Radius = Annotated[float, Field(gt=0, le=2)]
Ebl = Literal["none", "dominguez", "finke", "franceschini", "franceschini17", "saldana-lopez21"]


class General(Section):
    """``[analysis]``: what kind of analysis (`automagic.kinds`), with which programs."""

    kind: Literal["standard", "moon", "mataju", "mataju-sumt", "diffuse"] = "standard"
    engine: Literal["openmars", "mars"] = "openmars"


class Source(Section):
    """``[source]``: name as in the data's file names, place in degrees (ICRS), redshift.

    Attributes
    ----------
    radius
        Of the region whose events count, in degrees; for full-enclosure responses (kind ``"diffuse"``) only.
    extension
        Sigma of the Gaussian that the source is taken for in the spectrum of that region; 0 for a point.
    exclude
        Other sources in the field of view, each as right ascension, declination and radius: no background is measured
        there.
    """

    name: SourceName
    ra: RightAscension
    dec: Declination
    redshift: float = Field(default=0.0, ge=0, lt=10)
    radius: float | None = Field(default=None, gt=0, le=1)
    extension: float = Field(default=0.0, ge=0, le=1)
    exclude: list[Annotated[tuple[RightAscension, Declination, Radius], Field(strict=False)]] = Field(
        default_factory=list
    )

    def excluded(self) -> str:
        """Return the regions without background as cards have them: this source, then the others."""
        own = max(0.35, (self.radius or 0.0) + 0.1, 3 * self.extension)
        regions = [(self.ra, self.dec, round(own, 3)), *self.exclude]
        return ", ".join(" ".join(f"{number:g}" for number in each) for each in regions)


class Data(Section):
    """``[data]``: which runs.

    A run that is not known well enough to be judged by a key is taken, with a remark. Where a key is not given, the
    usual limit of the kind of analysis counts (`automagic.kinds`); *all* below means: no limit.

    Attributes
    ----------
    level
        ``from``: the level that the files in storage are at.
    source
        Name, or list of names, of the source in the files' names; by default that of ``[source]``.
    cone
        Degrees. Instead of by name, runs are taken whose headers have their source within this angle of the place
        in ``[source]``; a run whose header does not tell is taken by its name.
    dates
        First and last night, by the date of the morning; all by default.
    nights
        Single nights, the same way; all by default.
    periods
        Periods such as ``"ST.03.16"``; all by default.
    runs, exclude
        Run numbers to take (all by default) and to leave out (none).
    zenith
        Smallest and largest zenith distance in degrees, of the middle of a run.
    azimuth
        From and to in degrees, over east, of the middle of a run: ``[300, 60]`` is the north; all by default.
    hv
        ``"nominal"``, ``"reduced"``, or a list of both.
    trigger
        ``"standard"``, ``"sumt"`` (Sum-Trigger-II), or a list of both.
    nsb
        Smallest and largest night-sky background, in units of a dark night's.
    transmission
        Smallest aerosol transmission between 9 km and the ground, 0 to 1.
    cloudiness
        Largest cloudiness of the pyrometer in percent.
    rate
        Smallest and largest rate of the coincidence trigger (L3) in Hz; all by default.
    wobbles
        Wobble positions such as ``"W0.40+035"``, or ``"W0.40"`` for all angles; all by default.
    minutes_min
        Shortest effective time of a run in minutes, as far as the index knows it; 0 by default.
    quality
        Whether ``quate`` judges each run and its bad minutes are cut out.
    """

    level: Annotated[
        Literal["raw", "calibrated", "star", "superstar", "melibea", "dl3"],
        Field(alias="from"),
    ] = "calibrated"
    source: Sources | None = None
    cone: Annotated[float, Field(gt=0, le=5)] | None = None
    dates: Annotated[tuple[Night, Night] | None, Field(strict=False)] = None
    nights: Nights | None = None
    periods: Periods | None = None
    runs: list[RunNumber] = Field(default_factory=list)
    exclude: list[RunNumber] = Field(default_factory=list)
    zenith: ZenithRange | None = None
    azimuth: AzimuthRange | None = None
    hv: Voltages | None = None
    trigger: Triggers | None = None
    nsb: NsbRange | None = None
    transmission: Annotated[float, Field(ge=0, le=1)] | None = None
    cloudiness: Annotated[float, Field(ge=0, le=100)] | None = None
    rate: RateRange | None = None
    wobbles: Wobbles | None = None
    minutes_min: Annotated[float, Field(ge=0, le=600)] | None = None
    quality: bool = True

    @field_validator("dates")
    @classmethod
    def _in_order(cls, dates: Any) -> Any:
        if dates is not None and dates[0] > dates[1]:
            raise ValueError("the first date must not be after the second")
        return dates

    @model_validator(mode="after")
    def _make_sense(self) -> Data:
        both = sorted({*self.runs} & {*self.exclude})
        if both:
            raise ValueError(f"run {both[0]:08d} is both in runs and in exclude")
        if self.cone is not None and self.source is not None:
            raise ValueError("give either source or cone")
        return self


class Reconstruction(Section):
    """``[reconstruction]``: energies from look-up tables or a random forest; which Monte Carlo geometry.

    `geometry` is that of the kind of analysis by default.
    """

    energy: Literal["lut", "forest"] = "lut"
    geometry: Literal["w0", "wr", "wd"] | None = None


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
    """``[lightcurve]``: integral flux above ``energy_min``, per run and per night; with `periods` also per period."""

    energy_min: Energy = 0.3
    energy_max: Energy | None = None
    periods: bool = False


class Theta2(Section):
    """``[theta2]``: the θ² plot. ``cut`` in deg²; without it the files' own."""

    energy_min: Energy | None = None
    cut: float | None = Field(default=None, gt=0, lt=1)


class Flux(Section):
    """``[flux]``: the flux, or its upper limit, that a catalogue has of each source.

    It is integral, from `energy_min` to `energy_max`, by default those of ``[lightcurve]``. `index` is the photon index
    that is assumed where too little is seen to fit one; at the source, where it has a redshift.
    """

    energy_min: Energy | None = None
    energy_max: Energy | None = None
    index: Annotated[float, Field(ge=0, le=6)] = 2.5


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


def _cards(given: Any, section: str = "cards") -> Any:
    if not isinstance(given, dict) or not all(isinstance(each, dict) for each in given.values()):
        raise ValueError(f"write one table a program, like [{section}.star]")
    cards = {program: flat(table) for program, table in given.items()}
    for program, table in cards.items():
        for key, value in table.items():
            if not isinstance(value, str | int | float | bool):
                raise ValueError(f"[{section}.{program}] {key} must be text, a number or true/false, not {value!r}")
    return cards


def _unchecked(given: Any) -> Any:
    return _cards(given, "unchecked")


class Document(Section):
    """The whole of ``analysis.toml``."""

    analysis: General = General()
    source: Source | None = None
    data: Data = Data()
    cards: Annotated[dict[str, dict[str, str | int | float | bool]], BeforeValidator(_cards)] = Field(
        default_factory=dict
    )
    reconstruction: Reconstruction = Reconstruction()
    spectrum: Spectrum = Spectrum()
    lightcurve: LightCurve = LightCurve()
    theta2: Theta2 = Theta2()
    unchecked: Annotated[dict[str, dict[str, str | int | float | bool]], BeforeValidator(_unchecked)] = Field(
        default_factory=dict
    )
    sources: Annotated[tuple[Source, ...], Field(strict=False), AfterValidator(no_doubles)] = ()
    flux: Flux = Flux()
    pulsar: Pulsar | None = None
    atmosphere: Atmosphere = Atmosphere()

    @model_validator(mode="after")
    def _one_or_several(self) -> Document:
        if self.pulsar is not None and self.sources:
            raise ValueError("'pulsar' goes with one source, not with a catalogue of 'sources'")
        one_or_several(self.source, self.sources, self.data, "flux" in self.model_fields_set)
        return self
