"""The two cleanings at low energies: gammas kept by true energy, threshold, rate of fake images; makes the figure.

Noise and gammas are openmars's simulation. The standard cleaning is shown as it is, and with its levels lowered until
noise makes as many images with it as with the cleaning by next neighbours; all on the same events.

    python bench/mataju.py docs/images/mataju.png
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from automagic.science import style
from openmars.camera import N_PIXELS
from openmars.imaging.images import CleaningLevels, Images, describe_images
from openmars.imaging.neighbours import (
    SHARES,
    STEPS_PER_PHE,
    NextNeighbour,
    Noise,
    describe_with_neighbours,
    group_tables,
)
from openmars.sim import generate
from openmars.sim.events import Conditions
from openmars.sim.telescope import SLICES

SPEED = 1.64
METHOD = NextNeighbour()
SHOWERS, IMPACT_M = 60_000, 200.0
LOW, HIGH = 10.0, 300.0
EDGES = np.geomspace(LOW, 250, 13)


def empty(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Readouts without light, [2 n, 1039]."""
    charge, time = generate.pedestal_events(seed, n, Conditions())
    return charge.reshape(-1, N_PIXELS), time.reshape(-1, N_PIXELS)


def crab(energy_gev: np.ndarray) -> np.ndarray:
    """Weights of gammas simulated as E^-2 (JHEAp 5-6 (2015) 30)."""
    x = energy_gev / 1000.0
    return np.asarray(x ** (2.0 - 2.47 - 0.24 * np.log10(x)))


def peak(energy: np.ndarray) -> float:
    """Peak (GeV) of dN/dE for the Crab Nebula, smoothed by 0.1 in log10(E)."""
    grid = np.linspace(1.0, 2.45, 146)
    near = np.exp(-0.5 * ((grid[:, None] - np.log10(energy)) / 0.1) ** 2)
    return float(10 ** grid[np.argmax((near * crab(energy)).sum(axis=1) / 10**grid)])


def images(trigger: str, cleanings: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Energies of all showers, of those that trigger, and which of these have an image in both telescopes."""
    energy = generate.draw_power_law(1, SHOWERS, LOW, HIGH, -2.0)
    conditions = Conditions(trigger=trigger)
    seen, kept = [], {name: [] for name in cleanings}  # type: dict[str, list[np.ndarray]]
    for events in generate.simulate_gammas(5, energy, 20.4, 100.0, 20.0, 100.0, conditions, IMPACT_M):
        seen.append(events.energy_gev)
        sides = [[np.ascontiguousarray(a[:, t]) for a in (events.charge, events.arrival_time)] for t in (0, 1)]
        for name, clean in cleanings.items():
            kept[name].append(np.all([clean(*side).status == 0 for side in sides], axis=0))
    return energy, np.concatenate(seen), {name: np.concatenate(each) for name, each in kept.items()}


def rarest(product: bool, noise: Noise, charge: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Logarithm of how often noise makes the rarest group of each readout: all its charges, or the lowest alone."""
    grid = noise.first + np.arange(len(noise.log_above)) / STEPS_PER_PHE
    out = np.full(len(charge), np.inf)
    for size, table in zip((2, 3, 4), group_tables(), strict=True):
        groups = table.reshape(-1, size)
        for part in (slice(k, k + 100) for k in range(0, len(charge), 100)):
            logs = np.interp(charge[part], grid, noise.log_above)[:, groups]
            total = logs.sum(axis=2) if product else size * logs.max(axis=2)
            series = sum((-total) ** k / math.factorial(k) for k in range(size)) if product else 1.0
            share = np.ptp(time[part][:, groups], axis=2) / SLICES
            x = np.maximum(share, METHOD.resolution * SPEED / SLICES)
            rate = total + np.log(series) + np.log(x) * (size - 1) + np.log(size - (size - 1) * x)
            rate += math.log(len(groups) / SHARES[size])
            rate[share > METHOD.window * SPEED / SLICES] = np.inf
            out[part] = np.minimum(out[part], rate.min(axis=1))
    return out


def by_rank(product: bool, noise: Noise, charge: np.ndarray, time: np.ndarray, rate: float) -> int:
    """How many gammas below 100 GeV of Sum-Trigger-II have a group in both telescopes, at a rate of fakes."""
    cut = np.quantile(rarest(product, noise, charge, time), rate)
    energy = generate.draw_power_law(1, SHOWERS // 3, LOW, HIGH, -2.0)
    found = 0
    for events in generate.simulate_gammas(5, energy, 20.4, 100.0, 20.0, 100.0, Conditions(trigger="sum"), IMPACT_M):
        sides = [rarest(product, noise, events.charge[:, t], events.arrival_time[:, t]) < cut for t in (0, 1)]
        found += int(np.sum(np.all(sides, axis=0) & (events.energy_gev < 100)))
    return found


def main() -> None:
    """Measure, print, draw."""
    noise = Noise.measure(empty(7, 600)[0], "pedestals")
    charge, time = empty(99, 8000)

    def ours(q: np.ndarray, t: np.ndarray) -> Images:
        return describe_with_neighbours(q, t, METHOD, noise, SPEED, SLICES, keep_masks=True)

    def usual(scale: float) -> Any:
        levels = CleaningLevels(picture=6.0 * scale, boundary=3.5 * scale)
        return lambda q, t: describe_images(q, t, levels, SPEED, keep_masks=True)

    def fakes(clean: Any) -> float:
        return float(clean(charge, time).masks.any(axis=1).mean())

    chosen = fakes(ours)
    rates = {scale: fakes(usual(scale)) for scale in np.round(np.arange(0.64, 0.5, -0.01), 2)}
    scale = next(each for each, rate in rates.items() if rate >= chosen)
    print(f"fake images a readout, of {len(charge)}: next neighbours {chosen:.5f} (chosen {METHOD.fake_rate}), "
          f"standard {fakes(usual(1.0)):.5f}, with levels times {scale} {rates[scale]:.5f}")  # fmt: skip
    cleanings = {
        "next neighbours": ours,
        f"standard, levels × {scale}: as many fakes": usual(scale),
        "standard, 6/3.5 phe": usual(1.0),
    }
    for title, product in (("lowest charge of a group", False), ("product of all", True)):
        print(f"  {title}: {by_rank(product, noise, charge, time, chosen)} gammas below 100 GeV with groups in both")
    fig, panels = style.figure(7.0, (3.1, 3.1))
    colours = (style.SIGNAL, style.MODEL, style.OFF)
    middle = np.sqrt(EDGES[1:] * EDGES[:-1])
    for axis, (trigger, title) in zip(
        panels, {"standard": "standard trigger", "sum": "Sum-Trigger-II"}.items(), strict=True
    ):
        every, energy, kept = images(trigger, cleanings)
        all_of = np.histogram(every, EDGES)[0]
        axis.step(middle, np.histogram(energy, EDGES)[0] / all_of, where="mid", color=style.INK, lw=1, ls=":",
                  label="triggered")  # fmt: skip
        print(f"{title}: {len(energy)} triggers, threshold {peak(energy):.0f} GeV, "
              f"{np.sum(energy < 100)} below 100 GeV, {np.mean(energy < 60):.3f} below 60 GeV")  # fmt: skip
        for (name, good), colour in zip(kept.items(), colours, strict=True):
            at = peak(energy[good])
            fraction = np.histogram(energy[good], EDGES)[0] / all_of
            axis.step(middle, fraction, where="mid", color=colour, label=f"{name} (threshold {at:.0f} GeV)")
            axis.axvline(at, ymin=0.92, color=colour, lw=1.6)
            print(f"  {name}: {np.sum(good & (energy < 100))} below 100 GeV, threshold {at:.0f} GeV")
        axis.set(xscale="log", yscale="log", ylim=(2e-5, 1.0), title=f"{title} (simulated)",
                 ylabel="fraction kept")  # fmt: skip
        axis.legend(loc="lower right", fontsize=8.5)
    panels[-1].set_xlabel("true energy (GeV)")
    panels[-1].set_xlim(LOW, 250)
    fig.savefig(sys.argv[1], dpi=110)


if __name__ == "__main__":
    main()
