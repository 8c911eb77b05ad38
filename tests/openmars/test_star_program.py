"""star, superstar and selectmc, from files to files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from openmars.camera import MM_TO_DEG, N_PIXELS, PIX_X_MM, PIX_Y_MM
from openmars.imaging.star import PROGRAM as STAR
from openmars.io import calibrated, headers, open_root, read_tree
from openmars.sky.pointing import altaz_to_camera, radec_to_altaz, wobble_pointing
from openmars.stereo.geometry import TELESCOPES_M
from openmars.stereo.selectmc import PROGRAM as SELECTMC
from openmars.stereo.superstar import PROGRAM as SUPERSTAR

DAY, MEAN, RMS = 56570, np.full(N_PIXELS, 0.1), np.full(N_PIXELS, 0.5)
CRAB = (83.6333, 22.0144)
POINTING = wobble_pointing(*CRAB, 0.4, 35.0)
BASE = "0{run}.00{subrun}_{level}_CrabNebula-W0.40+035.root"
N = 40


def images(zd: np.ndarray, az: np.ndarray, source: np.ndarray, seed: int) -> list[np.ndarray]:
    """Charges of showers from `source` (deg in the camera) in both telescopes: [n, 1039] each."""
    rng = np.random.default_rng(seed)
    core = rng.uniform(-100, 100, (len(zd), 2))
    out = []
    for place in TELESCOPES_M:
        # what lies ahead on the ground is seen lower, what lies to the side beside: near enough for images
        away = core - place[:2]
        turn = np.radians(az)
        north, west = away.T
        along = np.cos(turn) * north - np.sin(turn) * west
        across = -np.sin(turn) * north - np.cos(turn) * west
        disp = np.degrees(np.stack([-along * np.cos(np.radians(zd)), across]) / 8000.0)
        direction = np.arctan2(disp[1], disp[0])
        centre = (source + disp) / MM_TO_DEG
        x, y = PIX_X_MM - centre[0][:, None], PIX_Y_MM - centre[1][:, None]
        cos, sin = np.cos(direction)[:, None], np.sin(direction)[:, None]
        ellipse = ((x * cos + y * sin) / 60) ** 2 + ((y * cos - x * sin) / 20) ** 2
        out.append((60 * np.exp(-0.5 * ellipse) + rng.normal(0.1, 0.5, ellipse.shape)).astype(np.float32))
    return out


def events_of(charge: np.ndarray, seconds: np.ndarray, first: int, pattern: int) -> calibrated.Events:
    n = len(charge)
    time = np.full(charge.shape, 24.0) + np.random.default_rng(1).normal(0, 0.2, charge.shape)
    return calibrated.Events(
        charge=charge, arrival_time=np.where(charge > 3, time, 45).astype(np.float32),
        pattern=np.where(np.arange(n) == 3, 8 if pattern == 128 else pattern, pattern),
        stereo_number=first + np.arange(n), daq_number=np.arange(n), seconds=seconds,
        time_diff_s=np.full(n, 0.1),
    )  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calibrated files of two subruns; M2 has lost some events."""
    folder = tmp_path_factory.mktemp("data")
    for subrun in (1, 2):
        seconds = 14400.0 + 60 * subrun + np.linspace(0, 50, N)
        mjd = DAY + seconds / 86400
        zd, az = radec_to_altaz(*POINTING, mjd)
        source = np.array(altaz_to_camera(*radec_to_altaz(*CRAB, mjd), zd, az))
        nodes = seconds[0] - 5 + np.linspace(0, 60, 7)
        drive = headers.drive_tree(DAY, nodes, *radec_to_altaz(*POINTING, DAY + nodes / 86400), *POINTING)
        for telescope, charge in enumerate(images(zd, az, source, subrun), 1):
            info = headers.RunInfo(5029747, subrun, telescope, False, "CrabNebula", *CRAB, day=DAY)
            keep = np.arange(N) != 7 if telescope == 2 else slice(None)
            events = events_of(charge, seconds, 1 + N * subrun, 128)
            events = calibrated.Events(**{name: values[keep] for name, values in vars(events).items()})
            name = f"20131005_M{telescope}_" + BASE.format(run=5029747, subrun=subrun, level="Y")
            trees = {"Drive": drive, "Pedestals": calibrated.pedestal_tree(DAY, nodes[:2], MEAN, RMS)}
            trees["Starguider"] = {f"MReportStarguider.{m}": np.zeros(2) for m in ("fMjd", "fDevZd", "fDevAz")}
            trees["Starguider"]["MReportStarguider.fMjd"] = DAY + nodes[[0, -1]] / 86400
            calibrated.write_calibrated(folder / name, info, events, MEAN, RMS, reports=trees)
    return folder


@pytest.fixture(scope="module")
def mc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calibrated MC files: of 200 showers every fifth was seen."""
    folder = tmp_path_factory.mktemp("mc")
    rng = np.random.default_rng(5)
    for run in (1001, 1002):
        n = 5 * N
        zd, az = np.full(n, 20.0), np.full(n, 130.0)
        truth = {name: rng.uniform(1, 100, n) for name in ("core_x_m", "core_y_m", "impact_m")}
        truth |= {"energy_gev": rng.uniform(100, 1000, n), "zd_deg": zd, "az_deg": az}
        truth |= {"pointing_zd_deg": zd, "pointing_az_deg": az}
        truth |= {"source_x_mm": np.full(n, 118.7), "source_y_mm": np.zeros(n)}
        showers = calibrated.McTruth(**truth)
        seen = calibrated.McTruth(**{name: values[::5] for name, values in truth.items()})
        info_mc = headers.McInfo(n, -1.6, 10, 3e4, 350, 5, 35, 0, 360, (0.4, 0.4))
        source = np.array([[118.7 * MM_TO_DEG], [0.0]])
        for telescope, charge in enumerate(images(zd[::5], az[::5], source, run), 1):
            info = headers.RunInfo(run, 0, telescope, True, "", 0, 0, day=DAY)
            calibrated.write_calibrated(
                folder / f"GA_M{telescope}_za05to35_8_{run}_Y_w0.root", info,
                events_of(charge, np.linspace(0, 1, N), 1, 1), MEAN, RMS, truth=seen, mc=info_mc, showers=showers,
            )  # fmt: skip
    return folder


def star(folder: Path, out: Path, pattern: str, *words: str) -> int:
    return STAR.run(["-b", "-q", "-f", f"--ind={folder}/{pattern}", f"--out={out}", "--null", *words])


@pytest.fixture(scope="module")
def stereo(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("superstar")
    for telescope in (1, 2):
        assert star(data, out, f"*_M{telescope}_*_Y_*.root") == 0
    words = [f"--ind{t}={out}/*_M{t}_*_I_*.root" for t in (1, 2)]
    assert SUPERSTAR.run(["-b", "-q", "-f", *words, f"--out={out}", "--null"]) == 0
    return out / "20131005_05029747_S_CrabNebula-W0.40+035.root"


@pytest.fixture(scope="module")
def stereo_mc(mc: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("superstar_mc")
    for telescope in (1, 2):
        assert star(mc, out, f"GA_M{telescope}_*_Y_*.root", "-mc") == 0
    for run in (1001, 1002):
        words = [f"--ind{t}={out}/GA_M{t}_*_{run}_I_*.root" for t in (1, 2)]
        name = f"--outname=GA_za05to35_8_{run}_S_w0"
        assert SUPERSTAR.run(["-b", "-q", "-f", "-mc", *words, f"--out={out}", name, "--null"]) == 0
    return out


def test_star_writes_images_of_showers_with_the_reports_of_the_run(data: Path, stereo: Path) -> None:
    path = stereo.parent / ("20131005_M1_" + BASE.format(run=5029747, subrun=1, level="I"))
    file = open_root(path)
    assert file.level() == "star"
    assert {"RunHeaders", "RunTails", "Drive", "Starguider", "EffectiveOnTime"} <= set(file.trees())
    events = file.read("Events")
    assert len(events["MHillas.fSize"]) == N - 1  # one is a pedestal
    assert np.hypot(events["MSrcPosCam.fX"], events["MSrcPosCam.fY"]) * MM_TO_DEG == pytest.approx(0.4, abs=1e-3)
    assert file.read("EffectiveOnTime")["MEffectiveOnTime.fEffOnTime"][0] == pytest.approx(N * (0.1 - 26e-6))
    assert "MJStar.MImgCleanStd.CleanLevel1: 6.0\n" in file.texts()["star_M1_OSA.rc"]
    assert all(np.isfinite(values).all() for values in events.values())


def test_showers_of_a_source_come_out_at_the_source(stereo: Path) -> None:
    events = read_tree(stereo, "Events")
    numbers = events["MRawEvtHeader_1.fStereoEvtNumber"]
    expected = {1 + N * s + k for s in (1, 2) for k in range(N)} - {1 + N * s + k for s in (1, 2) for k in (3, 7)}
    assert set(numbers) == expected
    np.testing.assert_array_equal(numbers, events["MRawEvtHeader_2.fStereoEvtNumber"])
    good = (events["MStereoPar.fValid"] == 1) & (events["MStereoPar.fImageAngle"] > 10)
    assert good.sum() > 30
    assert np.median(events["MStereoPar.fTheta2"][good]) < 0.02**2
    ra, dec = events["MStereoPar.fDirectionRA"][good] * 15, events["MStereoPar.fDirectionDec"][good]
    assert np.median(ra) == pytest.approx(CRAB[0], abs=0.01)
    assert np.median(dec) == pytest.approx(CRAB[1], abs=0.01)
    distance = events["MStereoPar.fMaxHeight"][good] / 1e5 / np.cos(np.radians(events["MPointingPos_1.fZd"][good]))
    assert np.median(distance) == pytest.approx(8.0, rel=0.03)
    assert len(read_tree(stereo, "RunHeaders")["MRawRunHeader_1.fRunNumber"]) == 2


def test_the_same_input_gives_the_same_bytes(data: Path, tmp_path: Path) -> None:
    for out in ("a", "b"):
        assert star(data, tmp_path / out, "*_M1_*.001_Y_*.root") == 0
    first, second = (next((tmp_path / out).glob("*_I_*.root")).read_bytes() for out in ("a", "b"))
    assert first == second


def test_higher_levels_and_noise_change_the_images(data: Path, tmp_path: Path) -> None:
    used = {}
    noise = [
        "--rc=MJStar.UseAddNoise:yes",
        "--rc=MJStar.MAddNoise.NewNoiseMean:1",
        "--rc=MJStar.MAddNoise.NewNoiseRMS:2",
    ]
    levels = ["--rc=MJStar.MImgCleanStd.CleanLevel1:10", "--rc=MJStar.MImgCleanStd.CleanLevel2:8"]
    for name, words in {"plain": [], "high": levels, "noise": noise}.items():
        assert star(data, tmp_path / name, "*_M1_*.001_Y_*.root", *words) == 0
        events = read_tree(next((tmp_path / name).glob("*.root")), "Events")
        used[name] = events["MNewImagePar.fNumUsedPixels"].mean(), events["MHillas.fSize"].mean()
    assert used["high"][0] < used["plain"][0] - 3
    assert used["noise"] != used["plain"]
    assert used["noise"][1] == pytest.approx(used["plain"][1], rel=0.1)


def test_halves_share_no_shower_and_lose_none(stereo_mc: Path) -> None:
    words = ["-b", "-q", "-f", "-joinmc", f"--pathMC={stereo_mc}/*_S_w0.root", f"--out={stereo_mc}", "--null"]
    assert SELECTMC.run([*words, "--outname=GA_za05to35_S_w0.root"]) == 0
    halves = [stereo_mc / f"GA_za05to35_S_w0_{half}.root" for half in (1, 2)]
    showers = [set(read_tree(path, "OriginalMC")["MMcEvtBasic_1.fEnergy"]) for path in halves]
    events = [set(read_tree(path, "Events")["MMcEvt_1.fEnergy"]) for path in halves]
    assert not showers[0] & showers[1]
    assert [len(s) for s in showers] == [5 * N, 5 * N]
    assert events[0] <= showers[0]
    assert events[1] <= showers[1]
    whole = [read_tree(p, "Events")["MMcEvt_1.fEnergy"] for p in stereo_mc.glob("GA_za05to35_8_*_S_w0.root")]
    assert events[0] | events[1] == set(np.concatenate(whole))
    header = read_tree(halves[0], "RunHeaders")["MMcRunHeader_1.fNumSimulatedShowers"]
    assert list(header) == [5 * N // 2, 5 * N // 2]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--ind={data}/*_Y_*.root"], 2, "one telescope"),
        (["--ind={data}/*_M1_*_Y_*.root", "-mc"], 2, "leave out -mc"),
        (["--ind={mc}/GA_M1_*_Y_*.root"], 2, "give -mc"),
        (["--ind={bad}/*_Y_*.root"], 2, "20131005_M1_05029747.001_Y_bad.root"),
        (["--ind={data}/*_M1_*_Y_*.root", "--rc=MJStar.MImgCleanStd.CleanMethod:Scaled"], 2, "Absolute"),
        ([], 2, "--ind"),
    ],
)
def test_what_star_refuses(
    data: Path, mc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    whole = next(data.glob("*_M1_*")).read_bytes()
    (tmp_path / "20131005_M1_05029747.001_Y_bad.root").write_bytes(whole[: len(whole) // 2])
    words = [word.format(data=data, mc=mc, bad=tmp_path) for word in words]
    assert STAR.run(["-b", "-q", "-f", f"--out={tmp_path}", *words]) == code
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.glob("*_I_*"))


def test_what_superstar_and_selectmc_refuse(data: Path, stereo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["-b", "-q", "-f", f"--out={data}/out"]
    m1 = f"{stereo.parent}/*_M1_*.001_I_*.root"
    for second, said in ((f"{stereo.parent}/*_M2_*.002_I_*.root", "partner"), (m1, "M1"), (f"{data}/*_M2_*", "star")):
        assert SUPERSTAR.run([*words, f"--ind1={m1}", f"--ind2={second}"]) == 2
        assert said in capsys.readouterr().err
    assert SELECTMC.run([*words, f"--pathMC={stereo}"]) == 2
    assert "OriginalMC" in capsys.readouterr().err


def test_a_missing_starguider_is_code_7(data: Path, tmp_path: Path) -> None:
    from openmars.io import write_root

    source = next(data.glob("*_M1_*.001_Y_*"))
    file = open_root(source)
    write_root(tmp_path / source.name, {t: file.read(t) for t in file.trees() if t != "Starguider"})
    assert star(tmp_path, tmp_path, "*_Y_*.root") == 7
    assert star(tmp_path, tmp_path, "*_Y_*.root", "--rc=MJStar.UseStarguider:no") == 0


@pytest.mark.parametrize("program", ["star", "superstar", "selectmc"])
def test_help_needs_no_heavy_library(program: str) -> None:
    code = (
        "import sys, runpy; sys.argv = ['openmars', sys.argv[1], '--help']\n"
        "try: runpy.run_module('openmars', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'numpy', 'numba', 'uproot', 'astropy', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code, program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"usage: {program}" in done.stdout
