"""The zenith range of a run in storage, from what its files hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from automagic.index.runs import DataFile

_CURRENT = "MReportDrive.fCurrentZd"


def zenith_range(files: tuple[DataFile, ...]) -> tuple[float, float] | None:
    """Return smallest and largest zenith distance in degrees.

    From the ``Drive`` trees of ROOT files or the headers of DL3; only the first and the last file are opened.
    `None` where they do not tell: a file that cannot be read is its task's matter, not the selection's.
    """
    paths = [file.path for file in files if file.path is not None]
    if not paths:
        return None
    values: list[float] = []
    for path in dict.fromkeys((paths[0], paths[-1])):
        values += _dl3(str(path)) if path.suffix == ".fits" else _drive(str(path))
    return (round(min(values), 2), round(max(values), 2)) if values else None


def _drive(path: str) -> list[float]:
    import uproot

    try:
        with uproot.open(path) as file:
            tree = file["Drive"]
            branch = next((b for b in tree.keys(recursive=True) if b.endswith("fCurrentZd")), _CURRENT)
            return [float(z) for z in tree[branch].array(library="np") if 0 <= z <= 90]
    except Exception:  # uproot raises many kinds for a file that is none; the job's check names what is wrong
        return []


def _dl3(path: str) -> list[float]:
    from astropy.io import fits

    try:
        header = fits.getheader(path, "EVENTS")
        return [float(header["ZD_PNT"])] if "ZD_PNT" in header else [90.0 - float(header["ALT_PNT"])]
    except (OSError, KeyError, ValueError):
        return []
