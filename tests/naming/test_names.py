"""MAGIC file names: the published ones, and a round trip for any."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automagic.naming import (
    EXTENSION,
    PER_TELESCOPE,
    TAGS,
    DataName,
    McName,
    SummaryName,
    check_night,
    check_source,
    parse,
    reason,
)
from automagic.naming.parts import DAQ, RAW_EXTENSIONS

CRAB = {"source": "CrabNebula", "wobble": "W0.40+035"}
M1 = {"night": "20210314", "run": 5095172, "telescope": 1, "subrun": 1, **CRAB}

# every pattern of MAGIC's names that is public, with its example, and what it says
PUBLISHED = {
    "20210314_M1_05095172.001_D_CrabNebula-W0.40+035.root": DataName(level="raw", **M1),
    "20210314_M1_05095172.001_P_CrabNebula-W0.40+035.root": DataName(level="pedestal", **M1),
    "20210314_M1_05095172.001_C_CrabNebula-W0.40+035.root": DataName(level="calibration", **M1),
    "20210314_M1_05095172.001_L_CrabNebula-W0.40+035.root": DataName(level="domino", **M1),
    "20210314_M1_05095172.001_N_CrabNebula-W0.40+035.root": DataName(level="linearity", **M1),
    "20210314_M1_05095172.001_D_CrabNebula-W0.40+035.raw": DataName(level="raw", extension=".raw", **M1),
    "20210314_M1_05095172.001_P_CrabNebula-W0.40+035.raw.gz": DataName(level="pedestal", extension=".raw.gz", **M1),
    "20210314_M1_05095172.001_D_CrabNebula-W0.40+035.rep": DataName(level="report", **M1),
    "20210314_M1_05095172.001_Y_CrabNebula-W0.40+035.root": DataName(level="calibrated", **M1),
    "20210314_M1_05095172.001_I_CrabNebula-W0.40+035.root": DataName(level="star", **M1),
    "20210314_05095172_S_CrabNebula-W0.40+035.root": DataName("20210314", 5095172, "superstar", **CRAB),
    "20150313_05041823_Q_CrabNebula-W0.40+035.root": DataName("20150313", 5041823, "melibea", **CRAB),
    "20131004_05029747_DL3_CrabNebula-W0.40+035.fits": DataName("20131004", 5029747, "dl3", **CRAB),
    "20201119_M1_05093711.001_Y_1ES1218+304-W0.40+000.root": DataName(
        "20201119", 5093711, "calibrated", "1ES1218+304", "W0.40+000", 1, 1
    ),
    "20230324_M2_05111111.002_Y_1ES0806+524-W0.40+000.root": DataName(
        "20230324", 5111111, "calibrated", "1ES0806+524", "W0.40+000", 2, 2
    ),
    "20181103_05077777_S_Geminga-W0.40+214.root": DataName("20181103", 5077777, "superstar", "Geminga", "W0.40+214"),
    "20210314_M1_05095172.001_Y_CrabNebula.root": DataName("20210314", 5095172, "calibrated", "CrabNebula", None, 1, 1),
    "GA_M1_za35to50_8_824318_Y_w0.root": McName((35, 50), "calibrated", "w0", 8, 824318, None, 1),
    "GA_M2_za35to50_8_824318_I_w0.root": McName((35, 50), "star", "w0", 8, 824318, None, 2),
    "GA_za35to50_8_824318_S_w0.root": McName((35, 50), "superstar", "w0", 8, 824318),
    "GA_za05to35_8_1743990to1745989_S_wr_1.root": McName((5, 35), "superstar", "wr", 8, 1743990, 1745989, half=1),
    "GA_za05to35_8_1743990to1745989_S_wr_2.root": McName((5, 35), "superstar", "wr", 8, 1743990, 1745989, half=2),
    "GA_za05to35_8_1743990to1745989_Q_wr_2.root": McName((5, 35), "melibea", "wr", 8, 1743990, 1745989, half=2),
    "GA_za05to35_8_824318_Q_w0.root": McName((5, 35), "melibea", "w0", 8, 824318),
    "GA_za05to35_TRAIN_S_wr.root": McName((5, 35), "superstar", "wr", sample="TRAIN"),
    "GA_za05to35_S_w0_1.root": McName((5, 35), "superstar", "w0", half=1),
    "scalib05095170_M1.root": SummaryName("scalib", 5095170, 1),
    "ssignal05095172_M1.root": SummaryName("ssignal", 5095172, 1),
    "star05095172_M2.root": SummaryName("star", 5095172, 2),
    "superstar05095172.root": SummaryName("superstar", 5095172),
    "melibea05095172.root": SummaryName("melibea", 5095172),
    "melibea.root": SummaryName("melibea"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_names_are_understood_and_come_back(name):
    assert parse(name) == PUBLISHED[name]
    assert str(parse(name)) == name
    assert reason(name) == ""


def test_a_report_is_that_of_its_raw_and_calibrated_file():
    calibrated = parse("20210314_M1_05095172.001_Y_CrabNebula-W0.40+035.root")
    assert str(calibrated.at("report")) == "20210314_M1_05095172.001_D_CrabNebula-W0.40+035.rep"
    packed = parse("20210314_M1_05095172.001_D_CrabNebula-W0.40+035.raw.gz")
    assert packed.at("calibrated") == calibrated
    assert packed.at("report").level == "report"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("notes.txt", "like none of MAGIC's names"),
        (".20210314_05095172_S_Crab.root.x7", "hidden"),
        ("20210314_05095172_S_Crab.root.part", "transfer that has not ended"),
        ("20210314_05095172_S_Crab\nNebula.root", "line break"),
        ("20210314_M3_05095172.001_Y_Crab.root", "only the telescopes M1 and M2"),
        ("20210314_05095172.001_Y_Crab.root", "no telescope"),
        ("20210314_M1_05095172_Y_Crab.root", "no subrun"),
        ("20210314_M1_05095172.001_S_Crab.root", "of a whole run"),
        ("20210314_M1_05095172.001_Y_Crab.rep", "_Y_ has no extension .rep"),
        ("20210314_05095172_S_Crab.fits", "_S_ has no extension .fits"),
        ("20210230_05095172_S_Crab.root", "no day 2021-02-30"),
        ("20210314_05095172_S_Crab-W0.40+035-W0.40+035.root", "ends like a wobble position"),
        ("20210314_05095172_S_Crab Nebula.root", "source, wobble position or extension"),
        ("20210314_what.root", "begins with a night"),
        ("GA_M1_za35to05_8_824318_Y_w0.root", "must rise"),
        ("GA_za05to35.root", "begins like Monte Carlo"),
        ("superstar5095172.root", "begins like a summary"),
    ],
)
def test_another_name_is_told_why_it_is_none(name, words):
    assert words in reason(name)
    with pytest.raises(ValueError, match=re.escape(words)):
        parse(name)


def test_source_with_signs_is_parsed_from_the_right():
    name = parse("20130411_05020123_S_1ES0806+524-W0.40+000-W0.50-180.root".replace("-W0.40+000", "-WX"))
    assert (name.source, name.wobble) == ("1ES0806+524-WX", "W0.50-180")


def test_training_half_is_known_from_the_name():
    assert parse("GA_za05to35_8_1743990to1745989_S_wr_1.root").half == 1
    assert parse("GA_za05to35_8_1743990to1745989_S_wr_1.root").set == "GA_za05to35_wr"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "notes.txt",
        "20210314_M3_05095172.001_Y_CrabNebula-W0.40+035.root",
        "20210314_05095172.001_Y_CrabNebula-W0.40+035.root",
        "20210314_M1_05095172_S_CrabNebula-W0.40+035.root",
        "20210314_M1_05095172.001_Y_../../etc-W0.40+035.root",
        "20210314_M1_05095172.001_Y_Crab Nebula-W0.40+035.root",
        "20210314_05095172_S_CrabNebula-W0.40+035.fits",
        "20210314_05095172_S_CrabNebula-W0.40+035.root\n",
        "٢٠٢١٠٣١٤_05095172_S_CrabNebula-W0.40+035.root",
        "GA_M1_za35to50_8_0824318_Y_w0.root",
        "GA_M1_za35to05_8_824318_Y_w0.root",
        "GA_za35to50_8_824318_Y_w0.root",
    ],
)
def test_other_names_are_refused(name):
    with pytest.raises(ValueError):
        parse(name)


@pytest.mark.parametrize("name", ["", "a b", "../x", "x;rm", "$(HOME)", "-x", "x\n", "Crab-W0.40+035", "é"])
def test_unsafe_sources_are_refused(name):
    with pytest.raises(ValueError):
        check_source(name)


def is_source(text):
    try:
        check_source(text)
    except ValueError:
        return False
    return True


sources = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9+_.\-]{0,20}", fullmatch=True).filter(is_source)
wobbles = st.none() | st.from_regex(r"W[0-9]\.[0-9]{2}[+-][0-9]{3}", fullmatch=True).filter(str.isascii)


@st.composite
def data_names(draw):
    level = draw(st.sampled_from(sorted(TAGS)))
    each = level in PER_TELESCOPE
    return DataName(
        night=f"{draw(st.dates(date(2003, 1, 1), date(2099, 12, 31))):%Y%m%d}",
        run=draw(st.integers(0, 10**8 - 1)),
        level=level,
        source=draw(sources),
        wobble=draw(wobbles),
        telescope=draw(st.sampled_from([1, 2])) if each else None,
        subrun=draw(st.integers(0, 999)) if each else None,
        extension=draw(st.sampled_from(["", *RAW_EXTENSIONS])) if level in DAQ else "",
    )


@st.composite
def mc_names(draw):
    level = draw(st.sampled_from(["calibrated", "star", "superstar", "melibea"]))
    low = draw(st.integers(0, 98))
    numbered = draw(st.booleans())
    return McName(
        zenith=(low, draw(st.integers(low + 1, 99))),
        level=level,
        geometry=draw(st.sampled_from(["w0", "wr", "wd"])),
        group=draw(st.integers(0, 99)) if numbered else None,
        run=draw(st.integers(0, 10**8)) if numbered else None,
        last=draw(st.none() | st.integers(0, 10**8)) if numbered else None,
        telescope=draw(st.sampled_from([1, 2])) if level in PER_TELESCOPE else None,
        half=draw(st.sampled_from([None, 1, 2])),
        sample=None if level in PER_TELESCOPE else draw(st.sampled_from([None, "TRAIN", "TEST"])),
    )


summaries = st.builds(
    SummaryName,
    st.sampled_from(["ssignal", "scalib", "star", "superstar", "melibea"]),
    st.none() | st.integers(0, 10**8 - 1),
    st.sampled_from([None, 1, 2]),
)


@given(data_names() | mc_names() | summaries)
def test_round_trip(name):
    assert parse(str(name)) == name
    assert "/" not in str(name)


@given(st.text(max_size=40) | st.from_regex(r"(20210314_M1_0509|GA_za|star)[0-9A-Za-z_.+\-]{0,40}", fullmatch=True))
def test_any_text_is_a_name_that_comes_back_or_told_why_not(text):
    words = reason(text)
    if words:
        with pytest.raises(ValueError):
            parse(text)
    else:
        assert str(parse(text)) == text


@given(st.dates(date(1, 1, 1), date(9999, 12, 31)))
def test_every_day_is_a_night(day):
    text = f"{day.year:04d}{day:%m%d}"
    assert check_night(text) == text


@given(data_names())
def test_levels_of_the_same_run_differ_only_in_level(name):
    superstar = name.at("superstar")
    assert parse(str(superstar)).run == name.run
    assert str(superstar).endswith(EXTENSION.get("superstar", ".root"))
