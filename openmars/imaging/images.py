"""Images cleaned and described: the compiled functions with what they need around them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from openmars.camera import N_PIXELS, NEIGHBOURS, PITCH_MM, PIX_X_MM, PIX_Y_MM, outer_pixels
from openmars.core.kernels import load

COLUMNS = (
    "size", "mean_x", "mean_y", "length", "width", "delta", "m3_long", "m3_trans", "asymmetry",
    "slope", "intercept", "deviation", "leakage1", "leakage2", "n_used", "n_core", "n_islands",
    "conc1", "conc", "conc_cog", "conc_core", "size_main", "size_sub", "n_single", "size_single",
    "time_spread", "time_spread_weighted", "slope_long", "slope_trans", "time",
)  # fmt: skip
"""What is known of an image; lengths in m, angles in rad, times in ns, slopes in ns/m, light in phe."""

DESCRIBED, NOTHING_SURVIVED, NEGATIVE_CHARGE, NO_TIMES = range(4)
"""Status of an image."""


@dataclass(frozen=True)
class CleaningLevels:
    """The sum cleaning of MAGIC; times in ns.

    The defaults are the values that magic-cta-pipe 0.6.2 gives for the card ``star_MX_OSA.rc``.
    """

    picture: float = 6.0
    boundary: float = 3.5
    max_time_off: float = 4.5
    max_time_diff: float = 1.5
    threshold_2nn: float = 1.8
    threshold_3nn: float = 1.3
    threshold_4nn: float = 1.0
    window_2nn: float = 0.82 / 1.639
    window_3nn: float = 1.15 / 1.639
    window_4nn: float = 1.80 / 1.639
    clipping: float = 750.0

    def numbers(self, samples_per_ns: float) -> np.ndarray:
        """The values in the order of the compiled function."""
        return np.array([
            self.picture, self.boundary, self.max_time_off, self.max_time_diff,
            self.threshold_2nn, self.threshold_3nn, self.threshold_4nn,
            self.window_2nn, self.window_3nn, self.window_4nn,
            self.clipping, samples_per_ns, PITCH_MM / 1000.0,
        ])  # fmt: skip


@dataclass(frozen=True)
class Images:
    """Images of many events: `values` float64 [n, len(COLUMNS)], `status` int8 [n], `masks` bool [n, 1039]."""

    values: np.ndarray
    status: np.ndarray
    masks: np.ndarray | None

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[:, COLUMNS.index(name)]


@lru_cache(maxsize=1)
def neighbour_groups() -> tuple[np.ndarray, ...]:
    """Triangles and rhombs of neighbouring pixels, with the place where the groups of a first pixel start.

    A group is wanted from the view of one of its pixels that has as many neighbours as the group has pixels; a
    triangle only counts if two of its pixels have a further common neighbour, as in magic-cta-pipe.
    """
    around = [{int(q) for q in row if q >= 0} for row in NEIGHBOURS]
    triangles, rhombs = [], []
    for p, near in enumerate(around):
        for q in sorted(q for q in near if q > p):
            common = sorted(near & around[q])
            triangles += [(p, q, r) for r in common if r > q and _closed(around, p, q, r)]
            if len(common) == 2 and max(len(near), len(around[q])) >= 4:
                rhombs.append(tuple(sorted((p, q, *common))))
    out: list[np.ndarray] = []
    for groups in (triangles, rhombs):
        table = np.array(sorted(groups), np.int32)
        starts = np.searchsorted(table[:, 0], np.arange(N_PIXELS + 1)).astype(np.int32)
        out += [table.ravel(), starts]
    return tuple(out)


def _closed(around: list[set[int]], p: int, q: int, r: int) -> bool:
    views = ((p, q, r), (q, p, r), (r, p, q))
    return any(len(around[a]) >= 3 and len(around[b] & around[c]) == 2 for a, b, c in views)


@lru_cache(maxsize=1)
def camera() -> tuple[np.ndarray, ...]:
    """Neighbours, places (m) and rings at the edge, as the compiled functions take them."""
    edge = (outer_pixels(2).astype(np.uint8) * 2 - outer_pixels(1)).astype(np.uint8)
    return np.ascontiguousarray(NEIGHBOURS, np.int32).ravel(), PIX_X_MM / 1000.0, PIX_Y_MM / 1000.0, edge


@lru_cache(maxsize=1)
def _random_words() -> np.ndarray:
    """The first 32-bit numbers of NumPy's ``RandomState(0)``: starts of the fits of the times."""
    return np.random.RandomState(0).randint(0, 2**32, 20000, np.uint32).astype(np.int64)


def describe_images(
    charge: np.ndarray,
    time: np.ndarray,
    levels: CleaningLevels,
    samples_per_ns: float,
    rows: np.ndarray | None = None,
    bad: np.ndarray | None = None,
    bad_set: np.ndarray | None = None,
    keep_masks: bool = False,
) -> Images:
    """Clean images and compute their parameters.

    Parameters
    ----------
    charge, time : float32 array [n, at least 1039]
        Charges in phe and arrival times in slices, C-contiguous.
    levels : CleaningLevels
        What survives.
    samples_per_ns : float
        Slices per ns.
    rows : int array [n], optional
        Which entries of `charge` and `time` to take, all by default; saves their copy.
    bad : bool array [k, 1039], optional
        Sets of pixels whose content is replaced by that of their neighbours.
    bad_set : int array [n], optional
        Which set holds for each event; by default the first.
    keep_masks : bool
        Give the surviving pixels as well.
    """
    room = Room(charge, time, rows, bad, bad_set, keep_masks)
    numbers = levels.numbers(samples_per_ns)
    load("openmars.imaging.kernel", "process")(
        *room.events, *camera(), *neighbour_groups(), numbers, *room.fits,
        *room.floats[:2], *room.bytes, *room.integers, *room.floats[2:], *room.results,
    )  # fmt: skip
    return room.images()


class Room:
    """Arguments that the compiled cleanings share, and what they fill; the arguments of `describe_images`."""

    def __init__(
        self,
        charge: np.ndarray,
        time: np.ndarray,
        rows: np.ndarray | None,
        bad: np.ndarray | None,
        bad_set: np.ndarray | None,
        keep_masks: bool,
    ) -> None:
        chosen = np.arange(len(charge), dtype=np.int32) if rows is None else np.asarray(rows, np.int32)
        n = len(chosen)
        bads = np.zeros((1, N_PIXELS), np.uint8) if bad is None else np.ascontiguousarray(bad, np.uint8)
        sets = np.zeros(n, np.int32) if bad_set is None else np.ascontiguousarray(bad_set, np.int32)
        any_bad = np.any(bads, axis=1).astype(np.uint8)
        self.events = (charge, time, chosen, n, charge.shape[1], bads.ravel(), sets, any_bad)
        self.fits = (_random_words(), np.full(2 * 5 * (N_PIXELS + 1), -1, np.int32))
        self.floats = [np.empty(N_PIXELS + 1) for _ in range(6)]
        self.bytes = [np.zeros(N_PIXELS, np.uint8) for _ in range(3)]
        self.integers = [np.zeros(N_PIXELS + 1, np.int32) for _ in range(3)]
        self._values, self._status = np.empty((n, len(COLUMNS))), np.empty(n, np.int8)
        self._masks = np.zeros((n if keep_masks else 1, N_PIXELS), np.uint8)
        self._keep = keep_masks
        self.results = (self._values.ravel(), self._status, self._masks.ravel(), int(keep_masks))

    def images(self) -> Images:
        """What was filled."""
        return Images(self._values, self._status, self._masks.astype(bool) if self._keep else None)
