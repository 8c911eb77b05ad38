# mypy: disable-error-code="no-untyped-def"
"""Cleaning of images, compiled; see `openmars.core.kernels` for the rules of this module.

The cleaning is the sum cleaning with time information of MAGIC (arXiv:1109.6195), with the details of the public
re-implementation in magic-cta-pipe 0.6.2; ``bench/chain.py`` compares the two pixel by pixel.
"""

from numba import njit

from openmars.core.kernels import PLAIN

N_PIXELS = 1039


@njit(**PLAIN)
def interpolate(charge, time, bad, neighbours, unmapped, near):
    """Give bad pixels the mean charge and the closest two times of their good neighbours, if there are three."""
    for p in range(N_PIXELS):
        unmapped[p] = 0
    for p in range(N_PIXELS):
        if not bad[p]:
            continue
        n = 0
        total = 0.0
        for k in range(6):
            q = neighbours[6 * p + k]
            if q >= 0 and not bad[q]:
                near[n] = time[q]
                total += charge[q]
                n += 1
        if n < 3:
            unmapped[p] = 1
            charge[p] = 0.0
            continue
        charge[p] = total / n
        least = 1e10
        first, second = -1, -1
        for j in range(n):
            for k in range(j):
                gap = abs(near[j] - near[k])
                if gap >= least and gap < 250:
                    continue
                first, second, least = j, k, gap
        if first >= 0 and abs(near[first] - near[second]) < 250:
            time[p] = (near[first] + near[second]) / 2.0


@njit(**PLAIN)
def group_passes(charge, time, groups, first, size, clip, window, threshold):
    """Tell whether a group has enough light, each pixel counted up to `clip`, and comes at one time."""
    total = 0.0
    weighted = 0.0
    for k in range(first, first + size):
        q = min(charge[groups[k]], clip)
        total += q
        weighted += q * time[groups[k]]
    if not total > threshold:
        return False
    mean = weighted / total
    for k in range(first, first + size):  # noqa: SIM110 (a generator cannot be compiled)
        if not abs(mean - time[groups[k]]) < window:
            return False
    return True


@njit(**PLAIN)
def mark_pairs(charge, time, unmapped, mask, neighbours, factor, per_pixel, window):
    """Mark the pixels of the pairs of neighbours that pass: one of the two has at least half of the light."""
    threshold = per_pixel * 2
    clip = factor * per_pixel
    for bright in range(N_PIXELS):
        if unmapped[bright] or not charge[bright] > 0.499 * threshold:
            continue
        for k in range(6):
            other = neighbours[6 * bright + k]
            if other < 0 or unmapped[other]:
                continue
            p, q = min(bright, other), max(bright, other)
            a, b = min(charge[p], clip), min(charge[q], clip)
            if a + b > threshold:
                mean = (a * time[p] + b * time[q]) / (a + b)
                if abs(mean - time[p]) < window and abs(mean - time[q]) < window:
                    mask[p] = 1
                    mask[q] = 1


@njit(**PLAIN)
def mark_groups(charge, time, unmapped, mask, groups, starts, size, factor, per_pixel, window):
    """Mark the pixels of the groups of one size that pass. Groups are sorted by their first pixel."""
    threshold = per_pixel * size
    clip = factor * per_pixel
    # with the others at their most a pixel below this cannot bring the group above the threshold
    floor = threshold - (size - 1) * clip - 1e-9 * threshold
    for p in range(N_PIXELS):
        if not charge[p] > floor:
            continue
        for g in range(starts[p], starts[p + 1]):
            first = g * size
            possible = True
            for k in range(size):
                pixel = groups[first + k]
                if unmapped[pixel] or not charge[pixel] > floor:
                    possible = False
                    break
            if possible and group_passes(charge, time, groups, first, size, clip, window, threshold):
                for k in range(size):
                    mask[groups[first + k]] = 1


@njit(**PLAIN)
def collect(mask, chosen):
    """List the pixels of a mask, ascending; gives how many."""
    n = 0
    for p in range(N_PIXELS):
        if mask[p]:
            chosen[n] = p
            n += 1
    return n


@njit(**PLAIN)
def find_islands(mask, chosen, n, neighbours, labels, stack):
    """Number the connected parts of a mask from 1, in the order of their first pixels; gives how many."""
    for k in range(n):
        labels[chosen[k]] = 0
    count = 0
    for k in range(n):
        if labels[chosen[k]]:
            continue
        count += 1
        labels[chosen[k]] = count
        stack[0] = chosen[k]
        depth = 1
        while depth:
            depth -= 1
            p = stack[depth]
            for i in range(6):
                q = neighbours[6 * p + i]
                if q >= 0 and mask[q] and not labels[q]:
                    labels[q] = count
                    stack[depth] = q
                    depth += 1
    return count


@njit(**PLAIN)
def brightest_island(charge, chosen, n, labels, count, sums):
    """Number of the island with the most light; `sums` gets the light of each, from place 1."""
    for k in range(count + 1):
        sums[k] = 0.0
    for k in range(n):
        sums[labels[chosen[k]]] += charge[chosen[k]]
    best = 1
    for k in range(2, count + 1):
        if sums[k] > sums[best]:
            best = k
    return best


@njit(**PLAIN)
def has_neighbour(p, mask, neighbours):
    """Tell whether a pixel touches one of the mask."""
    for i in range(6):
        q = neighbours[6 * p + i]
        if q >= 0 and mask[q]:
            return True
    return False


@njit(**PLAIN)
def drop_late_and_single(charge, time, mask, chosen, n, neighbours, levels, labels, stack, sums, out, o):
    """Drop core pixels off the time of the brightest island, then those that are alone."""
    count = find_islands(mask, chosen, n, neighbours, labels, stack)
    best = brightest_island(charge, chosen, n, labels, count, sums)
    light = 0.0
    mean = 0.0
    for k in range(n):
        p = chosen[k]
        if labels[p] == best:
            mean += time[p] * charge[p] ** 2
            light += charge[p] ** 2
    mean /= light
    bright, late = 2.0 * levels[0], levels[2]
    for k in range(n):
        p = chosen[k]
        off = abs(time[p] - mean)
        if (charge[p] > bright and off > 2.0 * late) or (charge[p] < bright and off > late):
            mask[p] = 0
    for k in range(n):
        stack[k] = mask[chosen[k]] and not has_neighbour(chosen[k], mask, neighbours)
    single = 0
    size = 0.0
    core = 0
    for k in range(n):
        p = chosen[k]
        if stack[k]:
            mask[p] = 0
            single += 1
            size += charge[p]
        core += mask[p]
    out[o + 15] = core
    out[o + 23] = single
    out[o + 24] = size


@njit(**PLAIN)
def add_boundary(charge, time, mask, chosen, n, neighbours, levels):
    """Add the pixels above the boundary level that touch a core pixel of about the same time.

    `chosen` lists all that can be core; what is added gets the mark 2, so that it is not taken for core.
    """
    for k in range(n):
        p = chosen[k]
        if mask[p] != 1:
            continue
        for i in range(6):
            q = neighbours[6 * p + i]
            if q >= 0 and not mask[q] and charge[q] > levels[1] and abs(time[p] - time[q]) < levels[3]:
                mask[q] = 2


@njit(**PLAIN)
def clean(charge, time, bad, has_bad, geometry, groups3, starts3, groups4, starts4,
          levels, mask, unmapped, labels, stack, chosen, sums, near, out, o):  # fmt: skip
    """The whole cleaning of one image; gives the number of pixels that survive, listed in `chosen`."""
    if has_bad:
        interpolate(charge, time, bad, geometry, unmapped, near)
    for p in range(N_PIXELS):
        mask[p] = 0
    picture = levels[0]
    mark_pairs(charge, time, unmapped, mask, geometry, 2.2, levels[4] * picture, levels[7])
    mark_groups(charge, time, unmapped, mask, groups3, starts3, 3, 1.05, levels[5] * picture, levels[8])
    mark_groups(charge, time, unmapped, mask, groups4, starts4, 4, 1.05, levels[6] * picture, levels[9])
    n = collect(mask, chosen)
    if n == 0:
        return 0
    drop_late_and_single(charge, time, mask, chosen, n, geometry, levels, labels, stack, sums, out, o)
    add_boundary(charge, time, mask, chosen, n, geometry, levels)
    for p in range(N_PIXELS):
        charge[p] = min(charge[p], levels[10])
    return collect(mask, chosen)
