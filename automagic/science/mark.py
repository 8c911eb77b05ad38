"""Say in a DL3 file of which level of brightness it is, and give the further parts of a run numbers of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from automagic.errors import UserError
from automagic.science import dl3
from automagic.science.errors import DataError
from automagic.science.settings import Settings

KEY = "NSBLEVEL"
"""In the header of EVENTS; ours, no standard has one."""


def run(settings: Settings, ind: Path, out: Path) -> Iterator[str]:
    """Write the file of `ind` with the level in its header and name; all else stays as it is."""
    from astropy.io import fits

    level = settings.text("Mark.Level")
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,60}", level):
        raise UserError(f"{settings.name}: Mark.Level is {level!r}; it can have letters, digits and _ . -")
    number = settings.integer("Mark.ObsId", minimum=1, maximum=10**12)
    path = dl3.only(ind)
    try:
        hdus = fits.open(path, memmap=False)
    except OSError as error:
        raise DataError(f"{path.name}: not a whole FITS file: {error}") from None
    stem, _, end = path.name.rpartition(".")
    with hdus:
        names = [hdu.name for hdu in hdus]
        if "EVENTS" not in names:
            raise DataError(f"{path.name}: it has no table EVENTS")
        for hdu in hdus:
            if "OBS_ID" in hdu.header:
                hdu.header["OBS_ID"] = number
        hdus["EVENTS"].header[KEY] = (level, "level of night-sky background")
        sums = any("CHECKSUM" in hdu.header for hdu in hdus)
        hdus.writeto(out / f"{stem}_{level}.{end}", checksum=sums)
    yield f"{path.name}: {level}, OBS_ID {number}"
