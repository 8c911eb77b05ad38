"""star, superstar and melibea beside their counterparts of magic-cta-pipe 0.6.2: speed and agreement.

Both work on the same calibrated subrun, whole processes from file to file, on one core and one thread. Printed are
wall and processor times, events per second, their ratio, and how far cleaned pixels, image parameters and stereo
parameters agree. The subrun is simulated with openmars, or taken from ``--calibrated`` (``_Y_`` files of M1 and M2).

    python bench/chain.py --mcp-env ~/.cache/automagic/mcp --work /tmp/chain

``--mcp-env`` is a folder for an environment of magic-cta-pipe's own (its pins differ from ours); it is made if
missing, which downloads about 300 packages. Times are those of the machine as it is: leave it alone meanwhile.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from chain_compare import compare_all
from chain_models import make_gammas, time_melibea, time_theirs
from chain_run import MERGE, Timing, best_of, mcp_card, openmars, run

ROOT = Path(__file__).resolve().parents[1]
MCP = "magic-cta-pipe==0.6.2"
TRIGGER_RATE_HZ = 76.0
"""Stereo triggers per second of the simulation at its full rate of cosmic rays."""


def make_environment(folder: Path) -> Path:
    """Give the folder with the commands of magic-cta-pipe, made anew if there is none."""
    python = folder / "bin" / "python"
    if not python.exists():
        if uv := shutil.which("uv"):
            subprocess.run([uv, "venv", "--python", "3.11", folder], check=True)
            subprocess.run([uv, "pip", "install", "--python", python, MCP], check=True)
        else:
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
            subprocess.run([python, "-m", "pip", "install", MCP], check=True)
    return folder / "bin"


def make_subrun(work: Path, events: int) -> Path:
    """Simulate a subrun of about so many stereo triggers of both telescopes."""
    folder = work / "calibrated"
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob("*_Y_*.root")):
        card = work / "sim.rc"
        duration = events / TRIGGER_RATE_HZ
        card.write_text(
            "Sim.Kind: observation\nSim.Run: 5029747\nSim.Seed: 5\nSim.Subruns: 1\n"
            f"Sim.Duration: {duration:.1f}\nSim.BackgroundFraction: 1\n"
        )
        print(f"simulating {duration:.0f} s of observation …", flush=True)
        run([openmars("openmars-sim"), "-f", f"--config={card}", f"--out={folder}"], work / "sim.log")
    return folder


def counted(folder: Path) -> dict[int, int]:
    """Number of showers in the calibrated file of each telescope."""
    from openmars.io import read_tree

    out = {}
    for telescope in (1, 2):
        paths = sorted(folder.glob(f"*_M{telescope}_*_Y_*.root"))
        if len(paths) != 1:
            sys.exit(f"{folder}: {len(paths)} calibrated files of M{telescope}; one is wanted")
        pattern = read_tree(paths[0], "Events", ["MTriggerPattern.fPrescaled"])["MTriggerPattern.fPrescaled"]
        out[telescope] = int(np.isin(pattern, (1, 32, 128)).sum())
    return out


def stereo_events(work: Path) -> int:
    """Number of stereo events that superstar found."""
    from openmars.io import open_root

    (path,) = (work / "openmars").glob("*_S_*.root")
    return open_root(path).entries("Events")


def run_ours(work: Path, folder: Path, events: dict[int, int], repeats: int) -> list[Timing]:
    """Time star and superstar."""
    out, log = work / "openmars", work / "openmars.log"
    shutil.rmtree(out, ignore_errors=True)
    timings = []
    for telescope in (1, 2):
        words = [openmars("star"), "-b", "-q", "-f", f"--ind={folder}/*_M{telescope}_*_Y_*.root"]
        run([*words, "-saveimagesclean", f"--out={out}/images"], log)  # also compiles what is not yet compiled
        wall, cpu = best_of(repeats, [*words, f"--out={out}"], log)
        timings.append(Timing(f"star M{telescope}", wall, cpu, events[telescope]))
    words = [openmars("superstar"), "-b", "-q", "-f", f"--out={out}"]
    words += [f"--ind{t}={out}/*_M{t}_*_I_*.root" for t in (1, 2)]
    run(words, log)
    wall, cpu = best_of(repeats, words, log)
    return [*timings, Timing("superstar", wall, cpu, min(events.values()))]


def run_theirs(work: Path, folder: Path, tools: Path, events: dict[int, int], compare: int) -> list[Timing]:
    """Time magic_calib_to_dl1, the merging of its files (not counted) and lst1_magic_stereo_reco."""
    out, log = work / "mcp", work / "mcp.log"
    shutil.rmtree(out, ignore_errors=True)
    plain, images = (mcp_card(work, tools, save) for save in (False, True))
    timings = []
    for telescope in (1, 2):
        (path,) = folder.glob(f"*_M{telescope}_*_Y_*.root")
        words = [tools / "magic_calib_to_dl1", "--magic-only", "--input-file", path]
        print(f"magic_calib_to_dl1 on M{telescope} …", flush=True)
        wall, cpu = run([*words, "--output-dir", out / "dl1", "--config-file", plain], log)
        timings.append(Timing(f"magic_calib_to_dl1 M{telescope}", wall, cpu, events[telescope]))
        run([*words, "--output-dir", out / "images", "--config-file", images, "--max-evt", compare], log)
    run([tools / "python", "-c", MERGE, out / "dl1", out / "merged"], log)
    (merged,) = (out / "merged").glob("*.h5")
    print("lst1_magic_stereo_reco …", flush=True)
    words = [tools / "lst1_magic_stereo_reco", "--magic-only", "--input-file", merged, "--output-dir", out / "stereo"]
    wall, cpu = run([*words, "--config-file", plain], log)
    return [*timings, Timing("lst1_magic_stereo_reco", wall, cpu, min(events.values()))]


def print_speed(ours: list[Timing], theirs: list[Timing]) -> None:
    """Print the table of times."""
    print(f"\n{'program':<26}{'events':>8}{'wall s':>9}{'cpu s':>9}{'ev/s wall':>11}{'ev/s cpu':>11}")
    for timing in [t for pair in zip(theirs, ours, strict=True) for t in pair]:
        print(f"{timing.name:<26}{timing.events:>8}{timing.wall:>9.2f}{timing.cpu:>9.2f}"
              f"{timing.events / timing.wall:>11.0f}{timing.events / timing.cpu:>11.0f}")  # fmt: skip
    print(f"\n{'times as fast':<26}{'wall':>8}{'cpu':>9}")
    for our, their in zip(ours, theirs, strict=True):
        print(f"{our.name:<26}{their.wall / our.wall:>8.0f}{their.cpu / our.cpu:>9.0f}")


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mcp-env", type=Path, required=True, help="environment of magic-cta-pipe, made if missing")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is made meanwhile")
    parser.add_argument("--calibrated", type=Path, help="folder with the calibrated files of one subrun")
    parser.add_argument("--events", type=int, default=10_000, help="events to simulate otherwise")
    parser.add_argument("--compare", type=int, default=2_000, help="events whose pixels are compared")
    parser.add_argument("--repeats", type=int, default=3, help="runs of our programs; the quickest counts")
    parser.add_argument("--gammas", type=Path, help="folder with calibrated MC files of runs 1001 and 1002")
    parser.add_argument("--no-models", action="store_true", help="leave melibea out: no training")
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    tools = make_environment(options.mcp_env.resolve())
    folder = options.calibrated.resolve() if options.calibrated else make_subrun(work, options.events)
    events = counted(folder)
    ours = run_ours(work, folder, events, options.repeats)
    theirs = run_theirs(work, folder, tools, events, options.compare)
    if not options.no_models:
        gammas = options.gammas.resolve() if options.gammas else make_gammas(work)
        stereo = stereo_events(work)
        ours.append(time_melibea(work, gammas, stereo, options.repeats))
        theirs.append(time_theirs(work, gammas, tools, stereo))
    print_speed(ours, theirs)
    dump = Path(__file__).with_name("chain_dump.py")
    subprocess.run([tools / "python", dump, work / "mcp", work / "mcp.npz"], check=True)
    agreement = compare_all(work / "openmars", work / "mcp.npz")
    result = {"speed": [vars(t) for t in ours + theirs], "agreement": agreement}
    (work / "chain.json").write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
