"""What is inside a file, as one row of the index: ROOT files by uproot, DL3 by astropy.

Branches are those that public readers of MAGIC files look up (ctapipe_io_magic). Two are inferred: the name of the
loaded high voltages is taken from the public fork's ``MCameraHV.fFileName``, where "red" in it is the reduced
setting; and MAGIC's table names of the coincidence trigger tell standard from Sum-Trigger data.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from automagic.index.light import track_text
from automagic.mjd import moment

DARK_DC_NA = 1100.0
"""Median anode current (nA) of a dark night at nominal high voltage: recollected, not published."""

REDUCED_GAIN = 1.7
"""Factor by which reduced high voltage lowers the gain (Ahnen et al. 2017, arXiv:1704.00906)."""

DARK_PHE_PER_NS = 0.13
"""Night-sky background of Monte Carlo for a dark night, photo-electrons/ns: that of openmars; MAGIC's is inferred."""

MAX_ZENITH = 100.0

Row = dict[str, Any]


def read_inside(path: str, level: str, is_mc: bool) -> Row:
    """Read what the index wants to know of a file.

    Returns
    -------
    dict
        Columns of ``headers`` that the file tells, or ``error`` alone where it cannot be read.
    """
    try:
        if level == "report":
            from automagic.index.reports import read_report

            return read_report(path)
        return _dl3(path) if level == "dl3" else _root(path, level, is_mc)
    except Exception as error:  # uproot and astropy raise many kinds for a file that is none
        words = " ".join(str(error).split())[:200]
        return {"error": f"{type(error).__name__}: {words}" if words else type(error).__name__}


def night_sky(dc_na: float | None, hv: str | None) -> float | None:
    """Return the night-sky background in units of a dark night's, from the median current.

    It is the current over a dark night's; reduced high voltage lowers currents by the gain.

    Examples
    --------
    >>> night_sky(2200.0, "nominal"), night_sky(2200.0, "reduced")
    (2.0, 3.4)
    """
    if dc_na is None:
        return None
    return round(dc_na / DARK_DC_NA * (REDUCED_GAIN if hv == "reduced" else 1.0), 4)


def current(nsb: float | None, hv: str | None) -> float | None:
    """Return the median current (nA) under a night-sky background: the other way round.

    Examples
    --------
    >>> current(2.0, "nominal"), current(3.4, "reduced"), current(None, None)
    (2200.0, 2200.0, None)
    """
    return None if nsb is None else round(DARK_DC_NA * nsb / (REDUCED_GAIN if hv == "reduced" else 1.0), 1)


def hv_setting(file: str | None) -> str | None:
    """Return the setting that a file of high voltages stands for: ``"nominal"``, ``"reduced"`` or unknown.

    Examples
    --------
    >>> hv_setting("HVSettings_redHV"), hv_setting("nominal"), hv_setting("flatfield_2013")
    ('reduced', 'nominal', None)
    """
    low = (file or "").lower()
    return "reduced" if "red" in low else "nominal" if "nom" in low or "standard" in low else None


def trigger_kind(table: str | None) -> str | None:
    """Return the kind of trigger that a table of the coincidence trigger stands for.

    Examples
    --------
    >>> trigger_kind("L3T_L1L1_100_SYNC"), trigger_kind("L3T_SUMSUM_100_SYNC")
    ('standard', 'sumt')
    """
    if table is None:
        return None
    return "sumt" if "SUMSUM" in table else "standard" if "L1L1" in table else None


def azimuth_middle(values: Any) -> float | None:
    """Return the middle of azimuths (deg) that may pass through north.

    Examples
    --------
    >>> round(azimuth_middle([350.0, 20.0]), 6)
    5.0
    """
    values = [math.radians(float(value)) for value in values if math.isfinite(float(value))]
    if not values:
        return None
    x, y = sum(map(math.cos, values)), sum(map(math.sin, values))
    return math.degrees(math.atan2(y, x)) % 360


def utc(mjd: float) -> str | None:
    """Return a modified Julian date as text, ``2013-10-05T04:00:00Z``; `None` where it is no time of MAGIC."""
    if not 52000 < mjd < 100000:
        return None
    return (moment(mjd) + timedelta(seconds=0.5)).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Tree:
    """Branches of a tree by the end of their names, whatever container they are in; empty where there is no tree."""

    def __init__(self, file: Any, name: str) -> None:
        self.tree = file.get(name)
        keys = [] if self.tree is None else self.tree.keys(recursive=True)
        self.names: dict[str, str] = {}
        for key in keys:
            self.names.setdefault(key.rpartition("/")[2].partition("[")[0].partition(".")[2], key)

    def values(self, member: str) -> list[Any]:
        """All values of a branch that are sound: finite numbers, or texts."""
        if self.tree is None or member not in self.names:
            return []
        found = self.tree[self.names[member]].array(library="np").tolist()
        return [v for v in found if not isinstance(v, float) or math.isfinite(v)]

    def time(self, member: str, pick: Any = min) -> float | None:
        """A time (MTime) as modified Julian date."""
        parts = [self.values(f"{member}.{part}") for part in ("fMjd", "fTime.fMilliSec", "fNanoSec")]
        if not all(parts):
            return None
        return pick(day + milli / 86_400_000 + nano / 86_400e9 for day, milli, nano in zip(*parts, strict=True))

    def moments(self) -> list[float]:
        """The time of each entry (the tree's own MTime) as modified Julian date; empty where it has none."""
        parts = [self.values(part) for part in ("fMjd", "fTime.fMilliSec", "fNanoSec")]
        if len({len(each) for each in parts}) != 1:
            return []
        return [day + milli / 86_400_000 + nano / 86_400e9 for day, milli, nano in zip(*parts, strict=True)]


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _median(values: list[float]) -> float | None:
    values = sorted(values)
    middle = len(values) // 2
    if not values:
        return None
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def _root(path: str, level: str, is_mc: bool) -> Row:
    import uproot

    with uproot.open(path) as file:
        if "RunHeaders" not in file:
            return {"error": "it has no tree RunHeaders"}
        head = _Tree(file, "RunHeaders")
        row: Row = {"mars_version": _version(_Tree(file, "RunTails"))}
        row["events"] = int(file["Events"].num_entries) if "Events" in file else 0
        if is_mc:
            return row | _monte_carlo(file, head)
        numbers = head.values("fRunNumber")
        row["run_inside"] = int(numbers[0]) if numbers else None
        row |= _position(head) | _times(head)
        if level in ("raw", "pedestal", "calibration"):
            return row
        return row | _reports(file)


def _position(head: _Tree) -> Row:
    ra, dec = head.values("fSourceRA"), head.values("fSourceDEC")
    if not ra or not dec or (ra[0], dec[0]) == (0, 0):
        return {}
    degrees = ra[0] / 3600 * 15, dec[0] / 3600
    return {"ra": degrees[0], "dec": degrees[1]} if 0 <= degrees[0] < 360 and abs(degrees[1]) <= 90 else {}


def _times(head: _Tree) -> Row:
    start, stop = head.time("fRunStart"), head.time("fRunStop", max)
    if start is None or stop is None or utc(start) is None or not start < stop:
        return {}
    return {"start": utc(start), "stop": utc(stop), "seconds": round((stop - start) * 86400, 3)}


def _reports(file: Any) -> Row:
    drive, laser, trigger = _Tree(file, "Drive"), _Tree(file, "Laser"), _Tree(file, "Trigger")
    camera, pyrometer, l3 = _Tree(file, "Camera"), _Tree(file, "Pyrometer"), _Tree(file, "L3T")
    tables = [str(each) for each in l3.values("fTablename")]
    files = [str(each) for each in camera.values("fFileName")]
    track = track_text(camera.moments(), camera.values("fMedianDC"))
    return {"dc_track": track} | conditions(
        drive.values("fCurrentZd"),
        drive.values("fCurrentAz"),
        camera.values("fMedianDC"),
        laser.values("fTransmission9km"),
        pyrometer.values("fCloudiness"),
        trigger.values("fL3Rate"),
        tables,
        files,
    )


def conditions(
    zenith: list[float],
    azimuth: list[float],
    dc_na: list[float],
    transmission: list[float],
    cloudiness: list[float],
    rate: list[float],
    tables: list[str],
    hv_files: list[str],
) -> Row:
    """Sum up reports: the same from a calibrated file's trees and from the text of the central control."""
    zenith = [z for z in zenith if 0 <= z <= MAX_ZENITH]
    transmission = [t for t in transmission if t > 0]  # 0: the lidar did not measure
    row: Row = {
        "zenith_min": min(zenith, default=None),
        "zenith_max": max(zenith, default=None),
        "azimuth": azimuth_middle(azimuth),
        "dc_na": _median(dc_na),
        "transmission": min(transmission, default=None),
        "transmission_mean": _mean(transmission),
        "cloudiness": _mean(cloudiness),
        "rate": _mean(rate),
        "trigger_table": tables[0] if tables else None,
        "hv_file": hv_files[0] if hv_files else None,
    }
    row["trigger"] = trigger_kind(row["trigger_table"])
    row["hv"] = hv_setting(row["hv_file"])
    row["nsb"] = night_sky(row["dc_na"], row["hv"])
    return row


def _monte_carlo(file: Any, head: _Tree) -> Row:
    row: Row = {}
    low, high = head.values("fShowerThetaMin"), head.values("fShowerThetaMax")
    if low and high:
        row |= {"zenith_min": float(min(low)), "zenith_max": float(max(high))}
    background = head.values("fNumPheFromDNSB")
    if background and background[0] > 0:
        row["nsb"] = round(background[0] / DARK_PHE_PER_NS, 3)
    events = _Tree(file, "Events")
    if events.tree is not None and "fPrescaled" in events.names:
        # in Monte Carlo bit 1 is the standard and 32 the Sum trigger (ctapipe_io_magic)
        patterns = set(events.tree[events.names["fPrescaled"]].array(library="np", entry_stop=100).tolist())
        row["trigger"] = "sumt" if 32 in patterns else "standard" if 1 in patterns else None
    return row


def _version(tails: _Tree) -> str | None:
    codes = tails.values("fMARSVersionCode")
    if not codes:
        return None
    code = int(codes[-1])
    return f"{code >> 16}.{code >> 8 & 255}.{code & 255}"


def _dl3(path: str) -> Row:
    from astropy.io import fits

    with fits.open(path, memmap=False, lazy_load_hdus=True) as file:
        header = file["EVENTS"].header
    row: Row = {"events": int(header["NAXIS2"])}
    for name, key in (("ra", "RA_OBJ"), ("dec", "DEC_OBJ"), ("azimuth", "AZ_PNT")):
        if isinstance(header.get(key), int | float):
            row[name] = float(header[key])
    zenith = header.get("ZD_PNT", 90.0 - header["ALT_PNT"] if "ALT_PNT" in header else None)
    row["zenith_min"] = row["zenith_max"] = zenith
    reference = header.get("MJDREFI", 0) + header.get("MJDREFF", 0.0)
    if {"TSTART", "TSTOP"} <= set(header) and str(header.get("TIMESYS", "UTC")).upper() == "UTC":
        row["start"], row["stop"] = (utc(reference + header[key] / 86400) for key in ("TSTART", "TSTOP"))
    row["seconds"] = header.get("LIVETIME", header.get("ONTIME"))
    row["mars_version"] = str(header["VERSION"]) if "VERSION" in header else None
    return row
