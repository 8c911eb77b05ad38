"""What ``[atmosphere]`` changes in a graph: hazier runs, one step more a run; and nothing where it is not there."""

import pytest

from automagic.errors import UserError
from automagic.graph import expand
from automagic.selection.defaults import limits
from tests.graph.sites import CRAB
from tests.graph.test_expansion import SIMULATED
from tests.graph.test_pulsar_graph import PAR

CORRECT = '[atmosphere]\ncorrect = "lidar"\n'
HAZY = SIMULATED.replace('wobble = "W0.40+215"\n', 'wobble = "W0.40+215"\nhaze = 0.75\nhaze_end = 0.7\n')


@pytest.fixture
def make(written):
    return lambda more="", site=HAZY: written(CRAB + more, site)


def test_hazy_runs_are_left_out_without_correction_and_taken_with_it(make):
    assert [run.run for run in expand(make()).runs if run.source == "CrabNebula"] == [5029747]
    graph = expand(make(CORRECT))
    assert [run.run for run in graph.runs if run.source == "CrabNebula"] == [5029747, 5029748]
    row = next(row for row in graph.selection if row["run"] == 5029748)
    assert row["transmission"] == pytest.approx(0.7, abs=1e-3)


def test_a_limit_that_is_given_counts_for_runs_and_never_for_off_runs(make):
    analysis = make(CORRECT + "[data]\ntransmission = 0.4\n")
    assert (limits(analysis).transmission, limits(analysis, off=True).transmission) == (0.4, 0.85)
    assert limits(make(CORRECT)).transmission == 0.65
    # without correction as ever
    analysis = make("[data]\ntransmission = 0.4\n")
    assert limits(analysis).transmission == limits(analysis, off=True).transmission == 0.4


def test_science_reads_the_corrected_files_and_the_index_lies_beside_them(make):
    tasks = expand(make(CORRECT + "bin_minutes = 3\n")).tasks
    haze = tasks["haze:05029748"]
    assert {each.role for each in haze.inputs} == {"dl3", "melibea"}
    assert {each.task for each in haze.inputs} == {"magic_dl3:05029748", "melibea:05029748"}
    assert "Haze.BinMinutes: 3" in haze.card
    assert haze.engine == "science"
    for step in ("index:dl3", "spectrum:all"):
        assert {each.task for each in tasks[step].inputs if each.name.endswith(".fits")} == {
            "haze:05029747",
            "haze:05029748",
        }
    assert all(each.link.startswith("products/haze/") for each in (*haze.outputs, *tasks["index:dl3"].outputs))
    assert "Sim.Haze: 0.75" in tasks["sim:05029748"].card


def test_phases_come_after_haze_and_the_index_lies_beside_the_files_with_both(make, tmp_path):
    (tmp_path / "a.par").write_text(PAR)
    tasks = expand(make(CORRECT + '[pulsar]\npar = "a.par"\non = { P1 = [0.98, 0.03] }\noff = [0.5, 0.9]\n')).tasks
    assert {each.task for each in tasks["phase:05029748"].inputs} == {"haze:05029748"}
    assert all(each.link.startswith("products/phase/") for each in tasks["index:dl3"].outputs)


def test_without_it_the_graph_is_as_before(make):
    tasks = expand(make(site=SIMULATED)).tasks
    assert not any(name.startswith("haze") for name in tasks)
    assert all(each.link.startswith("products/dl3/") for each in tasks["index:dl3"].outputs)


def test_dl3_files_alone_cannot_be_corrected(make, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "20131005_05029747_DL3_CrabNebula-W0.40+035.fits").write_bytes(b"x")
    with pytest.raises(UserError, match="neither the LIDAR's reports"):
        expand(make(CORRECT + '[data]\nfrom = "dl3"\n', '[storage]\nroots = ["data"]\n'))


def test_a_run_of_which_nothing_is_left_fails_no_step(make):
    task = expand(make(CORRECT)).tasks["haze:05029747"]
    assert task.tolerated == {4}
    assert [(output.optional, output.missing_with) for output in task.outputs] == [(True, (4,))]
