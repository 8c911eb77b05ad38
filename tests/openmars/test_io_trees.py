"""ROOT files: uproot is the judge of what is written; damaged ones end in one clear line."""

import subprocess
import sys

import numpy as np
import pytest
import uproot
from hypothesis import given, settings
from hypothesis import strategies as st

from openmars.core.errors import InputError
from openmars.io import Jagged, RootWriter, level, open_root, read_tree, write_root

RNG = np.random.default_rng(4)
N = 700
COLUMNS = {
    "MHillas.fSize": RNG.random(N).astype("f4"),
    "MCerPhotEvt.fPixels.fPhot": RNG.normal(size=(N, 1183)).astype("f4"),
    "MRawRunHeader.fSourceName[80]": RNG.integers(0, 100, (N, 80)).astype("i1"),
    "MReportDrive.fMjd": RNG.random(N),
    "MTime.fMjd": np.arange(N, dtype="u4"),
    "MTime.fTime.fMilliSec": -np.arange(N),
    "MMcEvt.fPartId": np.arange(N).astype("i2"),
    "MTriggerPattern.fPrescaled": (np.arange(N) % 200).astype("u1"),
    "MReportPyrometer.fLidOpen": np.arange(N) % 3 == 0,
    "MReportL3T.fTablename": np.array(["L3T_L1L1_100_SYNC", "", "x" * 300, "µ"])[np.arange(N) % 4],
    "MBadPixelsCam.fArray.fInfo": Jagged(np.arange(3 * N, dtype="i4"), np.tile([2, 4, 0, 6], N // 4)),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("root") / "a.root"
    with RootWriter(path) as out:
        out.extend("Events", COLUMNS)
        out.extend("Events", COLUMNS)
        out.extend("RunTails", {"MMarsVersion_star.fMARSVersionCode": np.array([256], "i4")})
        out.text("star.rc", "MJStar.UseAddNoise: no\n" * 50)
    return path


def test_uproot_reads_what_was_written(path):
    with uproot.open(path) as file:
        assert sorted(file.keys(cycle=False)) == ["Events", "RunTails", "star.rc"]
        assert str(file["star.rc"]).count("MJStar") == 50
        tree = file["Events"]
        assert tree.num_entries == 2 * N
        for name, column in COLUMNS.items():
            read = tree[name].array(library="np")
            if isinstance(column, Jagged):
                assert [len(v) for v in read[N:]] == column.counts.tolist()
                assert np.array_equal(np.concatenate(read[:N]), column.content)
            else:
                assert np.array_equal(read[:N], column)
                assert np.array_equal(read[N:], column)


def test_quick_reader_gives_the_same_values_and_types(path):
    read = read_tree(path, "Events")
    assert read.keys() == COLUMNS.keys()
    for name, column in COLUMNS.items():
        if isinstance(column, Jagged):
            assert np.array_equal(read[name].content[len(column.content) :], column.content)
            assert np.array_equal(read[name].counts[N:], column.counts)
        else:
            assert np.array_equal(read[name][N:], column)
            assert read[name].dtype.kind == column.dtype.kind
    assert open_root(path).entries("Events") == 2 * N
    assert open_root(path).texts()["star.rc"].startswith("MJStar")


def test_files_of_uproot_and_of_other_compressions_are_read(tmp_path):
    values = {"a": np.arange(5000, dtype="i4"), "b": RNG.random((5000, 7)).astype("f4")}
    for name, compression in (("lz4", uproot.LZ4(4)), ("zlib", uproot.ZLIB(1)), ("none", None)):
        with uproot.recreate(tmp_path / name, compression=compression) as file:
            file.mktree("Events", {"a": "i4", "b": np.dtype(("f4", (7,)))})
            file["Events"].extend(values)
        read = read_tree(tmp_path / name, "Events")
        assert np.array_equal(read["a"], values["a"])
        assert np.array_equal(read["b"], values["b"])


def test_same_content_same_bytes_whatever_the_name(tmp_path):
    for name in ("a.root", "another.root"):
        write_root(tmp_path / name, {"Events": COLUMNS}, {"card": "A: 1\n"})
    assert (tmp_path / "a.root").read_bytes() == (tmp_path / "another.root").read_bytes()


def test_no_file_before_it_is_whole(tmp_path):
    with pytest.raises(ValueError, match="differ in length"), RootWriter(tmp_path / "a.root") as out:
        out.extend("Events", {"a": np.arange(3), "b": np.arange(4)})
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing_behind(tmp_path):
    code = (
        "import numpy as np, resource, signal, sys\n"
        "from openmars.io import write_root\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))\n"
        "try:\n"
        "    write_root(sys.argv[1], {'T': {'a': np.random.default_rng(1).random(500000)}})\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a.root")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "too large" in done.stdout
    assert not list(tmp_path.iterdir())


def test_levels_are_told_apart_by_containers(tmp_path):
    one = np.zeros(1, "f4")
    superstar = {f"{c}.fX": one for c in ("MHillas_1", "MHillas_2", "MStereoPar")}
    melibea = superstar | {f"{c}.fX": one for c in ("MHadronness", "MStereoParDisp", "MEnergyEst")}
    cases = {
        "calibrated": {"MCerPhotEvt.fPixels.fPhot": one},
        "star": {"MHillas.fSize": one},
        "superstar": superstar,
        "melibea": melibea,
    }
    for name, columns in cases.items():
        write_root(tmp_path / name, {"Events": columns})
        assert level(tmp_path / name) == name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: b"", "empty"),
        (lambda raw: b"not root" + raw, "not a ROOT file"),
        (lambda raw: raw[: len(raw) // 2], "truncated"),
        (lambda raw: raw[:90], "truncated"),
    ],
)
def test_a_broken_file_is_named_with_its_fault(path, tmp_path, change, message):
    broken = tmp_path / "broken.root"
    broken.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError, match=message) as caught:
        read_tree(broken, "Events")
    assert str(broken) in str(caught.value)


def test_a_basket_that_was_changed_is_found(path, tmp_path):
    raw = bytearray(path.read_bytes())
    place = raw.index(b"ZS\x01", 4000) + 9
    raw[place : place + 400] = bytes(400)
    broken = tmp_path / "broken.root"
    broken.write_bytes(raw)
    with pytest.raises(InputError, match="damaged"):
        read_tree(broken, "Events")


def test_missing_things_are_named(path):
    with pytest.raises(InputError, match="no tree Drive; it has Events, RunTails"):
        read_tree(path, "Drive")
    with pytest.raises(InputError, match=r"no branch MHillas\.fWidth"):
        read_tree(path, "Events", ["MHillas.fWidth"])
    with pytest.raises(InputError, match="No such file"):
        read_tree(path.with_name("missing.root"), "Events")


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=60),
    st.sampled_from(["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]),
    st.integers(0, 2),
)
def test_jagged_and_plain_branches_come_back(tmp_path_factory, counts, kind, compression):
    path = tmp_path_factory.mktemp("h") / "a.root"
    content = np.random.default_rng(1).integers(0, 100, sum(counts)).astype(kind)
    write_root(path, {"T": {"j": Jagged(content, np.array(counts)), "p": np.array(counts)}}, level=compression)
    read = read_tree(path, "T")
    assert np.array_equal(read["j"].content, content)
    assert np.array_equal(read["j"].counts, counts)
    assert np.array_equal(read["p"], counts)
    judge = uproot.open(path)["T"]["j"].array(library="np")
    assert [len(v) for v in judge] == counts
