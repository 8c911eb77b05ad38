"""Training samples: superstar files of gamma rays and of off data, read, selected and weighted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openmars.core import InputError
from openmars.models.features import BRANCHES

GAMMA_TRUTH = ("MMcEvt_1.fEnergy", "MSrcPosCam_1.fX", "MSrcPosCam_1.fY", "MSrcPosCam_2.fX", "MSrcPosCam_2.fY")
"""What is known of simulated gamma rays only."""

_TEST_HALF = re.compile(r"_2\.root$")
_TRAINING_HALF = re.compile(r"^GA_.*_1\.root$")
SIZE_BINS = np.linspace(1.5, 5.0, 15)


@dataclass(frozen=True)
class Selection:
    """Which events to train with.

    Attributes
    ----------
    min_size : float
        Both images must be larger, phe.
    max_leakage : float
        Of both images.
    zenith : tuple of float
        Range, deg.
    max_events : int
        Of what remains, so many, evenly spread over the files.
    """

    min_size: float
    max_leakage: float
    zenith: tuple[float, float]
    max_events: int

    def choose(self, events: dict[str, np.ndarray]) -> np.ndarray:
        """Give the indices of the events to use."""
        good = good_images(events, self.min_size)
        good &= np.maximum(events["MNewImagePar_1.fLeakage1"], events["MNewImagePar_2.fLeakage1"]) <= self.max_leakage
        zenith = events["MPointingPos_1.fZd"]
        good &= (zenith >= self.zenith[0]) & (zenith <= self.zenith[1])
        index = np.flatnonzero(good)
        if len(index) > self.max_events:
            index = index[np.linspace(0, len(index) - 1, self.max_events).astype(np.int64)]
        return index


def good_images(events: dict[str, np.ndarray], min_size: float) -> np.ndarray:
    """Tell which events have two images above a size (phe) and a stereo reconstruction."""
    return (
        (np.minimum(events["MHillas_1.fSize"], events["MHillas_2.fSize"]) > min_size)
        & (np.minimum(events["MHillas_1.fLength"], events["MHillas_2.fLength"]) > 0)
        & np.isfinite(events["MStereoPar.fDirectionX"] + events["MStereoPar.fDirectionY"])
        & (events["MStereoPar.fMaxHeight"] > 0)
    )


def refuse_test_half(paths: Iterable[Path]) -> None:
    """End when one of the files is of the half that is kept for testing."""
    for path in paths:
        if _TEST_HALF.search(path.name):
            raise InputError(f"{path}: the test half (_2); coach trains with the training half (_1)")


def is_training_half(path: Path) -> bool:
    """Tell from its name whether a file is the half of a Monte Carlo set that coach trains with.

    Examples
    --------
    >>> is_training_half(Path("GA_za05to35_S_w0_1.root")), is_training_half(Path("GA_za05to35_S_w0_2.root"))
    (True, False)
    """
    return bool(_TRAINING_HALF.search(path.name))


def read(paths: Iterable[Path], selection: Selection, gammas: bool, key: str) -> dict[str, np.ndarray]:
    """Read a training sample.

    Parameters
    ----------
    paths : iterable of Path
        Superstar files.
    selection : Selection
        Which events.
    gammas : bool
        Gamma rays of the Monte Carlo, with their truth; else off data.
    key : str
        Card key that named the files, for messages.

    Returns
    -------
    dict of ndarray
        Branches of the chosen events.

    Raises
    ------
    InputError
        When a file is not of this kind, or when too few events remain to learn from.
    """
    from openmars.io import open_root

    branches = [*BRANCHES, *(GAMMA_TRUTH if gammas else ())]
    parts = []
    for path in paths:
        file = open_root(path)
        if file.level() != "superstar":
            raise InputError(f"{path}: level {file.level()}; {key} takes superstar files (_S_)")
        if ("OriginalMC" in file.trees()) != gammas:
            raise InputError(f"{path}: {'data, expected' if gammas else 'Monte Carlo, expected data; see'} {key}"
                             f"{' to be Monte Carlo' if gammas else ''}")  # fmt: skip
        parts.append(file.read("Events", branches))
    events = {name: np.concatenate([part[name] for part in parts]) for name in branches}
    chosen = selection.choose(events)
    if len(chosen) < 100:
        raise InputError(
            f"{key}: {len(chosen)} of {len(events[branches[0]])} events are within zenith {selection.zenith[0]:g} to "
            f"{selection.zenith[1]:g} deg and the other cuts; at least 100 are needed to train"
        )
    return {name: values[chosen] for name, values in events.items()}


def balance(gammas: dict[str, np.ndarray], hadrons: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Weight both samples to the same distribution of size, so that size alone tells nothing.

    In each bin of the smaller size both get the same sum of weights, the geometric mean of their numbers; bins where
    one has next to nothing get none.

    Returns
    -------
    gamma, hadron : ndarray
        Weights of the events; each sums to the same.
    """
    sizes = [
        np.clip(np.log10(np.minimum(s["MHillas_1.fSize"], s["MHillas_2.fSize"])), SIZE_BINS[0], SIZE_BINS[-1] - 1e-6)
        for s in (gammas, hadrons)
    ]
    index = [np.digitize(size, SIZE_BINS) - 1 for size in sizes]
    counts = np.stack([np.bincount(i, minlength=len(SIZE_BINS) - 1) for i in index]).astype(float)
    wanted = np.sqrt(counts[0] * counts[1])
    factors = np.where(counts > 0, wanted / np.maximum(counts, 1), 0.0)
    # a handful of events must not stand for many: at most ten times their number
    factors = np.where(factors.max(axis=0) > 10, factors * 10 / np.maximum(factors.max(axis=0), 10), factors)
    gamma, hadron = (factor[i] for factor, i in zip(factors, index, strict=True))
    return gamma, hadron * gamma.sum() / hadron.sum()
