# mypy: disable-error-code="no-untyped-def"
"""Next-neighbour cleaning, compiled; see `openmars.imaging.neighbours` for the method and the formulas."""

import math

from numba import njit

from openmars.core.kernels import PLAIN, kernel
from openmars.imaging.kernel import N_OUT, describe, fetch
from openmars.imaging.kernel_cleaning import N_PIXELS, collect, interpolate


@njit(**PLAIN)
def log_above(charge, table, first, steps, n):
    """Logarithm of the probability that noise exceeds a charge: table from `first` in 1 / `steps` phe."""
    at = (charge - first) * steps
    if at <= 0.0:
        return table[0]
    k = min(int(at), n - 2)
    # beyond the end the last step goes on: the tail is exponential
    return table[k] + (at - k) * (table[k + 1] - table[k])


@njit(**PLAIN)
def log_range(share, size):
    """Logarithm of the probability that `size` even numbers from 0 to 1 lie within `share`."""
    return math.log(share) * (size - 1) + math.log(size - (size - 1) * share)


@njit(**PLAIN)
def log_product(total, size):
    """Logarithm of the probability that the product of `size` even numbers from 0 to 1 is below exp(`total`)."""
    term = 1.0
    series = 1.0
    for k in range(1, size):
        term *= -total / k
        series += term
    return total + math.log(series)


@njit(**PLAIN)
def mark(logs, time, skip, groups, n_groups, size, window, resolution, cut, mask):
    """Mark the pixels of the groups of one size that noise makes, in charge and time, rarely enough."""
    # a product is never less likely than this, and times count as at least the shortest spread
    limit = cut - log_range(resolution, size)
    for g in range(n_groups):
        first = g * size
        total = 0.0
        for k in range(first, first + size):
            total += logs[groups[k]]
        if total > limit:
            continue
        early, late = 1e30, -1e30
        good = True
        for k in range(first, first + size):
            p = groups[k]
            good = good and not skip[p]
            early, late = min(early, time[p]), max(late, time[p])
        spread = late - early
        if not good or spread > window:
            continue
        if log_product(total, size) + log_range(max(spread, resolution), size) < cut:
            for k in range(first, first + size):
                mask[groups[k]] = 1


@njit(**PLAIN)
def add_edge(logs, time, mask, chosen, n, neighbours, window, resolution, cut):
    """Add the neighbours of core pixels that noise is unlikely to have made at the time of these; mark 2."""
    for k in range(n):
        p = chosen[k]
        for i in range(6):
            q = neighbours[6 * p + i]
            if q < 0 or mask[q]:
                continue
            total = 0.0
            near = 0
            for j in range(6):
                c = neighbours[6 * q + j]
                if c >= 0 and mask[c] == 1:
                    total += time[c]
                    near += 1
            off = abs(time[q] - total / near)
            if off > 0.5 * window:
                continue
            if logs[q] + math.log(min(1.0, 2.0 * max(off, 0.5 * resolution))) < cut:
                mask[q] = 2


@kernel(
    "f4* f4* i4* i8 i8 u1* i4* u1* i4* f8* f8* u1* i4* i8 i4* i8 i4* i8 f8* f8* i8 i8* i4* "
    "f8* f8* f8* f8* u1* u1* u1* i4* i4* i4* f8* f8* f8* f8* f8* i1* u1* i8"
)
def process_nn(charges, times, rows, events, stride, bads, bad_set, any_bad, neighbours, x, y, edge,
               groups2, n2, groups3, n3, groups4, n4, settings, table, n_table, words, pairs,
               charge, time, share, logs, mask, unmapped, bad,
               labels, stack, chosen, sums, u, t, key, out, status, masks, keep):  # fmt: skip
    """Clean and describe `events` images; as `openmars.imaging.kernel.process`.

    `settings`: coincidence window, resolution of times (both in parts of the readout), length of the readout (ns),
    slices per ns, clipping (phe), distance of pixels (m), start and steps per phe of `table`, then the logarithms of
    the probability that decides on groups of 2, 3, 4 and on pixels at the edge.
    """
    window, resolution, length = settings[0], settings[1], settings[2]
    for e in range(events):
        o = e * N_OUT
        s = bad_set[e]
        fetch(charges, times, rows[e] * stride, settings[3], bads, s, charge, time, bad, unmapped, out, o)
        if any_bad[s]:
            interpolate(charge, time, bad, neighbours, unmapped, key)
        for p in range(N_PIXELS):
            mask[p] = 0
            share[p] = time[p] / length
            logs[p] = log_above(charge[p], table, settings[6], settings[7], n_table)
            if unmapped[p]:
                logs[p] = 0.0
        # what is made of its neighbours does not count as a coincidence with them, so `bad` pixels start no group
        mark(logs, share, bad, groups2, n2, 2, window, resolution, settings[8], mask)
        mark(logs, share, bad, groups3, n3, 3, window, resolution, settings[9], mask)
        mark(logs, share, bad, groups4, n4, 4, window, resolution, settings[10], mask)
        n = collect(mask, chosen)
        out[o + 15] = n
        out[o + 23] = 0
        out[o + 24] = 0.0
        if n > 0:
            add_edge(logs, share, mask, chosen, n, neighbours, window, resolution, settings[11])
            for p in range(N_PIXELS):
                charge[p] = min(charge[p], settings[4])
            n = collect(mask, chosen)
        status[e] = describe(charge, time, x, y, edge, neighbours, settings[5], words, pairs, mask, chosen, n,
                             labels, stack, sums, u, t, key, out, o)  # fmt: skip
        if keep:
            for p in range(N_PIXELS):
                masks[e * N_PIXELS + p] = mask[p] > 0
    return 0
