"""The brightness of the sky within a run: from the reports of both telescopes to the splitting of the run."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automagic.analysis import load
from automagic.index import find_runs
from automagic.index.light import STEP_DAYS, track_of, track_text
from automagic.selection.levels import split
from openmars.io import write_root
from openmars.io.headers import RunInfo, run_headers, run_tails
from openmars.io.repfile import write_reports
from openmars.io.reports import Sky, camera_tree

DAY = 56570
ANALYSIS = """
[analysis]
kind = "moon"
[source]
name = "CrabNebula"
ra = 83.6333
dec = 22.0145
[data]
from = "{level}"
"""


@pytest.mark.parametrize("level", ["raw", "calibrated"])
def test_a_rising_moon_is_seen_in_the_reports_of_two_subruns(tmp_path, level):
    """The background goes from 2 to 4 within 20 minutes: 3 is passed after ten, to half a report's distance."""
    for subrun in (1, 2):
        for telescope in (1, 2):
            start, stop = 14400 + 600 * (subrun - 1), 14400 + 600 * subrun
            seconds = np.arange(start, stop + 1, 30.0)
            tree = {"Camera": camera_tree(DAY, seconds, Sky(), 2 + (seconds - 14400) / 600)}
            tag = "D" if level == "raw" else "Y"
            path = tmp_path / "data" / f"20131005_M{telescope}_05030201.{subrun:03d}_{tag}_CrabNebula-W0.40+035.root"
            path.parent.mkdir(exist_ok=True)
            info = RunInfo(
                5030201, subrun, telescope, False, "CrabNebula", 83.6333, 22.0145, "W", "p", DAY, start, stop
            )
            own = {"Events": {"A.fB": np.zeros(3)}, "RunHeaders": run_headers(info, 3), "RunTails": run_tails()}
            write_root(path, own if level == "raw" else own | tree)
            if level == "raw":
                write_reports(path.with_suffix(".rep"), tree, telescope, 5030201, subrun)
    (tmp_path / "analysis.toml").write_text(ANALYSIS.format(level=level))
    (tmp_path / "site.toml").write_text('[storage]\nroots = ["data"]\n')
    (run,) = find_runs(load(tmp_path), "observation")
    assert run.nsb == pytest.approx(3.0, abs=0.05)
    parts, said = split(run)
    assert [part.level.label for part in parts] == ["NSB_2-3", "NSB_3-5"]
    assert parts[0].times[0][1] == pytest.approx(DAY + (14400 + 600) / 86400, abs=15 / 86400)
    assert said == []
    assert parts[0].minutes + parts[1].minutes == pytest.approx(20.0, abs=1.0)


@given(st.lists(st.tuples(st.floats(0, 0.02), st.floats(100, 20000)), max_size=60))
def test_a_track_is_in_order_and_thin_and_survives_being_written(pairs):
    times, values = [DAY + t for t, _ in pairs], [v for _, v in pairs]
    track = track_of(track_text(times, values))
    assert [t for t, _ in track] == sorted(t for t, _ in track)
    assert len(track) <= 0.02 / STEP_DAYS + 2
    if pairs:
        assert min(values) - 0.06 <= min(v for _, v in track) <= max(v for _, v in track) <= max(values) + 0.06
