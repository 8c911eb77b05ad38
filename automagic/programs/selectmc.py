"""``selectmc``: Monte Carlo split into a training and a test half."""

from __future__ import annotations

from automagic.graph.task import Input, Output, Resources, Task
from automagic.index import McSet
from automagic.naming import McName
from automagic.programs.base import COMMON_EXIT_CODES, COMMON_UNKNOWN, Setup, Wrapper
from automagic.programs.inputs import mc_folder

WRAPPER = Wrapper(
    program="selectmc",
    stage="selectmc",
    summary="split Monte Carlo into a training and a test half",
    exit_codes=COMMON_EXIT_CODES,
    resources=Resources(memory_mb=700, disk_mb=500, minutes=30),
    unknown=(
        *COMMON_UNKNOWN,
        "whether selectmc takes a card; here it gets none",
        "how it chooses events, and how it names the halves; here --outname=X.root gives X_1.root (training) "
        "and X_2.root (test), the suffixes that public training material uses",
    ),
)


def halves(mc: McSet) -> tuple[McName, McName]:
    """Return the names of the training and the test half."""
    return tuple(McName(mc.zenith, "superstar", mc.geometry, half=half) for half in (1, 2))  # type: ignore[return-value]


def task(setup: Setup, mc: McSet, inputs: list[Input]) -> Task:
    """Make the task of a set, from its superstar files (role ``"mc"``)."""
    whole = McName(mc.zenith, "superstar", mc.geometry)
    return setup.task(
        WRAPPER,
        mc.name,
        arguments=(
            "-b",
            "-q",
            "-f",
            "-joinmc",
            "--pathMC=in/mc/*_S_*.root",
            "--out=out",
            f"--outname={whole}",
        ),
        card="",
        inputs=inputs,
        outputs=[
            Output(
                str(half),
                "superstar",
                f"{mc_folder(mc)}/{half}",
                {"root": True, "tree": "Events", "min_events": 1},
            )
            for half in halves(mc)
        ],
        conditions={"mc_set": mc.name, "zenith_min": mc.zenith[0], "zenith_max": mc.zenith[1]},
    )
