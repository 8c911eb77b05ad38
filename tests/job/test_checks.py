"""What the job says of files of the wrong kind."""

import gzip

import numpy as np
import pytest

from automagic.job.checks import check_file
from automagic.job.spec import JobFailed


@pytest.fixture(scope="module")
def star_file(tmp_path_factory):
    """A file that looks like star's: 3 events of M1 in run 5029747."""
    uproot = pytest.importorskip("uproot")
    path = tmp_path_factory.mktemp("checks") / "20131005_M1_05029747.001_I_Crab-W0.40+035.root"
    with uproot.recreate(path) as file:
        file.mktree("Events", {"MHillas.fSize": "f4"})
        file["Events"].extend({"MHillas.fSize": np.ones(3, "f4")})
        file.mktree("RunHeaders", {"MRawRunHeader.fRunNumber": "u4", "MRawRunHeader.fTelescopeNumber": "u2"})
        file["RunHeaders"].extend(
            {
                "MRawRunHeader.fRunNumber": np.array([5029747], "u4"),
                "MRawRunHeader.fTelescopeNumber": np.array([1], "u2"),
            }
        )
        file.mktree("Drive", {"MReportDrive.fMjd": "f8"})
        file["Drive"].extend({"MReportDrive.fMjd": np.zeros(2)})
    return path


def test_right_file_passes_and_is_counted(star_file):
    checks = {"root": True, "level": "star", "telescope": 1, "run": 5029747, "min_events": 3, "drive_min": 2}
    skipped = []
    assert check_file(star_file, star_file.name, checks, skipped)["events"] == 3
    assert skipped == []


@pytest.mark.parametrize(
    ("checks", "reason"),
    [
        ({"level": "calibrated"}, "is of level star, expected calibrated"),
        ({"level": "superstar"}, "is of level star, expected superstar"),
        ({"telescope": 2}, "is of telescope 1, expected 2"),
        ({"run": 5029748}, "is of run 5029747, expected 5029748"),
        ({"min_events": 4}, "has 3 entries in Events, expected at least 4"),
        ({"drive_min": 3}, "has 2 entries in Drive, expected at least 3"),
        ({"tree": "OriginalMC"}, "has no tree 'OriginalMC'; it has Drive, Events, RunHeaders"),
        ({"not_name": "_I_"}, "must not be used here"),
    ],
)
def test_wrong_file_is_named_with_what_was_found_and_expected(star_file, checks, reason):
    with pytest.raises(JobFailed) as caught:
        check_file(star_file, star_file.name, checks, [])
    assert caught.value.reason.startswith(star_file.name)
    assert reason in caught.value.reason


def test_raw_files_are_told_by_their_samples_and_run_type(tmp_path):
    uproot = pytest.importorskip("uproot")
    path = tmp_path / "20131005_M2_05029745.001_P_Crab-W0.40+035.root"
    with uproot.recreate(path) as file:
        file.mktree("Events", {"MRawEvtData.fHiGainFadcSamples": "u1"})
        file["Events"].extend({"MRawEvtData.fHiGainFadcSamples": np.ones(3, "u1")})
        file.mktree("RunHeaders", {"MRawRunHeader.fRunType": "u2"})
        file["RunHeaders"].extend({"MRawRunHeader.fRunType": np.array([1], "u2")})
    skipped = []
    check_file(path, path.name, {"level": "raw", "run_type": 1, "min_events": 3}, skipped)
    assert skipped == []
    with pytest.raises(JobFailed, match="is of run type 1, expected 2"):
        check_file(path, path.name, {"run_type": 2}, [])
    with pytest.raises(JobFailed, match="is of level raw, expected calibrated"):
        check_file(path, path.name, {"level": "calibrated"}, [])


@pytest.mark.parametrize("suffix", [".fits", ".fits.gz"])
def test_fits_files(tmp_path, suffix):
    from astropy.io import fits
    from astropy.table import Table

    path = tmp_path / f"x{suffix}"
    events = fits.BinTableHDU(Table({"ENERGY": np.ones(5000)}), name="EVENTS")
    fits.HDUList([fits.PrimaryHDU(), events]).writeto(path)
    good = {"fits": True, "hdus": ["EVENTS"], "min_events": 5000}
    assert check_file(path, "x", good, [])["events"] == 5000
    for checks, reason in [({"hdus": ["AEFF"]}, "lacks the HDU AEFF"), ({**good, "min_events": 5001}, "5000 events")]:
        with pytest.raises(JobFailed, match=reason):
            check_file(path, "x", checks, [])
    data = path.read_bytes()
    if suffix == ".fits":
        path.write_bytes(data[: len(data) // 2])
    else:
        path.write_bytes(gzip.compress(gzip.decompress(data)[:20_000]))
    with pytest.raises(JobFailed, match="truncated"):
        check_file(path, "x", good, [])
    path.write_bytes(data[: len(data) - 100])
    with pytest.raises(JobFailed, match="no whole FITS file"):
        check_file(path, "x", good, [])
