"""A run is taken, or left out for one reason: the first in a fixed order. What is not known is not held against it."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automagic.analysis import load
from automagic.analysis.sections import Data
from automagic.errors import UserError
from automagic.index.runs import DataFile, Run
from automagic.kinds import defaults
from automagic.naming import DataName
from automagic.selection.checks import CHECKS
from automagic.selection.choose import WORDS, judge, select, select_off
from automagic.selection.defaults import limits

RA, DEC = 83.6333, 22.0145


@pytest.fixture(scope="module")
def crab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crab")
    (folder / "analysis.toml").write_text(f'[source]\nname = "CrabNebula"\nra = {RA}\ndec = {DEC}\n')
    return load(folder)


def asking(analysis, **data):
    return dataclasses.replace(analysis, data=Data.model_validate(data))


def run(number=5029747, telescopes=(1, 2), subruns=(1,), **more):
    given = {
        "night": "2013-10-05",
        "source": "CrabNebula",
        "wobble": "W0.40+035",
        "level": "calibrated",
        "zenith": (20.0, 24.0),
        "azimuth": 110.0,
        "minutes": 15.0,
        "nsb": 1.0,
        "hv": "nominal",
        "trigger": "standard",
        "transmission": 0.95,
        "cloudiness": 12.0,
        "rate": 250.0,
        "ra": RA,
        "dec": DEC,
        "period": "ST.03.16",
    } | more
    night, level, source = given["night"].replace("-", ""), given["level"], given["source"]
    names = [
        DataName(night, number, level, source, given["wobble"], telescope, subrun)
        for telescope in telescopes
        for subrun in subruns
    ]
    return Run(number, files=tuple(DataFile(name) for name in names), **given)


def reason(analysis, each):
    selection = judge(analysis, [each])
    return None if selection.runs else selection.left_out[0][1]


@pytest.mark.parametrize(
    ("data", "attributes", "key", "words"),
    [
        ({"runs": [1]}, {}, "runs", "not in data.runs"),
        ({"exclude": [5029747]}, {}, "exclude", "in data.exclude"),
        ({}, {"source": "Mrk421"}, "source", "its source is Mrk421"),
        ({"source": ["Crab", "Crab1"]}, {}, "source", "its source is CrabNebula"),
        ({"cone": 0.5}, {"dec": DEC + 0.6}, "source", "0.60° away, beyond data.cone, 0.5°"),
        ({"dates": ["2013-10-06", "2013-10-09"]}, {}, "dates", "its night 2013-10-05 is outside data.dates"),
        ({"nights": ["2013-10-04", "2013-10-06"]}, {}, "nights", "is not in data.nights"),
        ({"periods": ["ST.03.18"]}, {}, "periods", "its period ST.03.16 is not in data.periods"),
        ({}, {"telescopes": (1,)}, "telescope", "it has no calibrated file of M2"),
        ({}, {"trigger": "sumt"}, "trigger", "its trigger is sumt, not the usual standard"),
        ({"hv": "nominal"}, {"hv": "reduced"}, "hv", "its HV is reduced, not data.hv, nominal"),
        ({"wobbles": ["W0.70", "W0.40+215"]}, {}, "wobbles", "W0.40+035 is not in data.wobbles"),
        ({"wobbles": ["W0.40"]}, {"wobble": None}, "wobbles", "no wobble position"),
        ({}, {"zenith": (52.0, 56.0)}, "zenith", "its zenith 54.0° is outside the usual 5–50°"),
        ({"zenith": [5, 20]}, {}, "zenith", "outside data.zenith, 5–20°"),
        ({"azimuth": [270, 90]}, {}, "azimuth", "its azimuth 110° is outside data.azimuth, 270–90°"),
        ({}, {"nsb": 3.25}, "nsb", "its NSB 3.25 is outside the usual 0–2"),
        ({}, {"nsb": None, "dc_na": 3575.0}, "nsb", "its NSB 3.25"),
        ({}, {"transmission": 0.62}, "transmission", "its transmission 0.62 is below the usual 0.85"),
        ({"cloudiness": 10}, {}, "cloudiness", "its cloudiness 12 % is above data.cloudiness, 10 %"),
        ({"rate": [300, 400]}, {}, "rate", "its rate 250 Hz is outside data.rate, 300–400 Hz"),
        ({"minutes_min": 20}, {}, "minutes_min", "its 15 min are below data.minutes_min, 20 min"),
    ],
)
def test_each_limit_has_its_reason(crab, data, attributes, key, words):
    found = reason(asking(crab, **data), run(**attributes))
    assert found is not None
    assert found.key == key
    assert words in found.text


@pytest.mark.parametrize(
    ("data", "attributes"),
    [
        ({}, {}),
        ({"cone": 0.5}, {"source": "Crab", "dec": DEC + 0.4}),
        ({"cone": 0.5}, {"ra": None, "dec": None}),
        ({"source": "Crab"}, {"source": "Crab"}),
        ({"wobbles": ["W0.40"]}, {}),
        ({"azimuth": [90, 180]}, {}),
        ({"azimuth": [300, 120]}, {}),
        ({"nsb": [2, 5]}, {"nsb": 3.0}),
        ({"trigger": ["standard", "sumt"]}, {"trigger": "sumt"}),
        ({"transmission": 0.5, "cloudiness": 80}, {"transmission": 0.62, "cloudiness": 70.0}),
        ({"periods": ["ST.03.16"], "rate": [1, 2]}, {"period": None, "rate": None}),
    ],
)
def test_what_keeps_the_limits_is_taken(crab, data, attributes):
    assert reason(asking(crab, **data), run(**attributes)) is None


def test_of_several_reasons_the_first_counts(crab):
    bad = run(telescopes=(2,), source="Mrk421", zenith=(60.0, 62.0), nsb=9.0, transmission=0.3, night="2020-01-01")
    data = {"exclude": [5029747], "dates": ["2013-10-01", "2013-10-30"]}
    assert reason(asking(crab, **data), bad).key == "exclude"
    del data["exclude"]
    assert reason(asking(crab, **data), bad).key == "source"
    bad = dataclasses.replace(bad, source="CrabNebula")
    assert reason(asking(crab, **data), bad).key == "dates"
    assert reason(crab, bad) == ("telescope", "it has no calibrated file of M1")


def test_every_check_has_two_words_in_the_same_order():
    assert [key for key, _ in CHECKS] == [key for key in WORDS if key not in ("itself", "mc")]


def test_usual_limits_follow_the_kind_and_give_way_to_what_is_asked(crab):
    assert limits(crab).transmission == 0.85
    assert limits(crab).usual == {"zenith", "hv", "trigger", "nsb", "transmission", "cloudiness"}
    asked = limits(asking(crab, transmission=0.7, zenith=[5, 35]))
    assert (asked.transmission, asked.zenith) == (0.7, (5, 35))
    assert asked.usual == {"hv", "trigger", "nsb", "cloudiness"}
    assert defaults("moon")["hv"].value == ("nominal", "reduced")
    assert all(each.source for kind in ("standard", "moon", "mataju-sumt") for each in defaults(kind).values())


PROBLEMS = (
    "run 00000003: the report of subrun 001 of M1 is empty",
    "run 00000003: there are 2 versions of its calibrated files (v1, v2); the newest is taken",
    "run 00000003: the calibrated files of M1 go to subrun 004 but lack 003",
    "run 00000003: M1 has 2 calibrated subruns and M2 has 1; M2 lacks 002",
)


def test_what_is_odd_about_a_run_is_said(crab):
    odd = [
        run(1, subruns=(1, 2, 4)),
        dataclasses.replace(run(2), versions=("v1", "v2"), version="v2"),
        dataclasses.replace(run(3), problems=PROBLEMS),
        run(4),
    ]
    odd[0] = dataclasses.replace(odd[0], files=tuple(f for f in odd[0].files if str(f.name)[9:24] != "M2_00000001.002"))
    selection = select(crab, odd)
    assert selection.remarks == {
        1: ["M2 lacks subrun 002; its events have no partner", "neither telescope has subrun 003"],
        2: ["storage has the versions v1, v2; v2 is taken"],
        3: ["the report of subrun 001 of M1 is empty"],
    }
    assert "run 00000002: storage has the versions v1, v2; v2 is taken" in selection.notes
    by_run = {row["run"]: row["remarks"] for row in selection.rows()}
    assert by_run[4] is None
    assert by_run[3] == "the report of subrun 001 of M1 is empty"


def raw_run(number=5029747):
    raw = run(number, level="raw")
    at = {
        level: tuple(DataFile(dataclasses.replace(file.name, level=level), size=9) for file in raw.files)
        for level in ("report", "pedestal", "calibration")
    }
    return dataclasses.replace(raw, reports=at["report"], pedestal=at["pedestal"], calibration=at["calibration"])


def test_a_raw_run_without_calibration_or_report_is_left_out(crab):
    sound = raw_run()
    lame = dataclasses.replace(raw_run(2), calibration=raw_run(2).calibration[:1])
    silent = dataclasses.replace(raw_run(3), reports=raw_run(3).reports[1:])
    empty = dataclasses.replace(raw_run(4), reports=tuple(dataclasses.replace(r, size=0) for r in raw_run(4).reports))
    unsized = dataclasses.replace(raw_run(5), reports=tuple(dataclasses.replace(r, size=None) for r in sound.reports))
    unsized = dataclasses.replace(unsized, files=sound.files)
    selection = select(asking(crab, **{"from": "raw"}), [sound, lame, silent, empty, unsized])
    assert [each.run for each in selection.runs] == [5029747, 5]
    said = {each.run: (reason.key, reason.text) for each, reason in selection.left_out}
    assert said[2] == ("calibration", "M2 has no calibration run of its night, 2013-10-05")
    assert said[3][0] == said[4][0] == "reports"
    assert said[3][1].startswith("the report of subrun 001 of M1")
    assert said[4][1].endswith("is missing or empty")


def test_what_is_not_known_is_said_once_for_all(crab):
    blind = [run(number, nsb=None, cloudiness=None, transmission=None) for number in (1, 2, 3, 4)]
    notes = select(crab, [*blind, run(5, zenith=None)]).notes
    assert notes == [
        "4 runs: their NSB level, transmission and cloudiness are not known, "
        "so data.nsb, data.transmission and data.cloudiness were not applied",
        "run 00000005: its zenith distance is not known, so data.zenith was not applied",
    ] or notes == [
        "run 00000005: its zenith distance is not known, so data.zenith was not applied",
        "4 runs: their NSB level, transmission and cloudiness are not known, "
        "so data.nsb, data.transmission and data.cloudiness were not applied",
    ]


def test_a_period_that_no_table_has_is_told(crab):
    notes = select(asking(crab, periods=["ST.03.61"]), [run(1, period=None)]).notes
    assert "data.periods: catalog/periods.csv has no ST.03.61, so no night is known to be of it" in notes
    assert not any("periods.csv" in each for each in select(asking(crab, periods=["ST.03.16"]), [run()]).notes)


def test_many_left_out_are_counted_by_reason(crab):
    found = [run(n) for n in range(1, 4)] + [run(n, cloudiness=80.0) for n in range(10, 50)]
    selection = select(crab, [*found, run(60, source="Mrk421"), run(61, transmission=0.5)])
    assert "40 runs left out: clouds" in selection.notes
    assert "run 00000061 left out: haze" in selection.notes
    assert len(selection.notes) == 3
    assert len(selection.rows()) == 44
    assert len(selection.rows(every=True)) == 45


def test_runs_asked_for_that_are_not_there(crab):
    with pytest.raises(UserError, match=r"data\.runs: there is no run 00000007 at the site"):
        select(asking(crab, runs=[5029747, 7]), [run()])


def test_nothing_left_is_an_error_with_reasons(crab):
    with pytest.raises(UserError, match=r"no run of CrabNebula remains of 1:\n  run 05029747 left out: its cloud"):
        select(asking(crab, cloudiness=5), [run()])
    with pytest.raises(UserError, match=r"the site has runs of Mrk421, CrabNebla; did you mean|runs of CrabNebla, Mrk"):
        select(crab, [run(source="CrabNebla"), run(8, source="Mrk421")])
    with pytest.raises(UserError, match="the site has no calibrated files"):
        select(crab, [])


def test_off_runs_keep_the_limits_on_light_and_weather_only(crab):
    data = {"dates": ["2013-10-05", "2013-10-05"], "runs": [1], "minutes_min": 10}
    good = run(2, source="OffCrab", night="2013-11-05", zenith=(60.0, 62.0), minutes=5.0)
    found = [
        good,
        run(3, source="OffCrab", cloudiness=70.0),
        run(4, source="OffCrab", telescopes=(1,)),
        run(5),
        run(6, source="OffCrab", trigger="sumt"),
    ]
    selection = select_off(asking(crab, **data), found)
    assert selection.runs == [good]
    assert [each.key for _, each in selection.left_out] == ["cloudiness", "telescope", "itself", "trigger"]
    assert select_off(crab, []).runs == []


# --- properties

maybe = st.none
attributes = st.fixed_dictionaries(
    {
        "source": st.sampled_from(["CrabNebula", "Mrk421"]),
        "night": st.sampled_from(["2013-10-05", "2013-10-06", "2020-11-01"]),
        "wobble": st.sampled_from(["W0.40+035", "W0.40+215", "W0.70+035"]),
        "telescopes": st.sampled_from([(1, 2), (1, 2), (1, 2), (1,), (2,)]),
        "zenith": maybe() | st.floats(0, 80).map(lambda z: (z, z + 5)),
        "azimuth": maybe() | st.floats(0, 360),
        "minutes": maybe() | st.floats(0.1, 30),
        "nsb": maybe() | st.floats(0.5, 20),
        "hv": st.sampled_from([None, "nominal", "reduced"]),
        "trigger": st.sampled_from([None, "standard", "sumt"]),
        "transmission": maybe() | st.floats(0, 1),
        "cloudiness": maybe() | st.floats(0, 100),
        "rate": maybe() | st.floats(1, 1000),
        "period": st.sampled_from([None, "ST.03.16", "ST.03.18"]),
        "dec": maybe() | st.floats(20, 24),
    }
)
several = st.lists(attributes, max_size=12).map(lambda all_: [run(n + 1, **each) for n, each in enumerate(all_)])


@st.composite
def nested(draw):
    """Limits, and looser ones of the same keys."""
    tight, loose = {}, {}

    def put(key, narrow, wide):
        if draw(st.booleans()):
            tight[key] = narrow
            if draw(st.booleans()):
                loose[key] = wide
            elif key in ("zenith", "nsb"):
                loose[key] = [0, 90]
            elif key in ("hv", "trigger"):
                loose[key] = wide
            elif key == "transmission":
                loose[key] = 0
            elif key == "cloudiness":
                loose[key] = 100

    low, high = draw(st.floats(0, 40)), draw(st.floats(45, 90))
    put("zenith", [low, high], [low / 2, min(90.0, high + 5)])
    put("nsb", [low / 40, high / 10], [0, high])
    put("rate", [low * 10, high * 10], [low * 5, high * 20])
    put("azimuth", [low, high], [low / 2, high * 2])
    put("transmission", high / 90, low / 90)
    put("cloudiness", low, high)
    put("minutes_min", low / 2, low / 4)
    put("hv", "reduced", ["reduced", "nominal"])
    put("trigger", "sumt", ["sumt", "standard"])
    put("periods", ["ST.03.16"], ["ST.03.16", "ST.03.18"])
    put("wobbles", ["W0.40+035"], ["W0.40", "W0.70+035"])
    put("nights", ["2013-10-05"], ["2013-10-05", "2020-11-01"])
    put("dates", ["2013-10-05", "2013-10-05"], ["2013-10-01", "2013-12-31"])
    put("runs", [1, 2, 3], [1, 2, 3, 4, 5])
    put("exclude", [4, 5], [5])
    put("cone", low / 40 + 0.1, low / 40 + 0.5)
    if {*tight.get("runs", [])} & {*tight.get("exclude", [])} or {*loose.get("runs", [])} & {*loose.get("exclude", [])}:
        tight.pop("exclude", None)
        loose.pop("exclude", None)
    if "cone" in tight and "cone" not in loose:
        loose["cone"] = 5.0
    return tight, loose


@settings(max_examples=150, deadline=None)
@given(found=several, pair=nested())
def test_every_run_is_taken_or_has_one_reason_and_rows_add_up(crab, found, pair):
    selection = judge(asking(crab, **pair[0]), found)
    left_out = [each for each, _ in selection.left_out]
    assert sorted([*selection.runs, *left_out], key=lambda each: each.run) == found
    rows = selection.rows(every=True)
    assert [row["run"] for row in rows] == [each.run for each in found]
    assert all(row["taken"] == (row["reason"] is None) == (row["cause"] is None) for row in rows)
    assert {row["cause"] for row in rows} - {None} <= set(WORDS)
    taken = sum(row["minutes"] or 0 for row in rows if row["taken"])
    assert taken == pytest.approx(selection.minutes)
    assert sum(len(group) for group in selection.groups.values()) == len(selection.runs)


@settings(max_examples=150, deadline=None)
@given(found=several, pair=nested())
def test_loosening_a_limit_never_removes_a_run(crab, found, pair):
    tight, loose = (judge(asking(crab, **data), found) for data in pair)
    assert {each.run for each in tight.runs} <= {each.run for each in loose.runs}


@settings(max_examples=150, deadline=None)
@given(
    found=several,
    pair=nested(),
    key=st.sampled_from(
        ["zenith", "azimuth", "minutes", "nsb", "hv", "trigger", "transmission", "cloudiness", "rate", "period"]
    ),
)
def test_knowing_less_never_removes_a_run_and_the_order_does_not_matter(crab, found, pair, key):
    analysis = asking(crab, **pair[0])
    taken = {each.run for each in judge(analysis, found).runs}
    blind = [dataclasses.replace(each, **{key: None}) for each in found]
    assert taken <= {each.run for each in judge(analysis, blind).runs}
    assert judge(analysis, found[::-1]).rows() == judge(analysis, found).rows()
