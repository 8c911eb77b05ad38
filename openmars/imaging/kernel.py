# mypy: disable-error-code="no-untyped-def"
"""Cleaning and description of many images, compiled; lengths in m, times in ns, charges in phe."""

import math

from numba import njit

from openmars.core.kernels import PLAIN, kernel
from openmars.imaging.kernel_cleaning import N_PIXELS, brightest_island, clean
from openmars.imaging.kernel_description import describe_ellipse, describe_light, describe_times

N_OUT = 30


@njit(**PLAIN)
def island_sizes(charge, labels, count, sums, out, o):
    """Light in the largest island and in the others."""
    best = brightest_island(charge, labels, count, sums)
    out[o + 16] = count
    out[o + 21] = sums[best]
    out[o + 22] = out[o] - sums[best]


@kernel(
    "f4* f4* i4* i8 i8 u1* i4* u1* i4* f8* f8* u1* i4* i4* i4* i4* f8* i8* i4* "
    "f8* f8* u1* u1* u1* i4* i4* i4* f8* f8* f8* f8* f8* i1* u1* i8"
)
def process(charges, times, rows, events, stride, bads, bad_set, any_bad, neighbours, x, y, edge,
            groups3, starts3, groups4, starts4, levels, words, pairs, charge, time, mask, unmapped, core,
            labels, stack, chosen, sums, u, t, key, out, status, masks, keep):  # fmt: skip
    """Clean and describe `events` images; see `openmars.imaging.images` for the arguments.

    Status of an image: 0 described, 1 nothing survived, 2 a pixel with negative charge did, 3 its times fit no
    line (three pixels at least are needed).
    """
    for e in range(events):
        o = e * N_OUT
        for k in range(N_OUT):
            out[o + k] = math.nan
        s, row = bad_set[e], rows[e] * stride
        for p in range(N_PIXELS):
            charge[p] = charges[row + p]
            time[p] = times[row + p] / levels[11]
            core[p] = bads[s * N_PIXELS + p]
            unmapped[p] = 0
        count = clean(charge, time, core, any_bad[s], neighbours, groups3, starts3, groups4, starts4,
                      levels, mask, unmapped, core, labels, stack, sums, key, out, o)  # fmt: skip
        n = 0
        negative = False
        for p in range(N_PIXELS):
            if mask[p]:
                chosen[n] = p
                n += 1
                negative = negative or charge[p] < 0
            if keep:
                masks[e * N_PIXELS + p] = mask[p]
        if count == 0 or negative:
            status[e] = 1 if count == 0 else 2
            continue
        out[o + 14] = n
        describe_ellipse(charge, x, y, chosen, n, out, o)
        describe_times(charge, time, x, y, chosen, n, out, o, u, t, key, stack, sums, words, pairs)
        describe_light(charge, x, y, edge, levels[12], chosen, n, out, o)
        island_sizes(charge, labels, count, sums, out, o)
        status[e] = 3 if math.isnan(out[o + 9]) else 0
    return 0
