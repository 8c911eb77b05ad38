"""What is wrong with files and cards is said in one line, with the file or key at fault."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from astropy.io import fits

from automagic.cards import render
from automagic.errors import UserError
from automagic.science import dl3, models, reduce
from automagic.science.__main__ import main
from automagic.science.errors import DataError
from automagic.science.settings import Settings

CARD = {"Source.Name": "Test source", "Source.RA": "83.63333", "Source.Dec": "22.01444"}


def copy(folder: Path, to: Path) -> Path:
    return Path(shutil.copyfile(sorted(folder.iterdir())[0], to / "run.fits"))


def test_no_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no DL3 files"):
        dl3.find(tmp_path)


def test_no_events(fake_dl3: Path, tmp_path: Path) -> None:
    path = copy(fake_dl3, tmp_path)
    with fits.open(path, mode="update") as hdus:
        hdus["EVENTS"].data = hdus["EVENTS"].data[:0]
    with pytest.raises(DataError, match=r"run\.fits: no events"):
        dl3.find(tmp_path)


def test_missing_table(fake_dl3: Path, tmp_path: Path) -> None:
    path = copy(fake_dl3, tmp_path)
    with fits.open(path, mode="update") as hdus:
        del hdus["ENERGY DISPERSION"]
    with pytest.raises(DataError, match=r"run\.fits: not a DL3 file: no EDISP table"):
        dl3.find(tmp_path)


def test_missing_rad_max(tmp_path: Path, write_run: Callable[..., None]) -> None:
    write_run(tmp_path / "run.fits", 1, seed=1, rad_max=False)
    with pytest.raises(DataError, match=r"run\.fits: point-like IRFs without RAD_MAX"):
        dl3.find(tmp_path)


@pytest.mark.parametrize("part", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_truncated_file(part: float, fake_dl3: Path, tmp_path: Path) -> None:
    path = copy(fake_dl3, tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(DataError, match=r"run\.fits: not a"):
        dl3.find(tmp_path)


def test_one_run_twice(fake_dl3: Path, tmp_path: Path) -> None:
    shutil.copyfile(copy(fake_dl3, tmp_path), tmp_path / "again.fits")
    with pytest.raises(DataError, match=r"again\.fits and run\.fits are both of run 5000000"):
        dl3.find(tmp_path)


def test_source_elsewhere(fake_dl3: Path) -> None:
    settings = Settings("spectrum", {**CARD, "Source.Dec": "38.2"})
    with pytest.raises(DataError, match=r"the source is 15\.96 deg from the pointing"):
        reduce.datasets(settings, dl3.find(fake_dl3))


def test_off_regions_without_room(fake_dl3: Path) -> None:
    settings = Settings("spectrum", {**CARD, "Spectrum.OffRegions": "7"})
    with pytest.raises(DataError, match="run 5000000: 7 off regions overlap"):
        reduce.datasets(settings, dl3.find(fake_dl3))


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("Source.RA", "", "Source.RA has no value"),
        ("Source.Dec", "91", "Source.Dec is 91, it must be at least -90 and at most 90"),
        ("Spectrum.Model", "logparabola", "allowed are power-law, log-parabola"),
        ("Spectrum.EBL", "domingues", "Did you mean dominguez"),
        ("Spectrum.EBL", "dominguez", "Source.Redshift is 0"),
        ("Spectrum.EnergyMin", "abc", "'abc', not a number"),
        ("Spectrum.EnergyMin", "nan", "Spectrum.EnergyMin is nan, it must be above 0"),
        ("Spectrum.EnergyMin", "30", "must be larger than Spectrum.EnergyMin"),
        ("Spectrum.OffRegions", "1.5", "must be a whole number"),
        ("FluxPoints.PerDecade", "4", "is not a multiple of FluxPoints.PerDecade"),
        ("Spectrum.EnergyMin", "18", "fewer than 3 bins"),
    ],
)
def test_wrong_card(key: str, text: str, message: str, fake_dl3: Path, tmp_path: Path) -> None:
    from automagic.science import spectrum

    with pytest.raises(UserError, match=message) as caught:
        list(spectrum.run(Settings("spectrum", {**CARD, key: text}), fake_dl3, tmp_path))
    assert not isinstance(caught.value, DataError)


def test_program_says_it_in_one_line(fake_dl3: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = tmp_path / "card.rc"
    card.write_text(render({**CARD, "Theta2.Cutt": "0.01"}))
    empty = tmp_path / "empty"
    empty.mkdir()
    words = [f"--config={card}", f"--out={tmp_path / 'out'}"]
    assert main(["theta2", f"--ind={empty}", *words]) == 3
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert "Traceback" not in captured.err
    assert main(["theta2", f"--ind={fake_dl3}", *words]) == 0
    assert "Resource untouched: Theta2.Cutt: 0.01" in capsys.readouterr().out
    card.write_text(render({**CARD, "Theta2.Cut": "0.011"}))
    assert main(["theta2", f"--ind={fake_dl3}", *words]) == 2
    card.unlink()
    assert main(["theta2", f"--ind={fake_dl3}", *words]) == 2


def test_too_little_for_a_fit(tmp_path: Path, write_run: Callable[..., None]) -> None:
    write_run(tmp_path / "run.fits", 1, seed=3, flux=lambda energy: 0 * energy, background=0.5)
    settings = Settings("spectrum", CARD)
    data = reduce.datasets(settings, dl3.find(tmp_path))
    with pytest.raises(DataError, match=r"its signal in these energies is .* sigma, below 3"):
        reduce.fit([reduce.stack(data)], models.sky_model(settings))


@pytest.mark.parametrize("name", ["dominguez", "franceschini", "finke", "saldana-lopez21"])
def test_ebl_absorbs_as_published(name: str) -> None:
    """At z = 0.031 all four models let through about 3/4 at 1 TeV and almost all at 30 GeV."""
    pytest.importorskip("ebltable", reason="the package with the EBL tables is not installed")
    from astropy import units as u

    model = models.absorption(name, 0.031)
    assert 0.70 < float(model(1 * u.TeV)) < 0.78
    assert float(model(0.03 * u.TeV)) > 0.995
    if name == "dominguez":  # Gammapy's own table of this model says 0.7352 and 0.3572
        assert float(model(1 * u.TeV)) == pytest.approx(0.7352, abs=0.002)
        assert float(model(10 * u.TeV)) == pytest.approx(0.3572, abs=0.002)
