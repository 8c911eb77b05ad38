"""Catalogues and periods: what is shared, what is each source's own, and which Monte Carlo a run gets."""

import pytest

from automagic.analysis import load
from automagic.errors import UserError
from automagic.graph import expand
from automagic.graph.identity import recipe
from tests.graph.sites import MC, off, site

SOURCE = """
[[sources]]
name = "{name}"
ra = {ra}
dec = {dec}
redshift = {z}
"""
PLACES = {
    "1ES0229+200": (38.2026, 20.2879, 0.14, "2013-10-10T00"),
    "RBS0723": (131.8039, 11.5640, 0.198, "2014-01-02T01"),
    "RGBJ2313+147": (348.4892, 14.7400, 0.163, "2013-08-12T01"),
}
SITE = site(off(901, "2013-10-12T00:20", 2, "OffAries", 38.2), MC, seed=3)


def listed(*names):
    return "".join(
        SOURCE.format(name=name, ra=ra, dec=dec, z=z) for name, (ra, dec, z, _) in PLACES.items() if name in names
    )


def planned(*names):
    text = ""
    for place, (name, (ra, dec, _, start)) in enumerate(PLACES.items()):
        if name in names:
            text += f'[[simulate.sources]]\nname = "{name}"\nra = {ra}\ndec = {dec}\nflux = 0.{place}\n'
            for number in (1, 2):
                text += f'[[simulate.runs]]\nrun = {100 * (place + 1) + number}\nsource = "{name}"\nminutes = 2\n'
                text += f"start = {start}:{20 + 10 * number}:00Z\n"
    return text


@pytest.fixture
def make(expanded):
    def maker(sources, runs=None, more="", site=SITE):
        return expanded(listed(*sources) + more, site + planned(*(sources if runs is None else runs)))

    return maker


def names(graph, stage):
    return [name.partition(":")[2] for name in graph.tasks if name.startswith(f"{stage}:")]


def test_forests_are_trained_once_and_each_source_has_its_own_results(make):
    graph = make(PLACES)
    one = make(["RBS0723"])
    for stage in ("coach", "selectmc"):
        assert names(graph, stage) == names(one, stage)
    assert len(names(graph, "coach")) == 3
    assert names(graph, "melibea")[0] == "GA_za05to35_w0"
    assert len(names(graph, "magic_dl3")) == 6
    for step in ("theta2", "spectrum", "lightcurve", "flux"):
        assert names(graph, step) == list(PLACES)
    assert names(graph, "sources") == ["all"]
    task = graph.tasks["theta2:RBS0723"]
    assert sorted(each.name.split("_")[1] for each in task.inputs) == ["00000201", "00000202"]
    assert {each.link for each in task.outputs} == {
        f"results/RBS0723/theta2.{kind}" for kind in ("ecsv", "json", "png")
    }
    assert "Source.Dec: 11.564" in task.card
    assert "Source.Redshift: 0.198" in graph.tasks["flux:RBS0723"].card
    links = [each.link for task in graph.tasks.values() for each in task.outputs if each.link]
    assert len(links) == len(set(links))


def test_each_run_looks_at_its_source_with_its_flux(make):
    graph = make(PLACES)
    for number, (name, (ra, _, _, _)) in enumerate(PLACES.items(), 1):
        card = graph.tasks[f"sim:{100 * number + 1:08d}"].card
        assert f"Sim.Source: {name}\n" in card
        assert f"Sim.RA: {ra}\n" in card
        assert f"Sim.SourceFactor: 0.{number - 1}\n" in card
        assert name in graph.tasks[f"star:{100 * number + 1:08d}.M1"].inputs[0].name


def test_another_source_reruns_nothing_of_the_others(make):
    """Not even the forests: a task is known by what it reads and its card, and those are as before."""
    before, after = make(["1ES0229+200", "RBS0723"]).tasks, make(PLACES).tasks
    new = set(after) - set(before)
    assert set(before) <= set(after)
    changed = {
        name
        for name in before
        if (recipe(before[name]), before[name].inputs) != (recipe(after[name]), after[name].inputs)
    }
    assert changed == {"index:dl3", "sources:all"}
    assert all(name.endswith("RGBJ2313+147") or ":0000030" in name for name in new)


def test_what_data_do_not_allow_fails_nobody(make):
    task = make(PLACES).tasks["spectrum:RBS0723"]
    assert task.tolerated == {3}
    assert "--excuse" in task.arguments
    assert {each.name for each in task.outputs if not each.optional} == {"spectrum.json"}
    assert all(each.missing_with == (3,) for each in task.outputs if each.optional)


def test_a_source_without_data_has_no_tasks_but_a_row(make):
    graph = make(PLACES, runs=["1ES0229+200", "RGBJ2313+147"])
    assert names(graph, "theta2") == ["1ES0229+200", "RGBJ2313+147"]
    card = graph.tasks["sources:all"].card
    assert "Sources.Without: RBS0723 no data\n" in card
    assert card.count("; ") == 2
    assert "RBS0723: no data" in graph.notes


def test_a_source_whose_runs_are_left_out_says_why(make):
    late = planned("RBS0723").replace("T01:", "T23:").replace("2014-01-02", "2014-01-01")
    graph = make(["1ES0229+200", "RBS0723"], runs=["1ES0229+200"], site=SITE + late)
    assert "Sources.Without: RBS0723 no data: 2 runs left out (2 zenith)" in graph.tasks["sources:all"].card
    reasons = {row["run"]: row["cause"] for row in graph.selection if not row["taken"]}
    assert reasons == {201: "zenith", 202: "zenith"}


def test_runs_without_monte_carlo_are_left_out_and_the_others_go_on(make):
    late = planned("RBS0723").replace("T01:", "T00:")
    graph = make(["1ES0229+200", "RBS0723"], runs=["1ES0229+200"], site=SITE + late)
    assert "RBS0723 no data: 2 runs left out (2 no Monte Carlo)" in graph.tasks["sources:all"].card
    assert all(task.problem is None for task in graph.tasks.values())
    assert [note for note in graph.notes if "00000201" in note and "no Monte Carlo covers" in note]


def test_no_run_of_any_source_ends_it(make):
    with pytest.raises(UserError, match=r"no run of 1ES0229\+200 and RBS0723 remains"):
        make(["1ES0229+200", "RBS0723"], runs=[], site=SITE)


def test_a_run_of_several_sources_needs_a_name(make):
    with pytest.raises(UserError, match="run 00000007 names no source"):
        make(PLACES, site=SITE + "[[simulate.runs]]\nrun = 7\nstart = 2013-10-10T00:20:00Z\nminutes = 1\n")


@pytest.mark.parametrize(("dec", "fits"), [(27.0, True), (21.5, False)])
def test_forests_are_not_trained_on_a_field_with_a_source_of_the_list(make, dec, fits):
    """21.5° is 1.2° from 1ES0229+200, which is in that field of view; another name does not make it dark."""
    graph = make(PLACES, site=SITE.replace("dec = 27.0", f"dec = {dec}"))
    assert (graph.tasks["coach:za05to35.RFgh"].problem is None) is fits
    assert any("1ES0229+200 of [[sources]] is in its field of view" in note for note in graph.notes) is not fits


def test_runs_are_taken_by_place_with_a_cone(make):
    """Two names of one source in the data: the nearest of the list has the run."""
    site = SITE + planned("RBS0723", "RGBJ2313+147").replace('"RBS0723"', '"RBS723"')
    graph = make(["RBS0723", "RGBJ2313+147"], runs=[], more="[data]\ncone = 0.5\n", site=site)
    assert [each.name.split("_")[1] for each in graph.tasks["theta2:RBS0723"].inputs] == ["00000201", "00000202"]


# --- periods

LONG = """
[source]
name = "CrabNebula"
ra = 83.6333
dec = 22.0145
[lightcurve]
periods = true
"""
PERIODS = {"ST.03.06": ("2015-01-19T20:45", 1.0), "ST.03.16": ("2020-12-11T23:15", 0.85)}


def long_site():
    text = "[simulate]\nseed = 3\n"
    for number, (period, (start, light)) in enumerate(PERIODS.items(), 1):
        text += f"[[simulate.runs]]\nrun = {number}\nstart = {start}:00Z\nminutes = 2\nlight_yield = {light}\n"
        text += f"[[simulate.off]]\nrun = 9{number}\nstart = {start}:00Z\nminutes = 2\nlight_yield = {light}\n"
        text += "name = 'Off'\nra = 83.6\ndec = 28.0\n"
        text += f"[[simulate.mc]]\nperiod = '{period}'\nzenith = [5, 35]\nshowers = 10\nlight_yield = {light}\n"
    return text


@pytest.fixture
def long_term(tmp_path):
    (tmp_path / "analysis.toml").write_text(LONG)
    (tmp_path / "site.toml").write_text(long_site())
    return expand(load(tmp_path))


def test_each_run_has_the_monte_carlo_and_the_off_run_of_its_period(long_term):
    tasks = long_term.tasks
    for number, (period, (_, light)) in enumerate(PERIODS.items(), 1):
        other = next(each for each in PERIODS if each != period)
        upstream = tasks[f"melibea:0000000{number}"].upstream
        assert f"coach:za05to35_{period}.RFgh" in upstream
        assert not [name for name in upstream if other in name]
        assert f"superstar:0000009{number}" in tasks[f"coach:za05to35_{period}.RFgh"].upstream
        assert f"melibea:GA_za05to35_w0_{period}" in tasks[f"magic_dl3:0000000{number}"].upstream
        simulated = f"sim:GA_za05to35_w0_8_1001.{period}"
        for name in (simulated, f"sim:0000000{number}", f"sim:0000009{number}"):
            assert f"Sim.LightYield: {light}\n" in tasks[name].card
        assert simulated in tasks[f"star:GA_za05to35_w0_{period}_1001.M1"].upstream
    assert [mc.period for mc in long_term.mc_sets] == list(PERIODS)
    links = [each.link for task in tasks.values() for each in task.outputs if each.link]
    assert len(links) == len(set(links))


def test_sets_of_two_periods_have_showers_of_their_own(long_term):
    seeds = {
        line for task in long_term.tasks.values() for line in task.card.splitlines() if line.startswith("Sim.Seed:")
    }
    assert len(seeds) == 6


def test_the_light_curve_knows_the_periods(long_term, make):
    task = long_term.tasks["lightcurve:all"]
    assert "ST.03.18 2022-06-10 2022-08-31; M2.03.18 2022-09-04" in task.card
    assert {"lightcurve-period.ecsv", "lightcurve-period.png"} <= {each.name for each in task.outputs}
    plain = make(["RBS0723"]).tasks["lightcurve:RBS0723"]
    assert "LightCurve.Periods: none" in plain.card
    assert "lightcurve-period.png" not in {each.name for each in plain.outputs}
