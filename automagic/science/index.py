"""The index of DL3 files, by which Gammapy's `DataStore` finds them."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from automagic.science import dl3
from automagic.science.settings import Settings

GADF = "https://github.com/open-gamma-ray-astro/gamma-astro-data-formats"


def run(_: Settings, ind: Path, out: Path) -> Iterator[str]:
    """Write ``hdu-index.fits.gz`` and ``obs-index.fits.gz`` for the files of `ind`; they are to lie beside them."""
    import numpy as np

    files = dl3.find(ind)
    rows = [(file.obs_id, *hdu[:2], file.path.name, hdu[2]) for file in files for hdu in file.hdus]
    obs_id, kind, cls, file_name, hdu_name = (list(column) for column in zip(*rows, strict=True))
    columns: list[tuple[str, Any, str | None]] = [
        ("OBS_ID", np.array(obs_id, dtype=">i8"), None),
        ("HDU_TYPE", kind, None),
        ("HDU_CLASS", cls, None),
        ("FILE_DIR", ["."] * len(rows), None),
        ("FILE_NAME", file_name, None),
        ("HDU_NAME", hdu_name, None),
    ]
    _write(out / "hdu-index.fits.gz", "HDU_INDEX", "HDU", columns, {})
    units = {"RA_PNT": "deg", "DEC_PNT": "deg", "TSTART": "s", "TSTOP": "s", "LIVETIME": "s", "DEADC": ""}
    columns = [("OBS_ID", np.array([file.obs_id for file in files], dtype=">i8"), None)]
    for key, unit in units.items():
        values = [file.header.get(key, np.nan) for file in files]
        columns.append((key, np.array(values, dtype=">f8"), unit or None))
    columns.append(("OBJECT", [str(file.header.get("OBJECT", "")) for file in files], None))
    times = ("MJDREFI", "MJDREFF", "TIMEUNIT", "TIMESYS", "TIMEREF")
    header = {key: files[0].header[key] for key in times if key in files[0].header}
    _write(out / "obs-index.fits.gz", "OBS_INDEX", "OBS", columns, header)
    yield f"{len(files)} runs, {len(rows)} HDUs"


def _write(
    path: Path, name: str, kind: str, columns: list[tuple[str, Any, str | None]], header: dict[str, Any]
) -> None:
    """Write one table, with a gzip header that names neither time nor file."""
    from astropy.io import fits

    made = []
    for key, values, unit in columns:
        if isinstance(values, list):
            form = f"{max(1, *(len(text) for text in values))}A"
        else:
            form = "K" if values.dtype.kind == "i" else "D"
        made.append(fits.Column(name=key, format=form, unit=unit, array=values))
    table = fits.BinTableHDU.from_columns(made, name=name)
    table.header.update(
        {"HDUCLASS": "GADF", "HDUDOC": GADF, "HDUVERS": "0.2", "HDUCLAS1": "INDEX", "HDUCLAS2": kind, **header}
    )
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(buffer)
    path.write_bytes(gzip.compress(buffer.getvalue(), mtime=0))
