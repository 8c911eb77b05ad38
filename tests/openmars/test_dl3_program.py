"""magic_dl3 on toy files of known content, against MAGIC's own files, Gammapy, and the truth put in."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from openmars.dl3.program import PROGRAM
from openmars.io import write_root

REAL = "20131004_05029747_DL3_CrabNebula-W0.40+035.fits"
AREA_RADIUS_M = 300.0
MM_TO_DEG = 0.00337
CRAB = (83.63333, 22.01444)
RATE = 60.0


def real_folder() -> Path:
    """MAGIC's published files, which are not ours to ship: in AUTOMAGIC_DATA, or beside the checkout."""
    named = os.environ.get("AUTOMAGIC_DATA")
    if named:
        return Path(named)
    beside = Path(__file__).resolve().parents[3] / "shared" / "data" / "magic_dl3"
    if not beside.is_dir():
        pytest.skip("MAGIC's published DL3 files are not here; name their folder in AUTOMAGIC_DATA")
    return beside


def toy_monte_carlo(rng: np.random.Generator, n: int, offset: np.ndarray) -> dict:
    """Showers of which a known fraction is seen, with 15 % energy resolution and a PSF of 0.07 deg."""
    energy = 10 ** rng.uniform(1, 4.7, n)  # GeV
    theta = np.radians(rng.uniform(5, 35, n))
    phi = rng.uniform(-np.pi, np.pi, n)
    angle = rng.uniform(0, 2 * np.pi, n)
    x, y = offset * np.cos(angle), offset * np.sin(angle)
    seen = rng.uniform(size=n) < efficiency(energy / 1000)
    m = int(seen.sum())
    events = {
        "MHadronness.fHadronness": rng.beta(1, 12, m).astype("f4"),
        "MEnergyEst.fEnergy": (energy[seen] * np.exp(rng.normal(0, 0.15, m))).astype("f4"),
        "MStereoParDisp.fDirectionX": (x[seen] + rng.normal(0, 0.07, m)).astype("f4"),
        "MStereoParDisp.fDirectionY": (y[seen] + rng.normal(0, 0.07, m)).astype("f4"),
        "MHillas_1.fSize": np.full(m, 200, "f4"),
        "MHillas_2.fSize": np.full(m, 200, "f4"),
        "MPointingPos_1.fZd": np.degrees(theta[seen]),
        "MPointingPos_1.fAz": np.zeros(m),
        "MMcEvt_1.fEnergy": energy[seen].astype("f4"),
        "MSrcPosCam_1.fX": (x[seen] / MM_TO_DEG).astype("f4"),
        "MSrcPosCam_1.fY": (y[seen] / MM_TO_DEG).astype("f4"),
        "MMcEvt_1.fTelescopeTheta": theta[seen].astype("f4"),
        "MMcEvt_1.fTelescopePhi": phi[seen].astype("f4"),
    }
    showers = {
        "MMcEvtBasic_1.fEnergy": energy.astype("f4"),
        "MMcEvtBasic_1.fTelescopeTheta": theta.astype("f4"),
        "MMcEvtBasic_1.fTelescopePhi": phi.astype("f4"),
        "MSrcPosCam_1.fX": (x / MM_TO_DEG).astype("f4"),
        "MSrcPosCam_1.fY": (y / MM_TO_DEG).astype("f4"),
    }
    headers = {
        "MMcRunHeader_1.fImpactMax": np.array([AREA_RADIUS_M * 100], "f4"),
        "MRawRunHeader_1.fRunType": np.array([256], "u2"),
    }
    return {"Events": events, "OriginalMC": showers, "RunHeaders": headers}


def efficiency(energy_tev: np.ndarray) -> np.ndarray:
    """Fraction of the showers that is seen."""
    return 0.4 / (1 + (0.1 / energy_tev) ** 3)


def toy_run(rng: np.random.Generator, duration: float = 600.0, zenith: float = 20.0) -> dict:
    """Flat background and a source; every second trigger is kept; a break of 60 s in the middle."""
    n = rng.poisson(RATE * duration)
    time = np.sort(rng.uniform(0, duration, n))
    time = time + 60.0 * (time > duration / 2)
    gamma = rng.uniform(size=n) < 0.05
    x = np.where(gamma, 0.4 + rng.normal(0, 0.07, n), rng.uniform(-1.2, 1.2, n))
    y = np.where(gamma, rng.normal(0, 0.07, n), rng.uniform(-1.2, 1.2, n))
    ra_pointing = CRAB[0] + 0.4 / np.cos(np.radians(CRAB[1]))
    milliseconds = (time * 1000).astype("i8")
    events = {
        "MHadronness.fHadronness": np.where(gamma, rng.beta(1, 12, n), rng.beta(4, 2, n)).astype("f4"),
        "MEnergyEst.fEnergy": (60 * rng.pareto(1.6, n) + 60).astype("f4"),
        "MStereoParDisp.fDirectionX": x.astype("f4"),
        "MStereoParDisp.fDirectionY": y.astype("f4"),
        "MStereoParDisp.fDirectionRA": ((ra_pointing - x / np.cos(np.radians(CRAB[1]))) / 15).astype("f4"),
        "MStereoParDisp.fDirectionDec": (CRAB[1] + y).astype("f4"),
        "MHillas_1.fSize": rng.choice([40.0, 200.0, 800.0], n, p=[0.1, 0.5, 0.4]).astype("f4"),
        "MHillas_2.fSize": np.full(n, 200, "f4"),
        "MPointingPos_1.fZd": np.full(n, zenith) + 2e-3 * time,
        "MPointingPos_1.fAz": 100 + 1e-3 * time,
        "MPointingPos_1.fRa": np.full(n, ra_pointing / 15),
        "MPointingPos_1.fDec": np.full(n, CRAB[1]),
        "MRawEvtHeader_1.fStereoEvtNumber": np.arange(n, dtype="u4") * 2 + 7,
        "MTime_1.fMjd": np.full(n, 56569, "u4"),
        "MTime_1.fTime.fMilliSec": 14400000 + milliseconds,
        "MTime_1.fNanoSec": ((time * 1000 - milliseconds) * 1e6).astype("u4"),
    }
    header = {
        "MRawRunHeader_1.fRunNumber": np.array([5029747], "u4"),
        "MRawRunHeader_1.fSourceRA": np.array([round(CRAB[0] / 15 * 3600)], "i4"),
        "MRawRunHeader_1.fSourceDEC": np.array([round(CRAB[1] * 3600)], "i4"),
        "MRawRunHeader_1.fRunType": np.array([0], "u2"),
        "MRawRunHeader_1.fProjectName[100]": np.frombuffer(b"openmars".ljust(100, b"\0"), "i1")[None],
    }
    return {"Events": events, "RunHeaders": header}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run and a point-like Monte Carlo, and DL3 made of them."""
    base = tmp_path_factory.mktemp("dl3")
    rng = np.random.default_rng(1)
    write_root(base / "20131004_05029747_Q_CrabNebula-W0.40+035.root", toy_run(rng))
    write_root(base / "GA_za05to35_Q_w0_2.root", toy_monte_carlo(rng, 150_000, np.full(150_000, 0.4)))
    write_root(
        base / "GA_za05to35_Q_wd_2.root",
        toy_monte_carlo(rng, 100_000, 1.4 * rng.uniform(size=100_000) ** 0.5),
    )
    assert run_program(base, "out") == 0
    return base


def run_program(base: Path, out: str, *more: str, mc: str = "GA*_w0_2.root") -> int:
    """Run magic_dl3 on the toy files."""
    return PROGRAM.run(["-b", "-q", f"--ind={base}/20*_Q_*.root", f"--mc={base}/{mc}", f"--out={base / out}", *more])


def test_same_hdus_columns_units_and_keys_as_the_real_files(folder: Path) -> None:
    from astropy.io import fits

    ours_path = folder / "as_real" / REAL
    assert run_program(folder, "as_real", "--rc=MagicDL3.MigraBins:20") == 0
    values_differ = {"NAXIS2", "OBS_ID", "TSTART", "TSTOP", "ONTIME", "LIVETIME", "DEADC", "ORIGIN",
                     "CREATOR", "VERSION", "LO_THRES", "RA_OBJ", "DEC_OBJ", "RA_PNT", "DEC_PNT", "ALT_PNT",
                     "AZ_PNT", "SIMULATD"}  # fmt: skip
    with fits.open(real_folder() / REAL) as real, fits.open(ours_path) as ours:
        assert [hdu.name for hdu in ours] == [hdu.name for hdu in real]
        for mine, theirs in zip(ours[1:], real[1:], strict=True):
            assert list(mine.columns.names) == list(theirs.columns.names)
            for column in theirs.columns.names:
                one, other = mine.columns[column], theirs.columns[column]
                assert (one.format, one.unit, one.dim) == (other.format, other.unit, other.dim), column
            for key in theirs.header:
                assert key in mine.header, f"{mine.name}: {key}"
                if key not in values_differ:
                    assert mine.header[key] == theirs.header[key], f"{mine.name}: {key}"
            assert set(mine.header) - set(theirs.header) <= {"SIMULATD"}
        for name in ("RAD_MAX", "EFFECTIVE AREA", "ENERGY DISPERSION"):
            for axis in [c for c in real[name].columns.names if c.endswith(("_LO", "_HI"))]:
                np.testing.assert_allclose(ours[name].data[axis], real[name].data[axis], rtol=1e-5)


def test_threshold_is_near_that_in_the_real_headers() -> None:
    from astropy.io import fits

    from openmars.dl3.irf import energy_threshold

    with fits.open(real_folder() / REAL) as real:
        table = real["EFFECTIVE AREA"]
        edges = np.append(table.data["ENERG_LO"][0], table.data["ENERG_HI"][0][-1])
        ours = energy_threshold(table.data["EFFAREA"][0, 0].astype(float), edges, 2.6)
        assert ours == pytest.approx(table.header["LO_THRES"], rel=0.15)


def test_says_that_it_is_simulated_and_who_made_it(folder: Path) -> None:
    from astropy.io import fits

    header = fits.getheader(folder / "out" / REAL, "EVENTS")
    assert header["SIMULATD"] is True
    assert header["CREATOR"] == "openmars magic_dl3"
    assert "MAGIC" not in header["ORIGIN"]


def test_live_time_of_the_run(folder: Path) -> None:
    from astropy.io import fits

    with fits.open(folder / "out" / REAL) as dl3:
        header = dl3["EVENTS"].header
        assert len(dl3["GTI"].data) == 2
        assert header["ONTIME"] == pytest.approx(600, abs=1)
        # two triggers for each kept event
        assert header["ONTIME"] - header["LIVETIME"] == pytest.approx(2 * RATE * 600 * 26e-6, rel=0.05)
        assert header["LIVETIME"] == pytest.approx(header["ONTIME"] * header["DEADC"])


def test_cuts_have_the_efficiencies_asked_for(folder: Path) -> None:
    from astropy.io import fits
    from scipy.stats import beta

    with fits.open(folder / "out" / REAL) as dl3:
        # a PSF of 0.07 deg in each axis holds 75 % within sqrt(-2 ln 0.25) of it; the next 0.01 deg2 up
        rad_max = dl3["RAD_MAX"].data["RAD_MAX"][0, 0, 5:12]
        np.testing.assert_allclose(rad_max**2, 0.02, atol=1e-6)
        # of the effective area remain 0.9 (hadronness at least 0.15 keeps 0.86) and what θ² < 0.02 deg² keeps
        area = dl3["EFFECTIVE AREA"].data["EFFAREA"][0, 0]
        middle = np.sqrt(dl3["EFFECTIVE AREA"].data["ENERG_LO"][0] * dl3["EFFECTIVE AREA"].data["ENERG_HI"][0])
        kept = 0.9 * (1 - np.exp(-0.02 / 2 / 0.07**2))
        assert beta(1, 12).cdf(0.15) < 0.9
        expected = np.pi * AREA_RADIUS_M**2 * efficiency(middle) * kept
        plateau = slice(9, 22)
        assert np.mean(area[plateau] / expected[plateau]) == pytest.approx(1, abs=0.05)
        np.testing.assert_allclose(area[plateau], expected[plateau], rtol=0.25)  # 200 showers a bin


def test_events_passed_size_and_hadronness_but_no_theta2_cut(folder: Path) -> None:
    from astropy.io import fits

    run = toy_run(np.random.default_rng(1))["Events"]
    with fits.open(folder / "out" / REAL) as dl3:
        events = dl3["EVENTS"].data
        small = run["MRawEvtHeader_1.fStereoEvtNumber"][run["MHillas_1.fSize"] < 50]
        assert not set(events["EVENT_ID"]) & set(small.tolist())
        assert np.all(np.diff(events["TIME"]) >= 0)
        assert np.ptp(events["DEC"]) > 2
        index = np.searchsorted(run["MRawEvtHeader_1.fStereoEvtNumber"], events["EVENT_ID"])
        # 1 - 0.1^(1/12) = 0.175 is where the hadronness of gamma rays reaches 90 %
        assert run["MHadronness.fHadronness"][index].max() < 0.3


def test_dispersion_is_normalised_and_as_wide_as_put_in(folder: Path) -> None:
    from gammapy.irf import EnergyDispersion2D

    table = EnergyDispersion2D.read(folder / "out" / REAL, hdu="ENERGY DISPERSION")
    migra = table.axes["migra"]
    density = table.data[15, :, 0]
    width = np.diff(migra.edges.value)
    assert np.sum(density * width) == pytest.approx(1)
    mean = np.sum(density * width * migra.center.value)
    spread = np.sqrt(np.sum(density * width * (migra.center.value - mean) ** 2) - width[0] ** 2 / 12)
    assert mean == pytest.approx(np.exp(0.15**2 / 2), abs=0.02)
    assert spread == pytest.approx(0.15, abs=0.02)


def test_gammapy_analyses_it_as_it_does_the_real_ones(folder: Path) -> None:
    assert source_counts(folder / "out" / REAL)[0] > 30
    significance, exposure = source_counts(real_folder() / REAL)
    assert significance > 20
    assert exposure > 0


def source_counts(path: Path) -> tuple[float, float]:
    """Significance within RAD_MAX and exposure at 1 TeV (m² s), as in Gammapy's tutorial on MAGIC."""
    import astropy.units as u
    from astropy.coordinates import SkyCoord
    from gammapy.data import Observation
    from gammapy.datasets import SpectrumDataset
    from gammapy.makers import ReflectedRegionsBackgroundMaker, SpectrumDatasetMaker, WobbleRegionsFinder
    from gammapy.maps import MapAxis, RegionGeom
    from regions import PointSkyRegion

    observation = Observation.read(path)
    reco = MapAxis.from_energy_bounds(0.1, 10, 5, per_decade=True, unit="TeV", name="energy")
    true = MapAxis.from_energy_bounds(0.05, 20, 10, per_decade=True, unit="TeV", name="energy_true")
    region = PointSkyRegion(SkyCoord(*CRAB, unit="deg", frame="icrs"))
    empty = SpectrumDataset.create(geom=RegionGeom.create(region, axes=[reco]), energy_axis_true=true)
    maker = SpectrumDatasetMaker(
        containment_correction=False, selection=["counts", "exposure", "edisp"], use_region_center=True
    )
    dataset = maker.run(empty, observation)
    off = ReflectedRegionsBackgroundMaker(region_finder=WobbleRegionsFinder(n_off_regions=3))
    on_off = off.run(dataset, observation)
    exposure = dataset.exposure.interp_by_coord({"energy_true": 1 * u.TeV, "skycoord": region.center})
    return float(on_off.info_dict()["sqrt_ts"]), float(np.ravel(exposure)[0])


def test_full_enclosure_has_psf_and_background(folder: Path) -> None:
    from astropy.io import fits
    from gammapy.data import Observation

    from openmars.dl3.irf import solid_angle

    rc = ("--rc=MagicDL3.FullEnclosure:yes", "--rc=MagicDL3.AzimuthBins:1", "--rc=MagicDL3.HadronnessMin:0.95")
    assert run_program(folder, "full", *rc, mc="GA*_wd_2.root") == 0
    observation = Observation.read(folder / "full" / REAL)
    radius = observation.psf.containment_radius(0.68, energy_true="0.5 TeV", offset="0.5 deg").to_value("deg")
    assert radius == pytest.approx(0.07 * np.sqrt(-2 * np.log(0.32)), rel=0.25)  # some thirty showers a bin
    table = fits.getdata(folder / "full" / REAL, "PSF")
    ring = solid_angle(np.append(table["RAD_LO"][0], 0.6))
    within = np.sum(table["RPSF"][0, :5, 1:6, 8:24] * ring[:5, None, None], axis=0)
    assert within.mean() == pytest.approx(1 - np.exp(-(0.1**2) / 2 / 0.07**2), abs=0.03)
    assert observation.rad_max is None
    assert not observation.aeff.is_pointlike
    # background was put in flat in the camera: the rate is the same near and far from the centre
    rate = (observation.bkg.data * np.diff(observation.bkg.axes["energy"].edges.value)[:, None])[:, :5].sum(axis=0)
    np.testing.assert_allclose(rate / rate.mean(), 1, rtol=0.35)


def test_same_bytes_again_whenever_it_runs(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_program(folder, "again") == 0
    assert "untouched" not in capfd.readouterr().out
    assert (folder / "again" / REAL).read_bytes() == (folder / "out" / REAL).read_bytes()


def test_monte_carlo_of_another_zenith_range_is_refused(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    base = folder / "low"
    base.mkdir()
    high = toy_run(np.random.default_rng(2), 20.0, zenith=45.0)
    write_root(base / "20131004_05029747_Q_CrabNebula-W0.40+035.root", high)
    (base / "GA_za05to35_Q_w0_2.root").symlink_to(folder / "GA_za05to35_Q_w0_2.root")
    assert run_program(base, "out") == 2
    assert "run 5029747: zenith 45.0 to 45.2 deg, but the Monte Carlo covers 5.0 to 35.0" in capfd.readouterr().err
    assert not list((base / "out").iterdir())


def test_training_half_is_refused(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "GA_za05to35_Q_w0_1.root").write_bytes((folder / "GA_za05to35_Q_w0_2.root").read_bytes())
    assert run_program(folder, "train", mc="GA*_w0_1.root") == 2
    assert "training half" in capfd.readouterr().err


def test_cut_minutes_leave_the_live_time_and_the_good_time_as_well(folder: Path, tmp_path: Path) -> None:
    """With a fifth of the run cut, also across its break, the rate of the source stays, and Gammapy sees the gaps."""
    from astropy.io import fits
    from gammapy.data import GTI

    from openmars.io import read_tree

    name = "20131004_05029747_Q_CrabNebula-W0.40+035.root"
    trees = {tree: read_tree(folder / name, tree) for tree in ("Events", "RunHeaders")}
    seconds = trees["Events"]["MTime_1.fTime.fMilliSec"] / 1000 - 14400
    cuts = np.array([[60.0, 120.0], [290.0, 380.0]])
    keep = np.all([(seconds < a) | (seconds > b) for a, b in cuts], axis=0)
    trees["Events"] = {column: values[keep] for column, values in trees["Events"].items()}
    mjd = 56569 + (14400 + cuts) / 86400
    trees["ExcludedTimes"] = {"fStart": mjd[:, 0], "fStop": mjd[:, 1]}
    write_root(tmp_path / name, trees)
    mc = folder / "GA_za05to35_Q_w0_2.root"
    assert PROGRAM.run([f"--ind={tmp_path}/20*.root", f"--mc={mc}", f"--out={tmp_path}"]) == 0
    with fits.open(folder / "out" / REAL) as whole, fits.open(tmp_path / REAL) as cut:
        headers = [dl3["EVENTS"].header for dl3 in (whole, cut)]
        events = [len(dl3["EVENTS"].data) for dl3 in (whole, cut)]
        good = [dl3["GTI"].data for dl3 in (whole, cut)]
    assert headers[0]["ONTIME"] - headers[1]["ONTIME"] == pytest.approx(60 + 10 + 20, abs=0.1)
    assert headers[1]["DEADC"] == pytest.approx(headers[0]["DEADC"], abs=1e-4)
    starts = good[1]["START"] - good[0]["START"][0]
    assert starts == pytest.approx([0, 120, 380], abs=0.1)
    assert np.sum(good[1]["STOP"] - good[1]["START"]) == pytest.approx(headers[1]["ONTIME"])
    rates = [n / header["LIVETIME"] for n, header in zip(events, headers, strict=True)]
    assert rates[1] == pytest.approx(rates[0], abs=3 * np.sqrt(events[0] - events[1]) / headers[1]["LIVETIME"])
    assert GTI.read(tmp_path / REAL).time_sum.to_value("s") == pytest.approx(headers[1]["ONTIME"])


def test_a_run_of_which_nothing_is_left_is_told(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from openmars.io import read_tree

    name = "20131004_05029747_Q_CrabNebula-W0.40+035.root"
    trees = {tree: read_tree(folder / name, tree) for tree in ("Events", "RunHeaders")}
    empty = trees | {"Events": {column: values[:0] for column, values in trees["Events"].items()}}
    write_root(tmp_path / name.replace("747", "746"), empty)
    write_root(tmp_path / name, trees)
    words = [f"--ind={tmp_path}/20*.root", f"--mc={folder / 'GA_za05to35_Q_w0_2.root'}", f"--out={tmp_path}"]
    assert PROGRAM.run(words) == 4
    assert "05029746_Q_CrabNebula-W0.40+035.root: no event is left" in capfd.readouterr().out
    assert [path.name for path in tmp_path.glob("*.fits")] == [REAL]
