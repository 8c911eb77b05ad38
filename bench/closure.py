"""Closure of the whole chain: is what was simulated what comes out?

Runs the analysis ``analyses/crab`` again and again with other observations of the same length (other run numbers give
other random numbers; the Monte Carlo is the same, so that its tasks are up to date after the first time), and for two
other spectra. Prints the pull (fitted - true) / error of amplitude and index for each, their mean and width, and
whether the fitted curve stays within its own 2 sigma band between 200 GeV and 5 TeV:

    .venv/bin/python bench/closure.py --seeds 10 --folder /tmp/closure

The folder keeps everything, so an interrupted benchmark goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
CRAB = {"model": "log-parabola", "amplitude": 3.23e-11, "alpha": 2.47, "beta": 0.24}
OTHERS = {
    "hard power law": {"model": "power-law", "amplitude": 2.5e-11, "alpha": 2.1, "beta": 0.0},
    "soft log-parabola": {"model": "log-parabola", "amplitude": 2.0e-11, "alpha": 2.9, "beta": 0.15},
}


@dataclass
class Outcome:
    """One analysis.

    Its name, the pulls of amplitude and index, the largest deviation of the fitted curve from the truth in sigmas of
    its band, and the probability of a constant flux from run to run.
    """

    name: str
    amplitude: float
    index: float
    band: float
    constant: float


def prepare(folder: Path, truth: dict[str, float | str], shift: int) -> None:
    """Write the analysis: that of the Crab with its runs renumbered and another truth."""
    source = ROOT / "analyses" / "crab"
    folder.mkdir(parents=True, exist_ok=True)
    site = (source / "site.toml").read_text()
    start = site.index("[[simulate.runs]]")
    end = site.find("[[simulate.off]]")
    runs = re.sub(r"(?m)^(run\s*=\s*)(\d+)", lambda m: f"{m[1]}{int(m[2]) + shift}", site[start:end])
    site = re.sub(r"(?ms)^\[simulate\.spectrum\].*?(?=^\[|\Z)", "", site[:start] + runs + site[end:])
    spectrum = "\n".join(f"{key} = {json.dumps(value)}" for key, value in truth.items())
    (folder / "site.toml").write_text(f"{site.rstrip()}\n\n[simulate.spectrum]\n{spectrum}\n")
    analysis = (source / "analysis.toml").read_text()
    analysis = re.sub(r'(?m)^model\s*=\s*"[^"]*"', f'model = "{truth["model"]}"', analysis)
    (folder / "analysis.toml").write_text(analysis)


def flux(energy: np.ndarray, amplitude: float, alpha: float, beta: float) -> np.ndarray:
    """dN/dE of a log-parabola at 1 TeV, `beta` with the decimal logarithm as in MAGIC's papers."""
    return amplitude * energy ** -(alpha + beta * np.log10(energy))


def judge(name: str, folder: Path, truth: dict[str, float | str]) -> Outcome:
    """Compare ``results/spectrum.json`` with the truth."""
    fit = json.loads((folder / "results" / "spectrum.json").read_text())
    rows = {row["key"]: row for row in fit["results"]}
    names = ["amplitude", "index"] if truth["model"] == "power-law" else ["amplitude", "alpha", "beta"]
    scale = np.array([1.0, 1.0, np.log(10)][: len(names)])  # Gammapy's beta uses the natural logarithm
    values = np.array([rows[f"spectrum.{key}"]["value"] for key in names]) * scale
    order = [fit["covariance"]["parameters"].index(key) for key in names]
    covariance = np.array(fit["covariance"]["matrix"])[np.ix_(order, order)] * np.outer(scale, scale)
    true = np.array([float(truth[key]) for key in ("amplitude", "alpha", "beta")][: len(names)])
    pulls = (values - true) / np.sqrt(np.diag(covariance))

    energy = np.geomspace(0.2, 5, 25)
    log = np.log(energy)
    gradient = np.stack([np.full_like(log, 1 / values[0]), -log, -log * np.log10(energy)][: len(names)])
    sigma = np.sqrt(np.einsum("ie,ij,je->e", gradient, covariance, gradient))
    padded, padded_true = np.zeros(3), np.zeros(3)
    padded[: len(names)], padded_true[: len(names)] = values, true
    deviation = np.log(flux(energy, *padded) / flux(energy, *padded_true)) / sigma
    curve = {
        row["key"]: row["value"] for row in json.loads((folder / "results" / "lightcurve.json").read_text())["results"]
    }
    return Outcome(name, pulls[0], pulls[1], float(np.abs(deviation).max()), curve["lightcurve.run.p_value"])


def run(folder: Path) -> None:
    """Run the analysis; its output is shown only if it fails."""
    done = subprocess.run([ROOT / "doit", f"analysis={folder}"], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])


def main() -> None:
    """Run them all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="how many times the Crab is observed")
    parser.add_argument("--folder", type=Path, required=True, help="where to work; keeps several GB")
    options = parser.parse_args()
    folder = options.folder.resolve()
    cases = [(f"Crab {i}", CRAB, 100 * i) for i in range(options.seeds)]
    cases += [(name, truth, 5000 + 100 * i) for i, (name, truth) in enumerate(OTHERS.items())]
    outcomes = []
    print(f"{'':20} {'amplitude':>10} {'index':>8} {'band max':>9} {'p constant':>11}   (pulls, in sigma)")
    for name, truth, shift in cases:
        prepare(folder, truth, shift)
        run(folder)
        outcomes.append(judge(name, folder, truth))
        last = outcomes[-1]
        print(f"{name:20} {last.amplitude:10.2f} {last.index:8.2f} {last.band:9.2f} {last.constant:11.3f}", flush=True)
    crab = outcomes[: options.seeds]
    for key in ("amplitude", "index"):
        pulls = np.array([getattr(outcome, key) for outcome in crab])
        width = pulls.std(ddof=1)
        print(f"{key}: mean {pulls.mean():+.2f} ± {width / len(pulls) ** 0.5:.2f}, width {width:.2f}")
    within = sum(outcome.band <= 2 for outcome in crab)
    print(f"within its own 2 sigma band between 200 GeV and 5 TeV: {within} of {len(crab)}")


if __name__ == "__main__":
    main()
