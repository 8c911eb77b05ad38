"""The science steps on runs with a known source."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from automagic.cards import render
from automagic.science import STEPS, dl3, lightcurve, models, reduce, theta2
from automagic.science.settings import Settings

CARD = {
    "Source.Name": "Test source",
    "Source.RA": "83.63333",
    "Source.Dec": "22.01444",
    "FluxPoints.PerDecade": "1",
}
Flux = Callable[[np.ndarray], np.ndarray]
Write = Callable[..., None]


def results(path: Path) -> dict[str, dict]:
    return {each["key"]: each for each in json.loads(path.read_text())["results"]}


@pytest.mark.parametrize(
    ("n_on", "n_off", "alpha", "sigma"),
    [
        # worked by hand from Li & Ma 1983, eq. 17
        (140, 500, 0.2, 3.4063),
        (10, 0, 1.0, 3.7233),
        (13, 11, 0.5, 2.0928),
        (5, 50, 0.1, 0.0),
        (2, 40, 0.1, -1.0654),
    ],
)
def test_significance_is_that_of_li_and_ma(n_on: int, n_off: int, alpha: float, sigma: float) -> None:
    def by_hand() -> float:
        total = n_on + n_off
        on = n_on * np.log((1 + alpha) / alpha * n_on / total)
        off = n_off * np.log((1 + alpha) * n_off / total) if n_off else 0.0
        return float(np.sign(n_on - alpha * n_off) * np.sqrt(2 * (on + off)))

    assert theta2.li_ma(n_on, n_off, alpha) == pytest.approx(by_hand(), abs=1e-6)
    assert theta2.li_ma(n_on, n_off, alpha) == pytest.approx(sigma, abs=1e-3)


def test_theta2_counts_the_source_and_only_it(made: Path, crab_like: Flux) -> None:
    found = results(made / "theta2.json")
    assert found["theta2.significance"]["value"] > 30
    grid = np.geomspace(0.1, 60, 4000)
    # 4 runs of 1200 s; by the energy resolution few events cross 0.25 TeV either way
    expected = np.trapezoid(crab_like(grid) * 1e9 / (1 + (0.15 / grid) ** 2.5) * (grid > 0.25), grid) * 4800
    excess = found["theta2.excess"]
    assert excess["value"] == pytest.approx(expected, abs=3 * excess["error"] + 0.05 * expected)
    assert found["theta2.effective_time"]["value"] == pytest.approx(4800 / 3600)


def test_theta2_finds_nothing_where_nothing_is(tmp_path: Path, write_run: Write) -> None:
    write_run(tmp_path / "a.fits", 1, seed=5, flux=lambda energy: 0 * energy)
    list(theta2.run(Settings("theta2", CARD), tmp_path, tmp_path))
    assert abs(results(tmp_path / "theta2.json")["theta2.significance"]["value"]) < 3


def test_spectrum_is_the_simulated_one(made: Path, crab_like: Flux) -> None:
    from gammapy.estimators import FluxPoints
    from gammapy.modeling.models import Models

    found = results(made / "spectrum.json")
    for key, truth in (("amplitude", 3.2e-11), ("alpha", 2.47), ("beta", 0.104)):
        assert abs(found[f"spectrum.{key}"]["value"] - truth) < 3.5 * found[f"spectrum.{key}"]["error"]
    assert found["spectrum.beta_log10"]["value"] == pytest.approx(found["spectrum.beta"]["value"] * np.log(10))
    assert found["spectrum.p_value"]["value"] > 1e-3
    assert found["spectrum.curvature"]["value"] > 2

    model = Models.read(made / "model.yaml")["Test source"]
    assert model.spectral_model.amplitude.value == pytest.approx(found["spectrum.amplitude"]["value"])
    points = FluxPoints.read(made / "spectrum.ecsv", reference_model=model.spectral_model)
    table = points.to_table(sed_type="dnde")
    energy, flux, error = (table[key].data for key in ("e_ref", "dnde", "dnde_err"))
    pulls = (flux - crab_like(energy)) / error
    assert table["e_max"].data[-1] == pytest.approx(found["spectrum.energy_max"]["value"])
    assert np.all(np.abs(pulls[energy < 5]) < 4)


def test_pulls_of_the_spectrum_are_sane(tmp_path: Path, write_run: Write) -> None:
    pulls = []
    for seed in range(5):
        folder = tmp_path / str(seed)
        folder.mkdir()
        for number in (0, 1):
            write_run(folder / f"{number}.fits", 10 + number, seed=100 * seed + number + 7)
        settings = Settings("spectrum", CARD)
        model = models.sky_model(settings)
        reduce.fit([reduce.stack(reduce.datasets(settings, dl3.find(folder)))], model)
        fitted = model.spectral_model
        truth = {"amplitude": 3.2e-11, "alpha": 2.47, "beta": 0.104}
        pulls.append(
            [(fitted.parameters[key].value - value) / fitted.parameters[key].error for key, value in truth.items()]
        )
    mean, width = np.mean(pulls, axis=0), np.std(pulls, axis=0)
    assert np.all(np.abs(mean) < 1.2), mean  # nearly three standard deviations of the mean of five
    assert np.all((width > 0.3) & (width < 1.8)), width


def test_full_enclosure_gives_the_same_spectrum(tmp_path: Path, write_run: Write) -> None:
    for number in (0, 1):
        write_run(tmp_path / f"{number}.fits", 10 + number, seed=number, full_enclosure=True)
    settings = Settings("spectrum", {**CARD, "Spectrum.EnergyMin": "0.1"})
    model = models.sky_model(settings)
    reduce.fit([reduce.stack(reduce.datasets(settings, dl3.find(tmp_path)))], model)
    for key, truth in (("amplitude", 3.2e-11), ("alpha", 2.47), ("beta", 0.104)):
        fitted = model.spectral_model.parameters[key]
        assert abs(fitted.value - truth) < 3.5 * fitted.error, key


def test_no_off_event_at_all_is_no_trouble(tmp_path: Path, write_run: Write) -> None:
    """A cut that leaves no background is a good one."""
    for number in (0, 1):
        write_run(tmp_path / f"{number}.fits", 10 + number, seed=number, background=0.0)
    settings = Settings("spectrum", CARD)
    data = reduce.stack(reduce.datasets(settings, dl3.find(tmp_path)))
    assert data.counts_off.data.sum() == 0
    assert data.alpha.data == pytest.approx(1 / 3)
    model = models.sky_model(settings)
    reduce.fit([data], model)
    assert abs(model.spectral_model.alpha.value - 2.47) < 3.5 * model.spectral_model.alpha.error


def test_bins_count_where_the_effective_area_does(tmp_path: Path, write_run: Write) -> None:
    """Also where it is zero at low energies, as it is in Monte Carlo without events there."""
    from astropy.io import fits

    write_run(tmp_path / "0.fits", 10, seed=0)
    with fits.open(tmp_path / "0.fits", mode="update") as hdus:
        area, low = hdus["EFFECTIVE AREA"].data["EFFAREA"], hdus["EFFECTIVE AREA"].data["ENERG_LO"]
        area[:, :, low[0] < 0.12] = 0
    (data,) = reduce.datasets(Settings("spectrum", CARD), dl3.find(tmp_path))
    edges = data.counts.geom.axes["energy"].edges.to_value("TeV")[:-1]
    assert data.mask_safe.data.ravel().tolist() == (edges > 0.12).tolist()


def test_stacking_is_that_of_gammapy(fake_dl3: Path) -> None:
    runs = reduce.datasets(Settings("spectrum", CARD), dl3.find(fake_dl3))
    ours, theirs = reduce.stack(runs), runs.stack_reduce(name="theirs")
    assert ours.background.data[ours.mask_safe.data] == pytest.approx(theirs.background.data[ours.mask_safe.data])
    assert ours.stat_sum() == pytest.approx(theirs.stat_sum())


def test_a_constant_source_has_a_constant_light_curve(made: Path, crab_like: Flux) -> None:
    from astropy.table import Table

    found = results(made / "lightcurve.json")
    assert found["lightcurve.run.p_value"]["value"] > 1e-3
    assert found["lightcurve.run.points"]["value"] == 4
    assert found["lightcurve.night.points"]["value"] == 2
    grid = np.geomspace(found["lightcurve.energy_min"]["value"], found["lightcurve.energy_max"]["value"], 4000)
    truth = np.trapezoid(crab_like(grid), grid)
    mean = found["lightcurve.run.mean"]
    assert abs(mean["value"] - truth) < 3.5 * mean["error"]
    table = Table.read(made / "lightcurve-night.ecsv")
    assert list(np.round(table["time_max"] - table["time_min"], 3)) == pytest.approx([2500 / 86400] * 2, abs=1e-3)


def test_a_flare_is_seen(tmp_path: Path, write_run: Write, crab_like: Flux) -> None:
    for number, factor in enumerate((1.0, 2.5)):
        write_run(
            tmp_path / f"{number}.fits",
            20 + number,
            seed=number,
            flux=lambda energy, factor=factor: factor * crab_like(energy),
            start=333778852.0 + 86400 * number,
        )
    list(lightcurve.run(Settings("lightcurve", CARD), tmp_path, tmp_path))
    assert results(tmp_path / "lightcurve.json")["lightcurve.night.p_value"]["value"] < 1e-6


def test_index_is_what_gammapy_opens(fake_dl3: Path, made: Path, tmp_path: Path) -> None:
    from gammapy.data import DataStore

    for path in (*fake_dl3.iterdir(), *made.glob("*-index.fits.gz")):
        (tmp_path / path.name).symlink_to(path)
    store = DataStore.from_dir(tmp_path)
    observations = store.get_observations(required_irf="point-like")
    assert observations.ids == [str(5000000 + number) for number in range(4)]
    assert all(len(each.events.table) > 100 and each.rad_max is not None for each in observations)
    raw = gzip.decompress((made / "obs-index.fits.gz").read_bytes())
    assert b"DATE" not in raw.replace(b"DATE-", b"")


ALL = """
import sys
from automagic.science.__main__ import main
card, ind, out = sys.argv[1:]
sys.exit(max(main([step, f"--config={card}", f"--ind={ind}", f"--out={out}"]) for step in %r.split()))
"""


def test_same_input_same_bytes(fake_dl3: Path, made: Path, tmp_path: Path) -> None:
    """In another process, time zone and place, with other hashes and another order of writing."""
    card, folder, out = tmp_path / "card.rc", tmp_path / "elsewhere", tmp_path / "out"
    card.write_text(render(CARD))
    folder.mkdir()
    for path in sorted(fake_dl3.iterdir(), reverse=True):
        shutil.copyfile(path, folder / path.name)
    env = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    words = [
        sys.executable,
        "-c",
        ALL % " ".join(step for step in STEPS if step != "skymap"),
        str(card),
        str(folder),
        str(out),
    ]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in made.iterdir())
    assert names == sorted(path.name for path in out.iterdir())
    assert [name for name in names if (made / name).read_bytes() != (out / name).read_bytes()] == []
