"""What docs/kinds/moon.md tells in numbers: noise that survives the cleaning, and dark gammas that are given noise.

    .venv/bin/python -m bench.moonlight

Half a minute. Everything is simulated with openmars.
"""

from __future__ import annotations

import numpy as np

from openmars.core.env import Env
from openmars.imaging.images import CleaningLevels, describe_images
from openmars.imaging.pixels import NoiseAdder
from openmars.sim.events import Conditions
from openmars.sim.generate import pedestal_events, simulate_gammas

PIXELS = 1039
NOISE = (
    (1.0, "nominal", (6.0, 3.5)),
    (5.0, "nominal", (8.0, 5.0)),
    (8.0, "nominal", (9.0, 5.5)),
    (10.0, "reduced", (13.0, 8.0)),
    (15.0, "reduced", (14.0, 9.0)),
)
"""NSB, high voltage, cleaning levels."""
GAMMAS = ((2.5, (7.0, 4.5), (2.67, 1.27)), (4.0, (8.0, 5.0), (3.18, 1.48)), (6.5, (9.0, 5.5), (3.84, 1.74)))
"""NSB, cleaning levels, mean and rms of the pedestals (catalog/nsb_levels.csv)."""


def surviving() -> None:
    """Print the share of 2000 cameras without light in which pixels survive."""
    for nsb, hv, own in NOISE:
        charge, time = (each.reshape(-1, PIXELS) for each in pedestal_events(2, 1000, Conditions(nsb_level=nsb, hv=hv)))
        shares = [
            describe_images(charge, time, CleaningLevels(*levels), 1.639, keep_masks=True).masks.any(axis=1).mean()
            for levels in ((6.0, 3.5), own)
        ]
        print(f"NSB {nsb:g}, {hv} HV: {shares[0]:.2%} survive 6/3.5, {shares[1]:.2%} {own[0]:g}/{own[1]:g}")


def showers() -> None:
    """Print sizes of gammas that were given noise beside those simulated under it, and how many more trigger."""
    for nsb, levels, (mean, rms) in GAMMAS:
        card = f"MJStar.UseAddNoise: yes\nMJStar.MAddNoise.NewNoiseMean: {mean}\nMJStar.MAddNoise.NewNoiseRMS: {rms}\n"
        for energy, n in ((300.0, 2000), (1000.0, 1200)):
            found = []
            for conditions in (Conditions(nsb_level=nsb), Conditions()):
                events = list(simulate_gammas(5, np.full(n, energy), 20.4, 0.0, 20.0, 0.0, conditions, 250.0))
                charge = np.concatenate([each.charge for each in events]).reshape(-1, PIXELS)
                time = np.concatenate([each.arrival_time for each in events]).reshape(-1, PIXELS)
                if conditions.nsb_level == 1.0:
                    dark = np.full(PIXELS, 2.0), np.full(PIXELS, 1.0)
                    NoiseAdder(Env.parse(card)).add(charge, time, *dark, 50, (1, 1, 1))
                images = describe_images(charge, time, CleaningLevels(*levels), 1.639)
                size = np.where(images.status == 0, images["size"], 0.0).reshape(-1, 2)
                found.append(dict(zip(np.concatenate([each.index for each in events]).tolist(), size, strict=True)))
            under, dark_ones = found
            both = np.array([(under[i], dark_ones[i]) for i in under.keys() & dark_ones.keys()])
            good = (both > 50).all(axis=(1, 2))
            ratio = np.median(both[good, 1] / both[good, 0])
            counts = [sum(bool((size > 100).all()) for size in each.values()) for each in found]
            print(
                f"NSB {nsb:g}, {energy:g} GeV: size with added noise / simulated {ratio:.3f}; "
                f"above 100 phe in both telescopes {counts[0]} simulated, {counts[1]} with added noise "
                f"({counts[0] / counts[1] - 1:+.1%})"
            )


if __name__ == "__main__":
    surviving()
    showers()
