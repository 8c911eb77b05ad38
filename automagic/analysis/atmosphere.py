"""``[atmosphere]``: what is done about haze."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from automagic.analysis.fields import Section
from automagic.kinds import Default

LIDAR_LIMIT = Default(
    "transmission",
    0.65,
    "with the LIDAR's correction: Schmuckermaier et al. 2023, A&A 673, A2, who found it good down to about 0.65",
)
"""Takes the place of the usual limit of runs of the source; off runs, which train models, keep the usual one."""


class Atmosphere(Section):
    """``[atmosphere]``: whether energies and responses are corrected for haze with the LIDAR's profiles.

    Attributes
    ----------
    correct
        ``"lidar"``, or ``"none"``: hazy runs are left out.
    bin_minutes
        Effective area and energy dispersion are averaged over parts of a run of about this length.
    gap_minutes
        No moment of a run may be farther from the LIDAR's nearest report.
    """

    correct: Literal["none", "lidar"] = "none"
    bin_minutes: Annotated[float, Field(gt=0, le=60)] | None = None
    gap_minutes: Annotated[float, Field(gt=0, le=600)] | None = None


UNCORRECTED = Atmosphere()
"""Nothing is done about haze."""
