"""Levels of brightness, and runs that are split at their boundaries."""

import dataclasses
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automagic.index.runs import DataFile, McSet, Run
from automagic.naming import McName
from automagic.selection.conditions import nsb_class
from automagic.selection.levels import darker, level_of, levels, pieces, remarks, serves, split
from automagic.selection.moonlight import choose_mc_at, choose_off_at, noise_known

MINUTE = 1 / 1440
START = 56570.125
BY_LABEL = {level.label: level for level in levels()}


def run(*light, number=5029747, level="calibrated", **more):
    """A run with values of its brightness, a minute apart."""
    told = tuple((START + i * MINUTE, value) for i, value in enumerate(light))
    zenith = (20.0, 24.0)
    return Run(number, "2013-10-05", "CrabNebula", None, level, (), zenith=zenith, minutes=20.0, light=told, **more)


def mc(**more):
    files = (DataFile(McName((5, 35), "calibrated", "w0", 8, 1, telescope=1)),)
    return McSet("GA_za05to35_w0", (5, 35), "w0", more.pop("level", "calibrated"), files, **more)


def test_levels_are_those_of_the_public_release_and_have_the_cleaning_of_their_class():
    assert {"NSB_2-3", "NSB_3-5", "NSB_5-8", "NSB_5-8_redHV"} < BY_LABEL.keys()
    for hv in ("nominal", "reduced"):
        mine = sorted((level for level in levels() if level.hv == hv), key=lambda level: level.nsb)
        assert [level.nsb[0] for level in mine[1:]] == [level.nsb[1] for level in mine[:-1]], "no gap, no overlap"
        assert [level.cleaning for level in mine] == sorted(level.cleaning for level in mine)
        for level in mine:
            middle = sum(level.nsb) / 2
            assert nsb_class(middle, hv) == nsb_class(level.nsb[1], hv), "a class of the selection holds each level"


LIGHT = st.lists(st.floats(0.2, 9.0), min_size=2, max_size=40)


@settings(deadline=None, max_examples=300)
@given(LIGHT, st.sampled_from(["nominal", "reduced", None]))
def test_parts_and_what_is_left_out_are_the_run_and_do_not_overlap(light, hv):
    whole = run(*light, hv=hv)
    parts, _ = split(whole)
    first, last = whole.light[0][0], whole.light[-1][0]
    taken = sorted(pair for part in parts for pair in (part.times or ((first, last),)))
    for (_, stop), (start, _) in pairwise(taken):
        assert stop <= start
    assert len({part.level for part in parts}) == len(parts)
    assert [part.number for part in parts] == list(range(len(parts)))
    assert len({part.obs_id for part in parts}) == len(parts)
    for part in parts:
        if part.times:
            out = sum(min(b, last) - max(a, first) for a, b in part.excluded)
            mine = sum(b - a for a, b in part.times)
            assert out + mine == pytest.approx(last - first, abs=1e-9)
            assert part.minutes == pytest.approx(mine / MINUTE, abs=2e-3)


@settings(deadline=None, max_examples=300)
@given(LIGHT)
def test_a_part_is_never_brighter_than_its_level(light):
    """Its cleaning is safe at any moment, but for single reports that a median takes for outliers."""
    whole = run(*light)
    cut = pieces(whole.light, None)
    for part in split(whole)[0]:
        for start, stop in part.times:
            for a, b, level in cut:
                if a < stop and start < b:
                    assert level is not None
                    assert level.nsb[1] <= part.level.nsb[1]


def test_a_rising_moon_splits_a_run_at_the_moment_of_the_boundary():
    rising = run(*[2.0 + 0.1 * i for i in range(21)])  # 3 is passed after ten minutes
    early, late = split(rising)[0]
    assert (early.level.label, late.level.label) == ("NSB_2-3", "NSB_3-5")
    assert early.times[0][1] == late.times[0][0] == pytest.approx(START + 10 * MINUTE)
    assert (early.obs_id, late.obs_id) == (5029747, 105029747)
    assert early.run.nsb == pytest.approx(2.5, abs=0.01)
    assert late.excluded[0] == (pytest.approx(START - 1), pytest.approx(START + 10 * MINUTE))
    assert "NSB_2-3 03:00:00–03:10:00, NSB_3-5 03:10:00–03:20:00" in remarks(rising)[0]


def test_a_wiggle_about_a_boundary_does_not_split_a_run():
    (part,), said = split(run(*[3.0 + 0.02 * (-1) ** i for i in range(20)]))
    assert (part.level.label, said) == ("NSB_3-5", [])


def test_a_short_bright_end_is_left_out_and_said():
    (part,), (said,) = split(run(*[2.5] * 20, 3.5))
    assert part.level.label == "NSB_2-3"
    assert part.times == ((pytest.approx(START), pytest.approx(START + 19.5 * MINUTE)),)
    assert "0.5 min from 03:19:30 UTC on of NSB_3-5 left out, too short" in said


def test_what_has_no_level_is_left_out_and_what_is_not_known_is_dark():
    (part,), (said,) = split(run(*[7.0 + 0.1 * i for i in range(21)]))
    assert part.level.label == "NSB_5-8"
    assert part.minutes == pytest.approx(10, abs=0.1)
    assert "10.0 min from 03:10:00 UTC on left out, there is no level" in said
    assert split(run(nsb=9.0, hv="nominal"))[0] == []
    (part,), (said,) = split(run())
    assert part.level.dark
    assert not part.times
    assert "not known" in said
    assert split(run(hv="reduced"))[0] == []


def test_noise_is_added_up_to_a_level_and_never_taken_away():
    dark, two, three = (BY_LABEL[name] for name in ("dark", "NSB_2-3", "NSB_3-5"))
    assert not darker(dark, mc(nsb=1.0))
    assert serves(dark, mc(nsb=1.0))
    assert darker(two, mc(nsb=1.0))
    assert serves(two, mc(nsb=1.0))
    assert serves(two, mc(nsb=2.5))
    assert not darker(two, mc(nsb=2.5))
    assert not serves(two, mc(nsb=4.0))
    assert serves(three, mc(nsb=2.5))
    assert not serves(two, mc(nsb=1.0, level="superstar")), "what is cleaned cannot be given noise"
    assert serves(BY_LABEL["NSB_5-8_redHV"], mc(nsb=1.0, hv="nominal"))
    assert not serves(three, mc(nsb=1.0, hv="reduced"))


def test_monte_carlo_of_the_level_itself_comes_first():
    level, of_run = BY_LABEL["NSB_3-5"], run(nsb=4.0)
    own = dataclasses.replace(mc(nsb=3.9), name="own")
    assert choose_mc_at(level, of_run, [mc(nsb=1.0), own], "w0")[0] is own
    assert choose_mc_at(level, of_run, [mc(nsb=1.0)], "w0")[0].nsb == 1.0
    found, why = choose_mc_at(level, of_run, [mc(nsb=6.0)], "w0")
    assert found is None
    assert "NSB_3-5" in why
    assert "noise cannot be taken away" in why
    off = [run(number=1, nsb=1.0), run(number=2, nsb=4.0), run(number=3, nsb=7.0), run(number=4, nsb=1, hv="reduced")]
    assert [each.run for each in choose_off_at(level, mc(nsb=1.0), off, [of_run])[0]] == [1, 2]


def test_noise_that_is_not_known_is_asked_for_before_anything_runs():
    level = BY_LABEL["NSB_0-5_redHV"]
    why = noise_known(level, "mars", {})
    assert "NewNoiseRMS" in why
    assert "[cards.star]" in why
    assert noise_known(level, "mars", {"NSB_0-5_redHV.MJStar.MAddNoise.NewNoiseRMS": 1.4}) is None
    assert noise_known(level, "openmars", {}) is None
    assert choose_mc_at(level, run(nsb=2.0, hv="reduced"), [mc(nsb=1.0)], "w0", why) == (None, why)
    assert choose_off_at(level, mc(nsb=1.0), [run(nsb=1.0)], [run(nsb=2.0, hv="reduced")], why) == ([], [why])


def test_the_upper_edge_belongs_to_a_level():
    light = ((2.0, None), (2.01, None), (8.0, "nominal"), (15, "reduced"))
    assert [level_of(*each).label for each in light] == ["dark", "NSB_2-3", "NSB_5-8", "NSB_12-18_redHV"]


def test_live_times_of_the_parts_add_up_to_that_of_the_run():
    """Events at 40 Hz over 20 minutes, dead for 1 ms each: only distances of events at boundaries are lost."""
    import numpy as np

    from openmars.dl3.livetime import live_time
    from openmars.quality.slices import outside

    rng = np.random.default_rng(11)
    seconds = np.sort(rng.uniform(0, 1200, 48_000))
    whole = live_time(seconds, np.arange(len(seconds)), 1e-3)
    parts, _ = split(run(*[1.5 + 0.1 * i for i in range(21)]))
    assert [part.level.label for part in parts] == ["dark", "NSB_2-3", "NSB_3-5"]
    on = effective = events = 0.0
    for part in parts:
        excluded = (np.array(part.excluded) - START) * 86400
        keep = outside(seconds, excluded)
        live = live_time(seconds[keep], np.arange(len(seconds))[keep], 1e-3, excluded=excluded)
        on, effective, events = on + live.ontime, effective + live.effective, events + keep.sum()
    assert events == len(seconds)
    assert on == pytest.approx(whole.ontime, abs=0.5)
    assert effective == pytest.approx(whole.effective, abs=0.6)
