"""Run headers, versions and reports of calibrated files, as trees of branches.

Names and units follow what readers of MAGIC files by others look up (ctapipe_io_magic 0.5.8, magic-cta-pipe).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .rootwrite import Column, Jagged
from .times import SECONDS_PER_DAY, to_mtime

N_CHANNELS = 1183
RUN_TYPE_DATA, RUN_TYPE_PEDESTAL, RUN_TYPE_CALIBRATION, RUN_TYPE_MC = 0, 1, 2, 256
"""Kinds of run as in the public fork of MARS (``MRawRunHeader.h``)."""

PATTERN_STEREO, PATTERN_PEDESTAL, PATTERN_CALIBRATION, PATTERN_MC, PATTERN_MC_SUM = 128, 8, 2, 1, 32
"""Trigger bits of readers of MAGIC files; that of calibration events from the public fork (``MTriggerPattern.h``)."""

DARK_NSB = 0.13
"""Photo-electrons/ns of a dark night's sky that headers of Monte Carlo tell of (inferred, not published)."""

PRESCALER_STEREO = (0, 1, 0, 1, 0, 0, 0, 1)
L3_TABLE = {"standard": "L3T_L1L1_100_SYNC", "sum": "L3T_SUMSUM_100_SYNC"}
"""Name of the table of the coincidence trigger by kind of trigger."""


@dataclass(frozen=True)
class RunInfo:
    """What the header of one file says.

    Attributes
    ----------
    run, subrun, telescope
        Numbers; telescope 1 or 2.
    is_mc
        Simulated gammas with known truth (run type 256), else data.
    source
        Name, without wobble.
    source_ra_deg, source_dec_deg
        ICRS.
    mode
        Observation mode, such as ``Wobble``.
    day
        MJD of the day of sunrise.
    start_s, stop_s
        Seconds from that midnight.
    sampling_mhz, n_samples
        Of the readout.
    run_type
        Of a run that is not Monte Carlo: 0 data, 1 pedestal, 2 calibration.
    """

    run: int
    subrun: int
    telescope: int
    is_mc: bool
    source: str
    source_ra_deg: float
    source_dec_deg: float
    mode: str = "Wobble"
    project: str = "openmars"
    day: int = 0
    start_s: float = 0.0
    stop_s: float = 0.0
    sampling_mhz: int = 1640
    n_samples: int = 50
    run_type: int = RUN_TYPE_DATA


@dataclass(frozen=True)
class McInfo:
    """How gammas were drawn: what weighting needs.

    Attributes
    ----------
    n_showers
        Simulated, triggered or not.
    slope
        Of the energy spectrum, negative.
    e_min_gev, e_max_gev
        Limits of the energies.
    impact_max_m
        Radius of the disc (perpendicular to the shower) over which cores are spread.
    zd_min_deg, zd_max_deg, az_min_deg, az_max_deg
        Pointings.
    view_cone_deg
        Inner and outer offset of the gammas from the pointing: 0.4 and 0.4 for point-like and ring, 0 and
        1.5, say, for diffuse gammas.
    nsb_phe_per_ns
        Night-sky background of a pixel, in the terms of MAGIC's Monte Carlo: `DARK_NSB` for a dark night.
    """

    n_showers: int
    slope: float
    e_min_gev: float
    e_max_gev: float
    impact_max_m: float
    zd_min_deg: float
    zd_max_deg: float
    az_min_deg: float
    az_max_deg: float
    view_cone_deg: tuple[float, float]
    nsb_phe_per_ns: float = DARK_NSB


def _one(value: float, kind: str) -> np.ndarray:
    return np.array([value], kind)


def _chars(value: str, width: int) -> np.ndarray:
    raw = value.encode()[: width - 1].ljust(width, b"\0")
    return np.frombuffer(raw, np.int8)[None, :]


def run_headers(
    info: RunInfo, n_events: int, bad_pixels: np.ndarray | None = None, mc: McInfo | None = None
) -> dict[str, Column]:
    """The tree ``RunHeaders`` of a calibrated file, one entry.

    Parameters
    ----------
    bad_pixels
        Unsuitable pixels, bool [1039].
    """
    status = np.zeros((N_CHANNELS, 4), np.int32)
    if bad_pixels is not None:
        status[: len(bad_pixels), 1] = 2 * np.asarray(bad_pixels, np.int32)  # bit 1: unsuitable run
    head: dict[str, Column] = {
        "MRawRunHeader.fFormatVersion": _one(12, "u2"),
        "MRawRunHeader.fSoftVersion": _one(0, "u2"),
        "MRawRunHeader.fTelescopeNumber": _one(info.telescope, "u2"),
        "MRawRunHeader.fRunType": _one(RUN_TYPE_MC if info.is_mc else info.run_type, "u2"),
        "MRawRunHeader.fRunNumber": _one(info.run, "u4"),
        "MRawRunHeader.fFileNumber": _one(info.subrun, "u4"),
        "MRawRunHeader.fSubRunIndex": _one(info.subrun, "u4"),
        "MRawRunHeader.fProjectName[100]": _chars(info.project, 100),
        "MRawRunHeader.fSourceName[80]": _chars(info.source, 80),
        "MRawRunHeader.fObservationMode[60]": _chars(info.mode, 60),
        "MRawRunHeader.fSourceRA": _one(info.source_ra_deg / 15 * 3600, "f8"),
        "MRawRunHeader.fSourceDEC": _one(info.source_dec_deg * 3600, "f8"),
        "MRawRunHeader.fSamplingFrequency": _one(info.sampling_mhz, "u2"),
        "MRawRunHeader.fNumSamplesHiGain": _one(info.n_samples, "u2"),
        "MRawRunHeader.fNumEvents": _one(n_events, "u4"),
        **to_mtime("MRawRunHeader.fRunStart", info.day, np.array([info.start_s])),
        **to_mtime("MRawRunHeader.fRunStop", info.day, np.array([info.stop_s])),
        "MBadPixelsCam.fArray.fInfo": Jagged(status.ravel(), np.array([status.size])),
    }
    return head | (_mc_headers(info, mc, n_events) if mc else {})


def _mc_headers(info: RunInfo, mc: McInfo, n_events: int) -> dict[str, Column]:
    heights = np.zeros((1, 10), np.float32)
    heights[0, 0] = 220_000.0  # cm
    return {
        "MMcRunHeader.fNumSimulatedShowers": _one(mc.n_showers, "u4"),
        "MMcRunHeader.fNumStoredShowers": _one(n_events, "u4"),
        "MMcRunHeader.fNumEvents": _one(n_events, "u4"),
        "MMcRunHeader.fShowerThetaMin": _one(mc.zd_min_deg, "f4"),
        "MMcRunHeader.fShowerThetaMax": _one(mc.zd_max_deg, "f4"),
        "MMcRunHeader.fShowerPhiMin": _one(mc.az_min_deg, "f4"),
        "MMcRunHeader.fShowerPhiMax": _one(mc.az_max_deg, "f4"),
        "MMcRunHeader.fImpactMax": _one(mc.impact_max_m * 100, "f4"),
        "MMcRunHeader.fCWaveLower": _one(290.0, "f4"),
        "MMcRunHeader.fCWaveUpper": _one(900.0, "f4"),
        "MMcRunHeader.fRandomPointingConeSemiAngle": _one(mc.view_cone_deg[1], "f4"),
        "MMcRunHeader.fNumPheFromDNSB": _one(mc.nsb_phe_per_ns, "f4"),
        "MMcCorsikaRunHeader.fRunNumber": _one(info.run, "f4"),
        "MMcCorsikaRunHeader.fCorsikaVersion": _one(0, "f4"),  # no CORSIKA was run
        "MMcCorsikaRunHeader.fHeightLev[10]": heights,
        "MMcCorsikaRunHeader.fSlopeSpec": _one(mc.slope, "f4"),
        "MMcCorsikaRunHeader.fELowLim": _one(mc.e_min_gev, "f4"),
        "MMcCorsikaRunHeader.fEUppLim": _one(mc.e_max_gev, "f4"),
        "MMcCorsikaRunHeader.fViewconeAngles[2]": np.array([mc.view_cone_deg], np.float32),
        "MMcCorsikaRunHeader.fWobbleMode": _one(mc.view_cone_deg[0] == mc.view_cone_deg[1], "f4"),
        "MMcCorsikaRunHeader.fAtmosphericModel": _one(0, "f4"),
        "MMcCorsikaRunHeader.fNumCT": _one(2, "u4"),
    }


def run_tails() -> dict[str, Column]:
    """The tree ``RunTails``: the version of openmars where MARS writes its own; no ROOT was used (code 0)."""
    from openmars.core.provenance import version_columns

    return dict(version_columns("sorcerer"))


def drive_tree(
    day: int, seconds: np.ndarray, zd: np.ndarray, az: np.ndarray, ra_deg: float, dec_deg: float
) -> dict[str, Column]:
    """The tree ``Drive``: where the telescope pointed, [n] reports.

    Parameters
    ----------
    seconds, zd, az
        Time and direction of each report, degrees; the azimuth must run on through 360.
    ra_deg, dec_deg
        The sky position that is tracked (the wobble position).
    """
    n, same = len(seconds), np.ones(len(seconds))
    return {
        "MReportDrive.fMjd": day + seconds / SECONDS_PER_DAY,
        "MReportDrive.fRa": same * (ra_deg / 15),
        "MReportDrive.fDec": same * dec_deg,
        "MReportDrive.fNominalZd": np.asarray(zd, float),
        "MReportDrive.fNominalAz": np.asarray(az, float),
        "MReportDrive.fCurrentZd": np.asarray(zd, float),
        "MReportDrive.fCurrentAz": np.asarray(az, float),
        "MReportDrive.fErrorZd": np.zeros(n),
        "MReportDrive.fErrorAz": np.zeros(n),
        **to_mtime("MTimeDrive", day, seconds),
    }


def trigger_trees(day: int, seconds: np.ndarray, l3_rate_hz: np.ndarray, trigger: str) -> dict[str, dict[str, Column]]:
    """The trees ``Trigger`` and ``L3T``: prescaling, rates and the name of the table.

    Parameters
    ----------
    trigger
        ``standard`` or ``sum``.
    """
    n = len(seconds)
    rate = np.asarray(l3_rate_hz, np.float32)
    return {
        "Trigger": {
            "MTriggerPrescFact.fPrescFact": np.tile(np.array(PRESCALER_STEREO, np.int32), (n, 1)),
            "MReportTrigger.fL2BeforePrescaler": rate,
            "MReportTrigger.fL2AfterPrescaler": rate,
            "MReportTrigger.fL3Rate": rate,
            **to_mtime("MTimeTrigger", day, seconds),
        },
        "L3T": {
            "MReportL3T.fTablename": np.full(n, L3_TABLE[trigger]),
            **to_mtime("MTimeL3T", day, seconds),
        },
    }
