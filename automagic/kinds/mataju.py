"""Analyses with the cleaning for low energies, of the standard trigger's data and of Sum-Trigger-II's.

MARS has a dedicated cleaning for low energies, MaTaJu; its card keys are not public. Those of the cleaning here, by
next neighbours (arXiv:1307.4939), are openmars' own.
"""

from automagic.kinds.base import Default, Kind, Values

CLEANING = {
    "MJStar.MImgCleanStd.CleanMethod": "NextNeighbour",
    "MJStar.MImgCleanStd.FakeRate": 0.003,
    "MJStar.MImgCleanStd.FakeRateEdge": 0.01,
}
"""Card values of star; chosen here, those of MARS are not public."""

ZENITH = Default("zenith", (5.0, 35.0), "the threshold rises with the zenith distance; Monte Carlo za05to35")


def _cards(min_size: float) -> Values:
    """Card values by program: the cleaning, and images as small as it keeps, for forests and for DL3 (phe)."""
    return {
        "star": CLEANING,
        "coach": {"RF.MinSize": min_size},
        # three background regions fit in at a wobble of 0.4 deg up to 0.28 deg
        "magic_dl3": {"MagicDL3.MinSize": min_size, "MagicDL3.Theta2Max": 0.07},
        # the area falls steeply here; a tenth of its largest, as usual, would give up what the cleaning gains
        "spectrum": {"Spectrum.AeffMin": 1},
        "pulsar_spectrum": {"Spectrum.AeffMin": 1},
    }


MATAJU = Kind(
    name="mataju",
    summary="low energies: a dedicated image cleaning on data of the standard trigger",
    limits=(ZENITH,),
    cards=_cards(30),
)

MATAJU_SUMT = Kind(
    name="mataju-sumt",
    summary="the lowest energies: the dedicated image cleaning on data of Sum-Trigger-II",
    limits=(Default("trigger", ("sumt",), "the kind of analysis says so"), ZENITH),
    cards=_cards(20),
)
