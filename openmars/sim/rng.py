"""Random numbers inside compiled code: splitmix64, a stream for each shower.

The state is one unsigned 64-bit number in an array of length one. A stream is set by (seed, number of the
shower), so that results depend on neither the order nor the grouping in which showers are made.
Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators", OOPSLA.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_R30, _R27, _R31, _R11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_LOW13, _R13 = np.uint64(8191), np.uint64(13)
_UNIT = 1.0 / 9007199254740992.0
_UNIT51 = 1.0 / 2251799813685248.0


@njit(cache=True)
def mix(z):  # type: ignore[no-untyped-def]  # compiled
    """Scramble 64 bits."""
    z = (z ^ (z >> _R30)) * _MIX1
    z = (z ^ (z >> _R27)) * _MIX2
    return z ^ (z >> _R31)


@njit(cache=True)
def seed_stream(state, seed, stream, number):  # type: ignore[no-untyped-def]  # compiled
    """Start the random numbers of shower `number`; `stream` keeps different uses of one seed apart."""
    z = mix(np.uint64(seed) + _STEP)
    z = mix(z ^ (np.uint64(stream) * _MIX1 + _STEP))
    state[0] = mix(z ^ (np.uint64(number) * _MIX2 + _STEP))


@njit(cache=True)
def uniform(state):  # type: ignore[no-untyped-def]  # compiled
    """Uniform in (0, 1): never 0, so that its logarithm is finite."""
    state[0] = state[0] + _STEP
    return (np.float64(mix(state[0]) >> _R11) + 0.5) * _UNIT


@njit(cache=True)
def pick(state):  # type: ignore[no-untyped-def]  # compiled
    """A number out of 8192 and, independent of it, a uniform one."""
    state[0] = state[0] + _STEP
    z = mix(state[0])
    return np.int64(z & _LOW13), np.float64(z >> _R13) * _UNIT51


@njit(cache=True)
def exponential(state):  # type: ignore[no-untyped-def]  # compiled
    """Exponential with mean 1."""
    return -math.log(uniform(state))


@njit(cache=True)
def normal_pair(state):  # type: ignore[no-untyped-def]  # compiled
    """Two independent standard normal numbers (Box & Muller 1958)."""
    r = math.sqrt(-2.0 * math.log(uniform(state)))
    phi = 2.0 * math.pi * uniform(state)
    return r * math.cos(phi), r * math.sin(phi)


@njit(cache=True)
def poisson(state, mean):  # type: ignore[no-untyped-def]  # compiled
    """Poisson number; above a mean of 50 from the normal distribution."""
    if mean <= 0.0:
        return 0
    if mean > 50.0:
        g, _ = normal_pair(state)
        return max(0, math.floor(mean + math.sqrt(mean) * g + 0.5))
    limit = math.exp(-mean)
    product = uniform(state)
    n = 0
    while product > limit:
        n += 1
        product *= uniform(state)
    return n
