# mypy: disable-error-code="no-untyped-def"
"""Description of cleaned images, compiled; see `openmars.core.kernels` for the rules of this module.

The parameters are those of ctapipe where it has them; ``bench/chain.py`` compares them number by number.
"""

import math

from numba import njit

from openmars.core.kernels import PLAIN

N_PIXELS = 1039
N_WORDS = 20000
SAMPLES = 5
FRACTION = 0.85
ITERATIONS = 20
EPS = 2 * 2.220446049250313e-16


@njit(**PLAIN)
def describe_ellipse(charge, x, y, chosen, n, out, o):
    """Moments of the image: size, centre, length, width, direction, third moments."""
    size = 0.0
    mx = 0.0
    my = 0.0
    for k in range(n):
        p = chosen[k]
        size += charge[p]
        mx += charge[p] * x[p]
        my += charge[p] * y[p]
    mx /= size
    my /= size
    xx = 0.0
    xy = 0.0
    yy = 0.0
    for k in range(n):
        p = chosen[k]
        dx, dy = x[p] - mx, y[p] - my
        xx += charge[p] * dx * dx
        xy += charge[p] * dx * dy
        yy += charge[p] * dy * dy
    xx /= size
    xy /= size
    yy /= size
    large = 0.5 * (xx + yy + math.sqrt((xx - yy) ** 2 + 4.0 * xy * xy))
    # the smaller eigenvalue from the product of both: the difference would lose its digits for thin images
    small = (max(xx, yy) / large) * min(xx, yy) - (xy / large) * xy if large > 0 else 0.0
    large = large if large > 0.5 * EPS else 0.0
    small = small if small > 0.5 * EPS else 0.0
    psi = 0.5 * math.atan2(2.0 * xy, xx - yy)
    cos, sin = math.cos(psi), math.sin(psi)
    m3l = 0.0
    m3t = 0.0
    for k in range(n):
        p = chosen[k]
        dx, dy = x[p] - mx, y[p] - my
        m3l += charge[p] * (dx * cos + dy * sin) ** 3
        m3t += charge[p] * (dy * cos - dx * sin) ** 3
    out[o] = size
    out[o + 1] = mx
    out[o + 2] = my
    out[o + 3] = math.sqrt(large)
    out[o + 4] = math.sqrt(small)
    out[o + 5] = psi
    out[o + 6] = cube_root(m3l / size)
    out[o + 7] = cube_root(m3t / size)


@njit(**PLAIN)
def cube_root(value):
    """Root of the third power with its sign."""
    return math.copysign(abs(value) ** (1.0 / 3.0), value)


@njit(**PLAIN)
def find_starts(n, words, pairs, order):
    """The pairs of points from which fits to n points start, kept in `pairs`: they depend on n alone.

    They are the first two of shuffled numbers, drawn as NumPy's ``RandomState(0)`` does, which ctapipe up to 0.25
    uses for each image anew.
    """
    if pairs[2 * SAMPLES * n] >= 0:
        return
    place = 0
    for sample in range(SAMPLES):
        for i in range(n):
            order[i] = i
        for i in range(n - 1, 0, -1):
            ones = 1
            while ones < i:
                ones = 2 * ones + 1
            j = i + 1
            while j > i:
                j = words[place % N_WORDS] & ones
                place += 1
            order[i], order[j] = order[j], order[i]
        pairs[2 * (SAMPLES * n + sample)] = order[0]
        pairs[2 * (SAMPLES * n + sample) + 1] = order[1]


@njit(**PLAIN)
def fit_line(u, t, n, order, line):
    """Straight line through the points `order[:n]`; gives the squared residuals' sum, NaN if there is no line."""
    su = 0.0
    st = 0.0
    suu = 0.0
    sut = 0.0
    for k in range(n):
        i = order[k]
        su += u[i]
        st += t[i]
        suu += u[i] * u[i]
        sut += u[i] * t[i]
    det = suu * n - su * su
    if det < EPS:
        line[0] = math.nan
        line[1] = math.nan
        return math.nan
    line[0] = (n * sut - su * st) / det
    line[1] = (suu * st - su * sut) / det
    error = 0.0
    for k in range(n):
        i = order[k]
        error += (t[i] - (u[i] * line[0] + line[1])) ** 2
    return error


@njit(**PLAIN)
def take_smallest(key, order, n, wanted):
    """Bring the `wanted` smallest keys to the front of `order` (selection by halves)."""
    low, high = 0, n - 1
    while low < high:
        pivot = key[order[(low + high) // 2]]
        i, j = low, high
        while i <= j:
            while key[order[i]] < pivot:
                i += 1
            while key[order[j]] > pivot:
                j -= 1
            if i <= j:
                order[i], order[j] = order[j], order[i]
                i += 1
                j -= 1
        if wanted <= j:
            high = j
        elif wanted > i:
            low = i
        else:
            return


@njit(**PLAIN)
def fit_trimmed(u, t, n, words, pairs, key, order, line):
    """Least trimmed squares line, by the steps of ctapipe: five starts of two points, 85 % kept.

    The best line is left in `line` from place 2.
    """
    line[2] = math.nan
    line[3] = math.nan
    least = math.inf
    kept = int(FRACTION * n)
    find_starts(n, words, pairs, order)
    for sample in range(SAMPLES):
        order[0] = pairs[2 * (SAMPLES * n + sample)]
        order[1] = pairs[2 * (SAMPLES * n + sample) + 1]
        error = fit_line(u, t, 2, order, line)
        if math.isnan(error):
            continue
        for _ in range(ITERATIONS):
            for i in range(n):
                key[i] = (t[i] - (u[i] * line[0] + line[1])) ** 2
                order[i] = i
            take_smallest(key, order, n, kept)
            last = error
            error = fit_line(u, t, kept, order, line)
            if math.isnan(error) or abs(last - error) < 1e-12:
                break
        if error < least:
            least = error
            line[2] = line[0]
            line[3] = line[1]


@njit(**PLAIN)
def describe_times(charge, time, x, y, chosen, n, out, o, u, t, key, order, line, words, pairs):
    """Gradient of the times along the image, their spread, and the plain gradients along and across."""
    mx, my, psi = out[o + 1], out[o + 2], out[o + 5]
    cos, sin = math.cos(psi), math.sin(psi)
    st = stt = sw = swt = swtt = 0.0
    sv = svv = svt = 0.0
    for k in range(n):
        p = chosen[k]
        dx, dy = x[p] - mx, y[p] - my
        u[k] = dx * cos + dy * sin
        t[k] = time[p]
        v = dy * cos - dx * sin
        st += t[k]
        stt += t[k] * t[k]
        sw += charge[p]
        swt += charge[p] * t[k]
        swtt += charge[p] * t[k] * t[k]
        sv += v
        svv += v * v
        svt += v * t[k]
        order[k] = k
    fit_line(u, t, n, order, line)
    out[o + 27] = line[0]
    det = svv * n - sv * sv
    out[o + 28] = (n * svt - sv * st) / det if det > EPS else math.nan
    out[o + 25] = math.sqrt(max(stt / n - (st / n) ** 2, 0.0))
    out[o + 26] = math.sqrt(max(swtt / sw - (swt / sw) ** 2, 0.0))
    out[o + 29] = swt / sw
    fit_trimmed(u, t, n, words, pairs, key, order, line)
    out[o + 9] = line[2]
    out[o + 10] = line[3]
    square = 0.0
    for k in range(n):
        square += (u[k] * line[2] + line[3] - t[k]) ** 2
    out[o + 11] = math.sqrt(square / n)


@njit(**PLAIN)
def describe_light(charge, x, y, edge, pitch, chosen, n, out, o):
    """Leakage, concentration, asymmetry. As in ctapipe, concentrations count all pixels, clean or not."""
    size, mx, my = out[o], out[o + 1], out[o + 2]
    length, width = out[o + 3], out[o + 4]
    cos, sin = math.cos(out[o + 5]), math.sin(out[o + 5])
    reach = 1.001 * length * length  # further away no pixel is in the ellipse
    cog = core = first = second = 0.0
    for p in range(N_PIXELS):
        dx, dy = x[p] - mx, y[p] - my
        square = dx * dx + dy * dy
        if square < pitch * pitch:
            cog += charge[p]
        if width > 0 and square < reach:
            along, across = dx * cos + dy * sin, dy * cos - dx * sin
            if (along / length) ** 2 + (across / width) ** 2 <= 1.0:
                core += charge[p]
        if charge[p] > first:
            second = first
            first = charge[p]
        elif charge[p] > second:
            second = charge[p]
    leak1 = leak2 = 0.0
    brightest = chosen[0]
    for k in range(n):
        p = chosen[k]
        leak1 += charge[p] if edge[p] == 1 else 0.0
        leak2 += charge[p] if edge[p] >= 1 else 0.0
        if charge[p] > charge[brightest]:
            brightest = p
    out[o + 8] = (x[brightest] - mx) * cos + (y[brightest] - my) * sin
    out[o + 12] = leak1 / size
    out[o + 13] = leak2 / size
    out[o + 17] = first / size
    out[o + 18] = (first + second) / size
    out[o + 19] = cog / size
    out[o + 20] = core / size
