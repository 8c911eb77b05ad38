"""Calibrated files are read by ctapipe_io_magic, a reader that others wrote."""

import numpy as np
import pytest

from openmars.camera import N_PIXELS
from openmars.io import calibrated, headers, read_tree, reports

DAY = 56570
RMS = np.full(N_PIXELS, 1.0, np.float32) + 0.01 * np.arange(N_PIXELS) / N_PIXELS


def toy_events(n, pattern, seed=1):
    rng = np.random.default_rng(seed)
    seconds = np.sort(rng.uniform(7000, 7100, n))
    return calibrated.Events(
        charge=rng.normal(0, 1, (n, N_PIXELS)).astype("f4"),
        arrival_time=rng.uniform(0, 50, (n, N_PIXELS)).astype("f4"),
        pattern=np.broadcast_to(pattern, n).copy(),
        stereo_number=np.arange(1, n + 1),
        daq_number=np.arange(n),
        seconds=seconds,
        time_diff_s=np.diff(seconds, prepend=seconds[0]),
    )


def toy_truth(n, seed=2):
    rng = np.random.default_rng(seed)
    names = [
        "energy_gev",
        "zd_deg",
        "az_deg",
        "pointing_zd_deg",
        "pointing_az_deg",
        "core_x_m",
        "core_y_m",
        "impact_m",
    ]
    values = {name: rng.uniform(5, 35, n) for name in names}
    values["az_deg"] = rng.uniform(0, 360, n)
    values["core_x_m"] = rng.uniform(-200, 200, n)
    return calibrated.McTruth(**values, source_x_mm=np.zeros(n), source_y_mm=np.full(n, 118.7))


def toy_reports():
    nodes = np.linspace(6990, 7110, 13)
    zd, az, sky = np.linspace(20, 21, 13), np.linspace(355, 365, 13), reports.Sky()
    return {
        "Drive": headers.drive_tree(DAY, nodes, zd, az, 83.63, 22.41),
        **headers.trigger_trees(DAY, nodes, np.full(13, 200.0), "standard"),
        "Laser": reports.laser_tree(DAY, nodes[:1], sky, zd[:1], az[:1]),
        "Camera": reports.camera_tree(DAY, nodes, sky),
        "Pyrometer": reports.pyrometer_tree(DAY, nodes, sky),
        "Starguider": reports.starguider_tree(DAY, nodes, sky, zd, az),
        "Weather": reports.weather_tree(DAY, nodes),
        "Pedestals": calibrated.pedestal_tree(DAY, nodes[:3], 2 * RMS, RMS),
    }


@pytest.fixture(scope="module")
def data_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "20131005_M1_05029747.001_Y_CrabNebula-W0.40+035.root"
    info = headers.RunInfo(5029747, 1, 1, False, "CrabNebula", 83.6331, 22.0145, day=DAY)
    events = toy_events(60, np.where(np.arange(60) % 10 == 5, 8, 128))
    calibrated.write_calibrated(path, info, events, 2 * RMS, RMS, reports=toy_reports())
    return path, events


@pytest.fixture(scope="module")
def mc_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("mc") / "GA_M2_za05to35_8_1001_Y_w0.root"
    info = headers.RunInfo(1001, 0, 2, True, "", 0, 0, day=DAY)
    mc = headers.McInfo(500, -1.6, 10, 3e4, 350, 5, 35, 0, 360, (0.4, 0.4))
    events, truth = toy_events(40, 1), toy_truth(40)
    calibrated.write_calibrated(path, info, events, 2 * RMS, RMS, truth=truth, mc=mc, showers=toy_truth(500))
    return path, events, truth


def test_data_are_read_by_others(data_file, magic_source):
    path, events = data_file
    stereo = events.pattern == 128
    with magic_source(path) as source:
        assert source.is_stereo
        assert not source.is_sumt
        assert source.telescope == 1
        assert source.metadata["source_name"] == ["CrabNebula"]
        assert source.metadata["source_ra"][0].to_value("deg") == pytest.approx(83.6331)
        assert source.laser[0].Transmission9km == pytest.approx(1)
        read = [(e.index.event_id, e.trigger.time.unix, e.dl1.tel[1].image.copy()) for e in source]
        pointing = np.interp(events.seconds[stereo], np.linspace(6990, 7110, 13), np.linspace(20, 21, 13))
    assert [r[0] for r in read] == events.stereo_number[stereo].tolist()
    unix = (DAY - 40587) * 86400 + events.seconds[stereo]
    np.testing.assert_allclose([r[1] for r in read], unix, atol=1e-6)
    np.testing.assert_allclose([r[2] for r in read], events.charge[stereo], atol=calibrated.CHARGE_STEP)
    with magic_source(path) as source:
        altitudes = [e.pointing.array_altitude.to_value("deg") for e in source]
    np.testing.assert_allclose(90 - np.array(altitudes), pointing, atol=1e-6)


def test_pedestal_events_are_read_by_others(data_file, magic_source):
    path, events = data_file
    with magic_source(path, use_pedestals=True) as source:
        assert sum(1 for _ in source) == np.count_nonzero(events.pattern == 8)


def test_mc_is_read_by_others_in_its_own_conventions(mc_file, magic_source):
    path, events, truth = mc_file
    with magic_source(path) as source:
        assert source.is_simulation
        assert source.is_stereo
        header = source.simulation_config[1001]
        assert header.n_showers == 500
        assert header.spectral_index == pytest.approx(-1.6)
        assert header.max_scatter_range.to_value("m") == pytest.approx(350)
        showers, times = [], []
        for event in source:
            showers.append(event.simulation.shower)
            times.append(event.dl1.tel[2].peak_time.copy())
    column = lambda name, unit: np.array([getattr(s, name).to_value(unit) for s in showers])  # noqa: E731
    np.testing.assert_allclose(column("energy", "GeV"), truth.energy_gev, rtol=1e-6)
    np.testing.assert_allclose(column("alt", "deg"), 90 - truth.zd_deg, atol=1e-4)
    np.testing.assert_allclose(column("az", "deg") % 360, truth.az_deg, atol=1e-4)
    np.testing.assert_allclose(column("core_x", "m"), truth.core_x_m, atol=1e-3)
    np.testing.assert_allclose(column("core_y", "m"), truth.core_y_m, atol=1e-3)
    assert {s.shower_primary_id for s in showers} == {0}
    np.testing.assert_allclose(times, events.arrival_time / 1.64, atol=calibrated.TIME_STEP)


def test_mc_angles_and_cores_turn_back():
    az = np.array([0.0, 90.0, 172.9, 173.1, 359.0])
    np.testing.assert_allclose(calibrated.az_of_mc_phi(calibrated.mc_phi_rad(az)), az, atol=1e-9)
    x, y = calibrated.core_of_mc(*calibrated.mc_core_cm(np.array([100.0, -3]), np.array([20.0, 70])))
    np.testing.assert_allclose([x, y], [[100, -3], [20, 70]])


def test_same_content_same_bytes(mc_file, data_file, tmp_path):
    path, events = data_file
    info = headers.RunInfo(5029747, 1, 1, False, "CrabNebula", 83.6331, 22.0145, day=DAY)
    calibrated.write_calibrated(tmp_path / "b.root", info, events, 2 * RMS, RMS, reports=toy_reports())
    assert path.read_bytes() == (tmp_path / "b.root").read_bytes()


def test_all_showers_are_kept_for_the_effective_area(mc_file):
    assert len(read_tree(mc_file[0], "OriginalMC")["MMcEvtBasic.fEnergy"]) == 500
