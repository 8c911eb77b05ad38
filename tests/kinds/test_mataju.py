"""The kinds for low energies: which runs they take, and that data, off data and Monte Carlo are cleaned alike."""

from pathlib import Path

import pytest

from automagic.analysis import load
from automagic.cards import read_text
from automagic.graph import expand

ANALYSES = Path(__file__).resolve().parents[2] / "analyses"
CLEAN = "MJStar.MImgCleanStd."


@pytest.fixture(scope="module", params=["crab-low", "crab-sumt", "crab"])
def graph(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    for name in ("analysis.toml", "site.toml"):
        (folder / name).write_text((ANALYSES / request.param / name).read_text())
    return request.param, expand(load(folder))


def cards(graph, stage):
    return [read_text(task.card) for task in graph.tasks.values() if task.stage == stage]


def test_all_stars_of_a_kind_have_its_cleaning_and_no_others(graph):
    name, made = graph
    method = "Absolute" if name == "crab" else "NextNeighbour"
    stars = cards(made, "star")
    assert len(stars) >= 14
    assert {card[CLEAN + "CleanMethod"] for card in stars} == {method}
    levels = {"cleaning_level1" in task.conditions for task in made.tasks.values() if task.stage == "star"}
    assert levels == {name == "crab"}


def test_forests_and_dl3_take_images_of_the_same_size(graph):
    name, made = graph
    least = {"crab": "50", "crab-low": "30", "crab-sumt": "20"}[name]
    assert {card["RF.MinSize"] for card in cards(made, "coach")} == {least}
    assert {card["MagicDL3.MinSize"] for card in cards(made, "magic_dl3")} == {least}
    assert [card["Spectrum.AeffMin"] for card in cards(made, "spectrum")] == ["10" if name == "crab" else "1"]


def test_a_run_of_the_other_trigger_is_left_out_with_the_reason(graph):
    name, made = graph
    rows = {row["run"]: row for row in made.selection if not row["taken"]}
    if name == "crab":
        assert rows == {}
        return
    own, other = ("standard", "sumt") if name == "crab-low" else ("sumt", "standard")
    [(_, row)] = rows.items()
    assert f"its trigger is {other}, not the usual {own}" in row["reason"]
    taken = {row["trigger"] for row in made.selection if row["taken"]}
    assert taken == {own}
    assert {card["Sim.Trigger"] for card in cards(made, "sim")} == {own}


def test_simulated_energies_reach_below_the_threshold(graph):
    name, made = graph
    lowest = {float(card["Sim.EnergyMin"]) for card in cards(made, "sim") if card["Sim.Kind"] != "off"}
    assert lowest == {0.03 if name == "crab" else 0.01}
