"""What is read inside of files: headers and reports of ROOT files, reports as text, DL3."""

import shutil

import numpy as np
import pytest

from automagic.index.inside import azimuth_middle, night_sky, read_inside, utc
from automagic.index.reports import read_report
from openmars.io import write_root
from openmars.io.headers import (
    McInfo,
    RunInfo,
    drive_tree,
    run_headers,
    run_tails,
    trigger_trees,
)
from openmars.io.repfile import write_reports
from openmars.io.reports import Sky, camera_tree, laser_tree, pyrometer_tree

DAY = 56570  # MJD of 2013-10-05
SECONDS = np.arange(0, 300, 10.0) + 4 * 3600
SKY = Sky(nsb_level=2.0, transmission=0.8, cloudiness=22.0, hv="reduced")
INFO = RunInfo(5029747, 1, 1, False, "CrabNebula", 83.6333, 22.0145, day=DAY, start_s=14400, stop_s=14700)


def reports(trigger="sum", sky=SKY):
    """The trees of reports of five minutes, in which the lidar measured twice: once cleaner than the sky."""
    n = len(SECONDS)
    zenith, azimuth = np.linspace(20, 19, n), np.linspace(359, 361, n)
    clean = Sky(transmission=0.9)
    laser = {
        key: np.concatenate([a, b])
        for (key, a), b in zip(
            laser_tree(DAY, SECONDS[:1], sky, zenith[:1], azimuth[:1]).items(),
            laser_tree(DAY, SECONDS[5:6], clean, zenith[5:6], azimuth[5:6]).values(),
            strict=True,
        )
    }
    return {
        "Drive": drive_tree(DAY, SECONDS, zenith, azimuth, 83.9, 22.2),
        **trigger_trees(DAY, SECONDS, np.linspace(200, 300, n), trigger),
        "Camera": camera_tree(DAY, SECONDS, sky),
        "Laser": laser,
        "Pyrometer": pyrometer_tree(DAY, SECONDS, sky),
    }


EXPECTED = {
    "zenith_min": 19,
    "zenith_max": 20,
    "transmission": 0.8,
    "transmission_mean": 0.85,
    "cloudiness": 22,
    "rate": 250,
    "trigger_table": "L3T_SUMSUM_100_SYNC",
    "trigger": "sumt",
    "hv": "reduced",
}


@pytest.fixture
def calibrated(tmp_path):
    path = tmp_path / "calibrated.root"
    events = {"MCerPhotEvt.fPixels.fPhot": np.zeros(7, "f4")}
    trees = {"Events": events, "RunHeaders": run_headers(INFO, 7), "RunTails": run_tails(), **reports()}
    write_root(path, trees)
    return path


def test_a_calibrated_file_tells_position_time_and_conditions(calibrated):
    row = read_inside(str(calibrated), "calibrated", is_mc=False)
    for key, value in EXPECTED.items():
        assert row[key] == (value if isinstance(value, str) else pytest.approx(value, rel=1e-6)), key
    assert (row["ra"], row["dec"]) == (pytest.approx(83.6333), pytest.approx(22.0145))
    assert (row["start"], row["stop"], row["seconds"]) == ("2013-10-05T04:00:00Z", "2013-10-05T04:05:00Z", 300)
    assert row["events"] == 7
    assert row["azimuth"] == pytest.approx(0, abs=1e-6) or row["azimuth"] == pytest.approx(360)
    assert row["nsb"] == pytest.approx(row["dc_na"] / 1100 * 1.7, abs=1e-3)


def test_a_report_tells_what_the_calibrated_file_does(tmp_path, calibrated):
    write_reports(tmp_path / "a.rep", reports(), 1, 5029747, 1)
    text, root = read_report(str(tmp_path / "a.rep")), read_inside(str(calibrated), "calibrated", is_mc=False)
    for key in (*EXPECTED, "azimuth", "dc_na", "nsb", "hv_file"):
        assert text[key] == (root[key] if isinstance(root[key], str) else pytest.approx(root[key], rel=1e-6)), key
    assert text["broken"] == 0
    assert (text["start"], text["stop"]) == ("2013-10-05T04:00:00Z", "2013-10-05T04:04:50Z")


def test_broken_lines_of_a_report_are_counted_and_the_others_read(tmp_path):
    path = tmp_path / "a.rep"
    write_reports(path, reports(), 1, 5029747, 1)
    lines = path.read_text().splitlines()
    drive = next(n for n, line in enumerate(lines) if line.startswith("DRIVE"))
    lines[drive] = lines[drive][:60]
    lines.insert(20, "CAMERA-REPORT M1 01 2013 13 05 04 00 00 000 01 2013 10 05 04 00 00 000 MEDDC 5 HVFIL x OVER")
    lines.insert(30, "\ufffd\0garbage")
    lines.insert(40, "NEW-REPORT M1 01 2013 10 05 04 00 20 000 01 2013 10 05 04 00 20 000 what is this")
    path.write_bytes("\n".join(lines).encode("latin-1", "replace"))
    row = read_report(str(path))
    assert row["broken"] == 3
    assert row["transmission"] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "no reports"), (b"\xff\x00", "none of its lines"), (b"a\n" * 9, "")]
)
def test_a_report_without_reports_is_an_error(tmp_path, content, words):
    path = tmp_path / "a.rep"
    path.write_bytes(content)
    assert words in read_inside(str(path), "report", is_mc=False)["error"]


def test_monte_carlo_tells_zenith_night_sky_and_trigger(tmp_path):
    path = tmp_path / "mc.root"
    mc = McInfo(1000, -1.6, 30, 3e4, 350, 5, 35, 0, 360, (0.4, 0.4), nsb_phe_per_ns=0.26)
    head = run_headers(RunInfo(1001, 1, 1, True, "gamma", 0, 0), 2, mc=mc)
    for pattern, trigger in ((1, "standard"), (32, "sumt")):
        events = {"MTriggerPattern.fPrescaled": np.full(2, pattern, "u1")}
        write_root(path, {"Events": events, "RunHeaders": head, "RunTails": run_tails()})
        row = read_inside(str(path), "calibrated", is_mc=True)
        assert (row["zenith_min"], row["zenith_max"], row["nsb"], row["trigger"]) == (5, 35, 2.0, trigger)


def test_a_file_that_lacks_reports_leaves_conditions_open(tmp_path):
    path = tmp_path / "a.root"
    write_root(path, {"Events": {"MHillas.fSize": np.zeros(1, "f4")}, "RunHeaders": run_headers(INFO, 1)})
    row = read_inside(str(path), "star", is_mc=False)
    assert row["ra"] == pytest.approx(83.6333)
    assert {row[key] for key in ("zenith_min", "dc_na", "nsb", "hv", "trigger", "transmission", "rate")} == {None}


@pytest.mark.parametrize("cut", [0.0, 0.001, 0.3, 0.9])
def test_a_file_cut_short_is_an_error_and_no_crash(tmp_path, calibrated, cut):
    path = tmp_path / "cut.root"
    shutil.copy(calibrated, path)
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * cut))
    assert set(read_inside(str(path), "calibrated", is_mc=False)) == {"error"}
    assert set(read_inside(str(path), "dl3", is_mc=False)) == {"error"}
    assert set(read_inside(str(tmp_path / "nowhere"), "star", is_mc=False)) == {"error"}


def test_dl3_tells_what_its_header_has(tmp_path):
    from astropy.io import fits

    path = tmp_path / "a.fits"
    table = fits.BinTableHDU.from_columns([fits.Column("EVENT_ID", "K", array=[1, 2])], name="EVENTS")
    cards = {"RA_OBJ": 83.63, "DEC_OBJ": 22.01, "ALT_PNT": 65.0, "AZ_PNT": 99.0, "LIVETIME": 890.0, "VERSION": "0.1.8"}
    cards |= {"MJDREFI": 52706, "MJDREFF": 0.0, "TIMESYS": "UTC", "TSTART": 333863700.0, "TSTOP": 333864600.0}
    table.header.update(cards)
    table.writeto(path)
    row = read_inside(str(path), "dl3", is_mc=False)
    assert (row["ra"], row["zenith_min"], row["zenith_max"], row["azimuth"]) == (83.63, 25.0, 25.0, 99.0)
    assert (row["start"], row["stop"], row["seconds"]) == ("2013-10-05T03:55:00Z", "2013-10-05T04:10:00Z", 890.0)
    assert (row["events"], row["mars_version"]) == (2, "0.1.8")


def test_night_sky_follows_current_and_gain():
    assert night_sky(1100.0, None) == 1.0
    assert night_sky(None, "nominal") is None
    assert night_sky(1100.0 / 1.7, "reduced") == pytest.approx(1.0, abs=1e-3)


def test_times_and_azimuths():
    assert utc(56570 + 4 / 24) == "2013-10-05T04:00:00Z"
    assert utc(0.0) is None
    assert azimuth_middle([]) is None
    assert azimuth_middle([float("nan"), 90.0]) == pytest.approx(90)
