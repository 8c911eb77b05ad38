"""A run's DL3 file again, with what haze does to energies and responses corrected by the LIDAR's profiles.

Events: estimated energy divided by the share of the shower's light that came through. Responses: those of clear
air, shifted in energy, averaged over the run (`automagic.science.shifted`). Which events were kept, and RAD_MAX, were
decided by magic_dl3 at the energies before; the shifted responses are for just these cuts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automagic.science import dl3, shifted
from automagic.science.errors import DataError
from automagic.science.lidar import NODES_KM, Lidar, lidar, maximum_of
from automagic.science.settings import Settings

Array = NDArray[np.float64]

SAME_MOMENT_S = 1e-3
"""An event of the two files is the same one if its times agree so well."""
SHOWERS_KM = (0.5, 25.0)
"""Maxima that are reconstructed outside of these are no measurement; that of a mean shower counts then."""

LIGHT = "HAZECORR"
"""The key in the header of EVENTS that says that a file was corrected."""


@dataclass(frozen=True)
class Showers:
    """What melibea's file tells of the events: number, time (s), height of the maximum (km), cosine of the zenith
    distance."""

    number: NDArray[np.int64]
    time: Array
    maximum: Array
    cosine: Array


def run(settings: Settings, ind: Path, out: Path) -> Iterator[str]:
    """Write the corrected file of the one in ``dl3/``, with the reports and showers of the one in ``melibea/``."""
    from astropy.io import fits

    length = 60 * settings.number("Haze.BinMinutes", above=0)
    gap = 60 * settings.number("Haze.GapMinutes", above=0)
    source, melibea = dl3.only(ind / "dl3"), _melibea(ind / "melibea")
    with fits.open(source, memmap=False) as hdus:
        tables = {_kind(hdu): hdu for hdu in hdus[1:]}
        header = tables["EVENTS"].header
        name = f"{source.name} (run {int(header['OBS_ID']):08d})"
        if LIGHT in header:
            raise DataError(f"{name}: was corrected for haze before")
        reference = header["MJDREFI"] + header["MJDREFF"]
        found, showers = read_lidar(melibea, reference), read_showers(melibea, reference)
        parts = _parts(tables["GTI"].data, length)
        _measured(name, found, parts, gap)
        light = _events(name, tables["EVENTS"].data, found, showers)
        cosine = np.interp(parts.middle, showers.time, showers.cosine)
        threshold = _responses(name, tables, lambda energy: _light(found, parts, cosine, energy), parts.weight)
        said = _say(tables["EVENTS"].header, found, parts, light, threshold)
        hdus.writeto(out / source.name)
    yield f"run {int(header['OBS_ID']):08d}: {said}"


def _melibea(folder: Path) -> Path:
    paths = sorted(folder.glob("*.root"))
    if len(paths) != 1:
        raise DataError(f"{folder}: {len(paths)} files *.root, expected one")
    return paths[0]


def _kind(hdu: Any) -> str:
    return str(hdu.header.get("HDUCLAS4") or hdu.header.get("HDUCLAS1") or hdu.name).strip()


# --- melibea's file


def _read(path: Path, tree: str, names: list[str]) -> list[Any] | None:
    """Read branches of a tree; `None` where it or one of them is not there."""
    import uproot

    with uproot.open(path) as file:
        keys = {key.partition(";")[0] for key in file.keys(recursive=False)}
        if tree not in keys or any(name not in file[tree] for name in names):
            return None
        return [file[tree][name].array(library="np") for name in names]


def _times(name: str) -> list[str]:
    return [f"{name}.{each}" for each in ("fMjd", "fTime.fMilliSec", "fNanoSec")]


def _seconds(read: list[Any], reference: float) -> Array:
    mjd, milli, nano = read
    return np.asarray((mjd.astype(float) - reference) * 86400.0 + milli * 1e-3 + nano * 1e-9)


def read_lidar(path: Path, reference: float) -> Lidar:
    """Read the LIDAR's reports (``MReportLaser``), with times in seconds from an MJD.

    Raises
    ------
    DataError
        The file has none.
    """
    names = [f"MReportLaser.fTransmission{height:g}km" for height in NODES_KM]
    read = _read(path, "Laser", [*names, *_times("MTimeLaser")])
    if read is None:
        raise DataError(f"{path.name}: no reports of the LIDAR (tree Laser)", hint=_WITHOUT)
    cloud = _read(path, "Laser", ["MReportLaser.fCloudLayerAlt"])
    transmission = np.stack(read[:4], axis=1).astype(float)
    base = np.zeros(len(transmission)) if cloud is None else np.asarray(cloud[0], float)
    return lidar(_seconds(read[4:], reference), transmission, base)


_WITHOUT = "Without the LIDAR nothing is known of haze: name the run in data.exclude, or do not ask for [atmosphere]."


def read_showers(path: Path, reference: float) -> Showers:
    """Read number, time, shower maximum and zenith distance of the events, with times in seconds from an MJD."""
    names = ["MRawEvtHeader_1.fStereoEvtNumber", "MStereoPar.fMaxHeight", "MPointingPos_1.fZd", *_times("MTime_1")]
    read = _read(path, "Events", names)
    if read is None:
        raise DataError(f"{path.name}: no tree Events with {', '.join(names)}")
    number, height, zenith = read[:3]
    return Showers(
        number=number.astype(np.int64),
        time=_seconds(read[3:], reference),
        maximum=height.astype(float) * 1e-5,
        cosine=np.cos(np.radians(zenith.astype(float))),
    )


# --- the run's time


@dataclass(frozen=True)
class Parts:
    """Parts of a run: their middles (s), and their shares of its good time."""

    middle: Array
    weight: Array


def _parts(gti: Any, length: float) -> Parts:
    """Divide good time into parts of about a length (s)."""
    start, stop = np.asarray(gti["START"], float), np.asarray(gti["STOP"], float)
    edges = np.linspace(start.min(), stop.max(), max(1, round((stop.max() - start.min()) / length)) + 1)
    good = [np.clip(np.minimum(stop, high) - np.maximum(start, low), 0, None).sum() for low, high in pairwise(edges)]
    weight = np.array(good) / np.sum(good)
    return Parts(0.5 * (edges[:-1] + edges[1:])[weight > 0], weight[weight > 0])


def _measured(name: str, found: Lidar, parts: Parts, gap: float) -> None:
    """Say where the LIDAR did not measure during the run."""
    if not len(found.time):
        raise DataError(f"{name}: no report of the LIDAR has a measurement", hint=_WITHOUT)
    far = float(found.nearest(parts.middle).max())
    if far > gap:
        raise DataError(
            f"{name}: {far / 60:.0f} min from a moment of the run to the LIDAR's nearest measurement, at most "
            f"{gap / 60:g} min are allowed (Haze.GapMinutes)",
            hint=_WITHOUT,
        )


# --- what is corrected


def _events(name: str, events: Any, found: Lidar, showers: Showers) -> Array:
    """Correct the events' energies; give the share of the light that came through for each."""
    order = np.argsort(showers.number, kind="stable")
    number = np.asarray(events["EVENT_ID"], np.int64)
    place = order[np.clip(np.searchsorted(showers.number, number, sorter=order), 0, len(order) - 1)]
    time = np.asarray(events["TIME"], float)
    strange = (showers.number[place] != number) | (np.abs(showers.time[place] - time) > SAME_MOMENT_S)
    if np.any(strange):
        first = int(number[np.argmax(strange)])
        raise DataError(
            f"{name}: {int(strange.sum())} of {len(number)} events are not in melibea's file under the same number and "
            f"time, the first is event {first}",
            hint="Do the two files belong together?",
        )
    energy, cosine = np.asarray(events["ENERGY"], float), showers.cosine[place]
    low, high = SHOWERS_KM
    measured = (showers.maximum[place] > low) & (showers.maximum[place] < high)
    maximum = np.where(measured, showers.maximum[place], maximum_of(np.maximum(energy, 1e-3), cosine))
    light = found.light(time, maximum, cosine)
    events["ENERGY"] = (energy / light).astype(np.float32)
    return light


def _light(found: Lidar, parts: Parts, cosine: Array, energy: Array) -> Array:
    """Share of the light of mean showers of energies (TeV) that comes through: [parts, energies]."""
    n, m = len(parts.middle), len(energy)
    time, cos = np.repeat(parts.middle, m), np.repeat(cosine, m)
    return found.light(time, maximum_of(np.tile(energy, n), cos), cos).reshape(n, m)


def _centre(data: Any) -> Array:
    return np.sqrt(np.asarray(data["ENERG_LO"][0], float) * np.asarray(data["ENERG_HI"][0], float))


def _responses(name: str, tables: dict[str, Any], light: Any, weight: Array) -> tuple[float, float] | None:
    """Correct all responses; give the energy threshold (TeV) before and after, where the file has one."""
    known = {"EVENTS", "GTI", "AEFF_2D", "EDISP_2D", "RAD_MAX_2D", "PSF_TABLE", "BKG_2D"}
    if tables.keys() - known:
        raise DataError(f"{name}: cannot correct a table {sorted(tables.keys() - known)[0]} for haze")
    head, data = tables["AEFF_2D"].header, tables["AEFF_2D"].data
    area_centre, areas = _centre(data), np.asarray(data["EFFAREA"][0], float)
    data["EFFAREA"][0] = shifted.area(areas, area_centre, light(area_centre), weight)
    for kind, column, across in (("EDISP_2D", "MATRIX", 1), ("PSF_TABLE", "RPSF", 0)):
        if kind in tables:
            data = tables[kind].data
            centre, values = _centre(data), np.asarray(data[column][0], float)
            same = values.shape[1 - across] == len(areas)
            seen = np.expand_dims(areas, across) if same else areas.mean(axis=0)
            data[column][0] = shifted.density(values, centre, light(centre), weight, seen, area_centre)
    for kind, column, made in (("RAD_MAX_2D", "RAD_MAX", shifted.limit), ("BKG_2D", "BKG", shifted.rate)):
        if kind in tables:
            data = tables[kind].data
            centre = _centre(data)
            data[column][0] = made(np.asarray(data[column][0], float), centre, light(centre), weight)
    if "LO_THRES" not in head:
        return None
    before = float(head["LO_THRES"])
    after = before / float(weight @ light(np.array([before]))[:, 0])
    head["LO_THRES"] = after
    return before, after


def _say(header: Any, found: Lidar, parts: Parts, light: Array, threshold: tuple[float, float] | None) -> str:
    """Write into the header of EVENTS what was done, and tell it."""
    node = NODES_KM.index(9.0)
    at_9km = float(parts.weight @ np.interp(parts.middle, found.time, found.transmission[:, node]))
    factor = float(np.mean(1 / light)) if len(light) else 1.0
    header[LIGHT] = ("LIDAR", "energies and responses corrected for haze")
    for km, column in zip(NODES_KM, found.transmission.T, strict=True):
        mean = float(parts.weight @ np.interp(parts.middle, found.time, column))
        header[f"HAZET{km:g}"] = (mean, f"mean transmission of aerosols below {km:g} km")
    header["HAZET9MN"] = (float(found.transmission[:, node].min()), "the smallest one below 9 km")
    header["HAZEREP"] = (len(found.time), "reports of the LIDAR")
    header["HAZEBINS"] = (len(parts.middle), "parts of the run that were averaged")
    header["HAZEFAC"] = (factor, "mean factor on the events' energies")
    text = f"transmission {at_9km:.3f} below 9 km, energies times {factor:.3f}, {len(parts.middle)} parts"
    if threshold is not None:
        header["HAZETHR0"] = (threshold[0], "[TeV] energy threshold before correction")
        text += f", threshold {1000 * threshold[0]:.0f} to {1000 * threshold[1]:.0f} GeV"
    header["COMMENT"] = "Haze: hadronness cuts and RAD_MAX are of the energies before"
    return text
