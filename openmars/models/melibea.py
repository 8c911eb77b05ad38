"""melibea: applies forests and tables to superstar files, ``_S_`` → ``_Q_``.

Options and names are those of MARS as far as known. With ``--outname=NAME`` MARS calls its summary file
``melibeaNAME.root``, whatever NAME is (``melibeamelibea….root.root`` has been seen); so does this one.
Events outside of the models' zenith range, or without a stereo reconstruction, get hadronness and energy -1.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from openmars.core import WARNING, Context, InputError, Option, Program, ProgramError

if TYPE_CHECKING:
    import numpy as np

    from openmars.models.apply import Models


def main(ctx: Context) -> int:
    """Write one ``_Q_`` file for each ``_S_`` file."""
    if not ctx.flag("stereo"):
        raise ProgramError("give --stereo: only stereo observations can be analysed")
    paths = ctx.inputs(ctx.value("ind"))
    outputs = [ctx.output(_output_name(path)) for path in paths]
    slices = _time_slices(ctx)
    settings = _settings(ctx)
    models = _models(ctx)
    rows = []
    for path, output in zip(paths, outputs, strict=True):
        rows.append(_convert(ctx, path, output, models, settings, slices))
    _summary(ctx, rows)
    return 0


def _output_name(path: Path) -> str:
    from openmars.models.samples import is_training_half

    if "_S_" not in path.name:
        raise InputError(f"{path}: its name has no _S_; melibea takes superstar files")
    if is_training_half(path):
        raise InputError(f"{path}: the training half (_1); apply the models to the test half (_2)")
    return path.name.replace("_S_", "_Q_")


def _settings(ctx: Context) -> dict[str, Any]:
    return {
        "min_size": ctx.env.get_float("Melibea.MinSize", 0.0),
        "zenith": (_default_of(ctx, "RF.zdmin", 0.0), _default_of(ctx, "RF.zdmax", 90.0)),
    }


def _default_of(ctx: Context, key: str, default: float) -> float:
    """Read ``default: 5`` or plain ``5``, as MARS's card has it."""
    text = ctx.env.get_str(key, f"default: {default:g}")
    try:
        return float(text.rpartition(":")[2])
    except ValueError:
        raise ProgramError(f"{key}: {text!r}; expected a number in deg, as in 'default: 5'") from None


def _models(ctx: Context) -> Models:
    """Load what the options ask for."""
    from openmars.models.apply import Models

    disp = {}
    if ctx.flag("calc-disp-rf") and ctx.flag("calc-disp2-rf"):
        disp = {1: Path(ctx.value("rfdisptree")), 2: Path(ctx.value("rfdisp2tree"))}
    elif ctx.flag("calcstereodisp") or ctx.flag("calc-disp-rf") or ctx.flag("calc-disp2-rf"):
        raise ProgramError("the stereo direction needs --calc-disp-rf and --calc-disp2-rf, with their forests")
    energy_forest = None
    if ctx.flag("erec-rf"):
        energy_forest = Path(ctx.value("erf"))
    elif ctx.flag("calc-enr"):
        energy_forest = Path(ctx.value("rfentree"))
    return Models.load(
        Path(ctx.value("rftree")) if ctx.flag("rf") else None,
        disp if ctx.flag("calcstereodisp") else {},
        Path(ctx.value("etab")) if ctx.flag("erec") else None,
        energy_forest,
    )


def _time_slices(ctx: Context) -> np.ndarray | None:
    from openmars.quality.slices import read_time_slices

    return read_time_slices(Path(ctx.value("timeslices"))) if ctx.options["timeslices"] else None


def _convert(
    ctx: Context,
    path: Path,
    output: Path,
    models: Models,
    settings: dict[str, Any],
    slices: np.ndarray | None,
) -> tuple[str, int, int]:
    from openmars.core.provenance import card_text
    from openmars.io import open_root, write_root
    from openmars.models.apply import sky_direction
    from openmars.quality.slices import TREE

    file = open_root(path)
    if file.level() != "superstar":
        raise InputError(f"{path}: level {file.level()}; melibea takes superstar files")
    monte_carlo = "OriginalMC" in file.trees()
    if monte_carlo != ctx.flag("mc"):
        ctx.log(f"{path}: {'Monte Carlo without -mc' if monte_carlo else 'data with -mc'}", WARNING)
    trees = {tree: file.read(tree) for tree in file.trees()}
    events = trees["Events"]
    if slices is not None and not monte_carlo:
        events, excluded = _without(ctx, path, events, slices)
        if len(excluded):
            trees[TREE] = {"fStart": excluded[:, 0], "fStop": excluded[:, 1]}
    new = models.apply(events, **settings)
    if "MStereoParDisp.fDirectionX" in new:
        new |= sky_direction(events, new, monte_carlo)
    trees["Events"] = events | new
    trees["RunTails"] = trees.get("RunTails", {}) | _version(trees)
    write_root(output, trees, file.texts() | card_text(ctx))
    total, valid = len(events["MHillas_1.fSize"]), _valid(new)
    ctx.log(f"{path.name}: {total} events, {valid} reconstructed -> {output.name}")
    return output.name, total, valid


def _without(
    ctx: Context, path: Path, events: dict[str, np.ndarray], slices: np.ndarray
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Leave out the events in the slices; gives also those slices that are of the time of the run."""
    from openmars.io.times import to_mjd
    from openmars.quality.slices import joined, outside

    at = to_mjd("MTime_1", events)
    keep = outside(at, slices)
    ctx.log(f"{path.name}: {int((~keep).sum())} of {len(keep)} events are in excluded time slices")
    if not len(at):
        return events, slices[:0]
    inside = (slices[:, 0] <= at.max()) & (slices[:, 1] >= at.min())
    return {name: values[keep] for name, values in events.items()}, joined(slices[inside])


def _version(trees: dict[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Give the columns that say which version wrote the file, as long as those that are there."""
    import numpy as np

    from openmars.core.provenance import version_columns

    entries = max((len(values) for values in trees.get("RunTails", {}).values()), default=1)
    return {name: np.repeat(value, entries) for name, value in version_columns("melibea").items()}


def _valid(new: dict[str, np.ndarray]) -> int:
    for name in ("MHadronness.fHadronness", "MEnergyEst.fEnergy", "MStereoParDisp.fValid"):
        if name in new:
            return int((new[name] > 0 if name != "MHadronness.fHadronness" else new[name] >= 0).sum())
    return 0


def _summary(ctx: Context, rows: list[tuple[str, int, int]]) -> None:
    """Write the summary file, with one entry a file."""
    import numpy as np

    from openmars.core.provenance import card_text
    from openmars.io import write_root

    outname = ctx.value("outname", "")
    names, totals, valid = zip(*rows, strict=True)
    files = {
        "fName": np.asarray(names, dtype=np.str_),
        "fNumEvents": np.asarray(totals, dtype=np.int64),
        "fNumReconstructed": np.asarray(valid, dtype=np.int64),
    }
    write_root(ctx.out / f"melibea{outname}.root", {"Files": files}, card_text(ctx))


PROGRAM = Program(
    name="melibea",
    summary="apply forests and tables: hadronness, direction and energy of superstar files",
    options=(
        Option("--stereo", "stereo observations (must be given)"),
        Option("-mc", "Monte Carlo"),
        Option("--ind", "superstar files (pattern)", "FILES"),
        Option("--outname", "summary file melibeaNAME.root", "NAME"),
        Option("--rf", "hadronness"),
        Option("--rftree", "its forest", "FILE"),
        Option("--calc-disp-rf", "disp of M1"),
        Option("--rfdisptree", "its forest", "FILE"),
        Option("--calc-disp2-rf", "disp of M2"),
        Option("--rfdisp2tree", "its forest", "FILE"),
        Option("--calcstereodisp", "direction from both disps"),
        Option("--disp-rf-sstrained", "the disp forests were trained with superstar files (always; accepted)"),
        Option("-erec", "energy from tables"),
        Option("--etab", "the tables", "FILE"),
        Option("-erec-rf", "energy from a forest"),
        Option("--erf", "the forest", "FILE"),
        Option("--calc-enr", "the same as -erec-rf"),
        Option("--rfentree", "the same as --erf", "FILE"),
        Option("--timeslices", "times to leave out (excluded.times)", "FILE"),
    ),
    main=main,
    default_card="melibea_stereo.rc",
)
