"""``coach``: forests and look-up tables, trained on Monte Carlo gammas and on data without a source."""

from __future__ import annotations

from automagic.graph.task import Input, Output, Resources, Task
from automagic.index import McSet
from automagic.programs.base import COMMON_EXIT_CODES, COMMON_UNKNOWN, Setup, Wrapper
from automagic.programs.inputs import mc_zone

MODELS = {
    "RFgh": ("RF.root",),
    "RFdisp": ("disp1/DispRF.root", "disp2/DispRF.root"),
    "LUTs": ("Energy_Table.root",),
    "RFenStereo": ("EnRF_Stereo.root",),
}
"""What each flag of coach makes; public training material runs them as jobs of their own."""

WRAPPER = Wrapper(
    program="coach",
    stage="coach",
    summary="train gamma/hadron, disp and energy forests and energy look-up tables",
    default_cards={"": "coach.rc"},
    set_here=frozenset({"RF.mcdata", "RF.data", "RF.outpath", "RF.outname"}),
    extra_keys=frozenset({"RF.zdmin", "RF.zdmax"}),
    exit_codes=COMMON_EXIT_CODES,
    resources=Resources(memory_mb=1500, disk_mb=500, minutes=240),
    unknown=(
        *COMMON_UNKNOWN,
        "all keys of coach.rc but RF.mcdata, RF.data, RF.outpath, RF.outname, RF.zdmin and RF.zdmax",
        "whether the energy forest's file is EnRF_Stereo.root or EnRF.root: two public scripts differ",
        "whether the flags other than -RFgh need off data; here they get none: they train on gammas",
    ),
)


def task(setup: Setup, mc: McSet, model: str, train: list[Input], off: list[Input], problem: str | None = None) -> Task:
    """Make the task that trains one kind of model.

    Parameters
    ----------
    setup
        Engine and overrides.
    mc
        The Monte Carlo set.
    model
        A key of `MODELS`.
    train
        The training half, role ``"mc"``.
    off
        Superstar files of off runs, role ``"off"``; for ``"RFgh"`` only.
    problem
        Why it cannot be trained.
    """
    card = setup.card(
        WRAPPER,
        {
            "RF.mcdata": "in/mc/*.root",
            "RF.data": "in/off/*.root",
            "RF.outpath": "out",
            "RF.zdmin": mc.zenith[0],
            "RF.zdmax": mc.zenith[1],
        },
    )
    return setup.task(
        WRAPPER,
        f"{mc_zone(mc)}.{model}",
        arguments=("-b", "-q", "--config=card.rc", f"-{model}"),
        card=card,
        inputs=[*train, *off],
        outputs=[
            Output(name, "model", f"products/coach/{mc_zone(mc)}/{name}", {"root": True, "min_bytes": 1})
            for name in MODELS[model]
        ],
        conditions={
            "mc_set": mc.name,
            "model": model,
            "zenith_min": mc.zenith[0],
            "zenith_max": mc.zenith[1],
        },
        problem=problem,
    )


def train_checks() -> dict[str, object]:
    """Say what must be true of the training half: above all that it is not the test half."""
    return {"root": True, "level": "superstar", "min_events": 100, "not_name": r"_w[0rd]_2\.root$"}


def off_checks(run: int) -> dict[str, object]:
    """Say what must be true of an off run's file: above all that it is no Monte Carlo."""
    return {"root": True, "level": "superstar", "min_events": 1, "run": run, "not_name": r"^GA_"}
