"""``quate``: which minutes of a run are good."""

from __future__ import annotations

from automagic.analysis import Analysis
from automagic.graph.task import Input, Output, Resources, Task
from automagic.index.inside import DARK_DC_NA
from automagic.programs.base import COMMON_EXIT_CODES, COMMON_UNKNOWN, Setup, Wrapper
from automagic.selection.defaults import limits

TIMES = "excluded.times"
"""The file of times that ``melibea --timeslices`` leaves out."""

WRAPPER = Wrapper(
    program="quate",
    stage="quate",
    summary="find the minutes of a run that are to be left out",
    default_cards={"": "quate.rc"},
    exit_codes=COMMON_EXIT_CODES,
    resources=Resources(memory_mb=600, disk_mb=100, minutes=20),
    unknown=(
        *COMMON_UNKNOWN,
        "all keys of quate.rc but ZdMin, ZdMax, AzMin, AzMax, UseDCCuts, DCMax, UseAerosolTrans9km, "
        "MinAerosolTrans9km, UseCloudCuts, CloudinessMax, UseNumberStarsCuts and NumberStarsMin",
        "the form of excluded.times",
        "whether quate is meant to be called run by run; people call it for all runs of a folder",
    ),
)


def values(analysis: Analysis) -> dict[str, object]:
    """Return the keys of the card that follow from the limits of the selection, so that minutes obey them too."""
    asked = limits(analysis)
    return {
        "DCMax": round(asked.nsb[1] * DARK_DC_NA),
        "ZdMin": asked.zenith[0],
        "ZdMax": asked.zenith[1],
        "MinAerosolTrans9km": asked.transmission,
        "CloudinessMax": asked.cloudiness,
    }


def task(setup: Setup, what: str, data: Input, values: dict[str, object], conditions: dict[str, object]) -> Task:
    """Make the task of a run.

    Parameters
    ----------
    setup
        Engine and overrides.
    what
        The run, ``"05029747"``.
    data
        Its superstar file, role ``"data"``.
    values
        Keys of the card that follow from the selection.
    conditions
        What the catalog should know.
    """
    folder = f"products/quate/{what}"
    return setup.task(
        WRAPPER,
        what,
        arguments=("-b", "-q", "-f", "--stereo", "--times", "--config=card.rc", "--ind=in/data", "--out=out"),
        card=setup.card(WRAPPER, values),
        inputs=[data],
        outputs=[
            Output("Overview.root", "quality", f"{folder}/Overview.root", {"root": True, "tree": "RunSum"}),
            Output(TIMES, "quality", f"{folder}/{TIMES}"),
            *(
                Output(name, "quality", f"{folder}/{name}", optional=True)
                for name in ("excluded_1.times", "excluded_2.times")
            ),
        ],
        conditions=conditions,
    )
