"""The next-neighbour cleaning: its rate of fake images, and what it keeps at the same rate of them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from openmars.camera import N_PIXELS
from openmars.core.errors import InputError
from openmars.imaging.images import CleaningLevels, Images, describe_images
from openmars.imaging.neighbours import (
    NextNeighbour,
    Noise,
    describe_with_neighbours,
    group_tables,
    noise_of,
    range_probability,
)
from openmars.sim import generate
from openmars.sim.events import Conditions
from openmars.sim.telescope import SLICES

SPEED = 1.64
METHOD = NextNeighbour()


def crab(energy_gev: np.ndarray) -> np.ndarray:
    """Weights of gammas that are simulated as E^-2, for the Crab Nebula (JHEAp 5-6 (2015) 30)."""
    x = energy_gev / 1000.0
    return x ** (2.0 - 2.47 - 0.24 * np.log10(x))


class Gammas(NamedTuple):
    """Gammas that triggered, with charges and times [n, 2, 1039]."""

    energy: np.ndarray
    charge: np.ndarray
    time: np.ndarray


def empty(seed: int, n: int, nsb: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Readouts without light: charges and times [2 n, 1039]."""
    charge, time = generate.pedestal_events(seed, n, Conditions(nsb_level=nsb))
    return charge.reshape(-1, N_PIXELS), time.reshape(-1, N_PIXELS)


def gammas(trigger: str, n: int) -> Gammas:
    energy = generate.draw_power_law(1, n, 10, 300, -2.0)
    events = list(generate.simulate_gammas(5, energy, 20.4, 100.0, 20.0, 100.0, Conditions(trigger=trigger), 200.0))
    parts = ([getattr(e, name) for e in events] for name in ("energy_gev", "charge", "arrival_time"))
    return Gammas(*(np.concatenate(part) for part in parts))


@pytest.fixture(scope="module")
def noise() -> Noise:
    return Noise.measure(empty(7, 300)[0], "pedestals")


@pytest.fixture(scope="module")
def quiet() -> tuple[np.ndarray, np.ndarray]:
    return empty(99, 4000)


@pytest.fixture(scope="module")
def sumt() -> Gammas:
    return gammas("sum", 24_000)


@pytest.fixture(scope="module")
def standard() -> Gammas:
    return gammas("standard", 24_000)


def fakes(images: Images) -> float:
    assert images.masks is not None
    return float(images.masks.any(axis=1).mean())


def with_neighbours(charge: np.ndarray, time: np.ndarray, noise: Noise, method: NextNeighbour = METHOD) -> Images:
    return describe_with_neighbours(charge, time, method, noise, SPEED, SLICES, keep_masks=True)


def levels(scale: float) -> CleaningLevels:
    return CleaningLevels(picture=6.0 * scale, boundary=3.5 * scale)


def both(events: Gammas, clean: object) -> np.ndarray:
    """Which events have an image in both telescopes."""
    sides = [(np.ascontiguousarray(events.charge[:, t]), np.ascontiguousarray(events.time[:, t])) for t in (0, 1)]
    return np.all([clean(*side).status == 0 for side in sides], axis=0)  # type: ignore[operator]


GRID = np.linspace(1.0, 2.45, 146)


def threshold(energy: np.ndarray, kept: np.ndarray, often: np.ndarray) -> np.ndarray:
    """Peak (GeV) of dN/dE of the Crab Nebula in what is kept, smoothed by 0.1 in log10; one for each row of `often`.

    `often`: how often each event counts, [samples, events].
    """
    near = np.exp(-0.5 * ((GRID[:, None] - np.log10(energy[kept])) / 0.1) ** 2) * crab(energy[kept])
    density = often[:, kept] @ near.T / 10**GRID
    return np.asarray(10 ** GRID[np.argmax(density, axis=1)])


@pytest.mark.parametrize("nsb", [1.0, 2.5])
@pytest.mark.parametrize("rate", [0.01, 0.1])
def test_noise_makes_as_many_images_as_chosen(nsb: float, rate: float) -> None:
    charge, time = empty(99, 2000, nsb)
    found = fakes(with_neighbours(charge, time, Noise.measure(empty(7, 300, nsb)[0], "x"), NextNeighbour(rate)))
    # groups that overlap are one image, and the largest charges come less often than the tail says
    assert found == pytest.approx(1 - np.exp(-rate), rel=0.25, abs=3 * np.sqrt(rate / len(charge)))


def test_the_range_of_even_numbers_is_that_of_random_ones() -> None:
    numbers = np.random.default_rng(1).random((200_000, 4))
    for size in (2, 3, 4):
        spread = np.ptp(numbers[:, :size], axis=1)
        for share in (0.05, 0.3):
            expected = range_probability(share, size)
            error = np.sqrt(expected / len(spread))
            assert (spread < share).mean() == pytest.approx(expected, abs=4 * error)


def test_a_group_of_one_time_survives_and_the_same_charges_apart_do_not(noise: Noise) -> None:
    four = group_tables()[2].reshape(-1, 4)[100]
    charge = np.full((2, N_PIXELS), 2.0, np.float32)
    time = np.tile(np.linspace(1, 49, N_PIXELS, dtype=np.float32), (2, 1))
    charge[:, four] = 5.0
    time[:, four] = 25.0
    time[1, four] = [10.0, 20.0, 30.0, 40.0]
    masks = with_neighbours(charge, time, noise).masks
    assert masks is not None
    assert set(four) <= set(np.flatnonzero(masks[0]))
    assert not masks[1].any()


def test_what_is_made_of_neighbours_starts_no_group(noise: Noise) -> None:
    """A bad pixel gets charge and time of its neighbours, which are no coincidence with them."""
    pair = group_tables()[0].reshape(-1, 2)[40]
    charge, time = np.full((1, N_PIXELS), 2.0, np.float32), np.full((1, N_PIXELS), 5.0, np.float32)
    time[0, ::2] = 45.0
    charge[0, pair] = 9.0
    time[0, pair] = 25.0
    assert with_neighbours(charge, time, noise).masks.any()  # type: ignore[union-attr]
    bad = np.zeros((1, N_PIXELS), bool)
    bad[0, pair[1]] = True
    images = describe_with_neighbours(charge, time, METHOD, noise, SPEED, SLICES, bad=bad, keep_masks=True)
    assert not images.masks.any()  # type: ignore[union-attr]


@pytest.mark.parametrize("trigger", ["standard", "sumt"])
def test_it_keeps_more_gammas_and_a_lower_threshold_at_the_same_rate_of_fakes(
    trigger: str, quiet: tuple[np.ndarray, np.ndarray], noise: Noise, request: pytest.FixtureRequest
) -> None:
    events: Gammas = request.getfixturevalue(trigger)
    # the standard cleaning with levels lowered until noise makes as many images with it, or more
    chosen = fakes(with_neighbours(*quiet, noise))
    scales = np.arange(0.62, 0.5, -0.01)
    scale = next(
        each for each in scales if fakes(describe_images(*quiet, levels(each), SPEED, keep_masks=True)) >= chosen
    )
    ours = both(events, lambda q, t: with_neighbours(q, t, noise))
    same = both(events, lambda q, t: describe_images(q, t, levels(scale), SPEED))
    usual = both(events, lambda q, t: describe_images(q, t, CleaningLevels(), SPEED))
    low = events.energy < 100
    # of the same events only those count that one of the two keeps alone
    for other in (same, usual):
        gained, lost = np.sum(ours & ~other & low), np.sum(other & ~ours & low)
        if trigger == "standard" and other is same:
            # what this trigger takes has more light than either cleaning needs
            assert abs(gained - lost) < 0.05 * np.sum(low)
        else:
            assert gained - lost > 4 * np.sqrt(gained + lost)
    # the same events drawn again and again: Poisson numbers of each
    often = np.random.default_rng(3).poisson(1.0, (400, len(low)))
    at, at_same, at_usual = (threshold(events.energy, kept, often) for kept in (ours, same, usual))
    assert np.mean(at < at_usual) > 0.99
    if trigger == "sumt":
        assert np.mean(at <= at_same) > 0.95


def test_noise_is_the_same_from_showers_as_from_pedestals(sumt: Gammas) -> None:
    charge, time = (np.ascontiguousarray(each[:600, 0]) for each in (sumt.charge, sumt.time))
    seen = noise_of(charge, time, np.array([], int), None, SLICES, SPEED, "GA")
    known = noise_of(*empty(7, 300), np.arange(600), None, SLICES, SPEED, "pedestals")
    for probability in (0.1, 0.01, 0.001):
        assert seen.level(probability) == pytest.approx(known.level(probability), abs=0.05)
    with pytest.raises(InputError, match=r"short\.root: 10390 charges"):
        Noise.measure(charge[:10], "short.root")


def test_sum_trigger_has_the_lower_threshold(standard: Gammas, sumt: Gammas) -> None:
    """Of the same gammas, 20 to 60 GeV, it takes several times as many; of those above 150 GeV hardly more."""
    low = [np.sum((each.energy > 20) & (each.energy < 60)) for each in (standard, sumt)]
    high = [np.sum(each.energy > 150) for each in (standard, sumt)]
    assert low[1] > 5 * low[0]
    assert high[1] < 1.6 * high[0]


def test_star_takes_it_from_the_card_and_refuses_what_it_cannot(tmp_path: Path) -> None:
    from openmars.imaging.star import PROGRAM

    for text, words in (("CleanMethod: Relative", "NextNeighbour"), ("FakeRate: 0", "FakeRate is 0")):
        card = tmp_path / "card.rc"
        lines = ["MJStar.MImgCleanStd.CleanMethod: NextNeighbour", "MJStar.MImgCleanStd." + text]
        card.write_text("\n".join(lines[words == "NextNeighbour" :]) + "\n")
        log = tmp_path / "log.txt"
        code = PROGRAM.run(["-b", "-q", f"--config={card}", "--ind=none_Y_.root", f"--out={tmp_path}", f"--log={log}"])
        assert code == 2
        assert words in log.read_text()
