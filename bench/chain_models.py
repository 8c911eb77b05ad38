"""Trains models for both sides and times melibea beside lst1_magic_dl1_stereo_to_dl2; used by ``chain.py``.

Both are trained with the same two files of gammas. magic-cta-pipe trains its classifier with proton Monte Carlo, which
openmars does not write: its "protons" are the gammas of the second file, so its gammaness means nothing here
and only its time counts. For melibea the events of the subrun stand for the background.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from chain_run import MERGE, Timing, best_of, mcp_card, openmars, run

SHOWERS = 8_000
RUNS = (1001, 1002)


def make_gammas(work: Path) -> Path:
    """Simulate two files of gammas."""
    folder = work / "gammas"
    folder.mkdir(parents=True, exist_ok=True)
    for number in RUNS:
        if len(list(folder.glob(f"GA_M?_*_{number}_Y_*.root"))) < 2:
            card = work / f"gammas{number}.rc"
            card.write_text(f"Sim.Kind: gamma\nSim.Showers: {SHOWERS}\nSim.Run: {number}\nSim.Seed: {number}\n")
            run([openmars("openmars-sim"), "-f", f"--config={card}", f"--out={folder}"], work / "sim.log")
    return folder


def time_melibea(work: Path, gammas: Path, events: int, repeats: int) -> Timing:
    """Train with coach and time melibea on the stereo events of the subrun."""
    out, log = work / "openmars-models", work / "openmars.log"
    shutil.rmtree(out, ignore_errors=True)
    for number in RUNS:
        for t in (1, 2):
            words = [openmars("star"), "-b", "-q", "-f", "-mc", f"--ind={gammas}/GA_M{t}_*_{number}_Y_*.root"]
            run([*words, f"--out={out}"], log)
        words = [openmars("superstar"), "-b", "-q", "-f", "-mc", f"--out={out}"]
        run([*words, *(f"--ind{t}={out}/GA_M{t}_*_{number}_I_*.root" for t in (1, 2))], log)
    words = [openmars("selectmc"), "-b", "-q", "-f", "-joinmc", f"--pathMC={out}/GA_*_S_w0.root", f"--out={out}"]
    run([*words, "--outname=GA_za05to35_S_w0.root"], log)
    (subrun,) = (work / "openmars").glob("*_S_*.root")
    words = [openmars("coach"), "-b", "-q", "-f", "-RFgh", "-RFdisp", "-LUTs", f"--rc=RF.outpath:{out}"]
    run([*words, f"--rc=RF.mcdata:{out}/GA_za05to35_S_w0_1.root", f"--rc=RF.data:{subrun}"], log)
    words = [openmars("melibea"), "-b", "-q", "-f", "--stereo", f"--ind={subrun}", f"--out={out}", "--rf"]
    words += [f"--rftree={out}/RF.root", "--calc-disp-rf", "--calc-disp2-rf", "--calcstereodisp", "-erec"]
    words += [f"--rfdisptree={out}/disp1/DispRF.root", f"--rfdisp2tree={out}/disp2/DispRF.root"]
    words += [f"--etab={out}/Energy_Table.root", "--disp-rf-sstrained"]
    run(words, log)
    wall, cpu = best_of(repeats, words, log)
    return Timing("melibea", wall, cpu, events)


def time_theirs(work: Path, gammas: Path, tools: Path, events: int) -> Timing:
    """Train magic-cta-pipe's forests and time their application to the same subrun."""
    out, log = work / "mcp-models", work / "mcp.log"
    shutil.rmtree(out, ignore_errors=True)
    card = mcp_card(work, tools, save_images=False)
    kinds = dict(zip(RUNS, ("gamma", "proton"), strict=True))
    for number, kind in kinds.items():
        for path in sorted(gammas.glob(f"GA_M?_*_{number}_Y_*.root")):
            words = [tools / "magic_calib_to_dl1", "--magic-only", "--input-file", path, "--config-file", card]
            run([*words, "--output-dir", out / kind / "dl1"], log)
        for path in list((out / kind / "dl1").glob("dl1_M?_GA_*.h5")):  # else they are not merged
            path.rename(path.with_name(f"{path.name[:6]}.Run{number}.h5"))
        run([tools / "python", "-c", MERGE, out / kind / "dl1", out / kind / "merged"], log)
        (merged,) = (out / kind / "merged").glob("*.h5")
        words = [tools / "lst1_magic_stereo_reco", "--magic-only", "--input-file", merged, "--config-file", card]
        run([*words, "--output-dir", out / kind], log)
        for path in list((out / kind).glob("dl1_stereo_magic_only_*.h5")):
            path.rename(path.with_name(path.name.replace("_magic_only", "")))
    words = [tools / "lst1_magic_train_rfs", "-g", out / "gamma", "-p", out / "proton", "-o", out / "rf", "-c", card]
    run([*words, "--train-energy", "--train-disp", "--train-classifier", "--use-unsigned"], log)
    (stereo,) = (work / "mcp" / "stereo").glob("*.h5")
    print("lst1_magic_dl1_stereo_to_dl2 …", flush=True)
    words = [tools / "lst1_magic_dl1_stereo_to_dl2", "-d", stereo, "-r", out / "rf", "-o", out]
    wall, cpu = run(words, log)
    return Timing("dl1_stereo_to_dl2", wall, cpu, events)
