"""``magic_dl3``: event list and instrument response of a run as one FITS file."""

from __future__ import annotations

from collections.abc import Mapping

from automagic.analysis import Analysis
from automagic.graph.task import Input, Output, Resources, Task
from automagic.kinds import KINDS
from automagic.naming import DataName
from automagic.programs.base import COMMON_EXIT_CODES, COMMON_UNKNOWN, Setup, Wrapper

WRAPPER = Wrapper(
    program="magic_dl3",
    stage="magic_dl3",
    summary="write a run's event list and instrument response (DL3)",
    default_cards={"": "magic_dl3.rc"},
    exit_codes={**COMMON_EXIT_CODES, 4: "nothing is left of the run: no event, or no effective time"},
    # quate may find that a whole run is bad: the analysis goes on without it
    tolerated=frozenset({4}),
    resources=Resources(memory_mb=1000, disk_mb=200, minutes=60),
    unknown=(
        *COMMON_UNKNOWN,
        "the whole command line and card of magic_dl3; these are openmars' own",
        "its exit codes; 4 is openmars' own",
        "whether it makes full-enclosure responses, and how it leaves sources out of their background",
    ),
)


def task(
    setup: Setup,
    what: str,
    name: DataName,
    data: Input,
    mc: list[Input],
    conditions: dict[str, object],
    problem: str | None = None,
    values: Mapping[str, object] | None = None,
) -> Task:
    """Make the task of a run, from its melibea file (role ``"data"``) and the test half's (role ``"mc"``).

    `values` are those of its card that the analysis asks for.
    """
    output = str(name.at("dl3"))
    return setup.task(
        WRAPPER,
        what,
        arguments=(
            "-b",
            "-q",
            "-f",
            "--config=card.rc",
            "--ind=in/data/*_Q_*.root",
            "--mc=in/mc/*_Q_*.root",
            "--out=out",
        ),
        card=setup.card(WRAPPER, values),
        inputs=[data, *mc],
        outputs=[
            Output(
                output,
                "dl3",
                f"products/dl3/{output}",
                {"fits": True, "hdus": ["EVENTS", "GTI", "EFFECTIVE AREA", "ENERGY DISPERSION"]},
                optional=True,
                missing_with=(4,),
            )
        ],
        conditions=conditions,
        problem=problem,
    )


def values(analysis: Analysis) -> dict[str, object]:
    """Return what the analysis says of the card: for the whole field of view, where no background is measured."""
    if KINDS[analysis.kind].geometry != "wd":
        return {}
    return {"MagicDL3.ExcludeRegions": analysis.source.excluded()}


def melibea_checks(run: int | None) -> dict[str, object]:
    """Say what must be true of the inputs: the run's own; or Monte Carlo that no model was trained on.

    Of a run without a good minute no event is left.
    """
    checks: dict[str, object] = {"root": True, "level": "melibea"}
    if run is None:
        return {**checks, "min_events": 1, "not_name": r"_w[0rd]_1\.root$"}
    return {**checks, "run": run}
