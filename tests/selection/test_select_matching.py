"""Each group of runs gets the Monte Carlo and the off runs of its conditions, or is told which condition has none."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automagic.index.runs import DataFile, McSet, Run
from automagic.naming import McName
from automagic.selection.conditions import conditions, nsb_class, nsb_of, separation
from automagic.selection.matching import OFF_MARGIN, choose_mc, choose_off, match, mc_remarks


def run(number=1, middle=20.0, spread=2.0, **more):
    zenith = None if middle is None else (middle - spread, middle + spread)
    return Run(number, "2020-11-01", "CrabNebula", "W0.40+035", "superstar", (), zenith=zenith, **more)


def mc(zenith=(5, 35), name=None, halves=(None,), level="superstar", **more):
    files = tuple(DataFile(McName(zenith, "superstar", "w0", 8, 1, 9, half=half)) for half in halves)
    return McSet(name or f"GA_za{zenith[0]:02d}to{zenith[1]:02d}_w0", zenith, "w0", level, files, **more)


def test_classes_of_light_follow_the_cleaning_levels():
    assert [nsb_class(nsb) for nsb in (0.7, 2.0, 2.01, 3.0, 4.9, 8.0, 8.1)] == [
        "dark",
        "dark",
        "NSB 2–3",
        "NSB 2–3",
        "NSB 3–5",
        "NSB 5–8",
        "NSB above 8",
    ]
    assert [nsb_class(nsb, "reduced") for nsb in (1.0, 6.0, 12.0, 18.0, 25.0)] == [
        "NSB 0–5",
        "NSB 5–8",
        "NSB 8–12",
        "NSB 12–20",
        "NSB above 20",
    ]
    assert nsb_of(run(dc_na=2750.0)) == 2.5
    assert nsb_of(run(nsb=1.0, dc_na=2500.0)) == 1.0
    assert nsb_of(run()) is None


def test_conditions_in_words():
    of = conditions(run(middle=40, nsb=2.5, hv="reduced", trigger="sumt", period="ST.03.16"))
    assert str(of) == "ST.03.16, 35–50°, NSB 0–5, reduced HV, Sum-Trigger"
    assert str(conditions(run(nsb=1.0, hv="nominal", trigger="standard"))) == "5–35°, dark"
    assert str(conditions(run(middle=None))) == "conditions not known"


@settings(deadline=None)
@given(st.floats(0, 360), st.floats(-89, 89), st.floats(0, 360), st.floats(-89, 89))
def test_separations_agree_with_astropy(ra_1, dec_1, ra_2, dec_2):
    from astropy.coordinates import angular_separation
    from numpy import deg2rad, rad2deg

    expected = rad2deg(angular_separation(*deg2rad([ra_1, dec_1, ra_2, dec_2])))
    assert separation(ra_1, dec_1, ra_2, dec_2) == pytest.approx(expected, abs=2e-6)


def test_the_middle_decides_and_a_straddling_run_is_told():
    low, high = mc((5, 35)), mc((35, 50))
    assert choose_mc(run(middle=34.5), [low, high], "w0") == (low, None)
    assert choose_mc(run(middle=35.0), [low, high], "w0") == (high, None)
    (said,) = mc_remarks(run(middle=34.5), low)
    assert said == (
        "run 00000001 goes from 32.5° to 36.5° zenith distance; GA_za05to35_w0 was chosen by the middle, 34.5°"
    )
    assert mc_remarks(run(middle=20), low) == []
    (group,) = match([run(n, middle=34.5) for n in range(5)], [low, high], [], "w0")
    assert group.remarks[0].startswith("5 runs: their zenith distance goes beyond that of GA_za05to35_w0")


def test_a_source_at_another_offset_is_told():
    off_axis = dataclasses.replace(run(), wobble="W0.70+035")
    assert mc_remarks(off_axis, mc()) == [
        "run 00000001 has its source 0.70° off the centre, GA_za05to35_w0 0.40°",
    ]
    assert mc_remarks(off_axis, dataclasses.replace(mc(), geometry="wd")) == []
    assert mc_remarks(dataclasses.replace(run(), wobble=None), mc()) == []


@pytest.mark.parametrize(
    ("attributes", "sets", "words"),
    [
        ({}, [], "the site has no gamma Monte Carlo of geometry w0; add it to storage.mc"),
        ({"middle": None}, [mc(), mc((35, 50))], "the zenith distance of run 00000001 is not known"),
        (
            {"middle": 55.0},
            [mc(), mc((35, 50))],
            "no Monte Carlo covers the zenith distance of run 00000001, 55.0°; there is 5–35° and 35–50°",
        ),
        (
            {"trigger": "sumt"},
            [mc(trigger="standard"), mc((35, 50), trigger="standard")],
            "no Monte Carlo of trigger sumt for run 00000001; there is standard. Add Monte Carlo in site.toml, "
            "or narrow data.trigger",
        ),
        (
            {"nsb": 2.5},
            [mc(nsb=1.0), mc(nsb=4.0)],
            "no Monte Carlo of NSB 2–3 for run 00000001; there is NSB 3–5 and dark",
        ),
        ({"nsb": 1.0}, [mc(nsb=4.0)], "no Monte Carlo of night-sky background dark for run 00000001; there is NSB 3–5"),
        (
            {"period": "ST.03.16"},
            [mc(period="ST.03.18"), mc((35, 50), period="ST.03.16")],
            "no Monte Carlo of period ST.03.16 for run 00000001; there is ST.03.18",
        ),
        # zenith and trigger are both wrong in one, the trigger alone in the other
        (
            {"trigger": "sumt"},
            [mc((35, 50), trigger="standard"), mc(trigger="standard"), mc((35, 50), trigger="sumt")],
            "no Monte Carlo of trigger sumt",
        ),
    ],
)  # fmt: skip
def test_the_one_condition_without_a_match_is_named(attributes, sets, words):
    chosen, problem = choose_mc(run(**attributes), sets, "w0")
    assert chosen is None
    assert words in problem


def test_of_several_sets_the_best_known_then_the_whole_then_the_newest():
    sets = [mc(version="Mmcs699"), mc(version="Mmcs1001"), mc(version="Mmcs700")]
    assert choose_mc(run(), sets, "w0")[0].version == "Mmcs1001"
    sets.append(mc(version="Mmcs6", period="ST.03.16"))
    assert choose_mc(run(period="ST.03.16"), sets, "w0")[0].period == "ST.03.16"
    assert choose_mc(run(), [mc(trigger="sumt"), mc(trigger="standard")], "w0")[0].trigger == "standard"
    assert choose_mc(run(nsb=3.2), [mc(nsb=4.8), mc(nsb=3.1)], "w0")[0].nsb == 3.1
    halves = [mc(halves=(2,), version="v9"), mc(halves=(1, 2), version="v1")]
    assert choose_mc(run(), halves, "w0")[0].version == "v1"


def test_off_runs_are_those_near_in_zenith_under_the_same_conditions():
    runs = [run(10, period="ST.03.16", trigger="standard", nsb=1.0)]
    off = [
        run(1, 38.0, period="ST.03.16", nsb=1.2, trigger="standard"),
        run(2, 41.0, period="ST.03.16", nsb=1.2, trigger="standard"),
        run(3, 20.0, period="ST.03.18", nsb=1.2, trigger="standard"),
        run(4, 20.0, period="ST.03.16", nsb=2.5, trigger="standard"),
        run(5, 20.0, period="ST.03.16", nsb=1.2, trigger="sumt"),
        run(6, None),
    ]
    chosen, said = choose_off(mc(), off, runs)
    assert [each.run for each in chosen] == [1, 6]
    assert said == [
        "off run 00000006: zenith distance, trigger, night-sky background and period not known, "
        "taken for GA_za05to35_w0"
    ]
    # where Monte Carlo tells, it decides
    chosen, _ = choose_off(mc(period="ST.03.18"), off[:5], runs)
    assert [each.run for each in chosen] == [3]


@pytest.mark.parametrize(
    ("off", "words"),
    [
        ([], "there is no off run within 5° of the zenith range 5–35°"),
        ([run(1, 50.0)], "add some to storage.off or simulate.off in site.toml"),
        ([run(1, trigger="sumt")], "there is no off run of trigger standard within 5°"),
        ([run(1, period="ST.03.18")], "of period ST.03.16 within 5° of the zenith range 5–35°"),
        ([run(1, period="ST.03.18")], "There is ST.03.18"),
        ([run(1, nsb=4.0)], "of night-sky background dark within"),
    ],
)
def test_the_one_condition_without_off_runs_is_named(off, words):
    chosen, said = choose_off(mc(), off, [run(period="ST.03.16", trigger="standard", nsb=1.0)])
    assert chosen == []
    (sentence,) = said
    assert words in sentence


def test_groups_with_what_belongs_to_them():
    runs = [
        run(1, 20.0, nsb=1.0),
        run(2, 25.0, nsb=1.5),
        run(3, 40.0, nsb=1.0),
        run(4, 20.0, nsb=2.5),
        run(5, 60.0, nsb=1.0),
    ]
    sets = [mc(nsb=1.0), mc((35, 50), nsb=1.0)]
    off = [run(90, 20.0, nsb=1.0), run(91, 28.0, nsb=1.0)]
    groups = match(runs, sets, off, "w0")
    assert [([r.run for r in g.runs], g.mc and g.mc.name, [r.run for r in g.off]) for g in groups] == [
        ([1, 2], "GA_za05to35_w0", [90, 91]),
        ([3], "GA_za35to50_w0", []),
        ([4], None, []),
        ([5], None, []),
    ]
    assert groups[0].problem is None
    assert "no off run within 5° of the zenith range 35–50°" in groups[1].problem
    assert "no Monte Carlo of NSB 2–3" in groups[2].problem
    assert "covers the zenith distance" in groups[3].problem
    assert str(groups[3].conditions) == "50–62°, dark"
    assert "trigger and period of GA_za05to35_w0 not known, taken as fitting" in groups[0].remarks


def test_models_that_are_there_need_no_off_runs():
    (group,) = match([run()], [mc(level="melibea")], [], "w0")
    assert group.problem is None
    assert group.off == []


periods = st.sampled_from([None, "ST.03.16", "ST.03.18"])
triggers = st.sampled_from([None, "standard", "sumt"])
light = st.none() | st.floats(0.5, 10)
runs = st.builds(
    run,
    st.integers(1, 99),
    st.none() | st.floats(5, 65),
    period=periods,
    trigger=triggers,
    nsb=light,
)
sets = st.lists(
    st.builds(
        mc,
        st.sampled_from([(5, 35), (35, 50), (50, 62)]),
        period=periods,
        trigger=triggers,
        nsb=light,
        version=st.sampled_from([None, "Mmcs699", "Mmcs1000"]),
    ),
    max_size=5,
)


@settings(max_examples=200, deadline=None)
@given(run=runs, sets=sets)
def test_what_is_chosen_fits_and_does_not_depend_on_the_order(run, sets):
    chosen, problem = choose_mc(run, sets, "w0")
    assert (chosen is None) != (problem is None)
    assert choose_mc(run, sets[::-1], "w0") == (chosen, problem)
    if chosen is None:
        return
    assert run.middle is None or chosen.covers(run.middle)
    assert None in (chosen.period, run.period) or chosen.period == run.period
    assert None in (chosen.trigger, run.trigger) or chosen.trigger == run.trigger
    assert None in (chosen.nsb, run.nsb) or nsb_class(chosen.nsb) == nsb_class(run.nsb)


@settings(max_examples=200, deadline=None)
@given(users=st.lists(runs, min_size=1, max_size=3), off=st.lists(runs, max_size=6), each=sets.filter(bool))
def test_off_runs_chosen_fit_and_an_empty_choice_has_one_reason(users, off, each):
    chosen, said = choose_off(each[0], off, users)
    low, high = each[0].zenith[0] - OFF_MARGIN, each[0].zenith[1] + OFF_MARGIN
    assert all(run.middle is None or low <= run.middle <= high for run in chosen)
    assert all(run in off for run in chosen)
    if not chosen:
        assert len(said) == 1
    if each[0].period is not None:
        assert {run.period for run in chosen} <= {None, each[0].period}


@settings(max_examples=100, deadline=None)
@given(several=st.lists(runs, max_size=8), sets=sets, off=st.lists(runs, max_size=4))
def test_every_run_is_in_one_group(several, sets, off):
    groups = match(several, sets, off, "w0")
    assert sorted(run.run for group in groups for run in group.runs) == sorted(run.run for run in several)
    assert all(group.mc is not None or group.problem for group in groups)
