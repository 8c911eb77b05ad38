"""Haze is corrected with the LIDAR's profiles: events and responses together give the true flux."""

import json

import numpy as np
import pytest
from astropy.io import fits

from automagic.errors import UserError
from automagic.science import haze, lightcurve, shifted
from automagic.science.__main__ import main
from automagic.science.errors import DataError
from automagic.science.lidar import HEIGHTS, Lidar, lidar, light_profile, maximum_of
from automagic.science.settings import Settings
from openmars.io import write_root
from openmars.io.times import to_mtime
from tests.science.conftest import CARD

DAY, START = 56569, 333778852.0
ZENITH = 20.0


def melibea(path, events, transmission=((0.0, (1.0, 1.0, 1.0, 1.0)),), cloud=0.0, height=7e5, without=()):
    """A ``_Q_`` file with the events of a DL3 file and reports of the LIDAR: minutes after the start, transmissions."""
    seconds = np.asarray(events["TIME"], float) - (DAY - 52706) * 86400.0
    begin = START - (DAY - 52706) * 86400.0
    n = len(events)
    trees = {
        "Events": {
            "MRawEvtHeader_1.fStereoEvtNumber": np.asarray(events["EVENT_ID"], "u4"),
            "MStereoPar.fMaxHeight": np.full(n, height, "f4"),
            "MPointingPos_1.fZd": np.full(n, ZENITH),
            **to_mtime("MTime_1", DAY, seconds),
        },
        "Laser": {
            **{
                f"MReportLaser.fTransmission{km}km": np.array([values[i] for _, values in transmission], "f4")
                for i, km in enumerate((3, 6, 9, 12))
            },
            "MReportLaser.fCloudLayerAlt": np.full(len(transmission), cloud, "f4"),
            **to_mtime("MTimeLaser", DAY, np.array([begin + 60 * minute for minute, _ in transmission])),
        },
    }
    write_root(path, {name: columns for name, columns in trees.items() if name not in without})


@pytest.fixture
def corrected(tmp_path, write_run):
    """Write a run whose showers gave a share `tau` of their light, correct it, return folders of before and after."""

    def make(tau=1.0, *, seed=3, card=None, full_enclosure=False, crab=None, **more):
        before, after = tmp_path / "in", tmp_path / "out"
        for folder in (before / "dl3", before / "melibea", after):
            folder.mkdir(parents=True)
        options = {"full_enclosure": full_enclosure} | ({} if crab is None else {"flux": lambda e: crab(e / tau) / tau})
        write_run(before / "dl3" / "20131004_05029747_DL3_Test-W0.40+035.fits", 5029747, seed=seed, **options)
        name = before / "dl3" / "20131004_05029747_DL3_Test-W0.40+035.fits"
        melibea(before / "melibea" / "20131004_05029747_Q_Test-W0.40+035.root", fits.getdata(name, "EVENTS"), **more)
        list(haze.run(Settings("haze", card or {}), before, after))
        return before / "dl3", after

    return make


def tables(folder):
    return fits.open(next(folder.glob("*.fits")), memmap=False)


def test_clear_air_changes_nothing(corrected):
    before, after = map(tables, corrected())
    assert [hdu.name for hdu in before] == [hdu.name for hdu in after]
    for one, other in zip(before[1:], after[1:], strict=True):
        for column in one.columns.names:
            np.testing.assert_allclose(other.data[column], one.data[column], rtol=2e-7, err_msg=f"{one.name} {column}")
    assert after["EVENTS"].header["HAZEFAC"] == 1


@pytest.mark.parametrize("full_enclosure", [False, True])
def test_all_light_dimmed_alike_divides_energies_and_shifts_the_responses(corrected, full_enclosure):
    # all of the haze is below the showers, which are at 7 km: a cloud just above the telescopes
    vertical = 0.7
    tau = vertical ** (1 / np.cos(np.radians(ZENITH)))
    report = ((0.0, (vertical,) * 4),)
    before, after = map(tables, corrected(transmission=report, cloud=0.05, full_enclosure=full_enclosure))
    np.testing.assert_allclose(after["EVENTS"].data["ENERGY"] * tau, before["EVENTS"].data["ENERGY"], rtol=2e-3)
    area = before["EFFECTIVE AREA"].data["EFFAREA"][0, 0]
    edges = before["EFFECTIVE AREA"].data["ENERG_LO"][0], before["EFFECTIVE AREA"].data["ENERG_HI"][0]
    centre = np.sqrt(edges[0] * edges[1])
    # the made-up area is a formula
    expected = 1e9 / (1 + (0.15 / (centre * tau)) ** 2.5)
    inside = centre * tau > centre[0]
    np.testing.assert_allclose(area, 1e9 / (1 + (0.15 / centre) ** 2.5), rtol=1e-5)
    np.testing.assert_allclose(after["EFFECTIVE AREA"].data["EFFAREA"][0, 0][inside], expected[inside], rtol=0.02)
    # their dispersion does not depend on the energy, and stays
    np.testing.assert_allclose(
        after["ENERGY DISPERSION"].data["MATRIX"], before["ENERGY DISPERSION"].data["MATRIX"], rtol=1e-5, atol=1e-6
    )
    if not full_enclosure:
        # 0.2 deg below 0.16 TeV, 0.1 above: the step moves with the energies
        old, new = (each["RAD_MAX"].data["RAD_MAX"][0, 0] for each in (before, after))
        reco = np.sqrt(before["RAD_MAX"].data["ENERG_LO"][0] * before["RAD_MAX"].data["ENERG_HI"][0])
        assert np.interp(0.15, new[::-1], reco[::-1]) == pytest.approx(
            np.interp(0.15, old[::-1], reco[::-1]) / tau, rel=0.1
        )


def test_flux_of_a_hazy_run_is_the_true_one_after_correction_and_not_before(corrected, crab_like, tmp_path):
    vertical = 0.65
    tau = vertical ** (1 / np.cos(np.radians(ZENITH)))
    folders = corrected(tau, crab=crab_like, transmission=((5.0, (vertical,) * 4),), cloud=0.05)
    deviations = []
    for number, folder in enumerate(folders):
        out = tmp_path / str(number)
        out.mkdir()
        list(lightcurve.run(Settings("lightcurve", CARD), folder, out))
        from astropy.table import Table

        row = Table.read(out / "lightcurve-run.ecsv", format="ascii.ecsv")[0]
        low, high = (float(np.ravel(row[key])[0]) for key in ("e_min", "e_max"))
        grid = np.geomspace(low, high, 2000)
        true = np.trapezoid(crab_like(grid), grid)
        flux, error = (float(np.ravel(row[key])[0]) for key in ("flux", "flux_err"))
        deviations.append(((flux - true) / error, flux / true))
    (_, raw), (pull, _) = deviations
    # N(>E) of the Crab about 0.4 TeV falls as E^-1.5, so the uncorrected flux is near 0.63^1.5 = 0.5 of the true one
    assert raw < 0.65
    assert abs(pull) < 3


def test_a_shower_sees_the_haze_that_is_below_its_light():
    cosine = np.array([1.0, 1.0])
    high_cloud = lidar(np.zeros(1), np.array([[1.0, 1.0, 0.6, 0.6]]), np.array([8.0]))
    low, high = high_cloud.light(np.zeros(2), np.array([4.0, 12.0]), cosine)
    assert low > 0.93
    assert high < 0.75
    # the layer at the telescopes dims both alike
    ground = lidar(np.zeros(1), np.array([[0.6, 0.6, 0.6, 0.6]]), np.array([0.05]))
    np.testing.assert_allclose(ground.light(np.zeros(2), np.array([4.0, 12.0]), cosine), 0.6, rtol=0.01)
    # along a slant the optical depth is larger
    assert ground.light(np.zeros(1), np.array([9.0]), np.array([0.5])) == pytest.approx(0.36, rel=1e-3)


def test_light_comes_from_about_the_maximum_and_showers_of_high_energy_are_low():
    profile = light_profile(np.array([6.0, 9.0]), np.array([0.9, 0.9]))
    np.testing.assert_allclose(profile.sum(axis=1), 1)
    middle = (profile * HEIGHTS).sum(axis=1)
    assert np.all(np.abs(middle - [6.0, 9.0]) < 1.0)
    heights = maximum_of(np.array([0.1, 1.0, 10.0]), np.ones(3))
    # Schmuckermaier et al. 2023, section 1: 12 and 5 km above the sea at 20 GeV and 100 TeV
    ends = maximum_of(np.array([0.02, 100.0]), np.ones(2)) + 2.2
    assert np.all(np.diff(heights) < 0)
    assert np.all(np.abs(ends - [12.0, 5.0]) < 1.0)


def test_the_simulated_light_is_dimmed_as_the_profile_says():
    """The simulator adds up light along showers; the correction knows only the LIDAR's numbers and the maximum."""
    from openmars.sim.atmosphere import OBSERVATORY_M, height_at
    from openmars.sim.events import Conditions
    from openmars.sim.generate import simulate_gammas
    from openmars.sim.haze import Haze

    def light(conditions):
        found = list(simulate_gammas(5, np.full(400, 1000.0), ZENITH, 0.0, ZENITH, 0.0, conditions, 120.0))
        index, size, depth = (
            np.concatenate([getattr(each, k) for each in found]) for k in ("index", "true_size", "xmax_g_cm2")
        )
        return index, size.sum(axis=1), depth

    index, clear, depth = light(Conditions())
    for layer, cloud, within in ((Haze(0.6, 0.6), 0.0, 0.02), (Haze(0.6, 0.6, base=6000.0, scale=200.0), 6.0, 0.03)):
        hazy, size, _ = light(Conditions(haze=layer))
        both, one, other = np.intersect1d(index, hazy, return_indices=True)
        true = size[other].sum() / clear[one].sum()
        report = layer.transmission(np.array([3e3, 6e3, 9e3, 12e3]), 0.0)
        cosine = np.full(len(both), np.cos(np.radians(ZENITH)))
        maximum = (height_at(depth[one] * cosine) - OBSERVATORY_M) / 1000
        told = lidar(np.zeros(1), report[None], np.array([cloud])).light(np.zeros(len(both)), maximum, cosine)
        assert np.average(told, weights=clear[one]) == pytest.approx(true, abs=within)


def test_parts_of_a_run_count_by_their_live_time():
    centre = np.geomspace(0.01, 100, 41)
    area, tau = centre**1.5, np.array([[0.9] * 41, [0.5] * 41])
    mixed = shifted.area(area, centre, tau, np.array([0.25, 0.75]))
    inside = centre > 0.03
    np.testing.assert_allclose(mixed[inside], (0.25 * 0.9**1.5 + 0.75 * 0.5**1.5) * area[inside], rtol=1e-6)
    matrix = np.stack([centre, 1 + 0 * centre])
    seen = shifted.density(matrix, centre, tau, np.array([0.25, 0.75]), area, centre)
    # by the showers that are seen, not by time
    share = 0.25 * 0.9**1.5 / (0.25 * 0.9**1.5 + 0.75 * 0.5**1.5)
    np.testing.assert_allclose(seen[1], 1, rtol=1e-6)
    assert np.all(np.abs(seen[0] / centre - (share * 0.9 + (1 - share) * 0.5))[inside] < 0.01)


def test_good_time_decides_how_long_a_part_is():
    gti = {"START": [0.0, 900.0], "STOP": [300.0, 1200.0]}
    parts = haze._parts(gti, 300.0)
    np.testing.assert_allclose(parts.middle, [150, 1050])
    np.testing.assert_allclose(parts.weight, [0.5, 0.5])


def test_between_reports_the_optical_depth_is_linear():
    found = lidar(np.array([600.0, 0.0, 300.0]), np.array([[0.5] * 4, [1.0] * 4, [0.0] * 4]), np.zeros(3))
    assert isinstance(found, Lidar)
    assert len(found.time) == 2  # 0: not measured
    top = found.depth_at(np.array([-50.0, 0.0, 300.0, 900.0]))[:, -1]
    np.testing.assert_allclose(top, np.array([0, 0, 0.5, 1]) * np.log(2), atol=1e-12)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"without": ("Laser",)}, ["no reports of the LIDAR", "data.exclude"]),
        ({"transmission": ((0.0, (0.0, 0.0, 0.0, 0.0)),)}, ["05029747", "no report of the LIDAR has a measurement"]),
        ({"transmission": ((-60.0, (0.9,) * 4),)}, ["05029747", "Haze.GapMinutes", "at most 20 min"]),
    ],
)
def test_a_run_without_the_lidar_is_not_silently_left_as_it_is(corrected, more, words):
    with pytest.raises(DataError) as error:
        corrected(**more)
    for word in words:
        assert word in f"{error.value} {error.value.hint}"


def test_files_that_do_not_belong_together_and_a_second_correction_are_refused(corrected, tmp_path):
    before, after = corrected()
    (before.parent / "dl3" / "20131004_05029747_DL3_Test-W0.40+035.fits").unlink()
    again = next(after.glob("*.fits")).rename(before / "x.fits")
    with pytest.raises(DataError, match="before"):
        list(haze.run(Settings("haze", {}), before.parent, after))
    with fits.open(again, mode="update") as hdus:
        del hdus["EVENTS"].header["HAZECORR"]
        hdus["EVENTS"].data["TIME"] += 0.5
    with pytest.raises(DataError, match="same number and"):
        list(haze.run(Settings("haze", {}), before.parent, after))
    with pytest.raises(UserError, match=r"Haze\.BinMinutes"):
        list(haze.run(Settings("haze", {"Haze.BinMinutes": "0"}), before.parent, after))


def test_a_run_of_which_nothing_is_left_is_no_failure(tmp_path):
    """quate may find all of a run bad: there is no DL3 file then, and the analysis goes on."""
    (tmp_path / "melibea").mkdir()
    assert main(["haze", f"--ind={tmp_path}", f"--out={tmp_path / 'out'}"]) == 4


def test_the_header_says_what_was_done(corrected):
    report = ((0.0, (0.9, 0.8, 0.8, 0.8)), (20.0, (0.7, 0.6, 0.6, 0.6)))
    _, after = map(tables, corrected(transmission=report))
    header = after["EVENTS"].header
    assert header["HAZECORR"] == "LIDAR"
    assert header["HAZEBINS"] == 4  # 20 min in parts of 5
    assert header["HAZET9"] == pytest.approx(0.7, abs=0.01)
    assert header["HAZET9MN"] == pytest.approx(0.6)
    assert 1.2 < header["HAZEFAC"] < 1.6
    assert "energies before" in str(header["COMMENT"])
    assert json.dumps(header["HAZEREP"]) == "2"
