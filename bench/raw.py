"""The chain from raw waveforms beside the chain from calibrated files, of the same showers.

Runs ``analyses/crab-raw`` in a folder, then its twin with ``from = "calibrated"``: there the simulator writes what the
extraction of the signal would find, here it writes waveforms and reports, and sorcerer and merpp make the rest. Same
photo-electrons, same triggers, same Monte Carlo and forests; only the noise is drawn anew. Both are run once more with
gammas alone, up to superstar. Printed is how far charges, times, image parameters and spectra agree. Exit code 1 where

- the light of gammas differs: charge of pixels above 10 phe, or median size of images, by more than 3 %,
- their times differ: fewer than 68 % of the pixels above 10 phe within 1 ns,
- the flux above 300 GeV differs by more than 6 %, or the fitted curve between 200 GeV and 1 TeV by more than 8 %.

Flux and curve cannot agree better than so: noise puts about a tenth of the gammas beyond the cuts in one analysis and
not in the other, which makes 2 % for 500 of them.

    .venv/bin/python bench/raw.py --folder /tmp/raw

The folder keeps everything, so an interrupted benchmark goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
SLICE_NS = 1 / 1.64
LIMITS = {"charge": 0.03, "time_ns": 1.0, "size": 0.03, "flux": 0.06, "curve": 0.08}
PARAMETERS = {
    "size": "MHillas.fSize",
    "length": "MHillas.fLength",
    "width": "MHillas.fWidth",
    "leakage": "MNewImagePar.fLeakage1",
    "pixels": "MNewImagePar.fNumUsedPixels",
}


def prepare(folder: Path, level: str, background: bool = True) -> None:
    """Write an analysis folder: that of ``crab-raw``, from a level, with cosmic rays or without."""
    source = ROOT / "analyses" / "crab-raw"
    folder.mkdir(parents=True, exist_ok=True)
    site = (source / "site.toml").read_text()
    if not background:
        site = changed(r"(?m)^background_fraction = \S+", "background_fraction = 0.0", site)
        site = changed(r"(?s)# a field .*", "", site)  # no off runs, no Monte Carlo
    (folder / "site.toml").write_text(site)
    text = (source / "analysis.toml").read_text()
    (folder / "analysis.toml").write_text(changed(r'(?m)^from = "raw"$', f'from = "{level}"', text))


def changed(pattern: str, by: str, text: str) -> str:
    """Replace what must be there once."""
    text, times = re.subn(pattern, by, text)
    assert times == 1, pattern
    return text


def run(folder: Path, *words: str) -> float:
    """Run an analysis and return its seconds; its output is shown only if it fails."""
    begin = time.monotonic()
    command = [ROOT / "doit", f"analysis={folder}", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    return time.monotonic() - begin


def twin(raw: Path, folder: Path) -> None:
    """Give the twin what the first analysis has made: Monte Carlo, off runs and forests are the same."""
    if not folder.exists():
        folder.mkdir(parents=True)
        subprocess.run(["cp", "-rl", raw / "store", folder / "store"], check=True)
    prepare(folder, "calibrated")


def files(folder: Path, kind: str, telescope: int) -> dict[str, Path]:
    """Return the files of the runs of the source, by name."""
    found = (folder / "products" / kind).glob(f"*_M{telescope}_*CrabNebula*.root")
    return {path.name: path for path in sorted(found) if "Off" not in path.name}


def compare_pixels(raw: Path, direct: Path, telescope: int) -> tuple[float, float]:
    """Print how far charges and times agree; return ratio of charges - 1 and width of the times."""
    from openmars.io import read_tree

    rows: list[np.ndarray] = []
    columns = ["MRawEvtHeader.fStereoEvtNumber", "MTriggerPattern.fPrescaled"]
    columns += ["MCerPhotEvt.fPixels.fPhot", "MArrivalTime.fData"]
    events, common, quiet = [0, 0], 0, [[], []]
    others = files(direct, "calibrated", telescope)
    for name, path in files(raw, "calibrated", telescope).items():
        pair = [read_tree(each, "Events", columns) for each in (path, others[name])]
        chosen = [each["MTriggerPattern.fPrescaled"] == 128 for each in pair]
        numbers = [each[columns[0]][ok] for each, ok in zip(pair, chosen, strict=True)]
        _, a, b = np.intersect1d(*numbers, return_indices=True)
        events = [events[0] + len(numbers[0]), events[1] + len(numbers[1])]
        common += len(a)
        charge, times = (
            np.stack([each[column][ok][i][:, :1039] for each, ok, i in zip(pair, chosen, (a, b), strict=True)])
            for column in columns[2:]
        )
        # chosen by both, or the upward fluctuations of one would look like a bias of the other
        bright = charge.mean(axis=0) > 10
        rows.append(np.stack([*charge[:, bright], times[0][bright] - times[1][bright]]))
        for kept, each in zip(quiet, pair, strict=True):
            empty = each["MTriggerPattern.fPrescaled"] == 8
            kept.append(np.asarray(each[columns[2]])[empty][:, :1039].ravel())
    ours, theirs, dt = np.concatenate(rows, axis=1)
    print(f"\nM{telescope}: {events[0]} showers from raw, {events[1]} direct, {common} in common")
    for low, high in ((10, 20), (20, 50), (50, 100), (100, np.inf)):
        ok = (ours + theirs >= 2 * low) & (ours + theirs < 2 * high)
        if ok.any():
            print_pixels(f"{low} to {high:.0f} phe", ours[ok], theirs[ok], dt[ok] * SLICE_NS)
    print_pixels("all above 10 phe", ours, theirs, dt * SLICE_NS)
    for word, kept in zip(("from raw", "direct"), quiet, strict=True):
        noise = np.concatenate(kept)
        print(f"  empty pixels {word}: mean {noise.mean():.3f} phe, rms {noise.std():.3f} phe")
    return float(ours.sum() / theirs.sum() - 1), half_width(dt) * SLICE_NS


def half_width(values: np.ndarray) -> float:
    """Return half of the range that holds the middle 68 %."""
    low, high = np.percentile(values, (16, 84))
    return float(high - low) / 2


def print_pixels(word: str, ours: np.ndarray, theirs: np.ndarray, dt_ns: np.ndarray) -> None:
    """Print how far charges and times of some pixels agree."""
    difference = (ours - theirs) / (ours + theirs) * 2
    far = float(np.mean(np.abs(dt_ns - np.median(dt_ns)) > 3))
    print(
        f"  {word:<18} {len(ours):>7} pixels: charge {ours.sum() / theirs.sum():.4f} ± "
        f"{difference.std() / len(ours) ** 0.5:.4f}, 68 % within {half_width(difference):.3f}; "
        f"time {np.median(dt_ns):+.2f} ns, 68 % within {half_width(dt_ns):.2f} ns, beyond 3 ns {far:.2%}"
    )


def compare_images(raw: Path, direct: Path, telescope: int) -> float:
    """Print how far image parameters agree; return the median ratio of sizes - 1."""
    from openmars.io import read_tree

    number = "MRawEvtHeader.fStereoEvtNumber"
    values: dict[str, list[np.ndarray]] = {name: [] for name in PARAMETERS}
    counts = [0, 0]
    others = files(direct, "star", telescope)
    for name, path in files(raw, "star", telescope).items():
        pair = [read_tree(each, "Events", [number, *PARAMETERS.values()]) for each in (path, others[name])]
        _, a, b = np.intersect1d(pair[0][number], pair[1][number], return_indices=True)
        counts = [counts[0] + len(pair[0][number]), counts[1] + len(pair[1][number])]
        for key, branch in PARAMETERS.items():
            values[key].append(np.stack([pair[0][branch][a], pair[1][branch][b]]))
    joined = {key: np.concatenate(each, axis=1) for key, each in values.items()}
    print(f"M{telescope}: {counts[0]} images from raw, {counts[1]} direct, {joined['size'].shape[1]} in common")
    bright = (joined["size"].sum(axis=0) > 100) & (joined["width"].min(axis=0) > 0)
    for key, (ours, theirs) in joined.items():
        if key == "leakage":
            print(f"  {key:<8} mean {ours[bright].mean():.4f} and {theirs[bright].mean():.4f}")
            continue
        ratio = ours[bright] / theirs[bright]
        low, median, high = np.percentile(ratio, (16, 50, 84))
        print(f"  {key:<8} ratio {median:.4f} (68 % between {low:.3f} and {high:.3f})")
    return float(np.median(joined["size"][0][bright] / joined["size"][1][bright]) - 1)


def fitted(folder: Path) -> dict[str, tuple[float, float | None]]:
    """Return the results of the spectrum: value and error by key."""
    rows = json.loads((folder / "results" / "spectrum.json").read_text())["results"]
    return {row["key"].removeprefix("spectrum."): (row["value"], row["error"]) for row in rows}


def compare_spectra(raw: Path, direct: Path) -> tuple[float, float]:
    """Print both spectra; return the differences of the flux above 300 GeV and of the curve, relative."""
    both = [fitted(folder) for folder in (raw, direct)]
    print(f"\n{'':22}{'from raw':>24}{'direct':>24}{'difference':>12}")
    for key in ("amplitude", "alpha", "beta_log10", "flux_above_300GeV", "excess", "effective_time"):
        cells = [f"{value:.4g}" + (f" ± {error:.2g}" if error else "") for value, error in (each[key] for each in both)]
        difference = both[0][key][0] / both[1][key][0] - 1
        print(f"{key:22}{cells[0]:>24}{cells[1]:>24}{difference:>+12.2%}")
    energy = np.geomspace(0.2, 1.0, 25)
    curves = [
        each["amplitude"][0] * energy ** -(each["alpha"][0] + each["beta_log10"][0] * np.log10(energy)) for each in both
    ]
    ratio = curves[0] / curves[1]
    print("curve from 200 GeV to 1 TeV: " + ", ".join(f"{value - 1:+.1%}" for value in ratio[::6]))
    flux = both[0]["flux_above_300GeV"][0] / both[1]["flux_above_300GeV"][0] - 1
    return flux, float(np.abs(ratio - 1).max())


def main() -> None:
    """Run the analyses and compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where to work; keeps about 2 GB")
    folder = parser.parse_args().folder.resolve()
    gammas = folder / "gammas-raw", folder / "gammas-calibrated"
    for each, level in zip(gammas, ("raw", "calibrated"), strict=True):
        prepare(each, level, background=False)
        print(f"gammas alone, from {level}: {run(each, 'superstar'):.0f} s", flush=True)
    found: dict[str, float] = {}
    for telescope in (1, 2):
        charge, time_ns = compare_pixels(*gammas, telescope)
        size = compare_images(*gammas, telescope)
        for key, value in (("charge", charge), ("time_ns", time_ns), ("size", size)):
            found[key] = max(found.get(key, 0.0), abs(value))
    raw, direct = folder / "raw", folder / "calibrated"
    prepare(raw, "raw")
    print(f"\nwith cosmic rays, from raw: {run(raw):.0f} s", flush=True)
    twin(raw, direct)
    print(f"from calibrated, with the same Monte Carlo and forests: {run(direct):.0f} s", flush=True)
    for telescope in (1, 2):
        compare_pixels(raw, direct, telescope)
        compare_images(raw, direct, telescope)
    flux, curve = compare_spectra(raw, direct)
    found |= {"flux": abs(flux), "curve": curve}
    beyond = {key: value for key, value in found.items() if not value <= LIMITS[key]}
    print("\n" + ", ".join(f"{key} {value:.3f} (limit {LIMITS[key]:g})" for key, value in found.items()))
    sys.exit(f"beyond the limit: {', '.join(beyond)}" if beyond else 0)


if __name__ == "__main__":
    main()
