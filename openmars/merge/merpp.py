"""merpp: merges the report of the central control (``_D_….rep``) into the calibrated file of the subrun (``_Y_``).

As in the public fork of MARS the report comes first, then the file, which is updated in place with ``-u``. Here a
new file is written beside it and takes its name when it is complete, so that a merpp that is stopped leaves the file
as it was. Exit code 23, known for broken lines, is given when the file is complete but for these; 25, seen where
reports are missing, when there is no report to merge.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from openmars.core import WARNING, Context, InputError, Option, Program, ProgramError

if TYPE_CHECKING:
    import numpy as np

    from openmars.io import Column
    from openmars.io.repfile import Reports

    Trees = dict[str, dict[str, Column]]

EXIT_BROKEN_LINES = 23
EXIT_NO_REPORT = 25
MIN_DRIVE_REPORTS = 3
"""Readers interpolate between at least so many (ctapipe_io_magic)."""


def main(ctx: Context) -> int:
    """Merge one report into one file."""
    from openmars.core.provenance import card_text
    from openmars.io import tree_names, update_root
    from openmars.io.repformat import kinds

    if not (ctx.flag("u") or ctx.flag("update")):
        raise ProgramError("give -u: reports are merged into a calibrated file that exists")
    report, path = Path(ctx.value("REPORT")), Path(ctx.value("FILE"))
    neighbours = max(0, ctx.env.get_int("Merpp.Neighbours", 1))
    header = _header(path)
    names = {kind.tree for kind in kinds().values()}
    merged = sorted(names & set(tree_names(path)))
    if merged and not ctx.flag("f"):
        raise ProgramError(f"{path}: merged before, it has {', '.join(merged)}; give -f to replace them")
    found = _read(ctx, report)
    _check_same(report, found, path, header)
    trees = _within(ctx, path, report, found.trees, header, neighbours)
    for name in names & trees.keys():
        ctx.log(f"{name}: {_length(trees[name])} of {_length(found.trees[name])} reports", 3)
    if _length(trees.get("Drive", {})) < MIN_DRIVE_REPORTS:
        ctx.log(f"{report}: {_length(trees.get('Drive', {}))} reports of the drive; no pointing can be found", WARNING)
    if merged:
        ctx.log(f"{path.name}: {', '.join(merged)} replaced")
    # under its own name: the file keeps the card of the program that made it
    texts = {"merpp.rc": card_text(ctx)[ctx.card.name]}
    update_root(path, trees | {"RunTails": _tails(path)}, texts, without=names)
    ctx.log(f"{path.name}: {sum(map(_length, trees.values()))} reports in {', '.join(trees)}")
    return EXIT_BROKEN_LINES if found.broken else 0


def _length(tree: dict[str, Column]) -> int:
    return max(map(len, tree.values()), default=0)


def _header(path: Path) -> dict[str, np.ndarray]:
    """Header of the calibrated file."""
    from openmars.io import open_root
    from openmars.io.headers import RUN_TYPE_MC

    file = open_root(path)
    if (level := file.level()) != "calibrated":
        raise InputError(f"{path}: it is a {level} file; reports are merged into calibrated ones (_Y_)")
    names = ("fTelescopeNumber", "fRunNumber", "fSubRunIndex", "fRunType")
    times = [f"{when}.{part}" for when in ("fRunStart", "fRunStop") for part in ("fMjd", "fTime.fMilliSec", "fNanoSec")]
    header = file.read("RunHeaders", [f"MRawRunHeader.{name}" for name in (*names, *times)])
    if header["MRawRunHeader.fRunType"][0] == RUN_TYPE_MC:
        raise InputError(f"{path}: Monte Carlo has no reports")
    return header


def _read(ctx: Context, report: Path) -> Reports:
    """Read the report; each broken line goes to the log."""
    from openmars.io.repfile import read_reports

    try:
        found = read_reports(report)
    except OSError as error:
        ctx.fail(EXIT_NO_REPORT, f"{report}: the report cannot be read: {error.strerror}")
    for number, why in found.broken:
        ctx.log(f"{report.name}:{number}: {why}; left out", WARNING)
    if not found.trees:
        ctx.fail(EXIT_NO_REPORT, f"{report}: there is no {'sound ' if found.broken else ''}report in it")
    for name, count in found.ignored.items():
        ctx.log(f"{report.name}: {count} lines {name} are of no subsystem that is known here")
    if found.repeated:
        ctx.log(f"{report.name}: {found.repeated} lines say again what was said for the same time")
    return found


def _check_same(report: Path, found: Reports, path: Path, header: dict[str, np.ndarray]) -> None:
    """The report must be of the telescope, the run and the subrun of the file."""
    for what, ours, name in (
        ("telescope", found.telescope, "fTelescopeNumber"),
        ("run", found.run, "fRunNumber"),
        ("subrun", found.subrun, "fSubRunIndex"),
    ):
        theirs = int(header[f"MRawRunHeader.{name}"][0])
        if ours is not None and ours != theirs:
            raise InputError(f"{report}: of {what} {ours}; {path.name} is of {what} {theirs}")


def _within(
    ctx: Context, path: Path, report: Path, trees: Trees, header: dict[str, np.ndarray], neighbours: int
) -> Trees:
    """The reports of the time asked for, and of each subsystem the last before and the first after it."""
    import numpy as np

    from openmars.io.times import to_mjd

    auto = ctx.flag("auto-time")
    start, stop = _times(path, header)
    start = start if auto or ctx.flag("auto-time-start") else -np.inf
    stop = stop if auto or ctx.flag("auto-time-stop") else np.inf
    out: Trees = {}
    inside = 0
    for name, tree in trees.items():
        at = to_mjd(f"MTime{name}", tree)  # type: ignore[arg-type]
        first, last = np.searchsorted(at, start, "left"), np.searchsorted(at, stop, "right")
        inside += int(last - first)
        part = slice(max(0, int(first) - neighbours), int(last) + neighbours)
        out[name] = {branch: np.asarray(column)[part] for branch, column in tree.items()}
    if not inside:
        raise InputError(f"{report}: none of its reports is of the time of {path.name}, MJD {start:.6f} to {stop:.6f}")
    return {name: tree for name, tree in out.items() if _length(tree)}


def _times(path: Path, header: dict[str, np.ndarray]) -> tuple[float, float]:
    """First and last moment of the subrun (MJD): as the header has them, else those of its events."""
    from openmars.io import read_tree
    from openmars.io.times import to_mjd

    start, stop = (float(to_mjd(f"MRawRunHeader.{name}", header)[0]) for name in ("fRunStart", "fRunStop"))
    if start < stop:
        return start, stop
    events = read_tree(path, "Events", ["MTime.fMjd", "MTime.fTime.fMilliSec", "MTime.fNanoSec"])
    at = to_mjd("MTime", events)
    if not len(at):
        raise InputError(f"{path}: neither header nor events tell its time")
    return float(at.min()), float(at.max())


def _tails(path: Path) -> dict[str, Column]:
    """``RunTails`` with the version of merpp."""
    from openmars.core.provenance import version_columns
    from openmars.io import read_tree

    return read_tree(path, "RunTails") | version_columns("merpp")


PROGRAM = Program(
    name="merpp",
    summary="merge a report of the central control (_D_….rep) into the calibrated file of its subrun (_Y_)",
    positional=(
        Option("REPORT", "report of the central control"),
        Option("FILE", "calibrated file; it is changed"),
    ),
    options=(
        Option("-u", "update the file (must be given)"),
        Option("--update", "the same"),
        Option("--auto-time", "take the reports of the time of the subrun alone, as its header has it"),
        Option("--auto-time-start", "the same for its begin"),
        Option("--auto-time-stop", "the same for its end"),
    ),
    main=main,
    default_card="merpp.rc",
)
