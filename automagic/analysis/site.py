"""``site.toml``: where data lie, where the programs are, and what this machine may use.

Without the file, the site is this machine with the programs that come with the project.
"""

from __future__ import annotations

from datetime import timedelta
from math import exp
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from automagic.analysis.catalogue import no_doubles
from automagic.analysis.condor import Condor
from automagic.analysis.fields import (
    Azimuth,
    Declination,
    Energy,
    Moment,
    Period,
    RightAscension,
    RunNumber,
    Section,
    SourceName,
    Wobble,
)
from automagic.analysis.remote import RemoteStorage, Root
from automagic.analysis.sections import Ebl
from automagic.analysis.simulated_pulsar import SimulatedPulsar
from automagic.cards import closest

REMOVED_ROOTS = ("raw", "calibrated", "star", "superstar", "melibea", "dl3")
"""Keys of ``[storage]`` before there was ``roots``: one list of folders a level."""


class Storage(RemoteStorage):
    """``[storage]``: folders (or addresses of remote storage), searched with all that is below them.

    `roots` have the runs of any level, `off` the runs without a source, `mc` the Monte Carlo. Relative folders are
    beside ``site.toml``. `public` names a published set that is fetched and checked. `index` is the folder of the
    run index, ``.index`` beside ``site.toml`` by default. `shared` is the folder of results that all users of the site
    share; entries of the users in `shared_trust` alone are taken from it, where that is given. `catalog` is where the
    catalogs of all analyses are collected, ``catalog`` in `shared` by default.
    """

    roots: list[Root] = Field(default_factory=list)
    mc: list[Root] = Field(default_factory=list)
    off: list[Root] = Field(default_factory=list)
    public: Literal["magic-rad-max"] | None = None
    index: str = ".index"
    trust: Literal["signature", "time", "content"] = "signature"
    shared: str | None = None
    shared_trust: list[str] = Field(default_factory=list)
    catalog: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _roots(cls, given: Any) -> Any:
        old = [key for key in REMOVED_ROOTS if isinstance(given, dict) and key in given]
        if old:
            raise ValueError(
                f"'{old[0]}' is no key any more; write its folders into 'roots', which has files of all levels"
            )
        return given


class Truth(Section):
    """``[simulate.spectrum]``: the true spectrum of a simulated source.

    dN/dE = amplitude (E/reference)^-(alpha + beta log10(E/reference)), absorbed by `ebl` at `redshift`.
    The default is the Crab Nebula of MAGIC (2015), JHEAp 5-6, 30. `extension` is the sigma, in degrees, of the Gaussian
    that the gammas come from; 0 for a point.
    """

    model: Literal["power-law", "log-parabola"] = "log-parabola"
    amplitude: float = Field(default=3.23e-11, gt=0)
    reference: Energy = 1.0
    alpha: float = 2.47
    beta: float = 0.24
    redshift: float = Field(default=0.0, ge=0, lt=10)
    ebl: Ebl = "none"
    extension: float = Field(default=0.0, ge=0, le=1)


class Target(Section):
    """``[simulate.target]``: what the telescopes track and the files are named after, in degrees (ICRS).

    Without it that is the source of the analysis. With it the gammas still come from there, off the
    target.
    """

    name: SourceName
    ra: RightAscension
    dec: Declination


class Conditions(Section):
    """The conditions that a run is taken under; `None` for those of the site (``[simulate]``).

    `nsb` is in units of a dark night's, `transmission` relative to a clear night's, `cloudiness` in percent.
    `light_yield` is a factor on the light that both telescopes see: that of mirrors and photomultipliers in a period.
    """

    nsb: float | None = Field(default=None, gt=0)
    transmission: float | None = Field(default=None, gt=0, le=1)
    cloudiness: float | None = Field(default=None, ge=0, le=100)
    hv: Literal["nominal", "reduced"] | None = None
    trigger: Literal["standard", "sumt"] | None = None
    light_yield: float | None = Field(default=None, ge=0.05, le=10)


class SimulatedSource(Section):
    """``[[simulate.sources]]``: a source that runs name, where there are several.

    `flux` multiplies its true spectrum, and that of each run; 0 is a source that is not there. `spectrum` is its own,
    or that of the site.
    """

    name: SourceName
    ra: RightAscension
    dec: Declination
    flux: float = Field(default=1.0, ge=0)
    spectrum: Truth | None = None


class SimulatedRun(Conditions):
    """``[[simulate.runs]]``: a run of the source, or of one of ``[[simulate.sources]]``.

    `flux` multiplies the true spectrum.
    `nsb_end` is the night-sky background at its end, to which it changes evenly; without it `nsb` stays.
    `haze` is the transmission of a layer of haze at the start of the run, on top of `transmission`, and `haze_end` that
    at its end (by default the same); the layer begins `haze_base` m above the telescopes, and falls to 1/e over
    `haze_scale` m.
    """

    run: RunNumber
    start: Moment
    minutes: float = Field(gt=0, le=60)
    subruns: int = Field(default=1, ge=1, le=999)
    wobble: Wobble = "W0.40+035"
    flux: float = Field(default=1.0, ge=0)
    source: SourceName | None = None
    nsb_end: float | None = Field(default=None, gt=0)
    haze: float = Field(default=1.0, ge=0.05, le=1)
    haze_end: float | None = Field(default=None, ge=0.05, le=1)
    haze_base: float = Field(default=0.0, ge=0, le=20_000)
    haze_scale: float = Field(default=1200.0, ge=10, le=10_000)

    @property
    def haze_9km(self) -> float:
        """Smallest transmission of the haze below 9 km, as the LIDAR reports it."""
        least = min(self.haze, self.haze if self.haze_end is None else self.haze_end)
        return float(least ** (1.0 - exp(-max(9000.0 - self.haze_base, 0.0) / self.haze_scale)))


class SimulatedOff(Conditions):
    """``[[simulate.off]]``: a run of a field without a source, for training."""

    run: RunNumber
    start: Moment
    minutes: float = Field(gt=0, le=60)
    subruns: int = Field(default=1, ge=1, le=999)
    wobble: Wobble = "W0.40+035"
    name: SourceName
    ra: RightAscension
    dec: Declination


class SimulatedCalibration(Section):
    """``[[simulate.calibration]]``: a pedestal and a calibration run, from `start` on; for raw data only.

    A run uses the last pair of its night that began before it, or else the first one after.
    """

    pedestal: RunNumber
    calibration: RunNumber
    start: Moment


class SimulatedMc(Section):
    """``[[simulate.mc]]``: gamma Monte Carlo of a zenith range. `showers` is of each file, `impact_max` in m.

    With `period` it is for the runs of that period alone. `light_yield` is that of the site by default.
    `view_cone` is the largest offset, in degrees, of diffuse Monte Carlo (geometry ``"wd"``).
    """

    zenith: Annotated[tuple[int, int], Field(strict=False)]
    geometry: Literal["w0", "wr", "wd"] = "w0"
    files: int = Field(default=1, ge=1)
    first_run: int = Field(default=1001, ge=1)
    showers: int = Field(gt=0)
    energy_min: Energy = 0.03
    energy_max: Energy = 30.0
    slope: float = -1.6
    impact_max: float = Field(default=350.0, gt=0)
    azimuth: Annotated[tuple[Azimuth, Azimuth], Field(strict=False)] = (0.0, 360.0)
    period: Period | None = None
    light_yield: float | None = Field(default=None, ge=0.05, le=10)
    view_cone: float = Field(default=1.5, gt=0, le=5)


class Simulate(Section):
    """``[simulate]``: a simulated site, whose runs ``openmars-sim`` makes.

    The conditions are the Monte Carlo's, and those of all runs that do not have their own. `energy_min` is that of the
    gamma rays in the runs.
    """

    seed: int = Field(ge=0, lt=10**9)
    background_fraction: float = Field(default=1.0, ge=0, le=1)
    off_fraction: float = Field(default=1.0, ge=0, le=1)
    nsb: float = Field(default=1.0, gt=0)
    transmission: float = Field(default=1.0, gt=0, le=1)
    cloudiness: float = Field(default=15.0, ge=0, le=100)
    hv: Literal["nominal", "reduced"] = "nominal"
    trigger: Literal["standard", "sumt"] = "standard"
    light_yield: float = Field(default=1.0, ge=0.05, le=10)
    spectrum: Truth = Truth()
    runs: list[SimulatedRun] = Field(default_factory=list)
    off: list[SimulatedOff] = Field(default_factory=list)
    calibration: list[SimulatedCalibration] = Field(default_factory=list)
    mc: list[SimulatedMc] = Field(default_factory=list)
    sources: list[SimulatedSource] = Field(default_factory=list)
    energy_min: Energy = 0.03
    pulsar: SimulatedPulsar | None = None
    target: Target | None = None

    @property
    def planned(self) -> list[SimulatedRun | SimulatedOff]:
        """All runs, first those of the source."""
        return [*self.runs, *self.off]

    def conditions(self, plan: SimulatedRun | SimulatedOff) -> Conditions:
        """Return the conditions of a run, all of them: its own, or the site's.

        Examples
        --------
        >>> site = Simulate(seed=1, nsb=2.0)
        >>> run = SimulatedRun(run=5, start="2013-10-05T04:00:00Z", minutes=1, hv="reduced")
        >>> site.conditions(run)
        Conditions(nsb=2.0, transmission=1.0, cloudiness=15.0, hv='reduced', trigger='standard', light_yield=1.0)
        """
        own = {name: value for name in Conditions.model_fields if (value := getattr(plan, name)) is not None}
        return self.usual().model_copy(update=own)

    def of_mc(self, plan: SimulatedMc) -> Conditions:
        """Return the conditions of Monte Carlo: the site's, with a light yield of its own where it has one."""
        usual = self.usual()
        return usual if plan.light_yield is None else usual.model_copy(update={"light_yield": plan.light_yield})

    def source_of(self, plan: SimulatedRun | SimulatedOff) -> SimulatedSource | None:
        """Return the source that a run names, of ``[[simulate.sources]]``; `None` where it names none."""
        name = plan.source if isinstance(plan, SimulatedRun) else None
        return next((each for each in self.sources if each.name == name), None)

    def usual(self) -> Conditions:
        """Return the conditions of the site."""
        return Conditions(**{name: getattr(self, name) for name in Conditions.model_fields})

    def calibration_of(self, plan: SimulatedRun | SimulatedOff) -> SimulatedCalibration | None:
        """Return the pedestal and calibration runs of a run: the last of its night before it, or the first after.

        The night is noon to noon. `None` where the night has none.
        """
        # 12 h on: moments of one night have one date
        night = (plan.start + timedelta(hours=12)).date()
        pairs = [each for each in self.calibration if (each.start + timedelta(hours=12)).date() == night]
        before = [each for each in pairs if each.start <= plan.start]
        if before:
            return max(before, key=lambda each: each.start)
        return min(pairs, key=lambda each: each.start, default=None)

    @model_validator(mode="after")
    def _sources_are_there(self) -> Simulate:
        no_doubles(self.sources)
        names = {each.name for each in self.sources}
        for run in self.runs:
            if run.source is not None and run.source not in names:
                near = closest(run.source, sorted(names))
                meant = f"; did you mean '{near}'?" if near else ""
                raise ValueError(
                    f"run {run.run:08d} is of {run.source}, which [[simulate.sources]] does not have{meant}"
                )
        return self

    @model_validator(mode="after")
    def _numbers_differ(self) -> Simulate:
        seen: set[int] = set()
        for run in (
            *(each.run for each in self.planned),
            *(run for each in self.calibration for run in (each.pedestal, each.calibration)),
        ):
            if run in seen:
                raise ValueError(f"run {run:08d} is there twice")
            seen.add(run)
        return self


class Engine(Section):
    """``[engines.openmars]``, ``[engines.mars]``, ``[engines.science]``: where an engine's programs are.

    `image` is an Apptainer image (SIF file) made by ``automagic image build``. Where there is none, the programs run in
    the host's environment from the folder `marssys`, which has them and ``mrcfiles/``.
    """

    image: str | None = None
    marssys: str | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Engine:
        if self.image is None and self.marssys is None:
            raise ValueError("give 'image' or 'marssys'")
        return self


class Local(Section):
    """``[local]``: what this machine may use; without it all cores and most of the memory."""

    cores: int | None = Field(default=None, ge=1)
    memory_mb: int | None = Field(default=None, ge=100)


class Site(Section):
    """The whole of ``site.toml``."""

    storage: Storage = Storage()
    simulate: Simulate | None = None
    engines: dict[Literal["mars", "openmars", "science"], Engine] = Field(default_factory=dict)
    executor: Literal["local", "condor"] = "local"
    local: Local = Local()
    condor: Condor = Condor()
    folder: Annotated[Path | None, Field(exclude=True)] = None

    def index_folder(self) -> Path:
        """Return the folder of the run index."""
        return self.place(self.storage.index)

    def place(self, text: str) -> Path:
        """Return a path as an absolute one: ``~`` is home, relative ones are beside ``site.toml``."""
        return ((self.folder or Path.cwd()) / Path(text).expanduser()).resolve()
