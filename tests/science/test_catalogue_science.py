"""Catalogues and periods: fluxes and upper limits of made-up sources, the table of all, the light curve by period."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from automagic.cards import render
from automagic.science import dl3, flux, lightcurve, models, periods, reduce
from automagic.science.__main__ import main
from automagic.science.settings import Settings

Flux = Callable[[np.ndarray], np.ndarray]
Write = Callable[..., None]
CARD = {"Source.Name": "Test", "Source.RA": "83.63333", "Source.Dec": "22.01444", "FluxPoints.PerDecade": "1"}
HARD = 1.2e-12
"""Amplitude at 1 TeV of the bright source of the catalogue, with index 2, in cm-2 s-1 TeV-1: 6 % of the Crab."""


def power_law(amplitude: float) -> Flux:
    return lambda energy: amplitude * energy**-2.0


def integral(spectrum: Flux, low: float, high: float) -> float:
    grid = np.geomspace(low, high, 4000)
    return float(np.trapezoid(spectrum(grid), grid))


# --- upper limits


def test_limits_cover_the_truth_as_often_as_they_say() -> None:
    """The upper end of a central 95 % interval lies above the truth in 97.5 % of cases; never much less often."""
    rng = np.random.default_rng(4)
    for truth, background in ((0.0, 3.0), (4.0, 3.0), (10.0, 10.0)):
        on, off = rng.poisson(truth + background, 2000), rng.poisson(3 * background, 2000)
        pairs, times = np.unique(np.column_stack([on, off]), axis=0, return_counts=True)
        above = [flux.upper_limit(int(a), int(b), 1 / 3) > truth for a, b in pairs]
        # 0.975 with a statistical spread of 0.004; counts are whole numbers, and so the share is not exactly that
        assert np.average(above, weights=times) > 0.955, (truth, background)


def test_limits_of_many_events_are_those_of_a_normal_distribution() -> None:
    limit = flux.upper_limit(10000, 30000, 1 / 3)
    assert limit == pytest.approx(1.96 * (10000 + 30000 / 9) ** 0.5, rel=0.02)


def test_a_deficit_gives_no_limit_below_that_of_an_empty_field() -> None:
    limits = [flux.upper_limit(on, 60, 1 / 3) for on in range(40)]
    assert min(limits) > 1.9
    assert limits == sorted(limits)


# --- the table


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory, write_run: Write) -> Path:
    """Results of a source that is there, one that is not, and one without data, as the tasks make them."""
    folder = tmp_path_factory.mktemp("catalogue")
    sources = {"Bright": power_law(HARD), "Absent": power_law(0.0)}
    for place, (name, spectrum) in enumerate(sources.items()):
        data, out = folder / "dl3" / name, folder / "in" / name
        data.mkdir(parents=True)
        for number in range(2):
            run = 5000000 + number
            write_run(
                data / f"20131004_0{run}_DL3_Test-W0.40+035.fits", run, seed=10 * place + number, flux=spectrum,
                seconds=9000.0, start=333778852.0 + 9100 * number, background=3.0,
            )  # fmt: skip
        for step in ("theta2", "spectrum", "flux"):
            card = folder / "card.rc"
            more = {"Flux.Index": "2.0"} if step == "flux" else {}
            if step != "theta2":
                more["Spectrum.Model"] = "power-law"
            card.write_text(render(CARD | more | {"Source.Name": name}))
            code = main([step, f"--config={card}", f"--ind={data}", f"--out={out}", "--excuse"])
            assert code == (3 if (step, name) == ("spectrum", "Absent") else 0)
    card = folder / "sources.rc"
    listed = "Bright 83.63333 22.01444 0.0; Absent 83.63333 22.01444 0.0; Unseen 10.0 -5.0 0.3"
    card.write_text(render({"Sources.List": listed, "Sources.Without": "Unseen no data"}))
    assert main(["sources", f"--config={card}", f"--ind={folder / 'in'}", f"--out={folder / 'out'}"]) == 0
    return folder


@pytest.fixture(scope="module")
def rows(catalogue: Path) -> dict[str, dict]:
    return {row["name"]: row for row in json.loads((catalogue / "out/sources.json").read_text())["sources"]}


def test_there_is_a_row_for_each_source_in_order(rows: dict[str, dict]) -> None:
    assert list(rows) == ["Bright", "Absent", "Unseen"]
    assert [row["detected"] for row in rows.values()] == [True, False, False]
    assert (rows["Unseen"]["remark"], rows["Unseen"]["flux_ul"], rows["Unseen"]["ra"]) == ("no data", None, 10.0)


def test_the_source_that_is_there_has_its_flux_and_index(rows: dict[str, dict]) -> None:
    row = rows["Bright"]
    truth = integral(power_law(HARD), 10**-0.6, 10**1.2)  # the edges of the bins that are nearest to 0.3 and 20 TeV
    assert row["significance"] > 5
    assert row["shape"] == "fitted"
    assert abs(row["flux"] - truth) < 3 * row["flux_err"]
    assert row["flux_err"] < 0.3 * truth
    assert abs(row["index"] - 2.0) < 3 * row["index_err"]
    assert row["flux_ul"] > row["flux"]
    assert row["hours"] == pytest.approx(5.0)


def test_the_source_that_is_not_there_has_an_upper_limit(rows: dict[str, dict]) -> None:
    row = rows["Absent"]
    assert row["significance"] < 3
    assert row["flux"] - 3 * row["flux_err"] < 0 < row["flux_ul"]
    assert row["shape"] == "assumed"
    assert row["flux_ul"] < integral(power_law(HARD), 0.25, 15.8), "deep enough to exclude a source like the other"
    assert row["index"] is None
    assert row["remark"].startswith("too few events: no spectrum of Absent can be fitted")


def test_the_table_is_one_that_astropy_reads(catalogue: Path) -> None:
    from astropy.table import QTable

    table = QTable.read(catalogue / "out/sources.ecsv")
    assert list(table["name"]) == ["Bright", "Absent", "Unseen"]
    assert str(table["flux_ul"].unit) == "1 / (cm2 s)" or table["flux_ul"].unit.is_equivalent("cm-2 s-1")
    assert np.isnan(table["flux"][2])
    assert "not corrected for" in table.meta["trials"]
    assert table.meta["confidence"] == 0.95


def test_no_dl3_file_at_all_is_a_row_too(tmp_path: Path) -> None:
    card = tmp_path / "card.rc"
    card.write_text(render(CARD))
    (tmp_path / "in").mkdir()
    out = tmp_path / "all" / "Test"
    assert main(["theta2", f"--config={card}", f"--ind={tmp_path / 'in'}", f"--out={out}", "--excuse"]) == 3
    assert "no DL3 files" in json.loads((out / "theta2.json").read_text())["problem"]


# --- periods

PERIODS = "ST.03.06 2013-09-01 2013-10-05; ST.03.16 2013-10-08 2013-10-12; ST.03.18 2013-10-13 2013-10-14; "
PERIODS += "M2.03.18 2013-10-15 2013-10-15; ST.03.18 2013-10-16 2013-10-20"
LIGHT = {
    5: ("ST.03.06", 1.0),
    9: ("ST.03.16", 0.85),
    13: ("ST.03.18", 0.7),
    15: ("M2.03.18", 0.9),
    17: ("ST.03.18", 0.7),
}
"""Day of October 2013, period, and share of the light that the telescopes see in it."""


def runs(folder: Path, write_run: Write, assumed: float | None) -> Path:
    """Write a run of each, with the Monte Carlo of its period, or one in which the telescopes see `assumed`."""
    for number, (day, (_, light)) in enumerate(LIGHT.items()):
        write_run(
            folder / f"201310{day:02d}_0500000{number}_DL3_Test-W0.40+035.fits", 5000000 + number,
            seed=100 + number, seconds=2400.0, start=333778852.0 + 86400 * (day - 4), light=light, assumed=assumed,
        )  # fmt: skip
    return folder


def constant(folder: Path) -> tuple[periods.Points, lightcurve.Constancy]:
    """Return the flux by period, and the best constant."""
    settings = Settings("lightcurve", CARD | {"LightCurve.Periods": PERIODS})
    model = models.sky_model(settings)
    data = reduce.datasets(settings, dl3.find(folder))
    reduce.fit([reduce.stack(data)], model)
    data.models = [model]
    axis, _ = reduce.axes(settings)
    points = periods.estimate(data, model, periods.intervals(settings), axis.edges[[4, -1]])
    return points, lightcurve.constancy(points.column("flux"), points.column("flux_err"))


def test_flux_is_constant_with_the_monte_carlo_of_each_period(
    tmp_path: Path, write_run: Write, crab_like: Flux
) -> None:
    points, fit = constant(runs(tmp_path, write_run, None))
    assert points.names == ["ST.03.06", "ST.03.16", "ST.03.18", "M2.03.18"], "an interrupted period is one"
    assert (fit.freedom, points.without) == (3, 0)
    assert fit.p_value > 0.01
    assert abs(fit.mean - integral(crab_like, 10**-0.4, 10**1.2)) < 3 * fit.error
    assert fit.error < 0.05 * fit.mean


def test_flux_is_wrong_with_the_monte_carlo_of_another_period(tmp_path: Path, write_run: Write) -> None:
    """Telescopes that see 70 % of the light, taken to see all, give energies and so fluxes that are too low."""
    points, fit = constant(runs(tmp_path, write_run, 1.0))
    assert fit.p_value < 1e-4
    fluxes = dict(zip(points.names, points.column("flux"), strict=True))
    assert fluxes["ST.03.18"] < 0.75 * fluxes["ST.03.06"]


def test_runs_in_no_period_are_said(tmp_path: Path, fake_dl3: Path) -> None:
    settings = Settings("lightcurve", CARD | {"LightCurve.Periods": "ST.03.06 2013-09-01 2013-10-04"})
    said = list(lightcurve.run(settings, fake_dl3, tmp_path))
    assert "2 runs are in no known period, and so not in the curve by period" in said
    found = {each["key"]: each["value"] for each in json.loads((tmp_path / "lightcurve.json").read_text())["results"]}
    assert (found["lightcurve.period.points"], found["lightcurve.night.points"]) == (1, 2)
    assert (tmp_path / "lightcurve-period.png").stat().st_size > 10_000
