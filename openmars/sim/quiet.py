"""Pedestal and calibration runs: raw files of noise alone, and of light pulses, that calibration starts from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from openmars.io import headers
from openmars.io.raw import RawEvents, RawWriter
from openmars.io.times import SECONDS_PER_DAY, day_of_sunrise
from openmars.sim.card import SimCard
from openmars.sim.streams import quiet_events

RATE_HZ = 100.0
"""Events are so frequent, at even distances."""
_KINDS = {
    "pedestal": (headers.RUN_TYPE_PEDESTAL, headers.PATTERN_PEDESTAL),
    "calibration": (headers.RUN_TYPE_CALIBRATION, headers.PATTERN_CALIBRATION),
}


def simulate(card: SimCard, paths: dict[int, Path], texts: dict[str, str]) -> None:
    """Simulate and write a pedestal or calibration run.

    Parameters
    ----------
    card
        What to simulate.
    paths
        File of each telescope.
    texts
        Kept in the files: the card as it was used, and what wrote them.
    """
    run_type, pattern = _KINDS[card.kind]
    day = day_of_sunrise(card.start_mjd)
    start = (card.start_mjd - day) * SECONDS_PER_DAY
    infos = {
        t: headers.RunInfo(
            card.run, 1, t, False, card.source, card.ra, card.dec,
            day=day,
            start_s=start,
            stop_s=start + card.events / RATE_HZ,
            run_type=run_type,
        )
        for t in paths
    }  # fmt: skip
    done = 0
    with RawWriter(paths[1], infos[1]) as m1, RawWriter(paths[2], infos[2]) as m2:
        for chunk in quiet_events(card, pattern, card.kind, (np.arange(card.events) + 0.5) / RATE_HZ):
            n = len(chunk)
            for t, writer in enumerate((m1, m2)):
                writer.add(
                    RawEvents(
                        samples=chunk.data[0][:, t],
                        pattern=chunk.pattern,
                        stereo_number=np.zeros(n, int),
                        daq_number=np.arange(done + 1, done + n + 1),
                        seconds=start + chunk.seconds,
                        time_diff_s=np.full(n, 1 / RATE_HZ),
                    )
                )
            done += n
        for writer in (m1, m2):
            writer.finish(texts)
