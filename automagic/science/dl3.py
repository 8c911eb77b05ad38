"""DL3 files: found, checked and opened."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from automagic.science.errors import DataError, NothingLeft

# HDUCLAS1 or HDUCLAS4 in the header -> HDU_TYPE and HDU_CLASS of the index (GADF 0.2, HDU index table)
HDUS = {
    "EVENTS": ("events", "events"),
    "GTI": ("gti", "gti"),
    "RAD_MAX_2D": ("rad_max", "rad_max_2d"),
    "AEFF_2D": ("aeff", "aeff_2d"),
    "EDISP_2D": ("edisp", "edisp_2d"),
    "PSF_3GAUSS": ("psf", "psf_3gauss"),
    "PSF_TABLE": ("psf", "psf_table"),
    "PSF_KING": ("psf", "psf_king"),
    "BKG_2D": ("bkg", "bkg_2d"),
    "BKG_3D": ("bkg", "bkg_3d"),
}


@dataclass(frozen=True)
class File:
    """A DL3 file as its headers describe it.

    Attributes
    ----------
    path
        Where it is.
    obs_id
        The run number.
    header
        Header of the EVENTS table.
    hdus
        HDU_TYPE, HDU_CLASS and name of each HDU that Gammapy reads.
    point_like
        Whether the IRFs are for events within RAD_MAX of the source, or for all events (full-enclosure).
    """

    path: Path
    obs_id: int
    header: dict[str, Any]
    hdus: tuple[tuple[str, str, str], ...]
    point_like: bool

    @property
    def level(self) -> str:
        """Level of moonlight that the file is marked with (`automagic.science.mark`); empty where it is not."""
        return str(self.header.get("NSBLEVEL", "")).strip()

    @property
    def simulated(self) -> bool:
        """Whether the header says that the events are simulated; the real telescopes' files do not have the key."""
        return bool(self.header.get("SIMULATD", False))


def find(folder: Path) -> list[File]:
    """Find and check the DL3 files of a folder.

    Parameters
    ----------
    folder
        Where they lie; ``*-index.fits*`` are passed over.

    Returns
    -------
    list of File
        In the order of their run numbers.

    Raises
    ------
    DataError
        Where there is none, two are of one run, or one cannot be used; the message names the file.
    """
    paths = _paths(folder)
    if not paths:
        raise DataError(f"{folder}: no DL3 files (*.fits)", hint="Look at the runs that the analysis selects.")
    files = sorted((_describe(path) for path in paths), key=lambda file: file.obs_id)
    for one, other in pairwise(files):
        if one.obs_id == other.obs_id:
            raise DataError(f"{one.path.name} and {other.path.name} are both of run {one.obs_id}")
    if len({file.simulated for file in files}) == 2:
        odd = next(file for file in files if file.simulated)
        raise DataError(f"{odd.path.name}: simulated runs and real ones cannot be mixed in one analysis")
    if len({file.point_like for file in files}) == 2:
        odd = next(file for file in files if file.point_like != files[0].point_like)
        raise DataError(f"{odd.path.name}: point-like and full-enclosure IRFs cannot be mixed in one analysis")
    return files


def left(folder: Path) -> list[Path]:
    """Return the DL3 files that the step before has left of a run.

    Raises
    ------
    NothingLeft
        Where there is none: the run had no event or no time, which is no fault.
    """
    paths = _paths(folder)
    if not paths:
        raise NothingLeft("there is no DL3 file: nothing is left of the run")
    return paths


def only(folder: Path) -> Path:
    """Return the one DL3 file that the step before has left of a run.

    Raises
    ------
    NothingLeft
        As `left`.
    DataError
        There are several.
    """
    paths = left(folder)
    if len(paths) > 1:
        raise DataError(f"{folder}: {len(paths)} DL3 files, {paths[0].name} and {paths[1].name}; expected one")
    return paths[0]


def _paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.fits*") if "-index.fits" not in path.name)


def _describe(path: Path) -> File:
    """Read the headers of a file and say what is wrong with it."""
    from astropy.io import fits

    hdus: list[tuple[str, str, str]] = []
    headers: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # astropy only warns of a truncated file
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        try:
            with fits.open(path, memmap=False) as opened:
                for hdu in opened[1:]:
                    name = hdu.header.get("HDUCLAS4") or hdu.header.get("HDUCLAS1") or ""
                    if name.strip() in HDUS:
                        hdus.append((*HDUS[name.strip()], hdu.name))
                        headers[HDUS[name.strip()][0]] = dict(hdu.header)
                    len(hdu.data)  # reads it, and so finds the end of a truncated file
        except Exception as error:
            raise DataError(f"{path.name}: not a whole FITS file: {error}") from None
    _check(path, headers)
    return File(
        path=path,
        obs_id=int(headers["events"]["OBS_ID"]),
        header=headers["events"],
        hdus=tuple(hdus),
        point_like=_point_like(headers),
    )


def _point_like(headers: dict[str, Any]) -> bool:
    return headers["aeff"].get("HDUCLAS3", "").strip() == "POINT-LIKE"


def _check(path: Path, headers: dict[str, Any]) -> None:
    missing = [name for name in ("events", "gti", "aeff", "edisp") if name not in headers]
    if missing:
        raise DataError(f"{path.name}: not a DL3 file: no {' and no '.join(missing).upper()} table")
    if headers["events"]["NAXIS2"] == 0:
        raise DataError(f"{path.name}: no events", hint="Leave the run out, or loosen the cuts of magic_dl3.")
    absent = [key for key in ("OBS_ID", "RA_PNT", "DEC_PNT", "TSTART", "TSTOP") if key not in headers["events"]]
    if absent:
        raise DataError(f"{path.name}: the header of EVENTS has no {', '.join(absent)}")
    if _point_like(headers):
        if "rad_max" not in headers and "RAD_MAX" not in headers["aeff"]:
            raise DataError(f"{path.name}: point-like IRFs without RAD_MAX: the size of the signal region is unknown")
    elif "psf" not in headers:
        raise DataError(f"{path.name}: full-enclosure IRFs without a PSF: what leaks out of the region is unknown")


def observations(files: list[File], ra: float, dec: float) -> Any:
    """Open DL3 files with Gammapy.

    Parameters
    ----------
    files
        From `find`.
    ra, dec
        Position of the source in deg; it must be in the field of view, and away from its centre, as in wobble mode.

    Returns
    -------
    gammapy.data.Observations
        In the order of `files`.

    Raises
    ------
    DataError
        Where the source is not where a wobble observation has it.
    """
    quiet()
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from gammapy.data import Observation, Observations

    source = SkyCoord(ra, dec, unit="deg")
    found = []
    for file in files:
        pointing = SkyCoord(file.header["RA_PNT"], file.header["DEC_PNT"], unit="deg")
        offset = float(pointing.separation(source).to_value(u.deg))
        if not 0.1 <= offset <= 2.0:
            raise DataError(
                f"{file.path.name}: the source is {offset:.2f} deg from the pointing; wobble data have 0.1 to 2 deg",
                hint="Look at Source.RA and Source.Dec, and at the run.",
            )
        found.append(Observation.read(file.path))
    return Observations(found)


def quiet() -> None:
    """Keep Gammapy and astropy from downloading, and from telling of what is right in MAGIC's files."""
    from astropy.utils import iers

    iers.conf.auto_download = False
    iers.conf.iers_degraded_accuracy = "ignore"
    for name in ("gammapy.maps.axes", "gammapy.irf.io", "gammapy.irf.core"):
        logging.getLogger(name).setLevel(logging.ERROR)  # "'THETA' axis is stored as a scalar"
