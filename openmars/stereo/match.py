"""Star files of both telescopes, brought together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from openmars.core.errors import InputError
from openmars.io import Jagged, open_root

MC_RUN_TYPE = 256
_TELESCOPE = re.compile(r"_M[12]_")


@dataclass(frozen=True)
class Pair:
    """Star files of the same run and subrun (or the same MC file) of M1 and M2."""

    first: Path
    second: Path


@dataclass
class Trees:
    """Trees of the star files of one telescope, joined: branch arrays by tree."""

    columns: dict[str, dict[str, Any]]

    def add(self, name: str, columns: dict[str, Any]) -> None:
        """Append entries to a tree; a tree has the branches that all its parts have."""
        old = self.columns.get(name)
        if old is None:
            self.columns[name] = columns
        else:
            common = [key for key in old if key in columns]
            self.columns[name] = {key: np.concatenate([old[key], columns[key]]) for key in common}


def pair_files(first: list[Path], second: list[Path]) -> list[Pair]:
    """Pair the files of M1 and M2 by their names; what has no partner is left out.

    Raises
    ------
    InputError
        If a name has no telescope in it, or nothing pairs.
    """
    keys: list[dict[str, Path]] = []
    for telescope, paths in ((1, first), (2, second)):
        for path in paths:
            if f"_M{telescope}_" not in path.name:
                raise InputError(f"{path}: expected a star file of M{telescope}, with _M{telescope}_ in its name")
        keys.append({_TELESCOPE.sub("_", path.name, count=1): path for path in paths})
    common = sorted(keys[0].keys() & keys[1].keys())
    if not common:
        raise InputError(
            f"{first[0].name} … and {second[0].name} …: no file of one telescope has a partner of the other"
        )
    return [Pair(keys[0][name], keys[1][name]) for name in common]


def check_level(path: Path, telescope: int, is_mc: bool) -> int:
    """Check level, telescope and kind of a star file; gives its run number."""
    file = open_root(path)
    if (level := file.level()) != "star":
        raise InputError(f"{path}: it is a {level} file; superstar takes star files (_I_)")
    names = [f"MRawRunHeader.{name}" for name in ("fTelescopeNumber", "fRunType", "fRunNumber")]
    found, kind, run = (int(values[0]) for values in file.read("RunHeaders", names).values())
    if found != telescope:
        raise InputError(f"{path}: the header says M{found}, it was given as M{telescope}")
    if (kind == MC_RUN_TYPE) != is_mc:
        say = "Monte Carlo; give -mc" if kind == MC_RUN_TYPE else "data; leave out -mc"
        raise InputError(f"{path}: the header says it is {say}")
    return run


def common_events(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places, in both, of the events whose numbers both telescopes have, by ascending number.

    Zero is no number: such events were seen by one telescope alone. A number that comes twice in one telescope
    tells nothing and is left out.

    >>> common_events(np.array([5, 0, 7, 9, 9]), np.array([0, 9, 7, 5]))
    (array([0, 2]), array([3, 2]))
    """
    places = []
    for numbers in (first, second):
        values, place, count = np.unique(numbers, return_index=True, return_counts=True)
        once = (count == 1) & (values != 0)
        places.append((values[once], place[once]))
    _, a, b = np.intersect1d(places[0][0], places[1][0], assume_unique=True, return_indices=True)
    return places[0][1][a], places[1][1][b]


def suffixed(columns: dict[str, Any], telescope: int, keep: tuple[str, ...] = ()) -> dict[str, Any]:
    """Name the containers of one telescope: ``MHillas.fSize`` becomes ``MHillas_1.fSize``.

    >>> list(suffixed({"MHillas.fSize": 1, "UprootImageOrig": 2, "MMcCorsikaRunHeader.fNumCT": 3}, 2,
    ...               ("MMcCorsikaRunHeader",)))
    ['MHillas_2.fSize', 'UprootImageOrig_2', 'MMcCorsikaRunHeader.fNumCT']
    """
    out = {}
    for name, values in columns.items():
        container, dot, member = name.partition(".")
        new = name if container in keep else f"{container}_{telescope}{dot}{member}"
        if not isinstance(values, Jagged):
            out[new] = values
    return out
