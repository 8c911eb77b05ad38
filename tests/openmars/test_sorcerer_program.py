"""sorcerer, from files to files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from openmars.calib.constants import read_constants
from openmars.calib.sorcerer import PROGRAM as SORCERER
from openmars.camera import N_PIXELS
from openmars.imaging.calibrated import open_calibrated, pedestals
from openmars.imaging.pixels import dead_pixels
from openmars.io import headers, open_root, read_tree, reports
from openmars.io.raw import RawEvents, RawWriter
from openmars.io.rootwrite import RootWriter

DAY, RUN = 56570, 5029747
PHE, WORDS, NOISE, PULSE = 60.0, 20.0, 9.0, np.exp(-0.5 * ((np.arange(50) - 25) / 1.74) ** 2)
IN_WINDOW = PULSE[23:28].sum()
NAMES = {0: "D", 1: "P", 2: "C"}
DEAD, GAIN = 44, np.random.default_rng(0).lognormal(0, 0.15, N_PIXELS)
GAIN[DEAD] = 0
EDGES = ("Fundamental", "FromExtractor", "FromExtractorRndm")


def words(rng: np.random.Generator, phe: np.ndarray, voltage: np.ndarray | float = 1.0,
          shift: float = 0.0) -> np.ndarray:  # fmt: skip
    """Samples of pulses of `phe` photo-electrons at slice 25, uint16 [n, 1039, 50]: Gaussian noise, no sky."""
    size = (rng.normal(phe, np.sqrt(0.2 * phe)) * GAIN * voltage * WORDS / IN_WINDOW).astype(np.float32)
    wave = size[:, :, None] * PULSE.astype(np.float32)
    noise = NOISE * np.where(GAIN > 0, GAIN, 1)[:, None] / np.sqrt(5)
    return np.rint(wave + noise * rng.standard_normal(wave.shape, np.float32) + 1400 + shift).astype(np.uint16)


def write(folder: Path, kind: int, pattern: np.ndarray, seed: int, *, telescope: int = 1, day: int = DAY,
          run: int = RUN, voltage: np.ndarray | float = 1.0, shift: float = 0.0) -> Path:  # fmt: skip
    """A raw file: showers are 20 photo-electrons in the first hundred pixels."""
    rng, n = np.random.default_rng(seed), len(pattern)
    phe = np.where((pattern == 2)[:, None], rng.poisson(PHE, (n, N_PIXELS)), 0)
    phe[pattern == 128, :100] = 20
    seconds = 7000 + 0.25 * np.arange(n)
    info = headers.RunInfo(run, 1, telescope, False, "CrabNebula", 83.6331, 22.0145, day=day, start_s=7000,
                           stop_s=7000 + 0.25 * n, run_type=kind)  # fmt: skip
    path = folder / f"20131005_M{telescope}_{run:08d}.001_{NAMES[kind]}_CrabNebula-W0.40+035.root"
    with RawWriter(path, info) as out:
        stereo = np.where(pattern == 128, np.cumsum(pattern == 128), 0)
        samples = words(rng, phe, voltage, shift)
        out.add(RawEvents(samples, pattern, stereo, np.arange(1, n + 1), seconds, np.full(n, 0.25)))
        out.finish()
    return path


def mixture(showers: int, dark: int, light: int) -> np.ndarray:
    """Trigger patterns of a data run, mixed; it begins with a shower and ends with a light pulse."""
    pattern = np.repeat([128, 8, 2], [showers - 1, dark, light - 1])
    return np.concatenate([[128], np.random.default_rng(9).permutation(pattern), [2]]).astype(np.uint8)


def sorcerer(*arguments: object) -> int:
    return SORCERER.run(["-b", "-q", "-f", *map(str, arguments)])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw files of one telescope, and the constants of the first two."""
    folder = tmp_path_factory.mktemp("raw")
    write(folder, 1, np.full(120, 8, np.uint8), 1, run=RUN - 2)
    write(folder, 2, np.full(150, 2, np.uint8), 2, run=RUN - 1)
    write(folder, 0, mixture(60, 40, 30), 3)
    assert sorcerer("-c", f"--ped={folder}/*_P_*", f"--cal={folder}/*_C_*", f"--out={folder}") == 0
    assert sorcerer(f"--ind={folder}/*_D_*", f"--constants={scalib(folder)}", f"--out={folder}/out") == 0
    return folder


def scalib(folder: Path) -> Path:
    return folder / f"scalib{RUN - 1:08d}_M1.root"


def calibrated(folder: Path) -> Path:
    return folder / f"20131005_M1_{RUN:08d}.001_Y_CrabNebula-W0.40+035.root"


def test_constants_are_kept(runs):
    constants = read_constants(scalib(runs))
    good = constants.good
    assert (constants.pedestal_run, constants.calibration_run, constants.telescope) == (RUN - 2, RUN - 1, 1)
    assert np.flatnonzero(~good).tolist() == [DEAD]
    assert constants.phe == pytest.approx(PHE, rel=0.02)
    truth = 1 / (WORDS * GAIN[good])
    assert np.median(constants.factor[good] / truth) == pytest.approx(1, rel=0.02)
    pull = (constants.factor[good] / truth / np.median(constants.factor[good] / truth) - 1) * truth
    assert (pull / constants.error[good]).std() == pytest.approx(1, abs=0.15)
    texts = open_root(scalib(runs)).texts()
    assert texts["CommandLine"].startswith("sorcerer -b -q -f -c --ped=")
    assert "MJSorcerer.MCalibrationCalc.ExcessNoise: 1.2\n" in texts["sorcerer.rc"]
    assert "simulated" in texts


def test_calibrated_file_has_what_star_wants(runs):
    file = open_calibrated(calibrated(runs / "out"))
    events = file.read("Events")
    assert np.bincount(events["MTriggerPattern.fPrescaled"])[[2, 8, 128]].tolist() == [0, 40, 60]
    assert events["MRawEvtHeader.fTimeDiff"].sum() == pytest.approx(0.25 * 129)  # the last event was left out
    assert events["MRawEvtHeader.fStereoEvtNumber"].max() == 60
    shower = events["MTriggerPattern.fPrescaled"] == 128
    lit = np.arange(100) != DEAD
    charge = events["MCerPhotEvt.fPixels.fPhot"][shower][:, :100][:, lit]
    assert charge.mean() == pytest.approx(20, rel=0.03)
    time = events["MArrivalTime.fData"][shower][:, :100][:, lit]
    assert np.abs(time - 25).mean() < 0.5
    assert not events["MCerPhotEvt.fPixels.fPhot"][:, DEAD].any()
    assert "Drive" not in file.trees  # merpp adds those


def test_bad_pixels_and_pedestals_are_for_star(runs):
    file = open_calibrated(calibrated(runs / "out"))
    assert np.flatnonzero(dead_pixels(file.read("RunHeaders")["MBadPixelsCam.fArray.fInfo"].content)).tolist() == [DEAD]
    noise = NOISE / WORDS
    for kind, bias in zip(EDGES, (0, 1, 0), strict=True):
        times, mean, rms = pedestals(file, kind)
        assert len(times) == 1  # fewer than a block
        good = np.arange(N_PIXELS) != DEAD
        assert np.median(rms[0, good]) == pytest.approx(noise, rel=0.5 if bias else 0.1)
        assert np.median(mean[0, good]) > noise if bias else abs(np.median(mean[0, good])) < 0.1 * noise
        assert rms[0, DEAD] == 0


def test_summary_has_the_noise_against_time(runs, tmp_path):
    assert sorcerer(f"--ind={runs}/*_D_*", f"--constants={scalib(runs)}", f"--out={tmp_path}",
                    "--rc=MJSorcerer.PedestalBlock:10") == 0  # fmt: skip
    summary = open_root(tmp_path / f"ssignal{RUN:08d}_M1.root")
    extracted = summary.read("IntPedEx")
    assert extracted["fNumEvents"].tolist() == [10] * 4
    assert np.all(np.diff(extracted["fTime"]) > 0)
    assert 0 <= extracted["fTime"][0] - (DAY + 7000 / 86400) < 60 / 86400
    random = summary.read("IntPedRnd")
    assert random["fRms"].mean() == pytest.approx(NOISE / WORDS, rel=0.05)
    assert np.all(extracted["fMean"] > random["fMean"])
    assert summary.read("IntCal")["fPhe"][0] == pytest.approx(PHE, rel=0.05)
    assert summary.read("Subruns")["fNumCalibrationEvents"].tolist() == [30]
    assert "MJSorcerer.PedestalBlock: 10\n" in summary.texts()["sorcerer.rc"]
    assert len(read_tree(calibrated(tmp_path), "Pedestals")["MTimePedestals.fMjd"]) == 4


def test_interleaved_events_follow_a_changed_camera(runs, tmp_path):
    """Lower voltage and another baseline than when the constants were taken."""
    write(tmp_path, 0, mixture(60, 20, 30), 4, voltage=0.6, shift=25.0)
    means = {}
    for source in ("Interleaved", "Constants"):
        out = tmp_path / source
        arguments = [f"--ind={tmp_path}/*_D_*", f"--constants={scalib(runs)}", f"--out={out}"]
        keys = [f"--rc=MJSorcerer.{key}:{source}" for key in ("Baseline", "Conversion")]
        assert sorcerer(*arguments, *keys) == 0
        events = read_tree(calibrated(out), "Events")
        shower = events["MTriggerPattern.fPrescaled"] == 128
        means[source] = events["MCerPhotEvt.fPixels.fPhot"][shower][:, :DEAD].mean()
    assert means["Interleaved"] == pytest.approx(20, rel=0.03)
    assert means["Constants"] == pytest.approx(0.6 * 20 + 5 * 25 / WORDS, rel=0.1)


def test_a_gain_that_drifts_is_followed_block_by_block(runs, tmp_path):
    """It falls at the end of the second of four blocks: the third is still calibrated with the old conversion."""
    pattern = np.tile([2, 128, 128, 8], 80).astype(np.uint8)
    fallen = np.arange(len(pattern)) >= 160
    write(tmp_path, 0, pattern, 8, voltage=np.where(fallen, 0.7, 1.0)[:, None])
    keys = ["--rc=MJSorcerer.CalibrationBlock:20", "--rc=MJSorcerer.PedestalBlock:20"]
    assert sorcerer(f"--ind={tmp_path}/*_D_*", f"--constants={scalib(runs)}", f"--out={tmp_path}", *keys) == 0
    events = read_tree(calibrated(tmp_path), "Events")
    charge = events["MCerPhotEvt.fPixels.fPhot"][events["MTriggerPattern.fPrescaled"] == 128][:, :DEAD].mean(axis=1)
    # the third block of light pulses ends with event 237, the 119th shower is the first after it
    for part, expected in ((slice(0, 80), 20), (slice(80, 118), 14), (slice(118, 160), 20)):
        assert charge[part].mean() == pytest.approx(expected, rel=0.04)
    phe = read_tree(tmp_path / f"ssignal{RUN:08d}_M1.root", "IntCal")
    assert phe["fPhe"] == pytest.approx(np.full(4, PHE), rel=0.05)
    assert phe["fConversion"] / phe["fConversion"][0] == pytest.approx([1, 1, 1 / 0.7, 1 / 0.7], rel=0.05)


def test_how_many_events_are_read_at_a_time_does_not_matter(runs, tmp_path, monkeypatch):
    monkeypatch.setattr("openmars.calib.subrun.CHUNK", 7)
    keys = ["--rc=MJSorcerer.CalibrationBlock:20", "--rc=MJSorcerer.PedestalBlock:10"]
    for name in ("a", "b"):
        assert sorcerer(f"--ind={runs}/*_D_*", f"--constants={scalib(runs)}", f"--out={tmp_path / name}", *keys) == 0
        monkeypatch.undo()
    a, b = (open_root(calibrated(tmp_path / name)) for name in ("a", "b"))
    for tree in ("Events", "Pedestals"):
        one, other = a.read(tree), b.read(tree)
        for branch, values in one.items():
            np.testing.assert_allclose(values, other[branch], rtol=1e-12, err_msg=branch)


def test_same_bytes_in_another_process_and_start_up(runs, tmp_path):
    command = [sys.executable, "-c", "import sys; from openmars.calib.sorcerer import PROGRAM; "
               "sys.exit(PROGRAM.run(sys.argv[1:]))"]  # fmt: skip
    arguments = ["-b", "-q", "-f", f"--ind={runs}/*_D_*", f"--constants={scalib(runs)}", f"--out={runs}/out"]
    paths = [calibrated(runs / "out"), runs / "out" / f"ssignal{RUN:08d}_M1.root"]
    before = [path.read_bytes() for path in paths]
    subprocess.run([*command, *arguments], check=True, env={**os.environ, "PYTHONHASHSEED": "5"})
    assert [path.read_bytes() for path in paths] == before
    show = "import sys; from openmars.calib.sorcerer import PROGRAM; PROGRAM.run(['--help']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", show], check=True, capture_output=True, text=True).stdout.split()
    assert not {"numpy", "numba", "uproot", "astropy", "scipy"} & set(loaded)


def test_too_few_interleaved_events_end_with_2_and_files(runs, tmp_path, capsys):
    write(tmp_path, 0, mixture(20, 3, 4), 5)
    assert sorcerer(f"--ind={tmp_path}/*_D_*", f"--constants={scalib(runs)}", f"--out={tmp_path}") == 2
    assert "too few interleaved events: 3 pedestal (the card wants 10), 4 calibration (10)" in capsys.readouterr().err
    file = open_calibrated(calibrated(tmp_path))
    charge = file.read("Events")["MCerPhotEvt.fPixels.fPhot"]
    assert len(charge) == 23  # calibrated with the constants alone
    shower = file.read("Events")["MTriggerPattern.fPrescaled"] == 128
    assert charge[shower][:, :DEAD].mean() == pytest.approx(20, rel=0.03)
    assert np.median(pedestals(file, "FromExtractorRndm")[2]) == pytest.approx(NOISE / WORDS, rel=0.1)
    assert (tmp_path / f"ssignal{RUN:08d}_M1.root").exists()


def test_few_events_in_the_calibration_run_end_with_2(runs, tmp_path):
    arguments = ["-c", f"--ped={runs}/*_P_*", f"--cal={runs}/*_C_*", f"--out={tmp_path}"]
    assert sorcerer(*arguments, "--rc=MJSorcerer.MaxEvents:60") == 2
    assert read_constants(scalib(tmp_path)).calibration_events == 60


def test_wrong_inputs_are_told_and_leave_nothing(runs, tmp_path, capsys):
    data, constants = f"--ind={runs}/*_D_*", f"--constants={scalib(runs)}"
    other = tmp_path / "in"
    other.mkdir()
    m2 = write(other, 0, mixture(2, 1, 2), 6, telescope=2)
    later = write(other, 0, mixture(2, 1, 2), 6, day=DAY + 1, run=RUN + 50)
    pedestal = write(other, 1, np.full(3, 8, np.uint8), 6, day=DAY + 1, run=RUN + 51)
    wrong_kind = other / pedestal.name.replace("_P_", "_D_")
    wrong_kind.write_bytes(pedestal.read_bytes())
    cut = other / f"20131005_M1_{RUN:08d}.009_D_CrabNebula-W0.40+035.root"
    cut.write_bytes(later.read_bytes()[:5000])
    cases = [
        ([f"--ind={m2}", constants], "constants of M1,.*is of M2"),
        ([f"--ind={later}", constants], "constants of the night MJD 56570.*same night"),
        ([f"--ind={wrong_kind}", constants], "does not say that it is a data run"),
        ([f"--ind={cut}", constants], "truncated"),
        ([f"--ind={tmp_path}/none*", constants], "no file matches"),
        ([f"--ind={other}/*_D_*", constants], "one run of one telescope|truncated"),
        ([data, f"--constants={calibrated(runs / 'out')}"], "holds no calibration constants"),
        ([data, f"--constants={tmp_path}/nothing.root"], "No such file"),
        ([data], "--constants= is missing"),
        ([data, constants, "--rc=MJSorcerer.MExtractSlidingWindow.WindowSize:7"], "run sorcerer -c with this card"),
        ([data, constants, "--rc=MJSorcerer.MExtractSlidingWindow.Last:50"], "do not fit into them"),
        ([data, constants, "--rc=MJSorcerer.Baseline:guess"], "expected Constants or Interleaved"),
        (["-c", f"--ped={pedestal}", f"--cal={runs}/*_C_*"], "pedestal run of the same night"),
        (["-c", f"--ped={runs}/*_D_*", f"--cal={runs}/*_C_*"], "has _P_ in its name"),
        ([f"--ind={calibrated(runs / 'out')}", constants], "has _D_ in its name"),
    ]
    for arguments, message in cases:
        assert sorcerer(*arguments, f"--out={tmp_path}/out") == 2
        error = capsys.readouterr().err
        assert "Traceback" not in error
        assert re.search(message, error), (message, error)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_of_another_level_is_told(runs, tmp_path, capsys):
    foreign = tmp_path / f"20131005_M1_{RUN:08d}.001_D_X-W0.40+035.root"
    foreign.write_bytes(calibrated(runs / "out").read_bytes())
    assert sorcerer(f"--ind={foreign}", f"--constants={scalib(runs)}", f"--out={tmp_path}/out") == 2
    assert "it is no raw file" in capsys.readouterr().err


def test_ctapipe_io_magic_reads_it_with_reports(runs, tmp_path, magic_source):
    """Calibrated by sorcerer, with the report trees that merpp adds."""
    file = open_root(calibrated(runs / "out"))
    path = tmp_path / calibrated(runs).name
    nodes = np.linspace(6990, 7110, 13)
    with RootWriter(path) as out:
        for name in file.trees():
            out.extend(name, file.read(name))
        out.extend("Drive", headers.drive_tree(DAY, nodes, nodes * 0 + 20, nodes * 0 + 100, 83.63, 22.41))
        more = headers.trigger_trees(DAY, nodes, np.full(13, 200.0), "standard")
        sky = reports.Sky()
        more["Laser"] = reports.laser_tree(DAY, nodes[:1], sky, nodes[:1] * 0 + 20, nodes[:1] * 0)
        for name, tree in more.items():
            out.extend(name, tree)
    with magic_source(path) as source:
        monitoring = []
        images = []
        for event in source:
            images.append(event.dl1.tel[1].image)
            monitoring.append(event.mon.tel[1].pixel_status.hardware_failing_pixels[0])
    assert len(images) == 60
    assert np.flatnonzero(monitoring[0]).tolist() == [DEAD]
    assert np.mean([image[:DEAD].mean() for image in images]) == pytest.approx(20, rel=0.03)
    with magic_source(path, use_pedestals=True) as source:
        assert sum(1 for _ in source) == 40
