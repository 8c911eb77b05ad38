"""The readout sample by sample: pulses, noise, cameras; and that raw and calibrated output are of the same showers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmars.camera import N_PIXELS
from openmars.core.env import Env
from openmars.core.program import MRCFILES
from openmars.io import headers, read_tree
from openmars.io.raw import WORD_MAX, RawReader
from openmars.io.repfile import read_reports
from openmars.io.reports import REDUCED_GAIN
from openmars.sim import generate, kernel, readout, streams
from openmars.sim.card import read_card
from openmars.sim.events import Conditions
from openmars.sim.program import PROGRAM
from openmars.sim.readout import (
    CALIBRATION_PHE,
    SLOW_PHE,
    WORDS_PER_LIGHT,
    WORDS_PER_PHE,
    Cameras,
    digitise,
    light_up,
)
from openmars.sim.telescope import (
    CALIBRATION_RMS_NS,
    EXCESS_NOISE,
    SIGNAL_SLICE,
    SLICE_NS,
    WINDOW_NOISE,
    noise_rms,
)
from openmars.sim.track import Track

DARK = Conditions()
EVEN = Cameras(gain_spread=0.0, bad_pixels=0)
CARD = {
    "Seed": 5,
    "Run": 5029747,
    "Duration": 12,
    "Subruns": 2,
    "SourceFactor": 40,
    "BackgroundFraction": 0.005,
    "EnergyMin": 0.1,
    "Cloudiness": 33,
    "NSB": 1.5,
    "HV": "reduced",
}


def run(folder, **card):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "card.rc"
    path.write_text("".join(f"Sim.{key}: {value}\n" for key, value in card.items()))
    assert PROGRAM.run([f"--config={path}", f"--out={folder / 'out'}", "--null"]) == 0
    return sorted((folder / "out").iterdir())


def sums(samples, level):
    """Sum of each five samples in a row, less the baseline: [..., 46]."""
    total = np.cumsum(samples.astype(float) - level[:, None], axis=-1)
    return np.concatenate([total[..., 4:5], total[..., 5:] - total[..., :-5]], axis=-1)


def baseline(cameras, telescope):
    return cameras.draw(telescope)["baseline"]


def shine(n_phe, spread_ns=0.0, conditions=DARK, each=1.0, seed=3):
    """Words of M1's pixels, each with so many photo-electrons about the middle of the readout."""
    setup = generate._setup(conditions, generate.GAMMA, EVEN)
    constants = setup.readout._replace(delay=0 * setup.readout.delay)
    pixel = np.repeat(np.arange(N_PIXELS), n_phe).astype(np.int16)
    time = np.random.default_rng(seed).normal(0, spread_ns, len(pixel))
    waves, words, state = kernel.room().waves, np.empty((N_PIXELS, 50), np.uint16), np.array([seed], np.uint64)
    light_up(state, constants, 0, pixel, time, len(pixel), each, 0.0, waves)
    digitise(state, constants, 0, waves, words)
    assert not waves.any()
    return words


@pytest.fixture(scope="module")
def light():
    """Calibration pulses of M1: words and baselines."""
    cameras = Cameras(seed=4, gain_spread=0.1, bad_pixels=9)
    return cameras, generate.calibration_samples(7, 0, 250, DARK, cameras)[:, 0]


def test_a_pulse_has_the_shape_that_is_documented():
    words = np.mean([shine(40, seed=seed) for seed in range(8)], axis=0) - baseline(EVEN, 1)[:, None]
    pulse = words.mean(axis=0)
    slices = np.arange(50)
    middle = np.average(slices[15:36], weights=pulse[15:36])
    assert middle == pytest.approx(SIGNAL_SLICE, abs=0.03)
    rms = np.sqrt(np.average((slices[15:36] - middle) ** 2, weights=pulse[15:36])) * SLICE_NS
    # pulse of 2.5 ns FWHM and the spread of transit times
    assert rms == pytest.approx(np.hypot(1.06, 0.5), rel=0.03)
    # a single pulse would have all of its 20 words in the window; with the spread in time it is a little less
    assert 0.9 < pulse[23:28].sum() / (40 * WORDS_PER_PHE) < 0.97
    assert np.abs(pulse[:15]).max() < 0.01 * pulse.max()


@pytest.mark.parametrize("level", [1.0, 4.0])
def test_empty_pixels_have_the_noise_of_calibrated_ones(level, light):
    conditions = Conditions(nsb_level=level)
    samples = generate.pedestal_samples(1, 0, 60, conditions, EVEN)[:, 1]
    per_phe = (shine(200, CALIBRATION_RMS_NS) - baseline(EVEN, 1)[:, None])[:, 23:28].sum(axis=1).mean() / 200
    assert per_phe == pytest.approx(WORDS_PER_LIGHT, rel=0.005)
    found = sums(samples, baseline(EVEN, 2)) / WORDS_PER_LIGHT
    # the night sky does not move the baseline
    assert found.mean() == pytest.approx(0.0, abs=0.01)
    assert found[..., 20].std() == pytest.approx(WINDOW_NOISE * noise_rms(level), rel=0.03)
    largest = found.max(axis=-1)
    emulated, _ = generate.pedestal_events(2, 60, conditions)
    assert largest.mean() == pytest.approx(emulated.mean(), rel=0.02)
    assert largest.std() == pytest.approx(emulated.std(), rel=0.03)
    if level == 1.0:
        assert largest.mean() == pytest.approx(2.0, abs=0.06)
        assert largest.std() == pytest.approx(1.0, abs=0.04)


def test_light_is_found_without_bias_above_ten_photo_electrons():
    for n in (1, 3, 10, 30, 100):
        words = [shine(n, CALIBRATION_RMS_NS, seed=seed) for seed in range(4)]
        charge = sums(np.array(words), baseline(EVEN, 1)).max(axis=-1) / WORDS_PER_LIGHT
        if n >= 10:
            assert charge.mean() == pytest.approx(n, rel=0.015)
            assert charge.std() == pytest.approx(np.hypot(np.sqrt(n * EXCESS_NOISE), WINDOW_NOISE), rel=0.08)
        else:
            assert n < charge.mean() < n + 1.5


@pytest.mark.parametrize("kind", ["gammas", "protons"])
def test_samples_and_emulation_give_the_same_charges_and_times_of_showers(kind):
    def shower(*cameras):
        if kind == "gammas":
            energy = generate.draw_power_law(3, 5000, 80.0, 5000.0, -2.0)
            return next(generate.simulate_gammas(1, energy, 15.4, 0.0, 15.0, 0.0, DARK, 200.0, 250, *cameras))
        return next(generate.simulate_protons(5, 600_000, 15.0, 0.0, DARK, None, 250, *cameras))

    direct, sampled = shower(), shower(EVEN)
    assert np.array_equal(direct.index, sampled.index)
    assert np.array_equal(direct.true_size, sampled.true_size)
    pixels = [EVEN.draw(t) for t in (1, 2)]
    level = np.array([p["baseline"] for p in pixels], np.float32)
    delay = np.array([p["delay"] for p in pixels])
    samples = sampled.samples.astype(np.float32) - level[..., None]
    total = np.cumsum(np.pad(samples, ((0, 0), (0, 0), (0, 0), (1, 0))), axis=-1)
    total = total[..., 5:] - total[..., :-5]
    first = total.argmax(axis=-1)[..., None]
    charge = np.take_along_axis(total, first, -1)[..., 0]
    window = np.take_along_axis(samples, first + np.arange(5), -1)
    time = first[..., 0] + (window * np.arange(5)).sum(axis=-1) / np.maximum(charge, 1) - delay
    charge = np.maximum(charge / WORDS_PER_LIGHT, 0.01)
    size = [np.where(c > 6, c, 0).sum(axis=-1) for c in (charge, direct.charge)]
    assert np.median(size[0] / size[1]) == pytest.approx(1, abs=0.03)
    assert (charge > 6).sum() == pytest.approx((direct.charge > 6).sum(), rel=0.05)
    both = np.sqrt(charge * np.maximum(direct.charge, 0.01))
    for low, high in ((10, 20), (20, 50), (50, 1000)):
        use = (both > low) & (both < high)
        assert np.log(charge[use] / direct.charge[use]).mean() == pytest.approx(0, abs=0.025)
        spread = [np.diff(np.percentile(t[use], [16, 84]))[0] for t in (time, direct.arrival_time)]
        assert spread[0] == pytest.approx(spread[1], rel=0.12)
        assert np.median(np.abs(time - direct.arrival_time)[use]) * SLICE_NS < 0.4


def test_photostatistics_of_pulses_give_back_their_light(light):
    cameras, samples = light
    pixels = cameras.draw(1)
    good = ~pixels["dead"] & ~pixels["hot"]
    charge = sums(samples, pixels["baseline"]).max(axis=-1)
    quiet = sums(generate.pedestal_samples(8, 0, 250, DARK, cameras)[:, 0], pixels["baseline"])[..., 20]
    variance = charge.var(axis=0, ddof=1) - quiet.var(axis=0, ddof=1)
    phe = (1 + EXCESS_NOISE) * charge.mean(axis=0) ** 2 / variance
    # a pixel's variance is known to 9 % with 250 events
    assert np.median(phe[good]) == pytest.approx(CALIBRATION_PHE, rel=0.03)
    assert np.std(phe[good]) / CALIBRATION_PHE == pytest.approx(np.sqrt(2 / 249), rel=0.3)
    # the same light everywhere: charges are as the gains
    relative = charge.mean(axis=0)[good] / charge.mean(axis=0)[good].mean()
    truth = pixels["gain"][good] / pixels["gain"][good].mean()
    np.testing.assert_allclose(relative, truth, atol=0.05)
    assert np.std(relative) == pytest.approx(0.1, rel=0.12)


def test_arrival_times_have_the_delays_of_the_pixels(light):
    cameras, samples = light
    pixels = cameras.draw(1)
    good = ~pixels["dead"] & ~pixels["hot"]
    pulse = samples.astype(float).mean(axis=0)[good] - pixels["baseline"][good, None]
    at = np.average(np.broadcast_to(np.arange(18, 33), (good.sum(), 15)), axis=1, weights=pulse[:, 18:33])
    np.testing.assert_allclose(at - SIGNAL_SLICE, pixels["delay"][good], atol=0.35)
    assert np.std(pixels["delay"]) * SLICE_NS == pytest.approx(0.4, rel=0.1)


def test_bad_pixels_are_dead_or_noisy_and_the_same_in_all_runs(light):
    cameras, samples = light
    pixels = cameras.draw(1)
    assert pixels["dead"].sum() == 5
    assert pixels["hot"].sum() == 4
    rms = samples.std(axis=(0, 2))
    np.testing.assert_allclose(samples.mean(axis=(0, 2))[pixels["dead"]], pixels["baseline"][pixels["dead"]], atol=0.4)
    quiet = generate.pedestal_samples(8, 0, 40, DARK, cameras)[:, 0].std(axis=(0, 2))
    assert quiet[pixels["hot"]].min() > 2 * np.median(quiet)
    assert rms[pixels["dead"]].max() < 0.9 * np.median(quiet)
    again = Cameras(seed=4, gain_spread=0.1, bad_pixels=9).draw(1)
    assert all(np.array_equal(again[name], pixels[name]) for name in pixels)
    assert not np.array_equal(cameras.draw(2)["dead"], pixels["dead"])
    assert not np.array_equal(Cameras(seed=5).draw(1)["gain"], Cameras(seed=4).draw(1)["gain"])


def test_bright_pixels_saturate():
    words = shine(100, each=60.0)
    assert words.max() == WORD_MAX
    assert (words[:, 25] == WORD_MAX).mean() > 0.99
    assert (words[:, :15] == WORD_MAX).sum() == 0


def test_reduced_high_voltage_lowers_the_gain_but_not_the_noise_of_electronics():
    low = Conditions(hv="reduced")
    nominal, reduced = (shine(100, conditions=c) - baseline(EVEN, 1)[:, None] for c in (DARK, low))
    ratio = nominal[:, 23:28].sum() / reduced[:, 23:28].sum()
    assert ratio == pytest.approx(REDUCED_GAIN, rel=0.02)
    dead = Cameras(bad_pixels=500)
    off = dead.draw(1)["dead"]
    noise = [generate.pedestal_samples(1, 0, 20, c, dead)[:, 0][:, off].astype(float) for c in (DARK, low)]
    assert noise[0].std() == pytest.approx(noise[1].std(), rel=1e-9)
    # what is common to the samples of a readout
    slow = noise[0].mean(axis=-1).std(axis=0).mean() * 5 / WORDS_PER_PHE
    assert slow == pytest.approx(SLOW_PHE, rel=0.3)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("both")
    return {out: run(folder / out, Output=out, **CARD) for out in ("calibrated", "raw")}


def test_raw_and_calibrated_output_are_of_the_same_showers(both):
    raw = [p for p in both["raw"] if p.suffix == ".root"]
    assert [p.name.replace("_D_", "_Y_") for p in raw] == [p.name for p in both["calibrated"]]
    for one, other in zip(raw, both["calibrated"], strict=True):
        reader = RawReader(one)
        events = reader.headers()
        kept = events.pattern != headers.PATTERN_CALIBRATION
        names = ["MRawEvtHeader.fStereoEvtNumber", "MRawEvtHeader.fDAQEvtNumber", "MTriggerPattern.fPrescaled"]
        names += ["MTime.fTime.fMilliSec", "MTime.fNanoSec", "MCerPhotEvt.fPixels.fPhot"]
        tree = read_tree(other, "Events", names)
        assert np.array_equal(events.stereo_number[kept], tree[names[0]])
        assert np.array_equal(events.daq_number[kept], tree[names[1]])
        assert np.array_equal(events.pattern[kept], tree[names[2]])
        np.testing.assert_allclose(events.seconds[kept], tree[names[3]] * 1e-3 + tree[names[4]] * 1e-9, atol=2e-9)
        for pattern in (headers.PATTERN_CALIBRATION, headers.PATTERN_PEDESTAL):
            assert np.count_nonzero(events.pattern == pattern) >= 10
        # the same light in the same pixels
        samples = np.concatenate([chunk.samples for chunk in reader.chunks(50)])[events.pattern == 128]
        pixels = Cameras().draw(reader.info.telescope)
        gain = np.where(pixels["dead"], 1.0, pixels["gain"]) * WORDS_PER_PHE / REDUCED_GAIN
        charge = sums(samples, pixels["baseline"]).max(axis=-1) / gain
        emulated = tree[names[5]][:, :N_PIXELS][tree[names[2]] == 128]
        # chosen by both alike, or the noise of one would make a bias
        bright = (emulated * charge > 25**2) & ~pixels["dead"] & ~pixels["hot"]
        assert bright.sum() > 50
        ratio = charge[bright] / emulated[bright]
        assert np.median(ratio) == pytest.approx(0.915, abs=0.025)
        assert np.std(ratio) < 0.3


def test_times_of_raw_events_run_on(both):
    parts = [RawReader(p).headers() for p in both["raw"] if p.suffix == ".root" and "_M1_" in p.name]
    seconds = np.concatenate([p.seconds for p in parts])
    np.testing.assert_allclose(
        np.concatenate([p.time_diff_s for p in parts])[1:], np.diff(seconds), atol=2e-9, err_msg="fTimeDiff"
    )
    assert np.all(np.diff(seconds) > 26e-6 - 2e-9)


def test_reports_beside_raw_files_say_what_the_trees_of_calibrated_ones_say(both):
    for raw, calibrated in zip([p for p in both["raw"] if p.suffix == ".rep"], both["calibrated"], strict=True):
        found = read_reports(raw)
        assert not found.broken
        assert (found.run, found.telescope) == (5029747, int(raw.name[10]))
        for name, tree in found.trees.items():
            stored = read_tree(calibrated, name)
            assert stored.keys() == tree.keys()
            for branch, values in tree.items():
                if np.asarray(values).dtype.kind == "U":
                    assert np.array_equal(values, stored[branch])
                else:
                    np.testing.assert_allclose(values, stored[branch], rtol=1e-6, atol=1e-9, err_msg=branch)
        assert set(found.trees["Camera"]["MCameraHV.fFileName"]) == {"reduced"}
        assert found.trees["Pyrometer"]["MReportPyrometer.fCloudiness"][0] == 33
        assert found.trees["Camera"]["MReportCamera.fMedianDC"][0] == pytest.approx(1650 / REDUCED_GAIN)


def test_pedestal_and_calibration_runs(tmp_path):
    kinds = {"pedestal": ("P", 1, 8), "calibration": ("C", 2, 2)}
    for kind, (tag, run_type, pattern) in kinds.items():
        files = run(tmp_path / kind, Kind=kind, Run=5029745, Events=130)
        assert [p.name for p in files] == [
            f"20131005_M{t}_05029745.001_{tag}_CrabNebula-W0.40+035.root" for t in (1, 2)
        ]
        reader = RawReader(files[1])
        assert (reader.info.run_type, reader.info.telescope, reader.n_events) == (run_type, 2, 130)
        events = reader.headers()
        assert set(events.pattern.tolist()) == {pattern}
        assert not events.stereo_number.any()
        assert events.daq_number.tolist() == list(range(1, 131))
        assert np.all(np.diff(events.seconds) > 0)
        size = files[1].stat().st_size / 130
        assert size < (35_000 if kind == "pedestal" else 45_000)


def test_same_card_same_bytes_whatever_the_chunks(tmp_path, monkeypatch):
    card = read_card(
        Env.parse("".join(f"Sim.{k}: {v}\n" for k, v in (CARD | {"Output": "raw", "Duration": 4}).items()))
    )
    track = Track.of(card)

    def samples():
        parts = list(streams.events(card, track))
        return np.concatenate([p.seconds for p in parts]), np.concatenate([p.data[0] for p in parts])

    whole = samples()
    monkeypatch.setattr(streams, "RAW_CHUNK", 9)
    parts = samples()
    assert all(np.array_equal(a, b) for a, b in zip(whole, parts, strict=True))
    assert len(whole[0]) > 48
    files = [run(tmp_path / name, Output="raw", **(CARD | {"Duration": 3, "Subruns": 1})) for name in "ab"]
    assert [p.read_bytes() for p in files[0]] == [p.read_bytes() for p in files[1]]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.lists(st.floats(0, 100), min_size=1, max_size=5), max_size=4), min_size=1, max_size=4))
def test_merged_streams_hold_every_event_once_in_order_of_time(plan):
    given_ = []
    for i, stream in enumerate(plan):
        times = np.sort(np.concatenate([np.array([]), *map(np.array, stream)]))
        ends = np.cumsum([len(c) for c in stream])
        chunks = [times[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)] if stream else []
        given_.append([streams.Chunk(t, np.full(len(t), i), (t[:, None],)) for t in chunks])
    merged = list(streams.merge([iter(s) for s in given_]))
    seconds = np.concatenate([np.array([]), *(c.seconds for c in merged)])
    assert np.array_equal(seconds, np.sort(np.concatenate([np.array([]), *(c.seconds for s in given_ for c in s)])))
    for chunk in merged:
        assert len(chunk)
        assert np.array_equal(chunk.data[0][:, 0], chunk.seconds)


def test_monte_carlo_is_never_raw(tmp_path, capsys):
    path = tmp_path / "card.rc"
    path.write_text("Sim.Kind: gamma\nSim.Output: raw\n")
    assert PROGRAM.run([f"--config={path}", f"--out={tmp_path / 'out'}", "--null"]) == 2
    assert "Sim.Output is raw" in capsys.readouterr().err


def test_default_cameras_are_those_of_the_default_card():
    card = read_card(Env.read(MRCFILES / "openmars-sim.rc"))
    assert card.cameras == Cameras()
    assert not card.raw
    assert readout.pulse_in_window() == pytest.approx(3.77, abs=0.05)
