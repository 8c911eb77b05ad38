"""``superstar``: both telescopes' images joined to stereo events, one file a run."""

from __future__ import annotations

from automagic.graph.task import Input, Output, Resources, Task
from automagic.naming import DataName, McName
from automagic.programs.base import COMMON_EXIT_CODES, COMMON_UNKNOWN, Setup, Wrapper

WRAPPER = Wrapper(
    program="superstar",
    stage="superstar",
    summary="join the images of both telescopes to stereo events",
    default_cards={"": "superstar.rc"},
    exit_codes={**COMMON_EXIT_CODES, 3: "no events in the output"},
    resources=Resources(memory_mb=700, disk_mb=500, minutes=60),
    unknown=(
        *COMMON_UNKNOWN,
        "all keys of superstar.rc",
        "which form of --outname the program expects; here it is the output's name without .root",
        "whether Monte Carlo must be processed in one call a set, as MAGIC-NN notes; here it is file by file",
        "whether superstar itself gives exit code 3; on-site analysis sets it where the output has no events",
    ),
)


def task(
    setup: Setup,
    what: str,
    name: DataName | McName,
    m1: list[Input],
    m2: list[Input],
    conditions: dict[str, object],
    folder: str = "products/superstar",
) -> Task:
    """Make the task of a run: all its subruns of both telescopes in, one file out.

    Parameters
    ----------
    setup
        Engine and overrides.
    what
        As in `automagic.programs.star.task`.
    name
        Name of the output.
    m1, m2
        Inputs of roles ``"m1"`` and ``"m2"``.
    conditions
        What the catalog should know.
    folder
        Where people find the product.
    """
    return setup.task(
        WRAPPER,
        what,
        arguments=(
            "-b",
            "-q",
            "-f",
            *(("-mc",) if isinstance(name, McName) else ()),
            "--config=card.rc",
            "--ind1=in/m1/*_I_*.root",
            "--ind2=in/m2/*_I_*.root",
            "--out=out",
            f"--outname={str(name).removesuffix('.root')}",
        ),
        card=setup.card(WRAPPER),
        inputs=[*m1, *m2],
        outputs=[Output(str(name), "superstar", f"{folder}/{name}", {"root": True, "tree": "Events", "min_events": 1})],
        conditions=conditions,
    )


def star_checks(telescope: int, run: int | None) -> dict[str, object]:
    """Say what must be true of superstar's inputs. A subrun may have no event left; a run may not."""
    checks: dict[str, object] = {"root": True, "level": "star", "telescope": telescope}
    return checks if run is None else {**checks, "run": run}
