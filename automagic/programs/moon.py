"""Moonlight's own steps: the times of a part of a run, and the mark of the level in its DL3 file."""

from __future__ import annotations

from automagic.graph.task import Input, Output, Resources, Task
from automagic.programs.base import Setup, Wrapper
from automagic.programs.quate import TIMES
from automagic.selection.levels import Part

_CODES = {
    1: "a file could not be read or written",
    2: "wrong arguments or card",
    3: "the data do not allow this result",
}

PART_TIMES = Wrapper(
    program="part",
    stage="part",
    summary="leave out the times of a run that are of another level of brightness",
    default_cards={"": "part.rc"},
    set_here=frozenset({"Part.Exclude"}),
    exit_codes=_CODES,
    resources=Resources(memory_mb=200, disk_mb=10, minutes=5),
    unknown=("the form of excluded.times: the file is written as quate of openmars writes it",),
    engine="science",
)

MARK = Wrapper(
    program="mark",
    stage="mark",
    summary="write the level of brightness into a DL3 file",
    default_cards={"": "mark.rc"},
    set_here=frozenset({"Mark.Level", "Mark.ObsId"}),
    exit_codes={**_CODES, 4: "nothing is left of the run: it has no DL3 file"},
    tolerated=frozenset({4}),
    resources=Resources(memory_mb=400, disk_mb=50, minutes=10),
    engine="science",
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
        outputs=[
            Output(
                name,
                "dl3",
                f"products/dl3/{name}",
                {"fits": True, "hdus": ["EVENTS", "GTI"]},
                optional=True,
                missing_with=(4,),
            )
        ],
        conditions={"run": part.run.run, "source": part.run.source},
    )
