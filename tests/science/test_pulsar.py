"""Phases of a pulsar: against an independent way to them, and what is made of them."""

import json

import numpy as np
import pytest

from automagic.errors import UserError
from automagic.science import dl3, phase, phaseogram, pulsar_spectrum, ranges, timing
from automagic.science.errors import DataError
from automagic.science.settings import Settings

F0, F1, F2, EPOCH = 29.68424, -3.69698e-10, 1.1147e-20, 56580
RA, DEC = "05:34:31.97232", "22:00:52.0704"
PAR = {
    "PSRJ": "J0534+2200", "RAJ": RA, "DECJ": DEC, "PEPOCH": EPOCH, "F0": F0, "F1": F1, "F2": F2, "EPHEM": "DE421",
    "UNITS": "TDB",
}  # fmt: skip
CLOCK = {"MJDREFI": 52706, "MJDREFF": 0.0, "TIMESYS": "UTC", "TIMEUNIT": "s", "TIMEREF": "local"}
ON = "P1 0.983:0.026; P2 0.377:0.422; none 0.6:0.65"
CARD = {
    "Source.Name": "Test", "Source.RA": "83.63333", "Source.Dec": "22.01444", "Pulsar.On": ON,
    "Pulsar.Off": "0.65:0.95",
}  # fmt: skip
PEAK, WIDTH = 0.399, 0.01


def par_text(**changed):
    return "".join(f"{key} {value}\n" for key, value in {**PAR, **changed}.items())


def seconds_of(mjd):
    return (mjd - 52706) * 86400.0


@pytest.fixture(scope="module")
def model():
    return timing.model(par_text(), "crab.par")


def test_pint_and_astropy_agree(model):
    """astropy alone: TDB, Roemer's delay, the Sun's Shapiro delay (Shapiro 1964), and the polynomial by hand."""
    from astropy import constants, units
    from astropy.coordinates import SkyCoord, get_body_barycentric
    from astropy.time import Time
    from pint.observatory import get_observatory

    mjd = np.sort(np.random.default_rng(3).uniform(55000, 60000, 50))
    seconds = seconds_of(mjd)
    found = timing.phases(model, timing.moments(seconds, CLOCK))
    day, place = np.floor(seconds / 86400), get_observatory("magic").location
    here = Time(52706 + day, (seconds - day * 86400) / 86400, format="mjd", scale="utc", location=place)
    source, kernel = SkyCoord(RA, DEC, unit=("hourangle", "deg")), str(timing.kernel())
    sun, earth = (get_body_barycentric(body, here, ephemeris=kernel).xyz for body in ("sun", "earth"))
    telescopes, towards = earth + place.get_gcrs_posvel(here)[0].xyz, sun - earth
    direction = source.cartesian.xyz[:, None]
    roemer = ((telescopes * direction).sum(axis=0) / constants.c).to_value("s")
    distance, along = np.sqrt((towards**2).sum(axis=0)), (towards * direction).sum(axis=0)
    shapiro = -2 * (constants.GM_sun / constants.c**3) * np.log(((distance - along) / units.au).to_value(""))
    tdb = here.tdb
    t = (np.longdouble(tdb.jd1 - 2400000.5 - EPOCH) + tdb.jd2) * 86400 + roemer - shapiro.to_value("s")
    turns = F0 * t + F1 / 2 * t**2 + np.longdouble(F2) / 6 * t**3
    difference = np.asarray((found - turns + 0.5) % 1 - 0.5, float) / F0 * 1e6
    assert np.ptp(shapiro.to_value("us")) > 20  # it would be noticed
    assert np.abs(difference).max() < 0.1
    # astropy's own function has the Sun's deflection of light in the direction, some mas
    travel = here.light_travel_time(source, "barycentric", ephemeris=kernel).to_value("s")
    assert np.abs(travel - roemer).max() < 5e-6


@pytest.fixture(scope="module")
def pulsed():
    """Arrival times of a simulated peak in twelve nights of six years, seconds as in DL3 files."""
    from openmars.sim.pulsar import Peak, Pulsar

    peak = Peak(PEAK, WIDTH, 1e-10, 3.0)
    pulsar = Pulsar(83.633218, 22.014464, EPOCH, F0, F1, F2, 0.15, (peak,))
    rng = np.random.default_rng(8)
    days = 55900 + np.arange(12) * 173
    return np.concatenate([seconds_of(day) + 9000 + pulsar.arrivals(peak, rng, day, 9000, 600, 40) for day in days])


def test_simulated_pulses_are_where_they_were_simulated(model, pulsed):
    """The simulator has an ephemeris and a code of its own: they may differ by some 40 µs, 0.0012 turns."""
    found = timing.phases(model, timing.moments(pulsed, CLOCK))
    n = len(found)
    assert abs(found.mean() - PEAK) < 3.5 * WIDTH / n**0.5 + 0.0012
    assert found.std() == pytest.approx(WIDTH, abs=3.5 * WIDTH / (2 * n) ** 0.5 + 0.0004)


@pytest.mark.parametrize("change", [{"F0": F0 + 1e-6}, {"F1": 0.0}, {"RAJ": "05:34:33.0"}], ids=["F0", "F1", "RAJ"])
def test_a_wrong_ephemeris_smears_the_pulse(model, pulsed, change):
    """1e-6 Hz is 190 turns in six years; 15″ are up to 36 ms; each night then has a phase of its own."""
    from pint.eventstats import hm

    times = timing.moments(pulsed, CLOCK)
    right, wrong = timing.phases(model, times), timing.phases(timing.model(par_text(**change), "wrong.par"), times)
    assert hm(right) > 2000
    # twelve nights at random: power goes down by some twelve
    assert hm(wrong) < hm(right) / 3
    assert np.mean(np.abs(wrong - PEAK) < 3 * WIDTH) < 0.5


def test_h_of_flat_phases_has_the_chance_that_is_told():
    rng = np.random.default_rng(4)
    on, off = {"P": [(0.1, 0.2)]}, [(0.5, 0.9)]
    folded = [phaseogram.fold(rng.random(150), 0.1, 1.0, on, off, 1.0) for _ in range(800)]
    told = np.array([each.probability for each in folded])
    for chance in (0.3, 0.1, 0.03, 0.01):
        error = (chance * (1 - chance) / len(told)) ** 0.5
        assert np.mean(told < chance) == pytest.approx(chance, abs=3.5 * error)
    sigma = np.array([each.found["P"].significance for each in folded])
    assert sigma.mean() == pytest.approx(0, abs=0.15)
    assert sigma.std() == pytest.approx(1, abs=0.1)


# --- the column


@pytest.fixture(scope="module")
def short_run(tmp_path_factory, write_run):
    folder = tmp_path_factory.mktemp("short")
    write_run(folder / "a.fits", 5000000, seed=1, seconds=20.0, background=5.0)
    return folder


def phased(folder, out, **card):
    lines = {f"Par.{number:04d}": line for number, line in enumerate(par_text().splitlines(), 1)}
    settings = Settings("phase", {"Phase.ParName": "crab.par", "Phase.ParSHA256": "ab" * 32, **lines, **card})
    out.mkdir()
    return list(phase.run(settings, folder, out))


def test_the_column_is_added_and_nothing_else_changes(short_run, tmp_path, model):
    from astropy.io import fits

    phased(short_run, tmp_path / "one")
    phased(short_run, tmp_path / "two")
    old, new = (short_run / "a.fits").read_bytes(), (tmp_path / "one" / "a.fits").read_bytes()
    assert new == (tmp_path / "two" / "a.fits").read_bytes()
    with fits.open(short_run / "a.fits") as a, fits.open(tmp_path / "one" / "a.fits") as b:
        assert [hdu.name for hdu in a] == [hdu.name for hdu in b]
        for number, (before, after) in enumerate(zip(a, b, strict=True)):
            if before.name != "EVENTS":
                spans = [(i["hdrLoc"], i["datLoc"] + i["datSpan"]) for i in (a.fileinfo(number), b.fileinfo(number))]
                assert old[slice(*spans[0])] == new[slice(*spans[1])]
            else:
                assert after.columns.names == [*before.columns.names, "PHASE"]
                assert all(np.array_equal(before.data[name], after.data[name]) for name in before.columns.names)
                assert after.header["PHSSHA"] == "ab" * 32
                assert after.header["PHSEPHEM"] == "DE421"
                kept = set(before.header) - {"NAXIS1", "TFIELDS"}
                assert all(after.header[key] == before.header[key] for key in kept)
                column = after.data["PHASE"]
                assert column.dtype == ">f8"
                assert ((column >= 0) & (column < 1)).all()
                expected = timing.phases(model, timing.moments(before.data["TIME"], before.header))
                assert np.array_equal(column, expected)


def test_time_systems_are_told_apart(model):
    """In October 2013 TAI - UTC was 35 s; three leap seconds came after the reference day, 2003-03-08."""
    seconds = seconds_of(56569.2) + np.arange(20) * 0.7
    utc = timing.phases(model, timing.moments(seconds, CLOCK))
    tt = timing.phases(model, timing.moments(seconds + 35 + 32.184, {**CLOCK, "TIMESYS": "TT"}))
    counted = timing.phases(model, timing.moments(seconds + 3, CLOCK, "counted"))
    assert np.abs((utc - tt + 0.5) % 1 - 0.5).max() < 1e-5
    assert np.abs((utc - counted + 0.5) % 1 - 0.5).max() < 1e-5


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({**CLOCK, "TIMESYS": "LOCAL"}, "TIMESYS is 'LOCAL'"),
        ({**CLOCK, "TIMEREF": "SOLARSYSTEM"}, "not the times at the telescopes"),
        ({"TIMESYS": "UTC"}, "no MJDREFI, MJDREFF"),
    ],
)
def test_times_that_nobody_can_know_are_refused(header, words):
    with pytest.raises(UserError, match=words):
        timing.moments(np.array([1.0]), header, name="a.fits")


def test_what_pint_cannot_use_is_told():
    with pytest.raises(UserError, match=r"bad\.par: PINT cannot use this par file"):
        timing.model(par_text(RAJ="abc"), "bad.par")


def test_an_empty_run_is_nothing_and_no_error(tmp_path):
    from automagic.science.__main__ import main

    (tmp_path / "in").mkdir()
    card = tmp_path / "card.rc"
    card.write_text("Phase.ParName: a.par\nPhase.ParSHA256: ab\n" + "Par.0001: F0 1\n")
    assert main(["phase", f"--config={card}", f"--ind={tmp_path / 'in'}", f"--out={tmp_path / 'out'}"]) == 4


# --- phaseogram and spectrum


def pulse_flux(energy):
    """Average over a turn, cm-2 s-1 TeV-1."""
    return 3e-10 * (energy / 0.15) ** -2.9


@pytest.fixture(scope="module")
def with_phases(tmp_path_factory, write_run):
    """Two runs in which the source is a pulsar and the background is flat in phase; number of its events as well."""
    from astropy.io import fits

    folder, rng, signal = tmp_path_factory.mktemp("phased"), np.random.default_rng(9), 0
    for number in (0, 1):
        path = folder / f"{number}.fits"
        write_run(path, 10 + number, seed=number, flux=pulse_flux, background=0.0)
        n = fits.getheader(path, "EVENTS")["NAXIS2"]
        path.unlink()
        write_run(path, 10 + number, seed=number, flux=pulse_flux, background=25.0)
        with fits.open(path) as opened:
            events = opened["EVENTS"]
            value = rng.random(len(events.data))
            value[:n] = (PEAK + WIDTH * rng.standard_normal(n)) % 1
            columns = events.columns + fits.ColDefs([fits.Column("PHASE", "1D", array=value)])
            new = fits.BinTableHDU.from_columns(columns, header=events.header)
            fits.HDUList([opened[0], new, *opened[2:]]).writeto(path, overwrite=True)
        signal += n
    return folder, signal


def results(path):
    return {each["key"]: each for each in json.loads(path.read_text())["results"]}


def test_phaseogram_finds_the_pulse_and_only_it(with_phases, tmp_path):
    folder, signal = with_phases
    list(phaseogram.run(Settings("phaseogram", {**CARD, "Phaseogram.Energies": "0.01:100"}), folder, tmp_path))
    found = results(tmp_path / "phaseogram.json")
    excess, inside = found["phaseogram.P2.excess"], 0.9751  # of a Gaussian, from -2.2 to +2.3 sigma
    assert excess["value"] == pytest.approx(inside * signal, abs=3 * excess["error"])
    assert found["phaseogram.P2.significance"]["value"] > 8
    assert abs(found["phaseogram.P1.significance"]["value"]) < 3.5
    assert abs(found["phaseogram.none.significance"]["value"]) < 3.5
    assert found["phaseogram.h"]["value"] > 50
    assert found["phaseogram.P1.alpha"]["value"] == pytest.approx(0.043 / 0.3)


def test_spectrum_of_the_pulse_is_the_one_put_in(with_phases, tmp_path):
    list(pulsar_spectrum.run(Settings("pulsar_spectrum", CARD), with_phases[0], tmp_path))
    found = results(tmp_path / "pulsar-spectrum.json")
    amplitude, index = (found[f"pulsar_spectrum.P2.{key}"] for key in ("amplitude", "index"))
    assert abs(amplitude["value"] - 0.9751 * 3e-10) < 3 * amplitude["error"]
    assert abs(index["value"] - 2.9) < 3 * index["error"]
    assert amplitude["error"] < 0.15 * amplitude["value"]
    assert set(json.loads((tmp_path / "pulsar-spectrum.json").read_text())["not_fitted"]) == {"P1", "none"}
    assert (tmp_path / "pulsar-spectrum.png").stat().st_size > 1000


def test_a_bin_without_a_background_event_has_the_exposure_of_the_others(with_phases):
    """Below 50 GeV the made-up runs have no background at all."""
    settings = Settings("pulsar_spectrum", {**CARD, "Spectrum.EnergyMin": "0.02", "Spectrum.AeffMin": "0"})
    made = pulsar_spectrum.stacked(settings, dl3.find(with_phases[0]), [(0.377, 0.422)], [(0.65, 0.95)])
    assert made.counts_off.data.ravel()[0] == 0
    ratio = made.acceptance_off.data / made.acceptance.data
    assert ratio[made.mask_safe.data] == pytest.approx(0.3 / 0.045)
    assert np.isfinite(made.background.data).all()


def test_files_without_phases_and_ranges_without_a_signal_are_told(short_run, with_phases, tmp_path):
    with pytest.raises(DataError, match=r"a\.fits: its events have no column PHASE"):
        list(phaseogram.run(Settings("phaseogram", CARD), short_run, tmp_path))
    with pytest.raises(DataError, match="no range of phase has a spectrum"):
        list(
            pulsar_spectrum.run(
                Settings("pulsar_spectrum", {**CARD, "Pulsar.On": "N 0.6:0.65"}), with_phases[0], tmp_path
            )
        )
    with pytest.raises(UserError, match=r"Pulsar\.Off: 'x' is not of the form"):
        ranges.off(Settings("phaseogram", {"Pulsar.Off": "x"}))
    assert len(dl3.find(with_phases[0])) == 2
