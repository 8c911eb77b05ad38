"""One wrapper a program: what it reads and writes, its card, command line, exit codes and needs.

What is not known about MARS from a public source a wrapper says in `Wrapper.unknown`; there it is corrected.
"""

from automagic.programs import (
    coach,
    haze,
    magic_dl3,
    melibea,
    merpp,
    moon,
    pulsar,
    quate,
    science,
    selectmc,
    sim,
    sorcerer,
    star,
    superstar,
)
from automagic.programs.base import Setup, Wrapper

PROGRAMS: dict[str, Wrapper] = {
    wrapper.program: wrapper
    for wrapper in (
        sim.WRAPPER,
        sorcerer.WRAPPER,
        merpp.WRAPPER,
        star.WRAPPER,
        superstar.WRAPPER,
        quate.WRAPPER,
        moon.PART_TIMES,
        selectmc.WRAPPER,
        coach.WRAPPER,
        melibea.WRAPPER,
        magic_dl3.WRAPPER,
        moon.MARK,
        haze.WRAPPER,
        *science.WRAPPERS.values(),
        *pulsar.WRAPPERS.values(),
    )
}
"""All programs by name, in the order of the chain."""

__all__ = ["PROGRAMS", "Setup", "Wrapper"]
