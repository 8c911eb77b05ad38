"""What openmars-sim writes: read and reconstructed with the programs of others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from openmars import sky
from openmars.core.env import Env
from openmars.core.program import MRCFILES
from openmars.io import read_tree
from openmars.io.times import from_mtime, to_mjd
from openmars.sim.card import Truth, read_card
from openmars.sim.montecarlo import draw_directions
from openmars.sim.observation import Track, _alive
from openmars.sim.program import PROGRAM
from openmars.sim.spectrum import dnde_per_gev

MC_CARD = {"Kind": "gamma", "Seed": 3, "Run": 1001, "Showers": 1500, "EnergyMin": 0.1}
RUN_CARD = {
    "Kind": "observation",
    "Seed": 5,
    "Run": 5029747,
    "Duration": 40,
    "Subruns": 2,
    "SourceFactor": 20,
    "BackgroundFraction": 0.005,
    "EnergyMin": 0.1,
}


def simulate(folder: Path, card: dict) -> list[Path]:
    path = folder / "card.rc"
    path.write_text("".join(f"Sim.{key}: {value}\n" for key, value in card.items()))
    assert PROGRAM.run([f"--config={path}", f"--out={folder / 'out'}", "--null"]) == 0
    return sorted((folder / "out").glob("*.root"))


@pytest.fixture(scope="module")
def mc_pair(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("mc"), MC_CARD)


@pytest.fixture(scope="module")
def run_files(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("run"), RUN_CARD)


def hillas(source, telescope, min_size=100):
    """Image parameters and truth by event number, with ctapipe's own cleaning."""
    from ctapipe.image import hillas_parameters, tailcuts_clean

    camera = source.subarray.tel[telescope].camera.geometry
    out = {}
    for event in source:
        image = event.dl1.tel[telescope].image
        clean = tailcuts_clean(camera, image, 6, 3.5, min_number_picture_neighbors=1)
        if image[clean].sum() < min_size or clean.sum() < 5:
            continue
        moments = hillas_parameters(camera[clean], image[clean])
        if moments.width.value > 0:
            pointing = event.pointing.array_altitude, event.pointing.array_azimuth
            shower = event.simulation.shower if source.is_simulation else None
            time = None if source.is_simulation else event.trigger.time.mjd
            out[int(event.index.event_id)] = moments, pointing, shower, time
    return out


def stereo(subarray, pair):
    """Direction of a shower (altitude, azimuth in degrees) by ctapipe from the images of both telescopes."""
    from ctapipe.containers import (
        ArrayEventContainer,
        DL1CameraContainer,
        ImageParametersContainer,
        MorphologyContainer,
    )
    from ctapipe.reco import HillasReconstructor

    event = ArrayEventContainer()
    event.trigger.tels_with_trigger = [1, 2]
    for telescope, (moments, pointing, *_) in pair.items():
        parameters = ImageParametersContainer(hillas=moments, morphology=MorphologyContainer(n_pixels=9))
        event.dl1.tel[telescope] = DL1CameraContainer(parameters=parameters)
        here, array = event.pointing.tel[telescope], event.pointing
        here.altitude, here.azimuth = array.array_altitude, array.array_azimuth = pointing
    HillasReconstructor(subarray)(event)
    found = event.dl2.stereo.geometry["HillasReconstructor"]
    return found.alt.to_value("deg"), found.az.to_value("deg"), found.core_x.to_value("m"), found.core_y.to_value("m")


def reconstruct(magic_source, files, focal="EQUIVALENT"):
    images = {}
    for telescope, path in files.items():
        with magic_source(path, focal_length_choice=focal) as source:
            images[telescope], subarray = hillas(source, telescope), source.subarray
    both = sorted(images[1].keys() & images[2].keys())
    found = [stereo(subarray, {t: images[t][n] for t in (1, 2)}) for n in both]
    return np.array(found), [images[1][n] for n in both]


@pytest.fixture(scope="module")
def reconstructed_mc(mc_pair, magic_source):
    return reconstruct(magic_source, {1: mc_pair[0], 2: mc_pair[1]})


def test_mc_directions_and_cores_are_recovered_by_ctapipe(reconstructed_mc):
    found, images = reconstructed_mc
    truth = np.array(
        [
            [s.alt.to_value("deg"), s.az.to_value("deg"), s.core_x.to_value("m"), s.core_y.to_value("m")]
            for _, _, s, _ in images
        ]
    )
    assert len(found) > 80
    error = sky.separation(found[:, 1], found[:, 0], truth[:, 1], truth[:, 0])
    assert np.median(error) < 0.12
    assert np.median(np.hypot(found[:, 2] - truth[:, 2], found[:, 3] - truth[:, 3])) < 25


def test_mc_showers_come_from_a_point_at_the_wobble_offset(mc_pair, reconstructed_mc):
    showers = read_tree(mc_pair[0], "OriginalMC")
    assert len(showers["MMcEvtBasic.fEnergy"]) == MC_CARD["Showers"]
    offset = 0.00337 * np.hypot(showers["MSrcPosCam.fX"], showers["MSrcPosCam.fY"])
    np.testing.assert_allclose(offset, 0.4, atol=1e-4)
    found, images = reconstructed_mc
    alt, az = (np.array([p[k].to_value("deg") for _, p, _, _ in images]) for k in (0, 1))
    assert np.median(sky.separation(az, alt, found[:, 1], found[:, 0])) == pytest.approx(0.4, abs=0.04)


def test_mc_cores_fill_the_disc_evenly(mc_pair):
    impact = read_tree(mc_pair[0], "OriginalMC", ["MMcEvtBasic.fImpact"])["MMcEvtBasic.fImpact"] / 100
    assert impact.max() <= 350
    # the square of the distance is even between 0 and the square of the radius
    assert np.mean(impact**2) == pytest.approx(350**2 / 2, rel=0.08)


def test_source_is_found_at_its_place_on_the_sky(run_files, magic_source):
    pair = {t: next(p for p in run_files if f"_M{t}_05029747.001" in p.name) for t in (1, 2)}
    found, images = reconstruct(magic_source, pair)
    mjd = np.array([time for *_, time in images])
    ra, dec = sky.altaz_to_radec(90 - found[:, 0], found[:, 1], mjd)
    assert len(ra) > 40
    assert np.median(ra) == pytest.approx(83.6333, abs=0.05)
    assert np.median(dec) == pytest.approx(22.0145, abs=0.05)


def test_both_telescopes_have_the_same_events(run_files):
    assert [p.name[:24] for p in run_files] == [f"20131005_M{t}_05029747.00{s}" for t in (1, 2) for s in (1, 2)]
    names = ["MRawEvtHeader.fStereoEvtNumber", "MTriggerPattern.fPrescaled", "MTime.fTime.fMilliSec"]
    trees = [read_tree(p, "Events", names) for p in run_files]
    for name in names:
        assert np.array_equal(trees[0][name], trees[2][name])
    numbers = np.concatenate([t[names[0]][t[names[1]] == 128] for t in trees[:2]])
    assert np.array_equal(numbers, np.arange(1, len(numbers) + 1))
    assert min(np.count_nonzero(t[names[1]] == 8) for t in trees) >= 10


def test_times_run_through_the_subruns(run_files):
    branches = ["MTime.fMjd", "MTime.fTime.fMilliSec", "MTime.fNanoSec", "MRawEvtHeader.fTimeDiff"]
    first, second = (read_tree(p, "Events", branches) for p in run_files[:2])
    seconds = np.concatenate([from_mtime("MTime", t)[1] for t in (first, second)])
    differences = np.concatenate([t["MRawEvtHeader.fTimeDiff"] for t in (first, second)])
    assert np.all(np.diff(seconds) >= 26e-6 - 1e-9)
    np.testing.assert_allclose(differences[1:], np.diff(seconds), atol=2e-9)
    start = to_mjd("MTime", first)[0]
    assert start == pytest.approx(56570 + 4 / 24, abs=3 / 86400)
    drive = read_tree(run_files[0], "Drive")
    zd, az = sky.radec_to_altaz(drive["MReportDrive.fRa"] * 15, drive["MReportDrive.fDec"], drive["MReportDrive.fMjd"])
    np.testing.assert_allclose(drive["MReportDrive.fCurrentZd"], zd, atol=1e-6)
    np.testing.assert_allclose(drive["MReportDrive.fCurrentAz"] % 360, az, atol=1e-6)


def test_same_card_same_bytes_another_seed_others(run_files, tmp_path):
    card = RUN_CARD | {"Duration": 10, "Subruns": 1}
    made = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        (tmp_path / name).mkdir()
        made.append([p.read_bytes() for p in simulate(tmp_path / name, card | {"Seed": seed})])
    assert made[0] == made[1]
    assert made[0][0] != made[2][0]


def test_source_switched_off_leaves_cosmic_rays_alone(tmp_path):
    card = RUN_CARD | {"Kind": "off", "Source": "OffCrab", "Duration": 10, "Subruns": 1, "BackgroundFraction": 0}
    files = simulate(tmp_path, card)
    patterns = read_tree(files[0], "Events", ["MTriggerPattern.fPrescaled"])["MTriggerPattern.fPrescaled"]
    assert set(patterns.tolist()) == {8}
    assert "OffCrab" in files[0].name


@pytest.mark.parametrize(
    ("geometry", "inner", "outer", "mean_square"),
    [("w0", 0.4, 0.4, 0.16), ("wr", 0.3, 0.5, 0.17), ("wd", 0.0, 1.5, 1.125)],
)
def test_offsets_of_the_mc_geometries(geometry, inner, outer, mean_square):
    card = read_card(Env.parse(f"Sim.Geometry: {geometry}\nSim.Showers: 4000\nSim.AzimuthMax: 90\n"))
    pointing_zd, pointing_az, zd, az = draw_directions(card)
    offset = sky.separation(pointing_az, 90 - pointing_zd, az, 90 - zd)
    assert offset.min() > inner - 1e-9
    assert offset.max() < outer + 1e-9
    assert np.mean(offset**2) == pytest.approx(mean_square, rel=0.04)
    assert pointing_zd.min() >= 5
    assert pointing_zd.max() <= 35
    assert pointing_az.max() <= 90
    x, y = sky.altaz_to_camera(zd, az, pointing_zd, pointing_az)
    assert abs(np.mean(x)) + abs(np.mean(y)) < 0.06


def test_sum_trigger_is_told_from_the_table_of_the_coincidence_trigger(tmp_path, magic_source):
    card = RUN_CARD | {"Trigger": "sumt", "Duration": 10, "Subruns": 1, "BackgroundFraction": 0}
    with magic_source(simulate(tmp_path, card)[0]) as source:
        assert source.is_sumt
        assert source.is_stereo


def test_mc_headers_tell_the_night_sky(tmp_path):
    files = simulate(tmp_path, MC_CARD | {"Showers": 60, "NSB": 2.5, "EnergyMin": 1})
    for path in files:
        header = read_tree(path, "RunHeaders", ["MMcRunHeader.fNumPheFromDNSB"])
        assert header["MMcRunHeader.fNumPheFromDNSB"][0] == pytest.approx(2.5 * 0.13)


def test_azimuth_runs_on_through_north():
    card = read_card(Env.parse("Sim.Start: 2013-10-05T02:15:00Z\nSim.Duration: 7200\nSim.RA: 50\nSim.Dec: 60\n"))
    track = Track.of(card)
    whole = track.pointing(np.linspace(0, card.duration, 500))[1]
    assert np.abs(np.diff(whole)).max() < 1
    assert whole.min() < 360 < whole.max() or whole.min() < 0 < whole.max()
    late = track.pointing(np.linspace(card.duration / 2, card.duration, 20))[1]
    assert late[-1] == pytest.approx(whole[-1])


def test_dead_time_swallows_events():
    seconds = np.array([1.0, 1.00001, 1.00002, 1.00003, 2.0])
    assert _alive(seconds, last=0.0).tolist() == [True, False, False, True, True]
    assert not _alive(np.array([1.0]), last=1.0 - 1e-5)[0]


def test_spectrum_is_absorbed_as_published():
    pytest.importorskip("ebltable")
    truth = Truth(4e-11, 1.0, 2.4, 0.3, 0.031, "dominguez")
    energy = np.array([100.0, 1000.0, 10000.0])
    clear = dnde_per_gev(replace(truth, ebl="none"))(energy)
    depth = -np.log(dnde_per_gev(truth)(energy) / clear)
    # Dominguez et al. 2011: about 0.3 at 1 TeV and 1.5 at 10 TeV for z = 0.03
    assert depth[0] < 0.02
    assert 0.15 < depth[1] < 0.45
    assert 0.8 < depth[2] < 2.5


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("Kind", "muon", "observation, off, gamma"),
        ("BackgroundFraction", "1.5", "from 0 to 1"),
        ("Start", "yesterday", "2013-10-05T04:00:00Z"),
        ("Start", "2013-10-05T12:00:00Z", "zenith distance"),
        ("Source", "../etc", "letters"),
        ("EBLModel", "mine", "dominguez"),
    ],
)
def test_a_wrong_card_ends_with_one_line_that_says_what_is_allowed(tmp_path, capsys, key, value, hint):
    card = tmp_path / "card.rc"
    card.write_text(f"Sim.{key}: {value}\nSim.Redshift: 0.03\n")
    assert PROGRAM.run([f"--config={card}", f"--out={tmp_path / 'out'}", "--null"]) == 2
    message = capsys.readouterr().err
    assert f"Sim.{key}" in message
    assert hint in message
    assert not list((tmp_path / "out").iterdir())


def test_default_card_holds_every_key_that_is_read(tmp_path):
    env = Env.read(MRCFILES / "openmars-sim.rc")
    read_card(env)
    assert env.looked_up.keys() == env.values.keys()
    assert not env.untouched()
    assert not env.messages
