"""The phase of each event: a run's DL3 file again, with one column more."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from automagic.errors import UserError
from automagic.science import dl3, timing
from automagic.science.settings import Settings

COLUMN = "PHASE"


def run(settings: Settings, ind: Path, out: Path) -> Iterator[str]:
    """Write each DL3 file of `ind` to `out`: EVENTS with the column PHASE, all other HDUs byte for byte as they are."""
    leap_seconds = settings.text("Phase.LeapSeconds", ("none", "counted"))
    name, sha256 = settings.text("Phase.ParName"), settings.text("Phase.ParSHA256")
    lines = settings.several("Par.")
    if not lines:
        raise UserError("the card has no par file: no keys Par.0001, Par.0002 …")
    dl3.left(ind)
    files = dl3.find(ind)
    model = timing.model("".join(f"{line}\n" for line in lines), name)
    keys = _keys(model, name, sha256, leap_seconds)
    for file in files:
        raw = file.path.read_bytes()
        packed = raw[:2] == b"\x1f\x8b"
        made, outside = add(gzip.decompress(raw) if packed else raw, model, keys, leap_seconds, file.path.name)
        (out / file.path.name).write_bytes(gzip.compress(made, mtime=0) if packed else made)
        yield f"run {file.obs_id}: {file.header['NAXIS2']} events have a phase, {model.PSR.value or name}"
        if outside:
            yield f"run {file.obs_id} lies outside START and FINISH of {name}: its phases are an extrapolation"


def add(raw: bytes, model: Any, keys: list[tuple[str, Any, str]], leap_seconds: str, name: str) -> tuple[bytes, bool]:
    """Return a DL3 file with phases, and whether its events lie outside the time that the model is for.

    Parameters
    ----------
    raw
        The file, not compressed.
    model
        From `automagic.science.timing.model`.
    keys
        Header keys of EVENTS that say how the phases were made: name, value, comment.
    leap_seconds
        See `automagic.science.timing.moments`.
    name
        For errors.
    """
    from astropy.io import fits

    with fits.open(io.BytesIO(raw), memmap=False) as opened:
        number = next(i for i, hdu in enumerate(opened) if hdu.header.get("HDUCLAS1", "").strip() == "EVENTS")
        events, place = opened[number], opened.fileinfo(number)
        times = timing.moments(events.data["TIME"], events.header, leap_seconds, name)
        found = timing.phases(model, times)
        kept = fits.ColDefs([column for column in events.columns if column.name != COLUMN])
        new = fits.BinTableHDU.from_columns(
            kept + fits.ColDefs([fits.Column(COLUMN, "1D", array=found)]), header=events.header
        )
        for key in ("CHECKSUM", "DATASUM"):
            new.header.remove(key, ignore_missing=True)
        outside = _outside(model, times)
        for key, value, comment in (*keys, ("PHSVALID", not outside, "whether the par file is for this time")):
            new.header[key] = (value, comment)
        part = io.BytesIO()
        new.writeto(part)
    # writeto puts a primary HDU of one block in front
    with fits.open(io.BytesIO(part.getvalue())) as alone:
        begin = alone.fileinfo(1)["hdrLoc"]
    return raw[: place["hdrLoc"]] + part.getvalue()[begin:] + raw[place["datLoc"] + place["datSpan"] :], outside


def _keys(model: Any, name: str, sha256: str, leap_seconds: str) -> list[tuple[str, Any, str]]:
    return [
        ("PHSPAR", name, "par file of the phases"),
        ("PHSSHA", sha256, "its SHA-256"),
        ("PHSPSR", str(model.PSR.value or "unknown"), "the pulsar"),
        ("PHSF0", float(model.F0.value), "[Hz] frequency at PHSEPOCH"),
        ("PHSEPOCH", float(model.PEPOCH.value), "[d] reference epoch PEPOCH, MJD TDB"),
        ("PHSZERO", float(model.TZRMJD.value), "[d] a moment of phase 0, MJD"),
        ("PHSSITE", str(model.TZRSITE.value), "where that is; @ is the barycentre"),
        ("PHSEPHEM", timing.EPHEMERIS, "ephemeris of the Solar System"),
        ("PHSLEAP", leap_seconds, "leap seconds in TIME since MJDREF"),
        ("PHSPROG", f"PINT {timing.version()}", "what made the phases"),
    ]


def _outside(model: Any, times: Any) -> bool:
    start, finish = (getattr(model, key).value if key in model else None for key in ("START", "FINISH"))
    mjd = times.mjd
    return bool((start is not None and mjd.min() < start) or (finish is not None and mjd.max() > finish))
