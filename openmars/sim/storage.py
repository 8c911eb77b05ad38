"""Simulates a storage tree: the runs of a plan, and what has gone wrong with their files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from openmars.core.env import Env
from openmars.core.program import Context
from openmars.core.provenance import card_text
from openmars.io.times import day_of_sunrise
from openmars.sim import quiet
from openmars.sim.observation import Observation, files_of, report_name
from openmars.sim.plan import Planned, read_plan
from openmars.sim.track import Track

HEAD_LINES = 12
"""The head of a report and the first report of each subsystem."""


def simulate(ctx: Context, plan: Path) -> list[Path]:
    """Simulate all runs of a plan into the output folder.

    Parameters
    ----------
    ctx
        Its card is used for all that the plan does not tell.
    plan
        The TOML file; see `openmars.sim.plan`.

    Returns
    -------
    list of Path
        The files, in the order of the plan, below the output folder.

    Raises
    ------
    ProgramError
        If the plan is wrong or a file is there already; nothing is simulated then.
    """
    runs = read_plan(plan, ctx.env)
    targets = [list(_targets(run)) for run in runs]
    for _, path in (each for one in targets for each in one):
        ctx.output(str(path))  # refuses one that exists
    with tempfile.TemporaryDirectory(dir=ctx.out, prefix=".plan-") as room:
        for run, goals in zip(runs, targets, strict=True):
            _make(ctx, run, Path(room))
            for name, path in goals:
                _place(Path(room) / name, ctx.out / path)
            for file in Path(room).iterdir():
                file.unlink()
            ctx.log(f"run {run.card.run:08d}: {run.card.kind}, {len(goals)} files, simulated")
    return [path for one in targets for _, path in one]


def _targets(run: Planned) -> Iterator[tuple[str, Path]]:
    """Name of each file that is to be there, and its place below the root."""
    names = files_of(run.card, day_of_sunrise(run.card.start_mjd))
    for folder in run.folders:
        for key, name in names.items():
            if key in run.left_out:
                continue
            yield name, Path(folder) / name
            if run.report != "absent":
                report = report_name(name)
                yield report, Path(folder) / report


def _make(ctx: Context, run: Planned, room: Path) -> None:
    """Simulate a run into a folder."""
    card = run.card
    paths = {key: room / name for key, name in files_of(card, day_of_sunrise(card.start_mjd)).items()}
    env = Env()
    env.looked_up = run.used
    texts = card_text(replace(ctx, env=env))
    if card.kind in ("pedestal", "calibration"):
        quiet.simulate(card, {t: path for (t, _), path in paths.items()}, texts)
        return
    Observation(card, Track.of(card), paths, texts, reports=run.report != "absent").simulate()
    for path in paths.values():
        report = room / report_name(path.name)
        if run.report == "empty":
            report.write_bytes(b"")
        elif run.report == "broken":
            break_report(report)


def break_report(path: Path) -> None:
    """Spoil some lines of a report as broken transmissions do: of every eighth one only the begin is there.

    The head and the first reports stay, so that the rest of the file can be used.
    """
    lines = path.read_text(encoding="ascii").splitlines()
    for i in range(len(lines)):
        if i % 8 == 7 and i >= HEAD_LINES:
            lines[i] = lines[i][: len(lines[i]) * 2 // 3]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")


def _place(made: Path, target: Path) -> None:
    """Give a file its place; it appears there when it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    shutil.copyfile(made, part)
    os.replace(part, target)
