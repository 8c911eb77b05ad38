"""coach and melibea on toy images whose geometry is known: what they learn must come out again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from openmars.io import open_root, read_tree, write_root
from openmars.models.coach import PROGRAM as COACH
from openmars.models.disp import Candidates, combine
from openmars.models.forest import Forest, Growth, grow_classifier, grow_regressor, matrix
from openmars.models.melibea import PROGRAM as MELIBEA
from openmars.models.walk import predict

MM_TO_DEG = 0.00337
TELESCOPES = {1: (34.99, -24.02), 2: (-34.99, 24.02)}
APPLY = [
    "-b", "-q", "-f", "--stereo", "--rf", "--rftree={rf}/RF.root", "--calc-disp-rf", "--calc-disp2-rf",
    "--rfdisptree={rf}/disp1/DispRF.root", "--rfdisp2tree={rf}/disp2/DispRF.root", "--calcstereodisp",
    "--disp-rf-sstrained", "-erec", "--etab={rf}/Energy_Table.root",
]  # fmt: skip


def toy_showers(rng: np.random.Generator, n: int, gamma: bool) -> tuple[dict, np.ndarray]:
    """Images in both cameras: disp goes with impact over height, light with energy; hadrons are wider and wilder."""
    energy = 50.0 * (1 - rng.uniform(size=n)) ** (-1 / 0.7)
    energy = np.clip(energy, 50, 20000) * np.exp(rng.normal(0, 0.01, n))
    angle, offset = rng.uniform(0, 2 * np.pi, n), np.full(n, 0.4) if gamma else 1.3 * rng.uniform(size=n) ** 0.5
    source = offset * np.cos(angle), offset * np.sin(angle)
    radius, phi = 250 * rng.uniform(size=n) ** 0.5, rng.uniform(0, 2 * np.pi, n)
    core = radius * np.cos(phi), radius * np.sin(phi)
    height = rng.normal(10.5, 0.8, n) - 0.8 * np.log10(energy / 500)
    zenith = rng.uniform(5, 35, n)
    events = {
        "MMcEvt_1.fEnergy": energy.astype("f4"),
        "MPointingPos_1.fZd": zenith,
        "MPointingPos_1.fAz": np.full(n, 100.0),
        "MStereoPar.fMaxHeight": (height * 1e5 * np.exp(rng.normal(0, 0.05, n))).astype("f4"),
    }
    for t, (tx, ty) in TELESCOPES.items():
        dx, dy = core[0] - tx, core[1] - ty
        impact = np.hypot(dx, dy)
        disp = np.degrees(impact / (height * 1000)) * np.exp(rng.normal(0, 0.08 if gamma else 0.3, n))
        axis = np.arctan2(dy, dx)
        x, y = source[0] + disp * np.cos(axis), source[1] + disp * np.sin(axis)
        size = energy * np.exp(-((impact / 180) ** 2)) * np.exp(rng.normal(0, 0.12 if gamma else 0.5, n))
        delta = axis + rng.normal(0, 0.6 / np.maximum(size, 10) ** 0.5, n) + np.pi * rng.integers(0, 2, n)
        side = -np.sign(np.cos(delta - axis))
        wide = 1.0 if gamma else np.exp(np.abs(rng.normal(0, 0.5, n)))
        width = 0.09 * wide * np.exp(rng.normal(0, 0.12, n))
        m3long = (0.1 if gamma else 0.02) * side + rng.normal(0, 0.06, n)
        gradient = side * impact * (0.02 if gamma else 0.01) + rng.normal(0, 1, n)
        events |= {
            f"MHillas_{t}.fSize": size.astype("f4"),
            f"MHillas_{t}.fWidth": (width / MM_TO_DEG).astype("f4"),
            f"MHillas_{t}.fLength": (width * (1.5 + impact / 150) / MM_TO_DEG).astype("f4"),
            f"MHillas_{t}.fMeanX": (x / MM_TO_DEG).astype("f4"),
            f"MHillas_{t}.fMeanY": (y / MM_TO_DEG).astype("f4"),
            f"MHillas_{t}.fCosDelta": np.cos(delta).astype("f4"),
            f"MHillas_{t}.fSinDelta": np.sin(delta).astype("f4"),
            f"MHillasExt_{t}.fM3Long": (m3long / MM_TO_DEG).astype("f4"),
            f"MHillasTimeFit_{t}.fP1Grad": gradient.astype("f4"),
            f"MNewImagePar_{t}.fLeakage1": np.zeros(n, "f4"),
            f"MImagePar_{t}.fNumIslands": rng.poisson(0.1 if gamma else 0.7, n).astype("i2") + np.int16(1),
            f"MStereoPar.fM{t}Impact": (impact * 100 * np.exp(rng.normal(0, 0.08, n))).astype("f4"),
            f"MSrcPosCam_{t}.fX": (source[0] / MM_TO_DEG).astype("f4"),
            f"MSrcPosCam_{t}.fY": (source[1] / MM_TO_DEG).astype("f4"),
            f"MTime_{t}.fMjd": np.full(n, 56569, "u4"),
            f"MTime_{t}.fTime.fMilliSec": np.arange(n, dtype="i8") * 100,
            f"MTime_{t}.fNanoSec": np.zeros(n, "u4"),
        }
    x, y = crossing(events)
    events |= {"MStereoPar.fDirectionX": x.astype("f4"), "MStereoPar.fDirectionY": y.astype("f4")}
    seen = np.minimum(events["MHillas_1.fSize"], events["MHillas_2.fSize"]) > 40
    return {name: values[seen] for name, values in events.items()}, energy


def crossing(events: dict) -> tuple[np.ndarray, np.ndarray]:
    """Where the axes of both images cross, deg."""
    (x1, y1), (x2, y2) = (
        (events[f"MHillas_{t}.fMeanX"] * MM_TO_DEG, events[f"MHillas_{t}.fMeanY"] * MM_TO_DEG) for t in (1, 2)
    )
    (c1, s1), (c2, s2) = ((events[f"MHillas_{t}.fCosDelta"], events[f"MHillas_{t}.fSinDelta"]) for t in (1, 2))
    sine = c1 * s2 - s1 * c2
    sine = np.where(np.abs(sine) < 1e-3, 1e-3, sine)
    along = ((x2 - x1) * s2 - (y2 - y1) * c2) / sine
    return x1 + along * c1, y1 + along * s1


def write_superstar(path: Path, rng: np.random.Generator, n: int, gamma: bool) -> None:
    """Write a toy superstar file."""
    events, energy = toy_showers(rng, n, gamma)
    header = {"MRawRunHeader_1.fRunNumber": np.array([5029747], "u4")}
    trees = {"Events": events, "RunHeaders": header, "RunTails": {"MMarsVersion_star.fMARSVersionCode": np.array([1])}}
    if gamma:
        trees["OriginalMC"] = {"MMcEvtBasic_1.fEnergy": energy.astype("f4")}
    else:
        del events["MMcEvt_1.fEnergy"]
    write_root(path, trees)


def train(folder: Path, out: str, *flags: str, rc: tuple[str, ...] = ()) -> int:
    """Run coach on the toy files."""
    card = {
        "RF.mcdata": folder / "GA_*_S_*_1.root",
        "RF.data": folder / "off" / "20*_S_*.root",
        "RF.outpath": folder / out,
    }
    return COACH.run(["-b", "-q", *flags, *(f"--rc={key}:{value}" for key, value in card.items()), *rc])


def apply(folder: Path, pattern: str, *more: str, out: str = "q") -> int:
    """Run melibea on the toy files."""
    words = [word.format(rf=folder / "rf") for word in APPLY]
    return MELIBEA.run([*words, f"--ind={folder}/{pattern}", f"--out={folder / out}", *more])


RUN = "20131004_05029747_Q_CrabNebula-W0.40+035.root"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Toy files of gammas, off data and a run; models trained; models applied."""
    base = tmp_path_factory.mktemp("models")
    (base / "off").mkdir()
    rng = np.random.default_rng(3)
    write_superstar(base / "GA_za05to35_S_w0_1.root", rng, 16000, True)
    write_superstar(base / "GA_za05to35_S_w0_2.root", rng, 8000, True)
    write_superstar(base / "off" / "20131003_05029700_S_OffField-W0.40+035.root", rng, 24000, False)
    write_superstar(base / "20131004_05029747_S_CrabNebula-W0.40+035.root", rng, 12000, False)
    fewer = tuple(f"--rc=RF.{part}.NumTrees:40" for part in ("Hadronness", "Disp", "Energy"))
    assert train(base, "rf", "-RFgh", "-RFdisp", "-LUTs", "-RFenStereo", rc=fewer) == 0
    assert apply(base, "GA_*_2.root", "-mc", "-erec-rf", f"--erf={base / 'rf' / 'EnRF_Stereo.root'}") == 0
    assert apply(base, "2013*_S_*.root") == 0
    return base


@pytest.fixture(scope="module")
def gammas(folder: Path) -> dict:
    """Applied test half, images above 50 phe."""
    events = read_tree(folder / "q" / "GA_za05to35_Q_w0_2.root", "Events")
    keep = np.minimum(events["MHillas_1.fSize"], events["MHillas_2.fSize"]) > 50
    return {name: values[keep] for name, values in events.items()}


def test_direction_is_better_than_the_crossing_of_the_axes(gammas: dict) -> None:
    source = [gammas[f"MSrcPosCam_1.f{axis}"] * MM_TO_DEG for axis in "XY"]

    def containment(container: str) -> float:
        miss = [gammas[f"{container}.fDirection{axis}"] - s for axis, s in zip("XY", source, strict=True)]
        return float(np.quantile(np.hypot(*miss), 0.68))

    assert containment("MStereoParDisp") < 0.6 * containment("MStereoPar")
    assert containment("MStereoParDisp") < 0.1
    theta2 = np.hypot(*(gammas[f"MStereoParDisp.fDirection{a}"] - s for a, s in zip("XY", source, strict=True))) ** 2
    np.testing.assert_allclose(gammas["MStereoParDisp.fTheta2"], theta2, rtol=1e-3, atol=1e-6)


def test_hadronness_separates_and_is_a_fraction(folder: Path, gammas: dict) -> None:
    from sklearn.metrics import roc_auc_score

    run = read_tree(folder / "q" / "20131004_05029747_Q_CrabNebula-W0.40+035.root", "Events")
    big = np.minimum(run["MHillas_1.fSize"], run["MHillas_2.fSize"]) > 50
    hadrons, signal = run["MHadronness.fHadronness"][big], gammas["MHadronness.fHadronness"]
    both = np.concatenate([hadrons, signal])
    assert both.min() >= 0
    assert both.max() <= 1
    assert roc_auc_score(np.repeat([1, 0], [len(hadrons), len(signal)]), both) > 0.93


@pytest.mark.parametrize("container", ["MEnergyEst", "MEnergyEstStereoRF"])
def test_energy_is_found_without_bias(gammas: dict, container: str) -> None:
    energy = gammas["MMcEvt_1.fEnergy"]
    ratio = gammas[f"{container}.fEnergy"] / energy
    middle = (energy > 200) & (energy < 3000)
    low, centre, high = np.quantile(ratio[middle], [0.16, 0.5, 0.84])
    assert centre == pytest.approx(1, abs=0.05)
    assert (high - low) / 2 < 0.2  # the light alone has 12 % in each telescope
    for edges in ((200, 400), (400, 1000), (1000, 3000)):
        part = (energy > edges[0]) & (energy < edges[1])
        assert np.median(ratio[part]) == pytest.approx(1, abs=0.1)


def test_output_is_of_level_melibea_and_keeps_all_it_was_given(folder: Path) -> None:
    before = open_root(folder / "GA_za05to35_S_w0_2.root")
    after = open_root(folder / "q" / "GA_za05to35_Q_w0_2.root")
    assert after.level() == "melibea"
    assert after.trees() == before.trees()
    for tree in before.trees():
        for name, values in before.read(tree).items():
            np.testing.assert_array_equal(after.read(tree, [name])[name], values)
    assert "MMarsVersion_melibea.fMARSVersionCode" in after.branches("RunTails")
    assert "RF.zdmin: default: 0" in after.texts()["melibea_stereo.rc"]


def test_right_ascension_and_declination_of_data_only(folder: Path, gammas: dict) -> None:
    from openmars.sky import altaz_to_radec, camera_to_altaz, separation

    run = read_tree(folder / "q" / "20131004_05029747_Q_CrabNebula-W0.40+035.root", "Events")
    x, y = (run[f"MStereoParDisp.fDirection{axis}"].astype(float) for axis in "XY")
    times = 56569 + run["MTime_1.fTime.fMilliSec"] / 86400e3
    ra, dec = altaz_to_radec(*camera_to_altaz(x, y, run["MPointingPos_1.fZd"], 100.0), times)
    ours = run["MStereoParDisp.fDirectionRA"] * 15.0, run["MStereoParDisp.fDirectionDec"]
    assert np.nanmax(separation(ra, dec, *ours)) < 1e-3
    assert not gammas["MStereoParDisp.fDirectionRA"].any()


def test_same_training_gives_the_same_bytes(folder: Path) -> None:
    few = ("--rc=RF.Hadronness.NumTrees:5", "--rc=RF.Disp.NumTrees:5")
    for out in ("one", "two"):
        assert train(folder, out, "-RFgh", "-RFdisp", "-LUTs", rc=few) == 0
    for name in ("RF.root", "disp1/DispRF.root", "disp2/DispRF.root", "Energy_Table.root"):
        assert (folder / "one" / name).read_bytes() == (folder / "two" / name).read_bytes()
    assert train(folder, "three", "-RFgh", rc=(*few, "--rc=RF.Seed:2")) == 0
    assert (folder / "one" / "RF.root").read_bytes() != (folder / "three" / "RF.root").read_bytes()


def test_every_key_of_the_default_cards_is_read(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert train(folder, "keys", "-LUTs") == 0
    assert apply(folder, "GA_*_2.root", "-mc", out="keys") == 0
    assert "untouched" not in capfd.readouterr().out
    assert apply(folder, "GA_*_2.root", "-mc", "--rc=RF.zdmx:20", out="keys") == 0
    assert "Resource untouched: RF.zdmx: 20" in capfd.readouterr().out


def test_halves_are_not_confused(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert train(folder, "never", "-LUTs", rc=(f"--rc=RF.mcdata:{folder}/GA_*.root",)) == 2
    assert "GA_za05to35_S_w0_2.root: the test half" in capfd.readouterr().err
    assert apply(folder, "GA_*_1.root", "-mc") == 2
    assert "GA_za05to35_S_w0_1.root: the training half" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("rc", "message"),
    [
        ("RF.mcdata:{0}/off/20*_S_*.root", "05029700_S_OffField-W0.40+035.root: data"),
        ("RF.data:{0}/GA_*_1.root", "GA_za05to35_S_w0_1.root: Monte Carlo"),
        ("RF.mcdata:{0}/none*.root", "none*.root: no file matches"),
        ("RF.zdmin:60", "RF.zdmin 60 and RF.zdmax 35"),
        ("RF.zdmin:34.9", "at least 100 are needed"),
        ("RF.Disp.NumTrees:0", "RF.Disp"),
    ],
)
def test_wrong_samples_are_named(folder: Path, capfd: pytest.CaptureFixture[str], rc: str, message: str) -> None:
    key, _, value = rc.format(folder).partition(":")
    words = {"RF.mcdata": f"{folder}/GA_*_1.root", "RF.data": f"{folder}/off/*.root", "RF.outpath": f"{folder}/never"}
    words[key] = value
    assert COACH.run(["-b", "-q", "-RFgh", *(f"--rc={k}:{v}" for k, v in words.items())]) == 2
    assert message in capfd.readouterr().err
    assert not (folder / "never" / "RF.root").exists()


def test_wrong_model_is_named(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rf = folder / "rf"
    assert apply(folder, "GA_*_2.root", "-mc", f"--rftree={rf}/disp1/DispRF.root") == 2
    assert "expected hadronness forest, found disp forest of telescope 1" in capfd.readouterr().err


def test_events_outside_of_the_models_zenith_range_are_invalid(folder: Path) -> None:
    assert apply(folder, "GA_*_2.root", "-mc", "--rc=RF.zdmax:default: 20", out="zenith") == 0
    events = read_tree(folder / "zenith" / "GA_za05to35_Q_w0_2.root", "Events")
    high = events["MPointingPos_1.fZd"] > 20
    assert np.all(events["MHadronness.fHadronness"][high] == -1)
    assert np.all(events["MEnergyEst.fEnergy"][high] == -1)
    assert np.mean(events["MHadronness.fHadronness"][~high] >= 0) > 0.9


def test_time_slices_are_left_out(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    slices = folder / "excluded.times"
    slices.write_text(f"# two slices\n{56569 + 10 / 86400} {56569 + 20 / 86400}\n{56569 + 30 / 86400} 56569.00036\n")
    assert apply(folder, "2013*_S_*.root", f"--timeslices={slices}", out="cut") == 0
    times = read_tree(folder / "cut" / RUN, "Events")
    seconds = times["MTime_1.fTime.fMilliSec"] / 1000
    assert not np.any((seconds > 10.01) & (seconds < 19.99))
    assert np.any((seconds > 20.01) & (seconds < 29.99))
    kept = read_tree(folder / "cut" / RUN, "ExcludedTimes")
    np.testing.assert_allclose(kept["fStart"], [56569 + 10 / 86400, 56569 + 30 / 86400], rtol=0, atol=1e-9)
    slices.write_text("yesterday\n")
    assert apply(folder, "2013*_S_*.root", f"--timeslices={slices}", out="cut") == 2
    assert "excluded.times:1: expected two MJDs" in capfd.readouterr().err


def test_no_time_slices_change_nothing_and_all_leave_no_event(folder: Path) -> None:
    slices = folder / "excluded.times"
    slices.write_text("# nothing\n56500 56501 # another night\n")
    assert apply(folder, "2013*_S_*.root", f"--timeslices={slices}", out="uncut") == 0
    assert (folder / "uncut" / RUN).read_bytes() == (folder / "q" / RUN).read_bytes()
    slices.write_text("56500 56600\n")
    assert apply(folder, "2013*_S_*.root", f"--timeslices={slices}", out="nothing") == 0
    assert not len(read_tree(folder / "nothing" / RUN, "Events", ["MEnergyEst.fEnergy"])["MEnergyEst.fEnergy"])
    assert open_root(folder / "nothing" / RUN).level() == "melibea"


def test_summary_file_has_the_name_that_mars_gives_it(folder: Path) -> None:
    assert (folder / "q" / "melibea.root").exists()
    assert apply(folder, "GA_*_2.root", "-mc", "--outname=melibea05029747.root", out="named") == 0
    assert (folder / "named" / "melibeamelibea05029747.root.root").exists()


def test_walk_agrees_with_scikit_learn(tmp_path: Path) -> None:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    rng = np.random.default_rng(5)
    inputs = {f"x{k}": np.round(rng.normal(size=2000), 2).astype("f4") for k in range(6)}
    truth = inputs["x0"] + inputs["x1"] ** 2 + rng.normal(0, 0.5, 2000) > 1
    growth = Growth(n_trees=20, min_leaf=3, max_depth=9, n_tries=2, seed=7)
    table = matrix(inputs)
    forest, importance = grow_classifier(inputs, truth, np.ones(2000), growth)
    judge = RandomForestClassifier(**growth.options()).fit(table, truth, sample_weight=np.ones(2000))
    np.testing.assert_allclose(predict(forest, table)[:, 0], judge.predict_proba(table)[:, 1], atol=1e-6)
    assert set(sorted(importance, key=lambda name: -importance[name])[:2]) == {"x0", "x1"}
    target = inputs["x2"].astype(float)
    regression, _ = grow_regressor(inputs, target[:, None], np.ones((2000, 1)), growth)
    judge = RandomForestRegressor(**growth.options()).fit(table, target)
    values = predict(regression, table[:777])  # not a multiple of the block
    np.testing.assert_allclose(values[:, 0], judge.predict(table[:777]), atol=1e-6)
    np.testing.assert_allclose(values[:, 1], 1)
    forest.save(tmp_path / "f.root", "toy", "")
    again = Forest.load(tmp_path / "f.root", "toy")
    np.testing.assert_array_equal(predict(again, table), predict(forest, table))
    assert again.features == forest.features


def test_disp_finds_the_side_on_which_both_images_agree() -> None:
    rng = np.random.default_rng(11)
    n = 1000
    source = rng.uniform(-1, 1, (2, n))
    images = []
    for angle in (0.3, 1.4):
        direction = np.full(n, angle) + np.pi * rng.integers(0, 2, n)
        disp = rng.uniform(0.3, 1.2, n)
        cos, sin = np.cos(direction), np.sin(direction)
        images.append(
            Candidates(
                source[0] + disp * cos, source[1] + disp * sin, np.cos(angle) * np.ones(n), np.sin(angle) * np.ones(n),
                disp, np.full(n, 0.01), np.full(n, 0.001), np.full(n, 0.5)
            )
        )  # fmt: skip
    x, y, distance2 = combine(*images)
    np.testing.assert_allclose([x, y], source, atol=1e-9)
    np.testing.assert_allclose(distance2, 0, atol=1e-9)


def test_disp_follows_the_images_own_side_where_the_positions_do_not_decide() -> None:
    """Parallel images: both sides fit, so the third moment and the time gradient decide."""
    ones = np.ones(2)
    ahead = np.array([0.9, 0.1])
    one = Candidates(0 * ones, 0 * ones, ones, 0 * ones, ones, 0.01 * ones, 0.01 * ones, ahead)
    two = Candidates(0 * ones, 0.1 * ones, ones, 0 * ones, ones, 0.01 * ones, 0.01 * ones, ahead)
    np.testing.assert_allclose(combine(one, two)[0], [1, -1])


def test_help_is_quick_and_needs_no_heavy_library() -> None:
    code = (
        "import sys; from openmars.__main__ import main; sys.argv[1:] = ['{}', '--help']; main(); print(*sys.modules)"
    )
    for name in ("coach", "melibea", "magic_dl3"):
        shown = subprocess.run(
            [sys.executable, "-c", code.format(name)], capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
        assert f"{name}: " in shown.stdout
        loaded = set(shown.stdout.rsplit("\n", 2)[-2].split())
        assert not loaded & {"numba", "sklearn", "uproot", "astropy", "scipy", "awkward"}
