"""The pass ``-c``: calibration constants from a pedestal run and a calibration run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from openmars.calib.constants import Constants
from openmars.calib.extraction import Extractor
from openmars.calib.ffactor import Rules, convert, pulses
from openmars.calib.rawfiles import CHUNK
from openmars.camera import N_PIXELS
from openmars.core.errors import InputError
from openmars.io import headers
from openmars.io.raw import RawEvents, RawReader


def _events(files: list[RawReader], most: int, pattern: int | None = None) -> Iterator[RawEvents]:
    """Up to `most` events, those of a pattern if one is given."""
    left = most
    for file in files:
        for chunk in file.chunks(CHUNK):
            part = chunk if pattern is None else chunk.part(chunk.pattern == pattern)
            part = part.part(slice(0, left))
            left -= len(part)
            if len(part):
                yield part
            if not left:
                return


def pedestal_run(
    files: list[RawReader], extractor: Extractor, most: int
) -> tuple[int, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What the events of a pedestal run tell.

    Returns
    -------
    int
        Number of events.
    ndarray
        Baseline, and standard deviation of the samples, words, [1039] each; mean and standard deviation of the
        charges, words, [3, 1039] each.
    """
    n, level, spread = 0, np.zeros(N_PIXELS), np.zeros(N_PIXELS)
    total, squares = np.zeros((3, N_PIXELS)), np.zeros((3, N_PIXELS))
    reference = np.zeros(N_PIXELS)
    for events in _events(files, most):
        baseline, sigma = extractor.baselines(events.samples)
        reference = reference if n else baseline
        # one reference for all charges, so that the scatter of the chunks' baselines is not in their variance
        charge = extractor.pedestals(events.samples, events.daq_number, reference).astype(float)
        level += len(events) * baseline
        spread += len(events) * sigma**2
        total += charge.sum(axis=1)
        squares += (charge**2).sum(axis=1)
        n += len(events)
    if n < 2:
        raise InputError(f"{files[0].path}: {n} events; pedestals need more")
    mean = total / n
    rms = np.sqrt(np.maximum(squares - n * mean**2, 0.0) / (n - 1))
    baseline = level / n
    return n, baseline, np.sqrt(spread / n), mean - extractor.window * (baseline - reference), rms


def constants_of(
    pedestal: list[RawReader], calibration: list[RawReader], extractor: Extractor, rules: Rules, most: int
) -> Constants:
    """Compute all constants.

    Parameters
    ----------
    pedestal, calibration
        Files of the two runs.
    extractor, rules
        Of the card.
    most
        Events of each run that are used.
    """
    n_pedestals, baseline, sigma, mean, rms = pedestal_run(pedestal, extractor, most)
    found = [
        extractor.signals(events.samples, baseline, np.ones(N_PIXELS), np.zeros(N_PIXELS))
        for events in _events(calibration, most, headers.PATTERN_CALIBRATION)
    ]
    if not found:
        raise InputError(f"{calibration[0].path}: it has no calibration events (trigger pattern 2)")
    light = pulses(np.concatenate([c for c, _ in found]), np.concatenate([t for _, t in found]), rules)
    conversion = convert(light, rms[2], rules)
    good, info = conversion.good, calibration[0].info
    return Constants(
        telescope=info.telescope,
        day=info.day,
        pedestal_run=pedestal[0].info.run,
        calibration_run=info.run,
        pedestal_events=n_pedestals,
        calibration_events=light.events,
        window=extractor.window,
        phe=conversion.phe,
        phe_error=conversion.phe_error,
        baseline=baseline,
        sample_rms=sigma,
        pedestal_mean=mean,
        pedestal_rms=rms,
        charge=light.mean,
        charge_rms=np.sqrt(np.maximum(light.variance, 0.0)),
        pixel_phe=conversion.pixel_phe,
        factor=np.where(good, conversion.factor, 0.0),
        error=np.where(good, conversion.error, 0.0),
        delay=np.where(good, light.time - np.median(light.time[good]), 0.0),
        time_rms=light.time_rms,
        status=conversion.status,
    )
