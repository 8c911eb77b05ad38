# mypy: disable-error-code="no-untyped-def"
"""Cleaning and description of many images, compiled; lengths in m, times in ns, charges in phe."""

import math

from numba import njit

from openmars.core.kernels import PLAIN, kernel
from openmars.imaging.kernel_cleaning import N_PIXELS, brightest_island, clean, find_islands
from openmars.imaging.kernel_description import describe_ellipse, describe_light, describe_times

N_OUT = 30
DESCRIBED, NOTHING, NEGATIVE, NO_TIMES = range(4)


@njit(**PLAIN)
def describe_islands(charge, mask, chosen, n, neighbours, labels, stack, sums, out, o):
    """Number of islands, light in the largest and in the others."""
    count = find_islands(mask, chosen, n, neighbours, labels, stack)
    best = brightest_island(charge, chosen, n, labels, count, sums)
    out[o + 16] = count
    out[o + 21] = sums[best]
    out[o + 22] = out[o] - sums[best]


@njit(**PLAIN)
def fetch(charges, times, row, samples_per_ns, bads, s, charge, time, bad, unmapped, out, o):
    """Take one event: charges, times in ns, its set of bad pixels; what is known of its image is nothing yet."""
    for k in range(N_OUT):
        out[o + k] = math.nan
    for p in range(N_PIXELS):
        charge[p] = charges[row + p]
        time[p] = times[row + p] / samples_per_ns
        bad[p] = bads[s * N_PIXELS + p]
        unmapped[p] = 0


@njit(**PLAIN)
def describe(charge, time, x, y, edge, neighbours, pitch, words, pairs, mask, chosen, n,
             labels, stack, sums, u, t, key, out, o):  # fmt: skip
    """Compute the parameters of the `n` pixels that survived; gives the status of the image."""
    if n == 0:
        return NOTHING
    for k in range(n):
        if charge[chosen[k]] < 0:
            return NEGATIVE
    out[o + 14] = n
    describe_ellipse(charge, x, y, chosen, n, out, o)
    describe_times(charge, time, x, y, chosen, n, out, o, u, t, key, stack, sums, words, pairs)
    describe_light(charge, x, y, edge, pitch, chosen, n, out, o)
    describe_islands(charge, mask, chosen, n, neighbours, labels, stack, sums, out, o)
    return NO_TIMES if math.isnan(out[o + 9]) else DESCRIBED


@kernel(
    "f4* f4* i4* i8 i8 u1* i4* u1* i4* f8* f8* u1* i4* i4* i4* i4* f8* i8* i4* "
    "f8* f8* u1* u1* u1* i4* i4* i4* f8* f8* f8* f8* f8* i1* u1* i8"
)
def process(charges, times, rows, events, stride, bads, bad_set, any_bad, neighbours, x, y, edge,
            groups3, starts3, groups4, starts4, levels, words, pairs, charge, time, mask, unmapped, bad,
            labels, stack, chosen, sums, u, t, key, out, status, masks, keep):  # fmt: skip
    """Clean and describe `events` images; see `openmars.imaging.images` for the arguments.

    Status of an image: 0 described, 1 nothing survived, 2 a pixel with negative charge did, 3 its times fit no
    line (three pixels at least are needed).
    """
    for e in range(events):
        o = e * N_OUT
        s = bad_set[e]
        fetch(charges, times, rows[e] * stride, levels[11], bads, s, charge, time, bad, unmapped, out, o)
        n = clean(charge, time, bad, any_bad[s], neighbours, groups3, starts3, groups4, starts4,
                  levels, mask, unmapped, labels, stack, chosen, sums, key, out, o)  # fmt: skip
        if keep:
            for p in range(N_PIXELS):
                masks[e * N_PIXELS + p] = mask[p] > 0
        status[e] = describe(charge, time, x, y, edge, neighbours, levels[12], words, pairs, mask, chosen, n,
                             labels, stack, sums, u, t, key, out, o)  # fmt: skip
    return 0
