"""Analyses with the cleaning for low energies, of the standard trigger's data and of Sum-Trigger-II's."""

from automagic.kinds.base import Default, Kind

MATAJU = Kind(name="mataju", summary="low energies: a dedicated image cleaning on data of the standard trigger")

MATAJU_SUMT = Kind(
    name="mataju-sumt",
    summary="the lowest energies: the dedicated image cleaning on data of Sum-Trigger-II",
    limits=(Default("trigger", ("sumt",), "the kind of analysis says so"),),
)
