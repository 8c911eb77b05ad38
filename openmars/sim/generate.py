"""Showers to triggered events: what the rest of the simulator calls.

Everything comes in chunks, so that a run never has to fit in memory, and in the order in which the showers
were asked for. The same seed gives the same bytes whatever the size of the chunks: shower *i* draws its
random numbers from a stream of its own, set by (seed, *i*).

Frames. Ground: x to geographic north, y to west, z up, metres from the middle between the telescopes.
Zenith distance and azimuth (from north through east) say where a shower *comes from*, in degrees. Camera:
millimetres, x along increasing altitude and y along increasing azimuth, the frame of the pixel table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

GAMMA = 1
"""CORSIKA's number of the gamma."""

PROTON = 14
"""CORSIKA's number of the proton."""


@dataclass(frozen=True)
class Conditions:
    """What the sky and the telescopes were like.

    Attributes
    ----------
    nsb_level
        Night-sky background in units of that of a dark night.
    transmission
        Factor on the aerosol-free, cloud-free transmission of the atmosphere (1 = clear night).
    trigger
        ``"standard"`` (three next neighbours in each telescope) or ``"sum"`` (Sum-Trigger-II).
    psf_deg
        Radius that holds 68 % of the light of a star.
    light_yield
        Factor on the photon detection efficiency of both telescopes.
    """

    nsb_level: float = 1.0
    transmission: float = 1.0
    trigger: str = "standard"
    psf_deg: float = 0.05
    light_yield: float = 1.0


@dataclass
class Triggered:
    """Events that triggered both telescopes; K of them, in the order of the simulated list.

    Attributes
    ----------
    charge, arrival_time : float32 [K, 2, 1039]
        Photo-electrons, and slices of the readout (see `openmars.sim.telescope`), of M1 and M2.
    index : int64 [K]
        Place in the list of simulated showers.
    particle : int16 [K]
        1 gamma, 14 proton.
    energy_gev, zd_deg, az_deg : float64 [K]
        Of the primary.
    pointing_zd_deg, pointing_az_deg : float64 [K]
        Of both telescopes at that moment.
    time_fraction : float64 [K]
        Time within the run, 0 … 1 (protons; 0 for gammas, whose times the caller knows).
    core_x_m, core_y_m : float64 [K]
        Where the axis meets the ground (x north, y west: CORSIKA's axes, turned to geographic north).
    impact_m : float64 [K, 2]
        Distance of M1, M2 from the axis.
    first_interaction_height_m : float64 [K]
        Above sea level.
    xmax_g_cm2 : float64 [K]
        Slant depth of the maximum of the shower.
    true_size : float64 [K, 2]
        Photo-electrons of the shower in the camera.
    """

    charge: NDArray[np.float32]
    arrival_time: NDArray[np.float32]
    index: NDArray[np.int64]
    particle: NDArray[np.int16]
    energy_gev: NDArray[np.float64]
    zd_deg: NDArray[np.float64]
    az_deg: NDArray[np.float64]
    pointing_zd_deg: NDArray[np.float64]
    pointing_az_deg: NDArray[np.float64]
    time_fraction: NDArray[np.float64]
    core_x_m: NDArray[np.float64]
    core_y_m: NDArray[np.float64]
    impact_m: NDArray[np.float64]
    first_interaction_height_m: NDArray[np.float64]
    xmax_g_cm2: NDArray[np.float64]
    true_size: NDArray[np.float64]

    def __len__(self) -> int:
        """Number of events."""
        return len(self.index)


@dataclass
class Simulated:
    """Truth of all simulated gammas, triggered or not; float64 [N] each.

    Cores are spread evenly over a disc perpendicular to the shower, so the area simulated is
    ``pi * impact_max_m**2`` at all zenith distances; `impact_m` is the distance of the axis from the middle
    of the array.
    """

    energy_gev: NDArray[np.float64]
    zd_deg: NDArray[np.float64]
    az_deg: NDArray[np.float64]
    pointing_zd_deg: NDArray[np.float64]
    pointing_az_deg: NDArray[np.float64]
    core_x_m: NDArray[np.float64]
    core_y_m: NDArray[np.float64]
    impact_m: NDArray[np.float64]


@dataclass(frozen=True)
class ProtonField:
    """Which protons are drawn: energies, cores and directions about the pointing.

    The defaults hold more than 99 % of the stereo triggers (tested).
    """

    energy_min_gev: float = 30.0
    energy_max_gev: float = 30_000.0
    impact_max_m: float = 450.0
    view_cone_deg: float = 4.5


def draw_power_law(seed: int, n: int, e_min_gev: float, e_max_gev: float, index: float) -> NDArray[np.float64]:
    """Energies (GeV) of a power law ``E**index`` (index negative), [n]."""
    raise NotImplementedError


def draw_spectrum(
    seed: int, n: int, e_min_gev: float, e_max_gev: float, dnde: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Energies (GeV) of any spectrum; `dnde` takes energies in GeV, its unit does not matter, [n]."""
    raise NotImplementedError


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
) -> Iterator[Triggered]:
    """Simulate gamma showers from given directions; give those that trigger both telescopes.

    Parameters
    ----------
    seed
        Any integer; fixes every random number, the cores too.
    energy_gev : [N]
    zd_deg, az_deg
        Where each gamma comes from, [N] or one number.
    pointing_zd_deg, pointing_az_deg
        Where the telescopes point, [N] or one number.
    conditions
        Sky and telescopes.
    impact_max_m
        Radius of the disc, perpendicular to the shower, over which cores are spread.
    chunk
        At most so many events at a time.

    Yields
    ------
    Triggered
        Never empty.
    """
    raise NotImplementedError


def simulated_gammas(
    seed: int,
    energy_gev: ArrayLike,
    zd_deg: ArrayLike,
    az_deg: ArrayLike,
    pointing_zd_deg: ArrayLike,
    pointing_az_deg: ArrayLike,
    impact_max_m: float = 350.0,
) -> Simulated:
    """Truth of all the showers that `simulate_gammas` makes of the same arguments (cheap, nothing simulated)."""
    raise NotImplementedError


def simulate_protons(
    seed: int,
    n: int,
    pointing_zd_deg: ArrayLike,
    pointing_az_deg: ArrayLike,
    conditions: Conditions,
    field: ProtonField | None = None,
    chunk: int = 2000,
) -> Iterator[Triggered]:
    """Simulate `n` cosmic-ray protons about the pointing, in order of time; give the triggered ones.

    Parameters
    ----------
    seed
        Any integer.
    n
        Protons within `field`; Poisson number with the mean `expected_protons`.
    pointing_zd_deg, pointing_az_deg
        Pointing at nodes evenly spaced over the run, first at its start, last at its end; or one number.
        Azimuth must not jump by 360° between nodes.
    """
    raise NotImplementedError


def expected_protons(time_s: float, fraction: float = 1.0, field: ProtonField | None = None) -> float:
    """Mean number of protons within `field` in `time_s` at the true flux times `fraction`."""
    raise NotImplementedError


def expected_gammas(
    time_s: float,
    e_min_gev: float,
    e_max_gev: float,
    dnde: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    impact_max_m: float = 350.0,
) -> float:
    """Mean number of gammas over the disc; `dnde` in cm-2 s-1 GeV-1 at energies in GeV."""
    raise NotImplementedError


def pedestal_events(
    seed: int, n: int, conditions: Conditions
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """`n` events of noise alone: charge and arrival time, float32 [n, 2, 1039]."""
    raise NotImplementedError
