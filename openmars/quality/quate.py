"""quate: which runs are good, and which minutes of them are bad.

Options, names of outputs and keys of the card are those of MARS as far as known. How MARS averages, what it counts as
stars, what ``excluded_1.times`` and ``excluded_2.times`` hold and the form of these files are not public. Here a run
is judged by its means, or with ``--times`` in slices of a minute: ``excluded.times`` has all bad intervals,
``excluded_1.times`` and ``excluded_2.times`` those of which reports of one telescope alone tell. There is no
``Overview.pdf``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from openmars.core import WARNING, Context, InputError, Option, Program, ProgramError

if TYPE_CHECKING:
    from openmars.quality.conditions import Conditions
    from openmars.quality.cuts import Verdict

KINDS = ("good", "bad", "out-of-zd", "out-of-az")
TIMES = {0: "excluded.times", 1: "excluded_1.times", 2: "excluded_2.times"}


def main(ctx: Context) -> int:
    """Judge all runs of a folder."""
    from openmars.quality.conditions import read_conditions
    from openmars.quality.cuts import judge, read_cuts
    from openmars.quality.slices import write_time_slices

    if not ctx.flag("stereo"):
        raise ProgramError("give --stereo: only stereo observations can be analysed")
    cuts = read_cuts(ctx.env)
    paths = _inputs(ctx)
    overview = ctx.output("Overview.root")
    times = {t: ctx.output(name) for t, name in TIMES.items()} if ctx.flag("times") else {}
    runs = [read_conditions(path) for path in paths]
    verdicts = [judge(run, cuts, ctx.flag("times")) for run in runs]
    for run, verdict in zip(runs, verdicts, strict=True):
        for name in verdict.unknown:
            ctx.log(f"run {run.run:08d}: no report tells the {name}; not cut on", WARNING)
        ctx.log(f"run {run.run:08d}: {verdict.kind}, {verdict.good_s:.0f} of {run.duration:.0f} s are good")
        for start, stop, why in verdict.excluded[0] if times else ():
            ctx.log(f"  {start:.6f} to {stop:.6f}: {why}")
    _overview(ctx, overview, runs, verdicts)
    for telescope, path in times.items():
        of = f" because of M{telescope} alone" if telescope else ""
        slices = sorted(each for verdict in verdicts for each in verdict.excluded[telescope])
        write_time_slices(path, slices, f"times to leave out{of}")
    for run, verdict in zip(runs, verdicts, strict=True):
        _link(ctx.out, run.path, verdict.kind)
    return 0


def _inputs(ctx: Context) -> list[Path]:
    """Superstar files of a folder, else melibea files; or the files that a pattern names."""
    where = ctx.value("ind")
    if not Path(where).is_dir():
        return ctx.inputs(where)
    for level in ("S", "Q"):
        found = sorted(Path(where).glob(f"*_{level}_*.root"))
        if found:
            return found
    raise InputError(f"{where}: there are neither superstar (_S_) nor melibea files (_Q_) in it")


def _overview(ctx: Context, path: Path, runs: list[Conditions], verdicts: list[Verdict]) -> None:
    """``Overview.root`` with a line a run."""
    import numpy as np

    from openmars.core.provenance import card_text
    from openmars.io import write_root

    means = {"fRate": "rate", "fMedianDC": "dc_1", "fMedianDC_2": "dc_2", "fAerosolTrans9km": "transmission",
             "fNumStars": "stars_1", "fNumStars_2": "stars_2", "fZd": "zenith", "fAz": "azimuth",
             "fCloudiness": "cloudiness"}  # fmt: skip
    tree = {
        "fRunNumber": np.array([run.run for run in runs], np.int32),
        "fDuration": np.array([run.duration for run in runs]),
        "fGoodDuration": np.array([verdict.good_s for verdict in verdicts]),
        "fStart": np.array([run.start for run in runs]),
        "fStop": np.array([run.stop for run in runs]),
        **{branch: np.array([run.mean(name) for run in runs]) for branch, name in means.items()},
        "fClass": np.array([verdict.kind for verdict in verdicts]),
        "fFileName": np.array([run.path.name for run in runs]),
    }
    write_root(path, {"RunSum": tree}, card_text(ctx))


def _link(out: Path, path: Path, kind: str) -> None:
    """Relative link to a run's file in the folder of its kind, and in no other."""
    for each in KINDS:
        link = out / each / path.name
        if link.is_symlink():
            link.unlink()
    folder = out / kind
    folder.mkdir(exist_ok=True)
    # the folders' real places: the way up from one of them is not that from a link to it
    (folder / path.name).symlink_to(os.path.relpath(path.parent.resolve() / path.name, folder.resolve()))


PROGRAM = Program(
    name="quate",
    summary="judge the quality of runs: which are good, and which of their minutes are not",
    options=(
        Option("--stereo", "stereo observations (must be given)"),
        Option("--ind", "folder of superstar or melibea files, or a pattern", "DIR"),
        Option("--times", "find the bad minutes of each run: excluded.times"),
    ),
    main=main,
    default_card="quate.rc",
)
