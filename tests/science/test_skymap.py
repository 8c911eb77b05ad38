"""Maps: where a source is, how large, how bright; and nothing where nothing is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from automagic.errors import UserError
from automagic.science import containment, dl3, field, reduce, skymap, spectrum
from automagic.science.errors import DataError
from automagic.science.settings import Settings
from tests.science import wide

SOURCE = (83.4234, 22.7386)
"""0.75 deg from the target; 0.61 and 0.96 deg from the two pointings."""


def card(step: str, **more: str) -> Settings:
    base = {"Source.Name": "Test", "Source.RA": str(SOURCE[0]), "Source.Dec": str(SOURCE[1])}
    return Settings(step, {**base, "Spectrum.Model": "power-law", **more})


def excluded(radius: float = 0.4) -> dict[str, str]:
    return {"Source.Exclude": f"{SOURCE[0]} {SOURCE[1]} {radius}"}


def results(path: Path) -> dict[str, dict]:
    return {each["key"]: each for each in json.loads(path.read_text())["results"]}


def runs(folder: Path, seed: int, **more: float) -> Path:
    folder.mkdir()
    for i in range(4):
        wide.write_run(folder / f"r{i}_DL3_x.fits", 100 + i, seed=seed + i, source=SOURCE, darkness=5, **more)
    return folder


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of a source with a Gaussian of 0.12 deg, with what `skymap` makes of them in ``out``."""
    folder = runs(tmp_path_factory.mktemp("extended") / "dl3", 200, sigma=0.12)
    (folder / "out").mkdir()
    list(skymap.run(card("skymap", **excluded()), folder, folder / "out"))
    return folder


@pytest.fixture(scope="module")
def point(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of a point."""
    folder = runs(tmp_path_factory.mktemp("point") / "dl3", 300)
    (folder / "out").mkdir()
    list(skymap.run(card("skymap", **excluded()), folder, folder / "out"))
    return folder


def test_the_extension_of_a_source_comes_out(extended: Path) -> None:
    found = results(extended / "out/skymap.json")
    sigma = found["skymap.extension"]
    assert abs(sigma["value"] - 0.12) < 3 * sigma["error"]
    assert sigma["error"] < 0.02
    assert found["skymap.extension_significance"]["value"] > 5
    assert sigma["value"] < found["skymap.extension_limit"]["value"] < sigma["value"] + 4 * sigma["error"]


def test_a_point_has_no_extension(point: Path) -> None:
    found = results(point / "out/skymap.json")
    # three in a thousand points would be called extended at 3 sigma
    assert found["skymap.extension_significance"]["value"] < 3
    # a Gaussian of this size would widen the PSF, 0.06 deg, by a third
    assert found["skymap.extension_limit"]["value"] < 0.05


@pytest.mark.parametrize("kind", ["extended", "point"])
def test_position_and_flux_of_an_off_axis_source_come_out(kind: str, request: pytest.FixtureRequest) -> None:
    found = results(request.getfixturevalue(kind) / "out/skymap.json")
    for key, true in (("ra", SOURCE[0]), ("dec", SOURCE[1]), ("amplitude", wide.AMPLITUDE), ("index", wide.INDEX)):
        value = found[f"skymap.{key}"]
        assert abs(value["value"] - true) < 3 * value["error"], key
    assert found["skymap.distance"]["value"] < 0.04
    norm = found["skymap.background_norm"]
    assert abs(norm["value"] - 1) < 3 * norm["error"]


@pytest.mark.parametrize("kind", ["extended", "point"])
def test_significances_away_from_sources_are_normal(kind: str, request: pytest.FixtureRequest) -> None:
    found = results(request.getfixturevalue(kind) / "out/skymap.json")
    mean, width = found["skymap.off_mean"], found["skymap.off_width"]
    assert found["skymap.off_circles"]["value"] > 50
    assert abs(mean["value"]) < 3 * mean["error"]
    assert abs(width["value"] - 1) < 3 * width["error"]


def test_the_maps_are_counts_and_have_a_world_coordinate_system(point: Path) -> None:
    from astropy.wcs import WCS

    with fits.open(point / "out/skymap.fits") as opened:
        maps = {hdu.name: hdu.data for hdu in opened[1:]}
        wcs = WCS(opened["SIGNIFICANCE"].header)
    assert set(maps) == {"COUNTS", "BACKGROUND", "EXCESS", "SIGNIFICANCE", "EXPECTED"}
    inside = np.isfinite(maps["COUNTS"])
    np.testing.assert_allclose((maps["COUNTS"] - maps["BACKGROUND"])[inside], maps["EXCESS"][inside], atol=1e-3)
    x, y = wcs.world_to_pixel_values(*SOURCE)
    row, column = np.unravel_index(np.nanargmax(maps["SIGNIFICANCE"]), inside.shape)
    # within two pixels of 0.04 deg
    assert np.hypot(x - column, y - row) < 2.1


def test_same_files_same_bytes(point: Path, tmp_path: Path) -> None:
    list(skymap.run(card("skymap", **excluded()), point, tmp_path))
    for name in ("skymap.json", "skymap.fits", "skymap.png", "skymap.yaml"):
        assert (tmp_path / name).read_bytes() == (point / "out" / name).read_bytes(), name


def test_the_spectrum_of_a_region_counts_what_leaks_out(extended: Path, tmp_path: Path) -> None:
    """In 0.2 deg are 62 % of the events of the extended source; a point would have 99.6 % there."""
    # the made-up events begin at 0.1 TeV
    region = {"Spectrum.OnRadius": "0.2", "Spectrum.EnergyMin": "0.25"}
    with_it = card("spectrum", **region, **{"Source.Extension": "0.12"})
    list(spectrum.run(with_it, extended, tmp_path))
    found = results(tmp_path / "spectrum.json")
    for key, true in (("amplitude", wide.AMPLITUDE), ("index", wide.INDEX)):
        value = found[f"spectrum.{key}"]
        assert abs(value["value"] - true) < 3 * value["error"], key
    bare = reduce.stack(reduce.datasets(card("spectrum", **region), dl3.find(extended)))
    full = reduce.stack(reduce.datasets(with_it, dl3.find(extended)))
    ratio = (full.exposure.data / bare.exposure.data).ravel()
    spread = 0.12**2 + wide.PSF**2
    expected = (1 - np.exp(-0.5 * 0.2**2 / spread)) / (1 - np.exp(-0.5 * (0.2 / wide.PSF) ** 2))
    np.testing.assert_allclose(ratio[np.isfinite(ratio)], expected, rtol=0.02)


def test_containment_of_a_gaussian_is_that_of_two_gaussians() -> None:
    """Folding a Gaussian PSF with a Gaussian gives a Gaussian."""
    share = (np.arange(1000) + 0.5) / 1000
    away = 0.06 * np.sqrt(-2 * np.log(1 - share))
    found = containment.of_gaussian(0.2, 0.12, away).mean()
    assert found == pytest.approx(1 - np.exp(-0.5 * 0.2**2 / (0.12**2 + 0.06**2)), abs=1e-3)


def test_the_mean_background_is_that_which_was_put_in(point: Path) -> None:
    setup = field.Setup.read(card("skymap", **excluded()))
    runs = dl3.observations(dl3.find(point), setup.ra, setup.dec)
    found, given = field.mean_background(runs), runs[0].bkg
    per_bin = found.quantity * found.axes["energy"].bin_width[:, None]
    per_bin = per_bin.reshape(given.data.shape[0], field.FINER, -1).sum(axis=1)
    # bins in which the shape is their own
    expected = given.quantity * given.axes["energy"].bin_width[:, None]
    np.testing.assert_allclose((per_bin / expected).to_value("")[:3], 1, rtol=0.02)


def test_the_maximum_of_the_background_is_not_flattened(point: Path) -> None:
    """The map holds, in bins that are those of the file, the events that the file has in them."""
    setup = field.Setup.read(card("skymap", **{**excluded(), "SkyMap.EnergyMin": "0.1", "SkyMap.BinsPerDecade": "6"}))
    run = dl3.observations(dl3.find(point), setup.ra, setup.dec)[0]
    peaked = run.bkg.quantity.copy()
    peaked[:2] *= np.array([0.2, 0.7])[:, None]
    found = field.mean_background([run.copy(in_memory=True, bkg=type(run.bkg)(run.bkg.axes, peaked))])
    made = field.datasets(setup, dl3.find(point)[:1], found).npred_background().data.sum(axis=(1, 2))
    given = (peaked * run.bkg.axes["energy"].bin_width[:, None]).to_value("s-1 sr-1").sum(axis=1)
    ratio = made[:4] / given[:4]
    # with bins that are not divided the others are 15 to 27 % higher than the second
    np.testing.assert_allclose(ratio / ratio[1], 1, atol=0.1)


def test_a_source_wider_than_the_ring_has_a_significance() -> None:
    """The ring begins where the source's own region ends; else there would be nothing of it about the source."""
    assert field.Setup.read(card("skymap", **excluded(0.9))).ring == (0.9, 0.3)
    assert field.Setup.read(card("skymap", **excluded(0.3))).ring == (0.4, 0.3)


def test_places_are_not_chosen_by_what_was_counted_beside_them(point: Path) -> None:
    """Where the model has too few events no place counts, whatever the ring has; the maps are there all the same."""
    setup = field.Setup.read(card("skymap", **{**excluded(), "SkyMap.EnergyMin": "1"}))
    maps = field.significance(setup, field.datasets(setup, dl3.find(point)))
    maps["background"].data += field.LEAST_BACKGROUND
    places = field.away(setup, maps)
    assert not places.any()
    spread = field.spread_of(maps, places, setup)
    assert np.isnan(spread.mean)
    assert spread.circles == 0


def test_what_a_map_cannot_be_made_of_is_told(fake_dl3: Path, point: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="whole field of view") as told:
        list(skymap.run(card("skymap", **excluded()), fake_dl3, tmp_path))
    assert "diffuse" in (told.value.hint or "")
    with pytest.raises(UserError, match=r"Source\.Exclude"):
        list(skymap.run(card("skymap", **{"Source.Exclude": "83 22"}), point, tmp_path))
    bare = tmp_path / "bare_DL3_.fits"
    with fits.open(sorted(point.glob("r0*.fits"))[0]) as opened:
        fits.HDUList([hdu for hdu in opened if hdu.name != "BKG"]).writeto(bare)
    with pytest.raises(DataError, match="BKG_2D"):
        list(skymap.run(card("skymap", **excluded()), tmp_path, tmp_path / "out"))
