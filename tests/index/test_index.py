"""Which runs are found and taken; what is left out is said."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automagic.analysis import load
from automagic.errors import UserError
from automagic.index import find_mc, find_runs, public
from automagic.index.periods import period
from automagic.index.zenith import horizontal
from automagic.selection import select

ANALYSIS = """
[source]
name = "CrabNebula"
ra = 83.6333
dec = 22.0145
[data]
"""
SIMULATED = """
[simulate]
seed = 1
[[simulate.runs]]
run = 5029747
start = 2013-10-05T04:00:00Z
minutes = 12
[[simulate.runs]]
run = 5029748
start = 2013-10-06T04:14:00Z
minutes = 12
wobble = "W0.40+215"
[[simulate.mc]]
zenith = [5, 35]
showers = 10
files = 2
"""


@pytest.fixture
def make(tmp_path):
    def maker(data="", site=SIMULATED, source="CrabNebula"):
        (tmp_path / "analysis.toml").write_text(ANALYSIS.replace("CrabNebula", source) + data)
        (tmp_path / "site.toml").write_text(site)
        return load(tmp_path)

    return maker


@pytest.fixture
def stored(tmp_path, make):
    """A site with files in storage; they are empty, so that only their names count."""

    def maker(*names, data=""):
        for name in names:
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return make(data, "[storage]\nroots = ['data']\nmc = ['data']\noff = ['data']\n")

    return maker


def chosen(analysis):
    return select(analysis, find_runs(analysis, "observation"))


def test_simulated_runs_have_names_and_places(make):
    first, second = find_runs(make(), "observation")
    assert [str(file.name) for file in first.files] == [
        "20131005_M1_05029747.001_Y_CrabNebula-W0.40+035.root",
        "20131005_M2_05029747.001_Y_CrabNebula-W0.40+035.root",
    ]
    assert second.night == "2013-10-06"
    low, high = first.zenith
    assert 22 < low < high < 27


def test_simulated_raw_runs_have_reports_and_calibration_runs(make):
    site = (
        SIMULATED
        + """
[[simulate.calibration]]
pedestal = 5029740
calibration = 5029741
start = 2013-10-05T03:50:00Z
[[simulate.calibration]]
pedestal = 5029750
calibration = 5029751
start = 2013-10-05T04:30:00Z
"""
    )
    first, second = find_runs(make("from = 'raw'", site=site), "observation")
    assert [str(file.name) for file in first.files + first.reports] == [
        "20131005_M1_05029747.001_D_CrabNebula-W0.40+035.root",
        "20131005_M2_05029747.001_D_CrabNebula-W0.40+035.root",
        "20131005_M1_05029747.001_D_CrabNebula-W0.40+035.rep",
        "20131005_M2_05029747.001_D_CrabNebula-W0.40+035.rep",
    ]
    assert [(str(file.name), file.task) for file in first.pedestal + first.calibration] == [
        (f"20131005_M{t}_0502974{n}.001_{tag}_CrabNebula-W0.40+035.root", f"sim:0502974{n}")
        for n, tag in ((0, "P"), (1, "C"))
        for t in (1, 2)
    ]
    assert second.pedestal == second.calibration == ()


def test_a_simulated_run_has_its_conditions(make):
    site = SIMULATED.replace("minutes = 12\n", "minutes = 12\nnsb = 3.0\nhv = 'reduced'\ntransmission = 0.7\n", 1)
    first, second = find_runs(make(site=site), "observation")
    assert (first.nsb, first.hv, first.transmission, first.trigger) == (3.0, "reduced", 0.7, "standard")
    assert first.dc_na == pytest.approx(3 * 1100 / 1.7, abs=0.1)
    assert (second.nsb, second.hv, second.dc_na) == (1.0, "nominal", 1100.0)


def test_an_evening_belongs_to_the_next_morning(make):
    site = SIMULATED.replace("2013-10-05T04:00:00Z", "2013-01-10T22:00:00Z")
    assert find_runs(make(site=site), "observation")[0].night == "2013-01-11"


def test_a_source_below_the_horizon_is_refused(make):
    with pytest.raises(UserError, match=r"simulate\.runs: run 05029747 .* zenith distance"):
        find_runs(make(site=SIMULATED.replace("T04:00", "T16:00")), "observation")


def test_dates_zenith_and_numbers_choose(make):
    assert [run.run for run in chosen(make()).runs] == [5029747, 5029748]
    by_date = chosen(make("dates = ['2013-10-06', '2013-10-06']"))
    assert [run.run for run in by_date.runs] == [5029748]
    assert by_date.notes == ["run 05029747 left out: its night 2013-10-05 is outside data.dates"]
    assert [run.run for run in chosen(make("zenith = [24, 50]")).runs] == [5029747]
    assert [run.run for run in chosen(make("exclude = [5029747]")).runs] == [5029748]
    assert [run.run for run in chosen(make("runs = [5029747]")).runs] == [5029747]
    with pytest.raises(UserError, match="there is no run 05029749"):
        chosen(make("runs = [5029749]"))


def test_an_empty_selection_tells_why(make, tmp_path):
    with pytest.raises(UserError, match=r"no run of CrabNebula remains of 2:\n  run 05029747 left out: its zen"):
        chosen(make("zenith = [60, 70]"))
    with pytest.raises(UserError, match=r"storage\.roots and simulate\.runs are empty"):
        chosen(make(site=""))


def test_a_misspelt_source_is_told(stored):
    names = [f"20210314_M{t}_05095172.001_Y_CrabNebula-W0.40+035.root" for t in (1, 2)]
    analysis = stored(*names)
    (analysis.folder / "analysis.toml").write_text(ANALYSIS.replace("CrabNebula", "CrabNebla"))
    with pytest.raises(UserError, match="did you mean 'CrabNebula'"):
        chosen(load(analysis.folder))


def test_a_run_without_its_second_telescope_is_left_out(stored):
    selection = chosen(
        stored(
            *[f"20210314_M{t}_05095172.001_Y_CrabNebula-W0.40+035.root" for t in (1, 2)],
            "20210314_M1_05095173.001_Y_CrabNebula-W0.40+035.root",
        )
    )
    assert [run.run for run in selection.runs] == [5095172]
    assert "run 05095173 left out: it has no calibrated file of M2" in selection.notes


def test_missing_subruns_are_told(stored):
    selection = chosen(
        stored(
            *[f"20210314_M1_05095172.00{s}_Y_CrabNebula-W0.40+035.root" for s in (1, 2, 5)],
            *[f"20210314_M2_05095172.00{s}_Y_CrabNebula-W0.40+035.root" for s in (1, 5)],
        )
    )
    notes = "\n".join(selection.notes)
    assert "M2 lacks subrun 002" in notes
    assert "neither telescope has subrun 003, 004" in notes
    assert "zenith distance is not known" in notes


def test_files_that_do_not_belong_together_are_told_and_most_of_them_count(stored):
    analysis = stored(
        *[f"20210314_M{t}_05095172.001_Y_CrabNebula-W0.40+035.root" for t in (1, 2)],
        "20210314_M2_05095172.002_Y_CrabNebula-W0.40+215.root",
    )
    (run,) = find_runs(analysis, "observation")
    assert (run.wobble, len(run.files)) == ("W0.40+035", 2)
    assert any("2 are of CrabNebula-W0.40+035 in the night 2021-03-14, 1 is of" in text for text in run.problems)


def test_other_files_in_storage_do_not_matter(stored):
    names = [f"20210314_M{t}_05095172.001_Y_CrabNebula-W0.40+035.root" for t in (1, 2)]
    assert len(chosen(stored(*names, "notes.txt", "x/$(rm).root", "20210314_M1_05095172.001_D_A.rep")).runs) == 1


def test_a_storage_folder_that_is_not_there_is_told(make):
    with pytest.raises(UserError, match=r"there is no folder .*nowhere"):
        find_runs(make(site="[storage]\nroots = ['nowhere']\n"), "observation")


def test_mc_is_taken_at_its_latest_level(stored):
    analysis = stored(
        "GA_M1_za35to50_8_824318_Y_w0.root",
        "GA_M2_za35to50_8_824318_Y_w0.root",
        "GA_za05to35_8_1to2_S_wr_1.root",
        "GA_za05to35_8_1to2_S_wr_2.root",
        "GA_M1_za05to35_8_1_Y_wr.root",
    )
    sets = find_mc(analysis)
    assert [(mc.name, mc.level, len(mc.files)) for mc in sets] == [
        ("GA_za05to35_wr", "superstar", 2),
        ("GA_za35to50_w0", "calibrated", 2),
    ]


def test_planned_mc_has_both_telescopes(make):
    (mc,) = find_mc(make())
    assert [str(file.name) for file in mc.files] == [
        "GA_M1_za05to35_8_1001_Y_w0.root",
        "GA_M1_za05to35_8_1002_Y_w0.root",
        "GA_M2_za05to35_8_1001_Y_w0.root",
        "GA_M2_za05to35_8_1002_Y_w0.root",
    ]
    assert mc.covers(5)
    assert not mc.covers(35)


@given(
    ra=st.floats(0, 359.9),
    dec=st.floats(-50, 89),
    moment=st.datetimes(datetime(2004, 1, 1), datetime(2035, 1, 1)),
)
def test_a_sidereal_day_later_all_is_as_before(ra, dec, moment):
    moment = moment.replace(tzinfo=UTC)
    first = horizontal(ra, dec, moment)
    again = horizontal(ra, dec, moment + timedelta(seconds=86164.0905))
    assert again[0] == pytest.approx(first[0], abs=0.001)


def test_places_agree_with_astropy():
    import astropy.units as u
    import numpy as np
    from astropy.coordinates import AltAz, EarthLocation, SkyCoord
    from astropy.time import Time
    from astropy.utils import iers

    # a prediction of Earth's rotation is good to a second here; nothing is fetched
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("iers_degraded_accuracy", "ignore"):
        site = EarthLocation(lat=28.7619 * u.deg, lon=-17.89 * u.deg, height=2200 * u.m)
        rng = np.random.default_rng(1)
        for _ in range(20):
            ra, dec = rng.uniform(0, 360), rng.uniform(-20, 80)
            moment = datetime(2005, 1, 1, tzinfo=UTC) + timedelta(days=rng.uniform(0, 7000))
            place = SkyCoord(ra * u.deg, dec * u.deg).transform_to(AltAz(obstime=Time(moment), location=site))
            zenith, azimuth = horizontal(ra, dec, moment)
            other = SkyCoord(azimuth * u.deg, (90 - zenith) * u.deg)
            assert other.separation(SkyCoord(place.az, place.alt)).deg < 0.1


def test_periods_have_gaps_and_several_intervals():
    assert period("2022-07-01") == period("2022-12-20") == "ST.03.18"
    assert period("2022-10-01") == "M2.03.18"
    assert period("2021-10-15") is None


@pytest.fixture
def small_set(monkeypatch):
    name = "20131004_05029747_DL3_CrabNebula-W0.40+035.fits"
    sha256 = hashlib.sha256(b"events").hexdigest()
    monkeypatch.setitem(public.SETS, "small", ("https://example.invalid/", {name: sha256}))
    return name


def test_public_data_come_from_the_named_folder(tmp_path, monkeypatch, small_set):
    monkeypatch.setenv("AUTOMAGIC_DATA", str(tmp_path))
    (tmp_path / small_set).write_bytes(b"events")
    assert public.fetch("small") == [tmp_path / small_set]
    (tmp_path / small_set).write_bytes(b"others")
    with pytest.raises(UserError, match="is not the published file"):
        public.fetch("small")


def test_public_data_come_from_the_cache_and_are_checked(tmp_path, monkeypatch, small_set):
    monkeypatch.delenv("AUTOMAGIC_DATA", raising=False)
    monkeypatch.setenv("AUTOMAGIC_CACHE", str(tmp_path))
    cached = tmp_path / "small" / small_set
    cached.parent.mkdir()
    cached.write_bytes(b"events")
    assert public.fetch("small") == [cached]


def test_public_data_out_of_reach_are_told(tmp_path, monkeypatch, small_set):
    import pooch

    def refuse(*args, **kwargs):
        raise ConnectionError("no network")

    monkeypatch.setenv("AUTOMAGIC_DATA", str(tmp_path))
    monkeypatch.setattr(pooch, "retrieve", refuse)
    with pytest.raises(UserError, match="AUTOMAGIC_DATA"):
        public.fetch("small")
