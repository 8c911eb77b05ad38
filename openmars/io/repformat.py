"""The lines of report files (``_D_….rep``) of the central control: text, one line a report.

Public, from the fork of MARS (``mreport``), are:

- the head: ``[CC Run 5029747 Control File]``, ``Arehucas Version Number 130527-0``, ``Telescope M1``, ``Subrun 1``;
  that of a whole night's report begins with ``[CC Report File]`` and has no subrun;
- the begin of a line, ``DRIVE-REPORT M1 04 2013 10 05 04 00 00 000 04 2013 10 05 04 00 00 000 …``: subsystem,
  telescope, its state, date and time (UTC, milliseconds), then state and time of the subsystem's own clock,
  which nobody reads; ``CC`` and ``WEATHER`` have none of the latter;
- the bodies of DRIVE, STARG, PYRO and CC. An angle is four words, ``+ 005 34 31.97``. Many end in ``OVER``;
- a line that does not begin with the name of a known report is passed over.

Our own are the bodies of the other five. Those of CAMERA and TRIGGER are public, but for the camera of 577 pixels
and its trigger, and hundreds of numbers long; those of L3T, LIDAR and WEATHER are not public::

    DRIVE    ra(h) dec ha(h) mjd nominal-zd nominal-az current-zd current-az error-zd error-az armed starguider
    STARG    dev-zd(') dev-az(') nominal-zd nominal-az centre-x centre-y correlated-stars brightness mjd 0 0 stars
    PYRO     sky(K) cloudiness(%) lid-open air(K) OVER
    CC       31 states, 4 numbers, temperature solar-radiation wind humidity ups rubidium-gps SCHEDULE 0,
             19 states, OVER
    CAMERA   MEDDC median-dc(nA) HVFIL file-of-high-voltages OVER
    TRIGGER  PRESC 8 factors L2 rate-before rate-after L3 rate OVER
    L3T      table OVER
    LIDAR    zenith azimuth T 3km 6km 9km 12km ground-layer, then name and value of what is not zero, OVER
    WEATHER  temperature(C) humidity(%) pressure(hPa) wind(km/h) direction OVER

Our own, too: the milliseconds have decimals where the time needs them, numbers have as many digits as tell them
apart, and angles eight decimals, so that a tree written and read is the same tree. The simulator has no hour
angle: it is written as zero and not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from . import headers, reports
from .rootwrite import Column

VERSION = "130527-0"
"""Of the central control's program, as the head has it; any later than 2009-05-17 has these bodies."""
HEAD = (
    ("[CC Run N Control File]", re.compile(r"\[CC Run (\d+) Control File\]")),
    ("Arehucas Version Number N", re.compile(r"Arehucas Version Number (\d+-\d)")),
    ("Telescope M1 or M2", re.compile(r"Telescope M([12])")),
    ("Subrun N", re.compile(r"Subrun (\d+)")),
)
"""The first four lines."""
WHOLE_NIGHT = "[CC Report File]"
"""First line of a report of a whole night, whose head has no subrun."""
NAME = re.compile(r"[A-Z0-9_]+-REPORT")
"""What the line of any subsystem begins with."""


@dataclass(frozen=True)
class Field:
    """One piece of a body: ``angle``, ``number``, ``flag``, ``word`` of a branch; ``tag`` or ``skip`` with a text;
    ``pairs``, names and values up to the end."""

    kind: str
    name: str
    index: int | None = None


@dataclass(frozen=True)
class Kind:
    """How the reports of a subsystem look like, and the branches of their tree."""

    identifier: str
    tree: str
    state: int
    fields: tuple[Field, ...]
    template: dict[str, np.ndarray]
    own_clock: bool = True


def _fields(container: str, text: str) -> tuple[Field, ...]:
    """Fields from words: ``angle:fRa``, ``number:fMjd`` …; ``tag:OVER`` and ``skip:0`` stand for themselves."""
    out = []
    for word in text.split():
        kind, _, name = word.partition(":")
        out.append(Field(kind, name if kind in ("tag", "skip") or "." in name else f"{container}.{name}"))
    return tuple(out)


@cache
def kinds() -> dict[str, Kind]:
    """The subsystems by the word that their lines begin with; the trees are those of the simulator."""
    none, sky = np.zeros(0), reports.Sky()
    trigger = headers.trigger_trees(0, none, none, "standard")
    cc = ["fTemperature", "fSolarRadiation", "fWindSpeed", "fHumidity", "fUPSStatus", "fDifRubGPS"]
    trees: dict[str, Mapping[str, Column]] = {
        "Drive": headers.drive_tree(0, none, none, none, 0, 0),
        "Camera": reports.camera_tree(0, none, sky),
        **trigger,
        "CC": {f"MReportCC.{name}": np.zeros(0, np.float32) for name in cc},
        "Starguider": reports.starguider_tree(0, none, sky, none, none),
        "Pyrometer": reports.pyrometer_tree(0, none, sky),
        "Laser": reports.laser_tree(0, none, sky, none, none),
        "Weather": reports.weather_tree(0, none),
    }
    prescale = [f for n in range(8) for f in (Field("number", "MTriggerPrescFact.fPrescFact", n),)]
    transmissions = " ".join(f"number:fTransmission{height}km" for height in (3, 6, 9, 12))
    bodies = {
        "Drive": _fields(
            "MReportDrive",
            "angle:fRa angle:fDec skip:+_000_00_00.0 number:fMjd angle:fNominalZd angle:fNominalAz angle:fCurrentZd "
            "angle:fCurrentAz number:fErrorZd number:fErrorAz skip:1 skip:1",
        ),
        "Camera": _fields("MReportCamera", "tag:MEDDC number:fMedianDC tag:HVFIL word:MCameraHV.fFileName tag:OVER"),
        "Trigger": (
            Field("tag", "PRESC"),
            *prescale,
            *_fields(
                "MReportTrigger",
                "tag:L2 number:fL2BeforePrescaler number:fL2AfterPrescaler tag:L3 number:fL3Rate tag:OVER",
            ),
        ),
        "L3T": _fields("MReportL3T", "word:fTablename tag:OVER"),
        "CC": _fields(
            "MReportCC",
            "skip:00 " * 31 + "skip:0.0 " * 4 + " ".join(f"number:{name}" for name in cc)
            + " tag:SCHEDULE skip:0 " + "skip:00 " * 19 + "tag:OVER",
        ),
        "Starguider": _fields(
            "MReportStarguider",
            "number:fDevZd number:fDevAz angle:fNominalZd angle:fNominalAz number:fCameraCenterX number:fCameraCenterY "
            "number:fNumCorrelatedStars number:fSkyBrightness number:fMjd skip:0 skip:0 number:fNumIdentifiedStars",
        ),
        "Pyrometer": _fields(
            "MReportPyrometer", "number:fTempSky number:fCloudiness flag:fLidOpen number:fTempAir tag:OVER"
        ),
        "Laser": _fields(
            "MReportLaser",
            f"number:fZenith number:fAzimuth tag:T {transmissions} number:fGroundLayerTrans pairs: tag:OVER",
        ),
        "Weather": _fields(
            "MReportWeather",
            "number:fTemperature number:fHumidity number:fPressure number:fWindSpeed number:fWindDirection tag:OVER",
        ),
    }  # fmt: skip
    words = {"Starguider": "STARG", "Pyrometer": "PYRO", "Laser": "LIDAR"}
    states = {"Drive": 4, "Starguider": 2}
    found = {}
    for tree, columns in trees.items():
        identifier = f"{words.get(tree, tree.upper())}-REPORT"
        template = {
            name: np.asarray(column) for name, column in columns.items() if not name.startswith(f"MTime{tree}.")
        }
        found[identifier] = Kind(
            identifier, tree, states.get(tree, 1), bodies[tree], template, tree not in ("CC", "Weather")
        )
    return found


@cache
def paired() -> tuple[str, ...]:
    """Branches of the lidar that are written with their names."""
    laser = kinds()["LIDAR-REPORT"]
    return tuple(name for name in laser.template if name not in {f.name for f in laser.fields})
