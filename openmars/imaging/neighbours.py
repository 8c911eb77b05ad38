"""Next-neighbour cleaning: groups of pixels that noise makes, in charge and in time, more rarely than asked for.

The method is that of Shayduk et al. (arXiv:1307.4939): groups of 2, 3 and 4 touching pixels are kept where accidental
coincidences of noise of their charge within their time are rarer than a chosen rate of fake images. There (equation 2
and figure 2; Eventdisplay's VImageCleaning has the same), the rate of coincidences of N pixels above a charge q within
dt is ``C_N R(q)^N dt^(N-1)`` with the number of groups C_N and the rate R(q) of a single pixel, and the limit that
follows, dt as a function of q, is the one along which this rate is constant.

Here a readout of length T gives one charge and one time a pixel, so that all can be said without approximation. With
the probability P(q) that an empty pixel exceeds q, measured in noise, and times that are even over the readout,

    u = P(q)^N                       for N given pixels to exceed the lowest charge q of the group
    v = N x^(N-1) - (N-1) x^N        for N times to lie within dt = x T (the range of N even numbers; David & Nagaraja,
                                     Order Statistics, section 2.3), for short dt that is N (dt/T)^(N-1)

With R = P/T, ``C_N u v / T`` is the rate above but for a factor N that depends on whether dt counts from the first
pixel or about each. u and v of noise are independent and even from 0 to 1, so noise of *any* charge and time has
u v < p with probability ``p (1 + ln(V/v0))``: v no larger than V, of the coincidence window, and counted as v0, that of
the resolution of times, where it is smaller. A rate along a line would leave out that sum over the line. Thus

    p_N = f / (3 C_N (1 + ln(V_N/v0_N)))

for f fake images a readout, of which each N has a third. A pixel at the edge touches a group, and noise puts it above
q within dt of the mean time of its neighbours in groups with probability ``P(q) 2 dt/T``; the same sum is held to
the chosen rate of fake pixels, per pixel that is looked at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from openmars.camera import N_PIXELS, NEIGHBOURS, PITCH_MM
from openmars.core.errors import InputError
from openmars.core.kernels import load
from openmars.imaging.images import Images, Room, camera, neighbour_groups

STEPS_PER_PHE = 20.0
TAIL = 100
"""So many largest charges of the noise set the slope of the tail beyond them."""
FEWEST = 20_000
"""So many charges of empty pixels are needed to know their distribution."""


@dataclass(frozen=True)
class NextNeighbour:
    """What the card asks of the cleaning.

    Attributes
    ----------
    fake_rate
        Images that noise may make, per readout of one camera.
    edge_rate
        Share of the pixels around groups that noise may add.
    window
        Longest spread of times in a group, ns.
    resolution
        Shorter spreads of times count as this, ns.
    clipping
        Most charge that a pixel counts in the parameters, phe.
    """

    fake_rate: float = 0.01
    edge_rate: float = 0.01
    window: float = 5.0
    resolution: float = 0.5
    clipping: float = 750.0

    def cuts(self, readout_ns: float) -> list[float]:
        """Logarithms of the probability below which groups of 2, 3, 4 pixels, and pixels at the edge, are real.

        Examples
        --------
        >>> [round(cut, 1) for cut in NextNeighbour().cuts(30.5)]
        [-14.9, -15.2, -16.3, -5.8]
        """
        out = []
        for size, groups in zip((2, 3, 4), group_tables(), strict=True):
            count = len(groups) // size
            low, high = (range_probability(ns / readout_ns, size) for ns in (self.resolution, self.window))
            out.append(math.log(self.fake_rate / (3 * count * (1 + math.log(high / low)))))
        return [*out, math.log(self.edge_rate / (1 + math.log(self.window / self.resolution)))]


def range_probability(share: float, size: int) -> float:
    """Probability that `size` even random numbers from 0 to 1 lie within `share` of one another.

    Examples
    --------
    >>> range_probability(1.0, 4), range_probability(0.5, 2)
    (1.0, 0.75)
    """
    return float(size * share ** (size - 1) - (size - 1) * share**size)


@lru_cache(maxsize=1)
def group_tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs, triangles and rhombs of touching pixels, flat."""
    pairs = [(p, int(q)) for p in range(N_PIXELS) for q in NEIGHBOURS[p] if q > p]
    triangles, _, rhombs, _ = neighbour_groups()
    return np.array(pairs, np.int32).ravel(), triangles, rhombs


@dataclass(frozen=True)
class Noise:
    """Distribution of the charges of empty pixels: logarithm of the probability to exceed a charge.

    Attributes
    ----------
    first
        Charge (phe) of the first value; the others follow in steps of 1/20 phe, and beyond the last it falls on.
    log_above
        The logarithms.
    """

    first: float
    log_above: np.ndarray

    @classmethod
    def measure(cls, charges: np.ndarray, where: str) -> Noise:
        """Make it of charges (phe) of pixels without light.

        The hundred largest set an exponential tail, the maximum-likelihood one.

        Parameters
        ----------
        charges
            Of any shape.
        where
            The file, for the error where there are too few.
        """
        q = np.sort(charges[np.isfinite(charges)].astype(float), axis=None)
        if len(q) < FEWEST:
            raise InputError(
                f"{where}: {len(q)} charges of pixels without light, {FEWEST} are needed to know the noise for "
                "MJStar.MImgCleanStd.CleanMethod NextNeighbour; give star all files of the run, or take Absolute"
            )
        start = q[-TAIL]
        slope = 1.0 / max(float(np.mean(q[-TAIL:] - start)), 1e-3)
        grid = np.arange(math.floor(q[0]), start + 2.0, 1.0 / STEPS_PER_PHE)
        above = len(q) - np.searchsorted(q, grid, side="right")
        log = np.log(np.maximum(above, 1) / len(q))
        tail = grid > start
        log[tail] = math.log(TAIL / len(q)) - slope * (grid[tail] - start)
        return cls(float(grid[0]), np.minimum.accumulate(log))

    def level(self, probability: float) -> float:
        """Charge (phe) that an empty pixel exceeds with a probability."""
        grid = self.first + np.arange(len(self.log_above)) / STEPS_PER_PHE
        return float(np.interp(-math.log(probability), -self.log_above, grid))


def describe_with_neighbours(
    charge: np.ndarray,
    time: np.ndarray,
    method: NextNeighbour,
    noise: Noise,
    samples_per_ns: float,
    slices: int,
    rows: np.ndarray | None = None,
    bad: np.ndarray | None = None,
    bad_set: np.ndarray | None = None,
    keep_masks: bool = False,
) -> Images:
    """Clean images with groups of next neighbours and compute their parameters.

    Parameters are those of `openmars.imaging.images.describe_images`, and the noise, and how many slices a readout has.
    """
    length = slices / samples_per_ns
    room = Room(charge, time, rows, bad, bad_set, keep_masks)
    settings = np.array([
        method.window / length, method.resolution / length, length, samples_per_ns, method.clipping, PITCH_MM / 1000.0,
        noise.first, STEPS_PER_PHE, *method.cuts(length),
    ])  # fmt: skip
    groups = [part for size, table in zip((2, 3, 4), group_tables(), strict=True) for part in (table, len(table) // size)]
    load("openmars.imaging.kernel_nn", "process_nn")(
        *room.events, *camera(), *groups, settings, np.ascontiguousarray(noise.log_above), len(noise.log_above),
        *room.fits, *room.floats[:2], np.empty(N_PIXELS), np.empty(N_PIXELS), *room.bytes, *room.integers,
        *room.floats[2:], *room.results,
    )  # fmt: skip
    return room.images()
