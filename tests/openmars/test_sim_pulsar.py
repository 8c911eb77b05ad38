"""Pulsed gammas of openmars-sim."""

from pathlib import Path

import numpy as np
import pytest

from openmars.core.env import Env
from openmars.core.errors import ProgramError
from openmars.io import read_tree
from openmars.io.times import from_mtime
from openmars.sim.card import read_card
from openmars.sim.program import PROGRAM

CARD = {
    "Kind": "observation", "Seed": 5, "Run": 5029747, "Duration": 30, "Subruns": 1, "SourceFactor": 1,
    "BackgroundFraction": 0.003, "EnergyMin": 0.1, "PedestalRate": 0.1,
}  # fmt: skip
PEAKS = {"PulsarPeaks": "0.2 0.01 8e-9 3.0; 0.7 0.02 8e-9 2.5"}


def events(folder: Path, card: dict):
    folder.mkdir()
    path = folder / "card.rc"
    path.write_text("".join(f"Sim.{key}: {value}\n" for key, value in card.items()))
    assert PROGRAM.run([f"--config={path}", f"--out={folder / 'out'}", "--null"]) == 0
    file = next((folder / "out").glob("*_M1_*.root"))
    columns = [f"MTime.{name}" for name in ("fMjd", "fTime.fMilliSec", "fNanoSec")]
    day, seconds = from_mtime("MTime", read_tree(file, "Events", columns))
    return int(day[0]), seconds


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pulsar")
    return events(folder / "off", CARD), events(folder / "on", {**CARD, **PEAKS})


def test_pulses_come_on_top_of_the_same_events(runs):
    (_, without), (_, with_them) = runs
    lost = np.setdiff1d(without, with_them)
    assert len(lost) <= 1  # to the dead time
    assert len(with_them) > len(without) + 50


def test_pulses_are_at_their_phases(runs):
    (_, without), (day, with_them) = runs
    more = np.setdiff1d(with_them, without)
    pulsar = read_card(Env.parse(f"Sim.PulsarPeaks: {PEAKS['PulsarPeaks']}\n")).pulsar
    phase = np.asarray(pulsar.turns(day, more) % 1, float)
    first, second = phase[np.abs(phase - 0.2) < 0.1], phase[np.abs(phase - 0.7) < 0.1]
    assert len(first) + len(second) == len(phase)
    for found, middle, width in ((first, 0.2, 0.01), (second, 0.7, 0.02)):
        assert found.mean() == pytest.approx(middle, abs=3.5 * width / len(found) ** 0.5)
        assert found.std() == pytest.approx(width, abs=3.5 * width / (2 * len(found)) ** 0.5)


@pytest.mark.parametrize(
    ("peaks", "words"),
    [("0.2 0.01 2e-9", "is no peak"), ("a b c d", "is no peak"), ("1.2 0.01 2e-9 3", "phases are from 0 to 1")],
)
def test_wrong_peaks_are_told(peaks, words):
    with pytest.raises(ProgramError, match=words):
        read_card(Env.parse(f"Sim.PulsarPeaks: {peaks}\n"))
