"""Down to which transmission does the correction for haze give the true flux?

Runs ``analyses/crab-haze`` with a night for each of several transmissions of dust above the telescopes, corrected and
not, with one Monte Carlo and the same forests; prints flux over true flux for each, and draws it:

    .venv/bin/python bench/haze.py --folder /tmp/haze --plot docs/images/haze.png

The folder keeps everything, so an interrupted benchmark goes on where it stopped.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
TRANSMISSIONS = (1.0, 0.85, 0.7, 0.6, 0.5, 0.4)
FACTOR = 10.0
"""Of the true spectrum in each run."""
RUNS = (5029747, 5029847, 5029947, 5030347, 5030247, 5030447)
"""Of the runs; those that the demo has as well keep its numbers."""

Points = dict[float, tuple[float, float]]
"""Flux over true flux and its error, by transmission."""


def prepare(folder: Path, correct: str) -> None:
    """Write the analysis: that of the demo with other nights, and no limit on the transmission."""
    source = ROOT / "analyses" / "crab-haze"
    folder.mkdir(parents=True, exist_ok=True)
    site = (source / "site.toml").read_text()
    head, off = site[: site.index("[[simulate.runs]]")], site[site.index("[[simulate.off]]") :]
    runs = [
        f"[[simulate.runs]]\nrun = {RUNS[i]}\n"
        # four minutes earlier each night: the same zenith distance
        f'start = "2013-10-{5 + i:02d}T{(245 - 4 * i) // 60:02d}:{(245 - 4 * i) % 60:02d}:00Z"\n'
        + f'minutes = 8\nwobble = "W0.40+035"\nflux = {FACTOR:g}\nhaze = {transmission}\n'
        for i, transmission in enumerate(TRANSMISSIONS)
    ]
    (folder / "site.toml").write_text(head + "\n".join(runs) + "\n" + off)
    analysis = (source / "analysis.toml").read_text()
    analysis = re.sub(r'(?m)^correct = "lidar"', f'correct = "{correct}"', analysis)
    analysis = re.sub(r"(?m)^\[data\]$", "[data]\ntransmission = 0.1", analysis)
    (folder / "analysis.toml").write_text(analysis)


def run(folder: Path) -> None:
    """Run the analysis; its output is shown only if it fails."""
    done = subprocess.run([ROOT / "doit", f"analysis={folder}"], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])


def fluxes(folder: Path) -> Points:
    """Read the light curve run by run."""
    from astropy.table import Table

    rows = Table.read(folder / "results" / "lightcurve-run.ecsv", format="ascii.ecsv")
    points = {}
    for transmission, row in zip(TRANSMISSIONS, rows, strict=True):
        low, high, flux, error = (float(np.ravel(row[key])[0]) for key in ("e_min", "e_max", "flux", "flux_err"))
        energy = np.geomspace(low, high, 2000)
        true = FACTOR * np.trapezoid(3.23e-11 * energy ** -(2.47 + 0.24 * np.log10(energy)), energy)
        points[transmission] = flux / true, error / true
    return points


def draw(path: Path, corrected: Points, plain: Points) -> None:
    """Draw flux over true flux against the transmission."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for points, label, form in ((plain, "not corrected", "s"), (corrected, "corrected with the LIDAR's profiles", "o")):
        value, error = np.array(list(points.values())).T
        axes.errorbar(list(points), value, error, fmt=form, capsize=3, label=label, mfc="w" if form == "s" else None)
    axes.axhline(1, color="0.4", lw=1)
    axes.axvspan(0.65, 1.02, color="tab:green", alpha=0.08, lw=0)
    axes.text(0.655, 1.27, "validated by MAGIC (A&A 673, A2)", fontsize=8, color="tab:green", va="top")
    axes.set(xlabel="transmission of dust below 9 km", ylabel="flux above 250 GeV / true flux")
    axes.set(xlim=(0.36, 1.02), ylim=(0, 1.3))
    axes.legend(loc="lower right", frameon=False)
    axes.set_title("SIMULATED: the Crab Nebula, ten times as bright, 8 min each", fontsize=10)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main() -> None:
    """Run both analyses, print the table, draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where to work; keeps a GB")
    parser.add_argument("--plot", type=Path, help="file for the plot")
    options = parser.parse_args()
    folder = options.folder.resolve()
    found = {}
    for correct in ("lidar", "none"):
        prepare(folder, correct)
        run(folder)
        found[correct] = fluxes(folder)
    print(f"{'transmission':>12} {'corrected':>18} {'not corrected':>18}   (flux / true flux)")
    for transmission in TRANSMISSIONS:
        texts = [f"{value:.3f} ± {error:.3f}" for value, error in (found[c][transmission] for c in ("lidar", "none"))]
        print(f"{transmission:12.2f} {texts[0]:>18} {texts[1]:>18}")
    if options.plot:
        draw(options.plot, found["lidar"], found["none"])


if __name__ == "__main__":
    main()
