"""Times to leave out: ``excluded.times``, which quate writes and melibea reads.

The form of the file that quate of MARS writes is not public; this one is our own: a line for each interval with its
first and last moment (MJD, UTC), ``#`` begins a comment.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from openmars.core import InputError

TREE = "ExcludedTimes"
"""Tree of melibea's files with the intervals (``fStart``, ``fStop``, MJD) whose events were left out. Our own: without
it nobody can tell a time that was cut from one in which nothing happened."""


def read_time_slices(path: Path) -> np.ndarray:
    """Read a file of times to leave out.

    Returns
    -------
    ndarray, shape (slices, 2)
        First and last MJD of each.

    Raises
    ------
    InputError
        If a line is none.
    """
    slices = []
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: it is no text file") from None
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            start, stop = (float(word) for word in words)
        except ValueError:
            raise InputError(f"{path}:{number}: expected two MJDs, first and last, found {line!r}") from None
        if not start <= stop:
            raise InputError(f"{path}:{number}: ends at {stop}, before it starts at {start}")
        slices.append((start, stop))
    return np.asarray(slices, dtype=float).reshape(-1, 2)


def write_time_slices(path: Path, slices: Iterable[tuple[float, float, str]], head: str) -> None:
    """Write a file of times to leave out.

    Parameters
    ----------
    path
        The file.
    slices
        First and last MJD of each, and why it is left out.
    head
        A comment at the begin.
    """
    lines = [f"# {head}", "# first and last moment (MJD, UTC), and why"]
    lines += [f"{start:.11f} {stop:.11f} # {why}" for start, stop, why in slices]
    path.write_text("\n".join(lines) + "\n")


def outside(times: np.ndarray, slices: Iterable[Iterable[float]]) -> np.ndarray:
    """Tell which times are in none of the slices.

    Examples
    --------
    >>> outside(np.array([1.0, 2.0, 3.0]), [(1.5, 2.5)])
    array([ True, False,  True])
    """
    keep = np.ones(len(times), dtype=bool)
    for start, stop in slices:
        keep &= (times < start) | (times > stop)
    return keep


def joined(slices: np.ndarray) -> np.ndarray:
    """Intervals in order, those that overlap or touch as one.

    Examples
    --------
    >>> joined(np.array([[5.0, 6.0], [1.0, 3.0], [2.0, 4.0]]))
    array([[1., 4.],
           [5., 6.]])
    """
    out: list[list[float]] = []
    for start, stop in sorted(np.asarray(slices, dtype=float).reshape(-1, 2).tolist()):
        if out and start <= out[-1][1]:
            out[-1][1] = max(out[-1][1], stop)
        else:
            out.append([start, stop])
    return np.asarray(out, dtype=float).reshape(-1, 2)
