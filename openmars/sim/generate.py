"""Showers to triggered events: what the rest of the simulator calls.

Everything comes in chunks, so that a run never has to fit in memory, and in the order in which the showers
were asked for. The same seed gives the same bytes whatever the size of the chunks: shower *i* draws its
random numbers from a stream of its own, set by (seed, *i*).

Frames. Ground: x to geographic north, y to west, z up, metres from the middle between the telescopes.
Zenith distance and azimuth (from north through east) say where a shower *comes from*, in degrees. Camera:
millimetres, x along increasing altitude and y along increasing azimuth, the frame of the pixel table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openmars.sim import kernel, place
from openmars.sim.atmosphere import OBSERVATORY_M, air
from openmars.sim.events import Conditions, Simulated, Triggered
from openmars.sim.expect import expected
from openmars.sim.light import scatter
from openmars.sim.readout import Cameras, pedestal_table, readout
from openmars.sim.shower import angles
from openmars.sim.telescope import SLICES, WINDOW_NOISE, noise_rms, pixels
from openmars.sim.trigger import trigger

GAMMA = 1
"""CORSIKA's number of the gamma."""

PROTON = 14
"""CORSIKA's number of the proton."""


@dataclass(frozen=True)
class ProtonField:
    """Which protons are drawn: energies, cores and directions about the pointing.

    The defaults hold some 90 % of the stereo triggers of all protons (tested); what is left out are mostly faint
    events with cores beyond 450 m. Wider limits cost time in proportion to area, solid angle and E_min^-1.7.
    """

    energy_min_gev: float = 30.0
    energy_max_gev: float = 30_000.0
    impact_max_m: float = 450.0
    view_cone_deg: float = 4.5


LIGHT_YIELD = 0.32
"""Factor on the light, set so that a 100 GeV gamma at 100 m near the zenith gives some 120 photo-electrons."""

WORTH_PE = {GAMMA: (8.0, 13.0), PROTON: (18.0, 24.0)}
"""Showers expected to give less than this in a telescope are not simulated on: first going by mean showers, then
by the shower as it came out. Set so that less than 1 % of the triggers are lost (tested); 0.6 of it for the sum
trigger. A gamma's light is in one image, so it triggers with less than a proton's."""

Spectrum = Callable[[NDArray[np.float64]], NDArray[np.float64]]

PROTON_FLUX, PROTON_INDEX = 9.6e-5, -2.70
"""Cosmic-ray protons per (m² s sr GeV) at 1 TeV, and the index: BESS (Sanuki et al. 2000, ApJ 545, 1135)."""


def draw_power_law(seed: int, n: int, e_min_gev: float, e_max_gev: float, index: float) -> NDArray[np.float64]:
    """Energies (GeV) of a power law ``E**index`` (index negative, not -1), [n]."""
    u = np.random.default_rng([0x9A3A, seed]).random(n)
    lo, hi = e_min_gev ** (index + 1), e_max_gev ** (index + 1)
    return (lo + u * (hi - lo)) ** (1 / (index + 1))


def _cumulative(e_min: float, e_max: float, dnde: Spectrum) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Energies and the integral spectrum up to them, trapezoids in log(E)."""
    energy = np.geomspace(e_min, e_max, 2001)
    density = np.asarray(dnde(energy), float) * energy
    steps = 0.5 * (density[1:] + density[:-1]) * np.diff(np.log(energy))
    return energy, np.concatenate([[0.0], np.cumsum(steps)])


def draw_spectrum(seed: int, n: int, e_min_gev: float, e_max_gev: float, dnde: Spectrum) -> NDArray[np.float64]:
    """Energies (GeV) of any spectrum; `dnde` takes energies in GeV, its unit does not matter, [n]."""
    energy, integral = _cumulative(e_min_gev, e_max_gev, dnde)
    u = np.random.default_rng([0x59EC, seed]).random(n) * integral[-1]
    return np.exp(np.interp(u, integral, np.log(energy)))


def expected_gammas(
    time_s: float, e_min_gev: float, e_max_gev: float, dnde: Spectrum, impact_max_m: float = 350.0
) -> float:
    """Mean number of gammas over the disc; `dnde` in cm-2 s-1 GeV-1 at energies in GeV."""
    _, integral = _cumulative(e_min_gev, e_max_gev, dnde)
    return float(integral[-1] * math.pi * (impact_max_m * 100.0) ** 2 * time_s)


def expected_protons(time_s: float, fraction: float = 1.0, field: ProtonField | None = None) -> float:
    """Mean number of protons within `field` in `time_s` at the true flux times `fraction`."""
    field = field or ProtonField()
    k = PROTON_INDEX + 1
    per_area = PROTON_FLUX * 1000.0 * ((field.energy_max_gev / 1000.0) ** k - (field.energy_min_gev / 1000.0) ** k) / k
    solid_angle = 2 * math.pi * (1 - math.cos(math.radians(field.view_cone_deg)))
    return float(per_area * solid_angle * math.pi * field.impact_max_m**2 * time_s * fraction)


def _setup(conditions: Conditions, particle: int = GAMMA, cameras: Cameras | None = None) -> kernel.Setup:
    """Constants and tables for the compiled code."""
    points, atmosphere, haze = scatter(), air(), conditions.haze
    worth, least = (pe * (0.6 if conditions.trigger == "sum" else 1.0) for pe in WORTH_PE[particle])
    return kernel.Setup(
        air=atmosphere._replace(haze=haze.share(atmosphere.height - OBSERVATORY_M), thick=np.zeros(1)),
        light=angles().light,
        pixels=pixels(),
        trigger=trigger(conditions.trigger, conditions.nsb_level, conditions.hv),
        worth=worth,
        least=least,
        pedestal=pedestal_table(conditions.nsb_level, conditions.hv),
        noise=WINDOW_NOISE * noise_rms(conditions.nsb_level, conditions.hv),
        circle=points.circle,
        spread=points.spread,
        star=points.star,
        psf=math.radians(conditions.psf_deg) / 1.75,
        efficiency=LIGHT_YIELD * conditions.transmission * conditions.light_yield,
        expected=expected(),
        readout=readout(conditions.nsb_level, conditions.hv, cameras or Cameras()),
        haze=np.array(haze.depths),
    )


Out = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint16], NDArray[np.float64]]


def _out(n: int, raw: bool) -> Out:
    """Room for charges and arrival times, or for words, and for sizes of `n` events."""
    pixels, samples = (0, (1039, SLICES)) if raw else (1039, (0, 0))
    charge, time = np.empty((n, 2, pixels), np.float32), np.empty((n, 2, pixels), np.float32)
    return charge, time, np.empty((n, 2, *samples), np.uint16), np.empty((n, 2))


def _events(
    step: Callable[..., tuple[int, int]], total: int, particle: int, chunk: int, raw: bool
) -> Iterator[Triggered]:
    """Call the compiled loop until all showers are done; turn its arrays into events."""
    first = 0
    while first < total:
        out = _out(chunk, raw)
        truth, index = np.empty((chunk, 12)), np.empty(chunk, np.int64)
        n, first = step(first, out, truth, index)
        if n == 0:
            continue
        t = truth[:n]
        yield Triggered(
            charge=out[0][:n],
            arrival_time=out[1][:n],
            samples=out[2][:n],
            index=index[:n],
            particle=np.full(n, particle, np.int16),
            energy_gev=t[:, 0].copy(),
            zd_deg=np.degrees(t[:, 1]),
            az_deg=np.degrees(t[:, 2]),
            pointing_zd_deg=np.degrees(t[:, 3]),
            pointing_az_deg=np.degrees(t[:, 4]),
            time_fraction=t[:, 9].copy(),
            core_x_m=t[:, 5].copy(),
            core_y_m=t[:, 6].copy(),
            impact_m=t[:, 7:9].copy(),
            first_interaction_height_m=t[:, 10].copy(),
            xmax_g_cm2=t[:, 11].copy(),
            true_size=out[3][:n],
        )


def _column(values: ArrayLike, n: int, radians: bool = True) -> NDArray[np.float64]:
    """Numbers as an array of length n."""
    a = np.ascontiguousarray(np.broadcast_to(np.asarray(values, float), (n,)))
    return np.radians(a) if radians else a


def simulate_gammas(
    seed: int,
    energy_gev: ArrayLike,
    zd_deg: ArrayLike,
    az_deg: ArrayLike,
    pointing_zd_deg: ArrayLike,
    pointing_az_deg: ArrayLike,
    conditions: Conditions,
    impact_max_m: float = 350.0,
    chunk: int = 2000,
    cameras: Cameras | None = None,
) -> Iterator[Triggered]:
    """Simulate gamma showers from given directions; give those that trigger both telescopes.

    Parameters
    ----------
    seed
        Any integer from 0; fixes every random number, the cores too.
    energy_gev : [N]
    zd_deg, az_deg
        Where each gamma comes from, [N] or one number.
    pointing_zd_deg, pointing_az_deg
        Where the telescopes point, [N] or one number.
    conditions
        Sky and telescopes; haze changes evenly from the first gamma to the last.
    impact_max_m
        Radius of the disc, perpendicular to the shower, over which cores are spread.
    chunk
        At most so many events at a time.
    cameras
        Simulate the samples of these cameras, and no charges. The showers are the same either way.

    Yields
    ------
    Triggered
        Never empty.
    """
    n = np.asarray(energy_gev).size
    energy = _column(energy_gev, n, radians=False)
    zd, az = _column(zd_deg, n), _column(az_deg, n)
    pzd, paz = _column(pointing_zd_deg, n), _column(pointing_az_deg, n)
    setup, room = _setup(conditions, GAMMA, cameras), kernel.room()

    def step(first: int, *arrays: Any) -> tuple[int, int]:
        return kernel.gammas(seed, first, energy, zd, az, pzd, paz, impact_max_m, setup, room, *arrays)

    yield from _events(step, n, GAMMA, chunk, cameras is not None)


def simulated_gammas(
    seed: int,
    energy_gev: ArrayLike,
    zd_deg: ArrayLike,
    az_deg: ArrayLike,
    pointing_zd_deg: ArrayLike,
    pointing_az_deg: ArrayLike,
    impact_max_m: float = 350.0,
) -> Simulated:
    """Truth of all the showers that `simulate_gammas` makes of the same arguments; nothing is simulated."""
    n = np.asarray(energy_gev).size
    x, y, r = np.empty(n), np.empty(n), np.empty(n)
    place.cores(seed, _column(zd_deg, n), _column(az_deg, n), impact_max_m, x, y, r)
    return Simulated(
        energy_gev=_column(energy_gev, n, radians=False),
        zd_deg=_column(zd_deg, n, radians=False),
        az_deg=_column(az_deg, n, radians=False),
        pointing_zd_deg=_column(pointing_zd_deg, n, radians=False),
        pointing_az_deg=_column(pointing_az_deg, n, radians=False),
        core_x_m=x,
        core_y_m=y,
        impact_m=r,
    )


def simulate_protons(
    seed: int,
    n: int,
    pointing_zd_deg: ArrayLike,
    pointing_az_deg: ArrayLike,
    conditions: Conditions,
    field: ProtonField | None = None,
    chunk: int = 2000,
    cameras: Cameras | None = None,
) -> Iterator[Triggered]:
    """Simulate `n` cosmic-ray protons about the pointing, in order of time; give the triggered ones.

    Parameters
    ----------
    seed
        Any integer from 0.
    n
        Protons within `field`; Poisson number with the mean `expected_protons`.
    pointing_zd_deg, pointing_az_deg
        Pointing at nodes evenly spaced over the run, first at its start, last at its end; or one number.
        Azimuth must not jump by 360° between nodes.
    conditions, chunk, cameras
        As for `simulate_gammas`.
    field
        Energies, cores and directions that are drawn.

    Yields
    ------
    Triggered
        Never empty; `time_fraction` does not fall. Below 1 TeV eight protons in a row share a cascade and differ in
        their cores, so some per cent of those events have a sister at the same moment.
    """
    field = field or ProtonField()
    zd = np.radians(np.atleast_1d(np.asarray(pointing_zd_deg, float)))
    az = np.radians(np.atleast_1d(np.asarray(pointing_az_deg, float)))
    limits = (
        field.energy_min_gev,
        field.energy_max_gev,
        field.impact_max_m,
        math.radians(field.view_cone_deg),
        PROTON_INDEX,
    )
    setup, room = _setup(conditions, PROTON, cameras), kernel.room()

    def step(first: int, *arrays: Any) -> tuple[int, int]:
        return kernel.protons(seed, first, n, zd, az, limits, setup, room, *arrays)

    yield from _events(step, n, PROTON, chunk, cameras is not None)


def pedestal_events(
    seed: int, n: int, conditions: Conditions, first: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Make `n` events of noise alone from number `first` on: charge and arrival time, float32 [n, 2, 1039]."""
    out = _out(n, raw=False)
    kernel.pedestals(seed, first, _setup(conditions), kernel.room(), out)
    return out[:2]


def pedestal_samples(seed: int, first: int, n: int, conditions: Conditions, cameras: Cameras) -> NDArray[np.uint16]:
    """Make `n` events of noise alone from number `first` on: words of the readout, uint16 [n, 2, 1039, 50]."""
    out = _out(n, raw=True)
    kernel.pedestals(seed, first, _setup(conditions, GAMMA, cameras), kernel.room(), out)
    return out[2]


def calibration_samples(seed: int, first: int, n: int, conditions: Conditions, cameras: Cameras) -> NDArray[np.uint16]:
    """Make `n` events of calibration pulses from number `first` on: words of the readout, uint16 [n, 2, 1039, 50].

    A pulse gives each pixel `openmars.sim.readout.CALIBRATION_PHE` photo-electrons in the mean.
    """
    words = _out(n, raw=True)[2]
    kernel.calibrations(seed, first, _setup(conditions, GAMMA, cameras), kernel.room(), words)
    return words
