"""ROOT files that differ in one known place, and the same content in other bytes."""

import json
import shutil
import time

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automagic.diff import CONTENT, DIFFERS, IDENTICAL, compare
from automagic.diff import root as root_reader
from automagic.diff import trees as tree_reader
from automagic.diff.report import Found, Unreadable
from openmars.camera import N_PIXELS
from openmars.io import calibrated, headers, write_root

KINDS = {"size": "f4", "n": "i8", "pixels": np.dtype(("f8", (3,))), "jagged": "var * float32"}
BATCH = 500


def columns(seed=1, entries=BATCH):
    numbers = np.random.default_rng(seed)
    lengths = numbers.integers(1, 5, entries)
    jagged = ak.unflatten(numbers.random(lengths.sum()).astype("f4"), lengths)
    return {
        "size": numbers.random(entries, dtype="f4"),
        "n": np.arange(entries),
        "pixels": numbers.random((entries, 3)),
        "jagged": jagged,
    }


def write(path, batches, compression=None, extra=()):
    """Write a file; its own name is in its bytes, so that files to be the same must be called the same."""
    path.parent.mkdir(exist_ok=True)
    with uproot.recreate(path, compression=compression or uproot.ZLIB(1)) as file:
        file.mktree("Events", KINDS)
        for batch in batches:
            file["Events"].extend(batch)
        file["folder/histogram"] = np.histogram([0.1, 0.2, 0.7], bins=4, range=(0, 1))
        file["card"] = "MJStar.Level: 6"
        for name, value in extra:
            file[name] = value
    return path


@pytest.fixture
def pair(tmp_path):
    """Two files, the second with what a function has changed in its middle batch."""

    def make(change=lambda data: None, **more):
        batches = [columns(seed) for seed in range(3)]
        a = write(tmp_path / "a" / "x.root", batches)
        change(batches[1])
        return a, write(tmp_path / "b" / "x.root", batches, **more)

    return make


def test_a_number(pair):
    def change(data):
        data["size"][17] += 1

    a, b = pair(change)
    report = compare(a, b)
    assert (report.verdict, report.kind, len(report.lines)) == (DIFFERS, "ROOT", 1)
    old, new = (uproot.open(path)["Events/size"].array(library="np")[517] for path in (a, b))
    expected = f"Events, branch size, entry 517: {old!s} in A, {new!s} in B; the only one of 1500 that differs, by 1 ("
    assert report.lines[0].startswith(expected)
    place = report.data()["findings"][0]
    assert (place["tree"], place["branch"], place["entry"], place["differ"]) == ("Events", "size", 517, 1)
    assert (place["a"], place["b"]) == (float(old), float(new))
    json.dumps(report.data(), allow_nan=False)


def test_a_not_a_number_and_an_element(pair):
    def change(data):
        data["pixels"][3, 2] = np.nan

    a, b = pair(change)
    (line,) = compare(a, b).lines
    assert line.startswith("Events, branch pixels, entry 503, element 2: 0.")
    assert "nan in B; the only one of 1500" in line


def test_many_entries_and_the_largest_difference(pair):
    def change(data):
        data["n"][10:20] -= np.arange(1, 11)

    (line,) = compare(*pair(change)).lines
    assert line == "Events, branch n, entry 510: 10 in A, 9 in B; 10 of 1500 differ, by at most 10 (52.6 %)"


def test_an_element_of_a_jagged_branch_and_another_length(pair):
    def element(data):
        flat = ak.flatten(data["jagged"]).to_numpy().copy()
        flat[-1] = 9
        data["jagged"] = ak.unflatten(flat, ak.num(data["jagged"]))

    def length(data):
        data["jagged"] = ak.concatenate([data["jagged"][:-1], ak.values_astype(ak.Array([[1, 2, 3, 4, 5, 6]]), "f4")])

    a, b = pair(element)
    last = uproot.open(a)["Events/jagged"].array()[999]
    (line,) = compare(a, b).lines
    assert line.startswith(
        f"Events, branch jagged, entry 999, element {len(last) - 1}: {last[-1]!s} in A, 9.0 in B; the"
    )
    lines = compare(*pair(length)).lines
    assert any(f"branch jagged, entry 999: {len(last)} elements in A, 6 elements in B" in line for line in lines)


def test_nan_equals_nan_and_zero_equals_minus_zero(tmp_path):
    batch = columns()
    batch["size"][3:5] = np.nan, 0.0
    a = write(tmp_path / "a" / "x.root", [batch])
    batch["size"][4] = -0.0
    batch["size"].view("u4")[3] ^= 1  # another NaN
    assert compare(a, write(tmp_path / "b" / "x.root", [batch])).verdict == CONTENT


def test_other_entries_branches_and_types(tmp_path):
    for name, kinds, number in (("a", {"x": "f4", "only": "i4", "kind": "i4"}, 3), ("b", {"x": "f4", "kind": "f8"}, 2)):
        with uproot.recreate(tmp_path / f"{name}.root") as file:
            file.mktree("T", kinds)
            file["T"].extend({branch: np.arange(number).astype(kind) for branch, kind in kinds.items()})
    assert compare(tmp_path / "a.root", tmp_path / "b.root").lines[:3] == [
        "T, entries: 3 in A, 2 in B",
        "only in A: branch only of T",
        "T, branch kind, type: int32_t in A, double in B",
    ]


def test_objects_classes_texts_and_bins(tmp_path, pair):
    a, b = pair(extra=[("more", "text")])
    assert compare(a, b).lines == ["only in B: TObjString more;1"]
    assert compare(b, a).lines == ["only in A: TObjString more;1"]
    values = {
        "card": ("MJStar.Level: 6", "MJStar.Level: 7"),
        "h1": (np.histogram([0.1, 0.6], bins=4, range=(0, 1)), np.histogram([0.1, 0.9], bins=4, range=(0, 1))),
        "h2": (np.histogram2d([0.1], [0.1], 2, [(0, 1)] * 2), np.histogram2d([0.9], [0.1], 2, [(0, 1)] * 2)),
        "edges": (np.histogram([], bins=[0, 1, 3]), np.histogram([], bins=[0, 2, 3])),
        "bins": (np.histogram([], bins=[0, 1, 3]), np.histogram([], bins=[0, 1, 2, 3])),
        "class": ("text", np.histogram([0.1])),
    }
    for i in (0, 1):
        with uproot.recreate(tmp_path / f"{i}.root") as file:
            for name, both in values.items():
                file[name] = both[i]
    lines = compare(tmp_path / "0.root", tmp_path / "1.root", limit=100).lines
    assert "class: TObjString in A, TH1D in B" in lines
    assert "bins, bins in x: 2 in A, 3 in B" in lines
    assert "edges, edge 1 in x: 1.0 in A, 2.0 in B" in lines
    assert "h1, bin 3 (0.5 to 0.75): 1.0 in A, 0.0 in B; 2 of 6 bins differ" in lines
    assert "h2, bin 1 (0 to 0.5), bin 1 (0 to 0.5): 1.0 in A, 0.0 in B; 2 of 16 bins differ" in lines
    assert "card: 'MJStar.Level: 6' in A, 'MJStar.Level: 7' in B" in lines


def test_written_at_another_time_is_identical_in_content(tmp_path):
    a = write(tmp_path / "a" / "x.root", [columns()])
    time.sleep(1.1)  # ROOT's dates are whole seconds
    b = write(tmp_path / "b" / "x.root", [columns()])
    report = compare(a, b)
    assert (report.verdict, report.lines) == (CONTENT, ["only dates and UUIDs differ"])


def test_other_compression_and_other_baskets_are_identical_in_content(pair, tmp_path):
    a, b = pair(compression=uproot.LZ4(1))
    report = compare(a, b)
    assert (report.verdict, report.lines) == (CONTENT, ["compressed otherwise: ZLIB(1) in A, LZ4(1) in B"])
    whole = {name: np.concatenate([columns(seed)[name] for seed in range(3)]) for name in ("size", "n", "pixels")}
    whole["jagged"] = ak.concatenate([columns(seed)["jagged"] for seed in range(3)])
    report = compare(a, write(tmp_path / "c" / "x.root", [whole]))
    assert report.verdict == CONTENT
    assert "branches lie in other baskets" in report.lines[0]


def test_a_copy_is_identical_and_a_cut_one_is_named(pair, tmp_path):
    a, _ = pair()
    shutil.copy(a, tmp_path / "copy.root")
    assert compare(a, tmp_path / "copy.root").verdict == IDENTICAL
    cut = tmp_path / "cut.root"
    cut.write_bytes(a.read_bytes()[:5000])
    report = compare(a, cut)
    assert report.verdict == DIFFERS
    assert report.damaged == [report.lines[0]]
    assert report.lines[0].startswith(f"{cut} cannot be read as ROOT: it is truncated")
    assert report.lines[1].startswith(f"length: {a.stat().st_size} bytes in A, 5000 bytes in B")


def test_a_damaged_basket_is_named(pair, tmp_path):
    a, _ = pair()
    branch = uproot.open(a)["Events/size"]
    data = bytearray(a.read_bytes())
    begin = int(branch.member("fBasketSeek")[1])
    data[begin + 200 : begin + 300] = bytes(100)
    bad = tmp_path / "bad.root"
    bad.write_bytes(data)
    report = compare(a, bad)
    assert report.verdict == DIFFERS
    assert report.lines[0].startswith(f"{bad} cannot be read as ROOT: size, entries 500 to 999: ")


def test_random_damage_is_told_without_surprise(pair, tmp_path):
    a, _ = pair()
    data, numbers, path = a.read_bytes(), np.random.default_rng(1), tmp_path / "damaged.root"
    for _ in range(40):
        damaged = bytearray(data)
        for at in numbers.integers(0, numbers.choice([300, len(data)]), numbers.integers(1, 20)):
            damaged[at] = numbers.choice([0, 1, 127, 128, 255])
        path.write_bytes(damaged)
        report = compare(a, path)
        assert report.verdict in (IDENTICAL, CONTENT, DIFFERS)
        assert not any("broke off" in line for line in report.lines)


def test_what_uproot_cannot_interpret_is_compared_as_bytes(pair, monkeypatch):
    def refuse(side, start, stop):
        raise Unreadable(side.path, "ROOT", "no interpretation")

    def change(data):
        data["n"][4] = 255

    monkeypatch.setattr(tree_reader, "_array", refuse)
    (line,) = compare(*pair(change)).lines
    assert line.startswith("Events, branch n, entry 504, byte 7: 4 in A, 255 in B; the only one of 1500")


def test_small_chunks_find_the_same(pair, monkeypatch):
    def change(data):
        data["n"][[4, 499]] = 7

    monkeypatch.setattr(tree_reader, "CHUNK", 256)
    (line,) = compare(*pair(change)).lines
    assert line.startswith("Events, branch n, entry 504: 4 in A, 7 in B; 2 of 1500 differ")


def test_texts_in_a_file_like_those_of_the_chain(tmp_path):
    trees = {
        "Events": {
            "MHillas.fSize": np.array([120.0, 55.0], "f4"),
            "MRawEvtHeader.fDAQEvtNumber": np.array([1, 2], "u4"),
        },
        "L3T": {"MReportL3T.fTablename": np.array(["first", "second"])},
    }
    a, b = (tmp_path / side / "20131005_M1_05029747.001_I_CrabNebula-W0.40+035.root" for side in "ab")
    for path in (a, b):
        path.parent.mkdir()
        write_root(path, trees, {"card.rc": "MJStar.Level: 6\n"})
        trees["L3T"]["MReportL3T.fTablename"][1] = "third"
    (line,) = compare(a, b).lines
    assert (
        line
        == "L3T, branch MReportL3T.fTablename, entry 1: 'second' in A, 'third' in B; the only one of 2 that differs"
    )


def test_another_cycle_is_told_and_compared(tmp_path):
    for name, texts in (("a", ["new"]), ("b", ["old", "other"])):
        with uproot.recreate(tmp_path / f"{name}.root") as file:
            for text in texts:
                file["card"] = text
    lines = compare(tmp_path / "a.root", tmp_path / "b.root").lines
    assert lines == ["only in B: TObjString card;2", "card;1: 'new' in A, 'old' in B"]
    found = Found()
    pair = root_reader._Pair(tmp_path, tmp_path, None, None, found)
    assert pair._paired({"x;1": "TTree", "y;1": "TTree"}, {"x;2": "TTree", "y;2": "TTree", "y;3": "TTree"}) == {
        "x;1": "x;2"
    }
    assert [each.text for each in found.findings] == [
        "x: cycle 1 in A, 2 in B",
        "only in A: TTree y;1",
        "only in B: TTree y;2",
        "only in B: TTree y;3",
    ]


def test_objects_that_uproot_cannot_read_are_compared_as_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(root_reader._Pair, "_read", lambda *_: None)
    files = []
    for text in ("MJStar.Level: 6", "MJStar.Level: 7"):
        files.append(tmp_path / f"{text[-1]}.root")
        with uproot.recreate(files[-1]) as file:
            file["card"] = text
    (line,) = compare(*files).lines
    assert line == "card (TObjString): its uncompressed bytes differ from byte 31 on (32 and 32)"


def test_an_rntuple_is_never_taken_for_the_same(tmp_path):
    for i in (0, 1):
        with uproot.recreate(tmp_path / f"{i}.root") as file:
            file.mkrntuple("T", {"x": np.array([1.0, 2.0 + i])})
    report = compare(tmp_path / "0.root", tmp_path / "1.root")
    assert (report.verdict, report.lines) == (DIFFERS, ["T: the values of an RNTuple are not compared"])


def test_a_pixel_of_a_calibrated_file(tmp_path):
    charge = np.random.default_rng(1).random((20, N_PIXELS)).astype("f4")
    paths = [tmp_path / side / "20131005_M1_05029747.001_Y_CrabNebula-W0.40+035.root" for side in "ab"]
    for path in paths:
        path.parent.mkdir()
        events = calibrated.Events(
            charge=charge,
            arrival_time=np.full(charge.shape, 24, "f4"),
            pattern=np.full(20, 128),
            stereo_number=np.arange(20),
            daq_number=np.arange(20),
            seconds=14400.0 + np.arange(20),
            time_diff_s=np.full(20, 0.1),
        )
        info = headers.RunInfo(5029747, 1, 1, False, "CrabNebula", 83.6333, 22.0144, day=56570)
        calibrated.write_calibrated(path, info, events, np.full(N_PIXELS, 0.1), np.full(N_PIXELS, 0.5))
        charge[7, 100] = 50
    (line,) = compare(*paths).lines
    label = "Events, branch MCerPhotEvt.fPixels.fPhot, entry 7, element 100: "
    assert line.startswith(label)
    assert " in A, 50.0 in B; the only one of 20 that differs, by at most " in line


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), entries=st.integers(1, 40), batches=st.integers(1, 3))
def test_one_changed_cell_is_named(tmp_path, data, entries, batches):
    tables = [columns(seed, entries) for seed in range(batches)]
    a = write(tmp_path / "a" / "x.root", tables)
    batch, row = data.draw(st.integers(0, batches - 1)), data.draw(st.integers(0, entries - 1))
    branch = data.draw(st.sampled_from(["size", "n", "pixels"]))
    cell = (row, data.draw(st.integers(0, 2))) if branch == "pixels" else row
    tables[batch][branch][cell] += 1
    report = compare(a, write(tmp_path / "b" / "x.root", tables))
    (place,) = report.data()["findings"]
    assert (place["branch"], place["entry"], place["differ"]) == (branch, batch * entries + row, 1)
    if branch == "pixels":
        assert f", element {cell[1]}: " in report.lines[0]
