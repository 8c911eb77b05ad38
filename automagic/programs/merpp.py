"""``merpp``: central control's report of a subrun merged into its calibrated file."""

from __future__ import annotations

from automagic.graph.task import Input, Output, Resources, Task
from automagic.naming import DataName
from automagic.programs.base import COMMON_EXIT_CODES, COMMON_UNKNOWN, Setup, Wrapper

WRAPPER = Wrapper(
    program="merpp",
    stage="merpp",
    summary="merge the reports of central control into calibrated files",
    default_cards={"": "merpp.rc"},
    exit_codes={
        **COMMON_EXIT_CODES,
        23: "broken lines in the report",
        25: "the report is missing or empty",
        254: "the card cannot be read, or the report is missing",
        255: "the ROOT version is another than MARS was built with, or the report is missing",
    },
    # for on-site analysis 23 is no failure; after 25, 254 and 255 it makes the report anew and tries again
    tolerated=frozenset({23}),
    resources=Resources(memory_mb=500, disk_mb=500, minutes=20),
    unknown=(
        *COMMON_UNKNOWN,
        "whether the report and the calibrated file are named as in the public fork, one after the other, with -u to "
        "update the latter; and whether --auto-time stands for the fork's --auto-time-start and --auto-time-stop",
        "whether it takes a card, and that card's name and keys; merpp.rc is openmars' own",
        "what exactly 25, 254 and 255 mean: on-site analysis sees them where a report is missing",
    ),
)


def task(
    setup: Setup,
    what: str,
    name: DataName,
    calibrated: Input,
    report: Input | None,
    conditions: dict[str, object],
    problem: str | None = None,
) -> Task:
    """Make the task of one subrun of one telescope.

    Parameters
    ----------
    setup
        Engine and overrides.
    what
        Run, subrun and telescope, ``"05029747.001.M1"``.
    name
        Name of the calibrated file.
    calibrated
        It, role ``"calibrated"``: merpp changes the file in place, so it works on a copy of it.
    report
        The report, role ``"report"``; `None` where there is a `problem`.
    conditions
        What the catalog should know.
    problem
        Why it cannot run.
    """
    assert calibrated.copy
    return setup.task(
        WRAPPER,
        what,
        arguments=(
            "-b",
            "-q",
            "-f",
            "-u",
            "--auto-time",
            "--config=card.rc",
            *(() if report is None else (f"in/report/{report.name}",)),
            f"out/{calibrated.name}",
        ),
        card=setup.card(WRAPPER),
        inputs=[calibrated, *([] if report is None else [report])],
        outputs=[
            Output(
                calibrated.name,
                "calibrated",
                f"products/calibrated/{calibrated.name}",
                {"root": True, "level": "calibrated", "run": name.run, "telescope": name.telescope, "drive_min": 3},
            )
        ],
        conditions={**conditions, "telescope": name.telescope, "subrun": name.subrun},
        problem=problem,
    )
