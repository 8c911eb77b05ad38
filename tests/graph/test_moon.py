"""A graph with levels of moonlight: what each level has of its own, what they share, and what a change reruns."""

import dataclasses

import pytest

from automagic.analysis import load
from automagic.cards import read_text
from automagic.errors import UserError
from automagic.graph import expand
from tests.graph.sites import CRAB, MC, off, run, site

ANALYSIS = f'[analysis]\nkind = "moon"\n{CRAB}'
SITE = site(
    run(5030101, "2013-10-05T04:00"),
    run(5030201, "2013-10-24T03:00", 20, "nsb = 2.0\nnsb_end = 4.0\n"),
    off(5030901, "2013-10-06T04:05"),
    off(5030902, "2013-10-25T04:05", more="nsb = 4.0\n"),
    MC,
)


@pytest.fixture
def make(expanded):
    return lambda more="", site=SITE: expanded(ANALYSIS + more, site)


def card(graph, task):
    return read_text(graph.tasks[task].card)


def noise(graph, task):
    values = card(graph, task)
    rms = values["MJStar.MAddNoise.NewNoiseRMS"] if values["MJStar.UseAddNoise"] == "yes" else None
    return float(values["MJStar.MImgCleanStd.CleanLevel1"]), rms


def test_a_run_in_two_levels_has_two_chains_and_two_dl3_files(make):
    graph = make()
    assert {task.problem for task in graph.tasks.values()} == {None}
    for label in ("NSB_2-3", "NSB_3-5"):
        for stage in (
            "star:05030201.M1",
            "superstar:05030201",
            "melibea:05030201",
            "magic_dl3:05030201",
            "part:05030201",
        ):
            assert f"{stage}.{label}" in graph.tasks
        assert f"coach:za05to35.RFgh.{label}" in graph.tasks
    marks = [graph.tasks[f"mark:05030201.{label}"] for label in ("NSB_2-3", "NSB_3-5")]
    assert [read_text(mark.card)["Mark.ObsId"] for mark in marks] == ["5030201", "105030201"]
    read = [each.name for each in graph.tasks["index:dl3"].inputs]
    assert len(set(read)) == len(read) == 3
    links = [output.link for task in graph.tasks.values() for output in task.outputs]
    assert len(set(links)) == len(links), "each product has a place of its own"


def test_parts_leave_out_what_the_other_has(make):
    graph = make()
    early, late = (
        [tuple(map(float, pair.split())) for pair in card(graph, f"part:05030201.{label}")["Part.Exclude"].split(";")]
        for label in ("NSB_2-3", "NSB_3-5")
    )
    assert early[0][0] == pytest.approx(late[0][1]) == pytest.approx(56589.125 + 10 / 1440, abs=1e-6)
    times = graph.tasks["melibea:05030201.NSB_2-3"]
    assert [each.task for each in times.inputs if each.role == "times"] == ["part:05030201.NSB_2-3"]
    dark = graph.tasks["melibea:05030101.dark"]
    assert [each.task for each in dark.inputs if each.role == "times"] == ["quate:05030101.dark"]


def test_only_what_is_darker_than_a_level_is_given_its_noise(make):
    graph = make()
    assert noise(graph, "star:05030201.M1.NSB_3-5") == (8, None)
    assert noise(graph, "star:GA_za05to35_w0_1001.M1.NSB_3-5") == (8, "1.48")
    assert noise(graph, "star:05030901.M2.NSB_3-5") == (8, "1.48")
    assert noise(graph, "star:05030902.M2.NSB_3-5") == (8, None), "it was taken under such light"
    assert "star:05030902.M2.NSB_2-3" not in graph.tasks, "noise cannot be taken away"
    assert noise(graph, "star:GA_za05to35_w0_1001.M1.NSB_2-3") == (7, "1.27")
    assert noise(graph, "star:GA_za05to35_w0_1001.M1.dark") == (6, None)
    assert card(graph, "magic_dl3:05030201.NSB_3-5")["MagicDL3.MinSize"] == "100.0"


def test_levels_share_what_is_before_the_images(make):
    names = [name for name in make().tasks if name.startswith("sim:")]
    assert len(names) == len({name.split(".")[0] for name in names}) == 6


def test_what_a_person_writes_wins_and_may_be_for_one_level(make):
    graph = make(
        '[cards.star]\n"MJStar.MImgCleanStd.CleanLevel1" = 9.5\n'
        '"NSB_3-5.MJStar.MImgCleanStd.CleanLevel1" = 8.5\n"NSB_3-5.M2.MJStar.MImgCleanStd.CleanLevel2" = 5.5\n'
    )
    levels = {
        task: [card(graph, task)[f"MJStar.MImgCleanStd.CleanLevel{n}"] for n in (1, 2)]
        for task in ("star:05030101.M1.dark", "star:05030201.M1.NSB_3-5", "star:05030201.M2.NSB_3-5")
    }
    assert [tuple(map(float, each)) for each in levels.values()] == [(9.5, 3.5), (8.5, 5.0), (8.5, 5.5)]
    with pytest.raises(UserError, match="CleanLevl1"):
        make('[cards.star]\n"NSB_3-5.MJStar.MImgCleanStd.CleanLevl1" = 8\n')
    with pytest.raises(UserError, match="NSB_3-9"):
        make('[cards.star]\n"NSB_3-9.MJStar.MImgCleanStd.CleanLevel1" = 8\n')


def test_a_change_for_one_level_leaves_the_others_as_they_are(make):
    before = make().tasks
    after = make('[cards.star]\n"NSB_3-5.MJStar.MImgCleanStd.CleanLevel1" = 8.5\n').tasks
    assert before.keys() == after.keys()
    changed = {name for name in before if before[name].card != after[name].card}
    assert changed
    assert all(name.startswith("star:") and name.endswith(".NSB_3-5") for name in changed)
    same = [name for name in before if name not in changed]
    assert all(dataclasses.replace(before[name], card="") == dataclasses.replace(after[name], card="") for name in same)


def test_reduced_hv_takes_nominal_monte_carlo_and_says_so(make):
    site = SITE.replace("nsb = 2.0\nnsb_end = 4.0\n", 'nsb = 6.0\nhv = "reduced"\n')
    graph = make(site=site)
    assert noise(graph, "star:GA_za05to35_w0_1001.M1.NSB_5-8_redHV") == (11, "1.85")
    assert noise(graph, "star:05030201.M1.NSB_5-8_redHV") == (11, None)
    assert any("nominal HV stand for reduced HV" in note for note in graph.notes)


def test_another_kind_has_no_levels(make, tmp_path):
    (tmp_path / "analysis.toml").write_text(ANALYSIS.replace('"moon"', '"standard"'))
    (tmp_path / "site.toml").write_text(SITE.replace("nsb = 2.0\nnsb_end = 4.0\n", ""))
    graph = expand(load(tmp_path))
    assert not [name for name in graph.tasks if name.startswith(("mark:", "part:", "levels:"))]
    assert "star:05030101.M1" in graph.tasks
