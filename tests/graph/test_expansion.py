"""From an analysis to its tasks."""

import dataclasses
import re
from graphlib import TopologicalSorter

import pytest

from automagic.analysis import load
from automagic.cards import read_text
from automagic.errors import UserError
from automagic.graph import expand
from automagic.graph.asked import Asked, save
from automagic.programs.base import default_card
from tests.graph.sites import CRAB, MC, off, run, site

SIMULATED = site(
    run(5029747, "2013-10-05T04:00", more="subruns = 2\n"),
    run(5029748, "2013-10-05T04:14", more='wobble = "W0.40+215"\n'),
    off(5029801, "2013-10-06T04:05"),
    MC,
)


@pytest.fixture
def make(expanded):
    return lambda more="", site=SIMULATED: expanded(CRAB + more, site)


@pytest.fixture
def stored(tmp_path, make):
    def maker(*names, level, more=""):
        for name in names:
            path = tmp_path / ("mc" if name.startswith("GA") else "off" if "_Off" in name else "data") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        roots = "".join(
            f"{key} = ['{folder}']\n"
            for key, folder in (("roots", "data"), ("mc", "mc"), ("off", "off"))
            if (tmp_path / folder).is_dir()
        )
        return make(f"[data]\nfrom = '{level}'\n{more}", f"[storage]\n{roots}")

    return maker


def names(graph, stage):
    return [name for name in graph.tasks if name.startswith(f"{stage}:")]


def test_the_whole_chain_comes_back_from_its_file(make, tmp_path):
    graph = make()
    path = tmp_path / "graph.duckdb"
    assert save(path, graph.tasks, {"notes": list(graph.notes)})
    assert dict(Asked(path).items()) == graph.tasks
    assert not save(path, make().tasks, {"notes": list(graph.notes)})
    # each file that a task reads from another is one that the other makes
    sql = "SELECT role, i.name FROM g.inputs i LEFT JOIN g.outputs o ON o.position = source AND o.name = product "
    assert Asked(path).connection.execute(f"{sql} WHERE source IS NOT NULL AND o.name IS NULL").fetchall() == []


def test_the_whole_chain_of_a_simulated_site(make):
    graph = make()
    assert names(graph, "sim") == [
        "sim:GA_za05to35_w0_8_1001",
        "sim:GA_za05to35_w0_8_1002",
        "sim:05029801",
        "sim:05029747",
        "sim:05029748",
    ]
    assert {"star:05029747.M1", "star:GA_za05to35_w0_1001.M2", "superstar:05029801"} <= set(graph.tasks)
    assert names(graph, "coach") == ["coach:za05to35.RFgh", "coach:za05to35.RFdisp", "coach:za05to35.LUTs"]
    assert names(graph, "melibea") == ["melibea:GA_za05to35_w0", "melibea:05029747", "melibea:05029748"]
    assert list(graph.tasks)[-4:] == ["index:dl3", "theta2:all", "spectrum:all", "lightcurve:all"]
    assert [run.run for run in graph.runs] == [5029747, 5029748, 5029801]
    assert [mc.name for mc in graph.mc_sets] == ["GA_za05to35_w0"]
    assert all(task.problem is None for task in graph.tasks.values())


def test_every_input_is_made_by_a_task_before_it(make):
    graph = make()
    seen = {}
    for name, task in graph.tasks.items():
        for each in task.inputs:
            assert each.task in seen
            assert each.name in seen[each.task], f"{name} reads {each.name}, which {each.task} does not make"
        seen[name] = {output.name for output in task.outputs}
    TopologicalSorter({name: task.upstream for name, task in graph.tasks.items()}).prepare()


def test_no_two_tasks_make_the_same_link_and_no_task_lays_out_a_name_twice(make):
    graph = make()
    links = [output.link for task in graph.tasks.values() for output in task.outputs]
    assert len(links) == len(set(links))
    for task in graph.tasks.values():
        places = [(each.role, each.name) for each in task.inputs]
        assert len(places) == len(set(places))


def test_cards_name_each_key_once_and_tasks_hold_no_path_of_this_machine(make, tmp_path):
    for task in make().tasks.values():
        keys = [line.split(":")[0] for line in task.card.splitlines()]
        assert keys == sorted(set(keys))
        text = " ".join([*task.arguments, task.card])
        assert str(tmp_path) not in text
        assert not re.search(r"(^|[ =])/", text)


def test_training_and_test_halves_are_never_swapped(make):
    graph = make()
    for name in names(graph, "coach"):
        mc = [each for each in graph.tasks[name].inputs if each.role == "mc"]
        assert [each.name for each in mc] == ["GA_za05to35_S_w0_1.root"]
        assert not re.search(mc[0].checks["not_name"], mc[0].name)
        assert re.search(mc[0].checks["not_name"], "GA_za05to35_S_w0_2.root")
    test = graph.tasks["melibea:GA_za05to35_w0"].inputs[0]
    assert test.name == "GA_za05to35_S_w0_2.root"
    assert re.search(test.checks["not_name"], "GA_za05to35_S_w0_1.root")
    assert graph.tasks["coach:za05to35.RFgh"].inputs[-1].name.endswith("_S_OffCrab-W0.40+035.root")


def test_expanding_twice_gives_the_same(make):
    assert make().tasks == make().tasks


def test_one_override_changes_one_card(make):
    before, after = make(), make('[cards.star]\n"MJStar.MImgCleanStd.CleanLevel1" = 6.5\n')
    changed = {name for name in before.tasks if before.tasks[name] != after.tasks[name]}
    assert changed == set(names(before, "star"))
    assert "MJStar.MImgCleanStd.CleanLevel1: 6.5\n" in after.tasks["star:05029747.M1"].card
    only = make('[cards.star]\n"M1.MJStar.MImgCleanStd.CleanLevel1" = 6.5\n')
    changed = {name for name in before.tasks if before.tasks[name] != only.tasks[name]}
    assert changed == {name for name in names(before, "star") if name.endswith(".M1")}


def test_wobbles_flux_and_seed_reach_the_simulation(make):
    cards = [make().tasks[f"sim:0502974{n}"].card for n in (7, 8)]
    assert "Sim.WobbleAngle: 35\n" in cards[0]
    assert "Sim.WobbleAngle: 215\n" in cards[1]
    seeds = {re.search(r"Sim.Seed: (\d+)", task.card)[1] for task in make().tasks.values() if task.stage == "sim"}
    assert len(seeds) == 5


def test_each_run_has_its_own_sky_and_the_monte_carlo_that_of_the_site(make):
    site = SIMULATED.replace('wobble = "W0.40+215"', "nsb = 1.5\ntransmission = 0.9\ncloudiness = 30\nhv = 'nominal'")
    tasks = make(site=site.replace("seed = 1", "seed = 1\nnsb = 1.2")).tasks
    skies = {
        name: re.findall(r"Sim\.(?:NSB|Transmission|Cloudiness|HV|Trigger): (.*)", tasks[f"sim:{name}"].card)
        for name in ("05029747", "05029748", "05029801", "GA_za05to35_w0_8_1001")
    }
    usual = ["15", "nominal", "1.2", "1", "standard"]
    assert [[each.removesuffix(".0") for each in sky] for sky in skies.values()] == [
        usual,
        ["30", "nominal", "1.5", "0.9", "standard"],
        usual,
        usual,
    ]


def test_quality_is_judged_by_the_limits_of_the_selection(make):
    graph = make("[data]\nzenith = [5, 45]\ncloudiness = 40\ntransmission = 0.7\nnsb = [0, 1.5]\n")
    card = graph.tasks["quate:05029747"].card
    for line in ("ZdMin: 5", "ZdMax: 45", "CloudinessMax: 40", "MinAerosolTrans9km: 0.7", "DCMax: 1650"):
        assert re.search(rf"^{re.escape(line)}(\.0)?$", card, re.MULTILINE), line
    melibea = graph.tasks["melibea:05029747"]
    assert "--timeslices=in/times/excluded.times" in melibea.arguments
    assert "quate:05029747" in melibea.upstream
    assert not [word for word in graph.tasks["melibea:GA_za05to35_w0"].arguments if "timeslices" in word]
    without = make("[data]\nquality = false\n")
    assert not names(without, "quate")
    assert not [word for word in without.tasks["melibea:05029747"].arguments if "timeslices" in word]


def test_a_run_of_which_quate_leaves_nothing_stops_no_other(make):
    graph = make()
    dl3 = graph.tasks["magic_dl3:05029747"]
    assert dl3.tolerated == {4}
    assert [(output.optional, output.missing_with) for output in dl3.outputs] == [(True, (4,))]
    assert graph.tasks["melibea:05029747"].outputs[0].checks["min_events"] == 0
    assert graph.tasks["melibea:GA_za05to35_w0"].outputs[0].checks["min_events"] == 1


def test_sets_of_one_zenith_range_and_two_periods_do_not_meet(make, monkeypatch):
    from automagic.graph import expansion

    whole = expansion.find_mc

    def two_periods(analysis):
        (mc,) = whole(analysis)
        return [dataclasses.replace(mc, name=f"{mc.name}_{p}", period=p) for p in ("ST.03.03", "ST.03.06")]

    monkeypatch.setattr(expansion, "find_mc", two_periods)
    runs = expansion.find_runs

    def of_two_periods(analysis, kind):
        found = runs(analysis, kind)
        return [dataclasses.replace(run, period="ST.03.03" if run.run == 5029747 else "ST.03.06") for run in found]

    monkeypatch.setattr(expansion, "find_runs", of_two_periods)
    graph = make()
    assert {"coach:za05to35_ST.03.03.RFdisp", "coach:za05to35_ST.03.06.RFdisp"} <= set(graph.tasks)
    links = [output.link for name, task in graph.tasks.items() for output in task.outputs if task.stage != "sim"]
    assert len(links) == len(set(links))
    used = graph.tasks["melibea:05029747"].upstream
    assert "coach:za05to35_ST.03.03.RFdisp" in used
    assert not [name for name in used if "ST.03.06" in name]


def test_energies_from_the_forest(make):
    graph = make("[reconstruction]\nenergy = 'forest'\n")
    assert "coach:za05to35.RFenStereo" in graph.tasks
    assert "coach:za05to35.LUTs" not in graph.tasks
    assert "--erf=in/rf/EnRF_Stereo.root" in graph.tasks["melibea:05029747"].arguments


def test_a_run_that_no_mc_covers_stops_where_the_mc_is_needed(make):
    site = SIMULATED.replace("T04:14", "T02:30")
    graph = make(site=site)
    stopped = {name for name, task in graph.tasks.items() if task.problem}
    assert stopped == {"melibea:05029748", "magic_dl3:05029748"}
    assert "no Monte Carlo covers the zenith distance of run 05029748" in graph.tasks["melibea:05029748"].problem
    assert graph.tasks["superstar:05029748"].problem is None
    assert graph.tasks["magic_dl3:05029747"].problem is None


def test_without_mc_or_off_runs_it_is_told(make):
    without_mc = make(site=SIMULATED[: SIMULATED.index("[[simulate.mc]]")])
    assert "simulate.mc" in without_mc.tasks["melibea:05029747"].problem
    off = SIMULATED.index("[[simulate.off]]")
    without_off = make(site=SIMULATED[:off] + SIMULATED[SIMULATED.index("[[simulate.mc]]") :])
    assert "simulate.off" in without_off.tasks["coach:za05to35.RFgh"].problem
    assert without_off.tasks["coach:za05to35.RFdisp"].problem is None


def test_only_what_is_needed_is_simulated(make):
    graph = make("[data]\nruns = [5029747]\n")
    assert "sim:05029748" not in graph.tasks


@pytest.mark.parametrize(
    ("level", "files", "first"),
    [
        ("star", [f"20210314_M{t}_05095172.001_I_CrabNebula-W0.40+035.root" for t in (1, 2)], "superstar:05095172"),
        ("superstar", ["20210314_05095172_S_CrabNebula-W0.40+035.root"], "quate:05095172"),
        ("melibea", ["20210314_05095172_Q_CrabNebula-W0.40+035.root"], "magic_dl3:05095172"),
    ],
)
def test_starting_from_a_later_level(stored, level, files, first):
    mc = ["GA_za05to35_8_1to9_S_w0_1.root", "GA_za05to35_8_1to9_S_w0_2.root"]
    off = ["20210313_05095100_S_OffCrab-W0.40+035.root"]
    graph = stored(*files, *mc, *off, level=level)
    of_run = [name for name in graph.tasks if "05095172" in name]
    assert of_run[0] == first
    sources = {each.path for each in graph.tasks[first].inputs if each.name in files}
    assert all(path is not None and path.startswith("/") for path in sources)
    assert "selectmc:GA_za05to35_w0" not in graph.tasks
    assert graph.tasks["magic_dl3:05095172"].problem is None


def test_stored_mc_without_a_telescope_is_left_out(stored):
    data = [f"20210314_M{t}_05095172.001_Y_CrabNebula-W0.40+035.root" for t in (1, 2)]
    mc = [f"GA_M{t}_za05to35_8_1_Y_w0.root" for t in (1, 2)] + ["GA_M1_za05to35_8_2_Y_w0.root"]
    graph = stored(*data, *mc, level="calibrated")
    assert "GA_za05to35_w0 run 2 left out: it has no file of M2" in graph.notes
    assert "star:GA_za05to35_w0_2.M1" not in graph.tasks


def test_from_dl3_only_the_science_remains(stored):
    graph = stored("20131004_05029747_DL3_CrabNebula-W0.40+035.fits", level="dl3")
    assert list(graph.tasks) == ["index:dl3", "theta2:all", "spectrum:all", "lightcurve:all"]
    assert [each.name for each in graph.tasks["spectrum:all"].inputs] == [
        "20131004_05029747_DL3_CrabNebula-W0.40+035.fits",
        "hdu-index.fits.gz",
        "obs-index.fits.gz",
    ]


DIFFUSE = """[analysis]
kind = "diffuse"
[source]
name = "New"
ra = 83.4
dec = 22.7
radius = 0.3
extension = 0.1
exclude = [[83.6333, 22.0145, 0.2]]
[data]
source = "Target"
"""


def test_a_source_in_the_field_of_another_one(make, tmp_path):
    site = SIMULATED.replace("seed = 1", "seed = 1\n[simulate.target]\nname = 'Target'\nra = 83.6333\ndec = 22.0145")
    site = site.replace("showers = 10", "showers = 10\ngeometry = 'wd'\nview_cone = 1.2")
    make()
    (tmp_path / "analysis.toml").write_text(DIFFUSE)
    (tmp_path / "site.toml").write_text(site + "[simulate.spectrum]\nextension = 0.1\n")
    tasks = expand(load(tmp_path)).tasks
    card = read_text(tasks["sim:05029747"].card)
    assert (card["Sim.Source"], card["Sim.RA"], card["Sim.GammaRA"]) == ("Target", "83.6333", "83.4")
    assert (card["Sim.GammaDec"], card["Sim.Extension"]) == ("22.7", "0.1")
    assert read_text(tasks["sim:05029801"].card)["Sim.GammaRA"] == "auto"
    assert read_text(tasks["sim:GA_za05to35_wd_8_1001"].card)["Sim.ViewCone"] == "1.2"
    card = read_text(tasks["magic_dl3:05029747"].card)
    assert card["MagicDL3.FullEnclosure"] == "yes"
    # the source's region is wider than its own 0.3, so that its tail is no background
    assert card["MagicDL3.ExcludeRegions"] == "83.4 22.7 0.4, 83.6333 22.0145 0.2"
    assert read_text(tasks["skymap:all"].card)["Source.Exclude"] == card["MagicDL3.ExcludeRegions"]
    spectrum = read_text(tasks["spectrum:all"].card)
    assert (spectrum["Spectrum.OnRadius"], spectrum["Source.Extension"]) == ("0.3", "0.1")
    assert read_text(tasks["theta2:all"].card)["Theta2.Cut"] == "0.09"
    assert list(tasks)[-5:] == ["index:dl3", "theta2:all", "skymap:all", "spectrum:all", "lightcurve:all"]


def test_what_the_analysis_says_of_the_spectrum_reaches_its_card(make):
    more = "[spectrum]\nmodel = 'power-law'\nreference = '300 GeV'\nenergy_min = '100 GeV'\n"
    card = make(more).tasks["spectrum:all"].card
    assert "Spectrum.Model: power-law\n" in card
    assert "Spectrum.Reference: 0.3\n" in card
    assert "Spectrum.EnergyMin: 0.1\n" in card
    assert "Spectrum.EBL: none\n" in card
    far = make("redshift = 0.03\n").tasks["spectrum:all"].card
    assert "Spectrum.EBL: dominguez\n" in far
    assert "Source.Redshift: 0.03\n" in far


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('[cards.str]\nA = 1\n', ["[cards.str]: no such program; did you mean [cards.star]?"]),
        ('[cards.spectrum]\n"Spectrum.Modl" = "x"\n', ["'Spectrum.Modl'", "did you mean 'Spectrum.Model'"]),
        ('[cards.spectrum]\n"Spectrum.Model" = "a\\nb"\n', ["Spectrum.Model", "line breaks"]),
        ('[cards.spectrum]\n"Spectrum.Model" = "$(HOME)"\n', ["Spectrum.Model", "'$('"]),
        ('[cards.magic_dl3]\n"Magic DL3" = 1\n', ["'Magic DL3' cannot be a key"]),
        ("[cards.selectmc]\nA = 1\n", ["[cards.selectmc]: this program takes no card"]),
        ('[cards.coach]\n"RF.outpath" = "/tmp"\n', ["'RF.outpath' is set by autoMAGIC"]),
    ],
)  # fmt: skip
def test_wrong_overrides_are_told_before_anything_runs(make, more, words):
    with pytest.raises(UserError) as error:
        make(more)
    for word in ["analysis.toml", *words]:
        assert word in str(error.value)


def test_comments_and_order_of_a_default_card_change_nothing(make, tmp_path):
    marssys = tmp_path / "marssys"
    cards = {
        "star_M1_OSA.rc": "# M1\nMJStar.B: 2\nMJStar.A: 1\n",
        "star_M2_OSA.rc": "MJStar.A: 1\n",
    }
    for name in ("superstar.rc", "quate.rc", "coach.rc", "melibea_stereo.rc", "magic_dl3.rc", "openmars-sim.rc"):
        cards[name] = "Some.Key: 1\n"
    (marssys / "mrcfiles").mkdir(parents=True)

    def graph(**changes):
        for name, text in {**cards, **changes}.items():
            (marssys / "mrcfiles" / name).write_text(text)
        default_card.cache_clear()
        return make(site=SIMULATED + f"[engines.openmars]\nmarssys = '{marssys}'\n").tasks

    before = graph()
    assert graph(**{"star_M1_OSA.rc": "MJStar.A:1\n\n# another comment\nMJStar.B:\t2"}) == before
    after = graph(**{"star_M1_OSA.rc": "MJStar.A: 1\nMJStar.B: 3\n"})
    assert {n for n in before if before[n] != after[n]} == {n for n in before if re.match(r"star:.*\.M1", n)}
    assert all(dataclasses.replace(after[n], card="") == dataclasses.replace(before[n], card="") for n in before)
    default_card.cache_clear()


def test_another_engine_can_analyse_what_openmars_simulates(make, tmp_path):
    mars = tmp_path / "mars" / "mrcfiles"
    mars.mkdir(parents=True)
    for name in ("star_M1_OSA", "star_M2_OSA", "superstar", "quate", "coach", "melibea_stereo", "magic_dl3"):
        (mars / f"{name}.rc").write_text("Key.OfMars: 1\n")
    tasks = make("[analysis]\nengine = 'mars'\n", SIMULATED + "[engines.mars]\nmarssys = 'mars'\n").tasks
    assert tasks["sim:05029747"].engine == "openmars"
    assert "Sim.PedestalRate" in tasks["sim:05029747"].card
    assert tasks["star:05029747.M1"].engine == "mars"
    assert tasks["star:05029747.M1"].card == "Key.OfMars: 1\n"
    default_card.cache_clear()
