"""Moonlight's own steps: the times of a part of a run, and the mark of the level in its DL3 file."""

from __future__ import annotations

from automagic.graph.task import Input, Output, Resources, Task
from automagic.programs import refining
from automagic.programs.base import SCIENCE_EXIT_CODES, Setup, Wrapper
from automagic.programs.quate import TIMES
from automagic.selection.levels import Part

PART_TIMES = Wrapper(
    program="part",
    stage="part",
    summary="leave out the times of a run that are of another level of brightness",
    default_cards={"": "part.rc"},
    set_here=frozenset({"Part.Exclude"}),
    exit_codes=SCIENCE_EXIT_CODES,
    resources=Resources(memory_mb=200, disk_mb=10, minutes=5),
    unknown=("the form of excluded.times: the file is written as quate of openmars writes it",),
    engine="science",
)

MARK = refining.wrapper(
    "mark",
    "write the level of brightness into a DL3 file",
    Resources(memory_mb=400, disk_mb=50, minutes=10),
    set_here=("Mark.Level", "Mark.ObsId"),
)


def times_task(setup: Setup, what: str, times: list[Input], part: Part, conditions: dict[str, object]) -> Task:
    """Make the task that joins quate's times (role ``"times"``, if any) with those of the other parts of the run."""
    gaps = "; ".join(f"{start:.8f} {stop:.8f}" for start, stop in part.excluded)
    return setup.task(
        PART_TIMES,
        what,
        arguments=("--config=card.rc", "--ind=in/times", "--out=out"),
        card=setup.card(PART_TIMES, {"Part.Exclude": gaps}),
        inputs=times,
        outputs=[Output(TIMES, "quality", f"products/part/{what}/{TIMES}")],
        conditions=conditions,
    )


def mark_task(setup: Setup, dl3: Input, part: Part) -> Task:
    """Make the task that marks a DL3 file (role ``"dl3"``); the new file has the level in its name."""
    stem, _, end = dl3.name.rpartition(".")
    name = f"{stem}_{part.level.label}.{end}"
    return setup.task(
        MARK,
        f"{part.run.run:08d}.{part.level.label}",
        arguments=("--config=card.rc", "--ind=in/dl3", "--out=out"),
        card=setup.card(MARK, {"Mark.Level": part.level.label, "Mark.ObsId": part.obs_id}),
        inputs=[dl3],
        outputs=[refining.output(name, "dl3", ("EVENTS", "GTI"))],
        conditions={"run": part.run.run, "source": part.run.source},
    )
