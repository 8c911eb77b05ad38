"""The card of ``openmars-sim``: every key of it is read here, whatever the kind of run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from openmars.core.env import Env
from openmars.core.errors import ProgramError
from openmars.sim.events import Conditions
from openmars.sim.haze import Haze
from openmars.sim.pulsar import Pulsar, read_pulsar
from openmars.sim.readout import Cameras
from openmars.sky import wobble_pointing

KINDS = ("observation", "off", "gamma", "pedestal", "calibration")
OUTPUTS = ("calibrated", "raw")
HIGH_VOLTAGES = ("nominal", "reduced")
GEOMETRIES = ("w0", "wr", "wd")
SPECTRA = ("power-law", "log-parabola")
TRIGGERS = {"standard": "standard", "sumt": "sum"}
UNIX_EPOCH_MJD = 40587


@dataclass(frozen=True)
class Truth:
    """The true spectrum: dN/dE = amplitude (E/reference)^-(alpha + beta log10(E/reference)), absorbed.

    Attributes
    ----------
    amplitude
        TeV-1 cm-2 s-1, already times the factor of the run.
    reference
        TeV.
    beta
        For the decimal logarithm, as MAGIC's papers have it; 0 for a power law.
    redshift, ebl
        Absorption by the extragalactic background light; ``none`` for none.
    """

    amplitude: float
    reference: float
    alpha: float
    beta: float
    redshift: float
    ebl: str


@dataclass(frozen=True)
class SimCard:
    """What to simulate; angles in degrees, energies in TeV, times in seconds."""

    kind: str
    seed: int
    run: int
    output: str
    conditions: Conditions
    cloudiness: float
    cameras: Cameras
    energy_min: float
    energy_max: float
    impact_max: float
    # runs
    source: str
    ra: float
    dec: float
    wobble_offset: float
    wobble_angle: int
    start_mjd: float
    duration: float
    subruns: int
    pedestal_rate: float
    calibration_rate: float
    events: int
    background_fraction: float
    truth: Truth
    # gamma Monte Carlo
    geometry: str
    zenith: tuple[float, float]
    azimuth: tuple[float, float]
    showers: int
    slope: float
    view_cone: float
    # where the gammas of a run come from
    gamma_ra: float
    gamma_dec: float
    extension: float
    nsb_end: float = 0.0
    """Night-sky background at the end of a run; 0 where it stays."""
    # a pulsar in the source
    pulsar: Pulsar | None = None

    @property
    def raw(self) -> bool:
        """Whether samples of the readout are written; of pedestal and calibration runs they always are."""
        return self.output == "raw" or self.kind in ("pedestal", "calibration")

    @property
    def pointing(self) -> tuple[float, float]:
        """Right ascension and declination that the telescopes track."""
        return wobble_pointing(self.ra, self.dec, self.wobble_offset, self.wobble_angle)

    @property
    def wobble(self) -> str:
        """The wobble position as in file names.

        >>> SimCard.wobble.fget(type("Card", (), {"wobble_offset": 0.4, "wobble_angle": 35}))
        'W0.40+035'
        """
        return f"W{self.wobble_offset:.2f}{self.wobble_angle:+04d}"


def _choice(env: Env, key: str, default: str, allowed: tuple[str, ...]) -> str:
    value = env.get_str(key, default)
    if value not in allowed:
        raise ProgramError(f"{key} is {value!r}; it can be {', '.join(allowed)}")
    return value


def _number(env: Env, key: str, default: float, low: float, high: float) -> float:
    value = env.get_float(key, default)
    if not low <= value <= high:
        raise ProgramError(f"{key} is {value:g}; it must be from {low:g} to {high:g}")
    return value


def _moment(env: Env, key: str, default: str) -> float:
    """MJD of a time such as 2013-10-05T04:00:00Z (UTC)."""
    text = env.get_str(key, default)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ProgramError(f"{key} is {text!r}; expected a time like 2013-10-05T04:00:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp() / 86400.0 + UNIX_EPOCH_MJD


def _range(env: Env, key: str, low: float, high: float, most: float) -> tuple[float, float]:
    pair = _number(env, f"{key}Min", low, 0, most), _number(env, f"{key}Max", high, 0, most)
    if pair[0] > pair[1]:
        raise ProgramError(f"{key}Min is {pair[0]:g}, above {key}Max, which is {pair[1]:g}")
    return pair


def _truth(env: Env) -> Truth:
    kind = _choice(env, "Sim.Spectrum", "log-parabola", SPECTRA)
    beta = env.get_float("Sim.Beta", 0.24)
    factor = _number(env, "Sim.SourceFactor", 1.0, 0, 1e6)
    return Truth(
        amplitude=factor * _number(env, "Sim.Amplitude", 3.23e-11, 0, 1),
        reference=_number(env, "Sim.Reference", 1.0, 1e-3, 1e3),
        alpha=env.get_float("Sim.Alpha", 2.47),
        beta=beta if kind == "log-parabola" else 0.0,
        redshift=_number(env, "Sim.Redshift", 0.0, 0, 10),
        ebl=env.get_str("Sim.EBLModel", "none"),
    )


def _haze(env: Env) -> Haze:
    start = _number(env, "Sim.Haze", 1.0, 0.05, 1)
    end = _number(env, "Sim.HazeEnd", 0.0, 0, 1)
    if 0 < end < 0.05:
        raise ProgramError(f"Sim.HazeEnd is {end:g}; it must be from 0.05 to 1, or 0 for the same as Sim.Haze")
    return Haze(
        start=start,
        end=end or start,
        base=_number(env, "Sim.HazeBase", 0.0, 0, 20_000),
        scale=_number(env, "Sim.HazeScale", 1200.0, 10, 10_000),
    )


def _place(env: Env, axis: str, default: float, low: float, high: float) -> float:
    """Where the gammas come from: the source's position, unless the card gives another."""
    key = f"Sim.Gamma{axis}"
    if env.get_str(key, "auto") == "auto":
        return _number(env, f"Sim.{axis}", default, low, high)
    return _number(env, key, default, low, high)


def _source(env: Env) -> str:
    name = env.get_str("Sim.Source", "CrabNebula")
    if not name or not name[0].isalnum() or any(not (c.isalnum() or c in "+-_.") for c in name) or len(name) > 79:
        raise ProgramError(f"Sim.Source is {name!r}; it can have letters, digits and + - _ . as file names do")
    return name


def read_card(env: Env) -> SimCard:
    """Read the card; a wrong value ends the program before anything is simulated.

    Raises
    ------
    ProgramError
        Names the key, what was found and what is allowed.
    """
    conditions = Conditions(
        nsb_level=_number(env, "Sim.NSB", 1.0, 0.1, 100),
        transmission=_number(env, "Sim.Transmission", 1.0, 0.05, 1),
        trigger=TRIGGERS[_choice(env, "Sim.Trigger", "standard", tuple(TRIGGERS))],
        psf_deg=_number(env, "Sim.PSF", 0.05, 0, 1),
        light_yield=_number(env, "Sim.LightYield", 1.0, 0.05, 10),
        hv=_choice(env, "Sim.HV", "nominal", HIGH_VOLTAGES),
        haze=_haze(env),
    )
    kind, output = _choice(env, "Sim.Kind", "observation", KINDS), _choice(env, "Sim.Output", "calibrated", OUTPUTS)
    if kind == "gamma" and output == "raw":
        raise ProgramError("Sim.Output is raw, but gamma Monte Carlo (Sim.Kind) comes calibrated")
    energies = _range(env, "Sim.Energy", 0.03, 30.0, 1000)
    if energies[0] <= 0 or energies[0] == energies[1]:
        raise ProgramError(f"Sim.EnergyMin is {energies[0]:g}; it must be above 0 and below Sim.EnergyMax")
    slope = env.get_float("Sim.Slope", -1.6)
    if slope == -1:
        raise ProgramError("Sim.Slope is -1, which cannot be drawn; take -1.001")
    return SimCard(
        kind=kind,
        seed=int(_number(env, "Sim.Seed", 1, 0, 2**31 - 1)),
        run=int(_number(env, "Sim.Run", 5029747, 1, 99_999_999)),
        output=output,
        conditions=conditions,
        cloudiness=_number(env, "Sim.Cloudiness", 15.0, 0, 100),
        cameras=Cameras(
            seed=int(_number(env, "Sim.CameraSeed", 1, 0, 2**31 - 1)),
            gain_spread=_number(env, "Sim.GainSpread", 0.1, 0, 0.3),
            bad_pixels=int(_number(env, "Sim.BadPixels", 8, 0, 500)),
        ),
        energy_min=energies[0],
        energy_max=energies[1],
        impact_max=_number(env, "Sim.ImpactMax", 350.0, 1, 5000),
        source=_source(env),
        ra=_number(env, "Sim.RA", 83.6333, 0, 360),
        dec=_number(env, "Sim.Dec", 22.0145, -90, 90),
        wobble_offset=_number(env, "Sim.WobbleOffset", 0.4, 0, 2),
        wobble_angle=int(_number(env, "Sim.WobbleAngle", 35, -360, 360)),
        start_mjd=_moment(env, "Sim.Start", "2013-10-05T04:00:00Z"),
        duration=_number(env, "Sim.Duration", 900.0, 1, 7200),
        subruns=int(_number(env, "Sim.Subruns", 2, 1, 999)),
        pedestal_rate=_number(env, "Sim.PedestalRate", 1.0, 0.05, 100),
        calibration_rate=_number(env, "Sim.CalibrationRate", 1.0, 0, 100),
        events=int(_number(env, "Sim.Events", 500, 1, 1e6)),
        background_fraction=_number(env, "Sim.BackgroundFraction", 1.0, 0, 1),
        truth=_truth(env),
        geometry=_choice(env, "Sim.Geometry", "w0", GEOMETRIES),
        zenith=_range(env, "Sim.Zenith", 5.0, 35.0, 80),
        azimuth=_range(env, "Sim.Azimuth", 0.0, 360.0, 360),
        showers=int(_number(env, "Sim.Showers", 50000, 1, 1e8)),
        slope=slope,
        view_cone=_number(env, "Sim.ViewCone", 1.5, 0.01, 5),
        nsb_end=_number(env, "Sim.NSBEnd", 0.0, 0, 100),
        pulsar=read_pulsar(env),
        gamma_ra=_place(env, "RA", 83.6333, 0, 360),
        gamma_dec=_place(env, "Dec", 22.0145, -90, 90),
        extension=_number(env, "Sim.Extension", 0.0, 0, 1),
    )
