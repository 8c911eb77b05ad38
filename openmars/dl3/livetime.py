"""Good time intervals and effective observation time of a run, from the times of its events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DEAD_TIME_S = 26e-6
"""Dead time per event of MAGIC's readout, seconds."""
POINTING_STEP_S = 1.0


@dataclass(frozen=True)
class LiveTime:
    """When a run was observed: `start` and `stop` of each good interval (s), and the `effective` time (s)."""

    start: np.ndarray
    stop: np.ndarray
    effective: float

    @property
    def ontime(self) -> float:
        """Sum of the intervals, seconds."""
        return float(np.sum(self.stop - self.start))

    @property
    def dead_time_fraction(self) -> float:
        """What the headers of DL3 call ``DEADC``: effective time over on-time."""
        return self.effective / self.ontime


NONE = np.empty((0, 2))


def live_time(
    time: np.ndarray,
    event_id: np.ndarray,
    dead_time: float = DEAD_TIME_S,
    gap: float = 5.0,
    excluded: np.ndarray = NONE,
) -> LiveTime:
    """Find the good time intervals and the effective time.

    Each trigger, kept by the analysis or not, blocks the readout; triggers are counted by the running event
    number. A break, such as a lost subrun, ends an interval; so does an excluded time, to the moment: the time
    between it and the events beside it was observed, and the triggers in it (of those between these events its
    share by time) are not counted.

    Parameters
    ----------
    time : ndarray
        Times of the events, seconds, ascending.
    event_id : ndarray
        Running number of the trigger of each event.
    dead_time : float
        Seconds that each trigger blocks.
    gap : float
        Two events further apart are in different intervals, seconds; at least 30 mean distances between
        events, so that a low rate is not taken for a break (chance e⁻³⁰).
    excluded : ndarray, shape (slices, 2)
        Begin and end of the times whose events were left out, s; in order, without overlap.

    Returns
    -------
    LiveTime

    Examples
    --------
    >>> import numpy as np
    >>> t = np.concatenate([np.arange(0, 10, 0.01), np.arange(50, 60, 0.01)])
    >>> lt = live_time(t, np.arange(len(t)) * 2, dead_time=1e-3)
    >>> lt.start, lt.stop.round(2), round(lt.effective, 2)
    (array([ 0., 50.]), array([ 9.99, 59.99]), 15.98)
    >>> lt = live_time(t, np.arange(len(t)) * 2, dead_time=1e-3, excluded=np.array([[20.0, 55.0]]))
    >>> lt.start, lt.stop.round(2)
    (array([ 0., 55.]), array([ 9.99, 59.99]))
    """
    distance = np.diff(time)
    cut = _cut_out(time, excluded)
    observed = distance - cut
    limit = max(gap, 30.0 * float(np.median(observed)) / np.log(2.0)) if len(distance) else gap
    breaks = np.flatnonzero(observed > limit)
    first = np.concatenate([[0], breaks + 1])
    last = np.concatenate([breaks, [len(time) - 1]])
    start, stop = time[first], time[last]
    triggers = event_id[last] - event_id[first]
    # a number that starts again, or stands still, cannot count: the events themselves are the least there was
    triggers = np.maximum(triggers, last - first)
    for i in np.flatnonzero(cut):
        triggers = triggers - (first <= i) * (i < last) * max(event_id[i + 1] - event_id[i], 1) * cut[i] / distance[i]
    start, stop = _without(start, stop, excluded)
    effective = float(np.sum(stop - start) - dead_time * np.sum(triggers))
    return LiveTime(start, stop, effective)


def _cut_out(time: np.ndarray, excluded: np.ndarray) -> np.ndarray:
    """How much of the time between each two events is excluded, seconds."""
    before = np.zeros(len(time))
    for start, stop in excluded:
        before += np.clip(time - start, 0.0, stop - start)
    return np.diff(before)


def _without(start: np.ndarray, stop: np.ndarray, excluded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is left of intervals."""
    for begin, end in excluded:
        pieces = [
            piece
            for a, b in zip(start, stop, strict=True)
            for piece in ([(a, b)] if end <= a or b <= begin else [(a, min(begin, b)), (max(end, a), b)])
            if piece[0] < piece[1] or piece == (a, b)
        ]
        start, stop = np.array(pieces).reshape(-1, 2).T
    return start, stop


def pointing_track(
    live: LiveTime, time: np.ndarray, zenith: np.ndarray, azimuth: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sample where the telescopes pointed during the good time.

    Parameters
    ----------
    live : LiveTime
        Good time intervals.
    time, zenith, azimuth : ndarray
        Of the events; s and deg.

    Returns
    -------
    zenith, azimuth, weight : ndarray
        Pointing (deg) at equal steps of about a second, and the effective time each step stands for (s).
    """
    steps = [
        start + (np.arange(n) + 0.5) * (stop - start) / n
        for start, stop in zip(live.start, live.stop, strict=True)
        for n in [max(1, int((stop - start) / POINTING_STEP_S))]
    ]
    at = np.concatenate(steps)
    weight = np.concatenate(
        [np.full(len(s), (b - a) / len(s)) for s, a, b in zip(steps, live.start, live.stop, strict=True)]
    )
    unwrapped = np.unwrap(azimuth, period=360.0)
    return (
        np.interp(at, time, zenith),
        np.interp(at, time, unwrapped) % 360.0,
        weight * live.effective / max(live.ontime, 1e-9),
    )
