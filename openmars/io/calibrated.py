"""Calibrated files (``_Y_``): written so that MAGIC's own trees and branches are there for readers by others.

Charges are rounded to 1/16 photo-electron and arrival times to 1/16 slice (38 ps): far below what the readout
resolves, and files become half as large and quicker to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from . import headers
from .headers import McInfo, RunInfo
from .rootwrite import Column, RootWriter
from .times import to_mtime

CHARGE_STEP = 1 / 16
TIME_STEP = 1 / 16
DECLINATION_DEG = -7.0
"""Magnetic declination of the site: MC axes point to magnetic north (ctapipe_io_magic)."""
PEDESTAL_KINDS = ("Fundamental", "FromExtractor", "FromExtractorRndm")


@dataclass
class Events:
    """Events of one telescope; [n] each where nothing else is said.

    Attributes
    ----------
    charge, arrival_time
        [n, 1039], photo-electrons and slices.
    pattern
        Trigger pattern: 128 stereo, 8 pedestal, in MC 1 (32 with Sum-Trigger-II).
    stereo_number
        Number that both telescopes give to an event; 0 for pedestals.
    daq_number
        Number of the event in its subrun.
    seconds
        From the midnight of the day of sunrise.
    time_diff_s
        Time since the event before.
    """

    charge: np.ndarray
    arrival_time: np.ndarray
    pattern: np.ndarray
    stereo_number: np.ndarray
    daq_number: np.ndarray
    seconds: np.ndarray
    time_diff_s: np.ndarray

    def __len__(self) -> int:
        return len(self.pattern)


@dataclass
class McTruth:
    """Truth of MC events; float [n] each. Ground axes: x to geographic north, y to west.

    Attributes
    ----------
    energy_gev
    zd_deg, az_deg
        Where the shower comes from.
    pointing_zd_deg, pointing_az_deg
    core_x_m, core_y_m
        Where the axis meets the ground, from the middle between the telescopes.
    impact_m
        Distance of the axis from the telescope (events) or the middle of the array (all showers).
    source_x_mm, source_y_mm
        Where the shower's direction falls in the camera.
    particle
        1 gamma, 14 proton (CORSIKA).
    first_interaction_m, xmax_g_cm2
        Of the events only.
    """

    energy_gev: np.ndarray
    zd_deg: np.ndarray
    az_deg: np.ndarray
    pointing_zd_deg: np.ndarray
    pointing_az_deg: np.ndarray
    core_x_m: np.ndarray
    core_y_m: np.ndarray
    impact_m: np.ndarray
    source_x_mm: np.ndarray
    source_y_mm: np.ndarray
    particle: np.ndarray | None = None
    first_interaction_m: np.ndarray | None = None
    xmax_g_cm2: np.ndarray | None = None


def mc_phi_rad(az_deg: np.ndarray) -> np.ndarray:
    """MC azimuth ``fPhi``: of the particle's momentum, from magnetic north, towards west, in -pi … pi.

    Source: ctapipe_io_magic reads azimuth = 180° - fPhi + declination.
    """
    phi = 180.0 + DECLINATION_DEG - np.asarray(az_deg, float)
    return np.radians((phi + 180.0) % 360.0 - 180.0)


def az_of_mc_phi(phi_rad: np.ndarray) -> np.ndarray:
    """Azimuth (degrees, 0 … 360, from geographic north through east) of an MC ``fPhi``."""
    return (180.0 + DECLINATION_DEG - np.degrees(phi_rad)) % 360.0


def mc_core_cm(x_m: np.ndarray, y_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cores in MC axes (x to magnetic north, cm) of cores in geographic ones (m)."""
    cos, sin = np.cos(np.radians(DECLINATION_DEG)), np.sin(np.radians(DECLINATION_DEG))
    return 100 * (x_m * cos - y_m * sin), 100 * (x_m * sin + y_m * cos)


def core_of_mc(x_cm: np.ndarray, y_cm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cores in geographic axes (x north, y west, m) of ``fCoreX`` and ``fCoreY`` (cm)."""
    cos, sin = np.cos(np.radians(DECLINATION_DEG)), np.sin(np.radians(DECLINATION_DEG))
    return (x_cm * cos + y_cm * sin) / 100, (y_cm * cos - x_cm * sin) / 100


def _wide(values: np.ndarray, step: float) -> np.ndarray:
    """Round to steps and widen to the 1183 values of a file."""
    out = np.zeros((len(values), headers.N_CHANNELS), np.float32)
    rounded = out[:, : values.shape[1]]
    np.multiply(values, np.float32(1 / step), out=rounded)
    np.rint(rounded, out=rounded)
    rounded *= np.float32(step)
    return out


def _event_columns(day: int, events: Events) -> dict[str, Column]:
    return {
        "MRawEvtHeader.fStereoEvtNumber": events.stereo_number.astype(np.uint32),
        "MRawEvtHeader.fDAQEvtNumber": events.daq_number.astype(np.uint32),
        "MRawEvtHeader.fTimeDiff": events.time_diff_s.astype(np.float64),
        "MTriggerPattern.fPrescaled": events.pattern.astype(np.uint8),
        "MTriggerPattern.fUnprescaled": events.pattern.astype(np.uint8),
        **to_mtime("MTime", day, events.seconds),
        "MCerPhotEvt.fPixels.fPhot": _wide(events.charge, CHARGE_STEP),
        "MArrivalTime.fData": _wide(events.arrival_time, TIME_STEP),
    }


def _mc_basic(container: str, truth: McTruth) -> dict[str, np.ndarray]:
    """What is kept of every shower."""
    f4 = np.float32
    core_x, core_y = mc_core_cm(truth.core_x_m, truth.core_y_m)
    return {
        f"{container}.fEnergy": truth.energy_gev.astype(f4),
        f"{container}.fImpact": (100 * truth.impact_m).astype(f4),
        f"{container}.fTheta": np.radians(truth.zd_deg).astype(f4),
        f"{container}.fPhi": mc_phi_rad(truth.az_deg).astype(f4),
        f"{container}.fTelescopeTheta": np.radians(truth.pointing_zd_deg).astype(f4),
        f"{container}.fTelescopePhi": mc_phi_rad(truth.pointing_az_deg).astype(f4),
        f"{container}.fCoreX": core_x.astype(f4),
        f"{container}.fCoreY": core_y.astype(f4),
        "MSrcPosCam.fX": truth.source_x_mm.astype(f4),
        "MSrcPosCam.fY": truth.source_y_mm.astype(f4),
    }


def _mc_columns(events: Events, truth: McTruth, pedestals: tuple[np.ndarray, np.ndarray]) -> dict[str, Column]:
    """Truth, pointing and pedestals of MC events, which carry all three with each event."""
    n = len(events)
    zero, missing = np.zeros(n), np.zeros(n, np.float32)
    columns: dict[str, Column] = dict(_mc_basic("MMcEvt", truth))
    first, xmax = truth.first_interaction_m, truth.xmax_g_cm2
    columns |= {
        "MMcEvt.fEvtNumber": events.stereo_number.astype(np.uint32),
        "MMcEvt.fPartId": np.ones(n, np.int16) if truth.particle is None else truth.particle.astype(np.int16),
        "MMcEvt.fZFirstInteraction": missing if first is None else (100 * first).astype(np.float32),
        "MMcEvt.fLongitmax": missing if xmax is None else xmax.astype(np.float32),
        "MPointingPos.fZd": truth.pointing_zd_deg.astype(np.float64),
        "MPointingPos.fAz": truth.pointing_az_deg.astype(np.float64),
    }
    columns |= {f"MPointingPos.{name}": zero for name in ("fRa", "fHa", "fDec")}
    columns |= {f"MPointingPos.fDev{name}": zero for name in ("Zd", "Az", "Ha", "Dec")}
    return columns | pedestal_columns(n, *pedestals)


def pedestal_columns(n: int, mean: np.ndarray, rms: np.ndarray) -> dict[str, Column]:
    """Pedestals, the same for all `n` entries.

    Parameters
    ----------
    n
        Entries.
    mean, rms
        Of each pixel without light after the extraction of the signal, photo-electrons, [1039]. The mean is that
        of ``FromExtractor``, which looks for the largest sum; the other two kinds have none.
    """
    columns: dict[str, Column] = {}
    for kind in PEDESTAL_KINDS:
        for name, values in (("fMean", mean if kind == "FromExtractor" else 0 * mean), ("fRms", rms)):
            wide = np.zeros(headers.N_CHANNELS, np.float32)
            wide[: len(values)] = values
            columns[f"MPedPhot{kind}.fArray.{name}"] = np.broadcast_to(wide, (n, len(wide)))
    return columns


def pedestal_tree(day: int, seconds: np.ndarray, mean: np.ndarray, rms: np.ndarray) -> dict[str, Column]:
    """The tree ``Pedestals`` of data: `pedestal_columns` at some times."""
    return pedestal_columns(len(seconds), mean, rms) | to_mtime("MTimePedestals", day, seconds)


def pedestals_over_time(day: int, seconds: np.ndarray, mean: np.ndarray, rms: np.ndarray) -> dict[str, Column]:
    """The tree ``Pedestals`` of data whose pedestals were measured again and again.

    Parameters
    ----------
    day, seconds
        MJD of the day of sunrise; from which moment each set holds, seconds from that midnight, [k].
    mean, rms
        Photo-electrons, [k, 3, 1039] in the order of `PEDESTAL_KINDS`.
    """
    columns: dict[str, Column] = {}
    for i, kind in enumerate(PEDESTAL_KINDS):
        for name, values in (("fMean", mean), ("fRms", rms)):
            wide = np.zeros((len(seconds), headers.N_CHANNELS), np.float32)
            wide[:, : values.shape[2]] = values[:, i]
            columns[f"MPedPhot{kind}.fArray.{name}"] = wide
    return columns | to_mtime("MTimePedestals", day, seconds)


class CalibratedWriter:
    """One calibrated file in the making: events in chunks, the other trees at the end.

    Parameters
    ----------
    path
        The file.
    info
        Its header.
    pedestal_mean, pedestal_rms
        Of each pixel without light, photo-electrons, [1039]; see `pedestal_columns`. Only MC needs them.
    """

    def __init__(
        self,
        path: str | Path,
        info: RunInfo,
        pedestal_mean: np.ndarray | tuple[()] = (),
        pedestal_rms: np.ndarray | tuple[()] = (),
    ) -> None:
        self.info = info
        self.pedestals = np.asarray(pedestal_mean, np.float32), np.asarray(pedestal_rms, np.float32)
        self.n_events = 0
        self._out = RootWriter(path)

    def __enter__(self) -> CalibratedWriter:
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._out.__exit__(kind, value, trace)

    def add(self, events: Events, truth: McTruth | None = None) -> None:
        """Append events, with their truth in MC."""
        if not len(events):
            return
        columns = _event_columns(self.info.day, events)
        if truth is not None:
            columns |= _mc_columns(events, truth, self.pedestals)
        self._out.extend("Events", columns)
        self.n_events += len(events)

    def finish(
        self,
        reports: Mapping[str, Mapping[str, Column]] | None = None,
        mc: McInfo | None = None,
        showers: McTruth | None = None,
        texts: Mapping[str, str] | None = None,
        bad_pixels: np.ndarray | None = None,
        simulated: bool = True,
    ) -> None:
        """Write the trees other than ``Events``.

        Parameters
        ----------
        reports
            Trees of reports (data).
        mc, showers
            How the gammas were drawn, and the truth of all of them (MC): tree ``OriginalMC``.
        texts
            Kept by name: the card of the program and what wrote the file.
        bad_pixels
            Unsuitable pixels, bool [1039]; none by default.
        simulated
            Say in the file that its events are simulated.
        """
        self._out.extend("RunHeaders", headers.run_headers(self.info, self.n_events, bad_pixels, mc))
        self._out.extend("RunTails", headers.run_tails())
        for name, tree in (reports or {}).items():
            self._out.extend(name, tree)
        if showers is not None:
            self._out.extend("OriginalMC", _mc_basic("MMcEvtBasic", showers))
        if simulated:
            self._out.text("simulated", "these events are simulated; they are not data of MAGIC")
        for name, text in (texts or {}).items():
            self._out.text(name, text)


def write_calibrated(
    path: str | Path,
    info: RunInfo,
    events: Events,
    pedestal_mean: np.ndarray,
    pedestal_rms: np.ndarray,
    reports: Mapping[str, Mapping[str, Column]] | None = None,
    truth: McTruth | None = None,
    mc: McInfo | None = None,
    showers: McTruth | None = None,
) -> None:
    """Write a calibrated file at once; see `CalibratedWriter`."""
    with CalibratedWriter(path, info, pedestal_mean, pedestal_rms) as out:
        out.add(events, truth)
        out.finish(reports, mc, showers)
