"""Plot the stand-in's performance beside MAGIC's published one.

Reads the simulated test gammas and the DL3 files of an analysis that ran, e.g. ``analyses/crab``:

    .venv/bin/python bench/performance.py analyses/crab docs/images/performance.png

Energy bias and resolution, angular resolution and effective area against energy. MAGIC's values are those of
`magic_2015_performance.csv` (Aleksic et al. 2016); its effective area after cuts comes from a real DL3 file where
``AUTOMAGIC_DATA`` names a folder with some. The stand-in's shower model is simple: where the curves differ, the table
printed says by how much.
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import uproot
from astropy.table import Table

HERE = Path(__file__).parent
MAGIC, OURS = "0.35", "#c1121f"
BRANCHES = {
    "energy_true": "MMcEvt_1.fEnergy",
    "energy": "MEnergyEst.fEnergy",
    "hadronness": "MHadronness.fHadronness",
    "x": "MStereoParDisp.fDirectionX",
    "y": "MStereoParDisp.fDirectionY",
    "source_x": "MSrcPosCam_1.fX",
    "source_y": "MSrcPosCam_1.fY",
    "size_1": "MHillas_1.fSize",
    "size_2": "MHillas_2.fSize",
}
MM_TO_DEG = 0.00337  # MAGIC's camera scale, facts of ctapipe_io_magic


def published() -> dict[str, np.ndarray]:
    """Tables of the paper by quantity: rows of (energy_min, energy_max, value), energies in GeV."""
    lines = [line for line in (HERE / "magic_2015_performance.csv").read_text().splitlines() if line[0] != "#"]
    rows: dict[str, list[list[float]]] = {}
    for row in csv.DictReader(lines):
        rows.setdefault(row["quantity"], []).append(
            [float(row["energy_min_gev"]), float(row["energy_max_gev"]), float(row["value"])]
        )
    return {name: np.array(values) for name, values in rows.items()}


def test_gammas(folder: Path) -> dict[str, np.ndarray]:
    """Events of all simulated test gammas of an analysis, size above 50 phe in both telescopes and a valid energy."""
    files = sorted(folder.glob("products/mc/GA_*_Q_*.root"))
    if not files:
        raise SystemExit(f"no simulated test gammas under {folder}/products/mc; run ./doit analysis={folder.name}")
    parts = []
    for file in files:
        with uproot.open(file) as root:
            parts.append(root["Events"].arrays(list(BRANCHES.values()), library="np"))
    events = {name: np.concatenate([part[b] for part in parts]) for name, b in BRANCHES.items()}
    good = (events["size_1"] > 50) & (events["size_2"] > 50) & (events["energy"] > 0)
    return {name: values[good] for name, values in events.items()}


def measured(events: dict[str, np.ndarray], tables: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Our values in the paper's bins: median and 68 % half width of (E_est - E_true) / E_true, and θ68 in deg.

    The paper bins θ68 in estimated energy around its nominal values and fits a Gaussian for σ; half of the central
    68 % interval is the same for a Gaussian and does not depend on a fit.
    """
    hadronlike = events["hadronness"] > 0.5
    kept = {name: values[~hadronlike] for name, values in events.items()}
    migration = kept["energy"] / kept["energy_true"] - 1
    theta = np.hypot(kept["x"] - kept["source_x"] * MM_TO_DEG, kept["y"] - kept["source_y"] * MM_TO_DEG)
    result: dict[str, list[list[float]]] = {"sigma": [], "bias": [], "theta68": []}
    for low, high, _ in tables["sigma"]:
        inside = migration[(kept["energy_true"] >= low) & (kept["energy_true"] < high)]
        if len(inside) < 50:
            continue
        q16, q50, q84 = np.percentile(inside, [15.87, 50, 84.13])
        result["sigma"].append([low, high, (q84 - q16) / 2])
        result["bias"].append([low, high, q50])
    for energy, _, _ in tables["theta68"]:
        inside = theta[np.abs(np.log10(kept["energy"] / energy)) < 0.1]
        if len(inside) >= 50:
            result["theta68"].append([energy, energy, np.percentile(inside, 68)])
    return {name: np.array(rows) for name, rows in result.items()}


def effective_area(files: list[Path]) -> tuple[np.ndarray, np.ndarray] | None:
    """Energy (GeV) and effective area (m2) of the first DL3 file, or None where there is none."""
    if not files:
        return None
    row = Table.read(files[0], hdu="EFFECTIVE AREA")[0]
    return np.sqrt(row["ENERG_LO"] * row["ENERG_HI"]) * 1000, np.asarray(row["EFFAREA"])[0]


def main() -> None:
    """Print the comparison and draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("analysis", type=Path)
    parser.add_argument("plot", type=Path)
    options = parser.parse_args()
    tables = published()
    ours = measured(test_gammas(options.analysis), tables)
    areas = {
        "simulated": effective_area(sorted(options.analysis.glob("products/dl3/*_DL3_*.fits"))),
        "MAGIC": effective_area(sorted(Path(os.environ.get("AUTOMAGIC_DATA", "/nonexistent")).glob("*_DL3_*.fits"))),
    }

    figure, axes = plt.subplots(2, 2, figsize=(10, 7), layout="constrained")
    titles = {"sigma": "energy resolution", "bias": "energy bias", "theta68": "angular resolution θ68 [deg]"}
    for axis, (name, title) in zip(axes.flat, titles.items(), strict=False):
        centre = np.sqrt(tables[name][:, 0] * tables[name][:, 1])
        axis.plot(centre, tables[name][:, 2], "s-", color=MAGIC, label="MAGIC, Aleksić et al. 2016")
        axis.plot(
            np.sqrt(ours[name][:, 0] * ours[name][:, 1]),
            ours[name][:, 2],
            "o-",
            color=OURS,
            label="openmars (simulated)",
        )
        axis.set(xscale="log", title=title, xlabel="energy [GeV]")
        axis.axhline(0, color="0.8", lw=0.8)
        print(f"{title}\n{'GeV':>12} {'MAGIC':>8} {'openmars':>9}")
        for low, high, value in ours[name]:
            reference = tables[name][tables[name][:, 0] == low, 2][0]
            print(f"{np.sqrt(low * high):12.0f} {reference:8.3f} {value:9.3f}")
    axis = axes.flat[3]
    for (name, area), colour in zip(areas.items(), (OURS, MAGIC), strict=True):
        if area is not None:
            axis.plot(
                *area,
                "o-",
                ms=3,
                color=colour,
                label={"MAGIC": "MAGIC, public Crab run"}.get(name, "openmars (simulated)"),
            )
    axis.set(
        xscale="log",
        yscale="log",
        ylim=(1e2, 1e6),
        title="effective area after cuts [m²]",
        xlabel="energy [GeV]",
    )
    for axis in axes.flat:
        axis.grid(alpha=0.25)
        axis.legend(frameon=False, fontsize=8)
    options.plot.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.plot, dpi=130, metadata={"Software": None})


if __name__ == "__main__":
    main()
