"""What folders tell: version of the processing, period and version of the simulation, training or test.

Layouts that are public: the data centre's ``<root>/{Calibrated,Star,SuperStar}/v<N>/<Source>/<YYYY_MM_DD>``, La
Palma's ``…/M{1,2}/event/Calibrated/YYYY/MM/DD``, and ``ST.03.06-Mmcs699/{TRAIN,TEST}/calibrated/M1`` of Monte Carlo.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_VERSION = re.compile(r"v[0-9]+", re.ASCII)
_PERIOD = re.compile(r"(?P<period>(?:ST|M2)\.[0-9]{2}\.[0-9]{2})(?:-(?P<version>Mmcs[0-9]+))?", re.ASCII)


@dataclass(frozen=True)
class Place:
    """What the path of a folder tells of the files in it; `None` where it does not.

    `version` is that of the processing, `mc_version` of the simulation; `sample` is ``"TRAIN"`` or ``"TEST"``.
    """

    version: str | None = None
    period: str | None = None
    mc_version: str | None = None
    sample: str | None = None


def place(folder: str) -> Place:
    """Read the path of a folder.

    Examples
    --------
    >>> place("/data/Calibrated/v3/CrabNebula/2013_10_05").version
    'v3'
    >>> place("/mc/ST.03.06-Mmcs699/TRAIN/calibrated/M1")
    Place(version=None, period='ST.03.06', mc_version='Mmcs699', sample='TRAIN')
    """
    version = period = mc_version = sample = None
    for part in folder.split("/"):
        if _VERSION.fullmatch(part):
            version = part
        elif match := _PERIOD.fullmatch(part):
            period, mc_version = match["period"], match["version"]
        elif part in ("TRAIN", "TEST"):
            sample = part
    return Place(version, period, mc_version, sample)
