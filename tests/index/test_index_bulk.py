"""Names read in whole columns say what names read one by one say."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from automagic.index.bulk import COLUMNS, understand
from automagic.index.gather import Gathering
from automagic.index.layout import Place, place
from automagic.index.walk import Scan, Walk
from automagic.naming import DataName, McName, parse, reason

NIGHT = st.sampled_from(["20210314", "20210231", "20130000", "00000000", "2021314"])
TELESCOPE = st.sampled_from(["", "M1_", "M2_", "M3_"])
SOURCE = st.sampled_from(["CrabNebula", "1ES0806+524", "A.raw", "X-W0.40+035", "-x", "a b", "", "Ä", "a\nb"])
NAMES = st.one_of(
    st.text(max_size=30).filter(lambda text: "\0" not in text and "/" not in text),
    st.builds(
        "{}_{}{}{}_{}_{}{}{}".format,
        NIGHT,
        TELESCOPE,
        st.sampled_from(["05095172", "5095172", "00000000"]),
        st.sampled_from(["", ".001", ".000", ".1"]),
        st.sampled_from(["D", "P", "C", "L", "N", "Y", "I", "S", "Q", "DL3", "R"]),
        SOURCE,
        st.sampled_from(["", "-W0.40+035", "-W0.40+000", "-W0.4+35"]),
        st.sampled_from([".root", ".rep", ".raw", ".raw.gz", ".fits", ".root\n", ""]),
    ),
    st.builds(
        "GA_{}za{}to{}{}{}_{}_{}{}.root".format,
        TELESCOPE,
        st.sampled_from(["05", "35", "5"]),
        st.sampled_from(["35", "05", "62"]),
        st.sampled_from(["", "_TRAIN", "_TEST"]),
        st.sampled_from(["", "_8_824318", "_8_0824318", "_8_1743990to1745989", "_0_0"]),
        st.sampled_from(["Y", "I", "S", "Q", "D"]),
        st.sampled_from(["w0", "wr", "wd", "w1"]),
        st.sampled_from(["", "_1", "_2", "_3"]),
    ),
    st.builds(
        "{}{}{}.root".format,
        st.sampled_from(["star", "superstar", "ssignal", "scalib", "melibea", "quate"]),
        st.sampled_from(["", "05095172", "5095172"]),
        st.sampled_from(["", "_M1", "_M3"]),
    ),
)


def expected(name):
    """The columns that a single parse gives."""
    found = parse(name)
    row = dict.fromkeys(COLUMNS)
    if isinstance(found, DataName):
        night = f"{found.night[:4]}-{found.night[4:6]}-{found.night[6:]}"
        row |= {"kind": "data", "level": found.level, "night": night, "run": found.run, "source": found.source}
        row |= {"wobble": found.wobble, "telescope": found.telescope, "subrun": found.subrun}
    elif isinstance(found, McName):
        row |= {"kind": "mc", "level": found.level, "zenith_min": found.zenith[0], "zenith_max": found.zenith[1]}
        row |= {"geometry": found.geometry, "mc_group": found.group, "run": found.run, "last": found.last}
        row |= {"telescope": found.telescope, "half": found.half, "sample": found.sample}
    else:
        row |= {"kind": "summary", "level": found.program, "run": found.run, "telescope": found.telescope}
    return row


@settings(deadline=None)
@given(st.lists(NAMES, max_size=30))
def test_names_in_columns_say_what_single_names_say(names):
    files, unknown = understand(pa.table({"name": pa.array(names, pa.string())}))
    assert sorted(row["name"] for row in files.to_pylist() + unknown.to_pylist()) == sorted(names)
    for row in files.to_pylist():
        assert row == {"name": row["name"], **expected(row["name"])}
    for row in unknown.to_pylist():
        assert row["reason"] == reason(row["name"]) != ""


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=20).filter(lambda name: b"/" not in name and b"\0" not in name)))
def test_any_bytes_of_names_become_rows(raw):
    names = [name.decode("utf-8", "surrogateescape") for name in raw]
    scan = Scan("/data/v2", names=names, sizes=[1] * len(names), mtimes_ns=[2] * len(names))
    with Gathering() as gathering:
        gathering.add(scan)
        files, unknown, folders = gathering.finish(Walk([scan], started_ns=10**18))
    assert files.num_rows + unknown.num_rows == len(names)
    assert folders.num_rows == 1
    for row in unknown.to_pylist():
        assert row["reason"]
        row["name"].encode()


def test_folders_tell_version_period_and_sample():
    assert place("/d/Calibrated/v2/CrabNebula/2013_10_05") == Place(version="v2")
    assert place("/fefs/onsite/common/MAGIC/data/M1/event/Calibrated/2013/10/05") == Place()
    assert place("/mc/ST.03.06-Mmcs699/TEST/calibrated/M2") == Place(None, "ST.03.06", "Mmcs699", "TEST")
    assert place("/mc/ST.03.18/wr") == Place(period="ST.03.18")
    assert place("/home/v2x/version/data") == Place()
