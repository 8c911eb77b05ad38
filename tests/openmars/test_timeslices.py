"""Times that quality cuts leave out must not change any rate: in the live time, and from melibea's file to DL3."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openmars.core import InputError
from openmars.dl3.livetime import live_time
from openmars.quality.slices import joined, outside, read_time_slices, write_time_slices

RUN_S = 900.0


def observe(rng, rate, slices):
    """Times of the kept events, numbers of their triggers (there are twice as many), of a run with a cut."""
    time = np.sort(rng.uniform(0, RUN_S, rng.poisson(rate * RUN_S)))
    number = 2 * np.arange(len(time))
    keep = outside(time, slices)
    return time[keep], number[keep]


@pytest.mark.parametrize("rate", [0.2, 2.0, 20.0])
def test_a_cut_minute_leaves_the_rate_as_it_is(rate):
    """Also at low rates, where a gap in the events does not show that a minute was cut."""
    rng = np.random.default_rng(7)
    slices = np.array([[120.0, 180.0], [400.0, 640.0], [700.0, 705.0]])
    count, seconds = 0, 0.0
    for _ in range(int(2e5 / (rate * RUN_S))):
        time, number = observe(rng, rate, slices)
        live = live_time(time, number, dead_time=0.0, excluded=slices)
        assert live.ontime == pytest.approx(RUN_S - 305.0, abs=25 / rate)
        count += len(time) - 1
        seconds += live.effective
    # 1e5 events: 0.3 %; a minute that is not taken out would be 8 %
    assert count / seconds == pytest.approx(rate, rel=0.01)


def test_live_time_loses_the_cut_to_the_moment():
    rng = np.random.default_rng(3)
    slices = np.array([[100.0, 160.0], [300.0, 360.0]])
    time, number = observe(rng, 50.0, np.empty((0, 2)))
    whole = live_time(time, number, 1e-3)
    keep = outside(time, slices)
    cut = live_time(time[keep], number[keep], 1e-3, excluded=slices)
    assert whole.ontime - cut.ontime == pytest.approx(120.0, abs=1e-9)
    assert cut.start.tolist() == [time[0], 160.0, 360.0]
    assert cut.stop.tolist() == [100.0, 300.0, time[-1]]
    # triggers of the cut time take no dead time from the rest
    assert cut.dead_time_fraction == pytest.approx(whole.dead_time_fraction, abs=1e-3)


def test_a_cut_beside_a_break_is_no_observed_time():
    time = np.concatenate([np.arange(0, 100, 0.1), np.arange(300, 400, 0.1)])
    number = np.arange(len(time))
    slices = np.array([[90.0, 150.0]])
    keep = outside(time, slices)
    live = live_time(time[keep], number[keep], 0.0, excluded=slices)
    assert live.start.tolist() == [0, 300]
    assert live.stop == pytest.approx([89.9, 399.9])
    everything = live_time(time, number, 0.0, excluded=np.array([[-10.0, 500.0]]))
    assert everything.effective == 0


@given(st.lists(st.tuples(st.floats(0, 900), st.floats(0, 900)), max_size=6), st.integers(0, 5))
def test_any_cuts(pairs, seed):
    slices = joined(np.sort(np.array(pairs).reshape(-1, 2), axis=1))
    assert np.all(slices[1:, 0] > slices[:-1, 1])
    time, number = observe(np.random.default_rng(seed), 10.0, slices)
    if len(time) < 2:
        return
    live = live_time(time, number, 1e-3, excluded=slices)
    assert np.all(live.start <= live.stop)
    assert np.all(live.stop[:-1] <= live.start[1:])
    assert live.effective <= live.ontime
    for start, stop in slices:
        assert np.all((live.stop <= start) | (live.start >= stop))


def test_a_cut_at_another_time_changes_nothing():
    time, number = observe(np.random.default_rng(1), 5.0, np.empty((0, 2)))
    without, late = live_time(time, number), live_time(time, number, excluded=np.array([[1000.0, 1060.0]]))
    assert without.effective == late.effective
    assert np.array_equal(without.start, late.start)
    assert np.array_equal(without.stop, late.stop)


@given(st.lists(st.tuples(st.floats(50000, 60000), st.floats(0, 1)), max_size=5))
def test_files_are_read_back(tmp_path_factory, pairs):
    path = tmp_path_factory.mktemp("times") / "excluded.times"
    slices = [(start, start + length) for start, length in pairs]
    write_time_slices(path, [(*each, "run 5: DC 2500 nA # high") for each in slices], "two lines")
    np.testing.assert_allclose(read_time_slices(path), np.array(slices).reshape(-1, 2), rtol=0, atol=1.1e-11)


@pytest.mark.parametrize("line", ["56569.1", "56569.2 56569.1", "a b", "56569.1 nan", "1 2 3"])
def test_a_line_that_is_none_is_told(tmp_path, line):
    path = tmp_path / "excluded.times"
    path.write_text(f"# head\n{line}\n")
    with pytest.raises(InputError, match=r"excluded\.times:2"):
        read_time_slices(path)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_time_slices(tmp_path / "excluded.times")
