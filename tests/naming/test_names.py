"""MAGIC file names: the published ones, and a round trip for any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automagic.naming import EXTENSION, TAGS, DataName, McName, SummaryName, check_source, parse
from automagic.naming.names import PER_TELESCOPE

PUBLISHED = [
    "20210314_M1_05095172.001_Y_CrabNebula-W0.40+035.root",
    "20210314_M1_05095172.001_D_CrabNebula-W0.40+035.rep",
    "20210314_M2_05095172.001_I_CrabNebula-W0.40+035.root",
    "20210314_05095172_S_CrabNebula-W0.40+035.root",
    "20150313_05041823_Q_CrabNebula-W0.40+035.root",
    "20131004_05029747_DL3_CrabNebula-W0.40+035.fits",
    "20230324_M1_05111111.002_Y_1ES0806+524-W0.40+000.root",
    "GA_M1_za35to50_8_824318_Y_w0.root",
    "GA_za05to35_8_1743990to1745989_S_wr_2.root",
    "GA_za05to35_S_w0_1.root",
    "superstar05095172.root",
    "ssignal05095172_M1.root",
]


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_names_come_back(name):
    assert str(parse(name)) == name


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
        night=f"{draw(st.integers(20030101, 20991231))}",
        run=draw(st.integers(0, 10**8 - 1)),
        level=level,
        source=draw(sources),
        wobble=draw(wobbles),
        telescope=draw(st.sampled_from([1, 2])) if each else None,
        subrun=draw(st.integers(0, 999)) if each else None,
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
    )


summaries = st.builds(
    SummaryName,
    st.sampled_from(["ssignal", "scalib", "star", "superstar", "melibea"]),
    st.integers(0, 10**8 - 1),
    st.sampled_from([None, 1, 2]),
)


@given(data_names() | mc_names() | summaries)
def test_round_trip(name):
    assert parse(str(name)) == name
    assert "/" not in str(name)


@given(data_names())
def test_levels_of_the_same_run_differ_only_in_level(name):
    superstar = name.at("superstar")
    assert parse(str(superstar)).run == name.run
    assert str(superstar).endswith(EXTENSION.get("superstar", ".root"))
