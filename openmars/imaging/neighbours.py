"""Next-neighbour cleaning: groups of pixels that noise makes, in charge and in time, more rarely than asked for.

The method is that of Shayduk et al. (arXiv:1307.4939): groups of 2, 3 and 4 touching pixels are kept where accidental
coincidences of noise of their charge within their time are rarer than a chosen rate of fake images. There (equation 2
and figure 2; Eventdisplay's VImageCleaning has the same) the rate of coincidences of N pixels above a charge q within
dt is ``C_N R(q)^N dt^(N-1)``, with the number of groups C_N and the rate R(q) of a single pixel, and the limit that
follows, dt as a function of q, is the line along which this rate is constant.

Here a readout of length T gives one charge and one time a pixel, so the same can be said without approximation. With
the probability P(q) that an empty pixel exceeds q, measured in noise (R = P/T), and times even over the readout,

    u = w (1 + L + … + L^(N-1)/(N-1)!)   with w = P(q_1) … P(q_N), L = -ln w: the probability that noise in N given
                                         pixels has a smaller product (Fisher, Statistical Methods, section 21.1)
    v = N x^(N-1) - (N-1) x^N            that N times lie within dt = x T (range of N even numbers: David & Nagaraja,
                                         Order Statistics, section 2.3); for short dt N (dt/T)^(N-1)

``C_N u v / T`` is the rate above, with all charges of the group instead of the lowest alone: u = P(q)^N for the
lowest keeps fewer gamma rays (docs/kinds/mataju.md has the figures). u and v of noise are independent and even from 0
to 1, so u v < p happens with probability ``p (1 + ln(V/v0))``, where v is at most V, that of the coincidence window,
and counts as v0, that of the resolution of times, where it is smaller. Thus

    p_N = s_N f / (C_N (1 + ln(V_N/v0_N)))

for f fake images a readout, of which N has the share s_N. A pixel at the edge touches a group. Noise puts it above q
within dt of the mean time of its neighbours in groups with probability ``P(q) 2 dt/T``; the same sum is held to the
chosen share of the pixels that are looked at.
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

SHARES = {2: 0.1, 3: 0.2, 4: 0.7}
"""Share of the fake images by size of the group, set where most gammas below 100 GeV are kept (our own)."""
FEWEST = 20_000
"""So many charges of empty pixels are needed to know their distribution."""
APART_NS, BRIGHT_PHE, MOST_EVENTS = 8.0, 20.0, 3000
"""Pixels further in time than this from those brighter than that have no light; so many events are enough."""


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

    fake_rate: float = 0.003
    edge_rate: float = 0.01
    window: float = 3.0
    resolution: float = 1.0
    clipping: float = 750.0

    def cuts(self, readout_ns: float) -> list[float]:
        """Logarithms of the probability below which groups of 2, 3, 4 pixels, and pixels at the edge, are real.

        Examples
        --------
        >>> [round(cut, 1) for cut in NextNeighbour().cuts(30.5)]
        [-16.8, -16.1, -15.6, -5.3]
        """
        out = []
        for size, groups in zip((2, 3, 4), group_tables(), strict=True):
            count = len(groups) // size
            low, high = (range_probability(ns / readout_ns, size) for ns in (self.resolution, self.window))
            out.append(math.log(SHARES[size] * self.fake_rate / (count * (1 + math.log(high / low)))))
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
                "CleanMethod NextNeighbour; give a longer file, or take Absolute"
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
    tables = zip((2, 3, 4), group_tables(), strict=True)
    groups = [part for size, table in tables for part in (table, len(table) // size)]
    load("openmars.imaging.kernel_nn", "process_nn")(
        *room.events, *camera(), *groups, settings, np.ascontiguousarray(noise.log_above), len(noise.log_above),
        *room.fits, *room.floats[:2], np.empty(N_PIXELS), np.empty(N_PIXELS), *room.bytes, *room.integers,
        *room.floats[2:], *room.results,
    )  # fmt: skip
    return room.images()


def noise_of(
    charge: np.ndarray, time: np.ndarray, empty: np.ndarray, bad: np.ndarray | None, slices: int, ns: float, where: str
) -> Noise:
    """Measure the noise of a file: in its pedestal events, or in pixels far in time from the light of showers.

    Monte Carlo has no pedestal events. What a pixel without light yields does not depend on its time, so the pixels
    of all events count whose time is further than `APART_NS` from that of most light.

    Parameters
    ----------
    charge, time
        Of all events, phe and slices, [n, at least 1039].
    empty
        Places of the events that are pedestals.
    bad
        Sets of bad pixels, which are left out.
    slices, ns
        Length of the readout, and slices per ns.
    where
        The file, for errors.
    """
    good = np.ones(N_PIXELS, bool) if bad is None else ~np.asarray(bad, bool).any(axis=0)
    pixels = np.flatnonzero(good)
    if len(empty) * len(pixels) >= FEWEST:
        return Noise.measure(charge[np.ix_(empty, pixels)], where)
    q, t = charge[:MOST_EVENTS, pixels], time[:MOST_EVENTS, pixels]
    middle = float(np.median(t[q > BRIGHT_PHE])) if np.any(q > BRIGHT_PHE) else slices / 2.0
    return Noise.measure(q[np.abs(t - middle) > APART_NS * ns], where)
