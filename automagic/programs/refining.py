"""What the steps have in common that make a run's DL3 file anew: haze, the mark of a level, phases of a pulsar."""

from __future__ import annotations

from collections.abc import Iterable

from automagic.graph.task import Output, Resources
from automagic.programs.base import SCIENCE_EXIT_CODES, Wrapper

NOTHING_LEFT = 4
"""Exit code where the step before has left nothing of the run: it was not at fault, and neither is this one."""


def wrapper(
    program: str,
    summary: str,
    resources: Resources,
    *,
    set_here: Iterable[str] = (),
    exit_codes: dict[int, str] | None = None,
    unknown: tuple[str, ...] = (),
) -> Wrapper:
    """Return the wrapper of such a step; parameters as of `automagic.programs.base.Wrapper`."""
    return Wrapper(
        program=program,
        stage=program,
        summary=summary,
        default_cards={"": f"{program}.rc"},
        set_here=frozenset(set_here),
        exit_codes={**SCIENCE_EXIT_CODES, **(exit_codes or {}), NOTHING_LEFT: "nothing is left of the run"},
        tolerated=frozenset({NOTHING_LEFT}),
        resources=resources,
        unknown=unknown,
        engine="science",
    )


def output(name: str, folder: str, hdus: Iterable[str] = ("EVENTS",)) -> Output:
    """Return the file that such a step makes, unless nothing is left of the run.

    Parameters
    ----------
    name
        Of the file.
    folder
        Below ``products``, where people find it.
    hdus
        That it must have.
    """
    checks = {"fits": True, "hdus": list(hdus)}
    return Output(name, "dl3", f"products/{folder}/{name}", checks, optional=True, missing_with=(NOTHING_LEFT,))
