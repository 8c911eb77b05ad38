"""What simulated events are made under, and what there is of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openmars.sim.haze import CLEAR, Haze


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
    hv
        High voltage of the photomultipliers: ``"nominal"`` or ``"reduced"``.
    haze
        A layer of aerosols, on top of `transmission`.
    """

    nsb_level: float = 1.0
    transmission: float = 1.0
    trigger: str = "standard"
    psf_deg: float = 0.05
    light_yield: float = 1.0
    hv: str = "nominal"
    haze: Haze = CLEAR


@dataclass
class Triggered:
    """Events that triggered both telescopes; K of them, in the order of the simulated list.

    Attributes
    ----------
    charge, arrival_time : float32 [K, 2, 1039]
        Photo-electrons, and slices of the readout (see `openmars.sim.telescope`), of M1 and M2; [K, 2, 0] where
        the samples are simulated.
    samples : uint16 [K, 2, 1039, 50]
        Words of the readout (see `openmars.sim.readout`); [K, 2, 0, 0] where they are not simulated.
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
    samples: NDArray[np.uint16]
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
