"""What stands side by side is what each analysis has found, and nothing is made of it that is not known."""

import json

import numpy as np
import pytest
from astropy.table import Table
from click.testing import CliRunner

from automagic.cli import main
from automagic.compare import plot
from automagic.compare.read import read_sides
from automagic.compare.spectrum import Model, read_model
from automagic.compare.table import compare, data, ecsv
from automagic.graph.task import Output
from tests.bookkeeping.small import Small, task

POINTS = """# %ECSV 1.0
# ---
# datatype:
# - {name: e_ref, unit: TeV, datatype: float64}
# - {name: dnde, unit: 1 / (TeV s cm2), datatype: float64}
# - {name: dnde_errp, unit: 1 / (TeV s cm2), datatype: float64}
# - {name: dnde_errn, unit: 1 / (TeV s cm2), datatype: float64}
# - {name: dnde_ul, unit: 1 / (TeV s cm2), datatype: float64}
# - {name: is_ul, datatype: bool}
# schema: astropy-2.0
e_ref dnde dnde_errp dnde_errn dnde_ul is_ul
0.3 5e-10 4e-11 4e-11 6e-10 False
1.0 3e-11 5e-12 5e-12 4e-11 False
10.0 1e-14 1e-13 1e-14 2e-13 True
"""


def analysis(base, name, level=None, excess=300.0, runs=(1, 2), more=(), more_settings="", simulated=False):
    """Write an analysis that was run: θ² and a spectrum."""
    theta2 = {"results": [{"key": "theta2.excess", "value": excess, "error": 20.0, "unit": ""},
                          {"key": "theta2.significance", "value": 30.0, "error": None, "unit": "sigma"}, *more],
              "runs": list(runs), "simulated": simulated}  # fmt: skip
    values = (("amplitude", 3e-11, 2e-12, "1 / (TeV s cm2)"), ("reference", 1.0, None, "TeV"), ("index", 2.5, 0.1, ""),
              ("energy_min", 0.1, None, "TeV"), ("energy_max", 20.0, None, "TeV"))  # fmt: skip
    spectrum = {"results": [{"key": f"spectrum.{k}", "value": v, "error": e, "unit": u} for k, v, e, u in values],
                "covariance": {"parameters": ["amplitude", "index"], "matrix": [[4e-24, 0], [0, 0.01]]},
                "model": "power-law", "runs": list(runs)}  # fmt: skip
    content = {"theta2:all": {"theta2.json": json.dumps(theta2)},
               "spectrum:all": {"spectrum.json": json.dumps(spectrum), "spectrum.ecsv": POINTS}}  # fmt: skip
    (base / "raw").write_text("raw\n")
    tasks = [
        task(step, str(base / "raw"), outputs=tuple(Output(n, "result", f"results/{n}") for n in files))
        for step, files in content.items()
    ]
    small = Small(base / name, tasks)
    done = [small.done(step, attempt=step, content=files, cpu_s=1800.0) for step, files in content.items()]
    small.write(small.start(), *done)
    (base / name / "results").mkdir()
    for step, files in content.items():
        for file in files:
            (base / name / "results" / file).symlink_to(small.folder.action(small.action(step)) / file)
    text = '[source]\nname = "Crab"\n' + more_settings
    text += "" if level is None else f'[cards.star]\n"Clean.Level" = {level}\n'
    (base / name / "analysis.toml").write_text(text)
    return base / name


def rows(found):
    return {row.key: row for row in found.rows}


def test_the_numbers_are_those_of_the_results_and_differences_are_from_the_first(tmp_path):
    folders = [analysis(tmp_path, "one", 6, 300.0), analysis(tmp_path, "two", 7, 290.0)]
    found = compare(read_sides(folders))
    table = rows(found)
    for index, folder in enumerate(folders):
        for step in ("theta2", "spectrum"):
            for result in json.loads((folder / "results" / f"{step}.json").read_text())["results"]:
                number = table[result["key"]].numbers[index]
                assert (number.value, number.error, number.unit) == (result["value"], result["error"], result["unit"])
    assert table["theta2.excess"].difference(1) == -10.0
    assert table["theta2.excess"].difference_error(1) == (0.0, pytest.approx(20.0 * 2**0.5))
    assert table["theta2.significance"].difference_error(1) is None
    assert [number.value for number in table["took.cpu_h"].numbers] == [1.0, 1.0]
    assert found.settings == [("cards.star.Clean.Level", ("6", "7"))]


def test_a_table_for_programs_has_the_same(tmp_path):
    found = compare(read_sides([analysis(tmp_path, "one", 6, 300.0), analysis(tmp_path, "two", 7, 290.0)]))
    ecsv(found).write(tmp_path / "t.ecsv", format="ascii.ecsv")
    table = Table.read(tmp_path / "t.ecsv", format="ascii.ecsv")
    row = table[list(table["key"]).index("theta2.excess")]
    assert (row["one"], row["one_err"], row["two"], row["two_difference"]) == (300.0, 20.0, 290.0, -10.0)
    told = {each["key"]: each for each in data(found)["rows"]}["theta2.excess"]
    assert (told["values"], told["errors"], told["differences"]) == ([300.0, 290.0], [20.0, 20.0], [-10.0])


@pytest.mark.parametrize(("runs", "said"), [((1, 2), "All 2 runs are in common"), ((2, 3), "1 of 3 runs are in common"),
                                            ((3, 4), "no run in common")])  # fmt: skip
def test_it_says_whether_they_are_made_of_the_same_events_and_gives_no_significance(tmp_path, runs, said):
    found = compare(read_sides([analysis(tmp_path, "one", 6), analysis(tmp_path, "two", 7, runs=runs)]))
    assert any(said in note for note in found.notes)
    assert ("no significance" in " ".join(found.notes)) == ("in common." in said or "runs are" in said)
    assert "sigma" not in str([each for row in data(found)["rows"] for each in row["difference_errors"]])


def test_what_only_one_has_is_said(tmp_path):
    extra = ({"key": "theta2.extra", "value": 1.0, "error": None, "unit": ""},)
    found = compare(read_sides([analysis(tmp_path, "one", 6), analysis(tmp_path, "two", 7, more=extra)]))
    assert "only in two: theta2.extra" in found.notes
    assert rows(found)["theta2.extra"].numbers[0] is None
    assert rows(found)["theta2.extra"].difference(1) is None


def test_a_scan_is_put_in_the_order_of_its_values(tmp_path):
    folders = [
        analysis(tmp_path, f"level-{level}", level, excess) for level, excess in ((10, 250), (6, 300), (8.5, 280))
    ]
    found = compare(read_sides(folders))
    assert (found.scan, found.scan_values()) == ("cards.star.Clean.Level", [6.0, 8.5, 10.0])
    assert [n.value for n in rows(found)["theta2.excess"].numbers] == [300, 280, 250]
    plot.draw_scan(found).savefig(tmp_path / "scan.png")


def test_the_same_number_of_several_sources_is_kept_apart(tmp_path):
    """As a catalogue has it, with a spectrum of each source."""
    (tmp_path / "raw").write_text("raw\n")
    for name in ("one", "two"):
        tasks = [task(f"spectrum:{who}", str(tmp_path / "raw"), card=f"A: {who}\n",
                      outputs=(Output("s.json", "result", ""),)) for who in "ab"]  # fmt: skip
        small = Small(tmp_path / name, tasks)
        told = {
            who: json.dumps({"results": [{"key": "spectrum.index", "value": value}]})
            for who, value in (("a", 2.0), ("b", 3.0))
        }
        small.write(small.start(), *(small.done(f"spectrum:{who}", who, {"s.json": told[who]}) for who in "ab"))
        (tmp_path / name / "analysis.toml").write_text("")
    table = rows(compare(read_sides([tmp_path / "one", tmp_path / "two"])))
    assert [number.value for number in table["spectrum.index@a"].numbers] == [2.0, 2.0]
    assert [number.value for number in table["spectrum.index@b"].numbers] == [3.0, 3.0]
    assert table["spectrum.index@b"].label == "Γ, photon index, b"


def test_two_keys_that_differ_are_no_scan(tmp_path):
    one = analysis(tmp_path, "one", 6)
    two = analysis(tmp_path, "two", 7, more_settings="ra = 83.0\n")
    found = compare(read_sides([one, two]))
    assert found.scan is None
    assert dict(found.settings) == {"source.ra": ("not set", "83.0"), "cards.star.Clean.Level": ("6", "7")}


def test_what_is_simulated_is_called_so(tmp_path):
    found = compare(read_sides([analysis(tmp_path, "one", 6, simulated=True), analysis(tmp_path, "two", 7)]))
    assert "SIMULATED: the events of one were made by openmars-sim." in found.notes


def test_the_command_shows_it_and_writes_page_plot_and_table(tmp_path):
    folders = [str(analysis(tmp_path, "one", 6, 300.0)), str(analysis(tmp_path, "two", '"<b>"', 290.0))]
    out = [str(tmp_path / name) for name in ("c.png", "c.html")]
    result = CliRunner().invoke(main, ["compare", *folders, "--plot", out[0], "-o", out[1]])
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert "cards.star.Clean.Level 6 <b>" in text
    assert "Excess events 300 ± 20 290 ± 20 −10" in text
    page = (tmp_path / "c.html").read_text()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    for words, said in (
        (["one"], "at least two"),
        (["one", "one"], "at least two"),
        (["one", "nowhere"], "no analysis"),
    ):
        bad = CliRunner().invoke(main, ["compare", *(str(tmp_path / word) for word in words)])
        assert bad.exit_code == 2
        assert said in bad.output
    assert CliRunner().invoke(main, ["compare", *folders, "-o", str(tmp_path / "x.txt")]).exit_code == 2


def test_without_results_there_is_a_table_and_a_plot_all_the_same(tmp_path):
    folders = [analysis(tmp_path, "one", 6), analysis(tmp_path, "two", 7)]
    for folder in folders:
        for path in (folder / "results").iterdir():
            path.unlink()
    found = compare(read_sides(folders))
    plot.draw(found).savefig(tmp_path / "p.png")
    assert found.sides[0].model is None


def test_the_band_is_as_wide_as_fluxes_scatter_that_are_drawn_with_the_covariance():
    """5000 draws tell a standard deviation to 1 %; 4 of these, and 0.5 % for what is not linear."""
    errors = np.array([2e-13, 0.008, 0.0045])
    correlation = np.array([[1, 0.3, 0.2], [0.3, 1, 0.6], [0.2, 0.6, 1]])
    covariance = np.outer(errors, errors) * correlation
    model = Model(3e-11, 1.0, 2.5, 0.1, 0.1, 20.0, ("amplitude", "alpha", "beta"), covariance)
    energy = np.array([0.1, 0.5, 1.0, 3.0, 20.0])
    unit = np.linalg.cholesky(correlation) @ np.random.default_rng(1).standard_normal((3, 5000))
    drawn = np.array([[3e-11], [2.5], [0.1]]) + errors[:, None] * unit
    fluxes = np.array([Model(*(a, 1.0, b, c), 0.1, 20.0, (), None).flux(energy) for a, b, c in drawn.T])
    found = fluxes.std(axis=0) / model.flux(energy)
    assert model.relative_error(energy) == pytest.approx(found, rel=4 / (2 * 5000) ** 0.5 + 0.005)


def test_a_model_that_is_not_known_is_not_drawn():
    assert read_model({}) is None
    assert read_model({"results": [{"key": "spectrum.amplitude", "value": 1.0}], "covariance": {}}) is None
