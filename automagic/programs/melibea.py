"""``melibea``: hadronness, energy and stereo direction for each event."""

from __future__ import annotations

from automagic.graph.task import Input, Output, Resources, Task
from automagic.naming import DataName, McName
from automagic.programs.base import COMMON_EXIT_CODES, COMMON_UNKNOWN, Setup, Wrapper

ENERGY = {
    "lut": ("LUTs", ("-erec", "--etab=in/rf/Energy_Table.root")),
    "forest": ("RFenStereo", ("-erec-rf", "--erf=in/rf/EnRF_Stereo.root")),
}
"""Way of the energy → coach's model and melibea's words."""

WRAPPER = Wrapper(
    program="melibea",
    stage="melibea",
    summary="apply the forests: hadronness, energy, direction",
    default_cards={"": "melibea_stereo.rc"},
    extra_keys=frozenset({"RF.zdmin", "RF.zdmax"}),
    exit_codes=COMMON_EXIT_CODES,
    resources=Resources(memory_mb=1000, disk_mb=500, minutes=120),
    unknown=(
        *COMMON_UNKNOWN,
        "all keys of melibea_stereo.rc but RF.zdmin and RF.zdmax, whose values begin with 'default: '",
        "the words for energies from a forest: -erec-rf --erf= (MarsUtil, used here) or "
        "--calc-enr --rfentree= (MAGIC-NN), depending on the version",
    ),
)
# --outname is not used: MARS makes melibeamelibea….root.root of it (noted by on-site analysis)


def task(
    setup: Setup,
    what: str,
    name: DataName | McName,
    data: Input,
    models: list[Input],
    energy: str,
    conditions: dict[str, object],
    problem: str | None = None,
    times: list[Input] | None = None,
    folder: str = "products/melibea",
) -> Task:
    """Make the task of a run or of a test half.

    Parameters
    ----------
    setup
        Engine and overrides.
    what
        The run, or the set of Monte Carlo.
    name
        Name of the superstar file.
    data
        It, role ``"data"``.
    models
        Coach's files, role ``"rf"``.
    energy
        A key of `ENERGY`.
    conditions
        What the catalog should know.
    problem
        Why it cannot run.
    times
        The file of times to leave out, role ``"times"``; none for all events.
    folder
        Where people find the product.
    """
    mc = isinstance(name, McName)
    output = str(name.at("melibea"))
    return setup.task(
        WRAPPER,
        what,
        arguments=(
            "-b",
            "-q",
            "-f",
            "--stereo",
            *(("-mc",) if mc else ()),
            "--config=card.rc",
            "--rf",
            "--rftree=in/rf/RF.root",
            "--calc-disp-rf",
            "--rfdisptree=in/rf/disp1/DispRF.root",
            "--calc-disp2-rf",
            "--rfdisp2tree=in/rf/disp2/DispRF.root",
            "--calcstereodisp",
            "--disp-rf-sstrained",
            *ENERGY[energy][1],
            *(f"--timeslices=in/times/{each.name}" for each in times or ()),
            "--ind=in/data/*_S_*.root",
            "--out=out",
        ),
        card=setup.card(WRAPPER),
        inputs=[data, *models, *(times or ())],
        outputs=[
            Output(
                output,
                "melibea",
                f"{folder}/{output}",
                {"root": True, "tree": "Events", "min_events": 0 if times else 1},
            )
        ],
        conditions=conditions,
        problem=problem,
    )


def data_checks(name: DataName | McName) -> dict[str, object]:
    """Say what must be true of the superstar file: a run's own, or Monte Carlo not trained on."""
    checks: dict[str, object] = {"root": True, "level": "superstar", "min_events": 1}
    if isinstance(name, McName):
        return {**checks, "not_name": r"_w[0rd]_1\.root$"}
    return {**checks, "run": name.run}
