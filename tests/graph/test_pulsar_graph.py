"""A pulsar in the graph: its steps, and what a changed par file runs again."""

import pytest

from automagic.analysis import load
from automagic.analysis.pulsar import read_par
from automagic.errors import UserError
from automagic.graph.identity import recipe
from automagic.graph.key import graph_key, sources_of
from tests.graph.sites import CRAB, MC, off, run, site

PULSAR = """
[pulsar]
par = "crab.par"
on = { P1 = [0.983, 0.026], "P1+P2" = [[0.983, 0.026], [0.377, 0.422]] }
off = [0.52, 0.87]
"""
SITE = site(
    run(5029747, "2013-10-05T04:00", 2),
    run(5067101, "2017-11-20T01:12", 2),
    off(5029801, "2013-10-06T04:05", 2),
    MC,
)
PAR = "# why\nPSRJ J0534+2200\nRAJ 05:34:31.97\nDECJ 22:00:52.07\nPEPOCH 56580\nF0 29.68424\nF1 -3.69698e-10\n"


@pytest.fixture
def make(expanded):
    def maker(par=PAR, pulsar=PULSAR, site=SITE, **others):
        pars = {f"{name}.par": text for name, text in {"crab": par, **others}.items() if text is not None}
        return expanded(CRAB + pulsar, site, **pars)

    return maker


def test_its_steps_are_there_only_where_it_is_asked_for(make):
    with_it, without = make(), make(pulsar="")
    more = with_it.tasks.keys() - without.tasks.keys()
    assert more == {"phase:05029747", "phase:05067101", "phaseogram:all", "pulsar_spectrum:all"}
    # all science steps read the files with phases
    assert {each.task for each in with_it.tasks["spectrum:all"].inputs} == {
        "phase:05029747", "phase:05067101", "index:dl3"
    }  # fmt: skip
    same = without.tasks.keys() - {"index:dl3", "theta2:all", "spectrum:all", "lightcurve:all"}
    assert all(with_it.tasks[name] == without.tasks[name] for name in same)
    card = with_it.tasks["phaseogram:all"].card
    assert "Pulsar.On: P1 0.983:0.026; P1+P2 0.983:0.026 0.377:0.422\n" in card
    assert "Par.0005: F0 29.68424\n" in with_it.tasks["phase:05029747"].card


def test_a_changed_par_file_runs_the_phases_again_and_nothing_before(make, tmp_path):
    before = {name: recipe(task) for name, task in make().tasks.items()}
    key = graph_key(tmp_path, sources_of(load(tmp_path)))
    after = {name: recipe(task) for name, task in make(PAR.replace("29.68424", "29.68425")).tasks.items()}
    assert {name for name in after if after[name] != before[name]} == {"phase:05029747", "phase:05067101"}
    assert graph_key(tmp_path, sources_of(load(tmp_path))) != key


def test_each_run_takes_the_par_file_of_its_night(make):
    both = PULSAR.replace('"crab.par"', '["crab.par", "late.par"]')
    early, late = PAR + "START 56500\nFINISH 56600\n", PAR + "START 58000\nFINISH 58100\n"
    graph = make(early, both, late=late)
    names = [
        task.card.split("Phase.ParName: ")[1].split("\n")[0] for task in graph.tasks.values() if task.stage == "phase"
    ]
    assert names == ["crab.par", "late.par"]
    with pytest.raises(UserError, match="is for the night 2017-11-20 of run 05067101"):
        make(early, both, late=late.replace("58100", "58010"))


@pytest.mark.parametrize(
    ("par", "words"),
    [
        (None, "there is no file"),
        ("hello world\n", "no F0"),
        (PAR.replace("29.68424", "fast"), "F0 is 'fast', not a number"),
        (PAR.replace("RAJ 05:34:31.97\n", ""), "no RAJ"),
        (PAR + "EPHEM DE405\n", "only DE421 is here"),
        (PAR + "UNITS TCB\n", "expected TDB"),
        (PAR + "X $(HOME)\n", "is no line of a par file"),
        ("x" * 70000, "this is no par file"),
    ],
)
def test_a_par_file_that_cannot_be_used_is_told_before_anything_runs(make, par, words):
    with pytest.raises(UserError, match=words.replace("$", r"\$")):
        make(par)


def test_a_par_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "a.par"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not a text in ASCII"):
        read_par(path)


def test_another_ephemeris_is_taken_where_it_is_asked_for(make):
    graph = make(PAR + "EPHEM DE405\n", PULSAR + "any_ephemeris = true\n")
    assert "phase:05029747" in graph.tasks


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"crab.par"', '"../crab.par"', "give the name of a file beside analysis.toml"),
        ('"crab.par"', '"/etc/passwd"', "give the name of a file beside analysis.toml"),
        ("off = [0.52, 0.87]", "off = [0.4, 0.87]", r"on\.P1\+P2 overlaps with off"),
        ("off = [0.52, 0.87]", "off = [0.52, 1.87]", "phases from 0 to 1"),
        ("P1 = [0.983", '"P 1" = [0.983', "cannot name a range"),
        ("off = [0.52, 0.87]", "", "the key 'pulsar.off' is missing"),
    ],
)
def test_wrong_keys_are_told(make, old, new, words):
    with pytest.raises(UserError, match=words):
        make(pulsar=PULSAR.replace(old, new))


def test_the_simulated_pulsar_stands_in_the_card_of_runs_alone(make):
    peak = "[simulate.pulsar]\n[[simulate.pulsar.peaks]]\nphase = 0.4\nwidth = 0.01\namplitude = 6e-10\nindex = 2.9\n"
    graph = make(site=SITE + peak)
    assert "Sim.PulsarPeaks: 0.4 0.01 6e-10 2.9\n" in graph.tasks["sim:05029747"].card
    assert "Sim.PulsarPeaks: none\n" in graph.tasks["sim:05029801"].card
