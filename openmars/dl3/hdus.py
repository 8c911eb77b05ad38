"""Writes DL3: the HDUs, columns, units and header keys of the files of MAGIC's magic_dl3 0.1.8 (GADF 0.2)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openmars.dl3.events import MJD_REFERENCE, Observation
from openmars.dl3.irf import Responses, Settings, energy_threshold
from openmars.dl3.livetime import LiveTime

if TYPE_CHECKING:
    from astropy.io.fits import BinTableHDU

Column = tuple[str, str, str | None, np.ndarray]
"""Name, FITS format, unit, values with one row a leading index."""

GADF = (
    ("HDUCLASS", "GADF", "conformant with GADF specifications"),
    ("HDUDOC", "https://github.com/open-gamma-ray-astro/gamma-astro-data-formats", ""),
    ("HDUVERS", "0.2", "version of the format"),
)
TIME_KEYS = (
    ("MJDREFI", MJD_REFERENCE, "[d] integer part of reference MJD"),
    ("MJDREFF", 0.0, "[d] fractional part of reference MJD"),
    ("TIMEUNIT", "s", "time unit"),
    ("TIMESYS", "UTC", "time system"),
    ("TIMEREF", "local", "time reference frame"),
)
SITE = (
    ("GEOLON", -17.89, "[deg] Geographic longitude of array centre"),
    ("GEOLAT", 28.761944, "[deg] Geographic latitude of array centre"),
    ("ALTITUDE", 2231.28, "[m] Altitude of array center above sea level"),
)


def table(name: str, columns: list[Column], keys: list[tuple[str, Any, str]]) -> BinTableHDU:
    """Make a table; axes of the values beyond the rows become its TDIM."""
    from astropy.io import fits

    hdu = fits.BinTableHDU.from_columns(
        [
            fits.Column(
                name=column,
                format=f"{int(np.prod(values.shape[1:]))}{code}",
                unit=unit,
                array=values,
                dim=_dimensions(values),
            )
            for column, code, unit, values in columns
        ],
        name=name,
    )
    for key, value, comment in keys:
        hdu.header[key] = (value, comment) if comment else value
    return hdu


def _dimensions(values: np.ndarray) -> str | None:
    return f"({', '.join(str(n) for n in values.shape[:0:-1])})" if values.ndim > 2 else None


def events(run: Observation, keep: np.ndarray, live: LiveTime, version: str) -> BinTableHDU:
    """Make the EVENTS table of the events to keep, in the order of time."""
    order = np.flatnonzero(keep)[np.argsort(run.time[keep], kind="stable")]
    columns: list[Column] = [
        ("EVENT_ID", "K", None, run.event_id[order]),
        ("TIME", "D", "s", run.time[order]),
        ("RA", "E", "deg", run.ra[order].astype(np.float32)),
        ("DEC", "E", "deg", run.dec[order].astype(np.float32)),
        ("ENERGY", "E", "TeV", run.energy[order].astype(np.float32)),
    ]
    return table("EVENTS", columns, _event_keys(run, live, version))


def _event_keys(run: Observation, live: LiveTime, version: str) -> list[tuple[str, Any, str]]:
    zenith, azimuth = float(np.mean(run.zenith)), np.unwrap(run.azimuth, period=360.0)
    keys: list[tuple[str, Any, str]] = [
        *GADF,
        ("HDUCLAS1", "EVENTS", "primary extension class"),
        ("OBS_ID", run.run, "unique observation identifier"),
        ("TSTART", float(live.start[0]), "[s] observation start time"),
        ("TSTOP", float(live.stop[-1]), "[s] observation end time"),
        ("ONTIME", live.ontime, "[s] total good time (sum of GTIs)"),
        ("LIVETIME", live.effective, "[s] total effective time"),
        ("DEADC", live.dead_time_fraction, "dead time correction"),
        ("EQUINOX", 2000.0, "equinox"),
        ("RADECSYS", "FK5", "stellar reference frame"),
        ("ORIGIN", "openmars", "organisation that created the FITS file"),
        ("TELESCOP", "MAGIC", "telescope"),
        ("INSTRUME", "MAGIC stereo", "instrument"),
        ("CREATOR", "openmars magic_dl3", "software that created the file"),
        ("VERSION", version, "version of the software that created the file"),
        *TIME_KEYS,
        ("OBJECT", run.source_name, "name of the source"),
        ("RA_OBJ", run.source[0], "[deg] source RA"),
        ("DEC_OBJ", run.source[1], "[deg] source DEC"),
        ("OBS_MODE", "POINTING", "observation mode"),
        ("RA_PNT", run.pointing[0], "[deg] observation pointing RA"),
        ("DEC_PNT", run.pointing[1], "[deg] observation pointing DEC"),
        *SITE,
        ("ALT_PNT", 90.0 - zenith, "[deg] average altitude pointing"),
        ("AZ_PNT", float(np.mean(azimuth)) % 360.0, "[deg] average azimuth pointing"),
    ]
    if run.simulated:
        keys.append(("SIMULATD", True, "SIMULATED by openmars-sim, not observed"))
    return keys


def good_time(live: LiveTime) -> BinTableHDU:
    """Make the GTI table."""
    return table(
        "GTI",
        [("START", "D", "s", live.start), ("STOP", "D", "s", live.stop)],
        [*GADF, ("HDUCLAS1", "GTI", "primary extension class"), *TIME_KEYS],
    )


def _axis(name: str, edges: np.ndarray, unit: str | None) -> list[Column]:
    edges = edges.astype(np.float32)
    return [(f"{name}_LO", "E", unit, edges[None, :-1]), (f"{name}_HI", "E", unit, edges[None, 1:])]


def _response(
    name: str, kind: tuple[str, str, str], axes: list[list[Column]], value: Column, more: tuple = ()
) -> BinTableHDU:
    columns = [column for axis in axes for column in axis]
    names = ",".join(f"{axis[0][0]}:{axis[1][0]}" for axis in axes)
    keys = [
        *GADF,
        ("HDUCLAS1", "RESPONSE", "primary extension class"),
        ("HDUCLAS2", kind[0], "IRF component"),
        ("HDUCLAS3", kind[1], "IRF type"),
        ("HDUCLAS4", kind[2], "IRF type"),
        (f"CREF{len(columns) + 1}", f"({names})", "axes"),
        *more,
    ]
    return table(name, [*columns, value], keys)


def response_tables(run: int, made: Responses, settings: Settings) -> list[BinTableHDU]:
    """Make the tables of the responses, in the order of MAGIC's files."""
    true = _axis("ENERG", settings.true, "TeV")
    reco = _axis("ENERG", settings.reco, "TeV")
    theta = _axis("THETA", settings.offset, "deg")
    migra = _axis("MIGRA", settings.migra, None)
    kind = "FULL-ENCLOSURE" if settings.full_enclosure else "POINT-LIKE"
    threshold = energy_threshold(made.effective_area.mean(axis=0), settings.true, settings.index)
    more = (
        ("OBS_ID", run, "unique observation identifier"),
        ("LO_THRES", threshold, "[TeV] low energy threshold"),
    )
    area = _response("EFFECTIVE AREA", ("EFF_AREA", kind, "AEFF_2D"), [true, theta],
                     ("EFFAREA", "E", "m2", _row(made.effective_area)), more)  # fmt: skip
    energy = _response("ENERGY DISPERSION", ("EDISP", kind, "EDISP_2D"), [true, migra, theta],
                       ("MATRIX", "E", None, _row(made.dispersion)))  # fmt: skip
    if settings.full_enclosure:
        rad = _axis("RAD", settings.rad, "deg")
        return [
            area,
            energy,
            _response("PSF", ("PSF", kind, "PSF_TABLE"), [true, theta, rad],
                      ("RPSF", "E", "sr-1", _row(made.psf))),
            _response("BKG", ("BKG", kind, "BKG_2D"), [reco, theta],
                      ("BKG", "E", "s-1 MeV-1 sr-1", _row(made.background))),
        ]  # fmt: skip
    limit = np.broadcast_to(np.sqrt(made.theta2.limit), (len(settings.offset) - 1, len(settings.reco) - 1))
    rad_max = _response("RAD_MAX", ("RAD_MAX", kind, "RAD_MAX_2D"), [reco, theta],
                        ("RAD_MAX", "E", "deg", _row(limit)))  # fmt: skip
    return [rad_max, area, energy]


def _row(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values[None], dtype=np.float32)


def write(path: Path, tables: list[BinTableHDU]) -> None:
    """Write the file whole or not at all; the same content gives the same bytes."""
    from astropy.io import fits

    part = path.with_name(f".{path.name}.part")
    try:
        fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(part, overwrite=True)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
