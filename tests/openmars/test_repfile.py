"""Report files: what is written is read back, what is broken is told and left out."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openmars.io import headers, reports
from openmars.io.repfile import read_reports, write_reports

DAY = 56570


def report_trees(seconds=(100.0, 130.0, 160.0), sky=None, azimuth=170.0):
    """Trees as the simulator makes them."""
    seconds, sky = np.asarray(seconds, float), sky or reports.Sky(1.3, 0.85, 22.5, "reduced")
    zd, az = 30 + seconds * 1e-3, azimuth + seconds * 1e-2
    return {
        "Drive": headers.drive_tree(DAY, seconds, zd, az, 83.2, 22.3),
        **headers.trigger_trees(DAY, seconds, 200 + seconds / 7, "sum"),
        "Camera": reports.camera_tree(DAY, seconds, sky),
        "Laser": reports.laser_tree(DAY, seconds[:1], sky, zd[:1], az[:1]),
        "Pyrometer": reports.pyrometer_tree(DAY, seconds, sky),
        "Starguider": reports.starguider_tree(DAY, seconds, sky, zd, az),
        "Weather": reports.weather_tree(DAY, seconds),
    }


def assert_same(found, expected, degrees=1e-11):
    assert found.keys() == expected.keys()
    for tree, columns in expected.items():
        assert list(found[tree]) == list(columns)
        for name, column in columns.items():
            assert found[tree][name].dtype == column.dtype
            assert found[tree][name].shape == column.shape
            if name.endswith(("fRa", "fDec", "Zd", "Az")):
                np.testing.assert_allclose(found[tree][name], column, rtol=0, atol=degrees)
            else:
                np.testing.assert_array_equal(found[tree][name], column)


@pytest.fixture
def rep(tmp_path):
    path = tmp_path / "20131005_M1_05029747.002_D_CrabNebula-W0.40+035.rep"
    write_reports(path, report_trees(), 1, 5029747, 2)
    return path


def test_reports_are_read_back(rep):
    found = read_reports(rep)
    assert_same(found.trees, report_trees())
    assert (found.run, found.subrun, found.telescope) == (5029747, 2, 1)
    assert not found.broken
    assert not found.ignored
    assert not found.repeated


def test_lines_are_those_of_the_public_fork(rep):
    lines = rep.read_text(encoding="ascii").splitlines()
    assert lines[:4] == [
        "[CC Run 5029747 Control File]", "Arehucas Version Number 130527-0", "Telescope M1", "Subrun 2"
    ]  # fmt: skip
    assert lines[4].startswith("DRIVE-REPORT M1 04 2013 10 05 00 01 40 000 04 2013 10 05 00 01 40 000 + 005 32 48.00")
    pyrometer = next(line for line in lines if line.startswith("PYRO-REPORT"))
    assert pyrometer.endswith(" 205.0 22.5 1 283.0 OVER")


floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
angles = st.floats(-400, 400)
moments = st.lists(st.integers(-11 * 3600 * 10**9, 13 * 3600 * 10**9 - 1), min_size=1, max_size=4, unique=True)


@given(moments, st.data())
@example([-1], None)
@example([0, 13 * 3600 * 10**9 - 1, -11 * 3600 * 10**9], None)
def test_any_values_are_read_back(tmp_path_factory, nanoseconds, data):
    times = np.array(sorted(nanoseconds)) * 1e-9
    trees = report_trees(times)
    for tree, columns in trees.items():
        exact = np.array(sorted(nanoseconds))[: len(columns[f"MTime{tree}.fMjd"])]
        columns[f"MTime{tree}.fTime.fMilliSec"] = exact // 10**6
        columns[f"MTime{tree}.fNanoSec"] = (exact % 10**6).astype(np.uint32)
        for name, column in columns.items():
            if data is None or name.startswith("MTime") or column.dtype.kind in "Ubiu":
                continue
            kind = angles if name.endswith(("fRa", "fDec", "Zd", "Az")) else floats
            columns[name] = np.array([data.draw(kind) for _ in column], column.dtype)
    path = tmp_path_factory.mktemp("rep") / "a.rep"
    write_reports(path, trees, 2, 1, 1)
    found = read_reports(path)
    assert not found.broken
    assert_same(found.trees, trees)


@given(st.data())
def test_a_damaged_file_never_ends_in_a_crash_and_sound_lines_stay(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("rep") / "a.rep"
    write_reports(path, report_trees(), 1, 5, 1)
    lines = path.read_bytes().split(b"\n")
    number = data.draw(st.integers(4, len(lines) - 2))
    start = data.draw(st.integers(0, len(lines[number])))
    stop = data.draw(st.integers(start, len(lines[number])))
    junk = data.draw(st.binary(max_size=12).filter(lambda b: b"\n" not in b))
    lines[number] = lines[number][:start] + junk + lines[number][stop:]
    path.write_bytes(b"\n".join(lines))
    found = read_reports(path)
    assert {n for n, _ in found.broken} <= {number + 1}
    count = sum(len(columns[f"MTime{tree}.fMjd"]) for tree, columns in found.trees.items())
    assert count + len(found.broken) + sum(found.ignored.values()) + found.repeated in (len(lines) - 6, len(lines) - 5)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("DRIVE-REPORT M1 04 2013", "DRIVE-REPORT M2 04 2013", "of M2"),
        ("DRIVE-REPORT M1 04 2013 10 05", "DRIVE-REPORT M1 04 2013 13 05", "date"),
        ("+ 022 18", "+ 022 78", "angle"),
        (" 1 283.0 OVER", " 1 283.0", "before"),
        (" 1 283.0 OVER", " 1 283.0 7 OVER", "OVER"),
        (" 205.0 22.5", " 205.0 cloudy", "number"),
        (" 205.0 22.5", " 205.0 nan", "number"),
        ("PYRO-REPORT", "PYRO-REP", "name of a report"),
        (" 0 0 60", " 0 0 -6", "fit"),
        ("PYRO-REPORT M1 01 2013 10 05", "PYRO-REPORT M1 01 0013 10 05", "date"),
        ("PYRO-REPORT M1 01 2013 10 05", "PYRO-REPORT M1 01 2093 10 05", "off that of the others"),
    ],
)
def test_the_reason_of_a_broken_line_is_told(rep, old, new, why):
    lines = rep.read_text(encoding="ascii").split("\n")
    at = next(n for n, line in enumerate(lines) if old in line)
    lines[at] = lines[at].replace(old, new)
    rep.write_text("\n".join(lines), encoding="ascii")
    found = read_reports(rep)
    assert [number for number, _ in found.broken] == [at + 1]
    assert why in found.broken[0][1]


def test_a_file_cut_short_loses_its_last_line_alone(rep):
    rep.write_bytes(rep.read_bytes()[:-20])
    found = read_reports(rep)
    assert len(found.broken) == 1
    assert "within a line" in found.broken[0][1]
    assert len(found.trees["Drive"]["MReportDrive.fMjd"]) == 3


def test_other_subsystems_and_repeated_reports_are_passed_over_but_counted(rep):
    lines = rep.read_text(encoding="ascii").splitlines()
    lines += ["AMC-REPORT M1 01 and whatever", lines[4]]
    rep.write_text("\n".join(lines) + "\n", encoding="ascii")
    found = read_reports(rep)
    assert found.ignored == {"AMC-REPORT": 1}
    assert found.repeated == 1
    assert not found.broken


def test_reports_out_of_order_come_in_order_of_time(rep):
    lines = rep.read_text(encoding="ascii").splitlines()
    rep.write_text("\n".join(lines[:4] + lines[:3:-1]) + "\n", encoding="ascii")
    assert_same(read_reports(rep).trees, report_trees())


def test_a_missing_head_is_told(rep):
    lines = rep.read_text(encoding="ascii").splitlines()
    rep.write_text("\n".join(lines[4:]) + "\n", encoding="ascii")
    found = read_reports(rep)
    assert len(found.broken) == 4
    assert found.run is None
    assert len(found.trees["Drive"]["MReportDrive.fMjd"]) == 3


def test_central_control_is_read_back(tmp_path):
    names = ["fTemperature", "fSolarRadiation", "fWindSpeed", "fHumidity", "fUPSStatus", "fDifRubGPS"]
    weather = reports.weather_tree(DAY, np.array([5.0, 6.5]))
    times = {f"MTimeCC.{part}": weather[f"MTimeWeather.{part}"] for part in ("fMjd", "fTime.fMilliSec", "fNanoSec")}
    tree = {f"MReportCC.{name}": np.array([1.5, -n], np.float32) for n, name in enumerate(names)} | times
    write_reports(tmp_path / "a.rep", {"CC": tree}, 1, 1, 1)
    assert_same(read_reports(tmp_path / "a.rep").trees, {"CC": tree})


def test_what_has_no_place_in_a_report_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Pedestals"):
        write_reports(tmp_path / "a.rep", {"Pedestals": {}}, 1, 1, 1)
    trees = report_trees()
    trees["Camera"]["MReportCamera.fMine"] = np.zeros(3)
    with pytest.raises(ValueError, match="fMine"):
        write_reports(tmp_path / "a.rep", trees, 1, 1, 1)
    assert not list(tmp_path.iterdir())
