"""Raw files as sorcerer wants them: of the right kind, of one telescope and one night."""

from __future__ import annotations

from pathlib import Path

from openmars.calib.extraction import Extractor
from openmars.core.errors import InputError
from openmars.io import headers
from openmars.io.raw import RawReader

CHUNK = 128
"""Events read at a time: 13 MB of samples."""
KINDS = {"P": ("pedestal", headers.RUN_TYPE_PEDESTAL), "C": ("calibration", headers.RUN_TYPE_CALIBRATION),
         "D": ("data", headers.RUN_TYPE_DATA)}  # fmt: skip


def open_files(paths: list[Path], tag: str, extractor: Extractor) -> list[RawReader]:
    """Open raw files of one run and telescope.

    Parameters
    ----------
    paths
        The files.
    tag
        ``P``, ``C`` or ``D``: of what kind their names and headers must say they are.
    extractor
        Must fit into their readout.

    Raises
    ------
    InputError
        If one cannot be read or does not belong.
    """
    files = [_open(path, tag, extractor) for path in paths]
    first = files[0].info
    for file in files:
        same = (file.info.run, file.info.telescope) == (first.run, first.telescope)
        if not same:
            raise InputError(
                f"{file.path}: run {file.info.run} of M{file.info.telescope}, {paths[0].name} is run {first.run} of "
                f"M{first.telescope}; sorcerer takes one run of one telescope"
            )
    return files


def _open(path: Path, tag: str, extractor: Extractor) -> RawReader:
    kind, run_type = KINDS[tag]
    if f"_{tag}_" not in path.name:
        raise InputError(f"{path}: a raw {kind} file has _{tag}_ in its name")
    file = RawReader(path)
    if file.info.is_mc or file.info.run_type != run_type:
        raise InputError(f"{path}: its header does not say that it is a {kind} run ({run_type})")
    if file.info.telescope not in (1, 2):
        raise InputError(f"{path}: the header says telescope {file.info.telescope}; expected 1 or 2")
    if not extractor.fits(file.info.n_samples):
        raise InputError(f"{path}: {file.info.n_samples} slices; the windows on the card do not fit into them")
    return file


def check_together(pedestal: RawReader, calibration: RawReader) -> None:
    """Make sure that both runs are of one telescope and night; InputError otherwise."""
    a, b = pedestal.info, calibration.info
    if a.telescope != b.telescope:
        raise InputError(f"{calibration.path}: of M{b.telescope}, the pedestals {pedestal.path.name} of M{a.telescope}")
    if a.day != b.day:
        raise InputError(
            f"{calibration.path}: of the night MJD {b.day}, the pedestals {pedestal.path.name} of {a.day}; "
            "take a pedestal run of the same night"
        )
