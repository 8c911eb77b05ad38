"""Published MAGIC data: fetched once, checked by SHA-256, never part of the project."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from automagic.errors import UserError

SETS = {
    "magic-rad-max": (
        "https://raw.githubusercontent.com/gammapy/gammapy-data/main/magic/rad_max/data/",
        {
            "20131004_05029747_DL3_CrabNebula-W0.40+035.fits": (
                "cfb04c6f25b3a59ba6dc01d3464defc826f9d75057dcbf7d346eb56e88f18c7f"
            ),
            "20131004_05029748_DL3_CrabNebula-W0.40+215.fits": (
                "0887e60abc03efaa467d0e972c6fa84be9c3446228153f2566faa56fcedb9b6e"
            ),
        },
    )
}
"""Address and SHA-256 by file name. ``magic-rad-max``: two runs of the Crab Nebula in Gammapy's data
repository, CC BY-NC-SA 4.0, Gammapy Coordination Committee."""


def fetch(name: str) -> list[Path]:
    """Return the files of a published set on this machine.

    They are taken from the folder that ``AUTOMAGIC_DATA`` names where they are there, else from the cache,
    else fetched into it.

    Parameters
    ----------
    name
        A key of `SETS`.

    Raises
    ------
    UserError
        Where a file cannot be had, or is not the published one.
    """
    base, hashes = SETS[name]
    given = os.environ.get("AUTOMAGIC_DATA")
    paths = []
    for file, sha256 in hashes.items():
        local = None if given is None else Path(given) / file
        if local is not None and local.is_file():
            _check(local, sha256)
            paths.append(local.resolve())
        else:
            paths.append(_download(name, base, file, sha256))
    return paths


def _check(path: Path, sha256: str) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise UserError(
            f"{path} is not the published file: its SHA-256 is {found}, not {sha256}",
            hint="Remove it, or point AUTOMAGIC_DATA elsewhere.",
        )


def _download(name: str, base: str, file: str, sha256: str) -> Path:
    import pooch

    folder = Path(os.environ.get("AUTOMAGIC_CACHE") or pooch.os_cache("automagic")) / name
    try:
        return Path(pooch.retrieve(base + file, f"sha256:{sha256}", fname=file, path=folder)).resolve()
    except (OSError, ValueError) as error:  # requests' errors are OSErrors; ValueError: another SHA-256
        raise UserError(
            f"{file} could not be fetched from {base}: {error}",
            hint="With a copy at hand, name its folder in the environment variable AUTOMAGIC_DATA.",
        ) from None
