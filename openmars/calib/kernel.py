# mypy: disable-error-code="no-untyped-def"
"""What is done with every sample, compiled. Samples are words of the readout, [events, pixels, slices]."""

import math

import numpy as np
from numba import njit

from openmars.core.kernels import PLAIN, kernel

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_R30, _R27, _R31, _R33 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(33)
_QUARTILES_IN_SIGMA = 1.3489795
_ROUNDS = 3


@njit(**PLAIN)
def scramble(key):
    """A number of 31 random bits for a key (the output function of splitmix64)."""
    z = np.uint64(key) * _STEP + _STEP
    z = (z ^ (z >> _R30)) * _MIX1
    z = (z ^ (z >> _R27)) * _MIX2
    return np.int64((z ^ (z >> _R31)) >> _R33)


@njit(**PLAIN)
def quantile(bins, low, high, wanted):
    """Value below which `wanted` of the counts lie; counts are spread evenly over their bin."""
    below = 0.0
    for word in range(low, high + 1):
        if bins[word] > 0 and below + bins[word] >= wanted:
            return word - 0.5 + (wanted - below) / bins[word]
        below += bins[word]
    return float(high)


@kernel("u2* i8 i8 i8 f8 i8* f8* f8*")
def baselines(samples, events, pixels, slices, clip, bins, mean, sigma):
    """Mean and standard deviation of the samples of each pixel that are within `clip` of the latter from the former.

    It starts from median and quartiles, so that light in the samples does not count. `bins` is room for 65536 counts.
    """
    for p in range(pixels):
        low, high = np.int64(65535), np.int64(0)
        for e in range(events):
            o = (e * pixels + p) * slices
            for k in range(slices):
                word = np.int64(samples[o + k])
                if word < low:
                    low = word
                if word > high:
                    high = word
        for value in range(low, high + 1):
            bins[value] = 0
        for e in range(events):
            o = (e * pixels + p) * slices
            for k in range(slices):
                bins[np.int64(samples[o + k])] += 1
        n = 1.0 * events * slices
        middle = quantile(bins, low, high, 0.5 * n)
        width = (quantile(bins, low, high, 0.75 * n) - quantile(bins, low, high, 0.25 * n)) / _QUARTILES_IN_SIGMA
        for _ in range(_ROUNDS):
            reach = clip * max(width, 0.5)
            first = np.int64(max(low, math.ceil(middle - reach)))
            last = np.int64(min(high, math.floor(middle + reach)))
            count, total, squares = 0.0, 0.0, 0.0
            for value in range(first, last + 1):
                d = value - middle
                count += bins[value]
                total += bins[value] * d
                squares += bins[value] * d * d
            if count == 0.0:
                break
            shift = total / count
            middle += shift
            width = math.sqrt(max(squares / count - shift * shift, 0.0))
        mean[p] = middle
        sigma[p] = width
    return 0


@kernel("u2* i8 i8 i8 i8 i8 i8 f8* f8* f8* f4* f4*")
def extract(samples, events, pixels, slices, first, last, window, baseline, factor, delay, charge, time):
    """Charge and arrival time of each pixel: the largest sum of `window` slices between `first` and `last`.

    The time (slices) is the mean of the window's slices weighted by their charge, less the delay of the pixel. Where
    the factor is 0, so are both.
    """
    for e in range(events):
        for p in range(pixels):
            i = e * pixels + p
            o = i * slices
            if factor[p] == 0.0:
                charge[i] = 0.0
                time[i] = 0.0
                continue
            total = np.int64(0)
            for k in range(first, first + window):
                total += np.int64(samples[o + k])
            best, start = total, np.int64(first)
            for k in range(first + window, last + 1):
                total += np.int64(samples[o + k]) - np.int64(samples[o + k - window])
                if total > best:
                    best, start = total, np.int64(k - window + 1)
            moment = np.int64(0)
            for k in range(window):
                moment += k * np.int64(samples[o + start + k])
            light = best - window * baseline[p]
            # the baseline's own moment is taken off; without light the middle of the window is as good as any
            mean = 0.5 * (window - 1)
            if light > 0.0:
                mean = (moment - baseline[p] * 0.5 * window * (window - 1)) / light
            at = start + min(max(mean, 0.0), window - 1.0) - delay[p]
            charge[i] = light * factor[p]
            time[i] = min(max(at, 0.0), slices - 1.0)
    return 0


@kernel("u2* i8 i8 i8 i8 i8 i8 i8 f8* i8* i8 f4* f4*")
def windows(samples, events, pixels, slices, first, last, window, fixed, baseline, number, seed, at_fixed, at_random):
    """Charge (words) in a window at slice `fixed`, and in one at a random place between `first` and `last`.

    The place depends on the seed, the number of the event and the pixel alone.
    """
    places = last - first + 2 - window
    for e in range(events):
        for p in range(pixels):
            i = e * pixels + p
            o = i * slices
            start = first + scramble((seed * 1000003 + number[e]) * 2048 + p) % places
            one, other = np.int64(0), np.int64(0)
            for k in range(window):
                one += np.int64(samples[o + fixed + k])
                other += np.int64(samples[o + start + k])
            at_fixed[i] = one - window * baseline[p]
            at_random[i] = other - window * baseline[p]
    return 0
